// Package rules is what customers have done with their mail as it arrives:
// filters that file, mark or throw away, and forwarding to another address.
//
// What it keeps: the mail plane's table "mail_rule", keyed by account.
//
// Trust: a rule is the customer's own, and so is a thief's who got in: a
// forwarding rule is how a stolen mailbox goes on being read after the password
// was changed. So a new target needs the password again, and is told to the
// customer before it works. Rules name mailboxes and addresses and are shown to
// staff at the envelope tier alone. The package sees the header of each message
// that arrives and keeps none of it.
package rules

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/account"
)

// The fields that a condition may look at, and how.
const (
	From    = "from"
	To      = "to" // To and Cc
	Subject = "subject"
	List    = "list-id" // RFC 2919

	Contains = "contains"
	Is       = "is"
)

// Fields and Ways list them in the order of a form.
var (
	Fields = [...]string{From, To, Subject, List}
	Ways   = [...]string{Contains, Is}
)

// What a rule may do.
const (
	File    = "file" // Target: a postern.MailboxID
	Read    = "read"
	Flag    = "flag"
	Junk    = "junk"
	Delete  = "delete"  // to Trash
	Forward = "forward" // Target: an address; without Keep the copy here goes to Trash
	Stop    = "stop"    // no later rule looks at the message
)

// Kinds lists the actions in the order of a form.
var Kinds = [...]string{File, Read, Flag, Junk, Delete, Forward, Stop}

// Condition is one thing that must hold of a message. Case does not count.
type Condition struct {
	Field string `json:"field"`
	Way   string `json:"way"`
	Value string `json:"value"`
}

// Action is one thing that is done.
type Action struct {
	Kind   string `json:"kind"`
	Target string `json:"target,omitempty"`
	Keep   bool   `json:"keep,omitempty"` // of Forward: a copy stays where it would have gone
}

// Rule is one rule. The JSON of Any, Conditions and Actions is stored: names of
// fields never change meaning.
type Rule struct {
	ID         string      `json:"-"` // 32 hexadecimal digits
	Active     bool        `json:"-"`
	Any        bool        `json:"any"` // one condition is enough
	Conditions []Condition `json:"conditions"`
	Actions    []Action    `json:"actions"`
}

// Limits of an account's rules.
const (
	MaxRules      = 100
	MaxConditions = 10
	MaxActions    = 8
	MaxForwards   = 5   // different addresses of one account
	maxValue      = 200 // bytes
)

// Forwards lists the addresses that a rule forwards to.
func (r Rule) Forwards() (to []string) {
	for _, a := range r.Actions {
		if a.Kind == Forward {
			to = append(to, a.Target)
		}
	}
	return to
}

// When is a rule's conditions in words of the record: "from contains
// bank.example, subject is invoice".
func (r Rule) When() string {
	parts := make([]string, len(r.Conditions))
	for i, c := range r.Conditions {
		parts[i] = c.Field + " " + c.Way + " " + c.Value
	}
	if r.Any {
		return strings.Join(parts, " or ")
	}
	return strings.Join(parts, ", ")
}

func invalid(key, text string) error {
	return &postern.Error{Kind: postern.Invalid, Key: key, Text: text}
}

// clean checks a rule and gives it in its one spelling.
func (r Rule) clean() (Rule, error) {
	if len(r.Conditions) == 0 || len(r.Conditions) > MaxConditions {
		return r, invalid("rules.invalid.conditions", "name between 1 and 10 conditions")
	}
	if len(r.Actions) == 0 || len(r.Actions) > MaxActions {
		return r, invalid("rules.invalid.actions", "name what is to be done with the message")
	}
	conditions := make([]Condition, len(r.Conditions))
	for i, c := range r.Conditions {
		c.Value = strings.TrimSpace(c.Value)
		switch {
		case !in(Fields[:], c.Field) || !in(Ways[:], c.Way):
			return r, invalid("rules.invalid.condition", "a condition is about the sender, the recipient, the subject or the list")
		case c.Value == "" || len(c.Value) > maxValue || !utf8.ValidString(c.Value) || strings.ContainsFunc(c.Value, unicode.IsControl):
			return r, invalid("rules.invalid.value", "write what the field has to contain, in at most 200 letters")
		}
		conditions[i] = c
	}
	actions := make([]Action, len(r.Actions))
	for i, a := range r.Actions {
		switch a.Kind {
		case File:
			if len(a.Target) != 32 {
				return r, invalid("rules.invalid.mailbox", "choose the mailbox to file into")
			}
		case Forward:
			address, _, err := account.Fold(strings.TrimSpace(a.Target))
			if err != nil {
				return r, invalid("rules.invalid.address", "write an address such as ana@outlook.example")
			}
			a.Target = address
		default:
			if !in(Kinds[:], a.Kind) {
				return r, invalid("rules.invalid.actions", "name what is to be done with the message")
			}
			a.Target = ""
		}
		if a.Kind != Forward {
			a.Keep = false
		}
		actions[i] = a
	}
	r.Conditions, r.Actions = conditions, actions
	return r, nil
}

func in(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}
