package gate

import (
	"context"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/gate/hold"
	"github.com/postern-mail/postern/staff"
)

// Emergency access does without the customer, and what is told of it; see
// github.com/postern-mail/postern/gate/hold.
type (
	Hold   = hold.Hold
	Told   = hold.Told
	Teller = hold.Teller
)

// reaches says whether the policy has emergency access of a tier. Without
// anybody to tell the customer there is none.
func (g *Gate) reaches(t postern.Tier) bool {
	deepest, ok := postern.TierNamed(g.policy.Emergency.Tier)
	return ok && t <= deepest && g.holds.Teller != nil
}

// about says what a customer is told of a grant.
func (g *Gate) about(tx *db.Tx, id postern.GrantID) (Told, error) {
	gr, err := oneGrant(tx, id)
	return Told{ID: gr.ID, Account: gr.Account, At: gr.From, Until: gr.Until, Tier: gr.Tier, Messages: gr.Messages, Reason: gr.Reason, Sentence: gr.Sentence,
		StaffName: gr.StaffName, OrganisationName: gr.OrganisationName, AgreedBy: gr.AgreedBy}, err
}

// holding runs an act on holds as a session that is alive, and writes refusals
// to the ledger.
func (g *Gate) holding(ctx context.Context, by staff.Session, what string, a postern.AccountID, f func(tx *db.Tx, s staff.Session) error) error {
	tried := attempt{what: what, by: by, account: a}
	err := g.db.Update(ctx, func(tx *db.Tx) error {
		if err := tx.LockShared(lock); err != nil {
			return err
		}
		s, err := g.alive(tx, by.ID)
		if err != nil {
			return err
		}
		return f(tx, s)
	})
	return g.refused(ctx, tried, err)
}

// MakeHold proposes a legal hold, as an approver: it counts once somebody else
// has confirmed it.
func (g *Gate) MakeHold(ctx context.Context, by staff.Session, h Hold) (made Hold, err error) {
	err = g.holding(ctx, by, "hold", h.Account, func(tx *db.Tx, s staff.Session) error {
		if !s.Is(staff.Approver) {
			return refuse(RefusedNotApprover)
		}
		made, err = g.holds.Make(tx, s, h)
		return err
	})
	return made, err
}

// ConfirmHold has a responder, another person than who made it, put a hold into
// force.
func (g *Gate) ConfirmHold(ctx context.Context, by staff.Session, id string) error {
	return g.holding(ctx, by, "confirm-hold", "", func(tx *db.Tx, s staff.Session) error {
		if !s.Is(staff.Responder) {
			return refuse(RefusedNotResponder)
		}
		h, err := g.holds.One(tx, id)
		if err != nil {
			return err
		}
		if h.MadeBy == s.Staff {
			return refuse(RefusedOwnRequest)
		}
		return g.holds.Confirm(tx, s, h)
	})
}

// EndHold ends a hold before its time: the customer is told of everything it
// held back.
func (g *Gate) EndHold(ctx context.Context, by staff.Session, id string) error {
	return g.holding(ctx, by, "end-hold", "", func(tx *db.Tx, s staff.Session) error {
		if !s.Is(staff.Approver) && !s.Is(staff.Responder) {
			return refuse(RefusedNotApprover)
		}
		h, err := g.holds.One(tx, id)
		if err != nil {
			return err
		}
		return g.holds.End(tx, s, h)
	})
}

// Holds lists the holds, newest first, for approvers, responders and auditors.
func (g *Gate) Holds(ctx context.Context, by staff.Session) (found []Hold, err error) {
	err = g.db.View(ctx, func(tx *db.Tx) error {
		s, err := g.alive(tx, by.ID)
		if err != nil {
			return err
		}
		if !s.Is(staff.Approver) && !s.Is(staff.Responder) && !s.Is(staff.Auditor) {
			return refuse(RefusedNotApprover)
		}
		found, err = g.holds.All(tx)
		return err
	})
	return found, err
}

// Tell tells customers what they are to be told now, and gives how many. [Gate.Run]
// does it all the time.
func (g *Gate) Tell(ctx context.Context) (int, error) { return g.holds.Tell(ctx) }
