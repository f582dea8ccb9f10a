package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/desk"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/staff"
)

// Case is a support case.
type Case struct {
	ID           postern.CaseID         `json:"id"`
	Number       int64                  `json:"number" doc:"What people say: case 1042."`
	Account      postern.AccountID      `json:"account"`
	Address      string                 `json:"address" doc:"The customer's address when the case was opened."`
	Locale       string                 `json:"locale"`
	Subject      string                 `json:"subject" doc:"The customer's own words for it; no subject of a message."`
	Status       string                 `json:"status" enum:"open,waiting,closed"`
	Assignee     postern.StaffID        `json:"assignee,omitempty"`
	External     string                 `json:"external,omitempty" doc:"The number of the ticket in another system."`
	Opened       time.Time              `json:"opened"`
	Updated      time.Time              `json:"updated"`
	Priority     string                 `json:"priority" enum:"urgent,high,normal,low"`
	Organisation postern.OrganisationID `json:"organisation,omitempty" doc:"Who works it."`
	Outside      bool                   `json:"outside,omitempty" doc:"That is an outsourcer."`
	Due          *time.Time             `json:"due,omitempty" doc:"The next thing due."`
	MergedInto   postern.CaseID         `json:"merged_into,omitempty" doc:"The case that goes on in its place."`
	HandedBy     string                 `json:"handed_by,omitempty"`
	HandedWhy    string                 `json:"handed_why,omitempty"`
	Posts        []Post                 `json:"posts,omitempty" doc:"Only of a single case."`
}

// Post is one thing written in a case.
type Post struct {
	At   time.Time `json:"at"`
	By   string    `json:"by"`
	Kind string    `json:"kind" enum:"customer,reply,note,event"`
	Text string    `json:"text"`
}

func caseOf(k desk.Case) Case {
	return Case{ID: k.ID, Number: k.Number, Account: k.Account, Address: k.Address, Locale: k.Locale, Subject: k.Subject, Status: k.Status,
		Assignee: k.Assignee, External: k.External, Opened: k.Opened, Updated: k.Updated,
		Priority: k.Priority.String(), Organisation: k.Organisation, Outside: k.Outside, Due: when(k.Due), MergedInto: k.MergedInto, HandedBy: k.HandedBy, HandedWhy: k.HandedWhy}
}

// OneCase names a case in a path. It is exported, as the next ones are, because
// the document is made of exported fields alone.
type OneCase struct {
	ID postern.CaseID `path:"id" maxLength:"32"`
}

type words struct {
	ID   postern.CaseID `path:"id" maxLength:"32"`
	Body struct {
		Text string `json:"text" minLength:"1" maxLength:"65536"`
	}
}

