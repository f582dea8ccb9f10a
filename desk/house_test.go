package desk_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
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

var ctx = context.Background()

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

// plane is a mail plane in memory, as far as the desk's tiers go: an account and
// the traces of its mail. It gives what a receipt names, and nothing without.
type plane struct {
	keys    ledger.Keys
	now     func() time.Time
	account postern.ShownAccount
	traces  []postern.TraceEvent
}

func (p *plane) Find(_ context.Context, _ postern.AccountID, s postern.Scope) (found []postern.MessageID, err error) {
	from, ok := strings.CutPrefix(s.Query, "from:")
	for _, e := range p.traces {
		if ok && e.Message != "" && strings.HasSuffix(e.Sender, from) {
			found = append(found, e.Message)
		}
	}
	return found, nil
}

func (p *plane) Reveal(_ context.Context, r ledger.Receipt) (shown postern.Shown, err error) {
	if err := r.Verify(p.keys.ReceiptPublic(), p.now()); err != nil {
		return shown, err
	}
	if r.Fields&postern.FieldStatus != 0 {
		shown.Account = &p.account
	}
	if r.Fields&postern.FieldTrace == 0 {
		return shown, nil
	}
	for _, e := range p.traces {
		named := e.Message == "" // what was never stored is always part of a trace
		for _, id := range r.Messages {
			named = named || id == e.Message
		}
		if named {
			shown.Trace = append(shown.Trace, e)
		}
	}
	return shown, nil
}

// house is a desk with its neighbours, real but for the mail plane.
type house struct {
	t       testing.TB
	clock   *clock
	db      *db.Handle
	staff   *staff.Directory
	ledger  *ledger.Ledger
	cases   *desk.Cases
	gate    *gate.Gate
	desk    *desk.Desk
	plane   *plane
	account postern.AccountID
	post    *mailer
}

// testTime is when a house's clock starts.
var testTime = time.Date(2026, 5, 14, 9, 0, 0, 0, time.UTC)

type dbHandle = db.Handle

func newHouse(t testing.TB, o engine.Open) *house {
	t.Helper()
	h := &house{t: t, clock: &clock{t: testTime}, post: &mailer{}, db: o(open.Staff), account: postern.AccountID(postern.NewID())}
	quiet := slog.New(slog.DiscardHandler)
	keys, err := ledger.NewKeys("mx.example.org/ledger")
	h.ok(err)
	h.plane = &plane{keys: keys, now: h.clock.now, account: postern.ShownAccount{Address: "ana@outlook.example", Status: "active", QuotaBytes: 1000, UsedBytes: 10}}
	h.ledger, err = ledger.Open(ctx, ledger.Parts{DB: h.db, Keys: keys, Origin: "mx.example.org/ledger", Node: "a", Now: h.clock.now, Log: quiet})
	h.ok(err)
	sp := staff.Parts{DB: h.db, Now: h.clock.now, Log: quiet}
	sp.Cost.Time, sp.Cost.MemoryKiB, sp.Cost.Threads = 1, 64, 1
	h.staff, err = staff.Open(ctx, sp)
	h.ok(err)
	h.ok(h.staff.CreateOrganisation(ctx, staff.Organisation{ID: "provider", Name: "Outlook Example", Kind: "provider"}))
	h.cases, err = desk.OpenCases(ctx, desk.CasesParts{DB: h.db, Now: h.clock.now})
	h.ok(err)
	h.gate, err = gate.Open(ctx, gate.Parts{DB: h.db, Ledger: h.ledger, Staff: h.staff, Mailboxes: h.plane, Cases: h.cases, Policy: policy.Default(), Now: h.clock.now, Log: quiet, Node: "a"})
	h.ok(err)
	h.desk, err = desk.Open(ctx, desk.Parts{Cases: h.cases, Gate: h.gate, Staff: h.staff, Now: h.clock.now, Log: quiet, Post: h.post})
	h.ok(err)
	return h
}

func (h *house) ok(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) signIn(login string, roles ...staff.Role) staff.Session {
	h.t.Helper()
	return h.signInOf("provider", login, roles...)
}

func (h *house) signInOf(o postern.OrganisationID, login string, roles ...staff.Role) staff.Session {
	h.t.Helper()
	if len(roles) == 0 {
		roles = []staff.Role{staff.Agent}
	}
	m, err := h.staff.CreateMember(ctx, staff.NewMember{Login: login, Name: "Name of " + login, Locale: "en", Organisation: o, Roles: roles})
	h.ok(err)
	_, otpauth, err := h.staff.SetPassword(ctx, m.ID, "a pass phrase")
	h.ok(err)
	u, err := url.Parse(otpauth)
	h.ok(err)
	code, err := totp.GenerateCode(u.Query().Get("secret"), h.clock.now())
	h.ok(err)
	_, s, err := h.staff.SignInPassword(ctx, login, "a pass phrase", code, staff.From{Network: "203.0.113.0/24"})
	h.ok(err)
	return s
}

func (h *house) openCase(subject string) desk.Case {
	h.t.Helper()
	h.clock.pass(time.Second)
	c, err := h.cases.OpenCase(ctx, desk.NewCase{Account: h.account, Address: "ana@outlook.example", Name: "Ana", Locale: "fr", Subject: subject, Text: fmt.Sprintf("%s, please help.", subject)})
	h.ok(err)
	return c
}

func each(t *testing.T, f func(t *testing.T, h *house)) {
	t.Helper()
	engine.Each(t, func(t *testing.T, o engine.Open) { f(t, newHouse(t, o)) })
}

func wantKey(t testing.TB, err error, key string) {
	t.Helper()
	if got := postern.KeyOf(err); got != key {
		t.Errorf("refused with %q (%v), want %q", got, err, key)
	}
}

func sqlite(t testing.TB) engine.Open { return engine.SQLite(t) }
