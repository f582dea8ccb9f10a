package ledger

import (
	"errors"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger/verify"
)

// startCheckpoint gives the largest public checkpoint that was there at a time:
// what stands before it was not disclosed later. NotFound when the log began later.
func (l *Ledger) startCheckpoint(tx *db.Tx, at time.Time) (verify.Checkpoint, []byte, error) {
	return l.heldAt(tx, at)
}

// endCheckpoint gives a public checkpoint that was still the largest at a time:
// what stands behind it was disclosed later.
func (l *Ledger) endCheckpoint(tx *db.Tx, at time.Time) (verify.Checkpoint, []byte, error) {
	return l.heldAt(tx, at)
}

// heldAt gives the newest checkpoint of a time, by the log's own clock.
func (l *Ledger) heldAt(tx *db.Tx, at time.Time) (c verify.Checkpoint, signed []byte, err error) {
	err = tx.Row(`SELECT note FROM ledger_checkpoint WHERE at <= ?1 ORDER BY size DESC LIMIT 1`, db.Args(at.UnixMilli()), &signed)
	if errors.Is(err, db.ErrNoRows) {
		return c, nil, &postern.Error{Kind: postern.NotFound, Key: "statement.before-log", Text: "the ledger began later than that"}
	}
	if err != nil {
		return c, nil, err
	}
	if c, err = l.policy.Open(signed); err != nil {
		return c, nil, altered("a checkpoint: %w", err)
	}
	return c, signed, nil
}
