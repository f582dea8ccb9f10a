package mail

import (
	"context"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/mail/internal/erase"
)

// Erase removes an account's mail, rules and all, for good. What is gone already
// is no error. The account itself stays: it is the directory's.
func (m *Mail) Erase(ctx context.Context, acc postern.AccountID) error {
	if err := m.rules.Forget(ctx, acc); err != nil {
		return err
	}
	if err := erase.Account(ctx, m.db, acc, m.now()); err != nil {
		return err
	}
	_, err := m.store.Sweep(ctx)
	return err
}
