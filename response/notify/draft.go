package notify

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/response/incident"
	"github.com/postern-mail/postern/response/notice"
	"github.com/postern-mail/postern/response/refuse"
	"github.com/postern-mail/postern/response/scope"
	"github.com/postern-mail/postern/staff"
)

// draftFor is how long [Office.Draft] writes before it leaves the rest to
// [Office.Run]: somebody waits for the page.
const draftFor = 2 * time.Second

// Draft writes the next version of an incident's notices from its newest scope:
// one for each affected account, in the person's language. Whoever was told the
// same before is not told again; whoever was told something else gets a
// correction. What takes long goes on behind it, in the state "drafting", over a
// crash and a restart. Conflict when there is nobody to tell, or when a version
// is being written, approved or under way; Invalid when a notice lacks a field.
func (o *Office) Draft(ctx context.Context, by staff.Session, id postern.IncidentID) (Batch, error) {
	if err := incident.Require(by, staff.Responder); err != nil {
		return Batch{}, err
	}
	f, err := o.framing(ctx, id)
	if err != nil {
		return Batch{}, err
	}
	first, err := o.step(ctx, f, "")
	if err != nil {
		return Batch{}, err
	}
	if len(first.notices) == 0 && !first.more {
		return Batch{}, refuse.Conflict("response.conflict.nobody", "there is nobody to tell: nobody is affected, or everybody was told")
	}
	b := Batch{Incident: id, Version: f.version, Scope: f.scope.Version, State: BatchDrafting, Drafted: f.made, Drafter: by.Staff, DrafterName: by.Name, Affected: f.scope.Totals.Accounts}
	err = o.db.Update(ctx, func(tx *db.Tx) error {
		if err := tx.Lock("response incident"); err != nil {
			return err
		}
		if _, err := incident.Live(tx, id); err != nil {
			return err
		}
		now, err := versionFor(tx, id)
		if err != nil {
			return err
		}
		if err := o.Discard(tx, id); err != nil {
			return err
		}
		if now != b.Version {
			return refuse.Conflict("response.conflict.draft", "somebody drafted the notices at the same time: look at theirs")
		}
		if err := tx.ExecOne("INSERT INTO response_batch (incident, version, scope, state, drafted, drafter, drafter_name, affected) VALUES (?1, ?2, ?3, 'drafting', ?4, ?5, ?6, ?7)",
			id, int64(b.Version), int64(b.Scope), db.Millis(b.Drafted), by.Staff, by.Name, int64(b.Affected)); err != nil {
			return err
		}
		return o.write(tx, b, first)
	})
	if err != nil {
		return Batch{}, err
	}
	if first.more {
		defer o.begun()
		if o.working.TryLock() {
			err = o.draftOn(ctx, b.Incident, b.Version, time.Now().Add(draftFor))
			o.working.Unlock()
		}
		if err != nil && ctx.Err() == nil {
			return Batch{}, err
		}
	}
	err = o.db.View(context.WithoutCancel(ctx), func(tx *db.Tx) (err error) {
		b, err = batchOf(tx, id, b.Version)
		return err
	})
	return b, err
}

// versionFor gives the next version's number, when there may be one.
func versionFor(tx *db.Tx, id postern.IncidentID) (int, error) {
	b, err := lastBatch(tx, id)
	switch {
	case refuse.IsUnknown(err):
		return 1, nil
	case err != nil:
		return 0, err
	case b.State == BatchDrafting:
		return 0, refuse.Conflict("response.conflict.drafting", "a version is being written: wait for it, or discard it")
	case b.State == BatchApproved || b.State == BatchSending || b.State == BatchPaused:
		return 0, refuse.Conflict("response.conflict.under-way", "a version is approved or under way: send it first")
	}
	return b.Version + 1, nil
}

// errOvertaken says that a version is no longer being written, or further than
// this writer knew.
var errOvertaken = errors.New("the version has moved on")

// write adds a step to a version, and ends the writing with the last.
func (o *Office) write(tx *db.Tx, b Batch, s step) error {
	total := b.sums.and(s.notices)
	sums, err := json.Marshal(total)
	if err != nil {
		return err
	}
	n, err := tx.Exec("UPDATE response_batch SET place = ?4, looked = looked + ?5, sums = ?6 WHERE incident = ?1 AND version = ?2 AND state = 'drafting' AND place = ?3",
		b.Incident, int64(b.Version), string(b.place), string(s.last), int64(s.looked), string(sums))
	if err != nil {
		return err
	}
	if n == 0 {
		return errOvertaken
	}
	rows := make([][]any, len(s.notices))
	for i, n := range s.notices {
		rows[i] = []any{string(n.ID), int64(n.Version), string(n.Incident), string(n.Account), n.Code, n.Kind, n.Locale, n.Subject, n.Text, n.State, int64(0), int64(0), n.Problem}
	}
	if err := tx.Many("INSERT INTO response_notice (id, version, incident, account, code, kind, locale, subject, text, state, tries, not_before, problem) VALUES ", "", rows); err != nil {
		return err
	}
	if s.more {
		return nil
	}
	written := 0
	for _, n := range total.Kinds {
		written += n
	}
	if written == 0 { // all of many thousands know already
		_, err := tx.Exec("UPDATE response_batch SET state = 'discarded', problem = 'nobody' WHERE incident = ?1 AND version = ?2", b.Incident, int64(b.Version))
		return err
	}
	if _, err := tx.Exec("UPDATE response_batch SET state = 'draft' WHERE incident = ?1 AND version = ?2", b.Incident, int64(b.Version)); err != nil {
		return err
	}
	return o.book.Write(tx, b.Incident, staff.Session{Staff: b.Drafter, Name: b.DrafterName},
		incident.Line{Kind: incident.LineDrafted, Facts: map[string]string{"version": strconv.Itoa(b.Version), "notices": strconv.Itoa(written)}})
}

