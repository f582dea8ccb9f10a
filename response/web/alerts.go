package web

import (
	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/response/detect"
	"github.com/postern-mail/postern/response/incident"
	"github.com/postern-mail/postern/ui"
)

type alertsView struct {
	Status    string
	Tabs      []ui.NavItem
	Alerts    []alertWords
	Incidents []incident.Incident // that are not closed
	Responder bool
	Title     string // of an incident made of the ticked alerts
}

func (w *Web) alerts(q request) error {
	v := alertsView{Status: q.URL.Query().Get("status"), Responder: responder(q.by)}
	if v.Status == "" {
		v.Status = detect.AlertOpen
	}
	for _, status := range []string{detect.AlertOpen, detect.AlertIncident, detect.AlertDismissed, detect.AlertClosed} {
		href := "/alerts?status=" + status
		if status == detect.AlertOpen {
			href = "/alerts"
		}
		v.Tabs = append(v.Tabs, ui.NavItem{Text: "alert.status." + status, Href: href, Current: v.Status == status})
	}
	alerts, err := w.Response.Alerts(q.Context(), detect.AlertFilter{Status: v.Status})
	if err != nil {
		return err
	}
	v.Alerts = w.words(q, alerts)
	all, err := w.Response.Incidents(q.Context())
	if err != nil {
		return err
	}
	for _, in := range all {
		if in.State != incident.StateClosed {
			v.Incidents = append(v.Incidents, in)
		}
	}
	p := w.frame(q.Request, q.by, "alerts.title")
	p.Data = v
	return w.show(q, "alerts", p)
}

type alertView struct {
	alertWords
	Responder bool
	Number    int64 // of its incident
}

func (w *Web) alert(q request) error {
	a, err := w.Response.Alert(q.Context(), postern.AlertID(q.PathValue("id")))
	if err != nil {
		return err
	}
	v := alertView{alertWords: wordsOf(w.ui.Words(), w.ui.Lang(q.Request), a), Responder: responder(q.by)}
	if a.Incident != "" {
		in, err := w.Response.Incident(q.Context(), a.Incident)
		if err != nil {
			return err
		}
		v.Number = in.Number
	}
	p := w.frame(q.Request, q.by, v.What)
	p.Data = v
	return w.show(q, "alert", p)
}

func (w *Web) dismiss(q request) error {
	id := postern.AlertID(q.PathValue("id"))
	if err := w.Response.Dismiss(q.Context(), q.by, id, q.PostFormValue("why")); err != nil {
		return err
	}
	return w.did(q, "/alerts", "dismissed")
}

type incidentsView struct {
	Incidents []incident.Incident
	Responder bool
}

func (w *Web) incidents(q request) error {
	all, err := w.Response.Incidents(q.Context())
	if err != nil {
		return err
	}
	p := w.frame(q.Request, q.by, "incidents.title")
	p.Data = incidentsView{all, responder(q.by)}
	return w.show(q, "incidents", p)
}

func (w *Web) openIncident(q request) error {
	if err := q.ParseForm(); err != nil {
		return err
	}
	var alerts []postern.AlertID
	for _, id := range q.PostForm["alert"] {
		alerts = append(alerts, postern.AlertID(id))
	}
	in, err := w.Response.OpenIncident(q.Context(), q.by, q.PostFormValue("title"), alerts...)
	if err != nil {
		return err
	}
	return w.did(q, incidentPath(in.ID), "opened")
}

func incidentPath(id postern.IncidentID) string { return "/incidents/" + string(id) }
