package ledger

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/ledger/witness"
)

const (
	maxUnwitnessed = verify.MergeDelay / 2 // how old the last quorum may be before nothing is shown
	comparison     = 5 * time.Second       // how long a start waits for a witness
	firstPause     = time.Second           // before a witness that failed is asked again; doubled
	longestPause   = time.Minute
)

// Cosign has every witness cosign the newest checkpoint now; [Ledger.Run] does so
// by itself.
func (l *Ledger) Cosign(ctx context.Context) error {
	for _, w := range l.policy.Witnesses {
		if err := l.ask(ctx, w, 0); err != nil {
			return err
		}
	}
	return nil
}

// ask has one witness cosign the newest checkpoint, and keeps what it signed.
// Fresh says that an old cosignature of the same size will do.
func (l *Ledger) ask(ctx context.Context, w verify.Witness, fresh time.Duration) error {
	var c verify.Checkpoint
	var a witness.Ask
	var have bool
	read := func(old int64) error {
		return l.DB.View(ctx, func(tx *db.Tx) (err error) {
			if c, a.Checkpoint, _, err = l.published(tx); err != nil || a.Checkpoint == nil {
				return err
			}
			if a.Old = old; old < 0 {
				err := tx.Row(`SELECT size FROM ledger_witness WHERE name = ?1`, db.Args(w.Key.String()), &a.Old)
				if errors.Is(err, db.ErrNoRows) {
					a.Old = 0
				} else if err != nil {
					return err
				}
			}
			if a.Old > c.Size { // start-up compares; here another node has moved on
				return nil
			}
			var at int64
			err = tx.Row(`SELECT last_at FROM ledger_cosignature WHERE size = ?1 AND witness = ?2`, db.Args(c.Size, w.Name), &at)
			if err != nil && !errors.Is(err, db.ErrNoRows) {
				return err
			}
			// One from before this process began says nothing about its tables.
			have = err == nil && l.Now().Sub(time.UnixMilli(at)) < fresh && !time.UnixMilli(at).Before(l.began.Truncate(time.Second))
			a.Path, err = consistency(hashes(tx, c), a.Old, c.Size)
			return err
		})
	}
	if err := read(-1); err != nil || a.Checkpoint == nil || have || a.Old > c.Size {
		return err
	}
	s, err := l.client.Add(ctx, w, a)
	var other *witness.ConflictError
	if errors.As(err, &other) && other.Size <= c.Size {
		if err := read(other.Size); err != nil {
			return err
		}
		s, err = l.client.Add(ctx, w, a)
	}
	if err != nil {
		return err
	}
	return l.keep(ctx, w, c.Size, s)
}

// keep stores a cosignature, and what it makes public.
func (l *Ledger) keep(ctx context.Context, w verify.Witness, size int64, s witness.Cosignature) error {
	at := int64(s.At) * 1000
	err := l.DB.Update(ctx, func(tx *db.Tx) error {
		if err := tx.Lock("ledger cosignatures"); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO ledger_cosignature (size, witness, first_line, first_at, last_line, last_at) VALUES (?1, ?2, ?3, ?4, ?3, ?4)
			ON CONFLICT (size, witness) DO UPDATE SET last_line = excluded.last_line, last_at = excluded.last_at WHERE excluded.last_at > ledger_cosignature.last_at`,
			size, w.Name, s.Line, at)
		if err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO ledger_witness (name, size, at) VALUES (?1, ?2, ?3) ON CONFLICT (name) DO UPDATE SET size = excluded.size, at = excluded.at
			WHERE excluded.size >= ledger_witness.size`, w.Key.String(), size, at)
		if err != nil {
			return err
		}
		first, last := map[string]int64{}, map[string]int64{}
		err = tx.Rows(`SELECT witness, first_at, last_at FROM ledger_cosignature WHERE size = ?1`, db.Args(size), func(r db.Scanner) error {
			var name string
			var f, t int64
			err := r.Scan(&name, &f, &t)
			first[name], last[name] = f, t
			return err
		})
		if err != nil {
			return err
		}
		from, until, ok := l.quorum(first, last)
		if !ok {
			return nil
		}
		_, err = tx.Exec(`INSERT INTO ledger_public (size, first_at, last_at) VALUES (?1, ?2, ?3)
			ON CONFLICT (size) DO UPDATE SET first_at = excluded.first_at, last_at = excluded.last_at`, size, from, until)
		return err
	})
	if err != nil {
		return fmt.Errorf("couldn't keep a cosignature: %w", err)
	}
	l.announce()
	return nil
}

