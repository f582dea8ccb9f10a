package gate

import (
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

// EndHandedOver is why a grant ended whose case somebody else works now.
const EndHandedOver = "handed-over"

// EndCaseOf ends what a case allows one member of staff, inside the transaction
// that hands the case over: their grants and their waiting requests. What the
// customer offered stands for whoever works the case now.
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
	tx.AfterCommit(func() { g.cut(endOfGrants(ended), refuse(RefusedGrantEnded)) })
	return nil
}
