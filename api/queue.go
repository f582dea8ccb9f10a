package api

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/desk"
	"github.com/postern-mail/postern/staff"
)

// CaseFilter chooses cases, in an address and in a view.
type CaseFilter struct {
	Status       string                 `query:"status" json:"status,omitempty" enum:"open,waiting,closed" doc:"Left out: all that are not closed."`
	Mine         bool                   `query:"mine" json:"mine,omitempty" doc:"Of this token's member."`
	Unassigned   bool                   `query:"unassigned" json:"unassigned,omitempty"`
	Outside      bool                   `query:"outside" json:"outside,omitempty" doc:"Worked by an outsourcer."`
	Late         bool                   `query:"late" json:"late,omitempty" doc:"A target has passed."`
	Organisation postern.OrganisationID `query:"organisation" json:"organisation,omitempty" maxLength:"32"`
	Priority     string                 `query:"priority" json:"priority,omitempty" enum:"urgent,high,normal,low"`
	Query        string                 `query:"q" json:"q,omitempty" maxLength:"200" doc:"A number, or part of a subject, an address or a ticket's number."`
	Sort         string                 `query:"sort" json:"sort,omitempty" enum:"due,priority" doc:"Left out: the latest first."`
}

func (f CaseFilter) of() desk.Filter {
	p, _ := desk.PriorityNamed(f.Priority)
	return desk.Filter{Status: f.Status, Mine: f.Mine, Unassigned: f.Unassigned, Outside: f.Outside, Late: f.Late, Organisation: f.Organisation,
		Priority: p, Query: f.Query, Sort: f.Sort}
}

func caseFilterOf(f desk.Filter) CaseFilter {
	c := CaseFilter{Status: f.Status, Mine: f.Mine, Unassigned: f.Unassigned, Outside: f.Outside, Late: f.Late, Organisation: f.Organisation, Query: f.Query, Sort: f.Sort}
	if f.Priority != 0 {
		c.Priority = f.Priority.String()
	}
	return c
}

// CasePage is a part of the queue.
type CasePage struct {
	Items []Case `json:"items"`
	Next  string `json:"next,omitempty" doc:"Send it as after; left out at the end."`
}

// CaseCount is how many cases a filter chooses.
type CaseCount struct {
	Count int  `json:"count"`
	More  bool `json:"more,omitempty" doc:"Counting stopped here."`
}

func countOf(n int) CaseCount {
	return CaseCount{Count: min(n, desk.MostCounted), More: n > desk.MostCounted}
}

// View is a filter with a name.
type View struct {
	ID     string     `json:"id"`
	Name   string     `json:"name"`
	Shared bool       `json:"shared" doc:"The whole organisation has it."`
	Filter CaseFilter `json:"filter"`
	CaseCount
}

// OneThing names a view, a macro or a hold in a path.
type OneThing struct {
	ID string `path:"id" maxLength:"32"`
}

func (r rooms) queueOperations(api huma.API) {
	answers(r, api, staff.ScopeCasesRead, operationOf("cases", "list-cases", "GET", "/cases", "The queue, from a cursor on: for an outsourcer's token, the cases given to its organisation"),
		func(ctx context.Context, s staff.Session, in *struct {
			CaseFilter
			After string `query:"after" maxLength:"200" doc:"The next of the part before."`
			Limit int    `query:"limit" minimum:"1" maximum:"100" default:"50"`
		}) (CasePage, error) {
			f := in.CaseFilter.of()
			f.After, f.Limit = in.After, in.Limit
			p, err := r.Desk.Page(ctx, s, f)
			return CasePage{Items: mapped(p.Cases, caseOf).Items, Next: p.Next}, err
		})
	answers(r, api, staff.ScopeCasesRead, operationOf("cases", "count-cases", "GET", "/cases/count", "How many cases a filter chooses"),
		func(ctx context.Context, s staff.Session, in *struct{ CaseFilter }) (CaseCount, error) {
			n, err := r.Desk.Count(ctx, s, []desk.Filter{in.CaseFilter.of()})
			if err != nil {
				return CaseCount{}, err
			}
			return countOf(n[0]), nil
		})
	answers(r, api, staff.ScopeCasesRead, operationOf("cases", "list-views", "GET", "/views", "One's own views and the organisation's, with their counts"), r.views)
	acts(r, api, staff.ScopeCasesWrite, operationOf("cases", "save-view", "POST", "/views", "Keep a filter under a name"),
		func(ctx context.Context, s staff.Session, in *struct {
			Body struct {
				Name   string     `json:"name" minLength:"1" maxLength:"80"`
				Shared bool       `json:"shared,omitempty" doc:"Approvers and admins share views."`
				Filter CaseFilter `json:"filter"`
			}
		}) error {
			return r.Desk.SaveView(ctx, s, in.Body.Name, in.Body.Filter.of(), in.Body.Shared)
		})
	acts(r, api, staff.ScopeCasesWrite, operationOf("cases", "drop-view", "DELETE", "/views/{id}", "Forget a view"),
		func(ctx context.Context, s staff.Session, in *OneThing) error { return r.Desk.DropView(ctx, s, in.ID) })
}

func (r rooms) views(ctx context.Context, s staff.Session, _ *struct{}) (list[View], error) {
	all, err := r.Desk.Views(ctx, s)
	if err != nil {
		return list[View]{}, err
	}
	filters := make([]desk.Filter, len(all))
	for i, v := range all {
		filters[i] = v.Filter
	}
	counts, err := r.Desk.Count(ctx, s, filters)
	if err != nil {
		return list[View]{}, err
	}
	out := list[View]{Items: []View{}}
	for i, v := range all {
		out.Items = append(out.Items, View{ID: v.ID, Name: v.Name, Shared: v.Shared, Filter: caseFilterOf(v.Filter), CaseCount: countOf(counts[i])})
	}
	return out, nil
}
