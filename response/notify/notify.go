// Package notify tells every person concerned, once, in their language, what was
// shown of them, and keeps the record of having done so.
//
// # What it keeps
//
// response_batch, a version of an incident's notices, and response_notice, the
// very words that were approved.
//
// # The invariants
//
//  1. Whoever drafted a version does not approve it, and what was approved is
//     what is sent, letter for letter.
//  2. Of one notice and version, one is delivered: a notice is claimed before it
//     is handed over, delivery is idempotent by notice and version, and one that
//     was found claimed after a crash is handed over again under the same name.
//
// Trust: it handles the name and address that stand in a notice, and puts
// neither in a log. It must never see a subject or a message's text.
package notify

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/response/incident"
	"github.com/postern-mail/postern/staff"
)

// Person is what a notice needs to know of its reader.
type Person struct {
	Address, Name string
	Locale        string // "fr" or "en"
}

// NoticeMail is a notice on its way to a mailbox.
type NoticeMail struct {
	ID            postern.NoticeID
	Version       int
	Subject, Text string // Text is plain, UTF-8, lines ended by "\n"
	Locale        string
}

// Readers is what notices need of the mail plane.
type Readers interface {
	// Person gives name and language; NotFound when the account is gone.
	Person(context.Context, postern.AccountID) (Person, error)
	// Deliver puts a notice into the account's INBOX, durably when it returns
	// nil. It is idempotent by ID and Version: what was delivered is not
	// delivered again. NotFound, Denied and Invalid are final, any other error is
	// tried again.
	Deliver(context.Context, postern.AccountID, NoticeMail) error
}

// Parts is what an Office is made of.
type Parts struct {
	DB       *db.Handle // the response plane, its tables there
	Ledger   *ledger.Ledger
	Gate     *gate.Gate
	Staff    *staff.Directory
	Book     *incident.Book
	Readers  Readers
	Now      func() time.Time
	Log      *slog.Logger
	Provider string // the name customers know: "Outlook Example"
	// Touching gives the containments that ended what an incident's selector
	// names.
	Touching func(context.Context, postern.IncidentID) ([]gate.Containment, error)
}

// Office is where notices are written and sent from. It is safe for concurrent
// use.
type Office struct {
	db       *db.Handle
	ledger   *ledger.Ledger
	gate     *gate.Gate
	staff    *staff.Directory
	book     *incident.Book
	controls Readers
	now      func() time.Time
	log      *slog.Logger
	provider string
	sending  sync.Mutex // one sender at a time; across nodes the leader's lock
	wake     chan struct{}
}

// New gives the office.
func New(p Parts) *Office {
	return &Office{db: p.DB, ledger: p.Ledger, gate: p.Gate, staff: p.Staff, book: p.Book, controls: p.Readers, now: p.Now, log: p.Log, provider: p.Provider,
		wake: make(chan struct{}, 1)}
}

// Released tells of a version that was just released.
func (o *Office) Released() <-chan struct{} { return o.wake }

// Forget drops an account's notices with their words.
func (o *Office) Forget(ctx context.Context, a postern.AccountID) error {
	return o.db.Update(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec("DELETE FROM response_notice WHERE account = ?1", string(a))
		return err
	})
}
