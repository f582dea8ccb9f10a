// Package erase removes everything of an account from the mail store's tables.
//
// What it keeps: nothing; its tables are those of mail/internal/store, whose
// sweep removes the bytes afterwards.
//
// Trust: what it removes is gone for good. Whoever calls it has made sure that
// it was asked for.
package erase

import (
	"context"
	"encoding/hex"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

// atOnce is how many messages one transaction of an erasure takes, so that
// others are not kept waiting.
const atOnce = 1000

// Account removes everything of an account. It goes on where it was cut short;
// what is gone already is no error.
func Account(ctx context.Context, h *db.Handle, id postern.AccountID, now time.Time) error {
	acc, err := hex.DecodeString(string(id))
	if err != nil {
		return err
	}
	for {
		var nums []int64
		err := h.Update(ctx, func(tx *db.Tx) error {
			nums = nums[:0]
			err := tx.Rows("SELECT num FROM mail_message WHERE account = ?1 LIMIT ?2", db.Args(acc, int64(atOnce)), func(row db.Scanner) error {
				var n int64
				err := row.Scan(&n)
				nums = append(nums, n)
				return err
			})
			if err != nil {
				return err
			}
			for _, n := range nums {
				if _, err := tx.Exec("INSERT INTO mail_doomed (account, id, at) SELECT account, id, ?3 FROM mail_message WHERE account = ?1 AND num = ?2", acc, n, now.UnixMilli()); err != nil {
					return err
				}
				if _, err := tx.Exec("DELETE FROM mail_placement WHERE account = ?1 AND num = ?2", acc, n); err != nil {
					return err
				}
				if tx.Engine() == db.SQLite {
					if _, err := tx.Exec("DELETE FROM mail_fts WHERE rowid = ?1", n); err != nil {
						return err
					}
				}
				if _, err := tx.Exec("DELETE FROM mail_message WHERE account = ?1 AND num = ?2", acc, n); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		if len(nums) == 0 {
			break
		}
	}
	return h.Update(ctx, func(tx *db.Tx) error {
		for _, table := range []string{"mail_placement", "mail_mailbox", "mail_expunged", "mail_thread", "mail_trace", "mail_spent", "mail_state"} {
			if _, err := tx.Exec("DELETE FROM "+table+" WHERE account = ?1", acc); err != nil {
				return err
			}
		}
		if tx.Engine() == db.SQLite {
			// The index keeps the words of what was deleted until it is merged.
			if _, err := tx.Exec("INSERT INTO mail_fts (mail_fts) VALUES ('optimize')"); err != nil {
				return err
			}
		}
		return nil
	})
}
