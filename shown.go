package postern

import "time"

// Scope says which messages an access may reach. The zero Scope reaches none;
// the kinds are exclusive, and the narrowest that is set counts.
type Scope struct {
	Messages []MessageID // exactly these
	Mailbox  string      // or: every message of the mailbox of this name ("INBOX")
	Query    string      // or: what this trace or search names, "from:bank.example" or "id:<x@y>"
	Since    time.Time   // narrows Mailbox and Query
	Until    time.Time   // narrows Mailbox and Query; exclusive
	Limit    int         // at most so many, newest first; 0 means the mail plane's limit of 100
}

// Shown is what one disclosure gives: exactly the fields its receipt names,
// the others zero. It lives as long as the request that asked for it.
type Shown struct {
	Account   *ShownAccount
	Trace     []TraceEvent
	Mailboxes []string
	Messages  []ShownMessage // in the order of the receipt
}

// ShownAccount is the account tier.
type ShownAccount struct {
	Address    string
	Status     string // "active", "frozen"
	Locale     string
	Created    time.Time
	UsedBytes  int64
	QuotaBytes int64
	Messages   int
	SignIns    []SignIn
	Queued     int  // messages waiting to go out
	Forwarding bool // a rule forwards mail; not where to
	// Unknown are the fields of the receipt that this mail server does not tell:
	// what stands for them here means nothing.
	Unknown Field
	Filters int // how many filter rules are on; not what they do
	Bounced int // messages of theirs that came back within seven days
	// Rules are given by FieldRuleTargets alone.
	Rules []ShownRule
}

// ShownRule is one rule that a customer's mail is sorted by: the envelope tier.
type ShownRule struct {
	When   string // "from contains bank.example"
	Does   string // "file", "junk", "delete", "forward", "read"
	Target string // a mailbox or an address; empty where it has none
}

// SignIn is one attempt to get into an account.
type SignIn struct {
	At       time.Time
	Protocol string // "web", "imap", "submission"
	Network  string // the /24 or /48 it came from
	Result   string // "ok", "wrong-password", "frozen"
}

// TraceEvent is one thing that happened to one message on its way, without its
// subject: the trace tier.
type TraceEvent struct {
	At       time.Time
	Message  MessageID // empty when none was stored
	Event    string    // "accepted", "refused", "delivered", "junked", "queued", "deferred", "sent", "bounced", "imported"
	Sender   string
	Verdicts string // "spf=pass dkim=fail dmarc=fail"
	Mailbox  string // where it went: INBOX or Junk, never a customer's own name for a mailbox
	Detail   string // the SMTP reply or the reason, in English
}

// ShownMessage is one message of an envelope, content or attachment tier.
type ShownMessage struct {
	ID     MessageID
	Masked bool // guarded, and the customer did not agree to this very message: nothing else is set
	// Given are the fields that this message shows: the receipt's, or none for a
	// masked one.
	Given       Field
	Mailbox     string
	From, To    []string
	Subject     string
	Date        time.Time
	Size        int64
	Plain, HTML string // HTML is the sender's: make it safe before showing it
	Attachments []ShownAttachment
	Source      []byte
}

// ShownAttachment is one attachment of a message.
type ShownAttachment struct {
	Name, Type string
	Bytes      []byte
}
