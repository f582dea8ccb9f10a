package response

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
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/response/notice"
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

// sentence bounds what people write into records.
func sentence(s string) (string, error) {
	s = strings.TrimSpace(strings.ToValidUTF8(s, "�"))
	if s == "" {
		return "", invalid("response.invalid.sentence", "write a sentence that says why")
	}
	if utf8.RuneCountInString(s) > 2000 {
		return "", invalid("response.invalid.long", "write at most 2000 characters")
	}
	return s, nil
}

// OpenIncident makes an incident of alerts, or of none. Its lead is who opens
// it. Errors: Invalid without a title, Conflict when an alert is taken.
func (r *Response) OpenIncident(ctx context.Context, by staff.Session, title string, alerts ...postern.AlertID) (Incident, error) {
	if err := require(by, staff.Responder); err != nil {
		return Incident{}, err
	}
	title = strings.Join(strings.Fields(strings.ToValidUTF8(title, "�")), " ")
	if title == "" || utf8.RuneCountInString(title) > 200 {
		return Incident{}, invalid("response.invalid.title", "give the incident a title of at most 200 characters")
	}
	standing, err := r.Standing(ctx)
	if err != nil {
		return Incident{}, err
	}
	now := r.now()
	in := Incident{ID: postern.IncidentID(postern.NewID()), Title: title, State: StateOpen, Severity: Medium, Cause: CauseUnknown,
		Lead: by.Staff, LeadName: by.Name, Opened: moment(millis(now)), Aware: moment(millis(now))}
	err = r.db.Update(ctx, func(tx *db.Tx) error {
		if err := tx.Lock("response incident"); err != nil {
			return err
		}
		if err := tx.Row("SELECT COALESCE(max(number), 0) + 1 FROM response_incident", nil, &in.Number); err != nil {
			return err
		}
		var taken []Alert
		for _, id := range slices.Compact(slices.Sorted(slices.Values(alerts))) {
			err := tx.Rows("SELECT "+alertColumns+" FROM response_alert WHERE id = ?1 AND status = 'open'", db.Args(id), func(row db.Scanner) error {
				a, err := scanAlert(row)
				taken = append(taken, a)
				return err
			})
			if err != nil {
				return err
			}
			n, err := tx.Exec("UPDATE response_alert SET status = 'incident', incident = ?2 WHERE id = ?1 AND status = 'open'", id, in.ID)
			if err == nil && n == 0 {
				err = conflict("response.conflict.alert", "an alert is not open any more")
			}
			if err != nil {
				return err
			}
		}
		for _, a := range taken {
			in.Severity = max(in.Severity, a.Severity)
			if a.At.Before(in.Aware) {
				in.Aware = a.At
			}
		}
		if err := tx.ExecOne(`INSERT INTO response_incident (id, number, title, state, severity, cause, lead, lead_name, opened, aware)
			VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)`,
			in.ID, in.Number, in.Title, in.State, int64(in.Severity), in.Cause, in.Lead, in.LeadName, millis(in.Opened), millis(in.Aware)); err != nil {
			return err
		}
		if err := r.note(tx, in.ID, by, Line{Kind: LineOpened, Text: title}); err != nil {
			return err
		}
		for _, a := range taken {
			if err := r.note(tx, in.ID, by, Line{Kind: LineAlert, Facts: map[string]string{"rule": a.Rule, "alert": string(a.ID)}}); err != nil {
				return err
			}
		}
		if err := r.plan(tx, in.ID, now); err != nil {
			return err
		}
		// Somebody may have acted first and opened the incident afterwards.
		acted := len(taken) > 0 && !slices.ContainsFunc(taken, func(a Alert) bool { return standing.Of(gate.KindCredential, string(a.Credential)) != AccessEnded })
		if !acted {
			return nil
		}
		if err := r.done(tx, in.ID, by, "contain"); err != nil {
			return err
		}
		in.State, in.Contained = StateContained, in.Opened
		return r.advance(tx, Incident{ID: in.ID, State: StateOpen}, StateContained)
	})
	if err != nil {
		return Incident{}, fmt.Errorf("couldn't open the incident: %w", err)
	}
	return in, nil
}

const incidentColumns = "id, number, title, state, severity, cause, lead, lead_name, opened, aware, contained, scoped, notified, closed"

func scanIncident(row db.Scanner) (in Incident, err error) {
	var severity, opened, aware int64
	var contained, scoped, notified, closed *int64
	err = row.Scan(&in.ID, &in.Number, &in.Title, &in.State, &severity, &in.Cause, &in.Lead, &in.LeadName, &opened, &aware,
		&contained, &scoped, &notified, &closed)
	in.Severity, in.Opened, in.Aware = Severity(severity), moment(opened), moment(aware)
	in.Contained, in.Scoped, in.Notified, in.Closed = instant(contained), instant(scoped), instant(notified), instant(closed)
	return in, err
}

// Incidents gives all, the open ones first, then the latest.
func (r *Response) Incidents(ctx context.Context) (all []Incident, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
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
func (r *Response) Incident(ctx context.Context, id postern.IncidentID) (in Incident, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		in, err = incident(tx, id)
		return err
	})
	return in, err
}

