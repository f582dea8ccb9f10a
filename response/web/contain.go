package web

import (
	"slices"
	"strings"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/response/detect"
	"github.com/postern-mail/postern/response/incident"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/ui"
)

type containView struct {
	Action   string // where the form goes
	Incident *incident.Incident
	Path     string // of the incident
	Chosen   *chosenView
	Targets  []targetView // suggested by the alerts
	Members  []ui.Option
	Member   *memberView
	DeskHref string // all support power
}

// chosenView is one target with what ending it would end now.
type chosenView struct {
	target
	Thing string
	Reach gate.Reach
	Does  string // a sentence: what ending a thing of this kind means
}

type targetView struct {
	Thing, Href string
	Kind        string
	Reach       gate.Reach
}

// memberView is one member's access, for ending by hand.
type memberView struct {
	staff.Member
	OrganisationName string
	Credentials      []credentialView
	Sessions         []sessionView
	Devices          []deviceView
	OrganisationHref string
}

type credentialView struct {
	staff.Credential
	Href string
}

type deviceView struct {
	staff.Device
	Href string
}

type sessionView struct {
	detect.MemberSession
	Href, NetworkHref string
}

func (w *Web) containPage(q request) error {
	if err := requireResponder(q.by); err != nil {
		return err
	}
	v := containView{Action: "/contain"}
	desk := target{Kind: gate.KindDesk, Subject: staff.AllSupport}
	title := "contain.title"
	if id := q.PathValue("id"); id != "" {
		d, err := w.incidentData(q, postern.IncidentID(id))
		if err != nil {
			return err
		}
		v.Incident, v.Path, v.Action = &d.Incident, d.Path, d.Path+"/contain"
		for _, t := range d.Targets {
			reach, err := w.Response.Reach(q.Context(), q.by, gate.Target{Kind: t.Kind, Subject: t.Subject})
			if err != nil {
				return err
			}
			v.Targets = append(v.Targets, targetView{Thing: w.thing(q, t), Href: v.Action + t.query(), Kind: t.Kind, Reach: reach})
		}
	}
	v.DeskHref = v.Action + desk.query()
	form := q.URL.Query()
	if kind, subject := form.Get("kind"), strings.TrimSpace(form.Get("subject")); kind != "" {
		c, err := w.chosen(q, kind, subject)
		if err != nil {
			return err
		}
		v.Chosen, title = &c, "contain.confirm.title"
	} else if err := w.members(q, &v, postern.StaffID(form.Get("member"))); err != nil {
		return err
	}
	p := w.frame(q.Request, q.by, title)
	p.Data = v
	return w.show(q, "contain", p)
}

var kinds = []string{gate.KindCredential, gate.KindSession, gate.KindGrant, gate.KindNetwork, gate.KindOrganisation, gate.KindDevice, gate.KindDesk}

// chosen works out what ending one thing would end.
func (w *Web) chosen(q request, kind, subject string) (c chosenView, err error) {
	if !slices.Contains(kinds, kind) {
		return c, &postern.Error{Kind: postern.Invalid, Key: "gate.invalid.target-kind", Text: "no such kind"}
	}
	c.Kind, c.Subject = kind, subject
	if c.Reach, err = w.Response.Reach(q.Context(), q.by, gate.Target{Kind: kind, Subject: subject}); err != nil {
		return c, err
	}
	if c.Label, err = w.Response.Label(q.Context(), gate.Target{Kind: kind, Subject: subject}); err != nil {
		return c, err
	}
	c.Thing = w.thing(q, c.target)
	return c, nil
}

func (w *Web) thing(q request, t target) string {
	return thing(w.ui.Words(), w.ui.Lang(q.Request), t.Kind, t.Subject, t.Label)
}

