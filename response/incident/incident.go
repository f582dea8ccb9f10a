package incident

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/response/notice"
	"github.com/postern-mail/postern/response/refuse"
	"github.com/postern-mail/postern/staff"
)

// The states of an incident, in their order. Work moves it forward by itself;
// only closing is somebody's decision.
const (
	StateOpen      = "open"
	StateContained = "contained"
	StateScoped    = "scoped"
	StateNotified  = "notified"
	StateClosed    = "closed"
)

// States lists them in order.
var States = [...]string{StateOpen, StateContained, StateScoped, StateNotified, StateClosed}

// The causes an incident can have. They decide what its notices say.
const (
	CauseUnknown = notice.CauseUnknown // not known yet
	CauseStolen  = notice.CauseStolen  // somebody else used a member's credential
	CauseInsider = notice.CauseInsider // the member did it
)

// Causes lists them.
var Causes = [...]string{CauseUnknown, CauseStolen, CauseInsider}

// Incident is one breach, from the first alert to its end.
type Incident struct {
	ID       postern.IncidentID
	Number   int64
	Title    string
	State    string
	Severity Severity
	Cause    string
	Lead     postern.StaffID
	LeadName string
	Opened   time.Time
	// Aware is when the provider had to know: the first alert, or the opening.
	// The clocks run from here (GDPR Art. 33(1), NIS2 Art. 23(4)).
	Aware     time.Time
	Contained time.Time // zero: not yet
	Scoped    time.Time
	Notified  time.Time
	Closed    time.Time
}

// The clocks: an early warning within 24 hours (NIS2 Art. 23(4)(a)), the
// authority within 72 hours (GDPR Art. 33(1), NIS2 Art. 23(4)(b)).
const (
	EarlyWarning = 24 * time.Hour
	Notification = 72 * time.Hour
)

// Sentence bounds what people write into records.
func Sentence(s string) (string, error) {
	s = strings.TrimSpace(strings.ToValidUTF8(s, "�"))
	if s == "" {
		return "", refuse.Invalid("response.invalid.sentence", "write a sentence that says why")
	}
	if utf8.RuneCountInString(s) > 2000 {
		return "", refuse.Invalid("response.invalid.long", "write at most 2000 characters")
	}
	return s, nil
}

const incidentColumns = "id, number, title, state, severity, cause, lead, lead_name, opened, aware, contained, scoped, notified, closed"

func scanIncident(row db.Scanner) (in Incident, err error) {
	var severity, opened, aware int64
	var contained, scoped, notified, closed *int64
	err = row.Scan(&in.ID, &in.Number, &in.Title, &in.State, &severity, &in.Cause, &in.Lead, &in.LeadName, &opened, &aware,
		&contained, &scoped, &notified, &closed)
	in.Severity, in.Opened, in.Aware = Severity(severity), db.Moment(opened), db.Moment(aware)
	in.Contained, in.Scoped, in.Notified, in.Closed = db.Instant(contained), db.Instant(scoped), db.Instant(notified), db.Instant(closed)
	return in, err
}

