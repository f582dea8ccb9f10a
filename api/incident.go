package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/response/detect"
	"github.com/postern-mail/postern/response/incident"
	"github.com/postern-mail/postern/staff"
)

// Evidence is one act that an alert rests on.
type Evidence struct {
	Feed     string            `json:"feed" enum:"staff,ledger"`
	Position int64             `json:"position" doc:"In that feed: an event's number, an entry's index."`
	At       time.Time         `json:"at"`
	Kind     string            `json:"kind" example:"shown"`
	Session  postern.SessionID `json:"session,omitempty"`
	Network  string            `json:"network,omitempty"`
	Account  postern.AccountID `json:"account,omitempty"`
	Tier     string            `json:"tier,omitempty"`
	Messages int               `json:"messages,omitempty"`
}

// AlertFile is an alert with what it rests on.
type AlertFile struct {
	Alert
	Evidence  []Evidence `json:"evidence" doc:"The first of the acts, oldest first."`
	Closed    *time.Time `json:"closed,omitempty"`
	ClosedBy  string     `json:"closed_by,omitempty"`
	ClosedWhy string     `json:"closed_why,omitempty"`
}

func evidenceOf(e detect.Evidence) Evidence {
	out := Evidence{Feed: e.Feed, Position: e.Position, At: e.At, Kind: e.Kind, Session: e.Session, Network: e.Network, Account: e.Account, Messages: e.Messages}
	if e.Tier != postern.TierNone {
		out.Tier = e.Tier.String()
	}
	return out
}

// Line is one line of an incident's timeline.
type Line struct {
	At       time.Time         `json:"at"`
	Kind     string            `json:"kind" example:"contained"`
	By       string            `json:"by,omitempty" doc:"Left out: Postern itself."`
	Text     string            `json:"text,omitempty" doc:"A person's own words."`
	Facts    map[string]string `json:"facts,omitempty"`
	Position int64             `json:"position" doc:"In the ledger, -1 for none."`
}

// Task is one thing to do.
type Task struct {
	Number int64      `json:"number"`
	Name   string     `json:"name,omitempty" doc:"Of a planned one." example:"contain"`
	Text   string     `json:"text,omitempty" doc:"Of one that a responder added."`
	State  string     `json:"state" enum:"not-started,looked-at,done,not-needed"`
	Holder string     `json:"holder,omitempty"`
	At     *time.Time `json:"at,omitempty"`
}

// Ended is an ending of access within an incident.
type Ended struct {
	Kind     string                `json:"kind"`
	Subject  string                `json:"subject"`
	Label    string                `json:"label,omitempty" doc:"Whose it is."`
	Why      string                `json:"why"`
	By       string                `json:"by"`
	At       *time.Time            `json:"at,omitempty" doc:"Left out: the gate has not answered."`
	ID       postern.ContainmentID `json:"id,omitempty"`
	Position int64                 `json:"position"`
	Lifted   *time.Time            `json:"lifted,omitempty"`
}

// IncidentFile is an incident with its alerts, tasks, containments and timeline.
type IncidentFile struct {
	Incident
	Cause    string  `json:"cause" enum:"unknown,stolen,insider"`
	Alerts   []Alert `json:"alerts"`
	Tasks    []Task  `json:"tasks"`
	Ended    []Ended `json:"ended"`
	Timeline []Line  `json:"timeline" doc:"Oldest first; lines are never changed."`
}

// OneIncident names an incident in a path.
type OneIncident struct {
	ID postern.IncidentID `path:"id" maxLength:"32"`
}

// reads says whether a session may see what the response centre shows:
// responders, and approvers, who answer for its notices.
func reads(s staff.Session) error {
	if s.Is(staff.Approver) {
		return nil
	}
	return responds(s)
}

