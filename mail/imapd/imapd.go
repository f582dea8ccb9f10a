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
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

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
	// TLS offers STARTTLS; without it passwords are taken on loopback alone.
	TLS     *tls.Config
	MaxSize int64 // of an appended message; 0 means 50 MiB
	Now     func() time.Time
	Log     *slog.Logger
}

// Server is an IMAP server.
type Server struct {
	Parts
	store *store.Store
	imap  *imapserver.Server

	mu       sync.Mutex
	open     int
	networks map[string]int
}

// Open makes a server; Serve it next.
func Open(p Parts) *Server {
	if p.MaxSize == 0 {
		p.MaxSize = defaultMaxSize
	}
	s := &Server{Parts: p, store: p.Mail.Store(), networks: map[string]int{}}
	caps := imap.CapSet{}
	for _, c := range []imap.Cap{imap.CapIMAP4rev1, imap.CapIMAP4rev2, imap.CapNamespace, imap.CapUIDPlus, imap.CapESearch, imap.CapListExtended,
		imap.CapListStatus, imap.CapMove, imap.CapStatusSize, imap.CapSpecialUse, imap.CapLiteralMinus, imap.CapAppendLimit} {
		caps[c] = struct{}{}
	}
	s.imap = imapserver.New(&imapserver.Options{
		NewSession: func(c *imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			// The connection is ours: Serve hands the library nothing else.
			link, ok := c.NetConn().(*link)
			if !ok {
				return nil, nil, errors.New("a connection that Serve did not make")
			}
			ctx, cancel := context.WithCancel(context.Background())
			return &session{server: s, conn: c, link: link, ctx: ctx, cancel: cancel}, &imapserver.GreetingData{}, nil
		},
		Caps: caps, TLSConfig: p.TLS,
		// Whether this connection may send a password without TLS is decided in
		// Login, by where it comes from.
		InsecureAuth: true,
		Logger:       quiet{p.Log},
	})
	return s
}

// Serve answers on l until ctx ends; running commands are cut off then, as IMAP
// allows at any time (RFC 9051, 7.1.5).
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() { _ = s.imap.Close() })
	defer stop()
	err := s.imap.Serve(&counted{Listener: l, s: s})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// counted wraps and counts the connections of a listener.
type counted struct {
	net.Listener
	s *Server
}

func (l *counted) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		var addr netip.Addr
		if tcp, ok := c.RemoteAddr().(*net.TCPAddr); ok {
			addr = tcp.AddrPort().Addr().Unmap()
		}
		network := account.Network(addr)
		if !l.s.enter(network, addr.IsLoopback()) {
			_, _ = c.Write([]byte("* BYE [LIMIT] too many connections, try again later\r\n"))
			c.Close()
			continue
		}
		return newLink(c, addr, network, func() { l.s.leave(network) }), nil
	}
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
