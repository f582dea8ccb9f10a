package notify

import (
	"context"
	"fmt"
	"reflect"
	"strconv"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/response/incident"
	"github.com/postern-mail/postern/response/notice"
	"github.com/postern-mail/postern/response/refuse"
	"github.com/postern-mail/postern/response/scope"
	"github.com/postern-mail/postern/staff"
)

// Draft writes the next version of an incident's notices from its newest scope:
// one for each affected account, in the person's language. Whoever was told the
// same before is not told again; whoever was told something else gets a
// correction. Conflict when there is nobody to tell, or when a version is
// approved or under way.
func (o *Office) Draft(ctx context.Context, by staff.Session, id postern.IncidentID) (Batch, error) {
	if err := incident.Require(by, staff.Responder); err != nil {
		return Batch{}, err
	}
	d, err := o.drafting(ctx, id)
	if err != nil {
		return Batch{}, err
	}
	var drafted []Notice
	for _, a := range d.accounts() {
		f, tell := d.facts(a)
		if !tell {
			continue
		}
		person, err := o.controls.Person(ctx, a)
		gone := refuse.IsUnknown(err)
		if err != nil && !gone {
			return Batch{}, fmt.Errorf("couldn't ask for a person's language: %w", err)
		}
		f.Address = person.Address
		n, err := d.notice(a, f, person.Locale)
		if err != nil {
			return Batch{}, err
		}
		if gone {
			n.State, n.Problem = NoticeFailed, ProblemGone
		}
		drafted = append(drafted, n)
	}
	if len(drafted) == 0 {
		return Batch{}, refuse.Conflict("response.conflict.nobody", "there is nobody to tell: nobody is affected, or everybody was told")
	}
	b := Batch{Incident: id, Version: d.version, Scope: d.scope.Version, State: BatchDraft, Drafted: d.made, Drafter: by.Staff, DrafterName: by.Name}
	err = o.db.Update(ctx, func(tx *db.Tx) error {
		if err := tx.Lock("response incident"); err != nil {
			return err
		}
		if _, err := incident.Live(tx, id); err != nil {
			return err
		}
		if err := o.Discard(tx, id); err != nil {
			return err
		}
		now, err := versionFor(tx, id)
		if err != nil {
			return err
		}
		if now != d.version {
			return refuse.Conflict("response.conflict.draft", "somebody drafted the notices at the same time: look at theirs")
		}
		if err := tx.ExecOne("INSERT INTO response_batch (incident, version, scope, state, drafted, drafter, drafter_name) VALUES (?1, ?2, ?3, 'draft', ?4, ?5, ?6)",
			id, b.Version, b.Scope, db.Millis(b.Drafted), by.Staff, by.Name); err != nil {
			return err
		}
		for _, n := range drafted {
			if err := tx.ExecOne(`INSERT INTO response_notice (id, version, incident, account, code, kind, locale, subject, text, state, tries, not_before, problem)
				VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0, 0, ?11)`,
				n.ID, n.Version, id, n.Account, n.Code, n.Kind, n.Locale, n.Subject, n.Text, n.State, n.Problem); err != nil {
				return err
			}
		}
		if err := o.book.Write(tx, id, by, incident.Line{Kind: incident.LineDrafted, Facts: map[string]string{"version": strconv.Itoa(b.Version), "notices": strconv.Itoa(len(drafted))}}); err != nil {
			return err
		}
		return b.count(tx)
	})
	if err != nil {
		return Batch{}, err
	}
	return b, nil
}

// versionFor gives the next version's number, when there may be one.
func versionFor(tx *db.Tx, id postern.IncidentID) (int, error) {
	b, err := lastBatch(tx, id)
	switch {
	case refuse.IsUnknown(err):
		return 1, nil
	case err != nil:
		return 0, err
	case b.State == BatchApproved || b.State == BatchSending:
		return 0, refuse.Conflict("response.conflict.under-way", "a version is approved or under way: send it first")
	}
	return b.Version + 1, nil
}

// drafting is everything the notices of an incident are made of.
type drafting struct {
	incident      incident.Incident
	scope         scope.Scope
	version       int
	made          time.Time
	provider      string
	organisations []staff.Organisation
	containments  []gate.Containment // that ended what the scope names
	now           map[postern.AccountID][]scope.Exposure
	told          map[postern.AccountID]told
	order         []postern.AccountID
}

// told is what an account was last told.
type told struct {
	at        time.Time
	withdrawn bool
	exposures []scope.Exposure
}

// drafting gathers what the next version is made of.
func (o *Office) drafting(ctx context.Context, id postern.IncidentID) (d *drafting, err error) {
	return o.gather(ctx, id, func(tx *db.Tx, d *drafting) error {
		if d.incident.State == incident.StateClosed {
			return refuse.Conflict("response.conflict.closed", "this incident is closed: reopen it first")
		}
		var err error
		d.version, err = versionFor(tx, id)
		return err
	})
}

// previewing gathers what the newest version was made of, whatever became of
// it; without one, what the first would be made of.
func (o *Office) previewing(ctx context.Context, id postern.IncidentID) (d *drafting, err error) {
	return o.gather(ctx, id, func(tx *db.Tx, d *drafting) error {
		b, err := lastBatch(tx, id)
		if refuse.IsUnknown(err) {
			d.version = 1
			return nil
		}
		if err != nil {
			return err
		}
		d.version, d.made = b.Version, b.Drafted
		d.scope, err = scope.Of(tx, id, b.Scope)
		return err
	})
}

