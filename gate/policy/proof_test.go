package policy

import (
	"strings"
	"testing"
	"time"

	"github.com/postern-mail/postern"
)

// TestProofs: what the policies of the house ask for before a text is shown, and
// of whom.
func TestProofs(t *testing.T) {
	may := Default()
	for _, tier := range []string{"content", "attachment"} {
		r := may.Tiers[tier]
		r.Tokens = true
		may.Tiers[tier] = r
	}
	for name, c := range map[string]struct {
		policy              Policy
		tier                string
		fresh, stale, token bool
	}{
		"default, envelope":         {Default(), "envelope", true, true, true},
		"default, content":          {Default(), "content", true, false, false},
		"default, attachment":       {Default(), "attachment", true, false, false},
		"default with tokens":       {may, "content", true, false, true},
		"strict, envelope":          {Strict(), "envelope", true, true, false},
		"standing, attachment":      {Standing(), "attachment", true, true, true},
		"a tier shown to nobody":    {Policy{}, "content", true, true, true}, // refused elsewhere
		"default, trace, no proofs": {Default(), "trace", true, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := c.policy.Tiers[c.tier]
			if r.Fresh(15*time.Minute, false) != c.fresh || r.Fresh(15*time.Minute+time.Second, false) != c.stale || r.Fresh(0, true) != c.token {
				t.Errorf("%+v", r)
			}
		})
	}
	if err := may.Check(); err != nil {
		t.Error(err)
	}
	var looser []string
	for _, d := range Diff(Default(), may) {
		if d.Way != Looser || d.Key != "tokens" {
			t.Errorf("differs by %+v", d)
		}
		looser = append(looser, d.Where)
	}
	if len(looser) != 2 {
		t.Errorf("looser at %q", looser)
	}
	for lang, says := range map[string][2]string{"en": {"in the last 15m", "not by an API token"}, "fr": {"depuis moins de 15m", "pas avec un jeton d'API"}} {
		for _, s := range says {
			if n := strings.Count(Default().Text(lang), s); n != 2 {
				t.Errorf("%s says %q %d times", lang, s, n)
			}
		}
		if s := says[1]; strings.Contains(may.Text(lang), s) {
			t.Errorf("%s says %q where tokens may", lang, s)
		}
	}
}

func TestTokensOnlyNarrow(t *testing.T) {
	const base = "name = \"x\"\n[tier.account]\nagree = \"case\"\nlongest = \"1h\"\nreauth = \"10m\"\n"
	const own = "[organisation.helpline.tier.account]\nagree = \"case\"\nlongest = \"1h\"\nreauth = \"10m\"\n"
	for name, c := range map[string]struct{ text, says string }{
		"in both":                  {base + "tokens = true\n" + own + "tokens = true\n", ""},
		"in the tier alone":        {base + "tokens = true\n" + own, ""},
		"in the organisation":      {base + own + "tokens = true\n", "organisation.helpline.tier.account.tokens"},
		"where none asks of all":   {strings.Replace(base, "reauth = \"10m\"\n", "", 1) + own + "tokens = true\n", ""},
		"without a proof":          {strings.Replace(base, "reauth = \"10m\"", "tokens = true", 1), "tier.account.tokens"},
		"a deeper tier for tokens": {base + "[tier.trace]\nagree = \"case\"\nlongest = \"1h\"\nreauth = \"10m\"\ntokens = true\n", "tier.trace.tokens"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(c.text))
			if (err == nil) != (c.says == "") || err != nil && (postern.KindOf(err) != postern.Invalid || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("%v, want %q", err, c.says)
			}
		})
	}
}
