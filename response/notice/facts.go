package notice

import (
	"time"

	"github.com/postern-mail/postern"
)

// The kinds of a notice.
const (
	First      = "first"      // the first word about this incident
	Correction = "correction" // what was told before was wrong or not all
	Withdrawn  = "withdrawn"  // what was told before was wrong: this account was not reached
)

// The causes that notices tell apart.
const (
	CauseUnknown = "unknown" // the sign-in was misused
	CauseStolen  = "stolen"  // somebody else used it
	CauseInsider = "insider" // the member did it
)

// Facts are what a notice says of one account. The templates put them into
// words; nothing else goes into a notice.
type Facts struct {
	Provider string
	Address  string // the reader's
	Code     string
	Number   int64 // of the incident
	Version  int
	Made     time.Time
	Kind     string
	Cause    string
	Seen     Seen
	Before   *Seen     // a correction: what was told before
	ToldAt   time.Time // a correction: when
	Employer []Employer
	Ended    time.Time // when the access was ended; zero: not yet, or it went on after
	Since    time.Time // the window that was examined; zero: open
	Until    time.Time
}

// whole refuses facts without a field that no notice can do without, and names
// it. A gap in what people are told is found here, before the first of them is.
func (f Facts) whole() error {
	about := f.Kind == First || f.Kind == Correction
	for _, field := range []struct {
		name, key string
		is        bool
	}{
		{"Provider", "response.invalid.field-provider", f.Provider != ""},
		{"Address", "response.invalid.field-address", f.Address != ""},
		{"Code", "response.invalid.field-code", f.Code != ""},
		{"Number", "response.invalid.field-number", f.Number > 0},
		{"Version", "response.invalid.field-version", f.Version > 0},
		{"Made", "response.invalid.field-made", !f.Made.IsZero()},
		{"Kind", "response.invalid.field-kind", about || f.Kind == Withdrawn},
		{"Cause", "response.invalid.field-cause", f.Cause == CauseUnknown || f.Cause == CauseStolen || f.Cause == CauseInsider},
		{"Seen", "response.invalid.field-seen", !about || f.Seen.Deepest > 0 && len(f.Seen.Looks) > 0},
		{"Certainty", "response.invalid.field-certainty", !about || f.Seen.Certainty != ""},
		{"Before", "response.invalid.field-before", f.Kind == First || f.Before != nil},
		{"ToldAt", "response.invalid.field-toldat", f.Kind == First || !f.ToldAt.IsZero()},
	} {
		if !field.is {
			return &postern.Error{Kind: postern.Invalid, Key: field.key, Text: "the notice can't be written: " + field.name + " is missing"}
		}
	}
	return nil
}

// Employer is an organisation whose members' sign-ins were used.
type Employer struct {
	Name     string
	External bool // an outsourcer
}

// Seen is what was shown of one account, counted by field: the fields are what
// the ledger names, the tiers only where they come from.
type Seen struct {
	Deepest     postern.Tier
	Account     postern.Field // of the account tier
	Traced      int           // messages whose delivery history was shown
	AnyTrace    bool          // … or a search for one
	Mailboxes   bool          // the names of mailboxes
	Listed      int           // messages of which some of Envelope was shown
	Envelope    postern.Field
	Bodies      int
	Attachments int
	Sources     int
	Guarded     int // messages among all these that reset passwords or carry codes
	Certainty   string
	Looks       []Look // oldest first, at most MaxLooks
	More        int    // looks that are not listed
	First, Last time.Time
}

// Look is one disclosure.
type Look struct {
	At       time.Time
	Tier     postern.Tier
	Messages int
}

// MaxLooks bounds the list of times in a notice: past that nobody reads it, and
// the product's page has them all.
const MaxLooks = 12

// Opened is the number of messages of which more than the envelope was shown.
// Whoever sees a message's source sees its text and attachments.
func (s Seen) Opened() int { return max(s.Bodies, s.Attachments, s.Sources) }

// Text says whether the text of any message was shown.
func (s Seen) Text() bool { return s.Bodies > 0 || s.Sources > 0 }
