package notify

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/response/incident"
	"github.com/postern-mail/postern/staff"
)

// Sending goes, for a handful of notices at once, through four durable steps:
//
//	due → sending         claimed, so that a second sender leaves them alone
//	Readers.DeliverAll    in the mailboxes, idempotent by notice and version
//	ledger "notice"       that these people were told, idempotent by its id
//	sending → sent
//
// A process that ends between any two of them leaves the notices claimed. One
// sender runs at a time (db.Lead), so a claim that a starting sender finds was
// left behind, and it goes through the steps again: those that were done have
// no second effect.

// hands is how many handfuls are on their way at once: while one is written to
// the mail plane another is written to the ledger.
const hands = 3

// sendTries is how often a delivery is tried that fails for a passing reason:
// with the pauses below, about an hour.
const sendTries = 7

func pauseAfter(try int) time.Duration { return time.Minute << (try - 1) }

// Send releases the approved version whole, or goes on with a released one, and
// waits until each notice is sent or cannot be now. What is left over, for a
// passing reason, [Office.Run] tries again.
func (o *Office) Send(ctx context.Context, id postern.IncidentID) (SendReport, error) {
	b, err := o.Batch(ctx, id)
	if err != nil {
		return SendReport{}, err
	}
	switch b.State {
	case BatchSending, BatchSent:
	case BatchPaused:
		err = o.db.Update(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec("UPDATE response_batch SET state = 'sending', pause = '' WHERE incident = ?1 AND version = ?2 AND state = 'paused'", id, int64(b.Version))
			return err
		})
	default:
		err = o.release(ctx, staff.Session{}, id, false)
	}
	if err == nil {
		err = o.db.Update(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec("UPDATE response_batch SET stage = 0 WHERE incident = ?1 AND version = ?2", id, int64(b.Version))
			return err
		})
	}
	if err == nil {
		err = o.GoOn(ctx)
	}
	if err != nil {
		return SendReport{}, err
	}
	b, err = o.Batch(ctx, id)
	return b.Counts, err
}

// GoOn writes what is being written, and sends whatever is due of every released
// version.
func (o *Office) GoOn(ctx context.Context) error {
	o.working.Lock()
	defer o.working.Unlock()
	var waiting []Batch
	err := o.db.View(ctx, func(tx *db.Tx) (err error) {
		waiting, err = batches(tx, "state IN ('drafting', 'sending', 'paused') ORDER BY released, incident")
		return err
	})
	if err != nil || len(waiting) == 0 {
		return err
	}
	return o.db.Lead(ctx, "response notices", func(ctx context.Context) error {
		var failed []error // one incident's trouble keeps no other waiting
		for _, b := range waiting {
			if b.State == BatchDrafting {
				if err := o.draftOn(ctx, b.Incident, b.Version, time.Time{}); err != nil {
					failed = append(failed, fmt.Errorf("couldn't write the notices of an incident: %w", err))
				}
			} else if err := o.sendBatch(ctx, b); err != nil {
				failed = append(failed, fmt.Errorf("couldn't send the notices of an incident: %w", err))
			}
		}
		return errors.Join(failed...)
	})
}

