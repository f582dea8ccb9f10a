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

// Discard drops what was drafted and not approved: what it rests on has
// changed.
func (o *Office) Discard(tx *db.Tx, id postern.IncidentID) error {
	_, err := tx.Exec("UPDATE response_batch SET state = 'discarded' WHERE incident = ?1 AND state IN ('drafting', 'draft', 'submitted', 'returned')", id)
	return err
}

// Submit asks for a second person to look at the newest draft.
func (o *Office) Submit(ctx context.Context, by staff.Session, id postern.IncidentID) error {
	return o.book.Change(ctx, by, id, "-", func(tx *db.Tx, _ incident.Incident, _ string) error {
		b, err := lastBatch(tx, id)
		if err != nil {
			return err
		}
		n, err := tx.Exec("UPDATE response_batch SET state = 'submitted', submitted = ?3 WHERE incident = ?1 AND version = ?2 AND state = 'draft'",
			id, b.Version, db.Millis(o.now()))
		if err != nil {
			return err
		}
		if n == 0 {
			return refuse.Conflict("response.conflict.batch", "there is no draft to submit")
		}
		return o.book.Write(tx, id, by, incident.Line{Kind: incident.LineSubmitted, Facts: map[string]string{"version": strconv.Itoa(b.Version)}})
	})
}

// Approve says yes to the newest draft. Denied for whoever drafted it, whatever
// their roles: two people answer for what a thousand are told.
func (o *Office) Approve(ctx context.Context, by staff.Session, id postern.IncidentID) error {
	return o.answer(ctx, by, id, BatchApproved, incident.Line{Kind: incident.LineApproved})
}

// Return says no to the newest draft, with the sentence that says what to
// change.
func (o *Office) Return(ctx context.Context, by staff.Session, id postern.IncidentID, why string) error {
	why, err := incident.Sentence(why)
	if err != nil {
		return err
	}
	return o.answer(ctx, by, id, BatchReturned, incident.Line{Kind: incident.LineReturned, Text: why})
}

func (o *Office) answer(ctx context.Context, by staff.Session, id postern.IncidentID, state string, l incident.Line) error {
	if err := incident.Require(by, staff.Responder, staff.Approver); err != nil {
		return err
	}
	return o.db.Update(ctx, func(tx *db.Tx) error {
		if _, err := incident.Live(tx, id); err != nil {
			return err
		}
		b, err := lastBatch(tx, id)
		if err != nil {
			return err
		}
		if b.Drafter == by.Staff {
			return refuse.Denied("response.refused.own-draft", "whoever drafted the notices does not approve them: a second person does")
		}
		n, err := tx.Exec(`UPDATE response_batch SET state = ?3, answered = ?4, approver = ?5, approver_name = ?6
			WHERE incident = ?1 AND version = ?2 AND state IN ('draft', 'submitted')`, id, b.Version, state, db.Millis(o.now()), by.Staff, by.Name)
		if err != nil {
			return err
		}
		if n == 0 {
			return refuse.Conflict("response.conflict.batch", "there is no draft that waits for an answer")
		}
		l.Facts = map[string]string{"version": strconv.Itoa(b.Version)}
		return o.book.Write(tx, id, by, l)
	})
}
