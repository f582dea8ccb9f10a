package node

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"syscall"

	"github.com/postern-mail/postern"
)

// sockets are the bound listeners; a nil one is left out.
type sockets struct {
	smtp, submission, imap, mail, desk, response, view, ledger net.Listener
	tls                                                        *tls.Config
}

// bind takes every address of the config or none.
func bind(cfg Config) (_ *sockets, err error) {
	s := &sockets{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if cfg.TLS.Certificate != "" {
		pair, err := tls.LoadX509KeyPair(cfg.TLS.Certificate, cfg.TLS.Key)
		if err != nil {
			return nil, fmt.Errorf("couldn't read the certificate: %w", err)
		}
		s.tls = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	}
	for _, l := range []struct {
		to            *net.Listener
		name, address string
	}{
		{&s.smtp, "smtp", cfg.Listen.SMTP}, {&s.submission, "submission", cfg.Listen.Submission}, {&s.imap, "imap", cfg.Listen.IMAP},
		{&s.mail, "mail", cfg.Listen.Mail}, {&s.desk, "desk", cfg.Listen.Desk}, {&s.response, "response", cfg.Listen.Response},
		{&s.view, "view", cfg.Listen.View}, {&s.ledger, "ledger", cfg.Listen.Ledger},
	} {
		if l.address == "" {
			continue
		}
		*l.to, err = net.Listen("tcp", l.address)
		switch {
		case errors.Is(err, syscall.EADDRINUSE):
			return nil, &postern.Error{Kind: postern.Conflict, Text: fmt.Sprintf("listen.%s: %s is in use by another program: stop that, or choose another port in the config", l.name, l.address), Err: err}
		case errors.Is(err, syscall.EACCES):
			return nil, &postern.Error{Kind: postern.Denied, Text: fmt.Sprintf("listen.%s: this user may not listen on %s: ports below 1024 want CAP_NET_BIND_SERVICE", l.name, l.address), Err: err}
		case err != nil:
			return nil, fmt.Errorf("listen.%s: %w", l.name, err)
		}
	}
	return s, nil
}

func (s *sockets) close() error {
	var errs []error
	for _, l := range []net.Listener{s.smtp, s.submission, s.imap, s.mail, s.desk, s.response, s.view, s.ledger} {
		if l == nil {
			continue
		}
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// originsOf fills the origins that the config leaves out. On loopback each face
// has a name of its own under .localhost (RFC 6761, 6.3), so that browsers keep
// their cookies apart and passkeys have a domain; the two staff faces share one
// parent, and with it their passkeys.
func (n *Node) originsOf() OriginsConfig {
	o := n.cfg.Origins
	fill := func(origin *string, name, address string, l net.Listener) {
		if *origin != "" {
			*origin = strings.TrimSuffix(*origin, "/")
			return
		}
		if l != nil {
			address = l.Addr().String()
		}
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return
		}
		if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() || host == "localhost" {
			host = name + ".localhost"
		}
		*origin = "http://" + net.JoinHostPort(host, port)
	}
	s := n.sockets
	if s == nil {
		s = &sockets{}
	}
	fill(&o.Mail, "mail", n.cfg.Listen.Mail, s.mail)
	fill(&o.Desk, "desk.staff", n.cfg.Listen.Desk, s.desk)
	fill(&o.Response, "response.staff", n.cfg.Listen.Response, s.response)
	fill(&o.View, "view", n.cfg.Listen.View, s.view)
	fill(&o.Ledger, "ledger", n.cfg.Listen.Ledger, s.ledger)
	return o
}

// relyingParty is the domain passkeys are bound to: what the hosts of the two
// staff faces have in common, at least two labels of it, else the Desk's host.
func relyingParty(o OriginsConfig) string {
	host := func(origin string) []string {
		u, err := url.Parse(origin)
		if err != nil || u.Hostname() == "" || net.ParseIP(u.Hostname()) != nil {
			return nil
		}
		return strings.Split(u.Hostname(), ".")
	}
	a, b := host(o.Desk), host(o.Response)
	if a == nil {
		return "" // an address has no passkeys (WebAuthn, 5.1.3)
	}
	same := 0
	for same < len(a) && same < len(b) && a[len(a)-1-same] == b[len(b)-1-same] {
		same++
	}
	if same >= 2 {
		return strings.Join(a[len(a)-same:], ".")
	}
	return strings.Join(a, ".")
}

// Address is where something listens.
type Address struct{ Name, URL string }

// Addresses lists what listens, faces first.
func (n *Node) Addresses() []Address {
	list := []Address{{"Mail", n.origins.Mail}, {"Desk", n.origins.Desk}, {"Response", n.origins.Response}, {"Ledger", n.origins.Ledger}}
	if n.sockets == nil {
		return list
	}
	for _, l := range []struct {
		name string
		l    net.Listener
	}{{"SMTP", n.sockets.smtp}, {"Submission", n.sockets.submission}, {"IMAP", n.sockets.imap}} {
		if l.l != nil {
			list = append(list, Address{l.name, strings.ToLower(l.name) + "://" + l.l.Addr().String()})
		}
	}
	return list
}

// Origins are the addresses browsers use.
func (n *Node) Origins() OriginsConfig { return n.origins }
