package ledger

import (
	"context"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

// Retire destroys records that are older than a time (GDPR Art. 5(1)(e)), except
// those of some accounts. What they showed can't be opened any more; that it was
// shown stays in the log and can be proved for ever. It says how many there were.
func (l *Ledger) Retire(ctx context.Context, before time.Time, except []postern.AccountID) (total int64, err error) {
	kept := map[string]bool{}
	err = l.DB.View(ctx, func(tx *db.Tx) error {
		for _, a := range except {
			err := tx.Rows(`SELECT pseudonym FROM ledger_account_secret WHERE account_id = ?1`, db.Args(string(a)), func(s db.Scanner) error {
				var p []byte
				err := s.Scan(&p)
				kept[string(p)] = true
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	for after := int64(0); err == nil; {
		var seqs []int64
		last := after
		err = l.DB.Update(ctx, func(tx *db.Tx) error {
			seqs, last = seqs[:0], after
			err := tx.Rows(`SELECT seq, account FROM ledger_entry WHERE seq > ?1 AND at < ?2 AND idx IS NOT NULL AND record_ct IS NOT NULL ORDER BY seq LIMIT ?3`,
				db.Args(after, before.UnixMilli(), int64(batchMost)), func(s db.Scanner) error {
					var account []byte
					err := s.Scan(&last, &account)
					if !kept[string(account)] {
						seqs = append(seqs, last)
					}
					return err
				})
			for _, seq := range seqs {
				if err == nil {
					err = tx.ExecOne(`UPDATE ledger_entry SET record_ct = NULL WHERE seq = ?1`, seq)
				}
			}
			return err
		})
		if err != nil || last == after {
			return total, err
		}
		after = last
		total += int64(len(seqs))
	}
	return total, err
}
