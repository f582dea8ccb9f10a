package ledger

import (
	"context"
	"errors"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

// Position gives the log index of an entry, ok false while it waits.
func (l *Ledger) Position(ctx context.Context, seq int64) (index int64, ok bool, err error) {
	var idx *int64
	err = l.DB.View(ctx, func(tx *db.Tx) error {
		return tx.Row(`SELECT idx FROM ledger_entry WHERE seq = ?1`, db.Args(seq), &idx)
	})
	if errors.Is(err, db.ErrNoRows) {
		return 0, false, &postern.Error{Kind: postern.NotFound, Text: "there is no such entry in the ledger"}
	}
	if err != nil || idx == nil {
		return 0, false, err
	}
	return *idx, true, nil
}

// WaitPosition is Position that waits until the entry is sequenced, here or by
// another process.
func (l *Ledger) WaitPosition(ctx context.Context, seq int64) (int64, error) {
	const elsewhere = 100 * time.Millisecond // how soon another process's work is seen
	tick := time.NewTicker(elsewhere)
	defer tick.Stop()
	l.wake()
	for {
		done := l.progress()
		index, ok, err := l.Position(ctx, seq)
		if ok || err != nil {
			return index, err
		}
		select {
		case <-done:
		case <-tick.C:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// progress gives a channel that closes after the next batch of this process.
func (l *Ledger) progress() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.moved
}

func (l *Ledger) announce() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.moved)
	l.moved = make(chan struct{})
}
