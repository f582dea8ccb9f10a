package node_test

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/node"
	"github.com/postern-mail/postern/testkit"
)

var ctx = context.Background()

func bare(t *testing.T) node.Config {
	t.Helper()
	cfg := node.DefaultConfig()
	cfg.Data, cfg.Hostname, cfg.Domains, cfg.Mail.Outbound = t.TempDir(), "mx.example.org", []string{"example.org"}, "hold"
	cfg.Listen = node.ListenConfig{Mail: "127.0.0.1:0"}
	return cfg
}

func TestSecondProcessOnTheSameDirectory(t *testing.T) {
	cfg := bare(t)
	n, err := node.Open(ctx, cfg, node.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = node.Open(ctx, cfg, node.Options{})
	if postern.KindOf(err) != postern.Conflict || !strings.Contains(err.Error(), "stop it first") {
		t.Errorf("the second: %v", err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err = node.Open(ctx, cfg, node.Options{}); err != nil {
		t.Fatalf("after the first has ended: %v", err)
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
}

func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cfg := bare(t)
	cfg.Listen.Desk = l.Addr().String()
	_, err = node.Listen(ctx, cfg, node.Options{})
	if postern.KindOf(err) != postern.Conflict || !strings.Contains(err.Error(), "listen.desk") || !strings.Contains(err.Error(), "choose another port") {
		t.Errorf("got %v", err)
	}
	// And nothing is left behind that would stop the next try.
	cfg.Listen.Desk = ""
	n, err := node.Listen(ctx, cfg, node.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
}

func TestHalfOfTheKeysIsRefused(t *testing.T) {
	cfg := bare(t)
	n, err := node.Open(ctx, cfg, node.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(cfg.Data, "keys", "wrap.key")); err != nil {
		t.Fatal(err)
	}
	if _, err = node.Open(ctx, cfg, node.Options{}); postern.KindOf(err) != postern.Invalid || !strings.Contains(err.Error(), "backup") {
		t.Errorf("got %v", err)
	}
}

// TestOneClickIsTheDemosAlone asks a Postern that is no demo for what the demo
// gives.
func TestOneClickIsTheDemosAlone(t *testing.T) {
	n := testkit.Start(t, testkit.Options{})
	o := n.Origins()
	for _, origin := range []string{o.Mail, o.Desk, o.Response} {
		c := testkit.Client(t)
		page, err := c.Get(origin + "/sign-in")
		if err != nil {
			t.Fatal(err)
		}
		page.Body.Close()
		req, err := http.NewRequest("POST", origin+"/sign-in/demo", strings.NewReader(url.Values{"staff": {postern.NewID()}, "account": {postern.NewID()}}.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", origin)
		res, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode < 400 {
			t.Errorf("%s: one-click sign-in answered %s", origin, res.Status)
		}
	}
}

// TestCallReachesARunningPostern goes through the control socket, and without
// one opens the directory itself.
func TestCallReachesARunningPostern(t *testing.T) {
	n := testkit.Start(t, testkit.Options{})
	var a node.AccountOut
	in := node.AccountIn{Address: "ana@example.org", Name: "Ana", Locale: "fr", Password: "correct horse battery"}
	if err := node.Call(ctx, n.Config(), "account.add", in, &a, nil); err != nil {
		t.Fatal(err)
	}
	if err := node.Call(ctx, n.Config(), "account.add", in, &a, nil); postern.KindOf(err) != postern.Conflict {
		t.Errorf("twice: %v", err)
	}
	if err := node.Call(ctx, n.Config(), "no.such", in, &a, nil); postern.KindOf(err) != postern.NotFound {
		t.Errorf("no such operation: %v", err)
	}
	mbox := filepath.Join(t.TempDir(), "old.mbox")
	if err := os.WriteFile(mbox, []byte("From x@y.example Thu May 14 09:30:00 2026\nFrom: x@y.example\nSubject: one\n\nhello\n\nFrom x@y.example Thu May 14 09:31:00 2026\nSubject: two\n\n\xff\xfe\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var got node.ImportOut
	if err := node.Call(ctx, n.Config(), "import", node.ImportIn{Account: a.Address, Path: mbox, Format: "auto"}, &got, nil); err != nil {
		t.Fatal(err)
	}
	if got.Taken != 2 || got.RefusedTotal() != 0 {
		t.Errorf("imported %+v", got)
	}
	alone := bare(t)
	if err := node.Call(ctx, alone, "account.add", in, &a, nil); err != nil {
		t.Errorf("without a running Postern: %v", err)
	}
}
