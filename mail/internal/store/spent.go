package store

import (
	"context"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

// spentFor is how long a used receipt is remembered. It is refused by its
// deadline after seconds; the rest is for clocks that jump back.
const spentFor = 30 * 24 * time.Hour

// Spend writes down, durably, that a receipt is used, before anything is read
// for it. Denied when it was used already.
func (s *Store) Spend(ctx context.Context, id postern.AccountID, disclosure postern.DisclosureID) error {
	acc, err := key(id)
	if err != nil {
		return err
	}
	d, err := key(disclosure)
	if err != nil {
		return err
	}
	return s.db.Update(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec("INSERT INTO mail_spent (account, disclosure, at) VALUES (?1, ?2, ?3) ON CONFLICT (account, disclosure) DO NOTHING", acc, d, millis(s.now()))
		if err == nil && n == 0 {
			err = &postern.Error{Kind: postern.Denied, Key: "mail.receipt.spent", Text: "the receipt was used already"}
		}
		return err
	})
}

// forgetSpent drops receipts that are too old to matter.
func (s *Store) forgetSpent(ctx context.Context) error {
	return s.db.Update(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec("DELETE FROM mail_spent WHERE at < ?1", millis(s.now().Add(-spentFor)))
		return err
	})
}
