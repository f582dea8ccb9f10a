package policy

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/postern-mail/postern"
)

const strict = `
name = "strict"

[tier.account]
agree = "case"
longest = "1h"
accounts_per_hour = 30
outsourcers = true

[tier.trace]
agree = "customer"
longest = "10m"
messages_per_hour = 5
`

func TestParse(t *testing.T) {
	p, err := Parse([]byte(strict))
	if err != nil {
		t.Fatal(err)
	}
	want := Rule{Agree: AgreeCase, Longest: time.Hour, AccountsPerHour: 30, Outsourcers: true}
	if p.Name != "strict" || !reflect.DeepEqual(p.Tiers["account"], want) || p.Tiers["trace"].Longest != 10*time.Minute || len(p.Tiers) != 2 {
		t.Errorf("read as %+v", p)
	}
	r := p.Rules()
	if _, ok := r.Of(postern.TierEnvelope); ok {
		t.Error("a tier without a rule may be shown")
	}
	if _, ok := r.Of(postern.TierNone); ok {
		t.Error("no tier has a rule")
	}
	if _, ok := r.Of(postern.TierAttachment + 1); ok {
		t.Error("an unknown tier has a rule")
	}
}

func TestParseRefuses(t *testing.T) {
	for name, edit := range map[string]struct{ old, new, says string }{
		"a misspelt bound":             {"accounts_per_hour", "account_per_hour", "tier.account.account_per_hour"},
		"a misspelt table":             {"[tier.account]", "[tiers.account]", "tiers.account.agree"},
		"an unknown tier":              {"[tier.trace]", "[tier.body]", `"body"`},
		"an unknown demand":            {`"customer"`, `"consumer"`, `"consumer"`},
		"no demand":                    {`agree = "case"`, ``, `agree is ""`},
		"a grant for ever":             {`"1h"`, `"1000h"`, "longest"},
		"a grant for no time":          {`"1h"`, `"1s"`, "longest"},
		"no time":                      {`longest = "1h"`, ``, "longest"},
		"a time that is none":          {`"1h"`, `"soon"`, "soon"},
		"a bound below zero":           {"= 30", "= -1", "below zero"},
		"no name":                      {`name = "strict"`, ``, "name"},
		"a deeper tier that is easier": {`"customer"`, `"nobody"`, "less agreement"},
		"a deeper tier for outsiders":  {"messages_per_hour = 5", "outsourcers = true", ""},
		"a gap":                        {"[tier.trace]", "[tier.envelope]", "none"},
		"not TOML":                     {"[tier.trace]", "[tier.trace", ""},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(strict, edit.old, edit.new, 1)
			if name == "a deeper tier for outsiders" {
				text = strings.Replace(text, "outsourcers = true\n\n[tier.trace]", "\n[tier.trace]", 1)
			}
			_, err := Parse([]byte(text))
			if postern.KindOf(err) != postern.Invalid || !strings.Contains(err.Error(), edit.says) {
				t.Errorf("read with %v, which does not say %q", err, edit.says)
			}
		})
	}
}

// TestPoliciesOfTheHouse holds the two policies to what DESIGN and the drill
// say of them.
func TestPoliciesOfTheHouse(t *testing.T) {
	for _, p := range []Policy{Default(), Standing()} {
		if err := p.Check(); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
	}
	d := Default()
	for tier, agree := range map[string]Agree{"account": AgreeCase, "trace": AgreeCase, "envelope": AgreeCustomerOrStaff, "content": AgreeCustomer, "attachment": AgreeCustomer} {
		if r := d.Tiers[tier]; r.Agree != agree || !r.Bounded() {
			t.Errorf("default %s: %+v", tier, r)
		}
	}
	for tier, r := range Standing().Tiers {
		if r.Agree != AgreeNobody || r.Bounded() || !r.Outsourcers {
			t.Errorf("standing %s: %+v", tier, r)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(strict))
	f.Add([]byte("name = \"x\"\n[tier]\naccount = { agree = \"case\", longest = 60000000000 }"))
	f.Add([]byte("[tier.account]\nagree = 1"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := Parse(text)
		if err != nil {
			return
		}
		// Whatever is accepted never shows a deeper tier for less.
		strength := -1
		for _, tier := range postern.Tiers {
			r, ok := p.Tiers[tier.String()]
			if !ok {
				strength = len(demands)
				continue
			}
			if s := r.Agree.strength(); s < strength || s < 0 {
				t.Fatalf("accepted %+v", p)
			} else {
				strength = s
			}
		}
	})
}
