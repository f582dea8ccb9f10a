package store

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/blob"
	"github.com/postern-mail/postern/db"
)

// orphanAge is how old bytes without a row must be before they are taken for
// left over by a crash: far longer than any Append runs.
const orphanAge = time.Hour

// lister is what a blob store may offer beyond blob.Store; without it orphans
// stay where they are.
type lister interface {
	List(ctx context.Context, each func(name blob.Name, written time.Time) error) error
}

// sweepSoon wakes Run.
func (s *Store) sweepSoon() {
	select {
	case s.sweeps <- struct{}{}:
	default:
	}
}

// Run deletes the bytes of messages that are gone, soon after they are, and
// those that a crash left without a row, once a day; in PostgreSQL it also sees
// to watchers. It ends with ctx.
func (s *Store) Run(ctx context.Context) error {
	s.sweepSoon()
	poll, daily := time.NewTicker(pollEvery), time.NewTicker(24*time.Hour)
	defer poll.Stop()
	defer daily.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.sweeps:
			_, err = s.Sweep(ctx)
		case <-daily.C:
			_, err = s.SweepOrphans(ctx)
			err = errors.Join(err, s.forgetSpent(ctx))
		case <-poll.C:
			if s.db.Engine() == db.PostgreSQL {
				err = s.watch.poll(ctx)
			}
		}
		if err != nil && ctx.Err() == nil {
			s.log.Warn("couldn't tidy the mail store; it will be tried again", "err", err)
		}
	}
}

// Sweep deletes the bytes of messages that were expunged and says of how many.
func (s *Store) Sweep(ctx context.Context) (int, error) {
	type doomed struct{ acc, id []byte }
	const batch = 500
	for n := 0; ; {
		var list []doomed
		err := s.db.View(ctx, func(tx *db.Tx) error {
			return tx.Rows("SELECT account, id FROM mail_doomed LIMIT ?1", db.Args(batch), func(row db.Scanner) error {
				var d doomed
				err := row.Scan(&d.acc, &d.id)
				list = append(list, d)
				return err
			})
		})
		if err != nil || len(list) == 0 {
			return n, err
		}
		for _, d := range list {
			if err := s.blobs.Delete(ctx, blobName(d.acc, d.id)); err != nil {
				return n, err
			}
		}
		err = s.db.Update(ctx, func(tx *db.Tx) error {
			for _, d := range list {
				if _, err := tx.Exec("DELETE FROM mail_doomed WHERE account = ?1 AND id = ?2", d.acc, d.id); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return n, err
		}
		n += len(list)
	}
}

// SweepOrphans deletes bytes that are older than an hour and have no row, and
// says how many there were. A crash between the bytes and the row leaves them.
func (s *Store) SweepOrphans(ctx context.Context) (int, error) {
	blobs, ok := s.blobs.(lister)
	if !ok {
		return 0, nil
	}
	n, before := 0, s.now().Add(-orphanAge)
	err := blobs.List(ctx, func(name blob.Name, written time.Time) error {
		if written.After(before) {
			return nil
		}
		acc, id, ok := parseBlobName(name)
		if !ok {
			return nil // not ours
		}
		var one int
		err := s.db.View(ctx, func(tx *db.Tx) error {
			return tx.Row("SELECT 1 FROM mail_message WHERE account = ?1 AND id = ?2", db.Args(acc, id), &one)
		})
		if !errors.Is(err, db.ErrNoRows) {
			return err
		}
		n++
		return s.blobs.Delete(ctx, name)
	})
	return n, err
}

func parseBlobName(name blob.Name) (acc, id []byte, ok bool) {
	a, b, cut := strings.Cut(string(name), "/")
	acc, errA := key(postern.AccountID(a))
	id, errB := hex.DecodeString(b)
	return acc, id, cut && errA == nil && errB == nil && len(id) == 16
}
