package gate_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/gate/policy"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/testkit/engine"
)

// replayed is a policy that has everything a rule can have.
const replayed = `name = "replayed"
[tier.account]
agree = "case"
longest = "1h"
accounts_per_hour = 3
accounts_per_day = 5
outsourcers = true
[tier.trace]
agree = "case"
longest = "1h"
outsourcers = true
[tier.envelope]
agree = "customer-or-staff"
approvers = 2
longest = "30m"
messages_per_hour = 7
mask = true
hours = "Mon-Sun 07:00-19:00"
[tier.content]
agree = "customer"
longest = "30m"
accounts_per_hour = 2
messages_per_hour = 5
messages_per_day = 12
hours = "Mon-Sun 08:00-18:00"
networks = ["203.0.113.0/24"]
[emergency]
tier = "content"
longest = "20m"
`

// TestReplayOfARealLedger replays what the gate itself wrote: under the same
// policy everything that it showed and granted is allowed again, and everything
// that it refused is refused again.
func TestReplayOfARealLedger(t *testing.T) {
	own, err := policy.Parse([]byte(replayed))
	if err != nil {
		t.Fatal(err)
	}
	for seed, p := range []policy.Policy{own, own, own, policy.Strict(), policy.Default(), policy.Standing()} {
		t.Run(p.Name, func(t *testing.T) {
			engine.Each(t, func(t *testing.T, o engine.Open) {
				keys, err := ledger.NewKeys(origin)
				if err != nil {
					t.Fatal(err)
				}
				l := &lived{house: build(t, o, keys, func(parts *gate.Parts) { parts.Policy, parts.Teller = p, &inbox{} }), chance: rand.New(rand.NewPCG(uint64(seed), 7))}
				l.live(240)
				l.compare(t, p)
			})
		})
	}
}

// lived is a house in which much happens, sequenced in batches, as a ledger is
// that has much to do.
type lived struct {
	*house
	chance    *rand.Rand
	agents    []staff.Session
	approvers []staff.Session
	grants    []gate.Grant
	shown     int
}

func (l *lived) live(steps int) {
	l.clock.before = func() {
		_, err := l.ledger.Sequence(ctx)
		l.ok(err)
	}
	type with struct {
		a postern.AccountID
		c postern.CaseID
		m []postern.MessageID
	}
	var customers []with
	for range 7 {
		a, c, m := l.customer(4)
		customers = append(customers, with{a, c, m})
	}
	for step := range steps {
		if step%40 == 0 {
			l.clock.pass(time.Duration(l.chance.IntN(300)) * time.Minute)
			l.signAllIn()
		}
		if l.chance.IntN(10) == 0 {
			l.clock.pass(time.Duration(1+l.chance.IntN(4)) * time.Minute)
		}
		k, agent := customers[l.chance.IntN(len(customers))], l.agents[l.chance.IntN(len(l.agents))]
		if l.chance.IntN(4) > 0 && len(l.grants) > 0 {
			l.show()
			continue
		}
		ask := complete(gate.Ask{Case: k.c, Account: k.a, Tier: postern.Tiers[l.chance.IntN(4)]})
		if ask.Tier > postern.TierAccount {
			ask.Scope.Messages = k.m[:1+l.chance.IntN(4)]
		}
		if ask.Once = l.chance.IntN(5) == 0; l.chance.IntN(8) == 0 {
			ask.Emergency, ask.Reason = true, postern.ReasonLegal
			if l.chance.IntN(2) == 0 {
				ask.Case = ""
			}
		}
		r, err := l.gate.Ask(ctx, agent, ask)
		if err != nil {
			continue
		}
		switch {
		case r.Grant != "":
			g, err := l.gate.Grant(ctx, r.Grant)
			l.ok(err)
			l.grants = append(l.grants, g)
		case r.Status == gate.Waiting && r.NeedsCustomer || !r.Emergency && l.chance.IntN(3) == 0:
			// Consent comes when the customer reads it, at any hour.
			if g, err := l.gate.Consent(ctx, k.a, r.ID, gate.Narrow{}); err == nil && g.ID != "" {
				l.grants = append(l.grants, g)
			}
		default:
			for _, s := range l.approvers {
				if g, err := l.gate.Approve(ctx, s, r.ID, gate.Narrow{}); err == nil && g.ID != "" {
					l.grants = append(l.grants, g)
				}
			}
		}
	}
	_, err := l.ledger.Sequence(ctx)
	l.ok(err)
}

// signAllIn begins a shift: whoever acted before asks again.
func (l *lived) signAllIn() {
	l.grants = nil
	l.agents = []staff.Session{l.signIn("noor"), l.signIn("bo")}
	l.approvers = []staff.Session{l.signIn("mona", staff.Approver), l.signIn("rosa", staff.Approver, staff.Responder)}
}

func (l *lived) show() {
	g := l.grants[max(0, len(l.grants)-1-l.chance.IntN(6))]
	s := staff.Session{ID: g.Session, Staff: g.Staff, Organisation: g.Organisation}
	want := gate.Want{Grant: g.ID, Tier: g.Tier, Messages: g.Messages}
	if n := len(g.Messages); n > 1 {
		want.Messages = g.Messages[:1+l.chance.IntN(n)]
	}
	if g.Tier == postern.TierEnvelope && l.chance.IntN(2) == 0 {
		want.Fields, want.Messages = postern.FieldSubject, g.Messages[:1]
	}
	d, err := l.gate.Reveal(ctx, s, want)
	if err == nil {
		l.shown++
		d.Done()
	}
}

func (l *lived) compare(t *testing.T, p policy.Policy) {
	t.Helper()
	entries, err := l.ledger.Entries(ctx, -1, 1_000_000)
	l.ok(err)
	r := policy.NewReplay(p, policy.Sources{Kinds: map[postern.OrganisationID]string{"provider": "provider", "helpline": "outsourcer"},
		Network: func(postern.SessionID) string { return l.network }}, time.Time{}, time.Time{})
	for _, e := range entries {
		r.Add(e)
	}
	got := r.Report()
	if int(got.Disclosures.Total) != l.shown || l.shown == 0 || got.Grants.Total == 0 {
		t.Errorf("%d disclosures and %d grants of %d shown", got.Disclosures.Total, got.Grants.Total, l.shown)
	}
	for what, tally := range map[string]policy.Tally{"disclosures": got.Disclosures, "grants": got.Grants} {
		if tally.Allowed != tally.Total {
			t.Errorf("%s: %+v %v", what, tally.Count, tally.Examples)
		}
	}
	if got.Refusals.Refused != got.Refusals.Total {
		t.Errorf("refusals: %+v %v", got.Refusals.Count, got.Refusals.Examples)
	}
	t.Logf("%d entries, %d disclosures, %d grants, %d refusals %v", got.Entries, got.Disclosures.Total, got.Grants.Total, got.Refusals.Total, got.Refusals.Why["refused"])
}
