package notify

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/response/incident"
	"github.com/postern-mail/postern/response/refuse"
	"github.com/postern-mail/postern/staff"
)

// Sending goes, for each notice, through four durable steps:
//
//	due → sending         claimed, so that a second sender leaves it alone
//	Controls.Deliver      in the mailbox, idempotent by notice and version
//	ledger "notice"       that this person was told, idempotent by its id
//	sending → sent
//
// A process that ends between any two of them leaves the notice claimed. One
// sender runs at a time (db.Lead), so a claim that a starting sender finds was
// left behind, and it goes through the steps again: those that were done have
// no second effect.

// sendTries is how often a delivery is tried that fails for a passing reason:
// with the pauses below, about an hour.
const sendTries = 7

func pauseAfter(try int) time.Duration { return time.Minute << (try - 1) }

// Send releases the approved version, or goes on with a released one, and waits
// until each notice is sent or cannot be now. What is left over, for a passing
// reason, [Response.Run] tries again.
func (o *Office) Send(ctx context.Context, id postern.IncidentID) (SendReport, error) {
	b, err := o.Batch(ctx, id)
	if err != nil {
		return SendReport{}, err
	}
	switch b.State {
	case BatchSending, BatchSent:
	default:
		if err := o.release(ctx, staff.Session{}, id); err != nil {
			return SendReport{}, err
		}
	}
	if err := o.SendReleased(ctx); err != nil {
		return SendReport{}, err
	}
	b, err = o.Batch(ctx, id)
	return b.Counts, err
}

// Retry makes the failed notices of the newest version due again.
func (o *Office) Retry(ctx context.Context, by staff.Session, id postern.IncidentID) error {
	return o.book.Change(ctx, by, id, "-", func(tx *db.Tx, _ incident.Incident, _ string) error {
		b, err := lastBatch(tx, id)
		if err != nil {
			return err
		}
		if b.State != BatchSending && b.State != BatchSent {
			return refuse.Conflict("response.conflict.not-approved", "these notices are not released")
		}
		if _, err := tx.Exec("UPDATE response_notice SET state = 'due', tries = 0, not_before = 0 WHERE incident = ?1 AND version = ?2 AND state = 'failed'", id, b.Version); err != nil {
			return err
		}
		if err := tx.ExecOne("UPDATE response_batch SET state = 'sending', finished = NULL WHERE incident = ?1 AND version = ?2", id, b.Version); err != nil {
			return err
		}
		return o.book.Write(tx, id, by, incident.Line{Kind: incident.LineReleased, Facts: map[string]string{"version": strconv.Itoa(b.Version)}})
	})
}

// SendReleased sends whatever is due of every released version.
func (o *Office) SendReleased(ctx context.Context) error {
	o.sending.Lock()
	defer o.sending.Unlock()
	var waiting []Batch
	err := o.db.View(ctx, func(tx *db.Tx) (err error) {
		waiting, err = batches(tx, "state = 'sending' ORDER BY released, incident")
		return err
	})
	if err != nil || len(waiting) == 0 {
		return err
	}
	return o.db.Lead(ctx, "response notices", func(ctx context.Context) error {
		for _, b := range waiting {
			if err := o.sendBatch(ctx, b); err != nil {
				return fmt.Errorf("couldn't send the notices of an incident: %w", err)
			}
		}
		return nil
	})
}

func (o *Office) sendBatch(ctx context.Context, b Batch) error {
	for {
		n, more, err := o.claim(ctx, b)
		if err != nil {
			return err
		}
		if !more {
			return o.finish(ctx, b)
		}
		if err := o.sendOne(ctx, n); err != nil {
			return err
		}
	}
}

// claimed is a notice that this sender works on.
type claimed struct {
	Notice
	try int
}

// claim takes the next notice: one that a sender left behind first.
func (o *Office) claim(ctx context.Context, b Batch) (c claimed, more bool, err error) {
	err = o.db.Update(ctx, func(tx *db.Tx) error {
		more = false
		found, err := notices(tx, "incident = ?1 AND version = ?2 AND (state = 'sending' OR state = 'due' AND not_before <= ?3) ORDER BY CASE WHEN state = 'sending' THEN 0 ELSE 1 END, account LIMIT 1",
			b.Incident, b.Version, db.Millis(o.now()))
		if err != nil || len(found) == 0 {
			return err
		}
		c.Notice, more = found[0], true
		return tx.Row("UPDATE response_notice SET state = 'sending', tries = tries + 1 WHERE id = ?1 AND version = ?2 RETURNING tries", db.Args(c.ID, c.Version), &c.try)
	})
	return c, more, err
}

