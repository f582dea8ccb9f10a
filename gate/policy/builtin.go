package policy

import (
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/staff"
)

// Names are the policies of the house, from the strictest.
var names = [...]string{"strict", "default", "standing"}

// Named gives a policy of the house by its name; ok is false for any other.
func Named(name string) (p Policy, ok bool) {
	switch name {
	case names[0]:
		return Strict(), true
	case names[1]:
		return Default(), true
	case names[2]:
		return Standing(), true
	}
	return Policy{}, false
}

// Default is the policy of a new Postern (DESIGN.md, "Tiers").
func Default() Policy {
	return Policy{
		Name: "default",
		Tiers: map[string]Rule{
			"account":    {Agree: AgreeCase, Longest: 4 * time.Hour, AccountsPerHour: 60, AccountsPerDay: 300, Outsourcers: true},
			"trace":      {Agree: AgreeCase, Longest: 4 * time.Hour, AccountsPerHour: 60, AccountsPerDay: 300, MessagesPerHour: 600, MessagesPerDay: 3000, Outsourcers: true},
			"envelope":   {Agree: AgreeCustomerOrStaff, Longest: 30 * time.Minute, AccountsPerHour: 15, AccountsPerDay: 60, MessagesPerHour: 600, MessagesPerDay: 3000, Outsourcers: true, Mask: true},
			"content":    {Agree: AgreeCustomer, Longest: 30 * time.Minute, AccountsPerHour: 15, AccountsPerDay: 60, MessagesPerHour: 120, MessagesPerDay: 600, Outsourcers: true, Reauth: 15 * time.Minute},
			"attachment": {Agree: AgreeCustomer, Longest: 30 * time.Minute, AccountsPerHour: 15, AccountsPerDay: 60, MessagesPerHour: 120, MessagesPerDay: 600, Outsourcers: true, Reauth: 15 * time.Minute},
		},
		Emergency: Emergency{Tier: "content", Longest: time.Hour},
	}
}

// Strict is the policy of a house that would rather wait: two approvers where
// staff agree, office hours, a fresh proof of who sits there before anything of
// a message is shown, and no content for outsourcers.
func Strict() Policy {
	office, err := staff.ParseHours("Mon-Fri 07:00-20:00")
	if err != nil {
		return Policy{} // no tiers: shown to nobody
	}
	return Policy{
		Name: "strict",
		Tiers: map[string]Rule{
			"account":    {Agree: AgreeCase, Longest: time.Hour, AccountsPerHour: 30, AccountsPerDay: 150, Outsourcers: true},
			"trace":      {Agree: AgreeCase, Longest: time.Hour, AccountsPerHour: 30, AccountsPerDay: 150, MessagesPerHour: 120, MessagesPerDay: 600, Outsourcers: true},
			"envelope":   {Agree: AgreeCustomerOrStaff, Approvers: 2, Longest: 15 * time.Minute, AccountsPerHour: 8, AccountsPerDay: 30, MessagesPerHour: 120, MessagesPerDay: 600, Outsourcers: true, Mask: true, Reauth: 30 * time.Minute, Hours: office},
			"content":    {Agree: AgreeCustomer, Longest: 15 * time.Minute, AccountsPerHour: 8, AccountsPerDay: 30, MessagesPerHour: 30, MessagesPerDay: 120, Reauth: 15 * time.Minute, Hours: office},
			"attachment": {Agree: AgreeCustomer, Longest: 15 * time.Minute, AccountsPerHour: 8, AccountsPerDay: 30, MessagesPerHour: 30, MessagesPerDay: 120, Reauth: 15 * time.Minute, Hours: office},
		},
		Emergency: Emergency{Tier: "content", Longest: 30 * time.Minute},
	}
}

// Standing is the policy of 2019: every agent may open everything, nobody is
// asked, nothing is bounded. It is for drills, to be compared with.
func Standing() Policy {
	p := Policy{Name: "standing", Tiers: map[string]Rule{}}
	for _, t := range postern.Tiers {
		p.Tiers[t.String()] = Rule{Agree: AgreeNobody, Longest: longest, Outsourcers: true}
	}
	return p
}
