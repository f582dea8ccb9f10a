package api

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/staff"
)

// Request is what was asked for, with the answer once there is one.
type Request struct {
	ID            postern.RequestID   `json:"id"`
	Case          postern.CaseID      `json:"case,omitempty"`
	Account       postern.AccountID   `json:"account"`
	Tier          string              `json:"tier" enum:"account,trace,envelope,content,attachment"`
	Messages      []postern.MessageID `json:"messages,omitempty"`
	Reason        string              `json:"reason"`
	Sentence      string              `json:"sentence"`
	Seconds       int                 `json:"seconds"`
	Staff         string              `json:"staff"`
	Organisation  string              `json:"organisation"`
	Asked         time.Time           `json:"asked"`
	Status        string              `json:"status" enum:"waiting,granted,refused,expired"`
	Answered      *time.Time          `json:"answered,omitempty"`
	AnsweredBy    string              `json:"answered_by,omitempty"`
	Answer        string              `json:"answer,omitempty"`
	Grant         postern.GrantID     `json:"grant,omitempty"`
	NeedsCustomer bool                `json:"needs_customer"`
	Once          bool                `json:"once,omitempty" doc:"Each message is shown once."`
	Emergency     bool                `json:"emergency,omitempty" doc:"Without the customer, who is told."`
	Approvers     int                 `json:"approvers" doc:"How many members of staff must agree where they may."`
	Agreements    []Agreement         `json:"agreements,omitempty" doc:"Of those who have agreed; the request is what they left of it."`
}

// Agreement is one member's yes to a request that needs several.
type Agreement struct {
	Staff     string              `json:"staff"`
	Responder bool                `json:"responder"`
	At        time.Time           `json:"at"`
	Tier      string              `json:"tier"`
	Messages  []postern.MessageID `json:"messages,omitempty"`
	Seconds   int                 `json:"seconds"`
	Once      bool                `json:"once,omitempty"`
}

func agreementsOf(all []gate.Agreement) []Agreement {
	return mapped(all, func(a gate.Agreement) Agreement {
		return Agreement{Staff: a.Name, Responder: a.Responder, At: a.At, Tier: a.Tier.String(), Messages: a.Messages, Seconds: int(a.For / time.Second), Once: a.Once}
	}).Items
}

func requestOf(q gate.Request) Request {
	return Request{Once: q.Once, Emergency: q.Emergency, Approvers: q.Approvers, Agreements: agreementsOf(q.Agreements), ID: q.ID, Case: q.Case, Account: q.Account, Tier: q.Tier.String(), Messages: q.Messages, Reason: q.Reason.String(), Sentence: q.Sentence,
		Seconds: int(q.For / time.Second), Staff: q.StaffName, Organisation: q.OrganisationName, Asked: q.Asked, Status: q.Status, Answered: when(q.Answered),
		AnsweredBy: q.AnsweredBy, Answer: q.Answer, Grant: q.Grant, NeedsCustomer: q.NeedsCustomer}
}

// Grant is a permission.
type Grant struct {
	ID        postern.GrantID     `json:"id"`
	Request   postern.RequestID   `json:"request,omitempty"`
	Case      postern.CaseID      `json:"case,omitempty"`
	Account   postern.AccountID   `json:"account"`
	Tier      string              `json:"tier"`
	Messages  []postern.MessageID `json:"messages,omitempty"`
	From      time.Time           `json:"from"`
	Until     time.Time           `json:"until"`
	Staff     string              `json:"staff"`
	AgreedBy  string              `json:"agreed_by"`
	Consented bool                `json:"consented"`
	Ended     *time.Time          `json:"ended,omitempty"`
	EndedWhy  string              `json:"ended_why,omitempty"`
	Once      bool                `json:"once,omitempty" doc:"Each message is shown once at the tier."`
	Emergency bool                `json:"emergency,omitempty"`
}

func grantOf(g gate.Grant) Grant {
	return Grant{ID: g.ID, Request: g.Request, Case: g.Case, Account: g.Account, Tier: g.Tier.String(), Messages: g.Messages, From: g.From, Until: g.Until,
		Staff: g.StaffName, AgreedBy: g.AgreedBy, Consented: g.Consented, Ended: when(g.Ended), EndedWhy: g.EndedWhy, Once: g.Once, Emergency: g.Emergency}
}

// Revealed is what one disclosure gives.
type Revealed struct {
	Disclosure postern.DisclosureID `json:"disclosure" doc:"Its record in the ledger, written before this was read."`
	Tier       string               `json:"tier"`
	Fields     []string             `json:"fields"`
	Account    *Account             `json:"account,omitempty"`
	Trace      []Event              `json:"trace,omitempty"`
	Mailboxes  []string             `json:"mailboxes,omitempty"`
	Messages   []Message            `json:"messages,omitempty" doc:"In the order of the request."`
}

// OneGrant names a grant in a path.
type OneGrant struct {
	ID postern.GrantID `path:"id" maxLength:"32"`
}

