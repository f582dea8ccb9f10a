package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/staff"
)

// Hold keeps an account's customer from being told of emergency access.
type Hold struct {
	ID          string            `json:"id"`
	Account     postern.AccountID `json:"account"`
	Until       time.Time         `json:"until"`
	Authority   string            `json:"authority" doc:"Who orders it."`
	Reference   string            `json:"reference" doc:"Of the order."`
	Made        time.Time         `json:"made"`
	MadeBy      string            `json:"made_by"`
	Confirmed   *time.Time        `json:"confirmed,omitempty" doc:"Left out while it counts for nothing."`
	ConfirmedBy string            `json:"confirmed_by,omitempty"`
	Ended       *time.Time        `json:"ended,omitempty" doc:"Only where somebody ended it before its time."`
}

func holdOf(h gate.Hold) Hold {
	return Hold{ID: h.ID, Account: h.Account, Until: h.Until, Authority: h.Authority, Reference: h.Reference, Made: h.Made, MadeBy: h.MadeName,
		Confirmed: when(h.Confirmed), ConfirmedBy: h.ConfirmedName, Ended: when(h.Ended)}
}

func (r rooms) holdOperations(api huma.API) {
	answers(r, api, staff.ScopeGateHold, operationOf("holds", "list-holds", "GET", "/holds", "Legal holds, newest first"),
		func(ctx context.Context, s staff.Session, _ *struct{}) (list[Hold], error) {
			all, err := r.Gate.Holds(ctx, s)
			return mapped(all, holdOf), err
		})
	propose := operationOf("holds", "make-hold", "POST", "/holds", "Propose a legal hold, as an approver")
	propose.Description, propose.DefaultStatus = "It counts once a responder, another person, has confirmed it.", http.StatusCreated
	answers(r, api, staff.ScopeGateHold, propose, func(ctx context.Context, s staff.Session, in *struct {
		Body struct {
			Account   postern.AccountID `json:"account" minLength:"1" maxLength:"32"`
			Until     time.Time         `json:"until"`
			Authority string            `json:"authority" minLength:"1" maxLength:"200"`
			Reference string            `json:"reference" minLength:"1" maxLength:"200"`
		}
	}) (Hold, error) {
		h, err := r.Gate.MakeHold(ctx, s, gate.Hold{Account: in.Body.Account, Until: in.Body.Until, Authority: in.Body.Authority, Reference: in.Body.Reference})
		return holdOf(h), err
	})
	acts(r, api, staff.ScopeGateHold, operationOf("holds", "confirm-hold", "POST", "/holds/{id}/confirm", "Put a hold into force, as a responder who did not make it"),
		func(ctx context.Context, s staff.Session, in *OneThing) error {
			return r.Gate.ConfirmHold(ctx, s, in.ID)
		})
	acts(r, api, staff.ScopeGateHold, operationOf("holds", "end-hold", "POST", "/holds/{id}/end", "End a hold before its time: the customer is told of everything it held back"),
		func(ctx context.Context, s staff.Session, in *OneThing) error { return r.Gate.EndHold(ctx, s, in.ID) })
}
