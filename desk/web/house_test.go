package web

import (
	"context"
	"crypto/ed25519"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/pquerna/otp/totp"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/db/open"
	"github.com/postern-mail/postern/desk"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/gate/history"
	"github.com/postern-mail/postern/gate/policy"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/password"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/testkit/engine"
	"github.com/postern-mail/postern/ui/htmlcheck"
)

// clock is a settable time.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// mailboxes is a mail plane in memory that keeps the promises of
// gate.Mailboxes: it looks at the receipt and at nothing else.
type mailboxes struct {
	key   ed25519.PublicKey
	now   func() time.Time
	of    postern.AccountID
	all   []postern.ShownMessage // newest first; what a receipt does not name is cut
	masks map[postern.MessageID]bool
}

func (m *mailboxes) Find(_ context.Context, a postern.AccountID, s postern.Scope) (found []postern.MessageID, err error) {
	for _, one := range m.all {
		switch {
		case a != m.of:
		case len(s.Messages) > 0 && slices.Contains(s.Messages, one.ID),
			s.Mailbox == one.Mailbox && s.Mailbox != "" && (s.Since.IsZero() || !one.Date.Before(s.Since)) && (s.Until.IsZero() || one.Date.Before(s.Until)),
			s.Query == "from:"+sender:
			found = append(found, one.ID)
		}
	}
	return found, nil
}

func (m *mailboxes) Reveal(_ context.Context, r ledger.Receipt) (shown postern.Shown, err error) {
	if err := r.Verify(m.key, m.now()); err != nil {
		return shown, err
	}
	if r.Fields&postern.FieldStatus != 0 {
		shown.Account = &postern.ShownAccount{Address: "ana@outlook.example", Status: "active", UsedBytes: 99, QuotaBytes: 100, Forwarding: true}
	}
	if r.Fields&postern.FieldTrace != 0 {
		for _, id := range r.Messages {
			shown.Trace = append(shown.Trace, postern.TraceEvent{At: m.now(), Message: id, Event: "junked", Sender: sender, Mailbox: "Junk"})
		}
	}
	if r.Fields&^postern.TierTrace.Fields() == 0 {
		return shown, nil
	}
	for _, id := range r.Messages {
		i := slices.IndexFunc(m.all, func(one postern.ShownMessage) bool { return one.ID == id })
		if i < 0 || r.Account != m.of {
			continue
		}
		one := m.all[i]
		if m.masks[id] && !r.Consented {
			shown.Messages = append(shown.Messages, postern.ShownMessage{ID: id, Masked: true, Date: one.Date})
			continue
		}
		one.Given = r.Fields &^ postern.TierTrace.Fields()
		// As the mail plane does, and as short as a test needs it.
		mask := func(whole, masked postern.Field, set func(string)) {
			if r.Fields&whole == 0 {
				set(map[bool]string{true: "•••"}[r.Fields&masked != 0])
			}
		}
		mask(postern.FieldFrom, postern.FieldFromMasked, func(s string) { one.From = []string{s} })
		mask(postern.FieldTo, postern.FieldToMasked, func(s string) { one.To = []string{s} })
		mask(postern.FieldSubject, postern.FieldSubjectMasked, func(s string) { one.Subject = s })
		if r.Fields&postern.FieldBody == 0 {
			one.Plain = ""
		}
		if r.Fields&postern.FieldAttachments == 0 {
			one.Attachments = nil
		}
		if r.Fields&postern.FieldSource == 0 {
			one.Source = nil
		}
		shown.Messages = append(shown.Messages, one)
	}
	return shown, nil
}

const (
	sender  = "contact@banque.example"
	subject = "Votre relevé de mai"
	secret  = "le solde est de 12 €"
	phrase  = "a pass phrase"
)

// house is the face over a real desk, gate, ledger and staff directory, with a
// mail plane in memory.
type house struct {
	told   told
	t      testing.TB
	db     *db.Handle
	clock  *clock
	staff  *staff.Directory
	gate   *gate.Gate
	cases  *desk.Cases
	mail   *mailboxes
	server *httptest.Server
	ids    []postern.MessageID
	kase   desk.Case
	locale string // of who is hired
}

