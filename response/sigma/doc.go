// Package sigma evaluates Sigma rules and correlations (sigma-specification
// 2.1.0) over a stream of events, in bounded memory.
//
// It knows a stated subset and refuses the rest with the file and the line:
// a rule that is silently half understood is worse than none. Read [Parse] for
// the rules, [Compile] for what binds them to a [Schema], [Engine.Observe] for
// what happens to an event. docs/detection.md is the manual for whoever writes
// rules.
//
// It keeps nothing on disk. An [Engine] holds what its windows need, at most
// [Options.MaxEntries] of it, and gives it away with [Engine.Snapshot], so that a
// restart goes on where it was.
//
// Trust: rules come from the provider's own people, and may still be wrong: they
// are bounded in size, depth, windows and regular expressions. Events hold ids,
// never a subject or an address. The package acts on nothing.
package sigma

import "fmt"

// Kind is what a field's values are.
type Kind uint8

// The kinds.
const (
	Text   Kind = iota // compared as Sigma does, without regard to case
	Number             // a whole number
	Truth              // true or false: 1 or 0
)

// Field is one field of the events.
type Field struct {
	Name string
	Kind Kind
}

// Schema lists the fields of the events, and the services that logsource may
// name with the number that stands in [Event.Feed].
type Schema struct {
	Product  string
	Services map[string]uint8
	Fields   []Field
}

// index gives a field's place, or -1.
func (s Schema) index(name string) int {
	for i, f := range s.Fields {
		if f.Name == name {
			return i
		}
	}
	return -1
}

// Value is a field's: S of a Text ("" is absent), N of a Number or a Truth.
type Value struct {
	S string
	N int64
}

// Event is something that happened. Values stand in the schema's order.
type Event struct {
	At       int64 // milliseconds since 1970
	Feed     uint8
	Position int64 // in its feed; with Feed it names the event
	Values   []Value
}

// Level is how grave a rule's match is.
type Level uint8

// The levels, by their names in Sigma.
const (
	Informational Level = iota
	Low
	Medium
	High
	Critical
)

var levels = map[string]Level{"informational": Informational, "low": Low, "medium": Medium, "high": High, "critical": Critical}

// Rule is what a match says of the rule that fired.
type Rule struct {
	Title       string
	Name        string
	ID          string
	Description string
	Level       Level
	Tags        []string
	File        string
	Line        int
	// Version is the SHA-256 of the rule's own document, in hexadecimal: what
	// exactly was in force.
	Version string
	// Alert is the name under which its matches are gathered: postern.alert, or
	// the rule's own.
	Alert string
	// Subject is the field whose value is who or what the alert is about.
	Subject string
	// Contain names the field whose value a match asks to end at once; "" for none.
	Contain string
}

// Ref names an event.
type Ref struct {
	Feed     uint8
	Position int64
}

// Peers says against what a value was held.
type Peers struct {
	Team         string // the values of the fields that make a team, joined by "/"
	Percentile   int
	Value        int64 // the team's
	Times        int64
	Observations int64
}

// Match is a rule that fired.
type Match struct {
	Rule        *Rule
	At          int64
	First, Last int64 // of the events it rests on
	Subject     string
	Group       []Value // in the order of GroupBy
	GroupBy     []string
	Value       int64 // what was counted
	Limit       int64 // what it reached
	Peers       *Peers
	Contain     string // the event's value of the field that Rule.Contain names
	// Event is the one that made the rule fire. Before are those of the window
	// that came before it, given when the rule begins to fire for this group and
	// not again while it goes on.
	Event  Ref
	Before []Ref
}

// The bounds of what a rule file may be.
const (
	MaxFile      = 1 << 20
	MaxDocuments = 1000
	maxDepth     = 20
	maxPattern   = 512
	maxValues    = 1000
	// MaxSpan bounds a timespan: whoever replays history has to read that much.
	MaxSpan = 90 * 24 * 60 * 60 * 1000
	// maxBefore bounds what one match lists.
	maxBefore = 200
)

// Error is what is wrong with a rule, and where.
type Error struct {
	File string
	Line int
	Text string
}

// Error gives "file:line: text".
func (e *Error) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Text) }

// String gives a level's name in Sigma.
func (l Level) String() string {
	return [...]string{"informational", "low", "medium", "high", "critical"}[min(l, Critical)]
}
