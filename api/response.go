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

// Alert is a rule that fired about one member of staff.
type Alert struct {
	ID         postern.AlertID      `json:"id"`
	Rule       string               `json:"rule"`
	Severity   string               `json:"severity"`
	Status     string               `json:"status"`
	At         time.Time            `json:"at"`
	First      time.Time            `json:"first"`
	Last       time.Time            `json:"last"`
	Count      int                  `json:"count" doc:"Acts it rests on."`
	Staff      postern.StaffID      `json:"staff,omitempty"`
	StaffName  string               `json:"staff_name,omitempty"`
	Credential postern.CredentialID `json:"credential,omitempty"`
	Sessions   []postern.SessionID  `json:"sessions,omitempty"`
	Network    string               `json:"network,omitempty"`
	Figures    map[string]int       `json:"figures,omitempty" doc:"What the rule counted, and its limit."`
	Incident   postern.IncidentID   `json:"incident,omitempty"`
}

func alertOf(a detect.Alert) Alert {
	return Alert{ID: a.ID, Rule: a.Rule, Severity: a.Severity.String(), Status: a.Status, At: a.At, First: a.First, Last: a.Last, Count: a.Count,
		Staff: a.Staff, StaffName: a.StaffName, Credential: a.Credential, Sessions: a.Sessions, Network: a.Network, Figures: a.Figures, Incident: a.Incident}
}

// Incident is one breach, from the first alert to its end.
type Incident struct {
	ID        postern.IncidentID `json:"id"`
	Number    int64              `json:"number"`
	Title     string             `json:"title"`
	State     string             `json:"state"`
	Severity  string             `json:"severity"`
	Lead      string             `json:"lead,omitempty"`
	Opened    time.Time          `json:"opened"`
	Aware     time.Time          `json:"aware" doc:"The clocks of GDPR Art. 33 and NIS2 Art. 23 run from here."`
	Contained *time.Time         `json:"contained,omitempty"`
	Scoped    *time.Time         `json:"scoped,omitempty"`
	Notified  *time.Time         `json:"notified,omitempty"`
	Closed    *time.Time         `json:"closed,omitempty"`
}

func incidentOf(i incident.Incident) Incident {
	return Incident{ID: i.ID, Number: i.Number, Title: i.Title, State: i.State, Severity: i.Severity.String(), Lead: i.LeadName, Opened: i.Opened, Aware: i.Aware,
		Contained: when(i.Contained), Scoped: when(i.Scoped), Notified: when(i.Notified), Closed: when(i.Closed)}
}

// Containment is one ending of access.
type Containment struct {
	ID       postern.ContainmentID `json:"id"`
	Kind     string                `json:"kind"`
	Subject  string                `json:"subject"`
	Why      string                `json:"why"`
	By       string                `json:"by"`
	At       time.Time             `json:"at"`
	Position int64                 `json:"position" doc:"Its index in the log: no disclosure of what it ended stands at or after it; -1 until it is sequenced."`
	Sessions int                   `json:"sessions"`
	Grants   int                   `json:"grants"`
	Micros   int64                 `json:"micros" doc:"How long until nothing of it was on its way to anybody."`
	Lifted   *time.Time            `json:"lifted,omitempty"`
}

func containmentOf(c gate.Containment) Containment {
	return Containment{ID: c.ID, Kind: c.Kind, Subject: c.Subject, Why: c.Why, By: c.ByName, At: c.At, Position: c.Position,
		Sessions: max(c.SessionsN, len(c.Sessions)), Grants: c.Grants, Micros: c.Took.Microseconds(), Lifted: when(c.LiftedAt)}
}

// Reach is what a containment would end now.
type Reach struct {
	Sessions int `json:"sessions"`
	Members  int `json:"members"`
	Grants   int `json:"grants"`
}

// Target is what to end.
type Target struct {
	Kind    string `json:"kind" enum:"credential,session,device,grant,network,organisation,desk"`
	Subject string `json:"subject" minLength:"1" maxLength:"64" doc:"Its id; a network as 203.0.113.0/24."`
	Why     string `json:"why" minLength:"1" maxLength:"500" doc:"For the record."`
}

func (t Target) of() gate.Target { return gate.Target{Kind: t.Kind, Subject: t.Subject, Why: t.Why} }

// responds says whether a session may see and do what the response centre does.
func responds(s staff.Session) error {
	if !s.Is(staff.Responder) {
		return &postern.Error{Kind: postern.Denied, Key: gate.RefusedNotResponder, Text: "this token's member is not a responder"}
	}
	return nil
}