func newHouse(t testing.TB, policy policy.Policy, demo bool) *house {
	t.Helper()
	ctx := context.Background()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	h := &house{t: t, locale: "en", clock: &clock{t: time.Now().UTC().Truncate(time.Second)}}
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	plane := engine.SQLite(t)(open.Staff)
	h.db = plane
	keys, err := ledger.NewKeys("mx.example.org/ledger")
	ok(err)
	book, err := ledger.Open(ctx, ledger.Parts{DB: plane, Keys: keys, Origin: "mx.example.org/ledger", Node: "a", Now: h.clock.now, Log: quiet, Tick: 20 * time.Millisecond})
	ok(err)
	h.server = httptest.NewUnstartedServer(nil)
	_, port, err := net.SplitHostPort(h.server.Listener.Addr().String())
	ok(err)
	sp := staff.Parts{DB: plane, Now: h.clock.now, Log: quiet, Cost: password.Cheap(), RPID: "localhost", RPName: "Desk", Origins: []string{"http://localhost:" + port}}
	if demo {
		sp.Demo = staff.NewDemoToken()
	}
	h.staff, err = staff.Open(ctx, sp)
	ok(err)
	ok(h.staff.CreateOrganisation(ctx, staff.Organisation{ID: "provider", Name: "Outlook Example", Kind: "provider"}))
	ok(h.staff.CreateOrganisation(ctx, staff.Organisation{ID: "helpline", Name: "Helpline", Kind: "outsourcer"}))
	h.cases, err = desk.OpenCases(ctx, desk.CasesParts{DB: plane, Now: h.clock.now})
	ok(err)
	ana := postern.AccountID(postern.NewID())
	h.mail = &mailboxes{key: keys.ReceiptPublic(), now: h.clock.now, of: ana, masks: map[postern.MessageID]bool{}}
	for i := range 3 {
		id := postern.MessageID(postern.NewID())
		h.ids = append(h.ids, id)
		h.mail.all = append(h.mail.all, postern.ShownMessage{ID: id, Mailbox: "INBOX", From: []string{sender}, To: []string{"ana@outlook.example"}, Subject: subject, Date: h.clock.now().AddDate(0, 0, -i), Size: 99,
			Plain: secret, Attachments: []postern.ShownAttachment{{Name: "relevé.html", Type: "text/html", Bytes: []byte("<script>1</script>")}}, Source: []byte("Subject: raw\r\n\r\n")})
	}
	h.mail.masks[h.ids[2]] = true
	h.gate, err = gate.Open(ctx, gate.Parts{DB: plane, Ledger: book, Staff: h.staff, Mailboxes: h.mail, Cases: h.cases, Policy: policy, Teller: &h.told, Now: h.clock.now, Log: quiet, Node: "a"})
	ok(err)
	d, err := desk.Open(ctx, desk.Parts{Cases: h.cases, Gate: h.gate, Staff: h.staff, Now: h.clock.now, Log: quiet})
	ok(err)
	h.kase, err = h.cases.OpenCase(ctx, desk.NewCase{Account: ana, Address: "ana@outlook.example", Name: "Ana Moreau", Locale: "fr", Subject: "Où est ma lettre ?", Text: "Je ne reçois plus rien de ma banque."})
	ok(err)
	face, err := New(Parts{Desk: d, Gate: h.gate, History: history.New(history.Parts{DB: plane, Gate: h.gate, Ledger: book, Staff: h.staff}), Staff: h.staff, Now: h.clock.now, Log: quiet, Demo: h.staff.Demo(),
		Find: func(_ context.Context, address string) (postern.AccountID, error) {
			if address == "ana@outlook.example" {
				return ana, nil
			}
			return "", &postern.Error{Kind: postern.NotFound, Key: "account.unknown", Text: "there is no such account"}
		}})
	ok(err)
	h.server.Config.Handler = face.Handler()
	h.server.Start()
	t.Cleanup(h.server.Close)

	running, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { defer close(done); _ = book.Run(running) }()
	t.Cleanup(func() {
		stop()
		<-done
		if _, err := book.Sequence(ctx); err != nil {
			t.Error(err)
		}
		if _, err := book.Verify(ctx); err != nil {
			t.Errorf("the ledger does not verify: %v", err)
		}
	})
	return h
}

