package imapd_test

import (
	"context"
	"crypto/ed25519"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/postern-mail/postern/account"
	"github.com/postern-mail/postern/blob"
	"github.com/postern-mail/postern/db/open"
	"github.com/postern-mail/postern/mail"
	"github.com/postern-mail/postern/mail/imapd"
	"github.com/postern-mail/postern/password"
	"github.com/postern-mail/postern/testkit/engine"
)

const secret = "correct horse battery"

// house is a mail plane with one customer, and an IMAP server before it.
type house struct {
	*mail.Mail
	accounts *account.Accounts
	server   *imapd.Server
	ana      account.Account
	app      string // an app password of hers
	addr     string // where a stranger connects
	remote   string // where connections seem to come from another machine
}

// clock stands still, so that dialogues are the same each time.
func clock() time.Time { return time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC) }

func newHouse(t testing.TB, opened engine.Open, change ...func(*imapd.Parts)) *house {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	h, log := &house{}, slog.New(slog.DiscardHandler)
	handle := opened(open.Mail)
	var err error
	if h.accounts, err = account.Open(ctx, account.Parts{DB: handle, Now: clock, Log: log, Cost: password.Cheap()}); err != nil {
		t.Fatal(err)
	}
	disk, err := blob.OpenDisk(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	key := ed25519.NewKeyFromSeed([]byte(strings.Repeat("k", ed25519.SeedSize)))
	if h.Mail, err = mail.Open(ctx, mail.Parts{DB: handle, Blobs: disk, Accounts: h.accounts, ReceiptKey: key.Public().(ed25519.PublicKey), Now: clock, Log: log}); err != nil {
		t.Fatal(err)
	}
	if h.ana, err = h.accounts.Create(ctx, account.New{Address: "ana@outlook.example", Name: "Ana", Locale: "fr", Password: secret}); err != nil {
		t.Fatal(err)
	}
	if h.app, err = h.accounts.NewAppPassword(ctx, h.ana.ID, "telephone"); err != nil {
		t.Fatal(err)
	}
	parts := imapd.Parts{Mail: h.Mail, Accounts: h.accounts, Now: clock, Log: log}
	for _, c := range change {
		c(&parts)
	}
	h.server = imapd.Open(parts)
	near, far := listen(t), listen(t)
	h.addr, h.remote = near.Addr().String(), far.Addr().String()
	served := make(chan error, 2)
	go func() { served <- h.server.Serve(ctx, near) }()
	go func() { served <- h.server.Serve(ctx, elsewhere{far}) }()
	t.Cleanup(func() {
		cancel()
		for range 2 {
			if err := <-served; err != nil {
				t.Errorf("Serve ended with %v", err)
			}
		}
	})
	return h
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// elsewhere makes connections seem to come from 192.0.2.1 (RFC 5737).
type elsewhere struct{ net.Listener }

func (l elsewhere) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return stranger{c}, nil
}

type stranger struct{ net.Conn }

func (stranger) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 40000} }

// deliver brings a message to ana as SMTP does.
func (h *house) deliver(t testing.TB, raw []byte) {
	t.Helper()
	if err := h.Deliver(context.Background(), mail.Delivery{To: to(h), Sender: "bo@outlook.example", Raw: raw}); err != nil {
		t.Fatal(err)
	}
}