func (r rooms) responseOperations(api huma.API) {
	tags := []string{"response"}
	huma.Register(api, operation(huma.Operation{OperationID: "list-alerts", Method: http.MethodGet, Path: "/api/v1/alerts", Summary: "Alerts, newest first", Tags: tags}, "response:read"),
		func(ctx context.Context, in *struct {
			Status string `query:"status" maxLength:"20"`
			Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"50"`
		}) (*reply[list[Alert]], error) {
			if err := reads(session(ctx)); err != nil {
				return nil, r.failed(ctx, err)
			}
			found, err := r.Response.Alerts(ctx, detect.AlertFilter{Status: in.Status, Limit: in.Limit})
			if err != nil {
				return nil, r.failed(ctx, err)
			}
			return &reply[list[Alert]]{mapped(found, alertOf)}, nil
		})
	huma.Register(api, operation(huma.Operation{OperationID: "list-incidents", Method: http.MethodGet, Path: "/api/v1/incidents", Summary: "Incidents, newest first", Tags: tags}, "response:read"),
		func(ctx context.Context, _ *struct{}) (*reply[list[Incident]], error) {
			if err := reads(session(ctx)); err != nil {
				return nil, r.failed(ctx, err)
			}
			found, err := r.Response.Incidents(ctx)
			if err != nil {
				return nil, r.failed(ctx, err)
			}
			return &reply[list[Incident]]{mapped(found, incidentOf)}, nil
		})
	huma.Register(api, operation(huma.Operation{OperationID: "list-containments", Method: http.MethodGet, Path: "/api/v1/containments", Summary: "Every ending of access, newest first", Tags: tags}, "response:read"),
		func(ctx context.Context, _ *struct{}) (*reply[list[Containment]], error) {
			if err := reads(session(ctx)); err != nil {
				return nil, r.failed(ctx, err)
			}
			found, err := r.Gate.Containments(ctx)
			if err != nil {
				return nil, r.failed(ctx, err)
			}
			return &reply[list[Containment]]{mapped(found, containmentOf)}, nil
		})
	huma.Register(api, operation(huma.Operation{OperationID: "preview-containment", Method: http.MethodPost, Path: "/api/v1/containments/preview", Summary: "What a containment would end now", Tags: tags}, "response:contain"),
		func(ctx context.Context, in *struct{ Body Target }) (*reply[Reach], error) {
			reach, err := r.Response.Reach(ctx, session(ctx), in.Body.of())
			if err != nil {
				return nil, r.failed(ctx, err)
			}
			return &reply[Reach]{Reach{Sessions: reach.Sessions, Members: reach.Members, Grants: reach.Grants}}, nil
		})
	huma.Register(api, operation(huma.Operation{OperationID: "contain", Method: http.MethodPost, Path: "/api/v1/containments", Summary: "End access", Tags: tags, DefaultStatus: http.StatusCreated,
		Description: "Answers when nothing of what it ended is on its way to anybody. With an incident it stands in that incident's timeline."}, "response:contain"),
		func(ctx context.Context, in *struct {
			Body struct {
				Target
				Incident postern.IncidentID `json:"incident,omitempty" maxLength:"32"`
			}
		}) (*reply[Containment], error) {
			s := session(ctx)
			if err := responds(s); err != nil {
				return nil, r.failed(ctx, err)
			}
			c, err := r.Response.Contain(ctx, s, in.Body.Incident, in.Body.of())
			if err != nil {
				return nil, r.failed(ctx, err)
			}
			return &reply[Containment]{containmentOf(c)}, nil
		})
	huma.Register(api, operation(huma.Operation{OperationID: "lift-containment", Method: http.MethodPost, Path: "/api/v1/containments/{id}/lift", Summary: "Let a credential, device, network or organisation in again", Tags: tags,
		Description: "Sessions and grants that ended stay ended: people sign in and ask again. All support power (kind desk) takes two people: the first one's answer says lifted: false."}, "response:contain"),
		func(ctx context.Context, in *struct {
			ID   postern.ContainmentID `path:"id" maxLength:"32"`
			Body struct {
				Why string `json:"why" minLength:"1" maxLength:"500"`
			}
		}) (*reply[Lifted], error) {
			lifted, err := r.Response.Lift(ctx, session(ctx), in.ID, in.Body.Why)
			if err != nil {
				return nil, r.failed(ctx, err)
			}
			return &reply[Lifted]{Lifted{lifted}}, nil
		})
}

// Lifted says whether a containment is lifted, or waits for a second person.
type Lifted struct {
	Lifted bool `json:"lifted"`
}
