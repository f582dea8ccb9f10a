package response

import (
	"context"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

// Forget drops an account's notices with their words, and whose mail detection
// remembers that staff saw. An incident's scope keeps its count, under an
// identifier that is nobody's any more.
func (r *Response) Forget(ctx context.Context, a postern.AccountID) error {
	return r.db.Update(ctx, func(tx *db.Tx) error {
		for _, table := range []string{"response_notice", "response_reach"} {
			if _, err := tx.Exec("DELETE FROM "+table+" WHERE account = ?1", string(a)); err != nil {
				return err
			}
		}
		return nil
	})
}
