package policy

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/ledger/verify"
)

// history writes what a gate under a policy would have: every act that the
// policy's own rules allow, and a refusal for each that they do not.
type history struct {
	entries []ledger.Entry
	policy  Policy
	spent   *spending
}

func (h *history) add(e ledger.Entry) {
	e.Index = int64(len(h.entries))
	e.Seq = e.Index + 1
	h.entries = append(h.entries, e)
}

var kinds = map[postern.OrganisationID]string{"provider": "provider", "helpline": "outsourcer"}

func invent(p Policy, seed uint64, n int) []ledger.Entry {
	chance := rand.New(rand.NewPCG(seed, 1))
	h := &history{policy: p, spent: newSpending()}
	at := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	for i := 0; len(h.entries) < n; i++ {
		at = at.Add(time.Duration(chance.IntN(600)) * time.Second)
		org := []postern.OrganisationID{"provider", "helpline"}[chance.IntN(2)]
		who := chance.IntN(6)
		staff, session := postern.StaffID(fmt.Sprint(org, who)), postern.SessionID(fmt.Sprint("s", org, who))
		account, tier := postern.AccountID(fmt.Sprint("a", chance.IntN(40))), postern.Tiers[chance.IntN(5)]
		rule, ok := p.For(org, kinds[org], tier)
		key := rule.Allows(at, "")
		if !ok || key != "" {
			if !ok {
				key = "gate.refused.outsourcer"
			}
			h.add(ledger.Entry{Control: &ledger.Control{Kind: verify.ControlRefusal, At: at, Actor: staff, Session: session, Organisation: org, Case: "c", Subject: key,
				Detail: "what ask\ntier " + tier.String() + "\n"}})
			continue
		}
		by, c := "policy", postern.CaseID("c")
		switch rule.Agree {
		case AgreeNobody:
			if chance.IntN(2) == 0 {
				c = ""
			}
		case AgreeCustomerOrStaff:
			by = []string{"customer", "Nadia, Paul"}[chance.IntN(2)]
		case AgreeCustomer:
			by = "customer"
		}
		if by != "policy" {
			h.add(ledger.Entry{Control: &ledger.Control{Kind: verify.ControlRequest, At: at, Actor: staff, Session: session, Organisation: org, Case: c, Account: account,
				Detail: "tier " + tier.String() + "\n"}})
		}
		if by == "Nadia, Paul" {
			h.add(ledger.Entry{Control: &ledger.Control{Kind: verify.ControlConsent, At: at, Organisation: org, Case: c, Account: account, Detail: "agreed 2 of 2\n"}})
		}
		grant := postern.GrantID(fmt.Sprint("g", i))
		h.add(ledger.Entry{Control: &ledger.Control{Kind: verify.ControlGrant, At: at, Actor: staff, Session: session, Organisation: org, Case: c, Account: account, Grant: grant,
			Subject: tier.String(), Detail: "tier " + tier.String() + "\nagreed " + by + "\n"}})
		for range chance.IntN(4) {
			later := at.Add(time.Duration(chance.Int64N(int64(rule.Longest))))
			if later.After(at.Add(time.Minute)) {
				later = at
			}
			count := chance.IntN(30)
			if tier == postern.TierAccount {
				count = 0
			}
			s := showing{later, tier, org, session, staff, account, grant, c != "", count}
			if h.spent.spend(rule, s, later.Unix()/60) {
				h.add(ledger.Entry{Disclosure: &ledger.Disclosure{At: later, Tier: tier, Account: account, Grant: grant, Case: c, Session: session, Staff: staff,
					Organisation: org, Messages: make([]postern.MessageID, count), Fields: tier.Fields()}})
			} else {
				h.add(ledger.Entry{Control: &ledger.Control{Kind: verify.ControlRefusal, At: later, Actor: staff, Session: session, Organisation: org, Case: c, Account: account, Grant: grant,
					Subject: "gate.refused.budget", Detail: fmt.Sprintf("what reveal\ntier %s\nmessages %d\n", tier, count)}})
			}
		}
		h.add(ledger.Entry{Control: &ledger.Control{Kind: verify.ControlEnd, At: at, Grant: grant, Subject: "closed"}})
	}
	return h.entries
}

func run(p Policy, entries []ledger.Entry, since time.Time) Report {
	r := NewReplay(p, Sources{Kinds: kinds}, since, time.Time{})
	for _, e := range entries {
		r.Add(e)
	}
	return r.Report()
}

