package gate

import (
	"context"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

// HeldAccounts lists the accounts over which a legal hold runs.
func (g *Gate) HeldAccounts(ctx context.Context) (list []postern.AccountID, err error) {
	err = g.db.View(ctx, func(tx *db.Tx) error {
		return tx.Rows("SELECT DISTINCT account FROM gate_hold WHERE confirmed_at > 0 AND ended_at = 0 AND until_at > ?1", db.Args(millis(g.now())), func(row db.Scanner) error {
			var a postern.AccountID
			err := row.Scan(&a)
			list = append(list, a)
			return err
		})
	})
	return list, err
}

// EndAccount ends every grant over an account that is to be erased. Conflict
// while a legal hold runs: what it keeps must not be destroyed.
func (g *Gate) EndAccount(ctx context.Context, a postern.AccountID) error {
	_, err := g.end(ctx, func(tx *db.Tx, at time.Time) ([]Grant, error) {
		var held int64
		err := tx.Row("SELECT count(*) FROM gate_hold WHERE account = ?1 AND confirmed_at > 0 AND ended_at = 0 AND until_at > ?2", db.Args(string(a), millis(at)), &held)
		if err == nil && held > 0 {
			err = &postern.Error{Kind: postern.Conflict, Key: "gate.conflict.held", Text: "a legal hold runs over this account: it can be erased when the hold has ended"}
		}
		if err != nil {
			return nil, err
		}
		return g.endGrants(tx, at, EndCaseClosed, "", "account = ?1", string(a))
	})
	return err
}
