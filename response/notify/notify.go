// Package notify tells every person concerned, once, in their language, what was
// shown of them, and keeps the record of having done so.
//
// # What it keeps
//
// response_batch, a version of an incident's notices; response_notice, the very
// words that were approved; response_followup, who was reached by another way.
//
// # The invariants
//
//  1. Whoever drafted a version does not approve it, and what was approved is
//     what is sent, letter for letter.
//  2. Of one notice and version, one is delivered and one stands in the ledger: a
//     notice is claimed before it is handed over, both are idempotent by notice
//     and version, and one that was found claimed after a crash is handed over
//     again under the same name.
//  3. Writing and sending go in steps of bounded size, each one transaction that
//     says how far it came. No step needs the one before it in memory.
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
	"github.com/postern-mail/postern/response/scope"
	"github.com/postern-mail/postern/staff"
)

// Person is what a notice needs to know of its reader.
type Person struct {
	Address, Name string
	Locale        string // "fr" or "en"
}

// NoticeMail is a notice on its way to a mailbox.
type NoticeMail struct {
	Account       postern.AccountID
	ID            postern.NoticeID
	Version       int
	Subject, Text string // Text is plain, UTF-8, lines ended by "\n"
	Locale        string
}

// Readers is what notices need of the mail plane.
type Readers interface {
	// People gives those of these accounts that there are.
	People(context.Context, []postern.AccountID) (map[postern.AccountID]Person, error)
	// Account gives the account of an address; NotFound when there is none.
	Account(ctx context.Context, address string) (postern.AccountID, error)
	// DeliverAll puts notices into their accounts' INBOXes, durably where it says
	// nil. It is idempotent by ID and Version: what was delivered is not delivered
	// again. The errors are the notices' own, in their order: NotFound, Denied and
	// Invalid are final, any other is tried again. The last error is of all of
	// them: nothing can be delivered now, or nobody knows what was.
	DeliverAll(context.Context, []NoticeMail) ([]error, error)
	// Try sends a notice to an address that is no customer's: a test.
	Try(ctx context.Context, address string, n NoticeMail) error
	// Seen says which of these were looked at in the mailbox.
	Seen(context.Context, []NoticeMail) ([]bool, error)
	// Guarded gives those of an account's messages that reset passwords or carry
	// codes.
	Guarded(context.Context, postern.AccountID, []postern.MessageID) ([]postern.MessageID, error)
	// Forwards says whether an account sends its mail on to another address.
	Forwards(context.Context, postern.AccountID) (bool, error)
}

// Exposed gives what a version of a scope says of accounts.
type Exposed interface {
	// Each calls f for every account behind one, in their order, with all of its
	// exposures. An error of f ends it and is returned as it is.
	Each(ctx context.Context, in postern.IncidentID, version int, after postern.AccountID, f func([]scope.Exposure) error) error
	// Of gives one account's.
	Of(ctx context.Context, in postern.IncidentID, version int, a postern.AccountID) ([]scope.Exposure, error)
}

// Parts is what an Office is made of.
type Parts struct {
	DB       *db.Handle // the response plane, its tables there
	Ledger   *ledger.Ledger
	Gate     *gate.Gate
	Staff    *staff.Directory
	Book     *incident.Book
	Readers  Readers
	Exposed  Exposed // nil: the saved scopes
	Now      func() time.Time
	Log      *slog.Logger
	Provider string // the name customers know: "Outlook Example"
	// AtOnce is how many notices one step writes or sends; 0 is 500.
	AtOnce int
}

// Office is where notices are written and sent from. It is safe for concurrent
// use.
type Office struct {
	db       *db.Handle
	ledger   *ledger.Ledger
	gate     *gate.Gate
	staff    *staff.Directory
	book     *incident.Book
	readers  Readers
	exposed  Exposed
	now      func() time.Time
	log      *slog.Logger
	provider string
	atOnce   int
	working  sync.Mutex // one at a time writes and sends; across nodes the leader's lock
	wake     chan struct{}
}

// New gives the office.
func New(p Parts) *Office {
	o := &Office{db: p.DB, ledger: p.Ledger, gate: p.Gate, staff: p.Staff, book: p.Book, readers: p.Readers, exposed: p.Exposed, now: p.Now, log: p.Log,
		provider: p.Provider, atOnce: p.AtOnce, wake: make(chan struct{}, 1)}
	if o.atOnce <= 0 {
		o.atOnce = 500
	}
	if o.exposed == nil {
		o.exposed = saved{p.DB}
	}
	return o
}

// checkEvery is how often the mailboxes are asked which notices were looked at.
const checkEvery = time.Hour

// Run goes on with what was begun, and with what is begun here, until ctx ends.
func (o *Office) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	checked := o.now()
	for {
		if err := o.GoOn(ctx); err != nil && ctx.Err() == nil {
			o.log.Error("couldn't go on with the notices", "err", err)
		}
		if now := o.now(); now.Sub(checked) >= checkEvery {
			checked = now
			if err := o.CheckRead(ctx); err != nil && ctx.Err() == nil {
				o.log.Error("couldn't ask which notices were read", "err", err)
			}
		}
		select {
		case <-tick.C:
		case <-o.wake:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// begun has [Office.Run] look at once.
func (o *Office) begun() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// Forget drops an account's notices with their words.
func (o *Office) Forget(ctx context.Context, a postern.AccountID) error {
	return o.db.Update(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec("DELETE FROM response_followup WHERE account = ?1", string(a)); err != nil {
			return err
		}
		_, err := tx.Exec("DELETE FROM response_notice WHERE account = ?1", string(a))
		return err
	})
}
