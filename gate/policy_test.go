package gate

import (
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

func TestParsePolicy(t *testing.T) {
	p, err := ParsePolicy([]byte(strict))
	if err != nil {
		t.Fatal(err)
	}
	want := Rule{Agree: AgreeCase, Longest: time.Hour, AccountsPerHour: 30, Outsourcers: true}
	if p.Name != "strict" || p.Tiers["account"] != want || p.Tiers["trace"].Longest != 10*time.Minute || len(p.Tiers) != 2 {
		t.Errorf("read as %+v", p)
	}
	r := p.rules()
	if _, ok := r.of(postern.TierEnvelope); ok {
		t.Error("a tier without a rule may be shown")
	}
	if _, ok := r.of(postern.TierNone); ok {
		t.Error("no tier has a rule")
	}
	if _, ok := r.of(postern.TierAttachment + 1); ok {
		t.Error("an unknown tier has a rule")
	}
}

func TestParsePolicyRefuses(t *testing.T) {
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
			_, err := ParsePolicy([]byte(text))
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
		if err := p.check(); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
	}
	d := Default()
	for tier, agree := range map[string]Agree{"account": AgreeCase, "trace": AgreeCase, "envelope": AgreeCustomerOrStaff, "content": AgreeCustomer, "attachment": AgreeCustomer} {
		if r := d.Tiers[tier]; r.Agree != agree || !r.bounded() {
			t.Errorf("default %s: %+v", tier, r)
		}
	}
	for tier, r := range Standing().Tiers {
		if r.Agree != AgreeNobody || r.bounded() || !r.Outsourcers {
			t.Errorf("standing %s: %+v", tier, r)
		}
	}
}

func FuzzParsePolicy(f *testing.F) {
	f.Add([]byte(strict))
	f.Add([]byte("name = \"x\"\n[tier]\naccount = { agree = \"case\", longest = 60000000000 }"))
	f.Add([]byte("[tier.account]\nagree = 1"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := ParsePolicy(text)
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

func TestSettle(t *testing.T) {
	m := []postern.MessageID{postern.MessageID(postern.NewID())}
	for name, one := range map[string]struct {
		want Want
		tier postern.Tier // none: refused as Invalid
	}{
		"a tier alone":                    {Want{Tier: postern.TierContent, Messages: m}, postern.TierContent},
		"fields alone":                    {Want{Fields: postern.FieldSubject, Messages: m}, postern.TierEnvelope},
		"shallow fields of a deep tier":   {Want{Tier: postern.TierAttachment, Fields: postern.FieldFrom, Messages: m}, postern.TierEnvelope},
		"mailbox names without a message": {Want{Fields: postern.FieldMailboxes}, postern.TierEnvelope},
		"a trace that found nothing":      {Want{Tier: postern.TierTrace}, postern.TierTrace},
		"nothing":                         {Want{}, 0},
		"deep fields of a shallow tier":   {Want{Tier: postern.TierEnvelope, Fields: postern.FieldBody, Messages: m}, 0},
		"a subject of no message":         {Want{Tier: postern.TierEnvelope}, 0},
		"a message at the tier account":   {Want{Tier: postern.TierAccount, Messages: m}, 0},
		"a message twice":                 {Want{Tier: postern.TierContent, Messages: append(m, m...)}, 0},
		"a field nobody knows":            {Want{Fields: 1 << 31, Messages: m}, 0},
		"a hundred and one":               {Want{Tier: postern.TierContent, Messages: make([]postern.MessageID, 101)}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := one.want
			err := w.settle()
			switch {
			case one.tier == 0:
				if postern.KindOf(err) != postern.Invalid {
					t.Errorf("settled as %+v with %v", w, err)
				}
			case err != nil || w.Tier != one.tier || w.Fields&^w.Tier.Fields() != 0:
				t.Errorf("settled as %+v with %v", w, err)
			}
		})
	}
}
