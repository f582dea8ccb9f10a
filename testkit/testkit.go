// Package testkit boots a whole Postern in a test, in one line, and checks the
// ledger when the test ends.
//
// What it keeps: everything in the test's temporary directory.
//
// Trust: it makes passwords cheap and may hand out one-click sign-in; it must
// never be linked into the binary.
package testkit

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"
	"time"

	"github.com/postern-mail/postern/gate/policy"
	"github.com/postern-mail/postern/node"
	"github.com/postern-mail/postern/node/demo"
	"github.com/postern-mail/postern/password"
)

// Options change what a test gets; the zero value is a bare Postern.
type Options struct {
	Now    func() time.Time
	Policy *policy.Policy
	Config func(*node.Config) // changes the config before the start
}

// Start gives a serving Postern for example.org, without people.
func Start(t testing.TB, o Options) *node.Node {
	t.Helper()
	cfg := node.DefaultConfig()
	cfg.Data = t.TempDir()
	cfg.Provider = "Example Mail"
	cfg.Hostname = "mx.example.org"
	cfg.Domains = []string{"example.org"}
	cfg.Mail.Outbound = "hold"
	off := false
	cfg.Mail.Check = &off
	for _, address := range []*string{&cfg.Listen.SMTP, &cfg.Listen.Submission, &cfg.Listen.IMAP, &cfg.Listen.Mail, &cfg.Listen.Desk, &cfg.Listen.Response, &cfg.Listen.View, &cfg.Listen.Ledger} {
		*address = "127.0.0.1:0"
	}
	if o.Config != nil {
		o.Config(&cfg)
	}
	n, err := node.Listen(context.Background(), cfg, node.Options{Now: o.Now, Policy: o.Policy, Cost: password.Cheap(), LogTo: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, n)
}

// Demo gives a serving demo, with its people and their one-click sign-in.
func Demo(t testing.TB) *node.Node {
	t.Helper()
	n, err := demo.Open(context.Background(), demo.Options{Dir: t.TempDir(), Ports: true, LogTo: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, n)
}

func serve(t testing.TB, n *node.Node) *node.Node {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("serving ended with %v", err)
		}
		if _, err := n.Ledger.Verify(context.Background()); err != nil {
			t.Errorf("the ledger does not verify: %v", err)
		}
		if err := n.Close(); err != nil {
			t.Errorf("couldn't close: %v", err)
		}
	})
	return n
}

// Client is a browser's network half: cookies of its own, and every .localhost
// name on this machine.
func Client(t testing.TB) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		if host, port, err := net.SplitHostPort(address); err == nil && strings.HasSuffix(host, ".localhost") {
			address = net.JoinHostPort("127.0.0.1", port)
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Jar: jar, Transport: transport, Timeout: time.Minute}
}
