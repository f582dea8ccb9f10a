package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/response/scope"
	"github.com/postern-mail/postern/staff"
)

// Selector says which disclosures belong to an incident: those of any of these,
// within the window.
type Selector struct {
	Credentials []postern.CredentialID `json:"credentials,omitempty" maxItems:"1000"`
	Sessions    []postern.SessionID    `json:"sessions,omitempty" maxItems:"1000"`
	Staff       []postern.StaffID      `json:"staff,omitempty" maxItems:"1000"`
	Networks    []string               `json:"networks,omitempty" maxItems:"1000" doc:"Sessions that were ever used from there count whole."`
	Since       time.Time              `json:"since,omitzero"`
	Until       time.Time              `json:"until,omitzero" doc:"Exclusive."`
}

// Totals add up: accounts is the sum of deepest over the tiers.
type Totals struct {
	Selected    int          `json:"selected" doc:"Entries of the ledger that the selector chose."`
	Disclosures int          `json:"disclosures"`
	Erased      int          `json:"erased" doc:"Of accounts that were erased since."`
	Accounts    int          `json:"accounts"`
	Messages    int          `json:"messages"`
	Tiers       []TierTotals `json:"tiers" doc:"The deepest first."`
}

// TierTotals are the totals of one tier.
type TierTotals struct {
	Tier        string `json:"tier"`
	Deepest     int    `json:"deepest" doc:"Accounts of which nothing deeper was shown."`
	Accounts    int    `json:"accounts"`
	Messages    int    `json:"messages"`
	Disclosures int    `json:"disclosures"`
	Erased      int    `json:"erased"`
}

// Scope is a saved answer to "whose mail was seen".
type Scope struct {
	Version  int       `json:"version"`
	Made     time.Time `json:"made"`
	By       string    `json:"by"`
	Selector Selector  `json:"selector"`
	Totals   Totals    `json:"totals"`
}

func scopeOf(sc scope.Scope) Scope {
	out := Scope{Version: sc.Version, Made: sc.Made, By: sc.MakerName, Selector: Selector(sc.Selector)}
	t := sc.Totals
	out.Totals = Totals{Selected: t.Selected, Disclosures: t.Disclosures, Erased: t.Erased, Accounts: t.Accounts, Messages: t.Messages, Tiers: []TierTotals{}}
	for i := len(postern.Tiers) - 1; i >= 0; i-- {
		tier := postern.Tiers[i]
		if by, ok := t.ByTier[tier]; ok {
			out.Totals.Tiers = append(out.Totals.Tiers, TierTotals{Tier: tier.String(), Deepest: t.Deepest[tier], Accounts: by.Accounts, Messages: by.Messages, Disclosures: by.Disclosures, Erased: by.Erased})
		}
	}
	return out
}

// Exposure is what was shown of one account at one tier.
type Exposure struct {
	Account     postern.AccountID      `json:"account"`
	Tier        string                 `json:"tier"`
	Fields      []string               `json:"fields"`
	Messages    []ExposedMessage       `json:"messages,omitempty"`
	First       time.Time              `json:"first"`
	Last        time.Time              `json:"last"`
	Certainty   string                 `json:"certainty" enum:"shown,assumed,gap"`
	Sessions    []postern.SessionID    `json:"sessions"`
	Disclosures []postern.DisclosureID `json:"disclosures"`
}

// ExposedMessage is one message and what was shown of it.
type ExposedMessage struct {
	ID     postern.MessageID `json:"id"`
	Fields []string          `json:"fields"`
}

func exposureOf(e scope.Exposure) Exposure {
	out := Exposure{Account: e.Account, Tier: e.Tier.String(), Fields: e.Fields.Names(), First: e.First, Last: e.Last, Certainty: e.Certainty, Sessions: e.Sessions,
		Messages:    mapped(e.Messages, func(m scope.ExposedMessage) ExposedMessage { return ExposedMessage{m.ID, m.Fields.Names()} }).Items,
		Disclosures: mapped(e.Disclosures, func(d scope.ExposedLook) postern.DisclosureID { return d.ID }).Items}
	return out
}

// ScopePage is a scope with a part of its exposures.
type ScopePage struct {
	Scope
	Items []Exposure        `json:"items" doc:"By account; no account is cut in half."`
	Next  postern.AccountID `json:"next,omitempty" doc:"Send it as after; left out at the end."`
}

func (r rooms) scopeOperations(api huma.API) {
	saving := operationOf("response", "scope-incident", "POST", "/incidents/{id}/scope", "Find what a selector exposes, and save it as the next version")
	saving.DefaultStatus = http.StatusCreated
	answers(r, api, staff.ScopeResponseWrite, saving, func(ctx context.Context, s staff.Session, in *struct {
		OneIncident
		Body Selector
	}) (Scope, error) {
		sc, err := r.Response.Scope(ctx, s, in.ID, scope.Selector(in.Body))
		return scopeOf(sc), err
	})
	answers(r, api, staff.ScopeResponseRead, operationOf("response", "list-scopes", "GET", "/incidents/{id}/scopes", "The versions of an incident's scope, oldest first"),
		func(ctx context.Context, s staff.Session, in *OneIncident) (list[Scope], error) {
			if err := reads(s); err != nil {
				return list[Scope]{}, err
			}
			all, err := r.Response.Scopes(ctx, in.ID)
			return mapped(all, scopeOf), err
		})
	answers(r, api, staff.ScopeResponseRead, operationOf("response", "list-exposures", "GET", "/incidents/{id}/scope", "A version of the scope with its exposures, from a cursor on"),
		func(ctx context.Context, s staff.Session, in *struct {
			OneIncident
			Version int               `query:"version" minimum:"0" doc:"Left out: the newest."`
			Tier    string            `query:"tier" enum:"account,trace,envelope,content,attachment"`
			Deepest bool              `query:"deepest" doc:"With tier: accounts of which nothing deeper was shown."`
			Account postern.AccountID `query:"account" maxLength:"32"`
			After   postern.AccountID `query:"after" maxLength:"32"`
			Limit   int               `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Accounts."`
		}) (ScopePage, error) {
			if err := reads(s); err != nil {
				return ScopePage{}, err
			}
			f := scope.ExposureFilter{Account: in.Account, After: in.After, Limit: in.Limit + 1}
			f.Tier, _ = postern.TierNamed(in.Tier)
			f.Deepest = in.Deepest && f.Tier != postern.TierNone
			sc, err := r.Response.SavedScope(ctx, in.ID, in.Version, f)
			if err != nil {
				return ScopePage{}, err
			}
			return pageOf(sc, in.Limit), nil
		})
}

// pageOf cuts the exposures after the last whole account of a page.
func pageOf(sc scope.Scope, limit int) ScopePage {
	p := ScopePage{Scope: scopeOf(sc), Items: []Exposure{}}
	accounts, last := 0, postern.AccountID("")
	for _, e := range sc.Exposures {
		if e.Account != last {
			if accounts++; accounts > limit {
				p.Next = last
				return p
			}
			last = e.Account
		}
		p.Items = append(p.Items, exposureOf(e))
	}
	return p
}
