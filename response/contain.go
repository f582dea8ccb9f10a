package response

import (
	"context"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/response/detect"
	"github.com/postern-mail/postern/response/incident"
	"github.com/postern-mail/postern/response/refuse"
	"github.com/postern-mail/postern/staff"
)

// Reach says what a containment would end now, before anybody decides.
func (r *Response) Reach(ctx context.Context, by staff.Session, t gate.Target) (gate.Reach, error) {
	if err := incident.Require(by, staff.Responder); err != nil {
		return gate.Reach{}, err
	}
	return r.gate.Reach(ctx, t)
}

// Contain ends a credential, session, grant, network or organisation through
// the gate, for an incident or, with an empty id, for none. When it returns, not
// one more byte of what was ended is on its way. The record of the try is
// written first, the timeline's line after.
func (r *Response) Contain(ctx context.Context, by staff.Session, id postern.IncidentID, t gate.Target) (gate.Containment, error) {
	if err := incident.Require(by, staff.Responder); err != nil {
		return gate.Containment{}, err
	}
	return r.contain(ctx, by, id, t)
}

// endByRule ends what a rule asks to end, unless it is ended already. A
// responder lifts it like any other.
func (r *Response) endByRule(ctx context.Context, a detect.Alert, t gate.Target) (postern.ContainmentID, error) {
	all, err := r.gate.Containments(ctx)
	if err != nil {
		return "", err
	}
	for _, c := range all {
		if c.Kind == t.Kind && c.Subject == t.Subject && c.LiftedAt.IsZero() {
			return c.ID, nil
		}
	}
	t.Why = "the rule " + a.Rule + " ended it by itself"
	c, err := r.contain(ctx, staff.Session{Name: "rule " + a.Rule}, a.Incident, t)
	return c.ID, err
}

func (r *Response) contain(ctx context.Context, by staff.Session, id postern.IncidentID, t gate.Target) (gate.Containment, error) {
	why, err := incident.Sentence(t.Why)
	if err != nil {
		return gate.Containment{}, err
	}
	if utf8.RuneCountInString(why) > 500 {
		return gate.Containment{}, refuse.Invalid("response.invalid.long-why", "say why in at most 500 characters")
	}
	t.Why = why
	label, err := r.Label(ctx, t)
	if err != nil {
		return gate.Containment{}, err
	}
	record := postern.NewID()
	err = r.db.Update(ctx, func(tx *db.Tx) error {
		if id != "" {
			if _, err := incident.Live(tx, id); err != nil {
				return err
			}
		}
		return tx.ExecOne(`INSERT INTO response_containment (id, incident, kind, subject, label, why, actor, actor_name, asked, sessions, grants, took)
			VALUES (?1, NULLIF(?2, ''), ?3, ?4, ?9, ?5, ?6, ?7, ?8, 0, 0, 0)`,
			record, string(id), t.Kind, t.Subject, t.Why, by.Staff, by.Name, db.Millis(r.now()), label)
	})
	if err != nil {
		return gate.Containment{}, err
	}
	c, err := r.gate.Contain(ctx, gate.Actor{Staff: by.Staff, Session: by.ID, Name: by.Name}, t)
	if err != nil {
		return c, err
	}
	// The access is ended: whoever asked may be gone, the record is kept.
	ctx = context.WithoutCancel(ctx)
	err = r.db.Update(ctx, func(tx *db.Tx) error {
		if err := tx.ExecOne("UPDATE response_containment SET gate = ?2, seq = ?3, sessions = ?4, grants = ?5, took = ?6, ended = ?7 WHERE id = ?1",
			record, string(c.ID), c.Seq, int64(len(c.Sessions)), int64(c.Grants), c.Took.Microseconds(), db.Millis(c.At)); err != nil {
			return err
		}
		if id == "" {
			return nil
		}
		in, err := incident.Get(tx, id)
		if err != nil {
			return err
		}
		if err := r.Book.Advance(tx, in, incident.StateContained); err != nil {
			return err
		}
		if err := r.Book.Done(tx, id, by, "contain"); err != nil {
			return err
		}
		return r.Book.Write(tx, id, by, incident.Line{Kind: incident.LineContained, Text: t.Why, Position: c.Position, Facts: map[string]string{
			"kind": t.Kind, "subject": t.Subject, "label": label, "sessions": strconv.Itoa(len(c.Sessions)), "grants": strconv.Itoa(c.Grants),
			"ms": strconv.FormatInt(c.Took.Milliseconds(), 10)}})
	})
	if err != nil {
		return c, fmt.Errorf("the access is ended (containment %s), but the incident's record is not written: %w", c.ID, err)
	}
	return c, nil
}

// Lift undoes a containment, with the sentence that says why. What it ended
// stays ended: people sign in again.
//
// All support power takes two people: lifted is false when the first has asked.
func (r *Response) Lift(ctx context.Context, by staff.Session, id postern.ContainmentID, why string) (lifted bool, err error) {
	if err := incident.Require(by, staff.Responder); err != nil {
		return false, err
	}
	why, err = incident.Sentence(why)
	if err != nil {
		return false, err
	}
	lifted, err = r.gate.Lift(ctx, gate.Actor{Staff: by.Staff, Session: by.ID, Name: by.Name}, id, why)
	if err != nil {
		return false, err
	}
	ctx = context.WithoutCancel(ctx)
	err = r.db.Update(ctx, func(tx *db.Tx) error {
		var in postern.IncidentID
		var kind, subject, label string
		err := tx.Rows("SELECT COALESCE(incident, ''), kind, subject, label FROM response_containment WHERE gate = ?1 AND lifted IS NULL", db.Args(string(id)), func(row db.Scanner) error {
			return row.Scan(&in, &kind, &subject, &label)
		})
		if err != nil || kind == "" {
			return err // made on the command line: nothing of ours to mark
		}
		if !lifted {
			if in == "" {
				return nil
			}
			return r.Book.Write(tx, in, by, incident.Line{Kind: incident.LineLiftAsked, Text: why, Position: -1, Facts: map[string]string{"kind": kind, "subject": subject, "label": label}})
		}
		if err := tx.ExecOne("UPDATE response_containment SET lifted = ?2, lifted_by = ?3, lifted_why = ?4 WHERE gate = ?1",
			string(id), db.Millis(r.now()), by.Name, why); err != nil || in == "" {
			return err
		}
		return r.Book.Write(tx, in, by, incident.Line{Kind: incident.LineLifted, Text: why, Position: -1, Facts: map[string]string{"kind": kind, "subject": subject, "label": label}})
	})
	if err != nil {
		return lifted, fmt.Errorf("the containment is lifted, but the incident's record is not written: %w", err)
	}
	return lifted, nil
}

// Containments gives an incident's, oldest first; with an empty id, all.
func (r *Response) Containments(ctx context.Context, id postern.IncidentID) (all []incident.Containment, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		all, err = incident.Ended(tx, id)
		return err
	})
	for i := range all {
		if err != nil {
			break
		}
		if all[i].Seq == 0 {
			continue
		}
		var known bool
		if all[i].Position, known, err = r.ledger.Position(ctx, all[i].Seq); !known {
			all[i].Position = -1
		}
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read the containments: %w", err)
	}
	return all, nil
}
