package gate_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/db/open"
	"github.com/postern-mail/postern/desk"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/gate/policy"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/testkit/engine"
)

// clock is a settable time.
type clock struct {
	mu     sync.Mutex
	t      time.Time
	before func() // runs before time passes
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) pass(d time.Duration) {
	if c.before != nil {
		c.before()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// stored is a message of the mail plane in memory.
type stored struct {
	id            postern.MessageID
	from, subject string
	body          string
	guarded       bool
}

// mailboxes is a mail plane in memory that keeps the promises of
// gate.Mailboxes: it looks at the receipt and at nothing else.
type mailboxes struct {
	key ed25519.PublicKey
	now func() time.Time

	mu       sync.Mutex
	accounts map[postern.AccountID][]stored // newest first
	spent    map[postern.DisclosureID]bool
	finds    int
	before   func(ctx context.Context) error // runs before a reading
}

func (m *mailboxes) put(a postern.AccountID, s stored) postern.MessageID {
	m.mu.Lock()
	defer m.mu.Unlock()
	s.id = postern.MessageID(postern.NewID())
	m.accounts[a] = append([]stored{s}, m.accounts[a]...)
	return s.id
}

func (m *mailboxes) Find(_ context.Context, a postern.AccountID, s postern.Scope) (found []postern.MessageID, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.finds++
	for _, one := range m.accounts[a] {
		from, ok := strings.CutPrefix(s.Query, "from:")
		switch {
		case len(s.Messages) > 0 && slices.Contains(s.Messages, one.id), s.Mailbox == "INBOX", ok && strings.HasSuffix(one.from, from):
			found = append(found, one.id)
		}
	}
	return found[:min(len(found), 100)], nil
}

func (m *mailboxes) Reveal(ctx context.Context, r ledger.Receipt) (shown postern.Shown, err error) {
	if m.before != nil {
		if err := m.before(ctx); err != nil {
			return shown, err
		}
	}
	if err := r.Verify(m.key, m.now()); err != nil {
		return shown, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.spent[r.Disclosure] {
		return shown, &postern.Error{Kind: postern.Denied, Key: "mail.receipt.spent", Text: "the receipt was used already"}
	}
	m.spent[r.Disclosure] = true
	if r.Fields&postern.FieldStatus != 0 {
		shown.Account = &postern.ShownAccount{Status: "active"}
	}
	for _, id := range r.Messages {
		for _, one := range m.accounts[r.Account] {
			if one.id != id {
				continue
			}
			s := postern.ShownMessage{ID: id, Masked: one.guarded && !r.Consented}
			if !s.Masked {
				s.Given = r.Fields
			}
			if !s.Masked && r.Fields&(postern.FieldSubject|postern.FieldSubjectMasked) != 0 {
				s.Subject = one.subject
			}
			if !s.Masked && r.Fields&postern.FieldBody != 0 {
				s.Plain = one.body
			}
			shown.Messages = append(shown.Messages, s)
		}
	}
	return shown, nil
}

// house is a gate with its neighbours: real staff, ledger and cases on one
// database, a mail plane in memory.
type house struct {
	t       testing.TB
	clock   *clock
	open    engine.Open
	db      *db.Handle
	staff   *staff.Directory
	ledger  *ledger.Ledger
	cases   *desk.Cases
	mail    *mailboxes
	gate    *gate.Gate
	parts   gate.Parts
	lparts  ledger.Parts
	members map[string]*member
	network string // where people sign in from
	row     int    // of a table: see fresh
}

type member struct {
	staff.Member
	credential postern.CredentialID
	secret     string
}

// newHouse opens everything and runs the sequencer until the test ends, when it
// checks the whole ledger.
func newHouse(t testing.TB, o engine.Open, more ...func(*gate.Parts)) *house {
	t.Helper()
	keys, err := ledger.NewKeys(origin)
	if err != nil {
		t.Fatal(err)
	}
	h := build(t, o, keys, more...)
	h.run(h.ledger)
	// The sequencer works in real time: an hour that passes in an instant would
	// find rows an hour old that it has had no chance to sequence.
	h.clock.before = func() {
		if _, err := h.ledger.Sequence(ctx); err != nil {
			t.Errorf("couldn't sequence: %v", err)
		}
	}
	return h
}

const origin = "mx.example.org/ledger"

// build opens everything, and leaves the sequencer to the caller.
func build(t testing.TB, o engine.Open, keys ledger.Keys, more ...func(*gate.Parts)) *house {
	t.Helper()
	ctx := context.Background()
	h := &house{t: t, clock: &clock{t: time.Date(2026, 5, 14, 9, 0, 0, 0, time.UTC)}, open: o, db: o(open.Staff), members: map[string]*member{}, network: "203.0.113.0/24"}
	var err error
	h.lparts = ledger.Parts{DB: h.db, Keys: keys, Origin: origin, Node: "a", Now: h.clock.now, Log: quiet, Tick: 20 * time.Millisecond}
	h.ledger, err = ledger.Open(ctx, h.lparts)
	h.ok(err)
	sp := staff.Parts{DB: h.db, Now: h.clock.now, Log: quiet}
	sp.Cost.Time, sp.Cost.MemoryKiB, sp.Cost.Threads = 1, 64, 1
	h.staff, err = staff.Open(ctx, sp)
	h.ok(err)
	for _, o := range []staff.Organisation{{ID: "provider", Name: "Outlook Example", Kind: "provider"}, {ID: "helpline", Name: "Helpline", Kind: "outsourcer"}} {
		h.ok(h.staff.CreateOrganisation(ctx, o))
	}
	h.cases, err = desk.OpenCases(ctx, desk.CasesParts{DB: h.db, Now: h.clock.now})
	h.ok(err)
	h.mail = &mailboxes{key: keys.ReceiptPublic(), now: h.clock.now, accounts: map[postern.AccountID][]stored{}, spent: map[postern.DisclosureID]bool{}}
	h.parts = gate.Parts{DB: h.db, Ledger: h.ledger, Staff: h.staff, Mailboxes: h.mail, Cases: h.cases, Policy: policy.Default(), Now: h.clock.now, Log: quiet, Node: "a"}
	for _, f := range more {
		f(&h.parts)
	}
	h.gate, err = gate.Open(ctx, h.parts)
	h.ok(err)
	return h
}

// run sequences until the test ends, and checks the ledger then.
func (h *house) run(l *ledger.Ledger) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = l.Run(ctx)
	}()
	t := h.t
	t.Cleanup(func() {
		stop()
		<-done
		if t.Failed() {
			return
		}
		if _, err := l.Sequence(context.Background()); err != nil {
			t.Errorf("couldn't sequence at the end: %v", err)
		}
		if _, err := l.Verify(context.Background()); err != nil {
			t.Errorf("the ledger does not verify: %v", err)
		}
	})
}

func (h *house) ok(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// hire makes a member with a password and an authenticator.
func (h *house) hire(login string, o postern.OrganisationID, roles ...staff.Role) *member {
	h.t.Helper()
	return h.hireNamed(login, "Name of "+login, o, roles...)
}

func (h *house) hireNamed(login, name string, o postern.OrganisationID, roles ...staff.Role) *member {
	h.t.Helper()
	m, err := h.staff.CreateMember(context.Background(), staff.NewMember{Login: fmt.Sprintf("%s.%d", login, h.row), Name: name, Locale: "en", Organisation: o, Roles: roles})
	h.ok(err)
	c, otpauth, err := h.staff.SetPassword(context.Background(), m.ID, "a pass phrase")
	h.ok(err)
	u, err := url.Parse(otpauth)
	h.ok(err)
	w := &member{m, c, u.Query().Get("secret")}
	h.members[login] = w
	return w
}

// fresh gives a row of a table people, an organisation and a network of its own
// in the same house, so that what it contains is contained for it alone.
func (h *house) fresh(t testing.TB) {
	h.t = t
	h.row++
	h.network = fmt.Sprintf("198.18.%d.0/24", h.row)
	h.members = map[string]*member{}
	h.ok(h.staff.CreateOrganisation(ctx, staff.Organisation{ID: h.provider(), Name: "Outlook Example", Kind: "provider"}))
}

func (h *house) provider() postern.OrganisationID {
	if h.row == 0 {
		return "provider"
	}
	return postern.OrganisationID(fmt.Sprintf("provider%d", h.row))
}

// signIn hires whoever is not, and signs them in with a fresh code.
func (h *house) signIn(login string, roles ...staff.Role) staff.Session {
	h.t.Helper()
	if len(roles) == 0 {
		roles = []staff.Role{staff.Agent}
	}
	m := h.members[login]
	if m == nil {
		h.hire(login, h.provider(), roles...)
	}
	s, err := h.trySignIn(login)
	h.ok(err)
	return s
}

func (h *house) trySignIn(login string) (staff.Session, error) {
	h.t.Helper()
	m := h.members[login]
	h.clock.pass(30 * time.Second)
	code, err := totp.GenerateCode(m.secret, h.clock.now())
	h.ok(err)
	_, s, err := h.staff.SignInPassword(context.Background(), m.Login, "a pass phrase", code, staff.From{Network: h.network})
	return s, err
}

// customer makes an account with n messages, the first of them guarded, and an
// open case.
func (h *house) customer(n int) (postern.AccountID, postern.CaseID, []postern.MessageID) {
	h.t.Helper()
	a := postern.AccountID(postern.NewID())
	var ids []postern.MessageID
	for i := range n {
		ids = append(ids, h.mail.put(a, stored{from: fmt.Sprintf("shop@s%d.example", i%3), subject: fmt.Sprintf("subject %d", i), body: fmt.Sprintf("body %d", i), guarded: i == 0}))
	}
	c, err := h.cases.OpenCase(context.Background(), desk.NewCase{Account: a, Address: "ana@outlook.example", Name: "Ana", Locale: "fr", Subject: "Help", Text: "My mail is gone."})
	h.ok(err)
	return a, c.ID, ids
}

func (h *house) ask(by staff.Session, a gate.Ask) gate.Request {
	h.t.Helper()
	r, err := h.gate.Ask(context.Background(), by, complete(a))
	h.ok(err)
	return r
}

// complete gives an Ask what every one needs.
func complete(a gate.Ask) gate.Ask {
	if a.Reason == 0 {
		a.Reason = postern.ReasonSupport
	}
	if a.Sentence == "" {
		a.Sentence = "You asked where a message went."
	}
	return a
}

// consented gives a grant that the customer agreed to, on exactly messages.
func (h *house) consented(by staff.Session, a postern.AccountID, c postern.CaseID, t postern.Tier, messages ...postern.MessageID) gate.Grant {
	h.t.Helper()
	r := h.ask(by, gate.Ask{Case: c, Account: a, Tier: t, Scope: postern.Scope{Messages: messages}})
	g, err := h.gate.Consent(context.Background(), a, r.ID, gate.Narrow{})
	h.ok(err)
	return g
}

// shown gives how many disclosures the ledger has of an account.
func (h *house) entries(f ledger.Filter) []ledger.Entry {
	h.t.Helper()
	f.Limit = 100000
	all, err := h.ledger.Find(context.Background(), f)
	h.ok(err)
	return all
}

func (h *house) disclosures(a postern.AccountID) int {
	h.t.Helper()
	return len(h.entries(ledger.Filter{Account: a, DisclosuresOnly: true}))
}

// refusals gives the subjects of an account's refusals, the latest first.
func (h *house) refusals(s postern.SessionID) (keys []string) {
	h.t.Helper()
	for _, e := range h.entries(ledger.Filter{Sessions: []postern.SessionID{s}}) {
		if e.Control != nil && e.Control.Kind == 2 {
			keys = append(keys, e.Control.Subject)
		}
	}
	return keys
}

// each runs f on every engine with a fresh house.
func each(t *testing.T, f func(t *testing.T, h *house), more ...func(*gate.Parts)) {
	t.Helper()
	engine.Each(t, func(t *testing.T, o engine.Open) { f(t, newHouse(t, o, more...)) })
}

func wantKey(t testing.TB, err error, key string) {
	t.Helper()
	if got := postern.KeyOf(err); got != key {
		t.Errorf("refused with %q (%v), want %q", got, err, key)
	}
}

var (
	ctx   = context.Background()
	quiet = slog.New(slog.DiscardHandler)
)
