package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/staff"
)

func (r rooms) askOperations(api huma.API) {
	tags := []string{"requests"}
	huma.Register(api, operation(huma.Operation{OperationID: "ask", Method: http.MethodPost, Path: "/api/v1/requests", Summary: "Ask for a grant", Tags: tags, DefaultStatus: http.StatusCreated,
		Description: "Granted at once where the policy is content with a case or the customer offered exactly this; else it waits for the customer or an approver."}, "gate:ask"),
		func(ctx context.Context, in *struct {
			Body struct {
				Case      postern.CaseID      `json:"case,omitempty" maxLength:"32"`
				Account   postern.AccountID   `json:"account,omitempty" maxLength:"32"`
				Address   string              `json:"address,omitempty" maxLength:"254" doc:"In place of account, for emergency access."`
				Tier      string              `json:"tier" enum:"account,trace,envelope,content,attachment"`
				Messages  []postern.MessageID `json:"messages,omitempty" maxItems:"100"`
				Mailbox   string              `json:"mailbox,omitempty" maxLength:"255"`
				Query     string              `json:"query,omitempty" maxLength:"300" doc:"from:bank.example, id:<x@y>"`
				Since     time.Time           `json:"since,omitempty"`
				Until     time.Time           `json:"until,omitempty"`
				Reason    string              `json:"reason" enum:"customer-support,provider-service,provider-review,third-party-legal-request,production-alert"`
				Sentence  string              `json:"sentence" minLength:"1" maxLength:"500" doc:"To the customer."`
				Seconds   int                 `json:"seconds,omitempty" minimum:"0" maximum:"43200"`
				Once      bool                `json:"once,omitempty" doc:"Each message is shown once."`
				Emergency bool                `json:"emergency,omitempty" doc:"Without the customer, for no everyday reason: two approvers of whom one is a responder, and the customer is told."`
			}
		}) (*reply[Request], error) {
			b := in.Body
			tier, _ := postern.TierNamed(b.Tier)
			reason, _ := postern.ReasonNamed(b.Reason)
			if b.Address != "" && b.Account == "" && b.Emergency {
				if err := mayUrge(session(ctx)); err != nil {
					return nil, r.failed(ctx, err)
				}
				who, err := r.Customer(ctx, b.Address)
				if err != nil {
					return nil, r.failed(ctx, err)
				}
				b.Account = who.Account
			}
			if b.Account == "" {
				return nil, r.failed(ctx, &postern.Error{Kind: postern.Invalid, Key: "api.invalid.account", Text: "say which account, by its id"})
			}
			q, err := r.Gate.Ask(ctx, session(ctx), gate.Ask{Case: b.Case, Account: b.Account, Once: b.Once, Emergency: b.Emergency, Tier: tier, Reason: reason, Sentence: b.Sentence, For: time.Duration(b.Seconds) * time.Second,
				Scope: postern.Scope{Messages: b.Messages, Mailbox: b.Mailbox, Query: b.Query, Since: b.Since, Until: b.Until}})
			if err != nil {
				return nil, r.failed(ctx, err)
			}
			return &reply[Request]{requestOf(q)}, nil
		})
	huma.Register(api, operation(huma.Operation{OperationID: "list-requests", Method: http.MethodGet, Path: "/api/v1/requests", Summary: "Requests of this token's member, newest first", Tags: tags}, "gate:ask"),
		func(ctx context.Context, in *struct {
			Case   postern.CaseID `query:"case" maxLength:"32"`
			Status string         `query:"status" enum:"waiting,granted,refused,expired"`
		}) (*reply[list[Request]], error) {
			found, err := r.Gate.Requests(ctx, gate.RequestFilter{Staff: session(ctx).Staff, Case: in.Case, Status: in.Status})
			if err != nil {
				return nil, r.failed(ctx, err)
			}
			return &reply[list[Request]]{mapped(found, requestOf)}, nil
		})
	answers(r, api, staff.ScopeGateAsk, operationOf("requests", "get-request", "GET", "/requests/{id}", "A request of this token's member, with who has agreed"),
		func(ctx context.Context, s staff.Session, in *OneRequest) (Request, error) {
			all, err := r.Gate.Requests(ctx, gate.RequestFilter{Staff: s.Staff, Limit: 500})
			if err != nil {
				return Request{}, err
			}
			for _, q := range all {
				if q.ID == in.ID {
					return requestOf(q), nil
				}
			}
			return Request{}, &postern.Error{Kind: postern.NotFound, Key: "gate.unknown.request", Text: "there is no such request of this token's member"}
		})
	answers(r, api, staff.ScopeGateApprove, operationOf("requests", "get-approval", "GET", "/approvals/{id}", "A request that this token's member could agree to, with who has agreed"),
		func(ctx context.Context, s staff.Session, in *OneRequest) (Request, error) {
			q, err := r.Gate.Request(ctx, in.ID)
			switch {
			case err != nil:
				return Request{}, err
			case !s.Is(staff.Approver) && !(q.Emergency && s.Is(staff.Responder)):
				return Request{}, &postern.Error{Kind: postern.Denied, Key: gate.RefusedNotApprover, Text: "only approvers see requests of others"}
			case s.OrganisationKind != "provider": // as if there were none: an outsourcer's agree to nothing
				return Request{}, &postern.Error{Kind: postern.NotFound, Key: "gate.unknown.request", Text: "there is no such request"}
			case q.Staff == s.Staff:
				return Request{}, &postern.Error{Kind: postern.Denied, Key: gate.RefusedOwnRequest, Text: "nobody agrees to a request of their own"}
			}
			return requestOf(q), nil
		})
	huma.Register(api, operation(huma.Operation{OperationID: "list-approvals", Method: http.MethodGet, Path: "/api/v1/approvals", Summary: "Requests that this token's member could agree to, oldest first", Tags: tags}, "gate:approve"),
		func(ctx context.Context, _ *struct{}) (*reply[list[Request]], error) {
			found, err := r.Gate.Waiting(ctx, session(ctx))
			if err != nil {
				return nil, r.failed(ctx, err)
			}
			return &reply[list[Request]]{mapped(found, requestOf)}, nil
		})
	huma.Register(api, operation(huma.Operation{OperationID: "approve", Method: http.MethodPost, Path: "/api/v1/requests/{id}/approve", Summary: "Agree to a request, or to less of it", Tags: tags}, "gate:approve"),
		func(ctx context.Context, in *struct {
			OneRequest
			Body struct {
				Tier     string              `json:"tier,omitempty" enum:"account,trace,envelope,content,attachment" doc:"Left out: as asked."`
				Messages []postern.MessageID `json:"messages,omitempty" maxItems:"100" doc:"Left out: as asked."`
				Seconds  int                 `json:"seconds,omitempty" minimum:"0" maximum:"43200"`
				Once     bool                `json:"once,omitempty" doc:"Each message once."`
			}
		}) (*reply[Grant], error) {
			tier, _ := postern.TierNamed(in.Body.Tier)
			g, err := r.Gate.Approve(ctx, session(ctx), in.ID, gate.Narrow{Tier: tier, Messages: in.Body.Messages, For: time.Duration(in.Body.Seconds) * time.Second, Once: in.Body.Once})
			if err != nil {
				return nil, r.failed(ctx, err)
			}
			return &reply[Grant]{grantOf(g)}, nil
		})
	huma.Register(api, operation(huma.Operation{OperationID: "refuse", Method: http.MethodPost, Path: "/api/v1/requests/{id}/refuse", Summary: "Say no, with a sentence", Tags: tags, DefaultStatus: http.StatusNoContent}, "gate:approve"),
		func(ctx context.Context, in *struct {
			OneRequest
			Body struct {
				Sentence string `json:"sentence" minLength:"1" maxLength:"500"`
			}
		}) (*struct{}, error) {
			if err := r.Gate.Refuse(ctx, session(ctx), in.ID, in.Body.Sentence); err != nil {
				return nil, r.failed(ctx, err)
			}
			return nil, nil
		})
	huma.Register(api, operation(huma.Operation{OperationID: "cancel-request", Method: http.MethodPost, Path: "/api/v1/requests/{id}/cancel", Summary: "Take back a waiting request of one's own", Tags: tags, DefaultStatus: http.StatusNoContent}, "gate:ask"),
		func(ctx context.Context, in *OneRequest) (*struct{}, error) {
			if err := r.Gate.Cancel(ctx, session(ctx), in.ID); err != nil {
				return nil, r.failed(ctx, err)
			}
			return nil, nil
		})
}

// mayUrge keeps the directory of addresses from whoever could not ask anyway.
func mayUrge(s staff.Session) error {
	if !s.Is(staff.Agent) && !s.Is(staff.Responder) || s.OrganisationKind != "provider" {
		return &postern.Error{Kind: postern.Denied, Key: gate.RefusedEmergency, Text: "only the provider's agents and responders ask for emergency access"}
	}
	return nil
}

// fieldNames names the fields, for whoever misspelt one.
func fieldNames() string { return strings.Join(postern.TierAttachment.Fields().Names(), ", ") }
