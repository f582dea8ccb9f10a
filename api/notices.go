package api

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/response/notify"
	"github.com/postern-mail/postern/staff"
)

// Batch is a version of an incident's notices.
type Batch struct {
	Version   int            `json:"version"`
	Scope     int            `json:"scope" doc:"The version of the scope that it tells of."`
	State     string         `json:"state" enum:"drafting,draft,submitted,returned,approved,sending,paused,sent,discarded"`
	Drafted   time.Time      `json:"drafted"`
	Drafter   string         `json:"drafter"`
	Answered  *time.Time     `json:"answered,omitempty"`
	Approver  string         `json:"approver,omitempty"`
	Released  *time.Time     `json:"released,omitempty"`
	Finished  *time.Time     `json:"finished,omitempty"`
	Looked    int            `json:"looked,omitempty" doc:"While it is written: the accounts that were looked at."`
	Affected  int            `json:"affected,omitempty" doc:"… of so many."`
	Stage     int            `json:"stage,omitempty" doc:"How many are sent before it pauses for a look."`
	Pause     string         `json:"pause,omitempty" enum:"look,stopped"`
	Problem   string         `json:"problem,omitempty" doc:"Why it cannot go on."`
	Until     *time.Time     `json:"until,omitempty" doc:"When it is tried again."`
	Due       int            `json:"due"`
	Sending   int            `json:"sending"`
	Sent      int            `json:"sent"`
	Failed    int            `json:"failed"`
	Languages map[string]int `json:"languages,omitempty"`
	Kinds     map[string]int `json:"kinds,omitempty"`
}

func batchOf(b notify.Batch) Batch {
	return Batch{Version: b.Version, Scope: b.Scope, State: b.State, Drafted: b.Drafted, Drafter: b.DrafterName, Answered: when(b.Answered), Approver: b.ApproverName,
		Released: when(b.Released), Finished: when(b.Finished),
		Looked: b.Looked, Affected: b.Affected, Stage: b.Stage, Pause: b.Pause, Problem: b.Problem, Until: when(b.Until), Due: b.Counts.Due, Sending: b.Counts.Sending, Sent: b.Counts.Sent, Failed: b.Counts.Failed,
		Languages: b.Counts.Languages, Kinds: b.Counts.Kinds}
}

// Notice is what one person is told.
type Notice struct {
	ID      postern.NoticeID  `json:"id,omitempty"`
	Account postern.AccountID `json:"account"`
	Kind    string            `json:"kind" enum:"first,correction,withdrawn"`
	Locale  string            `json:"locale"`
	Subject string            `json:"subject"`
	Text    string            `json:"text" doc:"The very words, with the name and the address that stand in them."`
	Ease    int               `json:"ease" doc:"Reading ease; 60 is plain."`
	State   string            `json:"state,omitempty" enum:"due,sending,sent,failed"`
	Problem string            `json:"problem,omitempty" enum:"gone,refused,undelivered"`
}

func noticeOf(n notify.Notice) Notice {
	return Notice{ID: n.ID, Account: n.Account, Kind: n.Kind, Locale: n.Locale, Subject: n.Subject, Text: n.Text, Ease: notify.Ease(n.Text, n.Locale), State: n.State, Problem: n.Problem}
}

// NoticePage is a part of a version's notices.
type NoticePage struct {
	Items []Notice          `json:"items" doc:"By account."`
	Next  postern.AccountID `json:"next,omitempty" doc:"Send it as after; left out at the end."`
}

func (r rooms) noticeOperations(api huma.API) {
	read, write := staff.ScopeResponseRead, staff.ScopeResponseWrite
	answers(r, api, read, operationOf("notices", "list-batches", "GET", "/incidents/{id}/batches", "The versions of an incident's notices with their counts, newest first"),
		func(ctx context.Context, s staff.Session, in *OneIncident) (list[Batch], error) {
			if err := reads(s); err != nil {
				return list[Batch]{}, err
			}
			all, err := r.Response.Batches(ctx, in.ID)
			return mapped(all, batchOf), err
		})
	answers(r, api, read, operationOf("notices", "list-notices", "GET", "/incidents/{id}/notices", "The notices of a version, from a cursor on"),
		func(ctx context.Context, s staff.Session, in *struct {
			OneIncident
			Version int               `query:"version" minimum:"0" doc:"Left out: the newest."`
			State   string            `query:"state" enum:"due,sending,sent,failed"`
			Account postern.AccountID `query:"account" maxLength:"32"`
			After   postern.AccountID `query:"after" maxLength:"32"`
			Limit   int               `query:"limit" minimum:"1" maximum:"200" default:"50"`
		}) (p NoticePage, err error) {
			if err := reads(s); err != nil {
				return p, err
			}
			all, err := r.Response.Notices(ctx, in.ID, notify.NoticeFilter{Version: in.Version, State: in.State, Account: in.Account, After: in.After, Limit: in.Limit + 1})
			if len(all) > in.Limit {
				all = all[:in.Limit]
				p.Next = all[in.Limit-1].Account
			}
			p.Items = mapped(all, noticeOf).Items
			return p, err
		})
	answers(r, api, read, operationOf("notices", "preview-notice", "GET", "/incidents/{id}/notices/{account}", "What one person is told, in every language"),
		func(ctx context.Context, s staff.Session, in *struct {
			OneIncident
			Account postern.AccountID `path:"account" maxLength:"32"`
		}) (list[Notice], error) {
			out := list[Notice]{Items: []Notice{}}
			if err := reads(s); err != nil {
				return out, err
			}
			words, err := r.Response.Preview(ctx, in.ID, in.Account)
			for _, locale := range notify.Locales {
				if n, ok := words[locale]; ok {
					out.Items = append(out.Items, noticeOf(n))
				}
			}
			return out, err
		})
	answers(r, api, write, operationOf("notices", "draft-notices", "POST", "/incidents/{id}/notices/draft", "Write the next version of the notices from the newest scope"),
		func(ctx context.Context, s staff.Session, in *OneIncident) (Batch, error) {
			b, err := r.Response.Draft(ctx, s, in.ID)
			return batchOf(b), err
		})
	for _, a := range []struct {
		verb, summary string
		do            func(context.Context, staff.Session, postern.IncidentID) error
	}{
		{"submit", "Ask for a second person to look at the newest draft", r.Response.Submit},
		{"approve", "Say yes to the newest draft, as somebody who did not write it", r.Response.Approve},
		{"release", "Have the approved version sent: the first stage, then the rest when it is resumed", r.Response.Release},
		{"stop", "Halt the sending: nobody's notice is half sent", r.Response.Stop},
		{"resume", "Go on with what was stopped, or behind the first stage", r.Response.Resume},
		{"retry", "Make the failed notices of the newest version due again", r.Response.Retry},
	} {
		acts(r, api, write, operationOf("notices", a.verb+"-notices", "POST", "/incidents/{id}/notices/"+a.verb, a.summary),
			func(ctx context.Context, s staff.Session, in *OneIncident) error { return a.do(ctx, s, in.ID) })
	}
	acts(r, api, write, operationOf("notices", "return-notices", "POST", "/incidents/{id}/notices/return", "Say no to the newest draft, and what to change"),
		func(ctx context.Context, s staff.Session, in *struct {
			OneIncident
			Body Sentence
		}) error {
			return r.Response.Return(ctx, s, in.ID, in.Body.Why)
		})
	r.followOperations(api)
}
