package web

import (
	"slices"
	"strconv"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/response"
	"github.com/postern-mail/postern/response/detect"
	"github.com/postern-mail/postern/response/incident"
	"github.com/postern-mail/postern/response/notify"
	"github.com/postern-mail/postern/response/scope"
	"github.com/postern-mail/postern/ui"
)

type incidentView struct {
	incident.Incident
	Path      string
	Responder bool
	Mine      bool // the reader leads it
	Early     time.Time
	Authority time.Time
	Now       nowView
	Targets   []target // what its alerts point at and is not ended
	Alerts    []alertWords
	Ended     []incident.Containment
	Timeline  []ui.Moment
	Tasks     []incident.Task
	TasksLeft int
	Scope     *scopeView
	Batch     *notify.Batch
	Approves  bool // the reader may answer the draft
}

// nowView is what a tired person reads first: what is true, what is next, who
// has it.
type nowView struct {
	Kind  string  // "danger", "warn", "info", "ok": how grave
	True  string  // a key
	Next  string  // a key "task.…" or a text
	Href  string  // where that is done
	First *target // what is still open
}

// target is something that can be ended.
type target struct {
	Kind, Subject string
	Label         string // whose
	Standing      string // response.AccessOpen, …
}

// query is how a target travels.
func (t target) query() string { return "?" + queryOf("kind", t.Kind, "subject", t.Subject) }

func (w *Web) incident(q request) error {
	v, err := w.incidentData(q, postern.IncidentID(q.PathValue("id")))
	if err != nil {
		return err
	}
	p := w.frame(q.Request, q.by, w.say(q, "incident.title", "number", v.Number))
	p.Data, p.Wide = v, true
	return w.show(q, "incident", p)
}

func (w *Web) incidentData(q request, id postern.IncidentID) (v incidentView, err error) {
	ctx := q.Context()
	if v.Incident, err = w.Response.Incident(ctx, id); err != nil {
		return v, err
	}
	v.Path, v.Responder, v.Mine = incidentPath(id), responder(q.by), v.Lead == q.by.Staff
	v.Early, v.Authority = v.Aware.Add(incident.EarlyWarning), v.Aware.Add(incident.Notification)
	alerts, err := w.Response.Alerts(ctx, detect.AlertFilter{Incident: id})
	if err != nil {
		return v, err
	}
	v.Alerts = w.words(q, alerts)
	if v.Ended, err = w.Response.Containments(ctx, id); err != nil {
		return v, err
	}
	if v.Tasks, err = w.Response.Tasks(ctx, id); err != nil {
		return v, err
	}
	lines, err := w.Response.Timeline(ctx, id)
	if err != nil {
		return v, err
	}
	for i := len(lines) - 1; i >= 0; i-- { // the latest first: that is what the next shift asks for
		v.Timeline = append(v.Timeline, w.moment(w.ui.Lang(q.Request), v.Path, lines[i]))
	}
	sc, err := w.Response.SavedScope(ctx, id, 0, scope.ExposureFilter{Limit: 1})
	switch {
	case err == nil:
		v.Scope = scopeViewOf(sc, v.Path)
	case postern.KindOf(err) != postern.NotFound:
		return v, err
	}
	b, err := w.Response.Batch(ctx, id)
	switch {
	case err == nil:
		v.Batch = &b
		v.Approves = b.Drafter != q.by.Staff && (b.State == notify.BatchDraft || b.State == notify.BatchSubmitted)
	case postern.KindOf(err) != postern.NotFound:
		return v, err
	}
	standing, err := w.Response.Standing(ctx)
	if err != nil {
		return v, err
	}
	v.Targets = targetsOf(alerts, standing)
	v.complete()
	return v, nil
}

// targetsOf lists what the alerts point at and is not ended: each credential
// first, because a thief signs in again.
func targetsOf(alerts []detect.Alert, standing response.Standing) (targets []target) {
	seen := map[[2]string]bool{}
	add := func(t target) {
		t.Standing = standing.Of(t.Kind, t.Subject)
		if key := [2]string{t.Kind, t.Subject}; t.Subject != "" && t.Standing != response.AccessEnded && !seen[key] {
			seen[key] = true
			targets = append(targets, t)
		}
	}
	for _, a := range alerts {
		add(target{Kind: gate.KindCredential, Subject: string(a.Credential), Label: a.StaffName})
	}
	for _, a := range alerts {
		if namesNetwork[a.Rule] {
			add(target{Kind: gate.KindNetwork, Subject: a.Network, Label: a.Network})
		}
	}
	return targets
}