// Incidents gives all, the open ones first, then the latest.
func (b *Book) Incidents(ctx context.Context) (all []Incident, err error) {
	err = b.db.View(ctx, func(tx *db.Tx) error {
		all = nil
		return tx.Rows("SELECT "+incidentColumns+" FROM response_incident ORDER BY CASE WHEN state = 'closed' THEN 1 ELSE 0 END, number DESC LIMIT 500", nil,
			func(row db.Scanner) error {
				in, err := scanIncident(row)
				all = append(all, in)
				return err
			})
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't read the incidents: %w", err)
	}
	return all, nil
}

// Incident gives one: NotFound when there is none.
func (b *Book) Incident(ctx context.Context, id postern.IncidentID) (in Incident, err error) {
	err = b.db.View(ctx, func(tx *db.Tx) error {
		in, err = Get(tx, id)
		return err
	})
	return in, err
}

// Get gives one in a transaction: NotFound when there is none.
func Get(tx *db.Tx, id postern.IncidentID) (in Incident, err error) {
	found := false
	err = tx.Rows("SELECT "+incidentColumns+" FROM response_incident WHERE id = ?1", db.Args(id), func(row db.Scanner) (err error) {
		found = true
		in, err = scanIncident(row)
		return err
	})
	if err == nil && !found {
		err = refuse.Unknown("response.unknown.incident", "there is no such incident")
	}
	return in, err
}

// Live is [Get] for an act that needs it not closed.
func Live(tx *db.Tx, id postern.IncidentID) (Incident, error) {
	in, err := Get(tx, id)
	if err == nil && in.State == StateClosed {
		err = refuse.Conflict("response.conflict.closed", "this incident is closed: reopen it first")
	}
	return in, err
}

// Advance moves an incident forward to a state, never back, and notes when that
// state was first reached.
func (b *Book) Advance(tx *db.Tx, in Incident, state string) error {
	now := db.Millis(b.now())
	if _, err := tx.Exec("UPDATE response_incident SET "+state+" = COALESCE("+state+", ?2) WHERE id = ?1", in.ID, now); err != nil {
		return err
	}
	if slices.Index(States[:], state) <= slices.Index(States[:], in.State) {
		return nil
	}
	_, err := tx.Exec("UPDATE response_incident SET state = ?2 WHERE id = ?1", in.ID, state)
	return err
}

// Reopen takes a closed incident up again. It goes back to the state that its
// work had reached.
func (b *Book) Reopen(ctx context.Context, by staff.Session, id postern.IncidentID, why string) error {
	if err := Require(by, staff.Responder); err != nil {
		return err
	}
	why, err := Sentence(why)
	if err != nil {
		return err
	}
	return b.db.Update(ctx, func(tx *db.Tx) error {
		in, err := Get(tx, id)
		if err != nil {
			return err
		}
		if in.State != StateClosed {
			return refuse.Conflict("response.conflict.open", "this incident is open")
		}
		state := StateOpen
		for _, s := range []struct {
			at   time.Time
			name string
		}{{in.Contained, StateContained}, {in.Scoped, StateScoped}, {in.Notified, StateNotified}} {
			if !s.at.IsZero() {
				state = s.name
			}
		}
		if err := tx.ExecOne("UPDATE response_incident SET state = ?2, closed = NULL WHERE id = ?1", id, state); err != nil {
			return err
		}
		return b.Write(tx, id, by, Line{Kind: LineReopened, Text: why})
	})
}

// TakeLead makes the caller the incident's lead.
func (b *Book) TakeLead(ctx context.Context, by staff.Session, id postern.IncidentID) error {
	return b.Change(ctx, by, id, "-", func(tx *db.Tx, in Incident, _ string) error {
		if in.Lead == by.Staff {
			return nil
		}
		if err := tx.ExecOne("UPDATE response_incident SET lead = ?2, lead_name = ?3 WHERE id = ?1", id, by.Staff, by.Name); err != nil {
			return err
		}
		return b.Write(tx, id, by, Line{Kind: LineLead, Facts: map[string]string{"from": in.LeadName, "to": by.Name}})
	})
}

// SetSeverity corrects how grave an incident is.
func (b *Book) SetSeverity(ctx context.Context, by staff.Session, id postern.IncidentID, s Severity, why string) error {
	if s < Low || s > High {
		return refuse.Invalid("response.invalid.severity", "a severity is low, medium or high")
	}
	return b.Change(ctx, by, id, why, func(tx *db.Tx, in Incident, why string) error {
		if err := tx.ExecOne("UPDATE response_incident SET severity = ?2 WHERE id = ?1", id, int64(s)); err != nil {
			return err
		}
		return b.Write(tx, id, by, Line{Kind: LineSeverity, Text: why, Facts: map[string]string{"from": in.Severity.String(), "to": s.String()}})
	})
}

// Change runs f on a live incident for a responder with a sentence.
func (b *Book) Change(ctx context.Context, by staff.Session, id postern.IncidentID, why string, f func(*db.Tx, Incident, string) error) error {
	if err := Require(by, staff.Responder); err != nil {
		return err
	}
	why, err := Sentence(why)
	if err != nil {
		return err
	}
	err = b.db.Update(ctx, func(tx *db.Tx) error {
		in, err := Live(tx, id)
		if err != nil {
			return err
		}
		return f(tx, in, why)
	})
	var known *postern.Error
	if err != nil && !errors.As(err, &known) {
		err = fmt.Errorf("couldn't change the incident: %w", err)
	}
	return err
}

// Title tidies a title: Invalid when there is none, or too much of it.
func Title(s string) (string, error) {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "\ufffd")), " ")
	if s == "" || utf8.RuneCountInString(s) > 200 {
		return "", refuse.Invalid("response.invalid.title", "give the incident a title of at most 200 characters")
	}
	return s, nil
}

// Add begins an incident in a transaction, with its tasks and the first line of
// its timeline. Its number is the next; its lead is who opens it.
func (b *Book) Add(tx *db.Tx, by staff.Session, title string, severity Severity, aware time.Time) (Incident, error) {
	now := db.Moment(db.Millis(b.now()))
	in := Incident{ID: postern.IncidentID(postern.NewID()), Title: title, State: StateOpen, Severity: severity, Cause: CauseUnknown,
		Lead: by.Staff, LeadName: by.Name, Opened: now, Aware: now}
	if !aware.IsZero() && aware.Before(now) {
		in.Aware = aware
	}
	if err := tx.Lock("response incident"); err != nil {
		return in, err
	}
	if err := tx.Row("SELECT COALESCE(max(number), 0) + 1 FROM response_incident", nil, &in.Number); err != nil {
		return in, err
	}
	if err := tx.ExecOne(`INSERT INTO response_incident (id, number, title, state, severity, cause, lead, lead_name, opened, aware)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)`,
		in.ID, in.Number, in.Title, in.State, int64(in.Severity), in.Cause, in.Lead, in.LeadName, db.Millis(in.Opened), db.Millis(in.Aware)); err != nil {
		return in, err
	}
	if err := b.Write(tx, in.ID, by, Line{Kind: LineOpened, Text: title}); err != nil {
		return in, err
	}
	return in, b.plan(tx, in.ID, now)
}

// End closes an incident in a transaction, with the sentence that says what came
// of it.
func (b *Book) End(tx *db.Tx, by staff.Session, in Incident, why string) error {
	if err := b.Advance(tx, in, StateClosed); err != nil {
		return err
	}
	return b.Write(tx, in.ID, by, Line{Kind: LineClosed, Text: why})
}

// Blame records in a transaction what an incident's cause is taken to be.
func (b *Book) Blame(tx *db.Tx, by staff.Session, in Incident, cause, why string) error {
	if err := tx.ExecOne("UPDATE response_incident SET cause = ?2 WHERE id = ?1", in.ID, cause); err != nil {
		return err
	}
	return b.Write(tx, in.ID, by, Line{Kind: LineCause, Text: why, Facts: map[string]string{"from": in.Cause, "to": cause}})
}
