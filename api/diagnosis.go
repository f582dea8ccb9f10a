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

func (r rooms) diagnosisOperations(api huma.API) {
	tags := []string{"diagnosis"}
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
