package gate_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db/open"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/staff"
)

// second opens another gate on the same data under another name, as another
// node of the same Postern would be.
func (h *house) second() *gate.Gate {
	h.t.Helper()
	handle := h.db
	if h.db.Engine() != "sqlite" { // whose file has one process
		handle = h.open(open.Staff)
	}
	lp := h.lparts
	lp.DB, lp.Node = handle, "b"
	l, err := ledger.Open(ctx, lp)
	h.ok(err)
	p := h.parts
	p.DB, p.Ledger, p.Node = handle, l, "b"
	g, err := gate.Open(ctx, p)
	h.ok(err)
	return g
}

// act is an operation of a history: a reveal by a session of a credential, or
// the end of that credential.
type act struct {
	contain    bool
	credential int
}

// ended is the sequential specification, one credential at a time: a reveal is
// allowed if and only if no containment stands before it.
var specification = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		by := map[int][]porcupine.Operation{}
		for _, o := range history {
			c := o.Input.(act).credential
			by[c] = append(by[c], o)
		}
		var parts [][]porcupine.Operation
		for _, p := range by {
			parts = append(parts, p)
		}
		return parts
	},
	Init: func() any { return false },
	Step: func(state, input, output any) (bool, any) {
		if input.(act).contain {
			return true, true
		}
		return output.(bool) != state.(bool), state
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v = %v", input, output) },
}

// TestContainIsLinearizable runs reveals through two nodes against containments,
// checks the history against the specification, and then reads the ledger: no
// disclosure of what was contained stands after its containment.
func TestContainIsLinearizable(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		const credentials, callers, tries = 4, 3, 60
		nodes := []*gate.Gate{h.gate, h.second()}
		type way struct {
			session staff.Session
			want    gate.Want
		}
		ways := make([]way, credentials)
		for i := range ways {
			s := h.signIn(fmt.Sprintf("agent%d", i))
			a, c, m := h.customer(1)
			g := h.consented(s, a, c, postern.TierContent, m...)
			ways[i] = way{s, gate.Want{Grant: g.ID, Tier: postern.TierContent, Messages: m}}
		}
		var mu sync.Mutex
		var history []porcupine.Operation
		begun := time.Now()
		note := func(client int, in act, f func() bool) bool {
			call := time.Since(begun)
			out := f()
			ret := time.Since(begun)
			mu.Lock()
			history = append(history, porcupine.Operation{ClientId: client, Input: in, Call: call.Nanoseconds(), Output: out, Return: ret.Nanoseconds()})
			mu.Unlock()
			return out
		}
		var wg sync.WaitGroup
		halfway := make([]chan struct{}, credentials)
		containments := make([]gate.Containment, credentials)
		for i, w := range ways {
			halfway[i] = make(chan struct{})
			for k := range callers {
				wg.Go(func() {
					node := nodes[(i+k)%len(nodes)]
					for n := range tries {
						if k == 0 && n == tries/3 {
							close(halfway[i])
						}
						note(i*(callers+1)+k, act{false, i}, func() bool {
							d, err := node.Reveal(ctx, w.session, w.want)
							switch {
							case err == nil:
								d.Done()
							case postern.KeyOf(err) != gate.RefusedContained:
								t.Errorf("a reveal failed: %v", err)
							}
							return err == nil
						})
					}
				})
			}
			wg.Go(func() {
				<-halfway[i]
				note(i*(callers+1)+callers, act{true, i}, func() bool {
					c, err := nodes[i%len(nodes)].Contain(ctx, gate.Actor{Name: "operator"}, gate.Target{Kind: gate.KindCredential, Subject: string(w.session.Credential)})
					if err != nil {
						t.Errorf("couldn't contain: %v", err)
					}
					containments[i] = c
					return true
				})
			})
		}
		wg.Wait()
		if got := porcupine.CheckOperationsTimeout(specification, history, 20*time.Second); got != porcupine.Ok {
			t.Errorf("the history of %d operations is %v", len(history), got)
		}
		if _, err := h.ledger.Sequence(ctx); err != nil {
			t.Fatal(err)
		}
		for i, w := range ways {
			position, ok, err := h.ledger.Position(ctx, containments[i].Seq)
			if err != nil || !ok {
				t.Fatalf("the containment has no place in the log: %v", err)
			}
			all := h.entries(ledger.Filter{Credentials: []postern.CredentialID{w.session.Credential}, DisclosuresOnly: true})
			if len(all) == 0 || len(all) == callers*tries {
				t.Errorf("%d of %d reveals happened: nothing was raced", len(all), callers*tries)
			}
			for _, e := range all {
				if e.Index >= position || e.Index < 0 {
					t.Errorf("disclosure %s stands at %d, after the containment at %d", e.Disclosure.ID, e.Index, position)
				}
			}
		}
	}, unbounded)
}