// draftOn goes on with a version that is being written, from where it stands,
// until it is written or until a time, zero for none.
func (o *Office) draftOn(ctx context.Context, id postern.IncidentID, version int, until time.Time) error {
	var f *frame
	for until.IsZero() || time.Now().Before(until) {
		var b Batch
		err := o.db.View(ctx, func(tx *db.Tx) error {
			all, err := batches(tx, "incident = ?1 AND version = ?2", id, int64(version))
			if err == nil && len(all) == 1 {
				b = all[0]
			}
			return err
		})
		if err != nil || b.State != BatchDrafting {
			return err
		}
		if f == nil {
			if f, err = o.frameOf(ctx, b); err != nil {
				return err
			}
		}
		s, err := o.step(ctx, f, b.place)
		if postern.KindOf(err) == postern.Invalid {
			return errors.Join(err, o.spoiled(ctx, b, err))
		}
		if err != nil {
			return err
		}
		if s.last == "" {
			s.last = b.place
		}
		err = o.db.Update(ctx, func(tx *db.Tx) error { return o.write(tx, b, s) })
		if err != nil && !errors.Is(err, errOvertaken) {
			return err
		}
	}
	return nil
}

// spoiled gives a version up that cannot be written, and says why.
func (o *Office) spoiled(ctx context.Context, b Batch, cause error) error {
	return o.db.Update(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec("UPDATE response_batch SET state = 'discarded', problem = ?3 WHERE incident = ?1 AND version = ?2 AND state = 'drafting'", b.Incident, int64(b.Version), postern.KeyOf(cause))
		return err
	})
}

// Preview gives one account's notice in every language: as drafted in the newest
// version, or as a draft from the newest scope would say it.
func (o *Office) Preview(ctx context.Context, id postern.IncidentID, a postern.AccountID) (map[string]Notice, error) {
	f, err := o.previewing(ctx, id)
	if err != nil {
		return nil, err
	}
	facts, err := o.factsOf(ctx, f, a)
	if err != nil {
		return nil, err
	}
	preview := map[string]Notice{}
	for _, locale := range Locales {
		n, err := f.notice(a, facts, locale)
		if err != nil {
			return nil, err
		}
		n.State = ""
		preview[locale] = n
	}
	// In the person's own language the drafted words are what counts.
	drafted, err := o.Notices(ctx, id, NoticeFilter{Account: a, Limit: 1})
	if err != nil && !refuse.IsUnknown(err) {
		return nil, err
	}
	for _, n := range drafted {
		preview[n.Locale] = n
	}
	return preview, nil
}

// factsOf gives the facts of one account's notice.
func (o *Office) factsOf(ctx context.Context, f *frame, a postern.AccountID) (facts notice.Facts, err error) {
	exposures, err := o.exposed.Of(ctx, f.incident.ID, f.scope.Version, a)
	if err != nil {
		return facts, err
	}
	var before *told
	for _, b := range f.earlier {
		found, err := o.Notices(ctx, f.incident.ID, NoticeFilter{Version: b.Version, Account: a, State: NoticeSent, Limit: 1})
		if err != nil {
			return facts, err
		}
		for _, n := range found {
			before = &told{at: n.At, withdrawn: n.Kind == notice.Withdrawn, scope: b.Scope}
		}
	}
	if before != nil {
		if before.exposures, err = o.exposed.Of(ctx, f.incident.ID, before.scope, a); err != nil {
			return facts, err
		}
	}
	if exposures == nil && before == nil {
		return facts, refuse.Unknown("response.unknown.affected", "this account is not affected")
	}
	facts, _ = f.facts(a, exposures, before)
	people, err := o.readers.People(ctx, []postern.AccountID{a})
	if err != nil {
		return facts, err
	}
	person, known := people[a]
	return facts, o.complete(ctx, &facts, exposures, a, person, known)
}

// messagesOf gives the messages that exposures name, each once.
func messagesOf(exposures []scope.Exposure) (ids []postern.MessageID) {
	seen := map[postern.MessageID]bool{}
	for _, e := range exposures {
		for _, m := range e.Messages {
			if !seen[m.ID] {
				seen[m.ID] = true
				ids = append(ids, m.ID)
			}
		}
	}
	return ids
}