// namesNetwork are the rules that speak of a network that is not the member's.
var namesNetwork = map[string]bool{"new-network": true, "new-network-then-mass": true, "new-network-then-token": true, "shared-network": true, "token-new-network": true,
	"stolen-cookie": true, "spraying": true}

// complete works out what is true, what is next, and how grave that is.
func (v *incidentView) complete() {
	n := &v.Now
	allEnded := len(v.Alerts) > 0 && !slices.ContainsFunc(v.Targets, func(t target) bool { return t.Kind == gate.KindCredential })
	for _, t := range v.Tasks {
		if t.State != incident.TaskNotStarted && t.State != incident.TaskLookedAt {
			continue
		}
		v.TasksLeft++
		if n.Next == "" && !(t.Name == "contain" && allEnded) {
			n.Next, n.Href = "task."+t.Name, v.Path+taskHref[t.Name]
			if t.Name == "" {
				n.Next = t.Text
			}
		}
	}
	var open, lifted *target
	for i, t := range v.Targets {
		switch {
		case t.Kind != gate.KindCredential:
		case t.Standing == response.AccessLifted && lifted == nil:
			lifted = &v.Targets[i]
		case t.Standing == response.AccessOpen && open == nil:
			open = &v.Targets[i]
		}
	}
	inForce := slices.ContainsFunc(v.Ended, func(c incident.Containment) bool { return c.Gate != "" && c.Lifted.IsZero() })
	switch {
	case v.State == incident.StateClosed:
		n.Kind, n.True, n.Next = "ok", "now.closed", ""
	case open != nil:
		n.Kind, n.True, n.First = "danger", "now.open", open
		n.Next, n.Href = "task.contain", v.Path+"/contain"+open.query()
	case lifted != nil:
		n.Kind, n.True = "warn", "now.lifted"
	case inForce || len(v.Alerts) > 0:
		n.Kind, n.True = "info", "now.contained"
	default:
		n.Kind, n.True = "warn", "now.unknown"
	}
}

// taskHref is where the work of a planned task is done.
var taskHref = map[string]string{"contain": "/contain", "scope": "/scope", "notices": "/notices", "restore": "#ended", "call": "#tasks", "other-ways": "/contain",
	"authority": "#tasks", "learn": "#tasks", "": "#tasks"}

func (w *Web) onIncident(q request, what string, f func(id postern.IncidentID) error) error {
	id := postern.IncidentID(q.PathValue("id"))
	if err := f(id); err != nil {
		return err
	}
	return w.did(q, incidentPath(id), what)
}

func (w *Web) note(q request) error {
	return w.onIncident(q, "noted", func(id postern.IncidentID) error {
		return w.Response.Note(q.Context(), q.by, id, q.PostFormValue("text"))
	})
}

func (w *Web) addTask(q request) error {
	return w.onIncident(q, "task", func(id postern.IncidentID) error {
		return w.Response.AddTask(q.Context(), q.by, id, q.PostFormValue("text"))
	})
}

func (w *Web) setTask(q request) error {
	return w.onIncident(q, "task", func(id postern.IncidentID) error {
		n, err := strconv.ParseInt(q.PathValue("n"), 10, 64)
		if err != nil {
			return errNothing
		}
		return w.Response.SetTask(q.Context(), q.by, id, n, q.PostFormValue("state"))
	})
}

func (w *Web) takeLead(q request) error {
	return w.onIncident(q, "lead", func(id postern.IncidentID) error { return w.Response.TakeLead(q.Context(), q.by, id) })
}

func (w *Web) setCause(q request) error {
	return w.onIncident(q, "cause", func(id postern.IncidentID) error {
		return w.Response.SetCause(q.Context(), q.by, id, q.PostFormValue("cause"), q.PostFormValue("why"))
	})
}

func (w *Web) setSeverity(q request) error {
	return w.onIncident(q, "severity", func(id postern.IncidentID) error {
		var s incident.Severity
		for _, one := range []incident.Severity{incident.Low, incident.Medium, incident.High} {
			if one.String() == q.PostFormValue("severity") {
				s = one
			}
		}
		return w.Response.SetSeverity(q.Context(), q.by, id, s, q.PostFormValue("why"))
	})
}

func (w *Web) close(q request) error {
	return w.onIncident(q, "closed", func(id postern.IncidentID) error {
		return w.Response.Close(q.Context(), q.by, id, q.PostFormValue("why"))
	})
}

func (w *Web) reopen(q request) error {
	return w.onIncident(q, "reopened", func(id postern.IncidentID) error {
		return w.Response.Reopen(q.Context(), q.by, id, q.PostFormValue("why"))
	})
}