func (o *Office) sendOne(ctx context.Context, c claimed) error {
	err := o.controls.Deliver(ctx, c.Account, NoticeMail{ID: c.ID, Version: c.Version, Subject: c.Subject, Text: c.Text, Locale: c.Locale})
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err() // still claimed; the next sender goes on here
		}
		return o.failed(ctx, c, err)
	}
	if err := o.record(ctx, c); err != nil {
		return err
	}
	return o.db.Update(ctx, func(tx *db.Tx) error {
		return tx.ExecOne("UPDATE response_notice SET state = 'sent', problem = '', sent = ?3 WHERE id = ?1 AND version = ?2 AND state = 'sending'", c.ID, c.Version, db.Millis(o.now()))
	})
}

// failed notes why a notice could not be delivered: for good, or until later.
func (o *Office) failed(ctx context.Context, c claimed, cause error) error {
	state, problem, later := NoticeDue, "", o.now().Add(pauseAfter(c.try))
	switch postern.KindOf(cause) {
	case postern.NotFound:
		state, problem = NoticeFailed, ProblemGone
	case postern.Denied, postern.Invalid:
		state, problem = NoticeFailed, ProblemRefused
	default:
		problem = ProblemLater
		if c.try >= sendTries {
			state = NoticeFailed
		}
	}
	o.log.Warn("couldn't deliver a notice", "notice", c.ID, "version", c.Version, "try", c.try, "final", state == NoticeFailed, "err", cause)
	return o.db.Update(ctx, func(tx *db.Tx) error {
		return tx.ExecOne("UPDATE response_notice SET state = ?3, problem = ?4, not_before = ?5 WHERE id = ?1 AND version = ?2",
			c.ID, c.Version, state, problem, db.Millis(later))
	})
}

// record writes to the ledger that this person was told, and with which words;
// once, though a sender may have done it and ended before it could say so.
func (o *Office) record(ctx context.Context, c claimed) error {
	n, id := c.Notice, controlID(c.ID, c.Version)
	if c.try > 1 {
		written, err := o.written(ctx, n.Account, id)
		if err != nil || written {
			return err
		}
	}
	words := sha256.Sum256([]byte(n.Subject + "\x00" + n.Text))
	err := o.ledger.DB.Update(ctx, func(tx *db.Tx) error {
		_, err := o.ledger.Control(tx, ledger.Control{ID: id, Kind: verify.ControlNotice, At: o.now(), Account: n.Account,
			Subject: "notice " + string(n.ID),
			Detail:  fmt.Sprintf("version %d\nkind %s\nlanguage %s\ncode %s\nsha256 %x\n", n.Version, n.Kind, n.Locale, n.Code, words)})
		return err
	})
	if err != nil {
		return fmt.Errorf("couldn't write the notice to the ledger: %w", err)
	}
	return nil
}

// written says whether the ledger has the record of a notice to an account.
func (o *Office) written(ctx context.Context, a postern.AccountID, id string) (bool, error) {
	f := ledger.Filter{Account: a, Limit: 500}
	for {
		found, err := o.ledger.Find(ctx, f)
		if err != nil {
			return false, fmt.Errorf("couldn't read the ledger: %w", err)
		}
		if slices.ContainsFunc(found, func(e ledger.Entry) bool { return e.Control != nil && e.Control.ID == id }) {
			return true, nil
		}
		if len(found) < f.Limit {
			return false, nil
		}
		f.Before = found[len(found)-1].Seq
	}
}

// finish closes a version of which nothing is due any more.
func (o *Office) finish(ctx context.Context, b Batch) error {
	return o.db.Update(ctx, func(tx *db.Tx) error {
		if err := b.count(tx); err != nil {
			return err
		}
		if b.Counts.Due+b.Counts.Sending > 0 {
			return nil
		}
		n, err := tx.Exec("UPDATE response_batch SET state = 'sent', finished = ?3 WHERE incident = ?1 AND version = ?2 AND state = 'sending'", b.Incident, b.Version, db.Millis(o.now()))
		if err != nil || n == 0 {
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
