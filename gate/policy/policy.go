// Package policy is what a provider decides of its support desk: tier by tier
// and organisation by organisation, who must agree, for how long, for how many
// accounts and messages, in which hours and from which networks.
//
// What it keeps: nothing. A policy is one TOML file, read once at start; the
// gate asks it at every request and every reveal.
//
// Trust: whoever writes the file decides who reads whose mail. The package reads
// no mail, no database and no clock, so that what it answers can be replayed
// over the ledger's history.
package policy

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/staff"
)

// Agree says who must agree before a request becomes a grant.
type Agree string

// Who must agree, from the weakest demand to the strongest.
const (
	AgreeNobody          Agree = "nobody"            // every agent, no case needed: how it was in 2019
	AgreeCase            Agree = "case"              // an open case of that customer is enough
	AgreeCustomerOrStaff Agree = "customer-or-staff" // the customer, or a second member of staff who may approve
	AgreeCustomer        Agree = "customer"          // the customer alone
)

var demands = []Agree{AgreeNobody, AgreeCase, AgreeCustomerOrStaff, AgreeCustomer}

func (a Agree) strength() int { return slices.Index(demands, a) }

// Rule is what a policy says of one tier.
type Rule struct {
	// Agree says who must agree. Whoever can change it decides who reads whose mail.
	Agree Agree `toml:"agree"`
	// Longest is how long a grant may live, at most 12h. A request may ask for less.
	Longest time.Duration `toml:"longest"`
	// AccountsPerHour and AccountsPerDay bound how many different accounts one
	// member of staff may see at this tier in any 60 minutes and any 24 hours;
	// 0 is no bound.
	AccountsPerHour int `toml:"accounts_per_hour"`
	AccountsPerDay  int `toml:"accounts_per_day"`
	// MessagesPerHour bounds how many messages one member of staff may see at
	// this tier in any 60 minutes (counted by the minute); 0 is no bound.
	MessagesPerHour int `toml:"messages_per_hour"`
	// Outsourcers says whether staff of other organisations than the provider
	// may ask for this tier.
	Outsourcers bool `toml:"outsourcers"`
	// MessagesPerDay is MessagesPerHour for any 24 hours.
	MessagesPerDay int `toml:"messages_per_day"`
	// Approvers is how many different members of staff must agree where staff
	// may; 0 and 1 mean one. The customer's own yes is always enough.
	Approvers int `toml:"approvers"`
	// Reauth is how old the asker's last proof of being there may be when
	// something is shown at this tier; 0 asks for none beyond the sign-in.
	Reauth time.Duration `toml:"reauth"`
	// Tokens lets API tokens have a tier with Reauth all the same: a token can't
	// prove that anybody is there.
	Tokens bool `toml:"tokens"`
	// Mask shows correspondents without their local parts and subjects without
	// their digits, until each is opened by itself.
	Mask bool `toml:"mask"`
	// Hours are when the tier may be asked for and shown; none means always.
	Hours staff.Hours `toml:"hours"`
	// Networks are from where; none means everywhere. A session knows the networks
	// it was used from, and all count, as an IPv4 /24 or an IPv6 /48, so a longer prefix means nothing.
	Networks []netip.Prefix `toml:"networks"`

	// What [Policy.For] adds: hours that hold as well, and that no network is in
	// both the tier's and the organisation's.
	within  []staff.Hours
	nowhere bool
}

// Policy says, tier by tier, what staff may be shown. A tier that it does not
// name is shown to nobody.
type Policy struct {
	// Name is what pages and the ledger call it.
	Name string `toml:"name"`
	// Tiers holds a rule for each tier by its name ("envelope").
	Tiers map[string]Rule `toml:"tier"`
	// Organisations narrow the tiers for the staff of one organisation, by its id.
	Organisations map[string]Organisation `toml:"organisation"`
	// Emergency says what emergency access may do; without it there is none.
	Emergency Emergency `toml:"emergency"`
}

// Organisation is what a policy says of one organisation. It can only narrow
// what the tiers say.
type Organisation struct {
	// Ask says whether its staff may ask for anything; left out it means yes.
	Ask *bool `toml:"ask"`
	// Deepest is the deepest tier that its staff may ask for; left out it means
	// whatever the tiers say.
	Deepest string `toml:"deepest"`
	// Hours and Networks hold for every tier, with those of the tier.
	Hours    staff.Hours    `toml:"hours"`
	Networks []netip.Prefix `toml:"networks"`
	// Tiers holds a whole rule for each tier that is narrower for them.
	Tiers map[string]Rule `toml:"tier"`
}

// Emergency is access without the customer: two approvers, one of them a
// responder, and the customer is told in the same minute.
type Emergency struct {
	// Tier is the deepest that it may reach ("content"); empty means none.
	Tier string `toml:"tier"`
	// Longest is how long such a grant may live.
	Longest time.Duration `toml:"longest"`
}

// Parse reads a policy from TOML:
//
//	name = "strict"
//	[tier.account]
//	agree = "case"
//	longest = "1h"
//	accounts_per_hour = 30
//
// Unknown keys, tiers and words are errors: a misspelt bound would be none.
func Parse(text []byte) (Policy, error) {
	var p Policy
	meta, err := toml.NewDecoder(bytes.NewReader(text)).Decode(&p)
	if err != nil {
		return Policy{}, invalid("the policy is not TOML as it should be: "+err.Error(), err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		names := make([]string, len(unknown))
		for i, k := range unknown {
			names[i] = k.String()
		}
		slices.Sort(names)
		return Policy{}, invalid("the policy has keys that mean nothing here: "+strings.Join(names, ", "), nil)
	}
	if f := p.check(); f != nil {
		return Policy{}, f.atLine(text)
	}
	return p, nil
}

// Rules is a policy by tier, as the gate looks it up; the zero Rule is a tier
// that is shown to nobody.
type Rules [len(postern.Tiers) + 1]Rule

// Rules gives the policy by tier.
func (p Policy) Rules() Rules {
	var r Rules
	for _, t := range postern.Tiers {
		r[t] = p.Tiers[t.String()]
	}
	return r
}

// Of gives the rule for a tier; ok is false where the policy has none.
func (r *Rules) Of(t postern.Tier) (rule *Rule, ok bool) {
	if t < postern.TierAccount || int(t) >= len(r) {
		return nil, false
	}
	return &r[t], r[t].Agree != ""
}

// Bounded says whether the rule counts anything.
func (r *Rule) Bounded() bool {
	return r.AccountsPerHour > 0 || r.AccountsPerDay > 0 || r.MessagesPerHour > 0 || r.MessagesPerDay > 0
}
