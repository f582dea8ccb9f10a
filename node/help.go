package node

import (
	"context"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/desk"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/mail/web"
	"github.com/postern-mail/postern/node/readers"
)

// help is what the customer's face may do in the other planes: all of it about
// the account that is signed in, which the face names in every call.
type help struct{ n *Node }

var _ web.Help = help{}

func (h help) OpenCase(ctx context.Context, id postern.AccountID, subject, text string, share []postern.MessageID) (int64, error) {
	a, err := h.n.Accounts.ByID(ctx, id)
	if err != nil {
		return 0, err
	}
	c, err := h.n.Cases.OpenCase(ctx, desk.NewCase{Account: id, Address: a.Address, Name: a.Name, Locale: a.Locale, Subject: subject, Text: text})
	if err != nil || len(share) == 0 {
		return c.Number, err
	}
	return c.Number, h.n.Gate.Offer(ctx, id, c.ID, share, postern.TierContent)
}

func (h help) Share(ctx context.Context, id postern.AccountID, number int64, messages []postern.MessageID) error {
	c, err := h.n.Cases.ByNumber(ctx, id, number)
	if err != nil {
		return err
	}
	return h.n.Gate.Offer(ctx, id, c.ID, messages, postern.TierContent)
}

func (h help) Cases(ctx context.Context, id postern.AccountID) ([]web.HelpCase, error) {
	cases, err := h.n.Cases.Of(ctx, id)
	if err != nil {
		return nil, err
	}
	posts, err := h.n.Cases.PostsOf(ctx, id)
	if err != nil {
		return nil, err
	}
	list := make([]web.HelpCase, len(cases))
	for i, c := range cases {
		list[i] = web.HelpCase{Number: c.Number, Subject: c.Subject, Status: c.Status, Opened: c.Opened, Updated: c.Updated, Assignee: c.AssigneeName}
		for _, p := range posts[c.ID] {
			post := web.CasePost{At: p.At, By: p.By, Staff: p.Staff != "", Text: p.Text}
			if p.Kind == desk.KindEvent {
				post.Event, post.Text = p.Text, ""
			}
			list[i].Posts = append(list[i].Posts, post)
		}
	}
	return list, nil
}

func (h help) CaseReply(ctx context.Context, id postern.AccountID, number int64, text string) error {
	c, err := h.n.Cases.ByNumber(ctx, id, number)
	if err != nil {
		return err
	}
	return h.n.Cases.CustomerReply(ctx, id, c.ID, text)
}

func (h help) Waiting(ctx context.Context, id postern.AccountID) ([]web.ConsentRequest, error) {
	requests, err := h.n.Gate.WaitingFor(ctx, id)
	if err != nil || len(requests) == 0 {
		return nil, err
	}
	numbers, err := h.numbers(ctx, id)
	if err != nil {
		return nil, err
	}
	outsourcers, err := h.outsourcers(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]web.ConsentRequest, len(requests))
	for i, r := range requests {
		list[i] = web.ConsentRequest{ID: r.ID, Case: numbers[r.Case], Tier: r.Tier, Messages: r.Messages, Reason: r.Reason, Sentence: r.Sentence, For: r.For,
			Name: r.StaffName, Role: "agent", Organisation: r.OrganisationName, Outsourcer: outsourcers[r.Organisation], Asked: r.Asked, Once: r.Once}
		if m, err := h.n.Staff.ByID(ctx, r.Staff); err == nil && len(m.Roles) > 0 {
			list[i].Role = string(m.Roles[0])
		}
	}
	return list, nil
}

// numbers gives the numbers people say for the account's cases.
func (h help) numbers(ctx context.Context, id postern.AccountID) (map[postern.CaseID]int64, error) {
	cases, err := h.n.Cases.Of(ctx, id)
	if err != nil {
		return nil, err
	}
	numbers := make(map[postern.CaseID]int64, len(cases))
	for _, c := range cases {
		numbers[c.ID] = c.Number
	}
	return numbers, nil
}

