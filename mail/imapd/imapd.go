// Package imapd serves IMAP (RFC 9051, RFC 3501) over the mail plane's store.
//
// What it keeps: nothing; a connection holds the list of UIDs of its selected
// mailbox, which is what sequence numbers count.
//
// Trust: it handles customers' passwords and whole messages of the account
// that signed in, and logs neither. Before sign-in a stranger may send 64 KiB
// and no more. It must never act for an account that did not sign in on the
// connection; support staff have no way in here.
package imapd

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"golang.org/x/sync/errgroup"

	"github.com/postern-mail/postern/account"
	"github.com/postern-mail/postern/mail"
	"github.com/postern-mail/postern/mail/internal/store"
)

// Limits of a server.
const (
	beforeSignIn   = 64 << 10 // bytes a connection may send before it has signed in
	perNetwork     = 100      // connections from one /24 or /48
	most           = 20_000   // connections in all
	defaultMaxSize = 50 << 20
)

// Parts is what a Server is made of.
type Parts struct {
	Mail     *mail.Mail
	Accounts *account.Accounts
	// TLS is what STARTTLS begins; without it passwords are taken on loopback
	// alone, and on listeners of crypto/tls.
	TLS     *tls.Config
	MaxSize int64 // of an appended message; 0 means 50 MiB
	Now     func() time.Time
	Log     *slog.Logger
}

// Server is an IMAP server.
type Server struct {
	Parts
	store *store.Store

	mu       sync.Mutex
	open     int
	networks map[string]int
}

// Open makes a server; Serve it next.
func Open(p Parts) *Server {
	if p.MaxSize == 0 {
		p.MaxSize = defaultMaxSize
	}
	return &Server{Parts: p, store: p.Mail.Store(), networks: map[string]int{}}
}

// library makes the server that the library has for one kind of connection: it
// decides by server, not by connection, whether passwords are asked for and
// STARTTLS is offered.
func (s *Server) library(open context.Context, passwords bool, starttls *tls.Config) *imapserver.Server {
	caps := imap.CapSet{}
	for _, c := range []imap.Cap{imap.CapIMAP4rev1, imap.CapIMAP4rev2, imap.CapNamespace, imap.CapUIDPlus, imap.CapESearch, imap.CapSearchRes, imap.CapListExtended,
		imap.CapListStatus, imap.CapMove, imap.CapStatusSize, imap.CapBinary, imap.CapChildren, imap.CapSpecialUse, imap.CapLiteralMinus, imap.CapAppendLimit} {
		caps[c] = struct{}{}
	}
	return imapserver.New(&imapserver.Options{
		NewSession: func(c *imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			// The connection is ours: Serve hands the library nothing else.
			link, ok := c.NetConn().(*link)
			if !ok {
				return nil, nil, errors.New("a connection that Serve did not make")
			}
			ctx, cancel := context.WithCancel(open)
			if err := ctx.Err(); err != nil { // it came while Serve was ending
				cancel()
				return nil, nil, err
			}
			return &session{server: s, conn: c, link: link, ctx: ctx, cancel: cancel}, &imapserver.GreetingData{}, nil
		},
		Caps: caps, TLSConfig: starttls, InsecureAuth: passwords, Logger: quiet{s.Log},
	})
}

// Serve answers on l until ctx ends; running commands are cut off then, as IMAP
// allows at any time (RFC 9051, 7.1.5). A listener of crypto/tls is port 993's
// (RFC 8314); any other offers STARTTLS when Parts has a configuration, and asks
// for passwords in the clear from this machine alone.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	open, done := context.WithCancel(ctx)
	defer done()
	// The library of each kind takes its connections from a hall.
	kinds := map[kind]*imapserver.Server{
		encrypted: s.library(open, true, nil),
		local:     s.library(open, true, s.TLS),
		remote:    s.library(open, false, s.TLS),
	}
	halls := map[kind]*hall{}
	var g errgroup.Group
	for k, server := range kinds {
		h := &hall{Listener: l, ctx: open, conns: make(chan net.Conn)}
		halls[k] = h
		g.Go(func() error {
			// Its hall is shut when open ends; its connections are then cut.
			return errors.Join(server.Serve(h), server.Close())
		})
	}
	stop := context.AfterFunc(open, func() { l.Close() })
	defer stop()
	g.Go(func() error {
		defer done()
		return s.accept(open, l, halls)
	})
	err := g.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (s *Server) enter(network string, loopback bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	// A proxy on this machine brings everybody's connections.
	if s.open >= most || !loopback && s.networks[network] >= perNetwork {
		return false
	}
	s.open++
	s.networks[network]++
	return true
}

func (s *Server) leave(network string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	if s.networks[network]--; s.networks[network] <= 0 {
		delete(s.networks, network)
	}
}

// quiet takes the library's messages. They can quote a client's command, and
// with it an address or a password, so only their first words are kept.
type quiet struct{ log *slog.Logger }

func (q quiet) Printf(format string, _ ...any) {
	what, _, _ := strings.Cut(format, ":")
	q.log.Debug("imap", "what", what)
}
