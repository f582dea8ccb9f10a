package ledger_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/ledger/auditor"
	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/testkit/engine"
)

// months is a house with a history of three months, the first two tallied.
func months(t *testing.T, handle engine.Open) (w *house, ana postern.AccountID) {
	w = newHouse(t, handle)
	ana = account()
	for range 3 {
		for range 4 {
			w.disclose(w.disclosure(ana, postern.TierContent))
			w.disclose(w.disclosure(account(), postern.TierTrace))
		}
		w.control(verify.ControlContain)
		w.sequence()
		w.advance(31 * 24 * time.Hour)
	}
	w.advance(-26 * 24 * time.Hour) // into the month after the last, by days
	w.sequence()
	return w, ana
}

func TestTallies(t *testing.T) {
	engine.Each(t, func(t *testing.T, handle engine.Open) {
		w, ana := months(t, handle)
		list, err := w.l.Tallies(context.Background())
		if err != nil || len(list) != 2 {
			t.Fatal(list, err)
		}
		for _, l := range list {
			if l.Streams != 5 || l.Disclosures != 8 {
				t.Errorf("%+v", l)
			}
		}
		// A clock set back: what comes late stands after its month's tally, and nothing is tallied twice.
		w.advance(-40 * 24 * time.Hour)
		w.disclose(w.disclosure(ana, postern.TierContent))
		w.sequence()
		w.advance(60 * 24 * time.Hour)
		w.l = w.reopen()
		w.sequence()
		if again, err := w.l.Tallies(context.Background()); err != nil || len(again) != 3 || again[0] != list[0] {
			t.Errorf("%+v, %v", again, err)
		}
		// An erased account is still counted.
		if err := w.h.Update(context.Background(), func(tx *db.Tx) error { return w.l.Erase(tx, ana) }); err != nil {
			t.Fatal(err)
		}
		w.verify()
	})
}

func TestOpeningAudit(t *testing.T) {
	engine.Each(t, func(t *testing.T, handle engine.Open) {
		ctx := context.Background()
		w, ana := months(t, handle)
		early, err := w.l.CheckpointFile(ctx)
		if err != nil {
			t.Fatal(err)
		}
		w.disclose(w.disclosure(ana, postern.TierContent))
		w.sequence()
		kept := 0
		o := auditor.Options{Sample: 400, Policy: w.policy, Keep: func(index int64, file []byte) error {
			kept++
			if r := verify.CheckRecordFile(file, w.policy); r.Verdict != verify.Verified {
				t.Error(r.Text("en"))
			}
			return nil
		}}
		r, err := auditor.Run(ctx, w.l, o)
		if err != nil || r.Verdict() != verify.Verified || r.Disclosures+r.Controls != kept || r.Drawn != 400 || r.Disclosures == 0 || r.Controls == 0 || r.Own == 0 || r.Tallies != 2 {
			t.Fatalf("%+v, %v", r, err)
		}
		if en, fr := r.Text("en"), r.Text("fr"); !strings.Contains(en, "verified") || !strings.Contains(fr, "vérifié") || strings.Contains(en+fr, "%!") {
			t.Errorf("%s\n%s", en, fr)
		}
		o.Keep, o.Checkpoint = nil, early
		if r, err := auditor.Run(ctx, w.l, o); err != nil || r.Verdict() != verify.Verified || r.Size >= w.verify().Size {
			t.Errorf("from an earlier checkpoint: %+v, %v", r, err)
		}
		t.Run("another ledger's checkpoint", func(t *testing.T) {
			other := newHouse(t, engine.SQLite(t))
			other.disclose(other.disclosure(ana, postern.TierContent))
			other.sequence()
			o := o
			if o.Checkpoint, err = other.l.CheckpointFile(ctx); err != nil {
				t.Fatal(err)
			}
			if _, err := auditor.Run(ctx, w.l, o); postern.KindOf(err) != postern.Invalid {
				t.Errorf("%v", err)
			}
		})
		t.Run("a backup was restored", func(t *testing.T) {
			o := o
			o.Checkpoint = nil
			w := newHouse(t, engine.SQLite(t))
			w.disclose(w.disclosure(ana, postern.TierContent))
			w.sequence()
			for range 3 {
				w.disclose(w.disclosure(account(), postern.TierContent))
			}
			w.sequence()
			o.Policy = w.policy
			if o.Checkpoint, err = w.l.CheckpointFile(ctx); err != nil {
				t.Fatal(err)
			}
			p := w.parts // the same keys on other tables
			p.DB = engine.SQLite(t)(plane)
			l, err := ledger.Open(ctx, p)
			if err != nil {
				t.Fatal(err)
			}
			if err := p.DB.Update(ctx, func(tx *db.Tx) error {
				_, err := l.Disclose(tx, w.disclosure(ana, postern.TierContent))
				return err
			}); err != nil {
				t.Fatal(err)
			}
			if _, err := l.Sequence(ctx); err != nil {
				t.Fatal(err)
			}
			if r, err := auditor.Run(ctx, l, o); err != nil || r.Verdict() != verify.Refuted {
				t.Errorf("%+v, %v", r, err)
			}
		})
		o.Checkpoint = nil
		disarm(t, w.h)
		for _, c := range []struct{ name, do, undo string }{
			{"records exchanged", `UPDATE ledger_entry SET record_ct = CASE seq WHEN 1 THEN (SELECT record_ct FROM ledger_entry WHERE seq = 2) ELSE (SELECT record_ct FROM ledger_entry WHERE seq = 1) END WHERE seq IN (1, 2)`, ""},
			{"a row that stands for no leaf any more", `UPDATE ledger_entry SET idx = NULL WHERE seq = 3`, `UPDATE ledger_entry SET idx = (SELECT MIN(l.idx) FROM ledger_leaf l WHERE l.idx NOT IN (SELECT idx FROM ledger_entry WHERE idx IS NOT NULL) AND l.idx IN (SELECT idx FROM ledger_stream)) WHERE seq = 3`},
			{"a number skipped", `UPDATE ledger_stream SET n = n + 9 WHERE idx = (SELECT MAX(idx) FROM ledger_stream WHERE series = 202606)`, `UPDATE ledger_stream SET n = n - 9 WHERE n > 9`},
			{"another month's stream", `UPDATE ledger_stream SET series = 202606 WHERE idx = (SELECT MIN(idx) FROM ledger_stream)`, `UPDATE ledger_stream SET series = 202605 WHERE idx = (SELECT MIN(idx) FROM ledger_stream)`},
			{"a row's account changed", `UPDATE ledger_entry SET account = (SELECT account FROM ledger_entry WHERE seq = 2) WHERE seq = 1`, ""},
			{"a row deleted", `DELETE FROM ledger_entry WHERE seq = 4`, ""},
		} {
			t.Run(c.name, func(t *testing.T) {
				undo := errors.New("undo")
				exec := func(q string) {
					t.Helper()
					err := w.h.Update(ctx, func(tx *db.Tx) error {
						n, err := tx.Exec(q)
						if err == nil && n == 0 {
							err = undo
						}
						return err
					})
					if err != nil {
						t.Fatal(err)
					}
				}
				exec(c.do)
				r, err := auditor.Run(ctx, w.l, o)
				if err != nil || r.Verdict() != verify.Refuted || len(r.Findings) == 0 {
					t.Errorf("%+v, %v", r, err)
				}
				if c.undo != "" {
					exec(c.undo)
				}
			})
		}
	})
}