func (r rooms) caseOperations(api huma.API) {
	tags := []string{"cases"}
	huma.Register(api, operation(huma.Operation{OperationID: "open-case", Method: http.MethodPost, Path: "/api/v1/cases", Summary: "Open a case in a customer's name", Tags: tags, DefaultStatus: http.StatusCreated,
		Description: "For a ticket system in which the customer wrote. A case alone shows nothing but what the policy gives for a case. An outsourcer's is given to its organisation at once."}, "cases:write"),
		func(ctx context.Context, in *struct {
			Body struct {
				Address  string `json:"address" maxLength:"254"`
				Subject  string `json:"subject" minLength:"1" maxLength:"200"`
				Text     string `json:"text" minLength:"1" maxLength:"65536"`
				External string `json:"external,omitempty" maxLength:"64"`
				Priority string `json:"priority,omitempty" enum:"urgent,high,normal,low" doc:"Left out: normal."`
			}
		}) (*reply[Case], error) {
			if err := works(session(ctx)); err != nil {
				return nil, r.failed(ctx, err)
			}
			who, err := r.Customer(ctx, in.Body.Address)
			if err != nil {
				return nil, r.failed(ctx, err)
			}
			priority, _ := desk.PriorityNamed(in.Body.Priority)
			k, err := r.Desk.OpenCase(ctx, session(ctx), desk.NewCase{Account: who.Account, Address: who.Address, Name: who.Name, Locale: who.Locale,
				Subject: in.Body.Subject, Text: in.Body.Text, External: in.Body.External, Priority: priority})
			if err != nil {
				return nil, r.failed(ctx, err)
			}
			return &reply[Case]{caseOf(k)}, nil
		})
	huma.Register(api, operation(huma.Operation{OperationID: "get-case", Method: http.MethodGet, Path: "/api/v1/cases/{id}", Summary: "A case with everything written in it", Tags: tags}, "cases:read"),
		func(ctx context.Context, in *OneCase) (*reply[Case], error) {
			k, posts, err := r.Desk.Case(ctx, session(ctx), in.ID)
			if err != nil {
				return nil, r.failed(ctx, err)
			}
			c := caseOf(k)
			for _, p := range posts {
				c.Posts = append(c.Posts, Post{At: p.At, By: p.By, Kind: p.Kind, Text: p.Text})
			}
			return &reply[Case]{c}, nil
		})
	for _, write := range []struct {
		id, path, summary string
		do                func(context.Context, staff.Session, postern.CaseID, string) error
	}{
		{"reply-to-case", "/api/v1/cases/{id}/reply", "Write to the customer", r.Desk.Reply},
		{"note-on-case", "/api/v1/cases/{id}/note", "Write for colleagues", r.Desk.Note},
	} {
		huma.Register(api, operation(huma.Operation{OperationID: write.id, Method: http.MethodPost, Path: write.path, Summary: write.summary, Tags: tags, DefaultStatus: http.StatusNoContent}, "cases:write"),
			func(ctx context.Context, in *words) (*struct{}, error) {
				if err := write.do(ctx, session(ctx), in.ID, in.Body.Text); err != nil {
					return nil, r.failed(ctx, err)
				}
				return nil, nil
			})
	}
	for _, act := range []struct {
		id, path, summary, description string
		do                             func(context.Context, staff.Session, postern.CaseID) error
	}{
		{"close-case", "/api/v1/cases/{id}/close", "Close a case", "In the same transaction every grant for it ends, every waiting request expires, and what the customer offered is void.", r.Desk.Close},
		{"reopen-case", "/api/v1/cases/{id}/reopen", "Open a closed case again", "What it allowed before stays ended.", r.Desk.Reopen},
	} {
		huma.Register(api, operation(huma.Operation{OperationID: act.id, Method: http.MethodPost, Path: act.path, Summary: act.summary, Description: act.description, Tags: tags, DefaultStatus: http.StatusNoContent}, "cases:write"),
			func(ctx context.Context, in *OneCase) (*struct{}, error) {
				if err := act.do(ctx, session(ctx), in.ID); err != nil {
					return nil, r.failed(ctx, err)
				}
				return nil, nil
			})
	}
	huma.Register(api, operation(huma.Operation{OperationID: "assign-case", Method: http.MethodPost, Path: "/api/v1/cases/{id}/assign", Summary: "Give a case to a member of staff", Tags: tags, DefaultStatus: http.StatusNoContent}, "cases:write"),
		func(ctx context.Context, in *struct {
			OneCase
			Body struct {
				To postern.StaffID `json:"to" maxLength:"32" doc:"Empty: to nobody."`
			}
		}) (*struct{}, error) {
			if err := r.Desk.Assign(ctx, session(ctx), in.ID, in.Body.To); err != nil {
				return nil, r.failed(ctx, err)
			}
			return nil, nil
		})
	r.diagnosisOperations(api)
}

// works says whether a session may work cases at all.
func works(s staff.Session) error {
	if !s.Is(staff.Agent) {
		return &postern.Error{Kind: postern.Denied, Key: gate.RefusedNotAgent, Text: "this token's member does not work cases"}
	}
	return nil
}
