package gate

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/gate/detail"
	"github.com/postern-mail/postern/gate/lease"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/staff"
)

// end runs an ending of grants: alone under the lock, then cuts what is on its
// way under them and waits until nothing is (invariants 5 and 6).
func (g *Gate) end(ctx context.Context, f func(tx *db.Tx, at time.Time) ([]Grant, error)) ([]Grant, error) {
	ctx = db.Urgent(ctx)
	var ended []Grant
	err := g.db.Update(ctx, func(tx *db.Tx) (err error) {
		if err := tx.Lock(lock); err != nil {
			return err
		}
		ended, err = f(tx, g.now())
		return err
	})
	if err != nil || len(ended) == 0 {
		return nil, err
	}
	what := endOfGrants(ended)
	wait := g.cut(what, refuse(RefusedGrantEnded))
	wait.Here()
	return ended, g.elsewhere(ctx, what)
}

// endGrants ends the running grants that a condition selects, and writes each
// ending to the ledger. To end what has ended is no error.
func (g *Gate) endGrants(tx *db.Tx, at time.Time, why string, actor postern.StaffID, where string, args ...any) ([]Grant, error) {
	ended, err := grants(tx, where+" AND ended_at = 0 ORDER BY id", args...)
	if err != nil {
		return nil, err
	}
	running := ended[:0]
	for _, one := range ended {
		if !one.Live(at) {
			continue // the clock ended it, and its grant record says when
		}
		running = append(running, one)
		if err := tx.ExecOne("UPDATE gate_grant SET ended_at = ?2, ended_why = ?3 WHERE id = ?1 AND ended_at = 0", string(one.ID), millis(at), why); err != nil {
			return nil, err
		}
		if err := tx.ExecOne("INSERT INTO gate_ended (what, subject, at) VALUES ('grant', ?1, ?2)", string(one.ID), millis(at)); err != nil {
			return nil, err
		}
		kind := verify.ControlEnd
		if why == EndWithdrawn {
			kind = verify.ControlWithdrawal
		}
		if _, err := g.ledger.Control(tx, ledger.Control{
			Kind: kind, At: at, Account: one.Account, Actor: actor, Grant: one.ID, Case: one.Case, Session: one.Session,
			Organisation: one.Organisation, Subject: why, Detail: detail.Lines{}.Add("why", why).Tier(one.Tier).Text(),
		}); err != nil {
			return nil, err
		}
	}
	return running, nil
}

// EndSessions ends what hangs on sessions: their grants, the requests that an
// approver was asked, their deliveries, pages and streams on every node. It does
// so whether or not they still count, for those that staff ended already: by a
// provider's logout, with an API token, or with a leaver. To end what has ended
// is no error. What the customer alone was asked stays, for whoever works the
// case when the yes comes.
func (g *Gate) EndSessions(ctx context.Context, ids ...postern.SessionID) error {
	return g.endSessions(ctx, "", ids...)
}

// EndSession ends a session of one's own: signing out.
func (g *Gate) EndSession(ctx context.Context, by staff.Session) error {
	return g.endSessions(ctx, by.Staff, by.ID)
}

func (g *Gate) endSessions(ctx context.Context, actor postern.StaffID, ids ...postern.SessionID) error {
	if len(ids) == 0 {
		return nil
	}
	ctx = context.WithoutCancel(ctx) // who hangs up must not leave it half done
	var what lease.Ended
	err := g.db.Update(ctx, func(tx *db.Tx) error {
		if err := tx.Lock(lock); err != nil { // invariant 5
			return err
		}
		at := g.now()
		what = lease.Ended{Sessions: make(map[postern.SessionID]bool, len(ids)), Grants: map[postern.GrantID]bool{}}
		for _, id := range ids {
			what.Sessions[id] = true
			if _, err := g.staff.EndSessionTx(tx, id, at); err != nil {
				return err
			}
			if err := tx.ExecOne("INSERT INTO gate_ended (what, subject, at) VALUES ('session', ?1, ?2)", string(id), millis(at)); err != nil {
				return err
			}
			if _, err := tx.Exec("UPDATE gate_request SET status = 'expired', answered = ?2 WHERE session_id = ?1 AND status = 'waiting' AND (agree = 'customer-or-staff' OR emergency = 1)",
				string(id), millis(at)); err != nil {
				return err
			}
			ended, err := g.endGrants(tx, at, EndSession, actor, "session_id = ?1", string(id))
			if err != nil {
				return err
			}
			maps.Copy(what.Grants, endOfGrants(ended).Grants)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("couldn't end the sessions: %w", err)
	}
	g.cut(what, refuse(RefusedSessionEnded)).Here()
	return g.elsewhere(ctx, what)
}

func endOfGrants(all []Grant) lease.Ended {
	e := lease.Ended{Grants: make(map[postern.GrantID]bool, len(all))}
	for _, g := range all {
		e.Grants[g.ID] = true
	}
	return e
}

// EndHandedOver is why a grant ended whose case somebody else works now.
const EndHandedOver = "handed-over"

// EndCaseOf ends what a case allows one member of staff, inside the transaction
// that hands the case over: their grants, their waiting requests, and the customer's
// yes that is kept for them. What the customer offered stands for whoever works
// the case now.
func (g *Gate) EndCaseOf(tx *db.Tx, c postern.CaseID, of postern.StaffID, at time.Time) error {
	return g.endCaseWhere(tx, c, at, "staff = ?2", string(of))
}

// EndCaseFrom ends what a case allows the members of an organisation that it is
// taken from, inside the transaction that does so; see [Gate.EndCaseOf].
func (g *Gate) EndCaseFrom(tx *db.Tx, c postern.CaseID, of postern.OrganisationID, at time.Time) error {
	return g.endCaseWhere(tx, c, at, "organisation = ?2", string(of))
}

func (g *Gate) endCaseWhere(tx *db.Tx, c postern.CaseID, at time.Time, where, of string) error {
	if err := tx.Lock(lock); err != nil { // invariant 5
		return err
	}
	ended, err := g.endGrants(tx, at, EndHandedOver, "", "case_id = ?1 AND "+where, string(c), of)
	if err != nil {
		return err
	}
	if _, err := tx.Exec("UPDATE gate_request SET status = 'expired', answered = ?3 WHERE case_id = ?1 AND "+where+" AND status = 'waiting'", string(c), of, millis(at)); err != nil {
		return err
	}
	if _, err := tx.Exec("UPDATE gate_offer SET withdrawn = ?3 WHERE case_id = ?1 AND withdrawn = 0 AND staff IN (SELECT staff FROM gate_request WHERE case_id = ?1 AND "+where+")",
		string(c), of, millis(at)); err != nil {
		return err
	}
	tx.AfterCommit(func() { g.cut(endOfGrants(ended), refuse(RefusedGrantEnded)) })
	return nil
}
