// Package detail writes the text that a control record of the gate keeps: one
// "name value" per line, in the order they are added, for people and for the
// response centre. Values are on one line; what somebody wrote comes last.
//
// It keeps nothing.
//
// Trust: what it is given stands in the ledger for good. It must not be given a
// subject, an address or a message's text.
package detail

import (
	"strconv"
	"strings"
	"time"

	"github.com/postern-mail/postern"
)

// Lines are the text so far; the zero value has none.
type Lines struct{ b []byte }

// Add adds a line; an empty value adds none.
func (l Lines) Add(name, value string) Lines {
	if value == "" {
		return l
	}
	value = strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, value)
	l.b = append(l.b, name...)
	l.b = append(l.b, ' ')
	l.b = append(l.b, value...)
	l.b = append(l.b, '\n')
	return l
}

// Tier adds the tier, if there is one.
func (l Lines) Tier(t postern.Tier) Lines {
	if t == postern.TierNone {
		return l
	}
	return l.Add("tier", t.String())
}

// Count adds a number that is not zero.
func (l Lines) Count(name string, n int) Lines {
	if n == 0 {
		return l
	}
	return l.Add(name, strconv.Itoa(n))
}

// Until adds an end.
func (l Lines) Until(t time.Time) Lines { return l.Add("until", t.UTC().Format(time.RFC3339)) }

// Messages adds the messages by their ids.
func (l Lines) Messages(ids []postern.MessageID) Lines {
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = string(id)
	}
	return l.Add("messages", strings.Join(words, " "))
}

// Text gives the lines.
func (l Lines) Text() string { return string(l.b) }