func (r rooms) incidentOperations(api huma.API) {
	read, write := staff.ScopeResponseRead, staff.ScopeResponseWrite
	answers(r, api, read, operationOf("response", "get-alert", "GET", "/alerts/{id}", "An alert with its evidence"),
		func(ctx context.Context, s staff.Session, in *struct {
			ID postern.AlertID `path:"id" maxLength:"32"`
		}) (AlertFile, error) {
			if err := reads(s); err != nil {
				return AlertFile{}, err
			}
			a, err := r.Response.Alert(ctx, in.ID)
			return AlertFile{Alert: alertOf(a), Evidence: mapped(a.Evidence, evidenceOf).Items, Closed: when(a.ClosedAt), ClosedBy: a.ClosedBy, ClosedWhy: a.ClosedWhy}, err
		})
	acts(r, api, write, operationOf("response", "dismiss-alert", "POST", "/alerts/{id}/dismiss", "Close an alert that is nothing, and say why"),
		func(ctx context.Context, s staff.Session, in *struct {
			ID   postern.AlertID `path:"id" maxLength:"32"`
			Body Sentence
		}) error {
			return r.Response.Dismiss(ctx, s, in.ID, in.Body.Why)
		})
	open := operationOf("response", "open-incident", "POST", "/incidents", "Make an incident of alerts, or of none")
	open.DefaultStatus = http.StatusCreated
	answers(r, api, write, open, func(ctx context.Context, s staff.Session, in *struct {
		Body struct {
			Title  string            `json:"title" minLength:"1" maxLength:"200"`
			Alerts []postern.AlertID `json:"alerts,omitempty" maxItems:"100"`
		}
	}) (Incident, error) {
		i, err := r.Response.OpenIncident(ctx, s, in.Body.Title, in.Body.Alerts...)
		return incidentOf(i), err
	})
	answers(r, api, read, operationOf("response", "get-incident", "GET", "/incidents/{id}", "An incident with its alerts, tasks, containments and timeline"), r.incidentFile)
	answers(r, api, read, operationOf("response", "list-member-sessions", "GET", "/staff/{id}/sessions", "A member's latest sessions, to end or to scope by"), r.memberSessions)
	r.incidentActs(api)
}

// Sentence is why.
type Sentence struct {
	Why string `json:"why" minLength:"1" maxLength:"500" doc:"For the record."`
}

// incidentActs are the acts that add a line to an incident's timeline.
func (r rooms) incidentActs(api huma.API) {
	write := staff.ScopeResponseWrite
	acts(r, api, write, operationOf("response", "note-on-incident", "POST", "/incidents/{id}/note", "Write a line into an incident's timeline"),
		func(ctx context.Context, s staff.Session, in *struct {
			OneIncident
			Body struct {
				Text string `json:"text" minLength:"1" maxLength:"4000"`
			}
		}) error {
			return r.Response.Note(ctx, s, in.ID, in.Body.Text)
		})
	acts(r, api, write, operationOf("response", "add-task", "POST", "/incidents/{id}/tasks", "Add a task"),
		func(ctx context.Context, s staff.Session, in *struct {
			OneIncident
			Body struct {
				Text string `json:"text" minLength:"1" maxLength:"500"`
			}
		}) error {
			return r.Response.AddTask(ctx, s, in.ID, in.Body.Text)
		})
	acts(r, api, write, operationOf("response", "set-task", "PUT", "/incidents/{id}/tasks/{number}", "Move a task to a state"),
		func(ctx context.Context, s staff.Session, in *struct {
			OneIncident
			Number int64 `path:"number" minimum:"1"`
			Body   struct {
				State string `json:"state" enum:"not-started,looked-at,done,not-needed"`
			}
		}) error {
			return r.Response.SetTask(ctx, s, in.ID, in.Number, in.Body.State)
		})
	acts(r, api, write, operationOf("response", "take-lead", "POST", "/incidents/{id}/lead", "Become an incident's lead"),
		func(ctx context.Context, s staff.Session, in *OneIncident) error {
			return r.Response.TakeLead(ctx, s, in.ID)
		})
	acts(r, api, write, operationOf("response", "set-cause", "PUT", "/incidents/{id}/cause", "Record what an incident's cause is taken to be"),
		func(ctx context.Context, s staff.Session, in *struct {
			OneIncident
			Body struct {
				Cause string `json:"cause" enum:"unknown,stolen,insider"`
				Sentence
			}
		}) error {
			return r.Response.SetCause(ctx, s, in.ID, in.Body.Cause, in.Body.Why)
		})
	acts(r, api, write, operationOf("response", "set-severity", "PUT", "/incidents/{id}/severity", "Correct how grave an incident is"),
		func(ctx context.Context, s staff.Session, in *struct {
			OneIncident
			Body struct {
				Severity string `json:"severity" enum:"low,medium,high"`
				Sentence
			}
		}) error {
			var to incident.Severity
			for _, one := range []incident.Severity{incident.Low, incident.Medium, incident.High} {
				if one.String() == in.Body.Severity {
					to = one
				}
			}
			return r.Response.SetSeverity(ctx, s, in.ID, to, in.Body.Why)
		})
	for _, a := range []struct {
		id, path, summary string
		do                func(context.Context, staff.Session, postern.IncidentID, string) error
	}{
		{"close-incident", "/incidents/{id}/close", "End an incident: its alerts are closed with it, containments stay in force", r.Response.Close},
		{"reopen-incident", "/incidents/{id}/reopen", "Take a closed incident up again", r.Response.Reopen},
	} {
		acts(r, api, write, operationOf("response", a.id, "POST", a.path, a.summary), func(ctx context.Context, s staff.Session, in *struct {
			OneIncident
			Body Sentence
		}) error {
			return a.do(ctx, s, in.ID, in.Body.Why)
		})
	}
}

