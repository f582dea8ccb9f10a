package policy

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern-mail/postern"
)

const house = `name = "house"
[tier.account]
agree = "case"
longest = "4h"
outsourcers = true
[tier.trace]
agree = "case"
longest = "4h"
outsourcers = true
[tier.envelope]
agree = "customer-or-staff"
longest = "30m"
accounts_per_hour = 15
mask = true
outsourcers = true
networks = ["192.0.2.0/23"]
[organisation.helpline]
deepest = "envelope"
hours = "Mon-Fri 09:00-17:00"
networks = ["192.0.2.0/24"]
[organisation.helpline.tier.envelope]
agree = "customer"
longest = "10m"
accounts_per_hour = 5
mask = true
outsourcers = true
`

func TestFor(t *testing.T) {
	p, err := Parse([]byte(house))
	if err != nil {
		t.Fatal(err)
	}
	monday := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	own, ok := p.For("helpline", "outsourcer", postern.TierEnvelope)
	if !ok || own.Agree != AgreeCustomer || own.Longest != 10*time.Minute || own.AccountsPerHour != 5 {
		t.Errorf("their envelope: %+v, %v", own, ok)
	}
	for _, c := range []struct {
		at            time.Time
		network, want string
	}{
		{monday, "192.0.2.0/24", ""},
		{monday, "192.0.3.0/24", RefusedNetwork}, // the tier's, and not theirs
		{monday, "", RefusedNetwork},
		{monday.Add(8 * time.Hour), "192.0.2.0/24", RefusedHours},
	} {
		if got := own.Allows(c.at, c.network); got != c.want {
			t.Errorf("at %s from %q: %q, want %q", c.at, c.network, got, c.want)
		}
	}
	if _, ok := p.For("helpline", "outsourcer", postern.TierContent); ok {
		t.Error("content without a rule")
	}
	if r, ok := p.For("provider", "provider", postern.TierEnvelope); !ok || r.Allows(monday.Add(8*time.Hour), "192.0.3.0/24") != "" {
		t.Error("another organisation's hours hold for the provider")
	}
}

func TestOrganisationsOnlyNarrow(t *testing.T) {
	for name, c := range map[string]struct{ old, new, says string }{
		"longer":         {`"10m"`, `"40m"`, "line 23: organisation.helpline.tier.envelope.longest"},
		"less agreement": {`agree = "customer"` + "\n", `agree = "case"` + "\n", "envelope.agree"},
		"more accounts":  {"accounts_per_hour = 5", "accounts_per_hour = 50", "line 24: organisation.helpline.tier.envelope.accounts_per_hour"},
		"no bound":       {"accounts_per_hour = 5\n", "", "accounts_per_hour"},
		"no network":     {`["192.0.2.0/24"]`, `["198.51.100.0/24"]`, "nobody could ever ask"},
		"an address":     {`["192.0.2.0/24"]`, `["192.0.2.1/32"]`, "narrower"},
		"no tier":        {`"envelope"`, `"body"`, "deepest"},
		"emergency":      {`[organisation.helpline]`, "[emergency]\ntier = \"all\"\n[organisation.helpline]", "emergency.tier"},
		"approvers":      {"longest = \"30m\"", "longest = \"30m\"\napprovers = 6", "approvers"},
		"mask elsewhere": {"longest = \"4h\"", "longest = \"4h\"\nmask = true", "mask"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(strings.Replace(house, c.old, c.new, 1)))
			if postern.KindOf(err) != postern.Invalid || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v does not say %q", err, c.says)
			}
		})
	}
}

func TestDiffAndExplain(t *testing.T) {
	for _, p := range []Policy{Strict(), Default(), Standing()} {
		if err := p.Check(); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
		if d := Diff(p, p); len(d) > 0 {
			t.Errorf("%s differs from itself: %+v", p.Name, d)
		}
		if en, fr := p.Text("en"), p.Text("fr"); en == fr || strings.Contains(en+fr, "%!") {
			t.Errorf("%s: %s%s", p.Name, en, fr)
		}
	}
	is := func(w Way) func(Difference) bool { return func(d Difference) bool { return d.Way == w } }
	if d := Diff(Default(), Strict()); slices.ContainsFunc(d, is(Looser)) {
		t.Errorf("strict is looser somewhere: %+v", d)
	}
	if d := Diff(Strict(), Default()); slices.ContainsFunc(d, is(Stricter)) {
		t.Errorf("default is stricter somewhere: %+v", d)
	}
}
