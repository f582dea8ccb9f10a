package ui

import (
	"time"

	"github.com/postern-mail/postern"
)

// What the components of templates/parts.html are given. Texts are sentences
// already: the face translates what it composes.

// Option is one line of a select.
type Option struct {
	Value, Text string
	Selected    bool
}

// Moment is one line of a timeline.
type Moment struct {
	At           time.Time
	Title, Text  string
	Who          string
	Icon         string
	Kind         string // "", "ok", "warn", "danger", "info", "accent"
	Href, Action string
}

// Rung is one tier of the reveal ladder.
type Rung struct {
	Tier         postern.Tier
	State        string // "open", "here", "asked", "locked"
	Note         string // "agreed by the customer, 12 minutes left"
	Href, Action string // the request, made at the point of refusal
}