func (h help) outsourcers(ctx context.Context) (map[postern.OrganisationID]bool, error) {
	all, err := h.n.Staff.Organisations(ctx)
	if err != nil {
		return nil, err
	}
	outside := map[postern.OrganisationID]bool{}
	for _, o := range all {
		outside[o.ID] = o.Kind == "outsourcer"
	}
	return outside, nil
}

func (h help) Running(ctx context.Context, id postern.AccountID) ([]web.Permission, error) {
	grants, err := h.n.Gate.Grants(ctx, gate.GrantFilter{Account: id, Live: true, ForCustomer: true})
	if err != nil || len(grants) == 0 {
		return nil, err
	}
	numbers, err := h.numbers(ctx, id)
	if err != nil {
		return nil, err
	}
	list := make([]web.Permission, len(grants))
	for i, g := range grants {
		list[i] = web.Permission{ID: g.ID, Case: numbers[g.Case], Tier: g.Tier, Messages: g.Messages, Name: g.StaffName, Organisation: g.OrganisationName,
			From: g.From, Until: g.Until, AgreedBy: g.AgreedBy, Sentence: g.Sentence, Emergency: g.Emergency, Once: g.Once}
	}
	return list, nil
}

func (h help) Agree(ctx context.Context, id postern.AccountID, request postern.RequestID, y web.Yes) error {
	_, err := h.n.Gate.Consent(ctx, id, request, gate.Narrow{Messages: y.Messages, Tier: y.Tier, For: time.Duration(y.Minutes) * time.Minute, Once: y.Once})
	return err
}

func (h help) Decline(ctx context.Context, id postern.AccountID, request postern.RequestID, sentence string) error {
	return h.n.Gate.Decline(ctx, id, request, sentence)
}

func (h help) Withdraw(ctx context.Context, id postern.AccountID, g postern.GrantID) error {
	return h.n.Gate.Withdraw(ctx, id, g)
}

// looksAtOnce is a page of "Who looked".
const looksAtOnce = 50

func (h help) Looks(ctx context.Context, id postern.AccountID, before int64) ([]web.Look, error) {
	return h.looks(ctx, id, before, looksAtOnce)
}

func (h help) looks(ctx context.Context, id postern.AccountID, before int64, limit int) ([]web.Look, error) {
	looks, err := h.n.Gate.Looks(ctx, id, before, limit)
	if err != nil {
		return nil, err
	}
	list := make([]web.Look, len(looks))
	for i, l := range looks {
		list[i] = web.Look{Seq: l.Seq, Index: l.Index, Disclosure: l.Disclosure, At: l.At, Until: l.Until, Tier: l.Tier, Fields: l.Fields, Messages: l.Messages,
			Name: l.StaffName, Role: l.Role, Organisation: l.OrganisationName, Reason: l.Reason, Sentence: l.Sentence, Case: l.CaseNumber, AgreedBy: l.AgreedBy, Emergency: l.Emergency}
	}
	return list, nil
}

// Look finds the record by its id, and reads it as the list does: what a legal
// hold keeps back is not there.
func (h help) Look(ctx context.Context, id postern.AccountID, d postern.DisclosureID) (web.Look, error) {
	found, err := h.n.Ledger.Find(ctx, ledger.Filter{Account: id, ID: d, DisclosuresOnly: true, Limit: 1})
	if err != nil {
		return web.Look{}, err
	}
	if len(found) == 1 {
		looks, err := h.looks(ctx, id, found[0].Seq+1, 1)
		if err != nil {
			return web.Look{}, err
		}
		if len(looks) == 1 && looks[0].Disclosure == d {
			return looks[0], nil
		}
	}
	return web.Look{}, &postern.Error{Kind: postern.NotFound, Text: "there is no such access"}
}

func (h help) Notices(ctx context.Context, id postern.AccountID) ([]web.Notice, error) {
	return readers.Notices(ctx, h.n.Response.Office, id)
}

func (h help) OpenNotice(ctx context.Context, id postern.AccountID, n postern.NoticeID, version int) (web.Notice, error) {
	return readers.Open(ctx, h.n.Response.Office, id, n, version)
}
