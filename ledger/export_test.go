package ledger

import (
	"github.com/postern-mail/postern/db"
)

// StartupCheck is what Open checks, in the caller's transaction.
func (l *Ledger) StartupCheck(tx *db.Tx) error { _, err := l.check(tx, false); return err }

// Audit is Verify in the caller's transaction.
func (l *Ledger) Audit(tx *db.Tx) error { _, err := l.audit(tx); return err }
