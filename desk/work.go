package desk

import (
	"cmp"
	"context"
	"strconv"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/staff"
)

func number(n int64) string { return strconv.FormatInt(n, 10) }

// Assign gives a case to a member of staff, or with "" to nobody.
func (d *Desk) Assign(ctx context.Context, by staff.Session, id postern.CaseID, to postern.StaffID) error {
	return d.assign(ctx, by, id, to, "")
}

// HandOver gives a case to another member with a note that says why. What the
// case allowed its old assignee ends in the same transaction.
func (d *Desk) HandOver(ctx context.Context, by staff.Session, id postern.CaseID, to postern.StaffID, why string) error {
	why, ok := text(why, 1000)
	if !ok || to == "" {
		return invalid("desk.invalid.hand-over", "say to whom, and why, in at most 1,000 letters")
	}
	return d.assign(ctx, by, id, to, why)
}

func (d *Desk) assign(ctx context.Context, by staff.Session, id postern.CaseID, to postern.StaffID, why string) error {
	var name string
	var of staff.Organisation
	active := true
	if to != "" {
		m, err := d.staff.ByID(ctx, to)
		if err != nil {
			return err
		}
		if of, err = d.organisation(ctx, m.Organisation); err != nil {
			return err
		}
		name, active = m.Name, m.Status == "active"
	}
	return d.change(ctx, by, id, func(tx *db.Tx, k Case, s staff.Session, now time.Time) error {
		switch {
		case to != "" && !gives(s, of, true):
			return errNoMember
		case !active:
			return invalid("desk.invalid.assignee", "the member of staff is no longer active")
		case k.Assignee == to && why == "":
			return nil
		case k.Assignee == to:
			return invalid("desk.invalid.same-assignee", "the case is theirs already")
		}
		k, err := d.lose(tx, k, s, cmp.Or(of.ID, k.Organisation), now)
		if err != nil {
			return err
		}
		e := Post{At: now, By: s.Name, Staff: s.Staff, Kind: KindEvent, Text: EventAssigned, Arg: name}
		handedBy := ""
		switch {
		case to == "":
			e.Text = EventUnassigned
		case why != "":
			e.Text, handedBy = EventHanded, s.Name
		}
		if err := post(tx, id, e); err != nil {
			return err
		}
		if why != "" {
			if err := post(tx, id, Post{At: now, By: s.Name, Staff: s.Staff, Kind: KindNote, Text: why}); err != nil {
				return err
			}
		}
		if err := tx.ExecOne("UPDATE desk_case SET assignee = ?2, assignee_name = ?3, handed_by = ?4, handed_why = ?5 WHERE id = ?1", string(id), string(to), name, handedBy, why); err != nil {
			return err
		}
		if to != "" {
			err := runClock(tx, id, now, func(k *Case) { k.Organisation, k.Outside = of.ID, of.Kind == "outsourcer" })
			if err != nil {
				return err
			}
		}
		k.Assignee, k.AssigneeName, k.Organisation = to, name, cmp.Or(of.ID, k.Organisation)
		return d.cases.tell(tx, Event{Kind: AssignedTo, Case: k, At: now, By: Author{s.Name, s.Staff}})
	})
}

func (d *Desk) organisation(ctx context.Context, id postern.OrganisationID) (staff.Organisation, error) {
	all, err := d.staff.Organisations(ctx)
	for _, o := range all {
		if o.ID == id {
			return o, err
		}
	}
	if err == nil {
		err = errNoOrganisation
	}
	return staff.Organisation{}, err
}

var (
	errNoOrganisation = &postern.Error{Kind: postern.NotFound, Key: "desk.unknown.organisation", Text: "there is no such organisation"}
	errNoMember       = &postern.Error{Kind: postern.NotFound, Key: "staff.unknown.member", Text: "there is no such member of staff"}
)

// lose ends what a case allows those who lose it: its assignee, and all of the
// outsourcer that worked it when it goes to somebody else. Whoever loses it has
// no more business in the mailbox. It gives the case as it stands under the
// gate's lock, which orders it before or after whatever is asked for the case,
// and before or after others who give it away.
func (d *Desk) lose(tx *db.Tx, k Case, by staff.Session, to postern.OrganisationID, now time.Time) (Case, error) {
	if err := d.gate.EndCaseOf(tx, k.ID, k.Assignee, now); err != nil {
		return k, err
	}
	before := k.Assignee
	k, err := caseFor(tx, by, "id = ?1", string(k.ID))
	if err == nil && k.Assignee != before {
		err = d.gate.EndCaseOf(tx, k.ID, k.Assignee, now)
	}
	if err == nil && k.Outside && k.Organisation != to {
		err = d.gate.EndCaseFrom(tx, k.ID, k.Organisation, now)
	}
	return k, err
}

// AssignOrganisation gives a case to an organisation, for whoever there takes it.
// An outsourcer that it is taken from can do nothing more with it.
func (d *Desk) AssignOrganisation(ctx context.Context, by staff.Session, id postern.CaseID, to postern.OrganisationID) error {
	o, err := d.organisation(ctx, to)
	if err != nil {
		return err
	}
	return d.change(ctx, by, id, func(tx *db.Tx, k Case, s staff.Session, now time.Time) error {
		if !gives(s, o, false) {
			return errNoOrganisation
		}
		k, err := d.lose(tx, k, s, o.ID, now)
		if err != nil {
			return err
		}
		if err := post(tx, id, Post{At: now, By: s.Name, Staff: s.Staff, Kind: KindEvent, Text: EventOffered, Arg: o.Name}); err != nil {
			return err
		}
		if err := tx.ExecOne("UPDATE desk_case SET assignee = '', assignee_name = '', handed_by = '', handed_why = '' WHERE id = ?1", string(id)); err != nil {
			return err
		}
		if err := runClock(tx, id, now, func(k *Case) { k.Organisation, k.Outside = o.ID, o.Kind == "outsourcer" }); err != nil {
			return err
		}
		k.Assignee, k.AssigneeName, k.Organisation = "", "", o.ID
		return d.cases.tell(tx, Event{Kind: AssignedTo, Case: k, At: now, By: Author{s.Name, s.Staff}})
	})
}

