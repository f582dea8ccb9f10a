package ledger

import (
	"context"

	"github.com/postern-mail/postern/db"
)

// StartupCheck is what Open checks, in the caller's transaction.
func (l *Ledger) StartupCheck(tx *db.Tx) error { _, err := l.check(tx, false); return err }

// Audit is Verify in the caller's transaction.
func (l *Ledger) Audit(tx *db.Tx) error { _, err := l.audit(tx); return err }

// AskAll has every witness cosign the newest checkpoint.
func (l *Ledger) AskAll(ctx context.Context) error {
	for _, w := range l.policy.Witnesses {
		if err := l.ask(ctx, w, 0); err != nil {
			return err
		}
	}
	return nil
}
