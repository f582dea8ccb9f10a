package smtpd

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/mail"
	"github.com/postern-mail/postern/mail/internal/store"
	"github.com/postern-mail/postern/message"
)

// data is DATA (RFC 5321, 4.1.1.4).
func (s *session) data(arg string) {
	switch {
	case s.submission && s.server.Queue == nil:
		s.mistake("502 5.5.1 nothing is sent from here")
		return
	case arg != "":
		s.mistake("501 5.5.4 DATA stands alone")
		return
	case !s.mailing:
		s.mistake("503 5.5.1 say MAIL first")
		return
	case len(s.recipients) == 0:
		s.mistake("554 5.5.1 no recipient was accepted")
		return
	}
	s.reply("354 end with a line of one dot")
	if !s.flush() {
		s.closing = true
		return
	}
	defer s.reset()
	held := int64(0)
	defer func() { s.server.held.Add(-held) }()
	raw, err := s.message(func(n int) bool {
		held += int64(n)
		return s.server.held.Add(int64(n)) <= s.server.Limits.Memory
	})
	switch {
	case errors.Is(err, errBare) || errors.Is(err, errNUL):
		// Where this message ends is a matter of opinion now: read no further.
		s.refused("554 5.6.0", err.Error())
		s.close("554 5.6.0 a CR or LF outside of CR LF, or a NUL, is in the message (RFC 5321, 2.3.8)")
	case errors.Is(err, errBig):
		s.refused("552 5.3.4", "too large")
		s.mistake(fmt.Sprintf("552 5.3.4 the message is larger than %d bytes", s.server.MaxSize))
	case errors.Is(err, errRoom):
		s.reply("452 4.3.1 too much mail at once, try again later")
	case err != nil:
		s.part(err)
		s.closing = true
	case loops(raw):
		s.refused("554 5.4.6", "a loop")
		s.reply("554 5.4.6 the message has passed %d servers", hopsMost)
	case s.submission:
		s.submit(raw)
	default:
		s.take(raw)
	}
}

// take delivers a stranger's message.
func (s *session) take(raw []byte) {
	id := postern.NewID()
	d := mail.Delivery{Sender: s.sender, Remote: s.addr.String()}
	fields := fmt.Sprintf("Return-Path: <%s>\r\n", s.sender)
	if s.server.Check != nil {
		result := s.server.Check.Message(s.ctx, s.addr, s.helo, s.sender, raw)
		d.Verdicts, d.Junk = result.Verdicts, result.Junk
		if result.Junk {
			d.Remote += ": " + result.Why
			d.Verdicts += " junk=" + result.Word
		}
		fields += result.Header
	}
	fields += s.received(id)
	for _, r := range s.recipients {
		d.To = append(d.To, r.id)
	}
	d.Raw = append([]byte(fields), raw...)
	ctx, cancel := s.keeping()
	defer cancel()
	if err := s.server.Mail.Deliver(ctx, d); err != nil {
		s.trouble(err)
		return
	}
	s.reply("250 2.0.0 kept as %s", id)
}

// keeping is for what makes a message durable: once the last dot is here it is
// ours to keep or refuse, whoever wants to stop meanwhile. Past the time the
// client is told to try again (RFC 5321, 4.5.3.2.6: it waits for ten minutes).
func (s *session) keeping() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(s.ctx), s.server.Limits.Keep)
}

