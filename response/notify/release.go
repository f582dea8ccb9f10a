package notify

import (
	"context"
	"strconv"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/response/incident"
	"github.com/postern-mail/postern/response/refuse"
	"github.com/postern-mail/postern/staff"
)

// The first stage is one in a hundred, within these bounds: enough to see what is
// wrong, few enough to be called.
const (
	stageLeast = 100
	stageMost  = 1000
)

// stageOf gives the size of the first stage of so many notices; 0 when that is
// all of them.
func stageOf(n int) int {
	stage := min(max(n/100, stageLeast), stageMost)
	if stage >= n {
		return 0
	}
	return stage
}

// Release has the approved version sent: the first stage, after which it pauses
// for a look, or all where they are few. [Office.Run] does the sending, or
// [Office.Send] for whoever wants to wait. Closing the page changes nothing.
func (o *Office) Release(ctx context.Context, by staff.Session, id postern.IncidentID) error {
	if err := incident.Require(by, staff.Responder); err != nil {
		return err
	}
	defer o.begun()
	return o.release(ctx, by, id, true)
}

func (o *Office) release(ctx context.Context, by staff.Session, id postern.IncidentID, staged bool) error {
	return o.db.Update(ctx, func(tx *db.Tx) error {
		if _, err := incident.Live(tx, id); err != nil {
			return err
		}
		b, err := lastBatch(tx, id)
		if err != nil {
			return err
		}
		if err := b.count(tx); err != nil {
			return err
		}
		stage := 0
		if staged {
			stage = stageOf(b.Counts.Due)
		}
		n, err := tx.Exec("UPDATE response_batch SET state = 'sending', released = ?3, stage = ?4 WHERE incident = ?1 AND version = ?2 AND state = 'approved'",
			id, int64(b.Version), db.Millis(o.now()), int64(stage))
		if err != nil {
			return err
		}
		if n == 0 {
			return refuse.Conflict("response.conflict.not-approved", "there are no approved notices to send")
		}
		return o.book.Write(tx, id, by, incident.Line{Kind: incident.LineReleased, Facts: map[string]string{"version": strconv.Itoa(b.Version)}})
	})
}

// Stop halts the sending. The notices that a sender holds in its hands go out
// whole, [Parts.AtOnce] at most for each of its hands; no other does.
func (o *Office) Stop(ctx context.Context, by staff.Session, id postern.IncidentID) error {
	return o.turn(ctx, by, id, "UPDATE response_batch SET state = 'paused', pause = 'stopped' WHERE incident = ?1 AND version = ?2 AND state = 'sending'",
		incident.LinePaused, refuse.Conflict("response.conflict.not-sending", "nothing is being sent: somebody stopped it first, or all is sent"))
}

// Resume goes on with what was stopped, or with the rest after the first stage.
func (o *Office) Resume(ctx context.Context, by staff.Session, id postern.IncidentID) error {
	defer o.begun()
	return o.turn(ctx, by, id, "UPDATE response_batch SET state = 'sending', pause = '', stage = CASE WHEN pause = 'look' THEN 0 ELSE stage END, problem = '', not_before = 0, faults = 0 WHERE incident = ?1 AND version = ?2 AND state = 'paused'",
		incident.LineResumed, refuse.Conflict("response.conflict.not-paused", "the sending is not stopped: somebody went on first"))
}

func (o *Office) turn(ctx context.Context, by staff.Session, id postern.IncidentID, statement, kind string, overtaken error) error {
	return o.book.Change(ctx, by, id, "-", func(tx *db.Tx, _ incident.Incident, _ string) error {
		b, err := lastBatch(tx, id)
		if err != nil {
			return err
		}
		n, err := tx.Exec(statement, id, int64(b.Version))
		if err != nil {
			return err
		}
		if n == 0 {
			return overtaken
		}
		return o.book.Write(tx, id, by, incident.Line{Kind: kind, Facts: map[string]string{"version": strconv.Itoa(b.Version)}})
	})
}

// Retry makes the failed notices of the newest version due again.
func (o *Office) Retry(ctx context.Context, by staff.Session, id postern.IncidentID) error {
	defer o.begun()
	return o.book.Change(ctx, by, id, "-", func(tx *db.Tx, _ incident.Incident, _ string) error {
		b, err := lastBatch(tx, id)
		if err != nil {
			return err
		}
		if b.State != BatchSending && b.State != BatchSent {
			return refuse.Conflict("response.conflict.not-approved", "these notices are not released")
		}
		if _, err := tx.Exec("UPDATE response_notice SET state = 'due', faults = 0, not_before = 0 WHERE incident = ?1 AND version = ?2 AND state = 'failed'", id, int64(b.Version)); err != nil {
			return err
		}
		if err := tx.ExecOne("UPDATE response_batch SET state = 'sending', finished = NULL, stage = 0 WHERE incident = ?1 AND version = ?2", id, int64(b.Version)); err != nil {
			return err
		}
		return o.book.Write(tx, id, by, incident.Line{Kind: incident.LineReleased, Facts: map[string]string{"version": strconv.Itoa(b.Version)}})
	})
}
