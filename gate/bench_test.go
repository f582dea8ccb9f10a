package gate_test

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/testkit/engine"
)

// BenchmarkReveal measures the gate's transaction and its receipt, without the
// mail plane: one agent, then many at once, each with a session and a grant of
// their own. The sequencer does not run, as on the node of another leader.
func BenchmarkReveal(b *testing.B) {
	for _, callers := range []int{1, 32, 64} {
		for _, bounded := range []bool{false, true} {
			name := fmt.Sprintf("callers=%d/bounds=%v", callers, bounded)
			b.Run(name, func(b *testing.B) {
				engine.EachBench(b, func(b *testing.B, o engine.Open) {
					var policy []func(*gate.Parts)
					if !bounded {
						policy = append(policy, unbounded)
					} else {
						policy = append(policy, generous)
					}
					reveals(b, o, callers, policy...)
				})
			})
		}
	}
}

// generous has bounds that are counted and never reached.
func generous(p *gate.Parts) {
	for name, r := range p.Policy.Tiers {
		r.AccountsPerHour, r.AccountsPerDay, r.MessagesPerHour, r.MessagesPerDay = 1000, 10000, 1<<40, 1<<40
		p.Policy.Tiers[name] = r
	}
}

func reveals(b *testing.B, o engine.Open, callers int, policy ...func(*gate.Parts)) {
	keys, err := ledger.NewKeys(origin)
	if err != nil {
		b.Fatal(err)
	}
	h := build(b, o, keys, policy...)
	type way struct {
		s    staff.Session
		want gate.Want
	}
	ways := make([]way, callers)
	for i := range ways {
		s := h.signIn(fmt.Sprintf("agent%d", i))
		ways[i].s = s
		a, c, m := h.customer(1)
		r := h.ask(s, gate.Ask{Case: c, Account: a, Tier: postern.TierTrace, Scope: postern.Scope{Messages: m}})
		ways[i].want = gate.Want{Grant: r.Grant, Tier: postern.TierTrace, Messages: m}
		// Sessions idle out while the others sign in.
		if i == callers-1 {
			for _, w := range ways {
				h.ok(touch(h, w.s))
			}
		}
	}
	// Rows of before the start of the clock's last minute would count as behind.
	if _, err := h.ledger.Sequence(ctx); err != nil {
		b.Fatal(err)
	}
	runtime.GC()
	took := make([][]time.Duration, callers)
	b.ResetTimer()
	var wg sync.WaitGroup
	for i, w := range ways {
		n := b.N / callers
		if i < b.N%callers {
			n++
		}
		wg.Go(func() {
			for range n {
				begun := time.Now()
				if _, _, err := h.gate.Authorise(ctx, w.s, w.want); err != nil {
					b.Error(err)
					return
				}
				took[i] = append(took[i], time.Since(begun))
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	all := slices.Concat(took...)
	slices.Sort(all)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "reveals/s")
	if len(all) > 0 {
		b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "p50-ms")
		b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
	}
}
