package history

import (
	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

// Forget takes the words out of an account's requests and grants, and what its
// customer had chosen, in the caller's transaction. Who asked, when and how
// deep stays: it is the staff's record, and names nobody else any more.
func (h *History) Forget(tx *db.Tx, a postern.AccountID) error {
	for _, q := range []string{
		"UPDATE gate_request SET sentence = '', answer = '', status = CASE status WHEN 'waiting' THEN 'expired' ELSE status END WHERE account = ?1",
		"UPDATE gate_grant SET sentence = '' WHERE account = ?1",
		"DELETE FROM gate_offer WHERE account = ?1",
		"DELETE FROM gate_preference WHERE account = ?1",
	} {
		if _, err := tx.Exec(q, string(a)); err != nil {
			return err
		}
	}
	return nil
}
