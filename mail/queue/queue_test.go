package queue_test

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/account"
	"github.com/postern-mail/postern/blob"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/db/open"
	"github.com/postern-mail/postern/mail"
	"github.com/postern-mail/postern/mail/internal/store"
	"github.com/postern-mail/postern/mail/queue"
	"github.com/postern-mail/postern/message"
	"github.com/postern-mail/postern/password"
	"github.com/postern-mail/postern/testkit/engine"
)

// house is a mail plane with two customers; its clock is set by hand.
type house struct {
	mail     *mail.Mail
	accounts *account.Accounts
	queue    *queue.Queue
	ana, bo  account.Account

	mu    sync.Mutex
	clock time.Time
}

func (h *house) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.clock
}

func (h *house) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clock = h.clock.Add(d)
}

// parts opens everything but the queue on a handle.
func parts(ctx context.Context, h *house, handle *db.Handle, blobs string) (queue.Parts, error) {
	h.clock = time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC)
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	var err error
	if h.accounts, err = account.Open(ctx, account.Parts{DB: handle, Now: h.now, Log: log, Cost: password.Cheap()}); err != nil {
		return queue.Parts{}, err
	}
	store, err := blob.OpenDisk(blobs)
	if err != nil {
		return queue.Parts{}, err
	}
	key := ed25519.NewKeyFromSeed([]byte(strings.Repeat("k", 32)))
	h.mail, err = mail.Open(ctx, mail.Parts{DB: handle, Blobs: store, Accounts: h.accounts, ReceiptKey: key.Public().(ed25519.PublicKey), Now: h.now, Log: log})
	return queue.Parts{DB: handle, Mail: h.mail, Accounts: h.accounts, Hostname: "mx.outlook.example", Outbound: "hold", Now: h.now, Log: log}, err
}

func newHouse(t *testing.T, opened engine.Open, change func(*queue.Parts)) *house {
	t.Helper()
	h := &house{}
	p, err := parts(t.Context(), h, opened(open.Mail), filepath.Join(t.TempDir(), "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&p)
	}
	if h.queue, err = queue.Open(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	for address, a := range map[string]*account.Account{"ana@outlook.example": &h.ana, "bo@outlook.example": &h.bo} {
		locale := map[string]string{"ana@outlook.example": "fr", "bo@outlook.example": "en"}[address]
		if *a, err = h.accounts.Create(t.Context(), account.New{Address: address, Name: "x", Locale: locale, QuotaBytes: 1 << 30}); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// run runs the queue until the test ends.
func (h *house) run(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.queue.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the queue: %v", err)
		}
	})
}

func (h *house) inbox(t *testing.T, a account.Account) (raws []string) {
	t.Helper()
	s := h.mail.Store()
	mb, err := s.MailboxByName(t.Context(), a.ID, "INBOX")
	if err != nil {
		return nil
	}
	var ids []postern.MessageID
	err = s.Items(t.Context(), a.ID, mb.ID, store.All(), store.Identity, func(it *store.Item) error { ids = append(ids, it.ID); return nil })
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		_, raw, err := s.Message(t.Context(), a.ID, id)
		if err != nil {
			t.Fatal(err)
		}
		raws = append(raws, string(raw))
	}
	return raws
}

// empty waits until the account has nothing queued.
func (h *house) empty(t *testing.T, a account.Account) {
	t.Helper()
	end := time.Now().Add(20 * time.Second)
	for look := time.NewTicker(5 * time.Millisecond); ; <-look.C {
		n, err := h.queue.Waiting(t.Context(), a.ID)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d messages are still queued", n)
		}
	}
}

// server is another provider's: a real SMTP server that answers by recipient.
type server struct {
	address string
	seen    chan struct{} // one for every transaction, whatever its end

	mu   sync.Mutex
	mail []string
	from []string
	helo []string // "mx.outlook.example" or "mx.outlook.example TLS"
}

func (s *server) NewSession(c *smtp.Conn) (smtp.Session, error) {
	helo := c.Hostname()
	if _, private := c.TLSConnectionState(); private {
		helo += " TLS"
	}
	return &talk{server: s, helo: helo}, nil
}

type talk struct {
	server     *server
	helo, from string
}

func (k *talk) Reset()        {}
func (k *talk) Logout() error { return nil }
func (k *talk) Mail(from string, _ *smtp.MailOptions) error {
	k.from = from
	return nil
}

func (k *talk) Rcpt(to string, _ *smtp.RcptOptions) error {
	switch {
	case strings.HasPrefix(to, "nobody"):
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user"}
	case strings.HasPrefix(to, "later"):
		k.server.seen <- struct{}{}
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "greylisted"}
	}
	return nil
}