// submit sends a customer's message.
func (s *session) submit(raw []byte) {
	if !s.wroteIt(raw) {
		s.mistake("550 5.7.1 the From field must have the address you signed in with, and no other")
		return
	}
	if !s.server.sent.may(string(s.account.ID), len(s.recipients), s.server.Now()) {
		s.server.Log.Warn("a customer has sent to too many recipients in an hour", "account", s.account.ID, "most", s.server.Limits.PerHour)
		s.mistake(fmt.Sprintf("450 4.7.1 more than %d recipients in an hour, try again later", s.server.Limits.PerHour))
		return
	}
	id := postern.NewID()
	fields := s.received(id) + s.missing(raw, id)
	var to []string
	for _, r := range s.recipients {
		to = append(to, r.address)
	}
	ctx, cancel := s.keeping()
	defer cancel()
	err := s.server.Queue.Submit(ctx, s.account.ID, s.sender, to, append([]byte(fields), raw...))
	switch postern.KindOf(err) {
	case postern.Invalid:
		s.reply("554 5.6.0 the message cannot be sent as it is")
	case postern.NotFound: // since RCPT
		s.reply("550 5.1.1 a recipient is gone")
	default:
		if err != nil {
			s.trouble(err)
			return
		}
		s.reply("250 2.0.0 queued as %s", id)
	}
}

// wroteIt says that the one author of a message is the customer who sends it.
func (s *session) wroteIt(raw []byte) bool {
	m, err := message.Parse(append(headOf(raw)[1:], "\r\n\r\n"...))
	if err != nil {
		return false
	}
	fields := m.Header.All("From")
	if len(fields) != 1 {
		return false
	}
	authors := message.ParseAddresses(fields[0])
	return len(authors) == 1 && s.own(authors[0].Addr())
}

// received is the trace field of RFC 5321, 4.4. A customer's own address is
// left out: whoever gets the mail has no need to know where it was written.
func (s *session) received(id string) string {
	with := "SMTP"
	if s.extended {
		with = "ESMTP"
	}
	if s.tls { // RFC 3848
		with += "S"
	}
	from := ""
	if s.submission {
		with += "A"
	} else {
		literal := s.addr.String()
		if s.addr.Is6() {
			literal = "IPv6:" + literal
		}
		from = fmt.Sprintf("from %s ([%s])\r\n\t", s.helo, literal)
	}
	cipher := ""
	if c, ok := s.conn.(*tls.Conn); ok {
		cipher = fmt.Sprintf(" (%s)", tls.VersionName(c.ConnectionState().Version))
	}
	return fmt.Sprintf("Received: %sby %s (Postern) with %s id %s%s;\r\n\t%s\r\n", from, s.server.Hostname, with, id, cipher, s.server.Now().Format(time.RFC1123Z))
}

// missing gives the fields a submitted message needs and lacks (RFC 6409, 8).
func (s *session) missing(raw []byte, id string) (fields string) {
	head := strings.ToLower(string(headOf(raw)))
	if !strings.Contains(head, "\ndate:") {
		fields += "Date: " + s.server.Now().Format(time.RFC1123Z) + "\r\n"
	}
	if !strings.Contains(head, "\nmessage-id:") {
		fields += fmt.Sprintf("Message-ID: <%s@%s>\r\n", id, s.server.Hostname)
	}
	return fields
}

// headOf is a message's header, with a line feed before its first field.
func headOf(raw []byte) []byte {
	const most = 256 << 10
	raw = raw[:min(len(raw), most)]
	if i := bytes.Index(raw, []byte("\r\n\r\n")); i >= 0 {
		raw = raw[:i]
	}
	return append([]byte("\n"), raw...)
}

// hopsMost is what RFC 5321, 6.3, asks for at least.
const hopsMost = 100

func loops(raw []byte) bool {
	return strings.Count(strings.ToLower(string(headOf(raw))), "\nreceived:") >= hopsMost
}

// refused writes the refusal of a message into the traces of those it was for,
// so that support can tell them.
func (s *session) refused(code, why string) {
	for _, r := range s.recipients {
		if r.id == "" {
			continue
		}
		t := store.Trace{TraceEvent: postern.TraceEvent{At: s.server.Now(), Event: "refused", Sender: s.sender, Detail: code + " " + why}}
		if err := s.server.store.Trace(context.WithoutCancel(s.ctx), r.id, t); err != nil {
			s.server.Log.Error("a refusal could not be written down", "error", err)
		}
	}
}
