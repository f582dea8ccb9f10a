package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/desk"
)

// Finding is one sentence of a diagnosis, by its key.
type Finding struct {
	Key      string `json:"key" example:"desk.finding.quota-full"`
	Args     []any  `json:"args,omitempty"`
	Severity string `json:"severity" enum:"good,note,warning,problem"`
}

func findingOf(f desk.Finding) Finding {
	return Finding{Key: f.Key, Args: f.Args, Severity: string(f.Severity)}
}

// Diagnosis is what the tier account shows.
type Diagnosis struct {
	Disclosure postern.DisclosureID `json:"disclosure" doc:"Its record in the ledger."`
	Account    *Account             `json:"account"`
	Findings   []Finding            `json:"findings"`
}

// Tracing is what the tier trace shows.
type Tracing struct {
	Disclosure postern.DisclosureID `json:"disclosure"`
	Query      string               `json:"query" doc:"As it was understood."`
	Events     []Event              `json:"events"`
	Findings   []Finding            `json:"findings"`
}

// Checklist is a complaint with its checks answered.
type Checklist struct {
	Disclosure postern.DisclosureID `json:"disclosure"`
	Complaint  string               `json:"complaint"`
	Checks     []Checked            `json:"checks"`
	Replies    []string             `json:"replies" doc:"Keys of suggested answers."`
}

// Checked is the answer of one check.
type Checked struct {
	Key      string    `json:"key" example:"desk.check.quota"`
	State    string    `json:"state" enum:"ok,problem,unknown"`
	Evidence []Finding `json:"evidence"`
}

func (r rooms) diagnosisOperations(api huma.API) {
	tags := []string{"diagnosis"}
	huma.Register(api, shows[Checklist](api, operation(huma.Operation{OperationID: "check", Method: http.MethodPost, Path: "/api/v1/cases/{id}/checklist", Tags: tags,
		Summary: "Answer a complaint's checks", Description: "One disclosure at the tier account, or where the customer named something at the tier trace."}, "account:read")),
		func(ctx context.Context, in *struct {
			OneCase
			Body struct {
				Complaint string `json:"complaint" enum:"not-arriving,others-junk,cannot-sign-in,phone-asks,mailbox-full,came-back,somebody-else,vanished,too-much-spam,codes-late"`
				Name      string `json:"name,omitempty" maxLength:"300" doc:"Whom or what the customer named."`
			}
		}) (*huma.StreamResponse, error) {
			c, err := r.Desk.Check(ctx, session(ctx), in.ID, in.Body.Complaint, in.Body.Name)
			if err != nil {
				return nil, r.failed(ctx, err)
			}
			return r.deliver(c.Delivery, Checklist{Disclosure: c.Delivery.Disclosure, Complaint: c.Complaint.ID, Replies: c.Replies,
				Checks: mapped(c.Checks, func(k desk.Checked) Checked {
					return Checked{Key: k.Key, State: string(k.State), Evidence: mapped(k.Evidence, findingOf).Items}
				}).Items}), nil
		})
	huma.Register(api, shows[Diagnosis](api, operation(huma.Operation{OperationID: "diagnose", Method: http.MethodPost, Path: "/api/v1/cases/{id}/diagnosis", Tags: tags,
		Summary: "Look at the account, without a look at any message", Description: "A disclosure at the tier account, in the ledger before it is answered."}, "account:read")),
		func(ctx context.Context, in *OneCase) (*huma.StreamResponse, error) {
			d, err := r.Desk.Diagnose(ctx, session(ctx), in.ID)
			if err != nil {
				return nil, r.failed(ctx, err)
			}
			return r.deliver(d.Delivery, Diagnosis{Disclosure: d.Delivery.Disclosure, Account: accountOf(d.Account), Findings: mapped(d.Findings, findingOf).Items}), nil
		})
	huma.Register(api, shows[Tracing](api, operation(huma.Operation{OperationID: "trace", Method: http.MethodPost, Path: "/api/v1/cases/{id}/trace", Tags: tags,
		Summary: "What became of a message, or of a sender's mail", Description: "A disclosure at the tier trace. No subject, no content."}, "account:read")),
		func(ctx context.Context, in *struct {
			OneCase
			Body struct {
				Query string `json:"query" minLength:"1" maxLength:"300" doc:"A sender's address or domain, or a Message-ID."`
			}
		}) (*huma.StreamResponse, error) {
			t, err := r.Desk.Trace(ctx, session(ctx), in.ID, in.Body.Query)
			if err != nil {
				return nil, r.failed(ctx, err)
			}
			return r.deliver(t.Delivery, Tracing{Disclosure: t.Delivery.Disclosure, Query: t.Query, Events: eventsOf(t.Events), Findings: mapped(t.Findings, findingOf).Items}), nil
		})
}