func (r rooms) incidentFile(ctx context.Context, s staff.Session, in *OneIncident) (f IncidentFile, err error) {
	if err := reads(s); err != nil {
		return f, err
	}
	i, err := r.Response.Incident(ctx, in.ID)
	if err != nil {
		return f, err
	}
	f.Incident, f.Cause = incidentOf(i), i.Cause
	alerts, err := r.Response.Alerts(ctx, detect.AlertFilter{Incident: in.ID})
	if err != nil {
		return f, err
	}
	ended, err := r.Response.Containments(ctx, in.ID)
	if err != nil {
		return f, err
	}
	tasks, err := r.Response.Tasks(ctx, in.ID)
	if err != nil {
		return f, err
	}
	lines, err := r.Response.Timeline(ctx, in.ID)
	if err != nil {
		return f, err
	}
	f.Alerts = mapped(alerts, alertOf).Items
	f.Ended = mapped(ended, func(c incident.Containment) Ended {
		return Ended{Kind: c.Kind, Subject: c.Subject, Label: c.Label, Why: c.Why, By: c.ActorName, At: when(c.Ended), ID: c.Gate, Position: c.Position, Lifted: when(c.Lifted)}
	}).Items
	f.Tasks = mapped(tasks, func(t incident.Task) Task {
		return Task{Number: t.Number, Name: t.Name, Text: t.Text, State: t.State, Holder: t.Holder, At: when(t.At)}
	}).Items
	f.Timeline = mapped(lines, func(l incident.Line) Line {
		return Line{At: l.At, Kind: l.Kind, By: l.ActorName, Text: l.Text, Facts: l.Facts, Position: l.Position}
	}).Items
	return f, nil
}

// MemberSession is a session as the feeds tell of it.
type MemberSession struct {
	ID         postern.SessionID    `json:"id"`
	Credential postern.CredentialID `json:"credential"`
	Network    string               `json:"network"`
	Fresh      bool                 `json:"fresh" doc:"Used from a network that was new for its member."`
	Shown      int                  `json:"shown" doc:"Disclosures."`
	Last       time.Time            `json:"last"`
	Standing   string               `json:"standing" enum:"open,ended,lifted"`
}

func (r rooms) memberSessions(ctx context.Context, s staff.Session, in *struct {
	ID postern.StaffID `path:"id" maxLength:"32"`
}) (out list[MemberSession], err error) {
	if err := reads(s); err != nil {
		return out, err
	}
	all, err := r.Response.SessionsOf(ctx, in.ID)
	if err != nil {
		return out, err
	}
	standing, err := r.Response.Standing(ctx)
	if err != nil {
		return out, err
	}
	return mapped(all, func(m detect.MemberSession) MemberSession {
		return MemberSession{ID: m.ID, Credential: m.Credential, Network: m.Network, Fresh: m.Fresh, Shown: m.Shown, Last: m.Last, Standing: standing.Of(gate.KindSession, string(m.ID))}
	}), nil
}
