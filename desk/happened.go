package desk

import (
	"context"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/staff"
)

// Happening is what became of a case, in the words that other systems hear.
type Happening string

// The happenings.
const (
	Opened     Happening = "case.opened"
	Replied    Happening = "case.replied"
	Noted      Happening = "case.noted"
	AssignedTo Happening = "case.assigned"
	Closed     Happening = "case.closed"
	Reopened   Happening = "case.reopened"
	MergedInto Happening = "case.merged"
)

// Author is who did something: a member of staff, or a ticket system.
type Author struct {
	Name  string
	Staff postern.StaffID
}

// OfHook is the Staff of an [Author] that is another system: neither a member's
// id nor the customer's "".
const OfHook postern.StaffID = "hook"

// Event is a happening. It names what was written nowhere: a listener that
// needs the words has to ask for them.
type Event struct {
	Kind Happening
	Case Case // as it stands now
	At   time.Time
	By   Author // the zero one: the customer
}

// Listener hears of every event in the transaction that makes it: what it writes
// there is kept if and only if the event is.
type Listener interface {
	Happened(tx *db.Tx, e Event) error
}

// Listen adds a listener, before anything is served.
func (c *Cases) Listen(l Listener) { c.listeners = append(c.listeners, l) }

func (c *Cases) tell(tx *db.Tx, e Event) error {
	for _, l := range c.listeners {
		if err := l.Happened(tx, e); err != nil {
			return err
		}
	}
	return nil
}

// ByTicket gives the case of another system's ticket: one that the hook opened,
// or one of its organisation's that an agent gave the number. An outsourcer's hook
// reaches what its organisation works alone, like its people.
func (c *Cases) ByTicket(tx *db.Tx, hook string, of staff.Organisation, external string) (Case, error) {
	only, args := sees(staff.Session{Organisation: of.ID, OrganisationKind: of.Kind}, 4)
	return oneCase(tx, `external = ?1 AND external <> '' AND (external_hook = ?2 OR external_hook = '' AND (organisation = ?3 OR organisation = '' AND ?3 = 'provider'))`+only+`
		ORDER BY external_hook DESC, number DESC LIMIT 1`, append([]any{external, hook, string(of.ID)}, args...)...)
}

// SetTicket notes a ticket's number that another system gave, and whose it is.
func (c *Cases) SetTicket(ctx context.Context, id postern.CaseID, hook, external string) error {
	if len(external) > 100 {
		return invalid("desk.invalid.field", "the ticket's number is too long")
	}
	return c.db.Update(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec("UPDATE desk_case SET external = ?2, external_hook = ?3 WHERE id = ?1 AND external = ''", string(id), external, hook)
		return err
	})
}

// ReplyTx, NoteTx and CloseTx are what another system may do to a case, inside
// its own transaction. They check no session: the hook's signature was the check.
func (d *Desk) ReplyTx(tx *db.Tx, k Case, by Author, words string) error {
	return d.touched(tx, k, func(now time.Time) error { return d.cases.reply(tx, k, by, words, now) })
}

// NoteTx adds a note; see [Desk.ReplyTx].
func (d *Desk) NoteTx(tx *db.Tx, k Case, by Author, words string) error {
	return d.touched(tx, k, func(now time.Time) error { return d.cases.note(tx, k, by, words, now) })
}

// CloseTx closes a case and ends its grants; see [Desk.ReplyTx].
func (d *Desk) CloseTx(tx *db.Tx, k Case, by Author) error {
	return d.touched(tx, k, func(now time.Time) error { return d.close(tx, k, by, now) })
}

func (d *Desk) touched(tx *db.Tx, k Case, f func(time.Time) error) error {
	now := d.now()
	if err := f(now); err != nil {
		return err
	}
	return tx.ExecOne("UPDATE desk_case SET updated = ?2 WHERE id = ?1", string(k.ID), millis(now))
}