func incident(tx *db.Tx, id postern.IncidentID) (in Incident, err error) {
	found := false
	err = tx.Rows("SELECT "+incidentColumns+" FROM response_incident WHERE id = ?1", db.Args(id), func(row db.Scanner) (err error) {
		found = true
		in, err = scanIncident(row)
		return err
	})
	if err == nil && !found {
		err = orNotFound(db.ErrNoRows, "response.unknown.incident", "there is no such incident")
	}
	return in, err
}

// live is incident for an act that needs it not closed.
func live(tx *db.Tx, id postern.IncidentID) (Incident, error) {
	in, err := incident(tx, id)
	if err == nil && in.State == StateClosed {
		err = conflict("response.conflict.closed", "this incident is closed: reopen it first")
	}
	return in, err
}

// advance moves an incident forward to a state, never back, and notes when that
// state was first reached.
func (r *Response) advance(tx *db.Tx, in Incident, state string) error {
	now := millis(r.now())
	if _, err := tx.Exec("UPDATE response_incident SET "+state+" = COALESCE("+state+", ?2) WHERE id = ?1", in.ID, now); err != nil {
		return err
	}
	if slices.Index(States[:], state) <= slices.Index(States[:], in.State) {
		return nil
	}
	_, err := tx.Exec("UPDATE response_incident SET state = ?2 WHERE id = ?1", in.ID, state)
	return err
}

// Close ends an incident, with the sentence that says what came of it. Its
// alerts are closed with it; containments stay in force.
func (r *Response) Close(ctx context.Context, by staff.Session, id postern.IncidentID, why string) error {
	return r.change(ctx, by, id, why, func(tx *db.Tx, in Incident, why string) error {
		if _, err := tx.Exec("UPDATE response_alert SET status = 'closed', closed_at = ?2, closed_by = ?3, closed_why = '' WHERE incident = ?1 AND status = 'incident'",
			id, millis(r.now()), by.Name); err != nil {
			return err
		}
		if err := r.advance(tx, in, StateClosed); err != nil {
			return err
		}
		return r.note(tx, id, by, Line{Kind: LineClosed, Text: why})
	})
}

// Reopen takes a closed incident up again. It goes back to the state that its
// work had reached.
func (r *Response) Reopen(ctx context.Context, by staff.Session, id postern.IncidentID, why string) error {
	if err := require(by, staff.Responder); err != nil {
		return err
	}
	why, err := sentence(why)
	if err != nil {
		return err
	}
	return r.db.Update(ctx, func(tx *db.Tx) error {
		in, err := incident(tx, id)
		if err != nil {
			return err
		}
		if in.State != StateClosed {
			return conflict("response.conflict.open", "this incident is open")
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
		return r.note(tx, id, by, Line{Kind: LineReopened, Text: why})
	})
}

// TakeLead makes the caller the incident's lead.
func (r *Response) TakeLead(ctx context.Context, by staff.Session, id postern.IncidentID) error {
	return r.change(ctx, by, id, "-", func(tx *db.Tx, in Incident, _ string) error {
		if in.Lead == by.Staff {
			return nil
		}
		if err := tx.ExecOne("UPDATE response_incident SET lead = ?2, lead_name = ?3 WHERE id = ?1", id, by.Staff, by.Name); err != nil {
			return err
		}
		return r.note(tx, id, by, Line{Kind: LineLead, Facts: map[string]string{"from": in.LeadName, "to": by.Name}})
	})
}

// SetCause records what the incident's cause is taken to be.
func (r *Response) SetCause(ctx context.Context, by staff.Session, id postern.IncidentID, cause, why string) error {
	if !slices.Contains(Causes[:], cause) {
		return invalid("response.invalid.cause", "a cause is \"unknown\", \"stolen\" or \"insider\"")
	}
	return r.change(ctx, by, id, why, func(tx *db.Tx, in Incident, why string) error {
		if err := tx.ExecOne("UPDATE response_incident SET cause = ?2 WHERE id = ?1", id, cause); err != nil {
			return err
		}
		if err := r.discard(tx, id); err != nil {
			return err
		}
		return r.note(tx, id, by, Line{Kind: LineCause, Text: why, Facts: map[string]string{"from": in.Cause, "to": cause}})
	})
}

// SetSeverity corrects how grave an incident is.
func (r *Response) SetSeverity(ctx context.Context, by staff.Session, id postern.IncidentID, s Severity, why string) error {
	if s < Low || s > High {
		return invalid("response.invalid.severity", "a severity is low, medium or high")
	}
	return r.change(ctx, by, id, why, func(tx *db.Tx, in Incident, why string) error {
		if err := tx.ExecOne("UPDATE response_incident SET severity = ?2 WHERE id = ?1", id, int64(s)); err != nil {
			return err
		}
		return r.note(tx, id, by, Line{Kind: LineSeverity, Text: why, Facts: map[string]string{"from": in.Severity.String(), "to": s.String()}})
	})
}

// change runs f on a live incident for a responder with a sentence.
func (r *Response) change(ctx context.Context, by staff.Session, id postern.IncidentID, why string, f func(*db.Tx, Incident, string) error) error {
	if err := require(by, staff.Responder); err != nil {
		return err
	}
	why, err := sentence(why)
	if err != nil {
		return err
	}
	err = r.db.Update(ctx, func(tx *db.Tx) error {
		in, err := live(tx, id)
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
