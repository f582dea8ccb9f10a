package notify

import (
	"context"
	"fmt"
	"reflect"
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

// frame is what all notices of a version share. It is the same whenever it is
// made of a version: what was ended since, or lifted, does not count.
type frame struct {
	incident      incident.Incident
	scope         scope.Scope // without its exposures
	version       int
	made          time.Time
	provider      string
	organisations []staff.Organisation
	containments  []gate.Containment // that ended what the scope names
	earlier       []Batch            // released before, oldest first
}

// told is what an account was last told.
type told struct {
	at        time.Time
	withdrawn bool
	scope     int // the version of the scope that it told of
	exposures []scope.Exposure
}

// framing gives the frame of the next version.
func (o *Office) framing(ctx context.Context, id postern.IncidentID) (*frame, error) {
	return o.frame(ctx, id, func(tx *db.Tx, f *frame) (err error) {
		if f.incident.State == incident.StateClosed {
			return refuse.Conflict("response.conflict.closed", "this incident is closed: reopen it first")
		}
		f.version, err = versionFor(tx, id)
		return err
	})
}

// frameOf gives the frame that a version was begun with.
func (o *Office) frameOf(ctx context.Context, b Batch) (*frame, error) {
	return o.frame(ctx, b.Incident, func(tx *db.Tx, f *frame) (err error) {
		f.version, f.made = b.Version, b.Drafted
		f.scope, err = scope.Of(tx, b.Incident, b.Scope)
		return err
	})
}

// previewing gives the frame of the newest version, whatever became of it;
// without one, of the first.
func (o *Office) previewing(ctx context.Context, id postern.IncidentID) (*frame, error) {
	var last Batch
	err := o.db.View(ctx, func(tx *db.Tx) (err error) {
		last, err = lastBatch(tx, id)
		return err
	})
	if refuse.IsUnknown(err) {
		return o.frame(ctx, id, func(_ *db.Tx, f *frame) error {
			f.version = 1
			return nil
		})
	}
	if err != nil {
		return nil, err
	}
	return o.frameOf(ctx, last)
}

func (o *Office) frame(ctx context.Context, id postern.IncidentID, choose func(*db.Tx, *frame) error) (f *frame, err error) {
	organisations, err := o.staff.Organisations(ctx)
	if err != nil {
		return nil, err
	}
	all, err := o.gate.Containments(ctx)
	if err != nil {
		return nil, fmt.Errorf("couldn't read what was ended: %w", err)
	}
	err = o.db.View(ctx, func(tx *db.Tx) (err error) {
		f = &frame{made: db.Moment(db.Millis(o.now())), provider: o.provider, organisations: organisations}
		if f.incident, err = incident.Get(tx, id); err != nil {
			return err
		}
		if f.scope, err = scope.Of(tx, id, 0); err != nil {
			return err
		}
		if err := choose(tx, f); err != nil {
			return err
		}
		ours, err := incident.Ended(tx, id)
		if err != nil {
			return err
		}
		f.containments = touching(all, ours, f.scope.Selector)
		f.earlier, err = batches(tx, "incident = ?1 AND released IS NOT NULL AND version < ?2 ORDER BY version", id, int64(f.version))
		return err
	})
	return f, err
}

// facts gives what an account is to be told; tell is false when it knows.
func (f *frame) facts(a postern.AccountID, exposures []scope.Exposure, before *told) (n notice.Facts, tell bool) {
	id := noticeID(f.incident.ID, a)
	n = notice.Facts{Provider: f.provider, Code: codeOf(id), Number: f.incident.Number, Version: f.version, Made: f.made, Kind: notice.First, Cause: f.incident.Cause,
		Seen: see(exposures), Employer: employers(exposures, f.organisations), Since: f.scope.Selector.Since, Until: f.scope.Selector.Until}
	n.Ended = endedAt(f.containments, n.Seen.Last, f.made)
	if before == nil {
		return n, true
	}
	same := reflect.DeepEqual(before.exposures, exposures)
	if before.withdrawn {
		same = len(exposures) == 0
	}
	if same {
		return n, false
	}
	then := see(before.exposures)
	if before.withdrawn {
		then = notice.Seen{}
	}
	n.Kind, n.Before, n.ToldAt = notice.Correction, &then, before.at
	if len(exposures) == 0 {
		n.Kind = notice.Withdrawn
	}
	return n, true
}

// notice puts facts into the person's words.
func (f *frame) notice(a postern.AccountID, facts notice.Facts, locale string) (Notice, error) {
	n := Notice{ID: noticeID(f.incident.ID, a), Version: f.version, Incident: f.incident.ID, Account: a, Code: facts.Code, Kind: facts.Kind, Locale: locale, State: NoticeDue}
	if n.Locale != "fr" {
		n.Locale = "en"
	}
	var err error
	n.Subject, n.Text, err = notice.Word(facts, n.Locale)
	return n, err
}