// quorum gives the first time at which the first cosignatures make a quorum, and
// the last at which the last ones still do.
func (l *Ledger) quorum(first, last map[string]int64) (from, until int64, ok bool) {
	for _, t := range first {
		if (!ok || t < from) && l.policy.Satisfied(func(w string) bool { f, there := first[w]; return there && f <= t }) {
			from, ok = t, true
		}
	}
	for _, t := range last {
		if t > until && l.policy.Satisfied(func(w string) bool { f, there := last[w]; return there && f >= t }) {
			until = t
		}
	}
	return from, until, ok
}

// witnesses has every witness cosign, until ctx ends: each checkpoint as it comes,
// and the newest again when nothing comes, so that there is always a late time at
// which they held it to be the largest.
func (l *Ledger) witnesses(ctx context.Context) {
	var wg sync.WaitGroup
	for _, w := range l.policy.Witnesses {
		wg.Go(func() {
			pause := firstPause
			for ctx.Err() == nil {
				news := l.progress()
				err := l.ask(ctx, w, l.Heartbeat)
				wait := l.Heartbeat
				if err != nil && ctx.Err() == nil {
					l.Log.Error("a witness did not cosign", "witness", w.Name, "err", err)
					news, wait = nil, pause/2+rand.N(pause)
					pause = min(2*pause, longestPause)
				} else {
					pause = firstPause
				}
				timer := time.NewTimer(wait)
				select {
				case <-news:
				case <-timer.C:
				case <-ctx.Done():
				}
				timer.Stop()
			}
		})
	}
	wg.Wait()
}

// compare asks every witness what it has seen before this process begins to
// work: a witness that knows more than the tables, or something else, has seen
// what a restored backup lacks. Who does not answer in time is no reason to stop;
// the gate stays closed until a quorum has answered.
func (l *Ledger) compare(ctx context.Context) error {
	if !l.policy.Quorum() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, comparison)
	defer cancel()
	errs := make([]error, len(l.policy.Witnesses))
	var wg sync.WaitGroup
	for i, w := range l.policy.Witnesses {
		wg.Go(func() { errs[i] = l.ask(ctx, w, 0) })
	}
	wg.Wait()
	answered := map[string]bool{}
	for i, err := range errs {
		w := l.policy.Witnesses[i]
		var more *witness.ConflictError
		switch {
		case err == nil:
			answered[w.Name] = true
		case errors.As(err, &more):
			return &postern.Error{Kind: postern.Unavailable, Key: "ledger.restored", Err: err,
				Text: fmt.Sprintf("witness %s has cosigned %d leaves and the tables have fewer: an old backup was restored. Restore the newest one; leaves that were published can't be taken back", w.Name, more.Size)}
		case errors.Is(err, witness.ErrFork):
			return &postern.Error{Kind: postern.Unavailable, Key: "ledger.forked", Err: err,
				Text: fmt.Sprintf("witness %s has cosigned another log with this key: a second Postern runs with it, or the tables were altered. Stop the other one, or restore the newest backup", w.Name)}
		default:
			l.Log.Warn("a witness did not answer at the start", "witness", w.Name, "err", err)
		}
	}
	l.compared.Store(l.policy.Satisfied(func(name string) bool { return answered[name] }))
	return nil
}

// witnessed refuses when no quorum has cosigned for too long, or none since this
// process began.
func (l *Ledger) witnessed(tx *db.Tx, now time.Time) error {
	if !l.policy.Quorum() {
		return nil
	}
	var at int64
	if err := tx.Row(`SELECT COALESCE(MAX(last_at), 0) FROM ledger_public`, nil, &at); err != nil {
		return err
	}
	last := time.UnixMilli(at)
	if now.Sub(last) <= maxUnwitnessed && (l.compared.Load() || !last.Before(l.began.Truncate(time.Second))) {
		return nil
	}
	return &postern.Error{Kind: postern.Unavailable, Key: "gate.refused.unwitnessed", Text: "no quorum of witnesses has cosigned the ledger lately, so nothing is shown: see docs/witnesses.md"}
}

