// Package detect notices that a support credential is being misused. It reads
// the feeds of sign-ins and of the ledger, applies the [Rules], and raises an
// [Alert] with its evidence.
//
// # What it keeps
//
// How far each feed was read (response_cursor), what the rules need to remember
// (response_reach, response_session, response_streak, response_guarded), and
// alerts with their evidence (response_alert, response_evidence).
//
// A feed's cursor moves in the transaction that writes what was concluded from
// it: whatever was read twice is concluded once.
//
// Trust: it handles who looked at what, and account ids. It must never see a
// subject, an address or a message's text. It ends nothing by itself.
package detect

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/gate/policy"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/staff"
)

// Parts is what a Detector is made of.
type Parts struct {
	DB     *db.Handle // the response plane, its tables there
	Ledger *ledger.Ledger
	Gate   *gate.Gate
	Staff  *staff.Directory
	Now    func() time.Time
	Rules  Rules
	// Guarded gives those among these messages that reset passwords or carry
	// codes. Nil switches the rule "guarded" off.
	Guarded func(context.Context, postern.AccountID, []postern.MessageID) ([]postern.MessageID, error)
}

// Detector is safe for concurrent use.
type Detector struct {
	db      *db.Handle
	ledger  *ledger.Ledger
	gate    *gate.Gate
	staff   *staff.Directory
	now     func() time.Time
	rules   Rules
	guarded func(context.Context, postern.AccountID, []postern.MessageID) ([]postern.MessageID, error)

	ticking sync.Mutex // one Tick at a time; across nodes the cursor decides

	peersMu sync.Mutex
	peersAt time.Time
	peers   map[postern.StaffID]int
}

// New sets the cursors up and gives the detector.
func New(ctx context.Context, p Parts) (*Detector, error) {
	err := p.DB.Update(ctx, func(tx *db.Tx) error {
		// The ledger's first index is 0, the sign-ins' first number 1.
		for feed, start := range map[string]int64{feedStaff: 0, feedLedger: -1} {
			if _, err := tx.Exec("INSERT INTO response_cursor (feed, position) VALUES (?1, ?2) ON CONFLICT (feed) DO NOTHING", feed, start); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't set up the cursors: %w", err)
	}
	if wantsNoCase(p.Gate.Policy()) {
		p.Rules.NoCase = -1
	}
	return &Detector{db: p.DB, ledger: p.Ledger, gate: p.Gate, staff: p.Staff, now: p.Now, rules: p.Rules.withDefaults(), guarded: p.Guarded}, nil
}

// wantsNoCase says whether a policy shows mail to whoever asks.
func wantsNoCase(p policy.Policy) bool {
	for _, rule := range p.Tiers {
		if rule.Agree == policy.AgreeNobody {
			return true
		}
	}
	return false
}

// Rules gives the numbers in force, defaults filled in.
func (d *Detector) Rules() Rules { return d.rules }

// Forget drops whose mail detection remembers that staff saw.
func (d *Detector) Forget(ctx context.Context, a postern.AccountID) error {
	return d.db.Update(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec("DELETE FROM response_reach WHERE account = ?1", string(a))
		return err
	})
}