func (k *talk) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	k.server.mu.Lock()
	k.server.mail, k.server.from = append(k.server.mail, string(b)), append(k.server.from, k.from)
	k.server.helo = append(k.server.helo, k.helo)
	k.server.mu.Unlock()
	k.server.seen <- struct{}{}
	return nil
}

func elsewhere(t *testing.T) *server { return elsewhereWith(t, nil) }

func elsewhereWith(t *testing.T, private *tls.Config) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{address: l.Addr().String(), seen: make(chan struct{}, 100)}
	be := smtp.NewServer(s)
	be.Domain = "mx.elsewhere.example"
	be.ErrorLog = quiet{}
	be.TLSConfig = private
	ended := make(chan error, 1)
	go func() { ended <- be.Serve(l) }()
	t.Cleanup(func() {
		be.Close()
		if err := <-ended; err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	return s
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

func (s *server) got() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.mail...)
}

const raw = "From: ana@outlook.example\r\nTo: x@elsewhere.example\r\nSubject: hello\r\nMessage-ID: <1@outlook.example>\r\n\r\n.dot\r\nbody\r\n"

func (h *house) submit(t *testing.T, to ...string) {
	t.Helper()
	if err := h.queue.Submit(t.Context(), h.ana.ID, "ana@outlook.example", to, []byte(raw)); err != nil {
		t.Fatal(err)
	}
}

func (h *house) events(t *testing.T) (events []string) {
	t.Helper()
	traces, err := h.mail.Store().Traces(t.Context(), h.ana.ID, "<1@outlook.example>", 50)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(traces) - 1; i >= 0; i-- {
		events = append(events, traces[i].Event)
	}
	return events
}

func TestSentHereAndElsewhere(t *testing.T) {
	engine.Each(t, func(t *testing.T, opened engine.Open) {
		s := elsewhere(t)
		h := newHouse(t, opened, func(p *queue.Parts) { p.Outbound = "smarthost:" + s.address })
		h.run(t)
		h.submit(t, "bo@outlook.example", "BO@outlook.example", "clara@elsewhere.example", "dan@elsewhere.example")
		if got := h.inbox(t, h.bo); len(got) != 1 || got[0] != raw {
			t.Errorf("here: %q", got)
		}
		h.empty(t, h.ana)
		if got := s.got(); len(got) != 1 || got[0] != raw {
			t.Errorf("elsewhere: %q", got)
		}
		if s.from[0] != "ana@outlook.example" {
			t.Errorf("from %q", s.from[0])
		}
		if got := h.inbox(t, h.ana); len(got) != 0 {
			t.Errorf("the sender got %q", got)
		}
	})
}

func TestTLSWhereItIsOffered(t *testing.T) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"mx.elsewhere.example"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	offered := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	old := &tls.Config{Certificates: offered.Certificates, MaxVersion: tls.VersionTLS10} // too old for us
	for _, c := range []struct {
		name, helo string
		offers     *tls.Config
	}{
		{"offered", "mx.outlook.example TLS", offered},
		{"not offered", "mx.outlook.example", nil},
		{"offered, but broken", "mx.outlook.example", old},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := elsewhereWith(t, c.offers)
			h := newHouse(t, engine.SQLite(t), func(p *queue.Parts) { p.Outbound = "smarthost:" + s.address })
			h.run(t)
			h.submit(t, "clara@elsewhere.example")
			h.empty(t, h.ana)
			if len(s.helo) != 1 || s.helo[0] != c.helo {
				t.Errorf("they heard from %q", s.helo)
			}
		})
	}
}