// current gives the newest public checkpoint: where witnesses are asked for, the
// newest that a quorum has cosigned, with their lines.
func (l *Ledger) current(tx *db.Tx) (verify.Checkpoint, []byte, error) {
	if !l.policy.Quorum() {
		c, signed, _, err := l.published(tx)
		if err == nil && signed == nil {
			err = errUnpublished
		}
		return c, signed, err
	}
	return l.chosen(tx, `SELECT size FROM ledger_public ORDER BY size DESC LIMIT 1`, nil, `last_line`, errUnpublished)
}

var errUnpublished = &postern.Error{Kind: postern.NotFound, Text: "the ledger has not published a checkpoint yet"}

// startCheckpoint gives the largest public checkpoint that was there at a time,
// and has at most so many leaves: what stands before it was not disclosed later.
// NotFound when the log began later.
func (l *Ledger) startCheckpoint(tx *db.Tx, at time.Time, most int64) (verify.Checkpoint, []byte, error) {
	early := &postern.Error{Kind: postern.NotFound, Key: "statement.before-log", Text: "the ledger began later than that"}
	if !l.policy.Quorum() {
		return l.heldAt(tx, at, most, early)
	}
	return l.chosen(tx, `SELECT size FROM ledger_public WHERE first_at <= ?1 AND size <= ?2 ORDER BY size DESC LIMIT 1`, db.Args(at.UnixMilli(), most), `first_line`, early)
}

// endCheckpoint gives the smallest public checkpoint that was still the largest
// at a time: what stands behind it was disclosed later.
func (l *Ledger) endCheckpoint(tx *db.Tx, at time.Time) (verify.Checkpoint, []byte, error) {
	if !l.policy.Quorum() {
		return l.heldAt(tx, at, verify.MaxSize, tooSoon())
	}
	return l.chosen(tx, `SELECT size FROM ledger_public WHERE last_at >= ?1 ORDER BY size LIMIT 1`, db.Args(at.UnixMilli()), `last_line`, tooSoon())
}

// chosen gives the checkpoint that a query chooses, with its cosignatures.
func (l *Ledger) chosen(tx *db.Tx, query string, args []any, line string, none error) (c verify.Checkpoint, signed []byte, err error) {
	var size int64
	err = tx.Row(query, args, &size)
	if errors.Is(err, db.ErrNoRows) {
		return c, nil, none
	}
	if err != nil {
		return c, nil, err
	}
	if err := tx.Row(`SELECT note FROM ledger_checkpoint WHERE size = ?1`, db.Args(size), &signed); err != nil {
		return c, nil, altered("the checkpoint of size %d: %w", size, err)
	}
	var lines []string
	err = tx.Rows(`SELECT `+line+` FROM ledger_cosignature WHERE size = ?1 ORDER BY witness`, db.Args(size), func(s db.Scanner) error {
		var one string
		err := s.Scan(&one)
		lines = append(lines, one)
		return err
	})
	if err != nil {
		return c, nil, err
	}
	if c, err = l.policy.Open(signed); err == nil {
		signed, err = verify.AddSignatures(signed, lines...)
	}
	if err != nil {
		return c, nil, altered("the checkpoint of size %d: %w", size, err)
	}
	return c, signed, nil
}

// heldAt gives the newest checkpoint of a time, by the log's own clock.
func (l *Ledger) heldAt(tx *db.Tx, at time.Time, most int64, none error) (c verify.Checkpoint, signed []byte, err error) {
	err = tx.Row(`SELECT note FROM ledger_checkpoint WHERE at <= ?1 AND size <= ?2 ORDER BY size DESC LIMIT 1`, db.Args(at.UnixMilli(), most), &signed)
	if errors.Is(err, db.ErrNoRows) {
		return c, nil, none
	}
	if err != nil {
		return c, nil, err
	}
	if c, err = l.policy.Open(signed); err != nil {
		return c, nil, altered("a checkpoint: %w", err)
	}
	return c, signed, nil
}
