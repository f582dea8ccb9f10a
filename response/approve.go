package response

import (
	"context"
	"strconv"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/staff"
)

// discard drops what was drafted and not approved: what it rests on has
// changed.
func (r *Response) discard(tx *db.Tx, id postern.IncidentID) error {
	_, err := tx.Exec("UPDATE response_batch SET state = 'discarded' WHERE incident = ?1 AND state IN ('draft', 'submitted', 'returned')", id)
	return err
}

// Submit asks for a second person to look at the newest draft.
func (r *Response) Submit(ctx context.Context, by staff.Session, id postern.IncidentID) error {
	return r.change(ctx, by, id, "-", func(tx *db.Tx, _ Incident, _ string) error {
		b, err := lastBatch(tx, id)
		if err != nil {
			return err
		}
		n, err := tx.Exec("UPDATE response_batch SET state = 'submitted', submitted = ?3 WHERE incident = ?1 AND version = ?2 AND state = 'draft'",
			id, b.Version, millis(r.now()))
		if err != nil {
			return err
		}
		if n == 0 {
			return conflict("response.conflict.batch", "there is no draft to submit")
		}
		return r.note(tx, id, by, Line{Kind: LineSubmitted, Facts: map[string]string{"version": strconv.Itoa(b.Version)}})
	})
}

// Approve says yes to the newest draft. Denied for whoever drafted it, whatever
// their roles: two people answer for what a thousand are told.
func (r *Response) Approve(ctx context.Context, by staff.Session, id postern.IncidentID) error {
	return r.answer(ctx, by, id, BatchApproved, Line{Kind: LineApproved})
}

// Return says no to the newest draft, with the sentence that says what to
// change.
func (r *Response) Return(ctx context.Context, by staff.Session, id postern.IncidentID, why string) error {
	why, err := sentence(why)
	if err != nil {
		return err
	}
	return r.answer(ctx, by, id, BatchReturned, Line{Kind: LineReturned, Text: why})
}

func (r *Response) answer(ctx context.Context, by staff.Session, id postern.IncidentID, state string, l Line) error {
	if err := require(by, staff.Responder, staff.Approver); err != nil {
		return err
	}
	return r.db.Update(ctx, func(tx *db.Tx) error {
		if _, err := live(tx, id); err != nil {
			return err
		}
		b, err := lastBatch(tx, id)
		if err != nil {
			return err
		}
		if b.Drafter == by.Staff {
			return denied("response.refused.own-draft", "whoever drafted the notices does not approve them: a second person does")
		}
		n, err := tx.Exec(`UPDATE response_batch SET state = ?3, answered = ?4, approver = ?5, approver_name = ?6
			WHERE incident = ?1 AND version = ?2 AND state IN ('draft', 'submitted')`, id, b.Version, state, millis(r.now()), by.Staff, by.Name)
		if err != nil {
			return err
		}
		if n == 0 {
			return conflict("response.conflict.batch", "there is no draft that waits for an answer")
		}
		l.Facts = map[string]string{"version": strconv.Itoa(b.Version)}
		return r.note(tx, id, by, l)
	})
}

// Release has the approved version sent: by [Response.Run], or by
// [Response.Send] for whoever wants to wait. Closing the page changes nothing.
func (r *Response) Release(ctx context.Context, by staff.Session, id postern.IncidentID) error {
	if err := require(by, staff.Responder); err != nil {
		return err
	}
	if err := r.release(ctx, by, id); err != nil {
		return err
	}
	select {
	case r.wake <- struct{}{}:
	default:
	}
	return nil
}

func (r *Response) release(ctx context.Context, by staff.Session, id postern.IncidentID) error {
	return r.db.Update(ctx, func(tx *db.Tx) error {
		if _, err := live(tx, id); err != nil {
			return err
		}
		b, err := lastBatch(tx, id)
		if err != nil {
			return err
		}
		n, err := tx.Exec("UPDATE response_batch SET state = 'sending', released = ?3 WHERE incident = ?1 AND version = ?2 AND state = 'approved'",
			id, b.Version, millis(r.now()))
		if err != nil {
			return err
		}
		if n == 0 {
			return conflict("response.conflict.not-approved", "there are no approved notices to send")
		}
		return r.note(tx, id, by, Line{Kind: LineReleased, Facts: map[string]string{"version": strconv.Itoa(b.Version)}})
	})
}
