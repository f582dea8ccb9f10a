package ledger_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/testkit/engine"
)

// A person is erased by one row: nothing of theirs opens any more, on any node,
// nothing new is written of them, and the log is whole.
func TestErasure(t *testing.T) {
	engine.Each(t, func(t *testing.T, handle engine.Open) {
		ctx := context.Background()
		w := newHouse(t, handle)
		w.sequence()
		other := w.reopen() // a second node, which has the secret in memory, too
		ana, ben := account(), account()
		id := w.disclose(w.disclosure(ana, postern.TierContent))
		bens := w.disclose(w.disclosure(ben, postern.TierContent))
		w.sequence()
		for _, l := range []*ledger.Ledger{w.l, other} {
			if _, err := l.RecordFile(ctx, id); err != nil {
				t.Fatal(err)
			}
		}
		before, err := w.l.Number(ctx, ana)
		if err != nil {
			t.Fatal(err)
		}
		erase := func() {
			t.Helper()
			if err := w.h.Update(ctx, func(tx *db.Tx) error { return w.l.Erase(tx, ana) }); err != nil {
				t.Fatal(err)
			}
		}
		erase()
		w.advance(2 * time.Second)
		gone := w.clock()
		erase() // again: nothing changes
		for name, l := range map[string]*ledger.Ledger{"here": w.l, "on another node": other, "after a restart": w.reopen()} {
			if _, err := l.RecordFile(ctx, id); postern.KindOf(err) != postern.NotFound {
				t.Errorf("%s the record still opens: %v", name, err)
			}
			if _, err := l.RecordFile(ctx, bens); err != nil {
				t.Errorf("%s somebody else's does not: %v", name, err)
			}
			if _, err := l.InclusionFile(ctx, id); err != nil {
				t.Errorf("%s the leaf is gone: %v", name, err)
			}
			err := w.h.Update(ctx, func(tx *db.Tx) error {
				_, err := l.Disclose(tx, w.disclosure(ana, postern.TierContent))
				return err
			})
			if postern.KeyOf(err) != "ledger.erased" {
				t.Errorf("%s something is disclosed of who was erased: %v", name, err)
			}
			at, ok, err := l.Erased(ctx, ana)
			if err != nil || !ok || !at.Before(gone) {
				t.Errorf("%s: erased at %v, %v, %v", name, at, ok, err)
			}
			found, err := l.Find(ctx, ledger.Filter{DisclosuresOnly: true})
			if err != nil || len(found) != 2 || found[0].Erased == found[1].Erased {
				t.Errorf("%s: %d entries, %v", name, len(found), err)
			}
			s, err := l.Statement(ctx, ana, "", ledger.Window{From: w.clock().Add(-time.Hour), Until: w.clock(), Tier: postern.TierContent})
			if err != nil || s.Finding != verify.FindingErased || !s.Erased.Equal(at) {
				t.Fatalf("%s the statement says %q at %v, %v", name, s.Finding, s.Erased, err)
			}
			if r := verify.CheckStatementFile(s.File, w.policy); r.Why != verify.WhyErased || r.Verdict != verify.CannotTell || s.Checked.Verdict != r.Verdict || s.Checked.Why != r.Why {
				t.Errorf("%s; it comes with %s", r.Text("en"), s.Checked.Text("en"))
			}
			if bytes.Contains(s.File, []byte(before)) {
				t.Error("the statement says a number that leads to the leaves")
			}
		}
		if s := w.verify(); s.Erased != 1 || s.Disclosures != 2 {
			t.Errorf("%+v", s)
		}
		// What the tables still have of the account's identifier is that it was erased.
		var n int64
		err = w.h.View(ctx, func(tx *db.Tx) error {
			return tx.Row(`SELECT COUNT(*) FROM ledger_account_secret WHERE account_id = ?1`, db.Args(string(ana)), &n)
		})
		if err != nil || n != 0 {
			t.Errorf("%d secrets are left, %v", n, err)
		}
	})
}
