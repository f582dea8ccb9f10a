package policy

import (
	"net/netip"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/staff"
)

// The keys of what a rule refuses by itself, as the gate's other refusals.
const (
	RefusedHours   = "gate.refused.hours"   // outside the policy's hours
	RefusedNetwork = "gate.refused.network" // from a network that the policy does not name
)

// For gives the rule that holds for the staff of an organisation of a kind
// ("provider" or "outsourcer") at a tier: the tier's own, narrowed by what the
// policy says of the organisation. ok is false where they may not ask at all.
// Where that is because the tier is closed to outsourcers, the rule is given
// nevertheless, so that the refusal can say so.
func (p Policy) For(org postern.OrganisationID, kind string, t postern.Tier) (rule Rule, ok bool) {
	rule, ok = p.Tiers[t.String()]
	if !ok || rule.Agree == "" {
		return Rule{}, false
	}
	if o, named := p.Organisations[string(org)]; named {
		deepest, bounded := postern.TierNamed(o.Deepest)
		if o.Ask != nil && !*o.Ask || bounded && t > deepest {
			return Rule{}, false
		}
		if own, narrower := o.Tiers[t.String()]; narrower {
			rule = own.also(rule.Hours, rule.Networks)
		}
		rule = rule.also(o.Hours, o.Networks)
	}
	return rule, kind == "provider" || rule.Outsourcers
}

// also gives the rule with hours and networks that hold besides its own.
func (r Rule) also(h staff.Hours, networks []netip.Prefix) Rule {
	if !h.Always() {
		r.within = append(r.within[:len(r.within):len(r.within)], h)
	}
	switch {
	case len(networks) == 0:
	case len(r.Networks) == 0 && !r.nowhere:
		r.Networks = networks
	default:
		r.Networks = common(r.Networks, networks)
		r.nowhere = len(r.Networks) == 0
	}
	return r
}

// common gives the networks that are in both lists. Of two prefixes that
// overlap one holds the other.
func common(a, b []netip.Prefix) (both []netip.Prefix) {
	for _, x := range a {
		for _, y := range b {
			switch {
			case !x.Overlaps(y):
			case x.Bits() >= y.Bits():
				both = append(both, x)
			default:
				both = append(both, y)
			}
		}
	}
	return both
}

// Open says whether the rule's hours allow a time, and until when; until is zero
// where there are no hours to keep to.
func (r Rule) Open(at time.Time) (until time.Time, open bool) {
	until, open = r.Hours.Open(at)
	for _, h := range r.within {
		end, also := h.Open(at)
		open = open && also
		if until.IsZero() || !end.IsZero() && end.Before(until) {
			until = end
		}
	}
	if !open {
		return time.Time{}, false
	}
	return until, true
}

// Allows says whether the rule lets its tier be asked for and shown at a time
// from a network, as [staff.Network] writes it: "" or the key of the refusal. An
// unknown network is in none.
func (r Rule) Allows(at time.Time, network string) (key string) {
	if _, open := r.Open(at); !open {
		return RefusedHours
	}
	if !r.from(network) {
		return RefusedNetwork
	}
	return ""
}

// Fresh says whether a rule shows its tier on the strength of a proof so old. A
// token never proves anything, however young it is.
func (r Rule) Fresh(proof time.Duration, token bool) bool {
	if token {
		return r.takesTokens()
	}
	return r.Reauth == 0 || proof <= r.Reauth
}

func (r Rule) takesTokens() bool { return r.Reauth == 0 || r.Tokens }

// from says whether a network is wholly within one that the rule names.
func (r Rule) from(network string) bool {
	if r.nowhere {
		return false
	}
	if len(r.Networks) == 0 {
		return true
	}
	of, err := netip.ParsePrefix(network)
	if err != nil {
		return false
	}
	for _, n := range r.Networks {
		if n.Bits() <= of.Bits() && n.Contains(of.Addr()) {
			return true
		}
	}
	return false
}
