package gate

import (
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

// EndHandedOver is why a grant ended whose case somebody else works now.
const EndHandedOver = "handed-over"

// EndCaseOf ends what a case allows one member of staff, inside the transaction
// that hands the case over: their grants, their waiting requests, and the customer's
// yes that is kept for them. What the customer offered stands for whoever works
// the case now.
func (g *Gate) EndCaseOf(tx *db.Tx, c postern.CaseID, of postern.StaffID, at time.Time) error {
	if err := tx.Lock(lock); err != nil { // invariant 5
		return err
	}
	ended, err := g.endGrants(tx, at, EndHandedOver, "", "case_id = ?1 AND staff = ?2", string(c), string(of))
	if err != nil {
		return err
	}
	if _, err := tx.Exec("UPDATE gate_request SET status = 'expired', answered = ?3 WHERE case_id = ?1 AND staff = ?2 AND status = 'waiting'", string(c), string(of), millis(at)); err != nil {
		return err
	}
	if _, err := tx.Exec("UPDATE gate_offer SET withdrawn = ?3 WHERE case_id = ?1 AND staff = ?2 AND withdrawn = 0", string(c), string(of), millis(at)); err != nil {
		return err
	}
	tx.AfterCommit(func() { g.cut(endOfGrants(ended), refuse(RefusedGrantEnded)) })
	return nil
}