func (o *Office) gather(ctx context.Context, id postern.IncidentID, choose func(*db.Tx, *drafting) error) (d *drafting, err error) {
	organisations, err := o.staff.Organisations(ctx)
	if err != nil {
		return nil, err
	}
	all, err := o.gate.Containments(ctx)
	if err != nil {
		return nil, fmt.Errorf("couldn't read what was ended: %w", err)
	}
	err = o.db.View(ctx, func(tx *db.Tx) error {
		d = &drafting{made: db.Moment(db.Millis(o.now())), provider: o.provider, organisations: organisations,
			now: map[postern.AccountID][]scope.Exposure{}, told: map[postern.AccountID]told{}}
		var err error
		if d.incident, err = incident.Get(tx, id); err != nil {
			return err
		}
		if d.scope, err = scope.Of(tx, id, 0); err != nil {
			return err
		}
		if err := choose(tx, d); err != nil {
			return err
		}
		ours, err := incident.Ended(tx, id)
		if err != nil {
			return err
		}
		d.containments = touching(all, ours, d.scope.Selector)
		current, err := scope.ExposuresOf(tx, id, d.scope.Version, scope.ExposureFilter{})
		if err != nil {
			return err
		}
		for _, e := range current {
			if d.now[e.Account] == nil {
				d.order = append(d.order, e.Account)
			}
			d.now[e.Account] = append(d.now[e.Account], e)
		}
		return d.readTold(tx, id)
	})
	return d, err
}

func (d *drafting) readTold(tx *db.Tx, id postern.IncidentID) error {
	released, err := batches(tx, "incident = ?1 AND released IS NOT NULL AND version < ?2 ORDER BY version", id, d.version)
	if err != nil {
		return err
	}
	for _, b := range released { // the latest word on each account wins
		then := map[postern.AccountID][]scope.Exposure{}
		exposures, err := scope.ExposuresOf(tx, id, b.Scope, scope.ExposureFilter{})
		if err != nil {
			return err
		}
		for _, e := range exposures {
			then[e.Account] = append(then[e.Account], e)
		}
		err = tx.Rows("SELECT account, kind, sent FROM response_notice WHERE incident = ?1 AND version = ?2 AND state = 'sent' ORDER BY account", db.Args(id, b.Version),
			func(row db.Scanner) error {
				var a postern.AccountID
				var kind string
				var sent int64
				if err := row.Scan(&a, &kind, &sent); err != nil {
					return err
				}
				if _, known := d.told[a]; !known && d.now[a] == nil {
					d.order = append(d.order, a)
				}
				d.told[a] = told{db.Moment(sent), kind == notice.Withdrawn, then[a]}
				return nil
			})
		if err != nil {
			return err
		}
	}
	return nil
}

// accounts gives whoever is affected now or was told so before.
func (d *drafting) accounts() []postern.AccountID { return d.order }

// facts gives what an account is to be told; tell is false when it knows.
func (d *drafting) facts(a postern.AccountID) (f notice.Facts, tell bool) {
	exposures := d.now[a]
	id := noticeID(d.incident.ID, a)
	f = notice.Facts{Provider: d.provider, Code: codeOf(id), Number: d.incident.Number, Version: d.version, Made: d.made, Kind: notice.First, Cause: d.incident.Cause,
		Seen: see(exposures), Employer: employers(exposures, d.organisations), Since: d.scope.Selector.Since, Until: d.scope.Selector.Until}
	f.Ended = endedAt(d.containments, f.Seen.Last, d.made)
	before, told := d.told[a]
	if !told {
		return f, true
	}
	same := reflect.DeepEqual(before.exposures, exposures)
	if before.withdrawn {
		same = len(exposures) == 0
	}
	if same {
		return f, false
	}
	then := see(before.exposures)
	if before.withdrawn {
		then = notice.Seen{}
	}
	f.Kind, f.Before, f.ToldAt = notice.Correction, &then, before.at
	if len(exposures) == 0 {
		f.Kind = notice.Withdrawn
	}
	return f, true
}

// notice puts facts into the person's words.
func (d *drafting) notice(a postern.AccountID, f notice.Facts, locale string) (Notice, error) {
	n := Notice{ID: noticeID(d.incident.ID, a), Version: d.version, Incident: d.incident.ID, Account: a, Code: f.Code, Kind: f.Kind, Locale: locale, State: NoticeDue}
	if n.Locale != "fr" {
		n.Locale = "en"
	}
	var err error
	n.Subject, n.Text, err = notice.Word(f, n.Locale)
	return n, err
}

// Preview gives one account's notice in every language: as drafted in the newest
// version, or as a draft from the newest scope would say it.
func (o *Office) Preview(ctx context.Context, id postern.IncidentID, a postern.AccountID) (map[string]Notice, error) {
	d, err := o.previewing(ctx, id)
	if err != nil {
		return nil, err
	}
	f, _ := d.facts(a)
	if d.now[a] == nil && f.Before == nil {
		return nil, &postern.Error{Kind: postern.NotFound, Key: "response.unknown.affected", Text: "this account is not affected"}
	}
	person, err := o.controls.Person(ctx, a)
	if err != nil && !refuse.IsUnknown(err) {
		return nil, fmt.Errorf("couldn't ask for a person's language: %w", err)
	}
	f.Address = person.Address
	preview := map[string]Notice{}
	for _, locale := range Locales {
		n := Notice{ID: noticeID(id, a), Version: d.version, Incident: id, Account: a, Code: f.Code, Kind: f.Kind, Locale: locale}
		if n.Subject, n.Text, err = notice.Word(f, locale); err != nil {
			return nil, err
		}
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
