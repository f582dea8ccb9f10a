package queue

import (
	"context"
	"encoding/hex"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

// Forget drops what an account has on its way out.
func (q *Queue) Forget(ctx context.Context, acc postern.AccountID) error {
	raw, err := hex.DecodeString(string(acc))
	if err != nil {
		return err
	}
	return q.DB.Update(ctx, func(tx *db.Tx) error {
		for _, table := range []string{"mail_queue_recipient", "mail_queue_message"} {
			if _, err := tx.Exec("DELETE FROM "+table+" WHERE account = ?1", raw); err != nil {
				return err
			}
		}
		return nil
	})
}
