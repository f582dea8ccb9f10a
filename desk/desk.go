package desk

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
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
}

// Desk is what agents do with cases. It is safe for concurrent use.
type Desk struct {
	cases *Cases
	db    *db.Handle
	gate  *gate.Gate
	staff *staff.Directory
	now   func() time.Time
	log   *slog.Logger
}

// Open gives the desk. Its tables are the store's.
func Open(_ context.Context, p Parts) (*Desk, error) {
	if p.Cases == nil || p.Gate == nil || p.Staff == nil || p.Now == nil || p.Log == nil {
		return nil, errors.New("the desk lacks a part")
	}
	return &Desk{cases: p.Cases, db: p.Cases.db, gate: p.Gate, staff: p.Staff, now: p.Now, log: p.Log}, nil
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

// Filter chooses cases of the queue; zero fields choose all that are not closed.
type Filter struct {
	Status string // StatusOpen, StatusWaiting, StatusClosed; "" for those that are not closed
	Mine   bool   // assigned to whoever asks
	Query  string // a number, or part of a subject, an address or a ticket's number
	Limit  int    // 0 means 100
}

// Queue gives the chosen cases, the latest first.
func (d *Desk) Queue(ctx context.Context, by staff.Session, f Filter) (found []Case, err error) {
	var parts []string
	var args []any
	and := func(condition string, v any) {
		args = append(args, v)
		parts = append(parts, strings.ReplaceAll(condition, "?", "?"+strconv.Itoa(len(args))))
	}
	switch f.Status {
	case "":
		parts = append(parts, "status <> 'closed'")
	case StatusOpen, StatusWaiting, StatusClosed:
		and("status = ?", f.Status)
	default:
		return nil, invalid("desk.invalid.status", "a case is open, waiting or closed")
	}
	if f.Mine {
		and("assignee = ?", string(by.Staff))
	}
	if q := strings.ToLower(strings.TrimSpace(f.Query)); q != "" {
		if n, err := strconv.ParseInt(strings.TrimPrefix(q, "#"), 10, 64); err == nil {
			and("number = ?", n)
		} else {
			// Only the letters count: a query is no pattern.
			like := "%" + strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(q) + "%"
			and(`(lower(subject) LIKE ? ESCAPE '\' OR lower(address) LIKE ? ESCAPE '\' OR lower(external) LIKE ? ESCAPE '\')`, like)
		}
	}
	if f.Limit <= 0 || f.Limit > 500 {
		f.Limit = 100
	}
	args = append(args, int64(f.Limit))
	err = d.db.View(ctx, func(tx *db.Tx) error {
		if _, err := d.worker(tx, by); err != nil {
			return err
		}
		found, err = cases(tx, strings.Join(parts, " AND ")+" ORDER BY updated DESC, number DESC LIMIT ?"+strconv.Itoa(len(args)), args...)
		return err
	})
	return found, err
}

// Case gives a case with everything written in it.
func (d *Desk) Case(ctx context.Context, by staff.Session, id postern.CaseID) (k Case, written []Post, err error) {
	err = d.db.View(ctx, func(tx *db.Tx) error {
		if _, err := d.worker(tx, by); err != nil {
			return err
		}
		if k, err = oneCase(tx, "id = ?1", string(id)); err != nil {
			return err
		}
		written, err = posts(tx, id, true)
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
		k, err := oneCase(tx, "id = ?1", string(id))
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

// Assign gives a case to a member of staff, or with "" to nobody.
func (d *Desk) Assign(ctx context.Context, by staff.Session, id postern.CaseID, to postern.StaffID) error {
	var name string
	if to != "" {
		m, err := d.staff.ByID(ctx, to)
		if err != nil {
			return err
		}
		name = m.Name
	}
	return d.change(ctx, by, id, func(tx *db.Tx, k Case, s staff.Session, now time.Time) error {
		if k.Assignee == to {
			return nil
		}
		e := Post{At: now, By: s.Name, Staff: s.Staff, Kind: KindEvent, Text: EventAssigned, Arg: name}
		if to == "" {
			e.Text = EventUnassigned
		}
		if err := post(tx, id, e); err != nil {
			return err
		}
		return tx.ExecOne("UPDATE desk_case SET assignee = ?2, assignee_name = ?3 WHERE id = ?1", string(id), string(to), name)
	})
}

// Reply writes to the customer; the case waits for them then.
func (d *Desk) Reply(ctx context.Context, by staff.Session, id postern.CaseID, words string) error {
	return d.write(ctx, by, id, KindReply, words)
}

// Note writes for colleagues.
func (d *Desk) Note(ctx context.Context, by staff.Session, id postern.CaseID, words string) error {
	return d.write(ctx, by, id, KindNote, words)
}

func (d *Desk) write(ctx context.Context, by staff.Session, id postern.CaseID, kind, words string) error {
	words, ok := text(words, maxText)
	if !ok {
		return invalid("desk.invalid.text", "write at most 20,000 letters")
	}
	return d.change(ctx, by, id, func(tx *db.Tx, k Case, s staff.Session, now time.Time) error {
		if kind == KindReply {
			if k.Status == StatusClosed {
				return errClosed
			}
			if err := tx.ExecOne("UPDATE desk_case SET status = 'waiting' WHERE id = ?1", string(id)); err != nil {
				return err
			}
		}
		return post(tx, id, Post{At: now, By: s.Name, Staff: s.Staff, Kind: kind, Text: words})
	})
}

var errClosed = &postern.Error{Kind: postern.Conflict, Key: "desk.conflict.closed", Text: "the case is closed: reopen it first"}

// Close closes a case. In the same transaction every grant for it ends, every
// waiting request expires, and what the customer offered is void: when it
// returns, the case allows nothing.
func (d *Desk) Close(ctx context.Context, by staff.Session, id postern.CaseID) error {
	return d.change(ctx, by, id, func(tx *db.Tx, k Case, s staff.Session, now time.Time) error {
		if k.Status == StatusClosed {
			return errClosed
		}
		// First, for its lock: whoever asks the gate for this case waits here,
		// and then finds it closed.
		if err := d.gate.EndCase(tx, id, now); err != nil {
			return err
		}
		if err := post(tx, id, Post{At: now, By: s.Name, Staff: s.Staff, Kind: KindEvent, Text: EventClosed}); err != nil {
			return err
		}
		return tx.ExecOne("UPDATE desk_case SET status = 'closed' WHERE id = ?1", string(id))
	})
}

// Reopen opens a closed case. What it allowed before stays ended.
func (d *Desk) Reopen(ctx context.Context, by staff.Session, id postern.CaseID) error {
	return d.change(ctx, by, id, func(tx *db.Tx, k Case, s staff.Session, now time.Time) error {
		if k.Status != StatusClosed {
			return &postern.Error{Kind: postern.Conflict, Key: "desk.conflict.open", Text: "the case is open"}
		}
		if err := post(tx, id, Post{At: now, By: s.Name, Staff: s.Staff, Kind: KindEvent, Text: EventReopened}); err != nil {
			return err
		}
		return tx.ExecOne("UPDATE desk_case SET status = 'open' WHERE id = ?1", string(id))
	})
}
