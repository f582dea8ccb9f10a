package api

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/desk"
	"github.com/postern-mail/postern/staff"
)

// Macro is an answer that is written once, in both languages.
type Macro struct {
	ID      string `json:"id,omitempty" maxLength:"32" doc:"Left out: a new one."`
	Name    string `json:"name" minLength:"1" maxLength:"80"`
	French  string `json:"fr" maxLength:"65536" doc:"{name} and {number} stand for the customer's name and the case's number."`
	English string `json:"en" maxLength:"65536"`
}

// TargetTimes is how soon a case of one priority is due, in working time.
type TargetTimes struct {
	Reply   int `json:"reply_minutes" minimum:"1" maximum:"525600"`
	Resolve int `json:"resolve_minutes" minimum:"1" maximum:"525600"`
}

// Targets are what the clocks of an organisation run by.
type Targets struct {
	Hours  string      `json:"hours,omitempty" maxLength:"200" example:"Mon-Fri 08:00-18:00 Europe/Paris" doc:"Left out: always."`
	Urgent TargetTimes `json:"urgent"`
	High   TargetTimes `json:"high"`
	Normal TargetTimes `json:"normal"`
	Low    TargetTimes `json:"low"`
}

func targetsOf(t desk.Targets) Targets {
	one := func(p desk.Priority) TargetTimes {
		return TargetTimes{Reply: int(t.Of[p].Reply / time.Minute), Resolve: int(t.Of[p].Resolve / time.Minute)}
	}
	return Targets{Hours: t.Hours.String(), Urgent: one(desk.PriorityUrgent), High: one(desk.PriorityHigh), Normal: one(desk.PriorityNormal), Low: one(desk.PriorityLow)}
}

func (t Targets) of() (out desk.Targets, err error) {
	if out.Hours, err = staff.ParseHours(t.Hours); err != nil {
		return out, err
	}
	one := func(t TargetTimes) desk.Target {
		return desk.Target{Reply: time.Duration(t.Reply) * time.Minute, Resolve: time.Duration(t.Resolve) * time.Minute}
	}
	out.Of = map[desk.Priority]desk.Target{desk.PriorityUrgent: one(t.Urgent), desk.PriorityHigh: one(t.High), desk.PriorityNormal: one(t.Normal), desk.PriorityLow: one(t.Low)}
	return out, nil
}

// caseworkOperations are what becomes of a case besides its letters.
func (r rooms) caseworkOperations(api huma.API) {
	acts(r, api, staff.ScopeCasesWrite, operationOf("cases", "edit-case", "PATCH", "/cases/{id}", "Change a case's priority and the number of its ticket elsewhere"),
		func(ctx context.Context, s staff.Session, in *struct {
			OneCase
			Body struct {
				Priority string  `json:"priority,omitempty" enum:"urgent,high,normal,low" doc:"Left out: as it is."`
				External *string `json:"external,omitempty" maxLength:"64" doc:"Left out: as it is."`
			}
		}) error {
			k, _, err := r.Desk.Case(ctx, s, in.ID)
			if err != nil {
				return err
			}
			if p, ok := desk.PriorityNamed(in.Body.Priority); ok {
				k.Priority = p
			}
			if in.Body.External != nil {
				k.External = *in.Body.External
			}
			return r.Desk.Edit(ctx, s, in.ID, k.Priority, k.External)
		})
	acts(r, api, staff.ScopeCasesWrite, operationOf("cases", "hand-over-case", "POST", "/cases/{id}/hand-over", "Give a case to another member, and say why: what it allowed its old assignee ends"),
		func(ctx context.Context, s staff.Session, in *struct {
			OneCase
			Body struct {
				To  postern.StaffID `json:"to" minLength:"1" maxLength:"32"`
				Why string          `json:"why" minLength:"1" maxLength:"2000"`
			}
		}) error {
			return r.Desk.HandOver(ctx, s, in.ID, in.Body.To, in.Body.Why)
		})
	acts(r, api, staff.ScopeCasesWrite, operationOf("cases", "assign-organisation", "POST", "/cases/{id}/organisation", "Give a case to an organisation, for whoever there takes it"),
		func(ctx context.Context, s staff.Session, in *struct {
			OneCase
			Body struct {
				To postern.OrganisationID `json:"to" minLength:"1" maxLength:"32"`
			}
		}) error {
			return r.Desk.AssignOrganisation(ctx, s, in.ID, in.Body.To)
		})
	acts(r, api, staff.ScopeCasesWrite, operationOf("cases", "merge-case", "POST", "/cases/{id}/merge", "End a case in favour of another of the same account: its grants end"),
		func(ctx context.Context, s staff.Session, in *struct {
			OneCase
			Body struct {
				Into int64 `json:"into" minimum:"1" doc:"The number of the case that goes on."`
			}
		}) error {
			return r.Desk.Merge(ctx, s, in.ID, in.Body.Into)
		})
	acts(r, api, staff.ScopeCasesWrite, operationOf("cases", "unmerge-case", "POST", "/cases/{id}/unmerge", "Undo a merge within a day"),
		func(ctx context.Context, s staff.Session, in *OneCase) error { return r.Desk.Unmerge(ctx, s, in.ID) })

	answers(r, api, staff.ScopeCasesRead, operationOf("setup", "list-macros", "GET", "/macros", "The organisation's macros, by name"),
		func(ctx context.Context, s staff.Session, _ *struct{}) (list[Macro], error) {
			if err := worksOrManages(s); err != nil {
				return list[Macro]{}, err
			}
			all, err := r.Desk.Macros(ctx, s)
			return mapped(all, func(m desk.Macro) Macro { return Macro(m) }), err
		})
	acts(r, api, staff.ScopeCasesWrite, operationOf("setup", "save-macro", "POST", "/macros", "Keep a macro"),
		func(ctx context.Context, s staff.Session, in *struct{ Body Macro }) error {
			return r.Desk.SaveMacro(ctx, s, desk.Macro(in.Body))
		})
	acts(r, api, staff.ScopeCasesWrite, operationOf("setup", "drop-macro", "DELETE", "/macros/{id}", "Forget a macro"),
		func(ctx context.Context, s staff.Session, in *OneThing) error { return r.Desk.DropMacro(ctx, s, in.ID) })
	answers(r, api, staff.ScopeCasesRead, operationOf("setup", "get-targets", "GET", "/targets", "What the organisation's clocks run by"),
		func(ctx context.Context, s staff.Session, _ *struct{}) (Targets, error) {
			if err := worksOrManages(s); err != nil {
				return Targets{}, err
			}
			t, err := r.Desk.Targets(ctx, s)
			return targetsOf(t), err
		})
	acts(r, api, staff.ScopeCasesWrite, operationOf("setup", "set-targets", "PUT", "/targets", "Set what the organisation's clocks run by"),
		func(ctx context.Context, s staff.Session, in *struct{ Body Targets }) error {
			t, err := in.Body.of()
			if err != nil {
				return err
			}
			return r.Desk.SetTargets(ctx, s, t)
		})
}

// worksOrManages says whether a session works cases or sets up their desk.
func worksOrManages(s staff.Session) error {
	if s.Is(staff.Approver) || s.Is(staff.Admin) {
		return nil
	}
	return works(s)
}
