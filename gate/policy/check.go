package policy

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/postern-mail/postern"
)

// longest bounds every grant: a working day and its overtime. A grant dies with
// its session anyway.
const longest = 12 * time.Hour

// maxApprovers bounds how many members of staff a rule may ask: more people than
// that are not awake at once.
const maxApprovers = 5

// fault is what a policy says that it cannot mean, and where: in which table,
// by which key.
type fault struct{ table, key, text string }

func (f *fault) Error() string {
	if f.table == "" {
		return f.text
	}
	return strings.Trim(f.table+"."+f.key, ".") + ": " + f.text
}

func invalid(text string, err error) error {
	return &postern.Error{Kind: postern.Invalid, Key: "gate.policy.invalid", Text: text, Err: err}
}

// Check refuses a policy that says what it cannot mean.
func (p Policy) Check() error {
	if f := p.check(); f != nil {
		return invalid(f.Error(), nil)
	}
	return nil
}

// atLine gives the error of a fault in a file, with the line that it is about.
func (f *fault) atLine(text []byte) error {
	if n := lineOf(string(text), f.table, f.key); n > 0 {
		return invalid(fmt.Sprintf("line %d: %s", n, f.Error()), nil)
	}
	return invalid(f.Error(), nil)
}

// lineOf finds where a table's key stands, else the table; 0 for neither, as
// when the table is written in line.
func lineOf(text, table, key string) (found int) {
	in := table == ""
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			if in = strings.NewReplacer(" ", "", `"`, "", "'", "").Replace(strings.SplitN(line, "]", 2)[0]) == "["+table; in {
				found = n
			}
			continue
		}
		if name, _, ok := strings.Cut(line, "="); ok && in && key != "" && strings.TrimSpace(name) == key {
			return n
		}
	}
	return found
}

func (p Policy) check() *fault {
	if p.Name == "" || len(p.Name) > 40 {
		return &fault{"", "", "the policy needs a name of at most 40 letters"}
	}
	if f := checkTiers("tier", p.Tiers); f != nil {
		return f
	}
	if f := ladder("tier", func(t postern.Tier) (Rule, bool) { r, ok := p.Tiers[t.String()]; return r, ok }); f != nil {
		return f
	}
	for _, id := range slices.Sorted(maps.Keys(p.Organisations)) {
		if f := p.checkOrganisation(id, p.Organisations[id]); f != nil {
			return f
		}
	}
	return p.Emergency.check()
}

// checkTiers checks each rule by itself.
func checkTiers(table string, tiers map[string]Rule) *fault {
	for _, name := range slices.Sorted(maps.Keys(tiers)) {
		t, ok := postern.TierNamed(name)
		if !ok {
			return &fault{table + "." + name, "", fmt.Sprintf("%q is no tier: use account, trace, envelope, content or attachment", name)}
		}
		if f := tiers[name].check(table+"."+name, t); f != nil {
			return f
		}
	}
	return nil
}

func (r Rule) check(table string, t postern.Tier) *fault {
	switch {
	case r.Agree.strength() < 0:
		return &fault{table, "agree", fmt.Sprintf("agree is %q: use nobody, case, customer-or-staff or customer", r.Agree)}
	case r.Longest < time.Minute || r.Longest > longest:
		return &fault{table, "longest", fmt.Sprintf("longest is %s: write one between 1m and %s", r.Longest, plain(longest))}
	case r.Approvers < 0 || r.Approvers > maxApprovers:
		return &fault{table, "approvers", fmt.Sprintf("approvers is %d: write one between 0 and %d", r.Approvers, maxApprovers)}
	case r.Approvers > 1 && r.Agree != AgreeCustomerOrStaff:
		return &fault{table, "approvers", fmt.Sprintf("approvers is %d, and agree is %q: no member of staff is asked there", r.Approvers, r.Agree)}
	case r.Reauth != 0 && (r.Reauth < time.Minute || r.Reauth > longest):
		return &fault{table, "reauth", fmt.Sprintf("reauth is %s: write one between 1m and %s, or 0s for none", r.Reauth, plain(longest))}
	case r.Tokens && r.Reauth == 0:
		return &fault{table, "tokens", "tokens says something only beside reauth: without it API tokens are like everybody"}
	case r.Mask && t != postern.TierEnvelope:
		return &fault{table, "mask", "only the tier envelope is masked: write it there"}
	}
	for _, b := range r.bounds() {
		if b.n < 0 {
			return &fault{table, b.key, b.key + " is a bound below zero: write 0 for none"}
		}
	}
	return checkNetworks(table, r.Networks)
}

// bound is one of a rule's numbers.
type bound struct {
	key string
	n   int
}

func (r Rule) bounds() [4]bound {
	return [...]bound{{"accounts_per_hour", r.AccountsPerHour}, {"accounts_per_day", r.AccountsPerDay},
		{"messages_per_hour", r.MessagesPerHour}, {"messages_per_day", r.MessagesPerDay}}
}

func checkNetworks(table string, networks []netip.Prefix) *fault {
	for _, n := range networks {
		most := 24
		if n.Addr().Is6() {
			most = 48
		}
		switch {
		case !n.IsValid() || n.Addr().Is4In6():
			return &fault{table, "networks", "a network is written like 203.0.113.0/24 or 2001:db8:1::/48"}
		case n != n.Masked():
			return &fault{table, "networks", fmt.Sprintf("%s has bits after its prefix: write %s", n, n.Masked())}
		case n.Bits() > most:
			return &fault{table, "networks", fmt.Sprintf("%s is narrower than a session knows of itself: write a /%d or wider", n, most)}
		}
	}
	return nil
}

