// Package smtpd takes mail in: from strangers for customers of this house (port
// 25, RFC 5321), and from customers for anybody (submission, RFC 6409).
//
// What it keeps: nothing. A message is answered 250 once mail.Deliver or
// queue.Submit has made it durable, never before.
//
// "The same bytes" are kept: what stood between DATA and the final dot, with
// the dots of transparency removed (RFC 5321, 4.5.2), and before it the fields
// this server adds. Nothing is folded, re-coded or repaired; what cannot be
// kept as it is (a CR or LF that is not CRLF, a NUL) is refused. That goes for
// Authentication-Results fields that a message brings along, whatever server
// they name: RFC 8601, 5, would have them removed, which would change what was
// signed and sent. Ours stands above all of them, before the first Received
// field that is not ours, and only the first is ever to be believed.
//
// "postmaster" (RFC 5321, 4.5.1) is an address like any other: make an account
// postmaster@ of each domain, or it is refused.
//
// Trust: it talks to anybody, so every line, count, size and time is bounded,
// and a line that two servers could read differently ends the connection: that
// is how mail is smuggled. It handles passwords, on TLS or loopback only, and
// whole messages, and logs neither. It must not relay for a stranger.
package smtpd

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/account"
	"github.com/postern-mail/postern/mail"
	"github.com/postern-mail/postern/mail/check"
	"github.com/postern-mail/postern/mail/internal/store"
)

// Queue sends customers' mail; mail/queue is one. When Submit returns nil the
// message is durable for every recipient; when it fails it is kept for none.
// NotFound says that a recipient of this house is gone, Invalid that the message
// can be sent nowhere.
type Queue interface {
	Submit(ctx context.Context, from postern.AccountID, sender string, recipients []string, raw []byte) error
}

// Parts is what a Server is made of.
type Parts struct {
	Mail     *mail.Mail
	Accounts *account.Accounts
	Check    *check.Checker // nil: no verdicts
	Queue    Queue          // for submission; nil: none is accepted
	Hostname string         // its name to others
	MaxSize  int64          // of a message; 0 means 50 MiB
	TLS      *tls.Config    // nil: no STARTTLS, and passwords on loopback alone
	Limits   Limits         // zero fields mean the defaults
	Now      func() time.Time
	Log      *slog.Logger
}

// Server is an SMTP server.
type Server struct {
	Parts
	store *store.Store
	door  door
	sent  senders
	held  atomic.Int64 // bytes of messages that are being received
}

const defaultMaxSize = 50 << 20

// Open makes a server; Serve it next.
func Open(p Parts) *Server {
	if p.MaxSize == 0 {
		p.MaxSize = defaultMaxSize
	}
	p.Limits = p.Limits.orDefault()
	s := &Server{Parts: p, store: p.Mail.Store()}
	s.door = door{limits: p.Limits, networks: map[string]*visits{}}
	s.sent = senders{most: p.Limits.PerHour, hours: map[string]hour{}}
	return s
}

// Serve answers on l until ctx ends: as submission for customers, else as the
// door for strangers. It returns when the last connection has ended; a message
// that is being received then is still taken.
func (s *Server) Serve(ctx context.Context, l net.Listener, submission bool) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	var open sync.WaitGroup
	defer open.Wait()
	for {
		c, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			var ne net.Error
			if errors.As(err, &ne) && ne.Timeout() {
				continue
			}
			return err
		}
		open.Go(func() { s.serve(ctx, c, submission) })
	}
}

// serve holds one conversation.
func (s *Server) serve(ctx context.Context, c net.Conn, submission bool) {
	defer c.Close()
	var addr netip.Addr
	if tcp, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		addr = tcp.AddrPort().Addr().Unmap()
	}
	network := account.Network(addr)
	if why := s.door.enter(network, addr.IsLoopback(), s.Now()); why != "" {
		_ = c.SetWriteDeadline(deadline(10 * time.Second))
		_, _ = c.Write([]byte("421 4.7.0 " + s.Hostname + " " + why + "\r\n"))
		return
	}
	defer s.door.leave(network)
	ss := &session{server: s, ctx: ctx, submission: submission, addr: addr, network: network}
	ss.use(c)
	defer ss.end()
	// A session that waits for its client is woken by the end of ctx.
	stop := context.AfterFunc(ctx, ss.hurry)
	defer stop()
	defer func() {
		if r := recover(); r != nil {
			s.Log.Error("an SMTP session failed", "panic", r)
		}
	}()
	ss.run()
}

// deadline is a moment for the network's clock, which no drill simulates.
func deadline(after time.Duration) time.Time { return time.Now().Add(after) }