// members fills in the form that finds a member, and the one that was found.
func (w *Web) members(q request, v *containView, id postern.StaffID) error {
	all, err := w.Staff.Members(q.Context())
	if err != nil {
		return err
	}
	for _, m := range all {
		v.Members = append(v.Members, ui.Option{Value: string(m.ID), Text: m.Name + " (" + m.Login + ")", Selected: m.ID == id})
	}
	if id == "" {
		return nil
	}
	m, err := w.Staff.ByID(q.Context(), id)
	if err != nil {
		return err
	}
	v.Member = &memberView{Member: m, OrganisationHref: v.Action + target{Kind: gate.KindOrganisation, Subject: string(m.Organisation)}.query()}
	organisations, err := w.Staff.Organisations(q.Context())
	if err != nil {
		return err
	}
	for _, o := range organisations {
		if o.ID == m.Organisation {
			v.Member.OrganisationName = o.Name
		}
	}
	credentials, err := w.Staff.CredentialsOf(q.Context(), id)
	if err != nil {
		return err
	}
	for _, c := range credentials {
		v.Member.Credentials = append(v.Member.Credentials, credentialView{c, v.Action + target{Kind: gate.KindCredential, Subject: string(c.ID)}.query()})
	}
	devices, err := w.Staff.DevicesOf(q.Context(), id)
	if err != nil {
		return err
	}
	for _, d := range devices {
		v.Member.Devices = append(v.Member.Devices, deviceView{d, v.Action + target{Kind: gate.KindDevice, Subject: d.Thumbprint}.query()})
	}
	sessions, err := w.Response.SessionsOf(q.Context(), id)
	if err != nil {
		return err
	}
	for _, s := range sessions {
		one := sessionView{MemberSession: s, Href: v.Action + target{Kind: gate.KindSession, Subject: string(s.ID)}.query()}
		if s.Network != "" {
			one.NetworkHref = v.Action + target{Kind: gate.KindNetwork, Subject: s.Network}.query()
		}
		v.Member.Sessions = append(v.Member.Sessions, one)
	}
	return nil
}

func (w *Web) contain(q request) error {
	id := postern.IncidentID(q.PathValue("id"))
	t := gate.Target{Kind: q.PostFormValue("kind"), Subject: strings.TrimSpace(q.PostFormValue("subject")), Why: q.PostFormValue("why")}
	if _, err := w.Response.Contain(q.Context(), q.by, id, t); err != nil {
		return err
	}
	if id == "" {
		return w.did(q, "/containments", "contained")
	}
	return w.did(q, incidentPath(id), "contained")
}

type containmentsView struct {
	All       []containmentView
	Responder bool
}

type containmentView struct {
	gate.Containment
	Thing    string
	CanLift  bool // what ended for good cannot be undone: a session, a grant
	Waiting  bool // somebody asked to lift it, and a second person has to agree
	Asked    bool // that was the reader
	Incident string
	Number   int64
}

// containments lists the gate's, so that those of the command line and of other
// responders are there too.
func (w *Web) containments(q request) error {
	all, err := w.Gate.Containments(q.Context())
	if err != nil {
		return err
	}
	ours, err := w.Response.Containments(q.Context(), "")
	if err != nil {
		return err
	}
	incidents, err := w.Response.Incidents(q.Context())
	if err != nil {
		return err
	}
	v := containmentsView{Responder: responder(q.by)}
	for _, c := range all {
		one := containmentView{Containment: c, CanLift: c.LiftedAt.IsZero() && c.Kind != gate.KindSession && c.Kind != gate.KindGrant}
		one.Waiting, one.Asked = one.CanLift && c.LiftAskedBy != "", c.LiftAskedBy == string(q.by.Staff)
		label := ""
		for _, o := range ours {
			if o.Gate != c.ID {
				continue
			}
			label = o.Label
			for _, in := range incidents {
				if in.ID == o.Incident {
					one.Incident, one.Number = incidentPath(in.ID), in.Number
				}
			}
		}
		one.Thing = w.thing(q, target{Kind: c.Kind, Subject: c.Subject, Label: label})
		v.All = append(v.All, one)
	}
	p := w.frame(q.Request, q.by, "containments.title")
	p.Data = v
	return w.show(q, "containments", p)
}

func (w *Web) lift(q request) error {
	lifted, err := w.Response.Lift(q.Context(), q.by, postern.ContainmentID(q.PathValue("id")), q.PostFormValue("why"))
	if err != nil {
		return err
	}
	if !lifted {
		return w.did(q, "/containments", "lift-asked")
	}
	return w.did(q, "/containments", "lifted")
}

func requireResponder(s staff.Session) error {
	if !responder(s) {
		return errRole
	}
	return nil
}