// unbounded takes the policy's bounds away, where a test reveals much.
func unbounded(p *gate.Parts) {
	for name, r := range p.Policy.Tiers {
		r.AccountsPerHour, r.AccountsPerDay, r.MessagesPerHour, r.MessagesPerDay = 0, 0, 0, 0
		p.Policy.Tiers[name] = r
	}
}

// TestEndingsAreFinal races each other way of ending a grant with reveals: after
// the ending has returned nothing is shown.
func TestEndingsAreFinal(t *testing.T) {
	rows := map[string]func(h *house, s staff.Session, a postern.AccountID, g gate.Grant) error{
		"withdraw": func(h *house, _ staff.Session, a postern.AccountID, g gate.Grant) error {
			return h.gate.Withdraw(ctx, a, g.ID)
		},
		"close": func(h *house, s staff.Session, _ postern.AccountID, g gate.Grant) error {
			return h.gate.Close(ctx, s, g.ID)
		},
		"sign out": func(h *house, s staff.Session, _ postern.AccountID, _ gate.Grant) error {
			return h.gate.EndSession(ctx, s)
		},
	}
	each(t, func(t *testing.T, h *house) {
		nodes := []*gate.Gate{h.gate, h.second()}
		for name, end := range rows {
			s := h.signIn(name[:3])
			a, c, m := h.customer(1)
			g := h.consented(s, a, c, postern.TierContent, m...)
			t.Run(name, func(t *testing.T) {
				t.Parallel() // an ending waits two seconds for the other node
				started, returned := make(chan struct{}), make(chan struct{})
				var once sync.Once
				var wg sync.WaitGroup
				for k := range 4 {
					wg.Go(func() {
						for range 200 {
							late := false
							select {
							case <-returned:
								late = true
							default:
							}
							d, err := nodes[k%2].Reveal(ctx, s, gate.Want{Grant: g.ID, Tier: postern.TierContent, Messages: m})
							once.Do(func() { close(started) })
							if err != nil {
								return
							}
							d.Done()
							if late {
								t.Error("shown after the ending had returned")
							}
						}
					})
				}
				<-started
				if err := end(h, s, a, g); err != nil {
					t.Error(err)
				}
				close(returned)
				before := h.disclosures(a)
				wg.Wait()
				if after := h.disclosures(a); after != before {
					t.Errorf("%d disclosures after the ending had returned", after-before)
				}
			})
		}
	}, unbounded)
}

// TestOneAnswer has everybody answer one request at once: one answer counts, and
// there is one grant at most.
func TestOneAnswer(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		s, boss := h.signIn("noor"), h.signIn("paul", staff.Approver)
		a, c, m := h.customer(3)
		for range 5 {
			r := h.ask(s, gate.Ask{Account: a, Case: c, Tier: postern.TierEnvelope, Scope: postern.Scope{Messages: m}})
			var mu sync.Mutex
			won := 0
			var wg sync.WaitGroup
			for _, f := range []func() error{
				func() error { _, err := h.gate.Consent(ctx, a, r.ID, gate.Narrow{Messages: m[:1]}); return err },
				func() error { _, err := h.gate.Approve(ctx, boss, r.ID, gate.Narrow{Messages: m[1:]}); return err },
				func() error { return h.gate.Decline(ctx, a, r.ID, "No.") },
				func() error { return h.gate.Refuse(ctx, boss, r.ID, "No.") },
			} {
				wg.Go(func() {
					err := f()
					mu.Lock()
					defer mu.Unlock()
					switch {
					case err == nil:
						won++
					case postern.KindOf(err) != postern.Conflict:
						t.Errorf("an answer failed: %v", err)
					}
				})
			}
			wg.Wait()
			got, err := h.gate.Request(ctx, r.ID)
			h.ok(err)
			live, err := h.gate.Grants(ctx, gate.GrantFilter{Case: c, Live: true})
			h.ok(err)
			var mine []gate.Grant
			for _, g := range live {
				if g.Request == r.ID {
					mine = append(mine, g)
				}
			}
			if won != 1 || (got.Status == gate.Granted) != (len(mine) == 1) || len(mine) > 1 {
				t.Errorf("%d answers won, the request is %s, and it has %d grants", won, got.Status, len(mine))
			}
		}
	})
}
