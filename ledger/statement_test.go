package ledger_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/testkit/engine"
)

func (w *house) state(id postern.AccountID, from, until time.Time, tier postern.Tier) (ledger.Statement, verify.Report) {
	w.t.Helper()
	s, err := w.l.Statement(context.Background(), id, "ana@outlook.example", ledger.Window{From: from, Until: until, Tier: tier})
	if err != nil {
		w.t.Fatal(err)
	}
	return s, verify.CheckNonAccessFile(s.File, w.policy)
}

// keyOf is the key of a refusal, for pages.
func keyOf(err error) string {
	var e *postern.Error
	if errors.As(err, &e) {
		return e.Key
	}
	return ""
}

func TestStatements(t *testing.T) {
	engine.Each(t, func(t *testing.T, handle engine.Open) {
		ctx := context.Background()
		w := newHouse(t, handle)
		ana, ben := account(), account()
		if _, _, err := w.l.Provable(ctx); keyOf(err) != "statement.too-young" {
			t.Errorf("before the log began: %v", err)
		}
		w.sequence() // the log begins
		began := w.clock()
		w.advance(time.Hour)
		w.disclose(w.disclosure(ben, postern.TierContent))
		w.disclose(w.disclosure(ana, postern.TierTrace))
		w.sequence()
		w.advance(24 * time.Hour)
		w.sequence()

		from, until, err := w.l.Provable(ctx)
		if err != nil || !from.Equal(began) || until.After(w.clock().Add(-time.Hour)) || until.Before(w.clock().Add(-time.Hour-time.Minute)) {
			t.Fatalf("provable from %v until %v, %v", from, until, err)
		}
		// Without witnesses the order is proved and no time is.
		s, r := w.state(ana, from, until, postern.TierEnvelope)
		if s.Finding != verify.FindingNone || r.Why != verify.WhyUnwitnessed {
			t.Errorf("nobody looked: %s", r.Text("en"))
		}
		number, err := w.l.Number(ctx, ana)
		if err != nil || number != s.Number || len(number) != 32 {
			t.Errorf("the number is %q and %q, %v", number, s.Number, err)
		}
		if s, r := w.state(ana, from, until, postern.TierTrace); s.Count != 1 || r.Why != verify.WhyAccessed || len(s.Accesses) != 1 {
			t.Errorf("one trace: %s", r.Text("en"))
		}
		if s, r := w.state(account(), from, until, postern.TierAccount); s.Count != 0 || r.Why != verify.WhyUnwitnessed {
			t.Errorf("an account that the ledger never met: %s", r.Text("en"))
		}
		for name, c := range map[string]struct {
			w   ledger.Window
			key string
		}{
			"backwards":      {ledger.Window{From: until, Until: from, Tier: postern.TierContent}, "statement.window"},
			"no tier":        {ledger.Window{From: from, Until: until}, "statement.tier"},
			"before the log": {ledger.Window{From: from.Add(-time.Hour), Until: until, Tier: postern.TierContent}, "statement.before-log"},
			"till now":       {ledger.Window{From: from, Until: w.clock(), Tier: postern.TierContent}, "statement.too-soon"},
			"a century":      {ledger.Window{From: from, Until: from.AddDate(100, 0, 0), Tier: postern.TierContent}, "statement.too-long"},
		} {
			if _, err := w.l.Statement(ctx, ana, "", c.w); keyOf(err) != c.key {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// Random logs over months: what a statement finds is what was disclosed, and the
// tables' own clock agrees.
func TestStatementsOverMonths(t *testing.T) {
	engine.Each(t, func(t *testing.T, handle engine.Open) {
		ctx := context.Background()
		r := rand.New(rand.NewPCG(4, 2))
		w := newHouse(t, handle)
		w.sequence()
		who := []postern.AccountID{account(), account(), account()}
		type act struct {
			at   time.Time
			id   postern.AccountID
			tier postern.Tier
		}
		var acts []act
		for range 60 {
			w.advance(time.Duration(r.IntN(3*24*60)) * time.Minute)
			for range r.IntN(5) {
				a := act{w.clock(), who[r.IntN(len(who))], postern.Tier(1 + r.IntN(5))}
				w.disclose(w.disclosure(a.id, a.tier))
				acts = append(acts, a)
			}
			w.sequence()
			if r.IntN(4) == 0 {
				w.advance(20 * time.Minute)
				w.sequence()
			}
		}
		w.advance(3 * time.Hour)
		w.sequence()
		first, last, err := w.l.Provable(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for range 60 {
			span := last.Sub(first)
			from := first.Add(time.Duration(r.Int64N(int64(span))))
			until := from.Add(time.Duration(1 + r.Int64N(int64(last.Sub(from)+1))))
			id, tier := who[r.IntN(len(who))], postern.Tier(1+r.IntN(5))
			if until.Sub(from) < 2*time.Millisecond {
				continue
			}
			s, err := w.l.Statement(ctx, id, "x", ledger.Window{From: from, Until: until, Tier: tier})
			if err != nil {
				t.Fatal(err)
			}
			in, near := 0, 0
			for _, a := range acts {
				if a.id != id || a.tier < tier {
					continue
				}
				if !a.at.Before(s.Window.From) && a.at.Before(s.Window.Until) {
					in++
				} else if !a.at.Before(from.Add(-time.Hour)) && a.at.Before(until.Add(time.Hour+time.Minute)) {
					near++
				}
			}
			want := verify.WhyUnwitnessed
			rep := verify.CheckNonAccessFile(s.File, w.policy)
			if in > 0 {
				want = verify.WhyAccessed
			} else if s.Count > 0 {
				want = verify.WhyEdge
			}
			if rep.Why != want || s.Count < in || s.Count > in+near || in > 0 && len(rep.Says) != in {
				t.Fatalf("%d in the window, %d near it; found %d:\n%s", in, near, s.Count, rep.Text("en"))
			}
		}
		w.verify()
	})
}

// Proofs are made while the sequencer works, and each one holds.
func TestStatementsWhileTheLogGrows(t *testing.T) {
	engine.Each(t, func(t *testing.T, handle engine.Open) {
		ctx := context.Background()
		w := newHouse(t, handle)
		w.sequence()
		from := w.clock()
		ana, busy := account(), account()
		w.advance(5 * time.Hour)
		w.sequence()
		window := ledger.Window{From: from, Until: from.Add(2 * time.Hour), Tier: postern.TierContent}
		done := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			defer close(done)
			for range 60 {
				w.advance(4 * time.Minute)
				for range 5 {
					w.disclose(w.disclosure(busy, postern.TierContent))
				}
				w.sequence()
			}
		})
		for n := 0; ; n++ {
			select {
			case <-done:
				wg.Wait()
				if n == 0 {
					t.Error("no proof was made meanwhile")
				}
				w.verify()
				return
			default:
			}
			s, err := w.l.Statement(ctx, ana, "", window)
			if err != nil {
				t.Fatal(err)
			}
			if r := verify.CheckNonAccessFile(s.File, w.policy); r.Why != verify.WhyUnwitnessed {
				t.Fatal(r.Text("en"))
			}
		}
	})
}

// A node that does not sequence follows the tables, and proves as well.
func TestStatementsOfAnotherNode(t *testing.T) {
	engine.Each(t, func(t *testing.T, handle engine.Open) {
		w := newHouse(t, handle)
		w.sequence()
		from := w.clock()
		other := w.reopen()
		ana := account()
		for range 5 {
			w.advance(time.Hour)
			w.disclose(w.disclosure(ana, postern.TierContent))
			w.sequence()
		}
		s, err := other.Statement(context.Background(), ana, "", ledger.Window{From: from, Until: from.Add(3 * time.Hour), Tier: postern.TierContent})
		if err != nil {
			t.Fatal(err)
		}
		if r := verify.CheckNonAccessFile(s.File, w.policy); r.Why != verify.WhyAccessed || len(r.Says) != 2 {
			t.Error(r.Text("en"))
		}
	})
}

// What was altered after sequencing makes an error, and never a wrong proof.
func TestStatementsOverAlteredTables(t *testing.T) {
	for name, alter := range map[string]string{
		"a number":        `UPDATE ledger_stream SET n = 7`,
		"a series":        `UPDATE ledger_stream SET series = series - 1`,
		"a stream's row":  `DELETE FROM ledger_stream`,
		"an epoch's row":  `UPDATE ledger_epoch SET idx = idx - 1`,
		"a series' place": `UPDATE ledger_series SET idx = idx + 1`,
		"a tile":          `UPDATE ledger_tile SET data = substr(data, 1, length(data) - 32)`,
	} {
		t.Run(name, func(t *testing.T) {
			engine.Each(t, func(t *testing.T, handle engine.Open) {
				w := newHouse(t, handle)
				w.sequence()
				from := w.clock()
				ana := account()
				w.advance(time.Hour)
				w.disclose(w.disclosure(ana, postern.TierContent))
				w.sequence()
				w.advance(5 * time.Hour)
				w.sequence()
				err := w.h.Update(context.Background(), func(tx *db.Tx) error { _, err := tx.Exec(alter); return err })
				if err != nil {
					t.Fatal(err)
				}
				s, err := w.l.Statement(context.Background(), ana, "", ledger.Window{From: from, Until: from.Add(3 * time.Hour), Tier: postern.TierContent})
				if err == nil && s.Finding == verify.FindingNone {
					t.Errorf("%s was altered, and the statement says that nobody looked", name)
				}
			})
		})
	}
}
