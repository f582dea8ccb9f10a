package rules

import (
	"context"
	"encoding/hex"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

// Forget removes an account's rules.
func (r *Rules) Forget(ctx context.Context, acc postern.AccountID) error {
	raw, err := hex.DecodeString(string(acc))
	if err != nil {
		return err
	}
	return r.DB.Update(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec("DELETE FROM mail_rule WHERE account = ?1", raw)
		return err
	})
}
