package hooks

import (
	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

// Forget drops what was or would be sent of cases, in the caller's transaction.
// What another system was told already is that system's to forget.
func (h *Hooks) Forget(tx *db.Tx, cases []postern.CaseID) error {
	for _, id := range cases {
		if _, err := tx.Exec("DELETE FROM hook_delivery WHERE case_id = ?1", string(id)); err != nil {
			return err
		}
	}
	return nil
}