func (o *Office) sendBatch(ctx context.Context, b Batch) error {
	// What a sender left behind comes first, stopped or not: nothing stays half
	// sent.
	for {
		left, err := o.leftBehind(ctx, b)
		if err != nil {
			return err
		}
		if len(left) == 0 {
			break
		}
		if err := o.handOver(ctx, b, left); err != nil {
			return err
		}
	}
	if b.State != BatchSending {
		return nil
	}
	g, gctx := errgroup.WithContext(ctx)
	for range hands {
		g.Go(func() error {
			for {
				hand, err := o.claim(gctx, b)
				if err != nil || len(hand) == 0 {
					return err
				}
				if err := o.handOver(gctx, b, hand); err != nil {
					return err
				}
			}
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return o.settle(ctx, b)
}

// claimed is a notice that this sender works on.
type claimed struct {
	Notice
	tries, faults int
}

const claimedColumns = noticeColumns + ", tries, faults"

func scanClaimed(row db.Scanner) (c claimed, err error) {
	c.Notice, err = scanNotice(more{row, []any{&c.tries, &c.faults}})
	return c, err
}

// more is a row of which the last columns go elsewhere.
type more struct {
	db.Scanner
	last []any
}

func (m more) Scan(dest ...any) error { return m.Scanner.Scan(append(dest, m.last...)...) }

// leftBehind gives notices that a sender claimed that is no more.
func (o *Office) leftBehind(ctx context.Context, b Batch) (hand []claimed, err error) {
	err = o.db.Update(ctx, func(tx *db.Tx) error {
		hand = nil
		return tx.Rows(`UPDATE response_notice SET tries = tries + 1 WHERE incident = ?1 AND version = ?2 AND state = 'sending' AND account IN (
			SELECT account FROM response_notice WHERE incident = ?1 AND version = ?2 AND state = 'sending' ORDER BY account LIMIT ?3) RETURNING `+claimedColumns,
			db.Args(b.Incident, int64(b.Version), int64(o.atOnce)), func(row db.Scanner) error {
				c, err := scanClaimed(row)
				hand = append(hand, c)
				return err
			})
	})
	return hand, err
}

// claim takes the next notices that are due, unless the version is stopped, its
// stage is over, or it waits.
func (o *Office) claim(ctx context.Context, b Batch) (hand []claimed, err error) {
	now := o.now()
	err = o.db.Update(ctx, func(tx *db.Tx) error {
		hand = nil
		stage, taken, going := 0, 0, false
		// Whoever stops it waits for this row, or this waits for them.
		err := tx.Rows("UPDATE response_batch SET claimed = claimed WHERE incident = ?1 AND version = ?2 AND state = 'sending' AND not_before <= ?3 RETURNING stage, claimed",
			db.Args(b.Incident, int64(b.Version), db.Millis(now)), func(row db.Scanner) error {
				going = true
				return row.Scan(&stage, &taken)
			})
		most := o.atOnce
		if stage > 0 {
			most = min(most, stage-taken)
		}
		if err != nil || !going || most <= 0 {
			return err
		}
		err = tx.Rows(`UPDATE response_notice SET state = 'sending', tries = tries + 1 WHERE incident = ?1 AND version = ?2 AND state = 'due' AND account IN (
			SELECT account FROM response_notice WHERE incident = ?1 AND version = ?2 AND state = 'due' AND not_before <= ?3 ORDER BY account LIMIT ?4) RETURNING `+claimedColumns,
			db.Args(b.Incident, int64(b.Version), db.Millis(now), int64(most)), func(row db.Scanner) error {
				c, err := scanClaimed(row)
				hand = append(hand, c)
				return err
			})
		if err != nil || len(hand) == 0 {
			return err
		}
		_, err = tx.Exec("UPDATE response_batch SET claimed = claimed + ?3 WHERE incident = ?1 AND version = ?2", b.Incident, int64(b.Version), int64(len(hand)))
		return err
	})
	return hand, err
}

// settle closes a version of which nothing is due any more, and pauses one whose
// first stage is out.
func (o *Office) settle(ctx context.Context, b Batch) error {
	now := o.now()
	return o.db.Update(ctx, func(tx *db.Tx) error {
		b, err := batchOf(tx, b.Incident, b.Version)
		if err != nil || b.State != BatchSending {
			return err
		}
		if b.Counts.Due+b.Counts.Sending > 0 {
			n, err := tx.Exec("UPDATE response_batch SET state = 'paused', pause = 'look' WHERE incident = ?1 AND version = ?2 AND stage > 0 AND claimed >= stage", b.Incident, int64(b.Version))
			if err != nil || n == 0 {
				return err
			}
			return o.book.Write(tx, b.Incident, staff.Session{}, incident.Line{Kind: incident.LinePaused, Facts: map[string]string{"version": strconv.Itoa(b.Version)}})
		}
		if err := tx.ExecOne("UPDATE response_batch SET state = 'sent', finished = ?3, problem = '', not_before = 0 WHERE incident = ?1 AND version = ?2", b.Incident, int64(b.Version), db.Millis(now)); err != nil {
			return err
		}
		in, err := incident.Get(tx, b.Incident)
		if err != nil {
			return err
		}
		if b.Counts.Sent > 0 {
			if err := o.book.Advance(tx, in, incident.StateNotified); err != nil {
				return err
			}
		}
		if b.Counts.Failed == 0 {
			if err := o.book.Done(tx, b.Incident, staff.Session{}, "notices"); err != nil {
				return err
			}
		}
		return o.book.Write(tx, b.Incident, staff.Session{}, incident.Line{Kind: incident.LineSent, Facts: map[string]string{"version": strconv.Itoa(b.Version),
			"sent": strconv.Itoa(b.Counts.Sent), "failed": strconv.Itoa(b.Counts.Failed)}})
	})
}
