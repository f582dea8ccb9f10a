// Package store keeps the customers' mailboxes: messages, where they lie, what
// flags they have, which thread they belong to, and the index to find them by.
//
// What it keeps, all of it keyed by the account first: the mail plane's tables
// "mail_state" (counters and quota), "mail_mailbox", "mail_message",
// "mail_placement" (a message in a mailbox, under its UID), "mail_expunged",
// "mail_thread", "mail_trace", "mail_spent", "mail_doomed", the search index
// ("mail_fts" in SQLite, a column in PostgreSQL), and one blob per message,
// named "account/message". The meaning of UID, UIDVALIDITY and MODSEQ is that
// of RFC 9051 and RFC 7162 from the first day, whoever writes: SMTP, IMAP, the
// web page or an import.
//
// Trust: it handles every byte of every customer's mail and asks nobody whether
// the caller may: that is why only packages under mail/ can import it. Every
// statement names the account it is for. It must not know of staff, grants or
// cases, and writes no address and no subject to a log.
package store

import (
	"context"
	"log/slog"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/blob"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/message"
)

// Parts are what a Store is made of.
type Parts struct {
	DB    *db.Handle // the mail plane's
	Blobs blob.Store
	Now   func() time.Time
	Log   *slog.Logger
	// Quota gives how many bytes an account may keep, 0 for no bound. A nil
	// Quota bounds nobody.
	Quota func(context.Context, postern.AccountID) (int64, error)
}

// The roles of mailboxes, as RFC 6154 and RFC 8621, 2 name them, in lower case.
const (
	RoleInbox   = "inbox"
	RoleDrafts  = "drafts"
	RoleSent    = "sent"
	RoleJunk    = "junk"
	RoleTrash   = "trash"
	RoleArchive = "archive"
)

// A Mailbox is a folder of an account. Names are levels joined by "/"; INBOX is
// "INBOX" whatever case it is asked for in (RFC 9051, 5.1).
type Mailbox struct {
	ID            postern.MailboxID
	Name          string
	Role          string // "" for a customer's own
	UIDValidity   uint32
	UIDNext       uint32
	HighestModSeq int64
	Total         int
	Unseen        int
	Deleted       int   // those with \Deleted
	Bytes         int64 // of all its messages
	Subscribed    bool
}

// Need says which costly parts of an Item are wanted; 0 is UID, Flags, ModSeq,
// Internal and Size alone. Each of them brings Identity.
type Need uint8

// What can be needed.
const (
	Identity  Need = 1 << iota // ID, Thread, Guarded, Attachments
	Summary                    // From, To, Subject, Preview, Date, Guard, Verdicts, Sender
	Envelope                   // Item.Envelope, Date, Guard, Verdicts, Sender
	Structure                  // Item.Structure
)

// An Item is a message in a mailbox. The same message in two mailboxes is two
// items of one ID.
type Item struct {
	Mailbox     postern.MailboxID
	UID         uint32
	ID          postern.MessageID
	Flags       []string // "\Seen" first, then keywords in order; shared between items: do not write to it
	ModSeq      int64
	Internal    time.Time // INTERNALDATE, to the second
	Size        int64
	Thread      string    // 32 hexadecimal digits (THREADID, RFC 8474, 5.2)
	Date        time.Time // of the Date field; zero when there is none
	Guarded     bool      // resets a password or carries a code; the reason is Guard
	Guard       string
	Attachments bool
	Verdicts    string // "spf=pass dkim=fail dmarc=fail"
	Sender      string // the envelope sender of SMTP

	// With Summary; names where there are some, else addresses.
	From, To, Subject, Preview string
	// With Envelope.
	Envelope *message.Envelope
	// With Structure. Headers of its parts are empty: they are in the bytes.
	Structure *message.Part
}

// The system flags (RFC 9051, 2.3.2).
const (
	Seen     = `\Seen`
	Answered = `\Answered`
	Flagged  = `\Flagged`
	Deleted  = `\Deleted`
	Draft    = `\Draft`
)

// Has says whether the item has a flag; case does not count.
func (it *Item) Has(flag string) bool { return hasFlag(it.Flags, flag) }

// Events of a message's trace (postern.TraceEvent).
const (
	EventAccepted  = "accepted"
	EventRefused   = "refused"
	EventDelivered = "delivered"
	EventJunked    = "junked"
	EventQueued    = "queued"
	EventSent      = "sent"
	EventBounced   = "bounced"
	EventImported  = "imported"
)

// AppendIn is a message to be kept.
type AppendIn struct {
	Mailbox  postern.MailboxID // where to; or
	Role     string            // the mailbox of this role
	Raw      []byte
	Flags    []string
	Internal time.Time // zero for now
	Sender   string    // the envelope sender of SMTP, "" when there was none
	Verdicts string
	Event    string // written to the trace when set
	Detail   string // of the trace
	// House is for a message of the house's own: it counts against no quota, and
	// an account that holds one of the same Message-ID has it already.
	House bool
}

// A Range is first to last, both included; Last 0 stands for "*", the greatest
// there is.
type Range struct{ First, Last uint32 }

// A UIDSet is a set of UIDs; nil is the empty set, All is all.
type UIDSet []Range

// All is every UID.
func All() UIDSet { return UIDSet{{1, 0}} }

// UIDs makes a set of single UIDs.
func UIDs(uids ...uint32) UIDSet {
	set := make(UIDSet, len(uids))
	for i, u := range uids {
		set[i] = Range{u, u}
	}
	return set
}

// FlagOp says what SetFlags does with the flags it is given.
type FlagOp uint8

// The three forms of STORE (RFC 9051, 6.4.6).
const (
	Add FlagOp = iota
	Remove
	Replace
)

// Copied says where messages went: From[i] is To[i] now (COPYUID, RFC 9051, 7.1).
type Copied struct {
	UIDValidity uint32
	From, To    []uint32
}

// A Filter chooses what Page gives.
type Filter struct {
	Mailbox postern.MailboxID // "" for all but Junk and Trash, unless Query says in:
	Query   string            // see ParseQuery
	Before  string            // the Next of the page before this one, "" for the first
	Limit   int               // 1 to 200, 0 for 50
}

// Criteria is what IMAP's SEARCH asks (RFC 9051, 6.4.4): everything that is set
// must hold. Header values are substrings of the decoded field; Body and Text
// are words and phrases, the last word by its beginning.
type Criteria struct {
	UIDs                  UIDSet    // nil for all
	Since, Before         time.Time // INTERNALDATE, by day
	SentSince, SentBefore time.Time // Date, by day
	Larger, Smaller       int64     // 0 for no bound
	Flags, NotFlags       []string
	ModSeq                int64 // at least; 0 for no bound (RFC 7162, 3.1.5)
	Header                []HeaderField
	Body, Text            []string
	Not                   []Criteria
	Or                    [][2]Criteria
}

// A HeaderField is a field that must be there and hold Value, "" for anything.
type HeaderField struct{ Name, Value string }

// Usage is what an account keeps, against its quota.
type Usage struct {
	Bytes      int64
	Messages   int
	QuotaBytes int64 // 0 for no bound
}

// Trace is one row of what happened to a message.
type Trace struct {
	postern.TraceEvent
	MessageIDHeader string // the Message-ID field, to be asked for by
}
