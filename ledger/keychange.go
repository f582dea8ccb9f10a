package ledger

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger/verify"
)

// noteKeys writes a key change into the ledger for every key that this process
// has and the ledger has not seen. The keys that a log begins with are no change.
func (l *Ledger) noteKeys(ctx context.Context) error {
	type inUse struct{ name, value, subject, words string }
	public := l.policy.Logs[0]
	keys := []inUse{
		{"log", public.String(), "log key", "the log's key is now " + public.String()},
		{"receipt", hex.EncodeToString(l.Keys.ReceiptPublic()), "receipt key", "receipts are now signed by another key"},
	}
	for _, v := range l.vrfs {
		keys = append(keys, inUse{"vrf", fmt.Sprintf("%d %x", v.from, v.public), "VRF key", fmt.Sprintf("tags come from another key from %d on", v.from)})
	}
	err := l.DB.Update(ctx, func(tx *db.Tx) error {
		if err := tx.Lock("ledger keys"); err != nil {
			return err
		}
		var one int64
		err := tx.Row(`SELECT 1 FROM ledger_key LIMIT 1`, nil, &one)
		first := errors.Is(err, db.ErrNoRows)
		if err != nil && !first {
			return err
		}
		for _, k := range keys {
			n, err := tx.Exec(`INSERT INTO ledger_key (name, value, at) VALUES (?1, ?2, ?3) ON CONFLICT (name, value) DO NOTHING`, k.name, k.value, l.Now().UnixMilli())
			if err != nil {
				return err
			}
			if n == 0 || first {
				continue
			}
			if _, err := l.Control(tx, Control{ID: postern.NewID(), Kind: verify.ControlKeyChange, At: l.Now(), Subject: k.subject, Detail: k.words}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("couldn't note the keys in use: %w", err)
	}
	return nil
}
