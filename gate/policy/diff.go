package policy

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/staff"
)

// Way says in which direction a difference goes.
type Way string

// The ways. Other is a difference that is neither, or of which that cannot be
// told, such as hours in two time zones.
const (
	Stricter Way = "stricter"
	Looser   Way = "looser"
	Other    Way = "neither"
)

// Difference is one thing that two policies say differently.
type Difference struct {
	Where string `json:"where"` // "tier.content", "organisation.helpline.tier.content", "emergency"
	Key   string `json:"key"`   // "longest"; "" for the whole
	Old   string `json:"old"`
	New   string `json:"new"`
	Way   Way    `json:"way"`
}

// Diff says what became stricter, looser, or neither from old to new. For
// organisations it compares what holds for their staff in the end, and says it
// only where that is not what the tiers' own difference says already.
func Diff(old, new Policy) []Difference {
	all := []Difference{}
	if old.Name != new.Name {
		all = append(all, Difference{"", "name", old.Name, new.Name, Other})
	}
	base := map[postern.Tier][]Difference{}
	for _, t := range postern.Tiers {
		a, hadOne := old.For("", "provider", t)
		b, hasOne := new.For("", "provider", t)
		base[t] = place("tier."+t.String(), a, hadOne, b, hasOne)
		all = append(all, base[t]...)
	}
	both := map[string]Organisation{}
	maps.Copy(both, old.Organisations)
	maps.Copy(both, new.Organisations)
	for _, id := range slices.Sorted(maps.Keys(both)) {
		for _, t := range postern.Tiers {
			a, hadOne := old.For(postern.OrganisationID(id), "provider", t)
			b, hasOne := new.For(postern.OrganisationID(id), "provider", t)
			for _, d := range place("organisation."+id+".tier."+t.String(), a, hadOne, b, hasOne) {
				if !slices.ContainsFunc(base[t], func(x Difference) bool { return x.Key == d.Key && x.Old == d.Old && x.New == d.New }) {
					all = append(all, d)
				}
			}
		}
	}
	return append(all, old.Emergency.compare(new.Emergency)...)
}

func place(where string, a Rule, hadOne bool, b Rule, hasOne bool) (all []Difference) {
	switch {
	case !hadOne && !hasOne:
		return nil
	case !hadOne:
		return []Difference{{where, "", "nobody", b.Agree.words(b.Approvers), Looser}}
	case !hasOne:
		return []Difference{{where, "", a.Agree.words(a.Approvers), "nobody", Stricter}}
	}
	all = compare(a, b)
	for i := range all {
		all[i].Where = where
	}
	return all
}

func (a Agree) words(approvers int) string {
	if a == AgreeCustomerOrStaff && approvers > 1 {
		return fmt.Sprintf("%s (%d approvers)", a, approvers)
	}
	return string(a)
}

// compare says key by key how a rule differs from another.
func compare(old, new Rule) (all []Difference) {
	add := func(key, a, b string, way Way) {
		if a != b {
			all = append(all, Difference{"", key, a, b, way})
		}
	}
	add("agree", string(old.Agree), string(new.Agree), way(new.Agree.strength()-old.Agree.strength()))
	// How many are asked says something only where staff are asked in both.
	if old.Agree == new.Agree && new.Agree == AgreeCustomerOrStaff {
		a, b := max(1, old.Approvers), max(1, new.Approvers)
		add("approvers", strconv.Itoa(a), strconv.Itoa(b), way(b-a))
	}
	add("longest", plain(old.Longest), plain(new.Longest), way(int(old.Longest-new.Longest)))
	before := old.bounds()
	for i, b := range new.bounds() {
		add(b.key, unbounded(before[i].n), unbounded(b.n), fewer(before[i].n, b.n))
	}
	add("outsourcers", strconv.FormatBool(old.Outsourcers), strconv.FormatBool(new.Outsourcers), either(!new.Outsourcers))
	add("mask", strconv.FormatBool(old.Mask), strconv.FormatBool(new.Mask), either(new.Mask))
	add("reauth", never(old.Reauth), never(new.Reauth), fewer(int(old.Reauth), int(new.Reauth)))
	add("tokens", strconv.FormatBool(old.takesTokens()), strconv.FormatBool(new.takesTokens()), either(!new.takesTokens()))
	add("hours", old.hours(), new.hours(), hoursWay(old, new))
	add("networks", old.networks(), new.networks(), networksWay(old, new))
	return all
}

