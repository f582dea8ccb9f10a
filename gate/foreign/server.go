package foreign

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"

	"github.com/postern-mail/postern"
)

// Server says how to reach the other server and as whom.
type Server struct {
	Address string         // "imap.example.org:993", or "unix:/run/dovecot/imap"
	TLS     string         // "implicit", "starttls", or "none": loopback and Unix sockets alone
	Roots   *x509.CertPool // who is trusted to name the server; nil: the system's

	Master   string // the master user
	Password Secret
	// Login is "separator" (user*master, Dovecot) or "authzid" (SASL PLAIN,
	// RFC 4616: Cyrus, and Dovecot).
	Login     string
	Separator string // "*" as in Dovecot's auth_master_user_separator
	// LocalPart says that the server's users are called by what stands before the
	// @. With more than one domain two customers would share a mailbox.
	LocalPart bool

	Connections int           // at most so many at once; 0: 8
	Timeout     time.Duration // of one Find or Reveal; 0: 20 s
}

// Secret is a password that does not print.
type Secret struct{ text string }

// NewSecret takes a password.
func NewSecret(text string) Secret { return Secret{text} }

// ReadSecret takes a password from the first line of a file, which only its
// owner may read.
func ReadSecret(file string) (Secret, error) {
	info, err := os.Stat(file)
	if err != nil {
		return Secret{}, fmt.Errorf("couldn't read the master password: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return Secret{}, invalid("%s can be read by others than its owner: chmod 600 it, and change the password", file)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return Secret{}, fmt.Errorf("couldn't read the master password: %w", err)
	}
	line, _, _ := strings.Cut(string(b), "\n")
	if line = strings.TrimSuffix(line, "\r"); line == "" {
		return Secret{}, invalid("%s is empty: write the master password on its first line", file)
	}
	return Secret{line}, nil
}

func (Secret) String() string               { return "(secret)" }
func (Secret) GoString() string             { return "(secret)" }
func (Secret) LogValue() slog.Value         { return slog.StringValue("(secret)") }
func (Secret) MarshalText() ([]byte, error) { return []byte("(secret)"), nil }

func invalid(format string, args ...any) error {
	return &postern.Error{Kind: postern.Invalid, Text: fmt.Sprintf(format, args...)}
}

func unavailable(text string, err error) error {
	return &postern.Error{Kind: postern.Unavailable, Text: text, Err: err}
}

func (s *Server) check() error {
	path, unix := strings.CutPrefix(s.Address, "unix:")
	host, _, err := net.SplitHostPort(s.Address)
	if unix && path == "" || !unix && err != nil {
		return invalid(`the mail server's address is %q: write "imap.example.org:993" or "unix:/path"`, s.Address)
	}
	switch s.TLS {
	case "implicit", "starttls":
		if unix {
			return invalid(`a Unix socket needs no TLS: write tls = "none"`)
		}
	case "none":
		if ip := net.ParseIP(host); !unix && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return invalid(`tls = "none" would send the master password in the clear to %s: write "implicit" or "starttls"`, host)
		}
	default:
		return invalid(`tls is %q: write "implicit", "starttls" or "none"`, s.TLS)
	}
	switch {
	case s.Login != "separator" && s.Login != "authzid":
		return invalid(`login is %q: write "separator" (Dovecot) or "authzid" (Cyrus)`, s.Login)
	case s.Login == "separator" && len(s.Separator) != 1:
		return invalid(`separator is %q: write one character, as in Dovecot's auth_master_user_separator`, s.Separator)
	case s.Master == "" || strings.ContainsAny(s.Master, "\x00\r\n"):
		return invalid("the master user's name is missing")
	case s.Password.text == "":
		return invalid("the master user's password is missing")
	}
	if s.Connections <= 0 {
		s.Connections = 8
	}
	if s.Timeout <= 0 {
		s.Timeout = 20 * time.Second
	}
	return nil
}

// dial connects, without signing in. The end of ctx breaks the connection at
// any time until release is called.
func (s *Server) dial(ctx context.Context) (l *link, release func() bool, err error) {
	network, address := "tcp", s.Address
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, address = "unix", path
	}
	raw, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, nil, unavailable("couldn't reach the mail server", err)
	}
	if tcp, ok := raw.RemoteAddr().(*net.TCPAddr); ok && s.TLS == "none" && !tcp.IP.IsLoopback() {
		raw.Close() // localhost, by somebody's hosts file
		return nil, nil, invalid("tls is none and the mail server is not on this machine")
	}
	conn := &meter{Conn: raw}
	conn.left.Store(quiet)
	release = context.AfterFunc(ctx, func() { raw.Close() })
	fail := func(text string, err error) (*link, func() bool, error) {
		release()
		raw.Close()
		return nil, nil, unavailable(text, err)
	}
	host, _, _ := net.SplitHostPort(s.Address)
	config := &tls.Config{ServerName: host, RootCAs: s.Roots, MinVersion: tls.VersionTLS12, NextProtos: []string{"imap"}}
	l = &link{conn: conn}
	switch s.TLS {
	case "implicit":
		secured := tls.Client(conn, config)
		if err := secured.HandshakeContext(ctx); err != nil {
			return fail("the mail server's TLS is not to be trusted", err)
		}
		l.client = imapclient.New(secured, nil)
	case "starttls":
		if l.client, err = imapclient.NewStartTLS(conn, &imapclient.Options{TLSConfig: config}); err != nil {
			return fail("couldn't begin TLS with the mail server", plain(err))
		}
	default:
		l.client = imapclient.New(conn, nil)
	}
	if err := l.client.WaitGreeting(); err != nil {
		return fail("the mail server does not greet as IMAP", plain(err))
	}
	return l, release, nil
}

// login signs in to a customer's account as the master user.
func (s *Server) login(l *link, address string) error {
	user := address
	if s.LocalPart {
		user, _, _ = strings.Cut(address, "@")
	}
	if user == "" || strings.ContainsAny(user, "\x00\r\n") || s.Login == "separator" && strings.Contains(user, s.Separator) {
		return &postern.Error{Kind: postern.Denied, Text: "the account's address can't be a user of the mail server"}
	}
	if l.client.State() != imap.ConnStateNotAuthenticated {
		return unavailable("the mail server signs everybody in without asking (PREAUTH)", nil)
	}
	var err error
	if s.Login == "authzid" {
		err = l.client.Authenticate(sasl.NewPlainClient(user, s.Master, s.Password.text))
	} else {
		err = l.client.Login(user+s.Separator+s.Master, s.Password.text).Wait()
	}
	if err != nil {
		return l.failed("sign in as the master user for this account", err)
	}
	return nil
}

// Check connects, looks at what the server offers, and signs in to one account
// if address is not empty. The error says what is wrong and what to do.
func (m *Mailboxes) Check(ctx context.Context, address string) error {
	s := &m.pool.server
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	l, release, err := s.dial(ctx)
	if err != nil {
		return err
	}
	defer release()
	defer l.client.Close()
	caps := l.client.Caps()
	switch {
	case len(caps) == 0:
		return unavailable("the mail server does not say what it can do (CAPABILITY)", nil)
	case s.Login == "authzid" && !caps.Has(imap.AuthCap(sasl.Plain)):
		return invalid("the mail server does not offer SASL PLAIN here: it is often allowed under TLS only")
	case s.Login == "separator" && caps.Has(imap.CapLoginDisabled):
		return invalid("the mail server refuses LOGIN here (LOGINDISABLED): use TLS")
	}
	if address == "" {
		return nil
	}
	if err := s.login(l, address); err != nil {
		return err
	}
	_, err = l.boxes()
	return err
}
