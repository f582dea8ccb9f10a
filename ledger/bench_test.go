package ledger_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/testkit/engine"
)

// BenchmarkDisclose is the ledger's share of a reveal: one durable transaction
// with one disclosure, by so many callers at once.
func BenchmarkDisclose(b *testing.B) {
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			engine.EachBench(b, func(b *testing.B, handle engine.Open) {
				w := newHouse(b, handle)
				ctx := context.Background()
				accounts := make([]postern.AccountID, 100)
				for i := range accounts {
					accounts[i] = account()
				}
				var n atomic.Int64
				b.SetParallelism(max(1, callers/2)) // times GOMAXPROCS, 2 on the reference machine
				if callers == 1 {
					for b.Loop() {
						one(b, w, ctx, accounts[n.Add(1)%100])
					}
				} else {
					b.RunParallel(func(p *testing.PB) {
						for p.Next() {
							one(b, w, ctx, accounts[n.Add(1)%100])
						}
					})
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tx/s")
			})
		})
	}
}

func one(b *testing.B, w *house, ctx context.Context, a postern.AccountID) {
	d := w.disclosure(a, postern.TierContent)
	var p ledger.Pending
	if err := w.h.Update(ctx, func(tx *db.Tx) (err error) { p, err = w.l.Disclose(tx, d); return err }); err != nil {
		b.Error(err)
		return
	}
	if _, err := w.l.Receipt(p, d.At); err != nil {
		b.Error(err)
	}
}

// BenchmarkSequence gives the leaves a second of a sequencer with work waiting.
func BenchmarkSequence(b *testing.B) {
	engine.EachBench(b, func(b *testing.B, handle engine.Open) {
		w := newHouse(b, handle)
		const each = 2000
		for b.Loop() {
			b.StopTimer()
			fill(b, w, each)
			b.StartTimer()
			if n := w.sequence(); n != each {
				b.Fatal(n)
			}
		}
		b.ReportMetric(float64(b.N*each)/b.Elapsed().Seconds(), "leaves/s")
	})
}

func fill(b *testing.B, w *house, n int) {
	err := w.h.Update(context.Background(), func(tx *db.Tx) error {
		a := account()
		for range n {
			if _, err := w.l.Disclose(tx, w.disclosure(a, postern.TierContent)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkStart opens a ledger of 50,000 leaves, and makes proofs in it.
func BenchmarkStart(b *testing.B) {
	engine.EachBench(b, func(b *testing.B, handle engine.Open) {
		w := newHouse(b, handle)
		for range 10 {
			fill(b, w, 5000)
			w.sequence()
		}
		id := w.disclose(w.disclosure(account(), postern.TierContent))
		w.sequence()
		b.Run("open", func(b *testing.B) {
			for b.Loop() {
				w.reopen()
			}
		})
		b.Run("record", func(b *testing.B) {
			for b.Loop() {
				if _, err := w.l.RecordFile(context.Background(), id); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
}
