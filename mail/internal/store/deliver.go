package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

// A Place is where one recipient's copy of a delivery goes, where that differs
// from the delivery's.
type Place struct {
	Mailbox  postern.MailboxID // or
	Role     string
	Flags    []string
	Event    string
	Verdicts string
}

// DeliverTo is Deliver with places of their own for some of the accounts. What
// also writes stands and falls with the messages' rows.
func (s *Store) DeliverTo(ctx context.Context, to []postern.AccountID, in AppendIn, places map[postern.AccountID]Place, also func(*db.Tx) error) ([]Item, error) {
	r, err := s.prepare(in)
	if err != nil {
		return nil, err
	}
	var letters []letter
	for _, acc := range slices.Compact(slices.Sorted(slices.Values(to))) {
		own := r
		if p, ok := places[acc]; ok {
			moved := *r
			if moved.flags, err = parseFlags(p.Flags); err != nil {
				return nil, err
			}
			moved.in.Mailbox, moved.in.Role, moved.in.Event, moved.in.Verdicts = p.Mailbox, p.Role, p.Event, p.Verdicts
			own = &moved
		}
		letters = append(letters, letter{ready: own, account: acc, id: s.newMessageID()})
	}
	return s.keep(ctx, letters, also)
}

// CountTraces counts an account's rows of one event since a time.
func (s *Store) CountTraces(ctx context.Context, id postern.AccountID, event string, since time.Time) (n int, err error) {
	acc, err := key(id)
	if err != nil {
		return 0, err
	}
	err = s.db.View(ctx, func(tx *db.Tx) error {
		err := tx.Row("SELECT count(*) FROM mail_trace WHERE account = ?1 AND at >= ?2 AND event = ?3", db.Args(acc, millis(since), event), &n)
		if errors.Is(err, db.ErrNoRows) {
			return nil
		}
		return err
	})
	return n, err
}
