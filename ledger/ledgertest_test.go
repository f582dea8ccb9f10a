package ledger_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/testkit/engine"
)

const (
	origin = "mx.example.org/ledger"
	plane  = "staff" // whose database the ledger is in
)

// house is a ledger with its clock in the test's hand.
type house struct {
	t      testing.TB
	open   engine.Open
	h      *db.Handle
	keys   ledger.Keys
	l      *ledger.Ledger
	policy verify.Policy
	parts  ledger.Parts

	mu  sync.Mutex
	now time.Time
}

var staff = postern.StaffID(postern.NewID())

func newHouse(t testing.TB, handle engine.Open) *house {
	t.Helper()
	keys, err := ledger.NewKeys(origin)
	if err != nil {
		t.Fatal(err)
	}
	key, err := verify.ParseKey(keys.LogPublic)
	if err != nil {
		t.Fatal(err)
	}
	w := &house{t: t, open: handle, h: handle(plane), keys: keys, now: time.Date(2026, 5, 14, 9, 30, 0, 0, time.UTC), policy: verify.Policy{Logs: []verify.Key{key}}}
	w.parts = ledger.Parts{DB: w.h, Keys: keys, Origin: origin, Node: "a", Now: w.clock, Log: slog.New(slog.DiscardHandler), Publish: -1}
	w.l = w.reopen()
	return w
}

func (w *house) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *house) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// reopen starts a ledger on the same tables, as after a restart.
func (w *house) reopen() *ledger.Ledger {
	w.t.Helper()
	l, err := ledger.Open(context.Background(), w.parts)
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

func (w *house) disclosure(account postern.AccountID, tier postern.Tier) ledger.Disclosure {
	return ledger.Disclosure{ID: postern.DisclosureID(postern.NewID()), Account: account, Tier: tier, At: w.clock(), Grant: postern.GrantID(postern.NewID()),
		Session: postern.SessionID(postern.NewID()), Staff: staff, Reason: postern.ReasonSupport, Fields: postern.FieldSubject,
		Messages: []postern.MessageID{postern.MessageID(postern.NewID()), postern.MessageID(postern.NewID())}}
}

func (w *house) disclose(d ledger.Disclosure) postern.DisclosureID {
	w.t.Helper()
	err := w.h.Update(context.Background(), func(tx *db.Tx) error { _, err := w.l.Disclose(tx, d); return err })
	if err != nil {
		w.t.Fatal(err)
	}
	return d.ID
}

func (w *house) control(kind verify.ControlKind) (seq int64) {
	w.t.Helper()
	err := w.h.Update(context.Background(), func(tx *db.Tx) (err error) {
		seq, err = w.l.Control(tx, ledger.Control{Kind: kind, At: w.clock(), Actor: staff, Subject: "session 6f", Detail: "because"})
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return seq
}

func (w *house) sequence() int {
	w.t.Helper()
	n, err := w.l.Sequence(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

func (w *house) verify() ledger.Summary {
	w.t.Helper()
	s, err := w.l.Verify(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func account() postern.AccountID { return postern.AccountID(postern.NewID()) }
