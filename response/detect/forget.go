package detect

import (
	"context"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

// Forget drops whose mail detection remembers that staff saw: what was counted
// is counted on, as somebody's.
func (d *Detector) Forget(ctx context.Context, a postern.AccountID) (err error) {
	d.ticking.Lock()
	defer d.ticking.Unlock()
	if d.running == nil {
		if d.running, err = d.load(ctx); err != nil {
			d.running = nil
			return err
		}
	}
	d.running.engine.Rename(string(a), "erased "+postern.NewID())
	return d.DB.Update(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec("UPDATE response_evidence SET account = '' WHERE account = ?1", string(a)); err != nil {
			return err
		}
		return d.save(tx, d.running.engine, d.running.at)
	})
}
