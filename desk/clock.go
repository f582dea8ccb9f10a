package desk

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/staff"
)

// Priority orders cases; greater is more urgent.
type Priority int

// The priorities.
const (
	PriorityLow    Priority = 1
	PriorityNormal Priority = 2
	PriorityHigh   Priority = 3
	PriorityUrgent Priority = 4
)

// Priorities lists them, the most urgent first.
var Priorities = [...]Priority{PriorityUrgent, PriorityHigh, PriorityNormal, PriorityLow}

// String gives the name that pages' keys and hooks use.
func (p Priority) String() string {
	if p < PriorityLow || p > PriorityUrgent {
		return "unknown"
	}
	return [...]string{"low", "normal", "high", "urgent"}[p-1]
}

// PriorityNamed is the inverse of String.
func PriorityNamed(name string) (Priority, bool) {
	for _, p := range Priorities {
		if p.String() == name {
			return p, true
		}
	}
	return 0, false
}

// Target is how soon a case is answered and how soon it is closed, in working
// time.
type Target struct{ Reply, Resolve time.Duration }

// Targets are an organisation's, with the hours in which its clocks run.
type Targets struct {
	Hours staff.Hours // the zero Hours: always
	Of    map[Priority]Target
}

// DefaultTargets count for an organisation that has set none.
func DefaultTargets() Targets {
	return Targets{Of: map[Priority]Target{
		PriorityUrgent: {time.Hour, 8 * time.Hour},
		PriorityHigh:   {4 * time.Hour, 24 * time.Hour},
		PriorityNormal: {8 * time.Hour, 72 * time.Hour},
		PriorityLow:    {24 * time.Hour, 7 * 24 * time.Hour},
	}}
}

// never is later than every time that is kept, and exact in JSON and SQLite.
const never = int64(1)<<53 - 1

// ClockState is what a case's clock says.
type ClockState string

// The states, each with a colour and a word on the page.
const (
	ClockNone   ClockState = ""       // closed, or from before there were clocks
	ClockPaused ClockState = "paused" // waiting for the customer
	ClockReply  ClockState = "reply"  // a first reply is due
	ClockOpen   ClockState = "open"   // the end is due
	ClockSoon   ClockState = "soon"   // within the hour
	ClockLate   ClockState = "late"
)

// Clock says how a case stands at a time, and what it is due at.
func (k Case) Clock(at time.Time) (ClockState, time.Time) {
	switch {
	case k.Status == StatusClosed:
		return ClockNone, time.Time{}
	case k.Due.IsZero() && k.Status == StatusWaiting:
		return ClockPaused, time.Time{}
	case k.Due.IsZero():
		return ClockNone, time.Time{}
	case !at.Before(k.Due):
		return ClockLate, k.Due
	case k.Due.Sub(at) <= time.Hour:
		return ClockSoon, k.Due
	case k.ReplyDue.Equal(k.Due):
		return ClockReply, k.Due
	}
	return ClockOpen, k.Due
}

// worked gives the working time between two moments.
func worked(h staff.Hours, from, to time.Time) (sum time.Duration) {
	if h.Always() {
		return max(0, to.Sub(from))
	}
	for at := from; at.Before(to); {
		until, open := h.Open(at)
		if !open {
			at = opening(h, at)
			continue
		}
		if until.After(to) {
			until = to
		}
		sum += until.Sub(at)
		at = until
	}
	return sum
}

// after gives the moment at which d of working time has passed.
func after(h staff.Hours, from time.Time, d time.Duration) time.Time {
	if h.Always() {
		return from.Add(d)
	}
	for at := from; ; {
		until, open := h.Open(at)
		switch {
		case !open:
			at = opening(h, at)
		case until.Sub(at) >= d:
			return at.Add(d)
		default:
			d -= until.Sub(at)
			at = until
		}
	}
}

// opening gives the next minute at which the desk is open: within a week and a
// bit, because hours are a week's and have a span.
func opening(h staff.Hours, at time.Time) time.Time {
	at = at.Truncate(time.Minute).Add(time.Minute)
	for range 8 * 24 * 60 {
		if _, open := h.Open(at); open {
			return at
		}
		at = at.Add(time.Minute)
	}
	return at
}

// targets reads an organisation's; nobody's cases run by the provider's.
func targets(tx *db.Tx, o postern.OrganisationID) (t Targets, err error) {
	t = DefaultTargets()
	if o == "" {
		o = "provider"
	}
	var hours string
	err = tx.Row("SELECT hours FROM desk_hours WHERE organisation = ?1", db.Args(string(o)), &hours)
	if err == nil {
		t.Hours, err = staff.ParseHours(hours)
	} else if errors.Is(err, db.ErrNoRows) {
		err = nil
	}
	if err != nil {
		return t, err
	}
	return t, tx.Rows("SELECT priority, reply, resolve FROM desk_target WHERE organisation = ?1", db.Args(string(o)), func(row db.Scanner) error {
		var p Priority
		var reply, resolve int64
		err := row.Scan(&p, &reply, &resolve)
		t.Of[p] = Target{time.Duration(reply) * time.Millisecond, time.Duration(resolve) * time.Millisecond}
		return err
	})
}