// Edit changes a case's priority and the number of its ticket elsewhere.
func (d *Desk) Edit(ctx context.Context, by staff.Session, id postern.CaseID, p Priority, external string) error {
	if p < PriorityLow || p > PriorityUrgent {
		return invalid("desk.invalid.priority", "a priority is low, normal, high or urgent")
	}
	if external != "" {
		var ok bool
		if external, ok = text(external, 100); !ok {
			return invalid("desk.invalid.field", "the ticket's number is too long")
		}
	}
	return d.change(ctx, by, id, func(tx *db.Tx, k Case, s staff.Session, now time.Time) error {
		if k.External != external {
			if err := tx.ExecOne("UPDATE desk_case SET external = ?2, external_hook = '' WHERE id = ?1", string(id), external); err != nil {
				return err
			}
		}
		if k.Priority == p {
			return nil
		}
		if err := post(tx, id, Post{At: now, By: s.Name, Staff: s.Staff, Kind: KindEvent, Text: EventPriority, Arg: p.String()}); err != nil {
			return err
		}
		return runClock(tx, id, now, func(k *Case) { k.Priority = p })
	})
}

var errMerged = &postern.Error{Kind: postern.Conflict, Key: "desk.conflict.merged", Text: "the case was merged into another: go on there"}

// UndoMerge is how long a merge can be undone.
const UndoMerge = 24 * time.Hour

// Merge ends a case in favour of another of the same account: its grants end,
// and what was written in it is read with the other's.
func (d *Desk) Merge(ctx context.Context, by staff.Session, id postern.CaseID, into int64) error {
	return d.change(db.Urgent(ctx), by, id, func(tx *db.Tx, k Case, s staff.Session, now time.Time) error {
		// The lock first, for whoever asks for this case, or merges the other.
		if err := d.gate.EndCase(tx, id, now); err != nil {
			return err
		}
		k, err := oneCase(tx, "id = ?1", string(id)) // as it is under the lock
		if err != nil {
			return err
		}
		other, err := caseFor(tx, s, "number = ?1", into)
		if err != nil {
			return err
		}
		var within int
		if err := tx.Row("SELECT count(*) FROM desk_case WHERE merged_into = ?1 AND merged_into <> ''", db.Args(string(id)), &within); err != nil {
			return err
		}
		switch {
		case other.Account != k.Account || other.ID == id:
			return invalid("desk.invalid.merge", "only another case of the same account can take this one in")
		case k.MergedInto != "" || other.MergedInto != "" || other.Status == StatusClosed:
			return errMerged
		case within > 0:
			return &postern.Error{Kind: postern.Conflict, Key: "desk.conflict.merge-chain", Text: "others were merged into this case: merge those into the other first"}
		}
		for _, e := range []Post{{Case: id, Arg: number(other.Number)}, {Case: other.ID, Arg: number(k.Number)}} {
			e.At, e.By, e.Staff, e.Kind, e.Text = now, s.Name, s.Staff, KindEvent, EventMerged
			if err := post(tx, e.Case, e); err != nil {
				return err
			}
		}
		if err := runClock(tx, id, now, func(k *Case) { k.Status = StatusClosed }); err != nil {
			return err
		}
		if err := tx.ExecOne("UPDATE desk_case SET merged_into = ?2, merged_at = ?3 WHERE id = ?1", string(id), string(other.ID), millis(now)); err != nil {
			return err
		}
		k.Status, k.MergedInto = StatusClosed, other.ID
		return d.cases.tell(tx, Event{Kind: MergedInto, Case: k, At: now, By: Author{s.Name, s.Staff}})
	})
}

// Unmerge undoes a merge within [UndoMerge]. The case is open; what it allowed
// stays ended.
func (d *Desk) Unmerge(ctx context.Context, by staff.Session, id postern.CaseID) error {
	return d.change(ctx, by, id, func(tx *db.Tx, k Case, s staff.Session, now time.Time) error {
		if k.MergedInto == "" || now.Sub(k.MergedAt) > UndoMerge {
			return &postern.Error{Kind: postern.Conflict, Key: "desk.conflict.unmerge", Text: "a merge can be undone within a day"}
		}
		other, err := oneCase(tx, "id = ?1", string(k.MergedInto))
		if err != nil {
			return err
		}
		if err := tx.ExecOne("UPDATE desk_case SET merged_into = '', merged_at = 0 WHERE id = ?1", string(id)); err != nil {
			return err
		}
		if err := post(tx, id, Post{At: now, By: s.Name, Staff: s.Staff, Kind: KindEvent, Text: EventUnmerged, Arg: number(other.Number)}); err != nil {
			return err
		}
		if err := runClock(tx, id, now, func(k *Case) { k.Status = StatusOpen }); err != nil {
			return err
		}
		k.Status, k.MergedInto = StatusOpen, ""
		return d.cases.tell(tx, Event{Kind: Reopened, Case: k, At: now, By: Author{s.Name, s.Staff}})
	})
}