// TestReplayOfTheSamePolicy: what a policy allowed it allows again, and what it
// refused it refuses again; from any time on.
func TestReplayOfTheSamePolicy(t *testing.T) {
	for _, p := range []Policy{Strict(), Default(), Standing()} {
		for seed := range uint64(8) {
			entries := invent(p, seed, 3000)
			for _, since := range []time.Time{{}, time.Date(2026, 3, 2, 20, 0, 0, 0, time.UTC)} {
				r := run(p, entries, since)
				for what, tally := range map[string]Tally{"disclosures": r.Disclosures, "grants": r.Grants} {
					if tally.Total == 0 || tally.Allowed != tally.Total {
						t.Fatalf("%s, seed %d: %s: %+v %v", p.Name, seed, what, tally.Count, tally.Examples)
					}
				}
				if r.Refusals.Refused != r.Refusals.Total || r.Requests.Delayed != r.Requests.Total {
					t.Errorf("%s, seed %d: refusals %+v, requests %+v", p.Name, seed, r.Refusals.Count, r.Requests.Count)
				}
			}
		}
	}
}

// TestReplayUnderStanding: everything that a policy decided is allowed.
func TestReplayUnderStanding(t *testing.T) {
	for _, p := range []Policy{Strict(), Default()} {
		r := run(Standing(), invent(p, 3, 3000), time.Time{})
		for what, tally := range map[string]Tally{"disclosures": r.Disclosures, "grants": r.Grants, "requests": r.Requests, "refusals": r.Refusals} {
			if tally.Total == 0 || tally.Allowed != tally.Total {
				t.Errorf("%s: %s: %+v", p.Name, what, tally.Count)
			}
		}
	}
}

// TestTotalsAddUp holds every way of counting to the same sum.
func TestTotalsAddUp(t *testing.T) {
	entries := invent(Standing(), 5, 5000)
	for _, p := range []Policy{Strict(), Default()} {
		r := run(p, entries, time.Time{})
		sum := r.Others
		for what, tally := range map[string]Tally{"disclosures": r.Disclosures, "grants": r.Grants, "requests": r.Requests, "refusals": r.Refusals} {
			sum += tally.Total
			var tiers, orgs, staff, why int64
			for _, c := range tally.Tiers {
				tiers += c.Allowed + c.Delayed + c.Refused + c.Unknown
			}
			for _, c := range tally.Organisations {
				orgs += c.Total
			}
			for _, c := range tally.Staff {
				staff += c.Total
			}
			for _, by := range tally.Why {
				for _, n := range by {
					why += n
				}
			}
			if tiers != tally.Total || orgs != tally.Total || staff != tally.Total || why != tally.Total-tally.Allowed {
				t.Errorf("%s: %s: %d by tier, %d by organisation, %d by member, %d reasons: %+v", p.Name, what, tiers, orgs, staff, why, tally.Count)
			}
		}
		if sum != r.Entries || r.Entries != int64(len(entries)) || r.Disclosures.Refused == 0 || r.Disclosures.Delayed == 0 {
			t.Errorf("%s: %d of %d entries: %+v", p.Name, sum, len(entries), r.Disclosures.Count)
		}
	}
}

// TestReplayDoesNotGuess: a network that the ledger does not say is unknown.
func TestReplayDoesNotGuess(t *testing.T) {
	p, err := Parse([]byte("name = \"x\"\n[tier.account]\nagree = \"nobody\"\nlongest = \"1h\"\noutsourcers = true\nnetworks = [\"192.0.2.0/24\"]\n"))
	if err != nil {
		t.Fatal(err)
	}
	d := &ledger.Disclosure{At: time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC), Tier: postern.TierAccount, Organisation: "provider", Session: "s", Staff: "m", Case: "c"}
	for network, want := range map[string]Outcome{"": Unknown, "192.0.2.0/24": Allowed, "198.51.100.0/24": Refused} {
		r := NewReplay(p, Sources{Kinds: kinds, Network: func(postern.SessionID) string { return network }}, time.Time{}, time.Time{})
		r.Add(ledger.Entry{Disclosure: d})
		got := r.Report().Disclosures
		if got.Total != 1 || got.Why[string(want)] == nil && want != Allowed || want == Allowed && got.Allowed != 1 {
			t.Errorf("from %q: %+v", network, got.Count)
		}
	}
}

func BenchmarkReplay(b *testing.B) {
	entries := invent(Standing(), 1, 1_000_000)
	b.ResetTimer()
	for b.Loop() {
		run(Default(), entries, time.Time{})
	}
}