func TestARefusalBounces(t *testing.T) {
	engine.Each(t, func(t *testing.T, opened engine.Open) {
		s := elsewhere(t)
		h := newHouse(t, opened, func(p *queue.Parts) { p.Outbound = "smarthost:" + s.address })
		h.run(t)
		h.submit(t, "clara@elsewhere.example", "nobody@elsewhere.example")
		h.empty(t, h.ana)
		if len(s.got()) != 1 {
			t.Errorf("%d messages elsewhere", len(s.got()))
		}
		got := h.inbox(t, h.ana)
		if len(got) != 1 {
			t.Fatalf("%d bounces", len(got))
		}
		m, err := message.Parse([]byte(got[0]))
		if err != nil || len(m.Repairs) != 0 {
			t.Errorf("the bounce has faults: %v, %v", m.Repairs, err)
		}
		if subject := m.Header.Get("Subject"); subject != "Votre message n’a pas été remis" {
			t.Errorf("its subject is %q", subject)
		}
		for _, want := range []string{"multipart/report; report-type=delivery-status", "Final-Recipient: rfc822; nobody@elsewhere.example\r\nAction: failed\r\nStatus: 5.1.1\r\n",
			"Diagnostic-Code: smtp; 550 5.1.1 no such user", "Message-ID: <1@outlook.example>"} {
			if !strings.Contains(got[0], want) {
				t.Errorf("the bounce lacks %q", want)
			}
		}
		if strings.Contains(got[0], "clara@") || strings.Contains(got[0], "\r\nbody\r\n") {
			t.Error("the bounce tells too much")
		}
		// The order of the two ends is the server's.
		if got := strings.Join(h.events(t), " "); got != "queued sent bounced" && got != "queued bounced sent" {
			t.Errorf("the trace is %q", got)
		}
	})
}

func TestFiveDaysAndThenABounce(t *testing.T) {
	s := elsewhere(t)
	h := newHouse(t, engine.SQLite(t), func(p *queue.Parts) { p.Outbound = "smarthost:" + s.address })
	h.run(t)
	h.submit(t, "later@elsewhere.example")
	tries := 0
	for days := 0.0; days < 6; tries++ {
		select {
		case <-s.seen:
		case <-time.After(20 * time.Second):
			t.Fatalf("no try %d", tries+1)
		}
		if days >= 5 {
			break
		}
		h.settled(t)
		if n := len(h.inbox(t, h.ana)); n > 0 {
			t.Fatalf("a bounce after %.1f days", days)
		}
		h.pass(6 * time.Hour)
		days += 0.25
		h.queue.Wake()
	}
	h.empty(t, h.ana)
	got := h.inbox(t, h.ana)
	if len(got) != 1 || !strings.Contains(got[0], "Status: 5.7.1\r\n") || !strings.Contains(got[0], "451 4.7.1 greylisted") {
		t.Errorf("the bounce is %q after %d tries", got, tries)
	}
}

// settled waits until the last try is written down: nothing is due any more.
func (h *house) settled(t *testing.T) {
	t.Helper()
	end := time.Now().Add(20 * time.Second)
	for look := time.NewTicker(2 * time.Millisecond); ; <-look.C {
		n, err := h.queue.Due(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatal("a try was never written down")
		}
	}
}

func TestHoldSendsNothing(t *testing.T) {
	h := newHouse(t, engine.SQLite(t), nil)
	h.run(t)
	h.submit(t, "clara@elsewhere.example", "bo@outlook.example")
	if n, err := h.queue.Waiting(t.Context(), h.ana.ID); n != 1 || err != nil {
		t.Errorf("%d waiting, %v", n, err)
	}
	if got := h.inbox(t, h.bo); len(got) != 1 {
		t.Errorf("%d messages here", len(got))
	}
}

func TestWhatCannotBeSent(t *testing.T) {
	h := newHouse(t, engine.SQLite(t), nil)
	for name, c := range map[string]struct {
		to   []string
		raw  string
		kind postern.Kind
	}{
		"nobody":         {nil, raw, postern.Invalid},
		"no address":     {[]string{"x"}, raw, postern.Invalid},
		"two lines":      {[]string{"x@y.example\r\nRCPT TO:<z@y.example>"}, raw, postern.Invalid},
		"a stranger":     {[]string{"stranger@outlook.example", "clara@elsewhere.example"}, raw, postern.NotFound},
		"a bare CR":      {[]string{"clara@elsewhere.example"}, "Subject: x\r\n\r\na\r.\rb\r\n", postern.Invalid},
		"far too many":   {make([]string, 501), raw, postern.Invalid},
		"a bracket":      {[]string{"x>@y.example"}, raw, postern.Invalid},
		"an empty local": {[]string{"@y.example"}, raw, postern.Invalid},
	} {
		if err := h.queue.Submit(t.Context(), h.ana.ID, "ana@outlook.example", c.to, []byte(c.raw)); postern.KindOf(err) != c.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n, err := h.queue.Waiting(t.Context(), h.ana.ID); n != 0 || err != nil {
		t.Errorf("%d waiting, %v", n, err)
	}
	for _, bad := range []string{"", "smarthost:", "smarthost:x", "everywhere"} {
		_, err := queue.Open(t.Context(), queue.Parts{Mail: h.mail, Outbound: bad})
		if err == nil {
			t.Errorf("outbound %q was taken", bad)
		}
	}
}