// person is a browser without scripts, with somebody in front of it.
type person struct {
	h      *house
	m      staff.Member
	secret string
	client *http.Client
	lang   string
}

func (h *house) hire(login string, o postern.OrganisationID, roles ...staff.Role) *person {
	h.t.Helper()
	m, err := h.staff.CreateMember(context.Background(), staff.NewMember{Login: login, Name: "Name of " + login, Locale: h.locale, Organisation: o, Roles: roles})
	if err != nil {
		h.t.Fatal(err)
	}
	_, otpauth, err := h.staff.SetPassword(context.Background(), m.ID, phrase)
	if err != nil {
		h.t.Fatal(err)
	}
	u, err := url.Parse(otpauth)
	if err != nil {
		h.t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	return &person{h: h, m: m, secret: u.Query().Get("secret"), lang: h.locale,
		client: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// give has an agent of the provider's give the case to an organisation.
func (h *house) give(to string) {
	h.t.Helper()
	noor := h.hire("noor-"+postern.NewID()[:8], "provider", staff.Agent)
	noor.signIn()
	noor.post("/cases/"+string(h.kase.ID)+"/organisation", "organisation", to).leadsTo(h.t, "/cases/"+string(h.kase.ID))
}

// page is an answer.
type page struct {
	*goquery.Document
	status   int
	location string
	header   http.Header
	body     string
}

func (p *person) do(method, path string, form url.Values) page {
	p.h.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequest(method, p.h.server.URL+path, body)
	if err != nil {
		p.h.t.Fatal(err)
	}
	r.Header.Set("Accept-Language", p.lang)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	a, err := p.client.Do(r)
	if err != nil {
		p.h.t.Fatal(err)
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	if err != nil {
		p.h.t.Fatal(err)
	}
	out := page{status: a.StatusCode, location: a.Header.Get("Location"), header: a.Header, body: string(text)}
	if out.location == "" && strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") {
		for _, problem := range htmlcheck.Problems(text) {
			p.h.t.Errorf("%s %s: %s", method, path, problem)
		}
	}
	if out.Document, err = goquery.NewDocumentFromReader(strings.NewReader(out.body)); err != nil {
		p.h.t.Fatal(err)
	}
	return out
}

func (p *person) get(path string) page { p.h.t.Helper(); return p.do("GET", path, nil) }

func (p *person) post(path string, pairs ...string) page {
	p.h.t.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return p.do("POST", path, form)
}

func (p *person) signIn() {
	p.h.t.Helper()
	p.get("/sign-in")
	p.h.clock.pass(30 * time.Second)
	code, err := totp.GenerateCode(p.secret, p.h.clock.now())
	if err != nil {
		p.h.t.Fatal(err)
	}
	p.post("/sign-in", "login", p.m.Login, "password", phrase, "code", code).leadsTo(p.h.t, "/cases")
}

func (a page) leadsTo(t testing.TB, prefix string) string {
	t.Helper()
	if a.status != http.StatusSeeOther || !strings.HasPrefix(a.location, prefix) {
		t.Fatalf("status %d to %q, want 303 to %s…\n%s", a.status, a.location, prefix, a.Find("main").Text())
	}
	return a.location
}

func (a page) is(t testing.TB, status int) page {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d to %q, want %d\n%s", a.status, a.location, status, strings.Join(strings.Fields(a.Find("main").Text()), " "))
	}
	return a
}

// refusedWith checks that a page refuses, says why, and shows nothing.
func (a page) refusedWith(t testing.TB, key string) page {
	t.Helper()
	a.is(t, http.StatusForbidden)
	if got, _ := a.Find("[data-refused]").Attr("data-refused"); got != key {
		t.Errorf("refused with %q, want %q", got, key)
	}
	if strings.Contains(a.body, subject) || strings.Contains(a.body, secret) {
		t.Error("a refusal shows something")
	}
	return a
}

// told remembers whom the gate told of emergency access.
type told struct{ all []gate.Told }

func (t *told) Tell(_ context.Context, _ postern.AccountID, about gate.Told) error {
	t.all = append(t.all, about)
	return nil
}
