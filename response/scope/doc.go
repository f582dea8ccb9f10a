// Package scope answers "whose mail was seen": it asks the ledger what a
// selector chose, adds it up to exposures, and keeps each answer as a version of
// the incident.
//
// # What it keeps
//
// response_scope and response_exposure: versions, which never change. A better
// selector makes another version.
//
// An exposure is computed from the ledger alone, never from alerts; every
// selected entry is counted in exactly one exposure or as erased.
//
// Trust: it handles who looked at what, and account ids. It must never see a
// subject or a message's text.
package scope

import (
	"context"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/response/incident"
)

// Parts is what Versions are made of.
type Parts struct {
	DB     *db.Handle // the response plane, its tables there
	Ledger *ledger.Ledger
	Book   *incident.Book
	Now    func() time.Time
	// SessionsFrom gives the sessions that were ever used from these networks.
	SessionsFrom func(context.Context, []string) ([]postern.SessionID, error)
	// Changed is told in the transaction that saves a version: what was drafted
	// rests on another.
	Changed func(*db.Tx, postern.IncidentID) error
}

// Versions are the open room. It is safe for concurrent use.
type Versions struct {
	db           *db.Handle
	ledger       *ledger.Ledger
	book         *incident.Book
	now          func() time.Time
	sessionsFrom func(context.Context, []string) ([]postern.SessionID, error)
	changed      func(*db.Tx, postern.IncidentID) error
}

// New gives the versions.
func New(p Parts) *Versions {
	return &Versions{db: p.DB, ledger: p.Ledger, book: p.Book, now: p.Now, sessionsFrom: p.SessionsFrom, changed: p.Changed}
}
