package desk

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/staff"
)

// Parts is what a Desk is made of.
type Parts struct {
	Cases *Cases
	Gate  *gate.Gate
	Staff *staff.Directory
	Now   func() time.Time
	Log   *slog.Logger
	Post  Mailer // nil: replies wait, and customers read them in their mailbox's Help alone
}

// Desk is what agents do with cases. It is safe for concurrent use.
type Desk struct {
	cases *Cases
	db    *db.Handle
	gate  *gate.Gate
	staff *staff.Directory
	now   func() time.Time
	log   *slog.Logger
	post  Mailer
	here  presences
}

// Open gives the desk. Its tables are the store's.
func Open(_ context.Context, p Parts) (*Desk, error) {
	if p.Cases == nil || p.Gate == nil || p.Staff == nil || p.Now == nil || p.Log == nil {
		return nil, errors.New("the desk lacks a part")
	}
	return &Desk{cases: p.Cases, db: p.Cases.db, gate: p.Gate, staff: p.Staff, now: p.Now, log: p.Log, post: p.Post}, nil
}

// worker gives the session as it stands in tx, if it is one that works cases or
// answers their requests.
func (d *Desk) worker(tx *db.Tx, by staff.Session) (staff.Session, error) {
	s, err := d.staff.Alive(tx, by.ID)
	if err != nil {
		return s, err
	}
	if !s.Is(staff.Agent) && !s.Is(staff.Approver) {
		return s, &postern.Error{Kind: postern.Denied, Key: "desk.refused.not-agent", Text: "only agents and approvers see cases"}
	}
	return s, nil
}

// Case gives a case with everything written in it, if the session sees it.
func (d *Desk) Case(ctx context.Context, by staff.Session, id postern.CaseID) (k Case, written []Post, err error) {
	err = d.db.View(ctx, func(tx *db.Tx) error {
		s, err := d.worker(tx, by)
		if err != nil {
			return err
		}
		if k, err = caseFor(tx, s, "id = ?1", string(id)); err != nil {
			return err
		}
		only, args := sees(s, 2)
		written, err = posts(tx, id, true, only, args...)
		return err
	})
	return k, written, err
}

// change runs one act of a member on a case: f changes it, and the case's time
// of change is set.
func (d *Desk) change(ctx context.Context, by staff.Session, id postern.CaseID, f func(*db.Tx, Case, staff.Session, time.Time) error) error {
	return d.db.Update(ctx, func(tx *db.Tx) error {
		s, err := d.worker(tx, by)
		if err != nil {
			return err
		}
		k, err := caseFor(tx, s, "id = ?1", string(id))
		if err != nil {
			return err
		}
		now := d.now()
		if err := f(tx, k, s, now); err != nil {
			return err
		}
		return tx.ExecOne("UPDATE desk_case SET updated = ?2 WHERE id = ?1", string(id), millis(now))
	})
}

// Reply writes to the customer; the case waits for them then, and the words are
// on their way as mail too.
func (d *Desk) Reply(ctx context.Context, by staff.Session, id postern.CaseID, words string) error {
	return d.change(ctx, by, id, func(tx *db.Tx, k Case, s staff.Session, now time.Time) error {
		return d.cases.reply(tx, k, Author{s.Name, s.Staff}, words, now)
	})
}

// Note writes for colleagues. There is no way from a note to the customer: the
// outbox is written by a reply alone, and the sender looks again.
func (d *Desk) Note(ctx context.Context, by staff.Session, id postern.CaseID, words string) error {
	return d.change(ctx, by, id, func(tx *db.Tx, k Case, s staff.Session, now time.Time) error {
		return d.cases.note(tx, k, Author{s.Name, s.Staff}, words, now)
	})
}

var errClosed = &postern.Error{Kind: postern.Conflict, Key: "desk.conflict.closed", Text: "the case is closed: reopen it first"}

// Close closes a case. In the same transaction every grant for it ends, every
// waiting request expires, and what the customer offered is void: when it
// returns, the case allows nothing.
func (d *Desk) Close(ctx context.Context, by staff.Session, id postern.CaseID) error {
	return d.change(db.Urgent(ctx), by, id, func(tx *db.Tx, k Case, s staff.Session, now time.Time) error {
		return d.close(tx, k, Author{s.Name, s.Staff}, now)
	})
}

func (d *Desk) close(tx *db.Tx, k Case, by Author, now time.Time) error {
	// First, for its lock: whoever asks the gate for this case waits here, and
	// then finds it closed.
	if err := d.gate.EndCase(tx, k.ID, now); err != nil {
		return err
	}
	if k.Status == StatusClosed {
		return errClosed
	}
	if err := post(tx, k.ID, Post{At: now, By: by.Name, Staff: by.Staff, Kind: KindEvent, Text: EventClosed}); err != nil {
		return err
	}
	if err := runClock(tx, k.ID, now, func(k *Case) { k.Status = StatusClosed }); err != nil {
		return err
	}
	k.Status = StatusClosed
	return d.cases.tell(tx, Event{Kind: Closed, Case: k, At: now, By: by})
}

// Reopen opens a closed case. What it allowed before stays ended.
func (d *Desk) Reopen(ctx context.Context, by staff.Session, id postern.CaseID) error {
	return d.change(ctx, by, id, func(tx *db.Tx, k Case, s staff.Session, now time.Time) error {
		switch {
		case k.MergedInto != "":
			return errMerged
		case k.Status != StatusClosed:
			return &postern.Error{Kind: postern.Conflict, Key: "desk.conflict.open", Text: "the case is open"}
		}
		if err := post(tx, id, Post{At: now, By: s.Name, Staff: s.Staff, Kind: KindEvent, Text: EventReopened}); err != nil {
			return err
		}
		if err := runClock(tx, id, now, func(k *Case) { k.Status = StatusOpen }); err != nil {
			return err
		}
		k.Status = StatusOpen
		return d.cases.tell(tx, Event{Kind: Reopened, Case: k, At: now, By: Author{s.Name, s.Staff}})
	})
}
