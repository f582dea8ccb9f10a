package smtpd

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/account"
)

// session is one conversation. One goroutine runs it; mu guards what hurry
// looks at from another.
type session struct {
	server     *Server
	ctx        context.Context
	submission bool
	addr       netip.Addr
	network    string

	conn net.Conn
	r    *bufio.Reader
	w    *bufio.Writer
	tls  bool

	helo     string
	extended bool // said EHLO
	account  account.Account
	commands int
	mistakes int
	closing  bool // after the next flush
	rude     bool // the client may still be sending when it is closed

	mailing    bool  // MAIL was accepted
	size       int64 // as MAIL announced it; 0: not
	sender     string
	recipients []recipient

	mu      sync.Mutex
	waiting bool      // for a command
	until   time.Time // a message's data must be here; zero: none is on its way
}

// recipient is one that was accepted; id is empty for who is elsewhere.
type recipient struct {
	address string
	id      postern.AccountID
}

func (s *session) use(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn, s.r, s.w = c, bufio.NewReaderSize(reader{s, c}, 16<<10), bufio.NewWriterSize(c, 4<<10)
}

// run reads commands until one side has had enough.
func (s *session) run() {
	s.reply("220 %s ESMTP Postern", s.server.Hostname)
	for {
		if s.r.Buffered() == 0 || s.closing {
			// Answers to a pipelined group go in one packet (RFC 2920, 3.2).
			if !s.flush() || s.closing {
				return
			}
		}
		line, err := s.command()
		if err != nil {
			s.part(err)
			return
		}
		if s.commands++; s.commands > s.server.Limits.Commands {
			s.close("421 4.7.0 too many commands on one connection")
			continue
		}
		s.handle(line)
	}
}

// part says why the conversation ends.
func (s *session) part(err error) {
	var ne net.Error
	switch {
	case errors.Is(err, errBare):
		s.reply("500 5.5.2 lines end with CR LF, and neither stands alone (RFC 5321, 2.3.8)")
	case errors.Is(err, errNUL):
		s.reply("500 5.5.2 a NUL is no part of a command")
	case errors.Is(err, errLong):
		s.reply("500 5.5.2 the line is too long (RFC 5321, 4.5.3.1.4)")
	case s.ctx.Err() != nil:
		s.reply("421 4.3.2 %s is closing, try again later", s.server.Hostname)
	case errors.As(err, &ne) && ne.Timeout():
		s.reply("421 4.4.2 %s heard nothing for too long", s.server.Hostname)
	default:
		return // gone
	}
	s.rude = true
	s.flush()
}

func (s *session) handle(line string) {
	verb, arg, _ := strings.Cut(line, " ")
	switch strings.ToUpper(verb) {
	case "HELO":
		s.hello(arg, false)
	case "EHLO":
		s.hello(arg, true)
	case "MAIL":
		s.mail(arg)
	case "RCPT":
		s.rcpt(arg)
	case "DATA":
		s.data(arg)
	case "AUTH":
		s.auth(arg)
	case "STARTTLS":
		s.startTLS(arg)
	case "RSET":
		s.reset()
		s.reply("250 2.0.0 forgotten")
	case "NOOP":
		s.reply("250 2.0.0 well")
	case "VRFY": // RFC 5321, 7.3: it must not tell who has an account
		s.reply("252 2.5.0 send a message and see")
	case "QUIT":
		s.close("221 2.0.0 goodbye")
	case "EXPN", "HELP", "TURN", "ETRN", "BDAT", "SEND", "SOML", "SAML":
		s.mistake("502 5.5.1 not done here")
	default:
		s.mistake("500 5.5.2 no such command")
	}
}

func (s *session) hello(name string, extended bool) {
	name = strings.TrimSpace(name)
	if !isHelo(name) {
		s.mistake("501 5.5.4 say your name: EHLO mx.example.org")
		return
	}
	s.reset()
	s.helo, s.extended = name, extended
	if !extended {
		s.reply("250 %s", s.server.Hostname)
		return
	}
	lines := []string{s.server.Hostname, "PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", fmt.Sprintf("SIZE %d", s.server.MaxSize)}
	if s.server.TLS != nil && !s.tls {
		lines = append(lines, "STARTTLS")
	}
	if s.submission && s.private() {
		lines = append(lines, "AUTH PLAIN LOGIN")
	}
	// SMTPUTF8 is not offered: no address here has letters past ASCII, and what
	// is taken must be deliverable to servers that don't know it (RFC 6531, 3.4).
	for i, l := range lines {
		dash := "-"
		if i == len(lines)-1 {
			dash = " "
		}
		s.reply("250%s%s", dash, l)
	}
}

// private says that nobody on the way can read along.
func (s *session) private() bool { return s.tls || s.addr.IsLoopback() }

// startTLS is RFC 3207.
func (s *session) startTLS(arg string) {
	switch {
	case s.server.TLS == nil:
		s.mistake("502 5.5.1 no TLS here")
		return
	case s.tls:
		s.mistake("503 5.5.1 this is TLS already")
		return
	case arg != "":
		s.mistake("501 5.5.4 STARTTLS stands alone")
		return
	case s.r.Buffered() > 0:
		// What follows in the clear must never be taken for the private part
		// (CVE-2011-0411): wait for the answer, as RFC 3207, 4, demands.
		s.close("503 5.5.1 wait for the answer to STARTTLS")
		return
	}
	s.reply("220 2.0.0 go ahead")
	if !s.flush() {
		return
	}
	c := tls.Server(s.conn, s.server.TLS)
	_ = s.conn.SetDeadline(deadline(time.Minute))
	if err := c.HandshakeContext(s.ctx); err != nil {
		s.closing = true
		return
	}
	_ = s.conn.SetDeadline(time.Time{})
	s.use(c)
	// Nothing said in the clear counts (RFC 3207, 4.2).
	s.reset()
	s.tls, s.helo, s.account = true, "", account.Account{}
}

func (s *session) reset() {
	s.mailing, s.sender, s.size, s.recipients = false, "", 0, nil
}

func (s *session) reply(format string, args ...any) {
	fmt.Fprintf(s.w, format+"\r\n", args...)
}

// mistake answers a wrong command, and ends a conversation that is all mistakes.
func (s *session) mistake(answer string) {
	s.reply("%s", answer)
	if s.mistakes++; s.mistakes >= s.server.Limits.Mistakes {
		s.close("421 4.7.0 too many mistakes")
	}
}

func (s *session) close(answer string) {
	s.reply("%s", answer)
	s.closing, s.rude = true, answer[0] != '2'
}

func (s *session) flush() bool {
	_ = s.conn.SetWriteDeadline(deadline(s.server.Limits.Idle))
	return s.w.Flush() == nil
}
