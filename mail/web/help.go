package web

import (
	"context"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/mail/web/told"
)

// Help is what the customer's face needs of the other planes, in nouns alone:
// the node plugs the desk, the gate and the response centre in. Every method is
// about one account, and what it answers is that account's own.
type Help interface {
	// OpenCase opens a support case. Support may see the messages in share, as
	// far as their text, once whoever works the case asks.
	OpenCase(ctx context.Context, account postern.AccountID, subject, text string, share []postern.MessageID) (number int64, err error)
	// Share agrees beforehand to these messages in a case that is open.
	Share(ctx context.Context, account postern.AccountID, number int64, messages []postern.MessageID) error
	// Cases lists the account's cases, latest first, each with what was written.
	Cases(context.Context, postern.AccountID) ([]HelpCase, error)
	CaseReply(ctx context.Context, account postern.AccountID, number int64, text string) error

	// Waiting lists what staff ask the customer to agree to.
	Waiting(context.Context, postern.AccountID) ([]ConsentRequest, error)
	// Running lists the permissions that count now, whoever agreed to them.
	Running(context.Context, postern.AccountID) ([]Permission, error)
	// Agree says yes to a request, or to less of it.
	Agree(ctx context.Context, account postern.AccountID, request postern.RequestID, y Yes) error
	Decline(ctx context.Context, account postern.AccountID, request postern.RequestID, sentence string) error
	// Withdraw ends a permission at once.
	Withdraw(context.Context, postern.AccountID, postern.GrantID) error
	// Wish is what the customer wants done with requests: "ask", "refuse" (say no
	// for them at once) or "each" (ask every time, whatever was offered).
	Wish(context.Context, postern.AccountID) (string, error)
	SetWish(ctx context.Context, account postern.AccountID, wish string) error
	// Offers lists what the customer lets support see without being asked again.
	Offers(context.Context, postern.AccountID) ([]Offer, error)
	TakeBack(ctx context.Context, account postern.AccountID, offer string) error

	// Looks lists what staff opened, newest first: those before an entry, 0 from
	// the newest.
	Looks(ctx context.Context, account postern.AccountID, before int64) ([]Look, error)
	// Look gives one of them; NotFound when it is another account's.
	Look(context.Context, postern.AccountID, postern.DisclosureID) (Look, error)
	Notices(context.Context, postern.AccountID) ([]Notice, error)
	// OpenNotice gives one with what was shown, and notes that it was read.
	OpenNotice(ctx context.Context, account postern.AccountID, id postern.NoticeID, version int) (Notice, error)
	// Acts lists what was decided about access to the account, newest first: those
	// before an entry, 0 from the newest.
	Acts(ctx context.Context, account postern.AccountID, before int64) ([]Act, error)
	// Proof gives the file that proves the record of one look or act; NotFound
	// when it is another account's.
	Proof(context.Context, postern.AccountID, postern.DisclosureID) ([]byte, error)
	// Record opens the record of one look or act in words of a language.
	Record(ctx context.Context, account postern.AccountID, id, lang string) (Record, error)
	// Provable gives the widest window that a statement can be made of now. Its
	// errors and Statement's have keys that begin with "statement.".
	Provable(context.Context) (from, until time.Time, err error)
	// Statement says, signed, whether staff looked in a window, in words of a
	// language.
	Statement(ctx context.Context, account postern.AccountID, from, until time.Time, tier postern.Tier, lang string) (Statement, error)
	// Erasure says whether the account is to be erased, and when.
	Erasure(context.Context, postern.AccountID) (due time.Time, ok bool, err error)
	// AskErasure has it erased after a time in which CancelErasure takes it back.
	AskErasure(context.Context, postern.AccountID) (due time.Time, err error)
	CancelErasure(context.Context, postern.AccountID) error
	// Number is the account's in the ledger.
	Number(context.Context, postern.AccountID) (string, error)
	// Policy is whom the provider suggests to believe: docs/ledger-format.md.
	Policy() []byte
}