// ladder checks the tiers against each other. A grant covers the shallower
// tiers, so a deeper tier that is easier to get would be a way around the
// shallower rule.
func ladder(table string, rule func(postern.Tier) (Rule, bool)) *fault {
	var above Rule
	var name, missing string
	for _, t := range postern.Tiers {
		r, ok := rule(t)
		here := table + "." + t.String()
		why := ": a deeper tier shows the shallower one too"
		switch {
		case !ok:
			missing = t.String()
			continue
		case missing != "":
			return &fault{here, "", fmt.Sprintf("%s has a rule and %s has none%s", t, missing, why)}
		case name == "":
		case r.Agree.strength() < above.Agree.strength():
			return &fault{here, "agree", fmt.Sprintf("asks for less agreement (%s) than %s does (%s)%s", r.Agree, name, above.Agree, why)}
		case r.Agree == AgreeCustomerOrStaff && r.Agree == above.Agree && max(1, r.Approvers) < max(1, above.Approvers):
			return &fault{here, "approvers", fmt.Sprintf("asks fewer approvers than %s does%s", name, why)}
		case above.Reauth > 0 && (r.Reauth == 0 || r.Reauth > above.Reauth):
			return &fault{here, "reauth", fmt.Sprintf("asks for a less fresh proof than %s does%s", name, why)}
		case r.takesTokens() && !above.takesTokens():
			return &fault{here, "tokens", fmt.Sprintf("is open to API tokens and %s is not%s", name, why)}
		case r.Outsourcers && !above.Outsourcers:
			return &fault{here, "outsourcers", fmt.Sprintf("is open to outsourcers and %s is not%s", name, why)}
		}
		above, name = r, t.String()
	}
	return nil
}

// checkOrganisation checks that an organisation's part only narrows, bound by
// bound, and that what is left is a ladder still.
func (p Policy) checkOrganisation(id string, o Organisation) *fault {
	table := "organisation." + id
	if id == "" || len(id) > 40 {
		return &fault{table, "", "an organisation's id has 1 to 40 letters"}
	}
	if _, ok := postern.TierNamed(o.Deepest); o.Deepest != "" && !ok {
		return &fault{table, "deepest", fmt.Sprintf("%q is no tier: use account, trace, envelope, content or attachment", o.Deepest)}
	}
	if f := checkNetworks(table, o.Networks); f != nil {
		return f
	}
	if f := checkTiers(table+".tier", o.Tiers); f != nil {
		return f
	}
	for _, t := range postern.Tiers {
		own, ok := o.Tiers[t.String()]
		if !ok {
			continue
		}
		here := table + ".tier." + t.String()
		base, ok := p.Tiers[t.String()]
		if !ok {
			return &fault{here, "", fmt.Sprintf("shows them a tier that tier.%s shows to nobody; an organisation can only narrow", t)}
		}
		if key, text := widens(own, base); key != "" {
			return &fault{here, key, fmt.Sprintf("%s, which is wider than tier.%s; an organisation can only narrow", text, t)}
		}
	}
	for _, t := range postern.Tiers {
		if r, _ := p.For(postern.OrganisationID(id), "provider", t); r.nowhere {
			return &fault{table, "networks", fmt.Sprintf("none of them is among those of tier.%s: nobody could ever ask; write ask = false if that is meant", t)}
		}
	}
	return ladder(table+".tier", func(t postern.Tier) (Rule, bool) {
		return p.For(postern.OrganisationID(id), "provider", t)
	})
}

// widens says which of a rule's keys allows more than a base does, and how. Hours
// and networks never do: the base's hold besides.
func widens(own, base Rule) (key, text string) {
	for _, d := range compare(base, own) {
		if d.Way == Looser && d.Key != "hours" && d.Key != "networks" {
			return d.Key, fmt.Sprintf("%s is %s where the tier says %s", d.Key, d.New, d.Old)
		}
	}
	return "", ""
}

func (e Emergency) check() *fault {
	_, ok := postern.TierNamed(e.Tier)
	switch {
	case e.Tier == "" && e.Longest != 0:
		return &fault{"emergency", "longest", "longest is set and tier is not: write the deepest tier that emergency access may reach"}
	case e.Tier == "":
		return nil
	case !ok:
		return &fault{"emergency", "tier", fmt.Sprintf("%q is no tier: use account, trace, envelope, content or attachment", e.Tier)}
	case e.Longest < time.Minute || e.Longest > longest:
		return &fault{"emergency", "longest", fmt.Sprintf("longest is %s: write one between 1m and %s", cmp.Or(e.Longest, 0), plain(longest))}
	}
	return nil
}

// plain writes a duration as people do: 4h, not 4h0m0s.
func plain(d time.Duration) string {
	s := d.String()
	s = strings.TrimSuffix(s, "m0s")
	if s != d.String() {
		s += "m"
	}
	if h, ok := strings.CutSuffix(s, "h0m"); ok {
		s = h + "h"
	}
	return s
}
