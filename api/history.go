package api

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate/history"
	"github.com/postern-mail/postern/staff"
)

// Past is one thing that was asked for or tried: a request or a refusal.
type Past struct {
	Request *Request `json:"request,omitempty"`
	Grant   *Grant   `json:"grant,omitempty" doc:"What became of the request, or what the refusal was about."`
	Done    []Done   `json:"done,omitempty" doc:"What was shown under the grant, oldest first."`
	More    bool     `json:"more,omitempty" doc:"More was shown than is listed."`
	Refusal *Refusal `json:"refusal,omitempty"`
}

// Done is one disclosure under a grant.
type Done struct {
	Disclosure postern.DisclosureID `json:"disclosure"`
	At         time.Time            `json:"at"`
	Tier       string               `json:"tier"`
	Fields     []string             `json:"fields"`
	Messages   []postern.MessageID  `json:"messages,omitempty"`
}

// Refusal is one no of the gate.
type Refusal struct {
	At        time.Time         `json:"at"`
	What      string            `json:"what" example:"reveal"`
	Key       string            `json:"key" example:"gate.refused.budget"`
	Account   postern.AccountID `json:"account,omitempty"`
	Case      postern.CaseID    `json:"case,omitempty"`
	Grant     postern.GrantID   `json:"grant,omitempty"`
	Tier      string            `json:"tier,omitempty"`
	Staff     postern.StaffID   `json:"staff"`
	StaffName string            `json:"staff_name,omitempty"`
}

func pastOf(e history.Entry) Past {
	p := Past{More: e.More}
	if e.Request != nil {
		q := requestOf(*e.Request)
		p.Request = &q
	}
	if e.Grant != nil {
		g := grantOf(*e.Grant)
		p.Grant = &g
	}
	for _, d := range e.Done {
		p.Done = append(p.Done, Done{Disclosure: d.ID, At: d.At, Tier: d.Tier.String(), Fields: d.Fields.Names(), Messages: d.Messages})
	}
	if f := e.Refusal; f != nil {
		p.Refusal = &Refusal{At: f.At, What: f.What, Key: f.Key, Account: f.Account, Case: f.Case, Grant: f.Grant, Staff: f.Staff, StaffName: f.StaffName}
		if f.Tier != postern.TierNone {
			p.Refusal.Tier = f.Tier.String()
		}
	}
	return p
}

// PastPage is a part of the history.
type PastPage struct {
	Items []Past `json:"items"`
	Next  string `json:"next,omitempty" doc:"Send it as after; left out at the end."`
}

func (r rooms) historyOperations(api huma.API) {
	o := operationOf("requests", "search-history", "GET", "/history", "What was asked for and tried, what became of it, and what was shown then, newest first")
	o.Description = "Everybody's for approvers, responders and auditors, but for an outsourcer's approvers, who read their own organisation's; an agent's own for an agent."
	answers(r, api, staff.ScopeGateHistory, o, func(ctx context.Context, s staff.Session, in *struct {
		Name    string            `query:"name" maxLength:"100" doc:"Part of the asker's name."`
		Staff   postern.StaffID   `query:"staff" maxLength:"32"`
		Account postern.AccountID `query:"account" maxLength:"32"`
		Case    postern.CaseID    `query:"case" maxLength:"32"`
		Tier    string            `query:"tier" enum:"account,trace,envelope,content,attachment"`
		Reason  string            `query:"reason" enum:"customer-support,provider-service,provider-review,third-party-legal-request,production-alert"`
		Outcome string            `query:"outcome" enum:"waiting,granted,refused,expired,denied"`
		Words   string            `query:"words" maxLength:"200" doc:"In the sentence."`
		Since   time.Time         `query:"since"`
		Until   time.Time         `query:"until" doc:"Exclusive."`
		After   string            `query:"after" maxLength:"64"`
		Limit   int               `query:"limit" minimum:"1" maximum:"100" default:"25"`
	}) (PastPage, error) {
		f := history.Filter{Name: in.Name, Staff: in.Staff, Account: in.Account, Case: in.Case, Outcome: in.Outcome, Words: in.Words, Since: in.Since, Until: in.Until,
			After: in.After, Limit: in.Limit}
		f.Tier, _ = postern.TierNamed(in.Tier)
		f.Reason, _ = postern.ReasonNamed(in.Reason)
		found, next, err := r.History.Find(ctx, s, f)
		return PastPage{Items: mapped(found, pastOf).Items, Next: next}, err
	})
}
