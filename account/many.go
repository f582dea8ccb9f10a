package account

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

// idsAtOnce is how many accounts one statement asks for. A shorter list is filled
// up with its last, so that the statement is always the same one.
const idsAtOnce = 100

// ByIDs gives those of these accounts that there are, in no order.
func (a *Accounts) ByIDs(ctx context.Context, ids []postern.AccountID) (all []Account, err error) {
	marks := make([]string, idsAtOnce)
	for i := range marks {
		marks[i] = "?" + strconv.Itoa(i+1)
	}
	query := "SELECT " + columns + " FROM account_account WHERE id IN (" + strings.Join(marks, ", ") + ")"
	err = a.db.View(ctx, func(tx *db.Tx) error {
		all = nil
		for some := range slices.Chunk(ids, idsAtOnce) {
			args := make([]any, idsAtOnce)
			for i := range args {
				args[i] = string(some[min(i, len(some)-1)])
			}
			if err := tx.Rows(query, args, func(row db.Scanner) error {
				acc, err := scan(row)
				all = append(all, acc)
				return err
			}); err != nil {
				return err
			}
		}
		return nil
	})
	return all, err
}