func (e Emergency) compare(new Emergency) (all []Difference) {
	a, _ := postern.TierNamed(e.Tier)
	b, _ := postern.TierNamed(new.Tier)
	if a != b {
		all = append(all, Difference{"emergency", "tier", a.String(), b.String(), way(int(a) - int(b))})
	}
	if a != 0 && b != 0 && e.Longest != new.Longest {
		all = append(all, Difference{"emergency", "longest", plain(e.Longest), plain(new.Longest), way(int(e.Longest - new.Longest))})
	}
	return all
}

// way is the direction of a demand that grew by so much.
func way(grew int) Way {
	switch {
	case grew > 0:
		return Stricter
	case grew < 0:
		return Looser
	}
	return Other
}

func either(stricter bool) Way {
	if stricter {
		return Stricter
	}
	return Looser
}

// fewer compares two bounds of which 0 is none.
func fewer(old, new int) Way {
	switch {
	case old == new:
		return Other
	case new == 0:
		return Looser
	case old == 0:
		return Stricter
	}
	return way(old - new)
}

func unbounded(n int) string {
	if n == 0 {
		return "unbounded"
	}
	return strconv.Itoa(n)
}

func never(d time.Duration) string {
	if d == 0 {
		return "sign-in only"
	}
	return plain(d)
}

// hours gives all the hours that hold, as they were written.
func (r Rule) hours() string {
	var all []string
	for _, h := range append([]staff.Hours{r.Hours}, r.within...) {
		if !h.Always() && !slices.Contains(all, h.String()) {
			all = append(all, h.String())
		}
	}
	if len(all) == 0 {
		return "always"
	}
	return strings.Join(all, " and ")
}

func (r Rule) networks() string {
	if r.nowhere {
		return "nowhere"
	}
	if len(r.Networks) == 0 {
		return "everywhere"
	}
	words := make([]string, len(r.Networks))
	for i, n := range r.Networks {
		words[i] = n.String()
	}
	slices.Sort(words)
	return strings.Join(slices.Compact(words), ", ")
}

// hoursWay compares hours minute by minute over weeks of winter, of summer and
// around the days on which zones move their clocks.
func hoursWay(old, new Rule) Way {
	if old.hours() == new.hours() {
		return Other
	}
	var gained, lost bool
	for _, monday := range [...]int{5, 68, 89, 187, 299, 306} { // of 2026, day by day of the year
		start := time.Date(2026, 1, monday, 0, 0, 0, 0, time.UTC)
		for at := start; at.Before(start.AddDate(0, 0, 7)) && !(gained && lost); at = at.Add(time.Minute) {
			_, a := old.Open(at)
			_, b := new.Open(at)
			gained, lost = gained || b && !a, lost || a && !b
		}
	}
	switch {
	case gained && !lost:
		return Looser
	case lost && !gained:
		return Stricter
	}
	return Other
}

func networksWay(old, new Rule) Way {
	inside := func(a, b Rule) bool {
		if a.nowhere || len(b.Networks) == 0 && !b.nowhere {
			return true
		}
		return len(a.Networks) > 0 && !slices.ContainsFunc(a.Networks, func(x netip.Prefix) bool { return !b.from(x.String()) })
	}
	switch a, b := inside(new, old), inside(old, new); {
	case a && !b:
		return Stricter
	case b && !a:
		return Looser
	}
	return Other
}
