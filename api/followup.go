package api

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/response/notify"
	"github.com/postern-mail/postern/staff"
)

// Followup is somebody whom the notice has not reached, as far as is known.
type Followup struct {
	Account    postern.AccountID `json:"account"`
	Name       string            `json:"name,omitempty"`
	Address    string            `json:"address,omitempty"`
	Code       string            `json:"code"`
	Locale     string            `json:"locale"`
	Reason     string            `json:"reason" enum:"unread,gone,refused,undelivered"`
	Forwards   bool              `json:"forwards,omitempty" doc:"They send their mail on, and may have read it elsewhere."`
	State      string            `json:"state,omitempty" enum:"called,written,reached,unreachable"`
	Followed   *time.Time        `json:"followed,omitempty"`
	FollowedBy string            `json:"followed_by,omitempty"`
}

func followupOf(f notify.Followup) Followup {
	reason := "unread"
	if f.State == notify.NoticeFailed {
		reason = f.Problem
	}
	return Followup{Account: f.Account, Name: f.Name, Address: f.Address, Code: f.Code, Locale: f.Notice.Locale, Reason: reason, Forwards: f.Forwards,
		State: f.Follow, Followed: when(f.Followed), FollowedBy: f.FollowedBy}
}

// FollowupPage is a part of the list.
type FollowupPage struct {
	Items []Followup        `json:"items" doc:"By account."`
	Next  postern.AccountID `json:"next,omitempty" doc:"Send it as after; left out at the end."`
}

// NoticeStats say how far the newest version came to its readers.
type NoticeStats struct {
	Sent     int            `json:"sent"`
	Read     int            `json:"read"`
	Unread   int            `json:"unread"`
	Failed   int            `json:"failed"`
	Followed map[string]int `json:"followed" doc:"Of the incident, by what came of it."`
}

// CheckedCode is the answer to whoever asks whether a notice is ours.
type CheckedCode struct {
	Genuine bool       `json:"genuine"`
	Version int        `json:"version,omitempty"`
	Kind    string     `json:"kind,omitempty" enum:"first,correction,withdrawn"`
	Sent    *time.Time `json:"sent,omitempty"`
}

func (r rooms) followOperations(api huma.API) {
	read, write := staff.ScopeResponseRead, staff.ScopeResponseWrite
	acts(r, api, write, operationOf("notices", "try-notice", "POST", "/incidents/{id}/notices/try", "Send a test of one account's notice, marked as one, to oneself or an address of nobody affected"),
		func(ctx context.Context, s staff.Session, in *struct {
			OneIncident
			Body struct {
				Account postern.AccountID `json:"account" maxLength:"32"`
				Address string            `json:"address,omitempty" maxLength:"254" doc:"Left out: one's own."`
				Locale  string            `json:"locale,omitempty" enum:"fr,en" doc:"Left out: the account's."`
			}
		}) error {
			return r.Response.Try(ctx, s, in.ID, in.Body.Account, in.Body.Address, in.Body.Locale)
		})
	answers(r, api, read, operationOf("notices", "notice-stats", "GET", "/incidents/{id}/notices/stats", "How far the newest version came to its readers"),
		func(ctx context.Context, s staff.Session, in *OneIncident) (out NoticeStats, err error) {
			if err := reads(s); err != nil {
				return out, err
			}
			b, err := r.Response.Batch(ctx, in.ID)
			if err != nil {
				return out, err
			}
			n, err := r.Response.Stats(ctx, b)
			return NoticeStats{n.Sent, n.Read, n.Unread, n.Failed, n.Followed}, err
		})
	answers(r, api, read, operationOf("notices", "list-followups", "GET", "/incidents/{id}/followup", "Whom the notices have not reached: unread, or not delivered"),
		func(ctx context.Context, s staff.Session, in *struct {
			OneIncident
			Days  int               `query:"days" minimum:"1" maximum:"1000" default:"7" doc:"Unread for so long."`
			State string            `query:"state" enum:"open,called,written,reached,unreachable"`
			After postern.AccountID `query:"after" maxLength:"32"`
			Limit int               `query:"limit" minimum:"1" maximum:"200" default:"50"`
		}) (p FollowupPage, err error) {
			if err := reads(s); err != nil {
				return p, err
			}
			all, err := r.Response.Followups(ctx, in.ID, notify.FollowFilter{Days: in.Days, State: in.State, After: in.After, Limit: in.Limit + 1})
			if len(all) > in.Limit {
				all = all[:in.Limit]
				p.Next = all[in.Limit-1].Account
			}
			p.Items = mapped(all, followupOf).Items
			return p, err
		})
	acts(r, api, write, operationOf("notices", "follow-up", "POST", "/incidents/{id}/followup", "Write down what came of a letter or a call"),
		func(ctx context.Context, s staff.Session, in *struct {
			OneIncident
			Body struct {
				Account postern.AccountID `json:"account" maxLength:"32"`
				Was     string            `json:"was,omitempty" enum:"called,written,reached,unreachable" doc:"What stood there: 409 when it does no longer."`
				State   string            `json:"state" enum:"called,written,reached,unreachable"`
			}
		}) error {
			return r.Response.Follow(ctx, s, in.ID, in.Body.Account, in.Body.Was, in.Body.State)
		})
	answers(r, api, staff.ScopeCasesRead, operationOf("notices", "check-code", "POST", "/notices/check", "Say whether a code on a notice to an address is ours, and nothing of what it tells"),
		func(ctx context.Context, _ staff.Session, in *struct {
			Body struct {
				Address string `json:"address" maxLength:"254"`
				Code    string `json:"code" maxLength:"12"`
			}
		}) (CheckedCode, error) {
			c, err := r.Response.CheckCode(ctx, in.Body.Address, in.Body.Code)
			out := CheckedCode{Genuine: c.Genuine, Version: c.Version, Kind: c.Kind}
			if c.Genuine {
				out.Sent = when(c.Notice.At)
			}
			return out, err
		})
}