// runClock brings a case's clock to what its row says at a time: f changes the
// row's noun (status, priority, organisation) and the clock follows. It is the
// one writer of the clock's columns.
func runClock(tx *db.Tx, id postern.CaseID, now time.Time, f func(*Case)) error {
	k, err := oneCase(tx, "id = ?1", string(id))
	if err != nil {
		return err
	}
	old, err := targets(tx, k.Organisation)
	if err != nil {
		return err
	}
	if !k.started.IsZero() {
		k.used += worked(old.Hours, k.started, now)
	}
	f(&k)
	t, err := targets(tx, k.Organisation)
	if err != nil {
		return err
	}
	target := t.Of[k.Priority]
	replyDue, resolveDue, started := int64(0), int64(0), int64(0)
	if k.Replied.IsZero() && k.Status == StatusOpen {
		replyDue = millis(after(t.Hours, k.Opened, target.Reply))
	}
	if k.Status == StatusOpen {
		started = millis(now)
		// What was late stays late: the time that is left may be less than none.
		left := target.Resolve - k.used
		if left > 0 {
			resolveDue = millis(after(t.Hours, now, left))
		} else {
			resolveDue = millis(now.Add(left))
		}
	}
	due := int64(math.MaxInt64)
	for _, at := range []int64{replyDue, resolveDue} {
		if at != 0 {
			due = min(due, at)
		}
	}
	outside := 0
	if k.Outside {
		outside = 1
	}
	return tx.ExecOne(`UPDATE desk_case SET status = ?2, priority = ?3, organisation = ?4, outside = ?5, replied = ?6, used = ?7, started = ?8,
		reply_due = ?9, resolve_due = ?10, due = ?11 WHERE id = ?1`,
		string(id), k.Status, int64(k.Priority), string(k.Organisation), int64(outside), zeroMillis(k.Replied), k.used.Milliseconds(), started, replyDue, resolveDue, min(due, never))
}

func zeroMillis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return millis(t)
}

func zeroMoment(ms int64) time.Time {
	if ms == 0 || ms == never {
		return time.Time{}
	}
	return moment(ms)
}

// manager gives the session of somebody who may set up an organisation's desk:
// its approvers, and the admins.
func (d *Desk) manager(tx *db.Tx, by staff.Session) (staff.Session, error) {
	s, err := d.staff.Alive(tx, by.ID)
	if err == nil && !s.Is(staff.Approver) && !s.Is(staff.Admin) {
		err = &postern.Error{Kind: postern.Denied, Key: "desk.refused.not-manager", Text: "only approvers and admins set up the desk"}
	}
	return s, err
}

// Targets gives what the clocks of the session's organisation run by.
func (d *Desk) Targets(ctx context.Context, by staff.Session) (t Targets, err error) {
	err = d.db.View(ctx, func(tx *db.Tx) error {
		t, err = targets(tx, by.Organisation)
		return err
	})
	return t, err
}

// SetTargets sets them. A clock that runs follows at its case's next change.
func (d *Desk) SetTargets(ctx context.Context, by staff.Session, t Targets) error {
	for _, p := range Priorities {
		one := t.Of[p]
		if one.Reply <= 0 || one.Resolve < one.Reply || one.Resolve > 366*24*time.Hour {
			return invalid("desk.invalid.target", "a target is more than nothing, and the end not before the first reply")
		}
	}
	return d.db.Update(ctx, func(tx *db.Tx) error {
		s, err := d.manager(tx, by)
		if err != nil {
			return err
		}
		if _, err := tx.Exec("INSERT INTO desk_hours (organisation, hours) VALUES (?1, ?2) ON CONFLICT (organisation) DO UPDATE SET hours = ?2", string(s.Organisation), t.Hours.String()); err != nil {
			return err
		}
		for _, p := range Priorities {
			if _, err := tx.Exec(`INSERT INTO desk_target (organisation, priority, reply, resolve) VALUES (?1, ?2, ?3, ?4)
				ON CONFLICT (organisation, priority) DO UPDATE SET reply = ?3, resolve = ?4`,
				string(s.Organisation), int64(p), t.Of[p].Reply.Milliseconds(), t.Of[p].Resolve.Milliseconds()); err != nil {
				return err
			}
		}
		return nil
	})
}