// OneRequest names a request in a path.
type OneRequest struct {
	ID postern.RequestID `path:"id" maxLength:"32"`
}

func (r rooms) gateOperations(api huma.API) {
	r.askOperations(api)
	tags := []string{"grants"}
	huma.Register(api, operation(huma.Operation{OperationID: "list-grants", Method: http.MethodGet, Path: "/api/v1/grants", Summary: "This token's grants, newest first", Tags: tags}, "gate:ask"),
		func(ctx context.Context, in *struct {
			Case postern.CaseID `query:"case" maxLength:"32"`
			Live bool           `query:"live"`
		}) (*reply[list[Grant]], error) {
			found, err := r.Gate.Grants(ctx, gate.GrantFilter{Session: session(ctx).ID, Case: in.Case, Live: in.Live})
			if err != nil {
				return nil, r.failed(ctx, err)
			}
			return &reply[list[Grant]]{mapped(found, grantOf)}, nil
		})
	answers(r, api, staff.ScopeGateAsk, operationOf("grants", "get-grant", "GET", "/grants/{id}", "A grant of this token's"),
		func(ctx context.Context, s staff.Session, in *OneGrant) (Grant, error) {
			g, err := r.Gate.Grant(ctx, in.ID)
			if err == nil && g.Session != s.ID {
				err = &postern.Error{Kind: postern.NotFound, Key: gate.RefusedNoGrant, Text: "this token has no such grant"}
			}
			if err != nil {
				return Grant{}, err
			}
			return grantOf(g), nil
		})
	huma.Register(api, operation(huma.Operation{OperationID: "close-grant", Method: http.MethodPost, Path: "/api/v1/grants/{id}/close", Summary: "End a grant of one's own before its time", Tags: tags, DefaultStatus: http.StatusNoContent}, "gate:ask"),
		func(ctx context.Context, in *OneGrant) (*struct{}, error) {
			if err := r.Gate.Close(ctx, session(ctx), in.ID); err != nil {
				return nil, r.failed(ctx, err)
			}
			return nil, nil
		})
	huma.Register(api, shows[Revealed](api, operation(huma.Operation{OperationID: "reveal", Method: http.MethodPost, Path: "/api/v1/grants/{id}/reveal", Tags: tags,
		Summary: "Show something under a grant", Description: "One disclosure: it is in the ledger before a byte is answered, and the customer reads it under Who looked."}, "gate:reveal")),
		func(ctx context.Context, in *struct {
			OneGrant
			Body struct {
				Tier     string              `json:"tier" enum:"account,trace,envelope,content,attachment"`
				Messages []postern.MessageID `json:"messages,omitempty" maxItems:"100"`
				Fields   []string            `json:"fields,omitempty" maxItems:"32" doc:"By name; left out, those that a page of this tier shows."`
			}
		}) (*huma.StreamResponse, error) {
			want := gate.Want{Grant: in.ID, Messages: in.Body.Messages}
			want.Tier, _ = postern.TierNamed(in.Body.Tier)
			for _, name := range in.Body.Fields {
				f, ok := fieldNamed(name)
				if !ok {
					return nil, r.failed(ctx, &postern.Error{Kind: postern.Invalid, Key: "gate.invalid.fields", Text: "there is no such field: use " + fieldNames()})
				}
				want.Fields |= f
			}
			d, err := r.Gate.Reveal(ctx, session(ctx), want)
			if err != nil {
				return nil, r.failed(ctx, err)
			}
			return r.deliver(d, Revealed{Disclosure: d.Disclosure, Tier: d.Tier.String(), Fields: d.Fields.Names(),
				Account: accountOf(d.Shown.Account), Trace: eventsOf(d.Shown.Trace), Mailboxes: d.Shown.Mailboxes, Messages: messagesOf(d.Shown.Messages)}), nil
		})
}

func fieldNamed(name string) (postern.Field, bool) {
	for bit := postern.Field(1); bit != 0; bit <<= 1 {
		if names := bit.Names(); len(names) == 1 && names[0] == name {
			return bit, true
		}
	}
	return 0, false
}

// shows adds the schema of what a streamed answer holds.
func shows[T any](api huma.API, o huma.Operation) huma.Operation {
	schema := api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[T](), true, "")
	o.Responses = map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{"application/json": {Schema: schema}}}}
	return o
}

// deliver answers with what was revealed, through the gate's writer: once the
// delivery is cut, not one more byte goes out.
func (r rooms) deliver(d *gate.Delivery, body any) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		defer d.Done()
		_, w := humago.Unwrap(ctx)
		if err := d.Alive(); err != nil {
			p := problem(err)
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(p.Status)
			if err := json.NewEncoder(w).Encode(p); err != nil {
				r.Log.Debug("a client went away", "err", err)
			}
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		if err := json.NewEncoder(d.Writer(w)).Encode(body); err != nil {
			r.Log.Debug("a delivery ended early", "err", err)
		}
	}}
}