// HelpCase is a case as its customer sees it: without staff's notes.
type HelpCase struct {
	Number          int64
	Subject         string
	Status          string // "open", "waiting" (for the customer), "closed"
	Opened, Updated time.Time
	Assignee        string // name of who works it, "" for nobody yet
	Posts           []CasePost
}

// CasePost is one thing written in a case.
type CasePost struct {
	At    time.Time
	By    string // a name
	Staff bool   // by support, not by the customer
	Event string // "closed", "reopened": a thing that happened, without text
	Text  string
}

// Yes is how much of a request the customer agrees to.
type Yes struct {
	Messages []postern.MessageID
	Tier     postern.Tier // none: as asked
	Minutes  int
	Once     bool // each message is shown once
}

// Offer is what the customer agreed to before anybody asked.
type Offer struct {
	ID       string
	Case     int64
	Tier     postern.Tier
	Messages []postern.MessageID
	Made     time.Time
}

// ConsentRequest is what a member of staff asks the customer to agree to.
type ConsentRequest struct {
	ID           postern.RequestID
	Case         int64 // its number
	Tier         postern.Tier
	Messages     []postern.MessageID // exactly what would be seen
	Reason       postern.Reason
	Sentence     string // what it is for, in the asker's words
	For          time.Duration
	Name         string
	Role         string // "agent", …
	Organisation string
	Outsourcer   bool
	Asked        time.Time
	Once         bool // each message would be shown once
}

// Permission is a grant that counts now.
type Permission struct {
	ID           postern.GrantID
	Case         int64
	Tier         postern.Tier
	Messages     []postern.MessageID
	Name         string
	Organisation string
	From, Until  time.Time
	AgreedBy     string // "customer", "policy", or the approver's name
	Sentence     string
	Emergency    bool // the customer was not asked, and cannot end it
	Once         bool
}

// Look is one access of staff to the account.
type Look struct {
	Seq          int64
	Index        int64 // in the log; -1 until it is there, seconds later
	Disclosure   postern.DisclosureID
	At, Until    time.Time // Until: when the permission ended or ends; zero if unknown
	Tier         postern.Tier
	Fields       postern.Field
	Messages     []postern.MessageID
	Name         string
	Role         string
	Organisation string
	Reason       postern.Reason
	Sentence     string
	Case         int64
	AgreedBy     string
	Emergency    bool // the customer was not asked
}

// Act is a decision about access to the account: it shows nothing itself.
type Act struct {
	Seq, Index   int64 // Index is -1 until it is in the log
	ID           string
	Kind         string // "request", "refusal", "grant", "consent", …
	At           time.Time
	You          bool   // the customer did it
	Name         string // the member of staff, "" for the product itself
	Organisation string
	Case         int64
}

// Record is an opened record in words.
type Record struct {
	Index     int64 // -1 while it is not in the public log yet
	Destroyed bool  // it was kept for as long as the provider keeps records
	Facts     []Fact
	Not       []string // what the record does not show
}

type Fact struct{ Name, Value string } // one line of a record

// Statement is the signed answer to "did anybody look?".
type Statement struct {
	File        []byte
	Count       int
	Verdict     string    // "verified", "refuted" (somebody did) or "cannot tell", as a verifier says
	Erased      time.Time // when the record of the person was erased: nothing can be said any more
	Edge        bool      // an access lies too near the window's edge
	From, Until time.Time
	Tier        postern.Tier
	Issued      time.Time
	Accesses    []postern.DisclosureID
	Says        []string // the finding, in the format's own sentences
	Rests       string   // on what
	Not         []string // what it does not show
	Unwitnessed bool     // no witness says when: the times are the provider's
	First, Last int64    // the log's places [First, Last) that the window stands for
}

// Notice is what the customer was told about an incident.
type Notice = told.Notice
