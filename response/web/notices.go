package web

import (
	"context"
	"strconv"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/response/incident"
	"github.com/postern-mail/postern/response/notify"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/ui"
)

type noticesView struct {
	Incident  incident.Incident
	Path      string
	Responder bool
	Scoped    bool
	Contained bool
	Batch     *notify.Batch
	Earlier   []notify.Batch
	Languages []figure
	Kinds     []figure
	Approves  bool // the reader is the second person
	Drafted   bool // the reader drafted it
	Notices   []notify.Notice
	State     string
	Tabs      []ui.NavItem
	Older     string
	Stats     []stat
	Preview   []previewView
	Account   postern.AccountID
}

type figure struct {
	Name string // a key
	N    int
}

// stat is a number with its share of the whole.
type stat struct {
	Name    string // a key
	N       int
	Percent string // "" for none
}

func statOf(name string, n, of int) stat {
	s := stat{Name: name, N: n}
	if of > 0 {
		s.Percent = strconv.Itoa((n*100 + of/2) / of)
	}
	return s
}

// stats are what a released version came to.
func (w *Web) stats(ctx context.Context, b notify.Batch) ([]stat, error) {
	s, err := w.Response.Stats(ctx, b)
	if err != nil {
		return nil, err
	}
	all := b.Counts.Total()
	list := []stat{statOf("stat.sent", s.Sent, all), statOf("stat.read", s.Read, all), statOf("stat.unread", s.Unread, all), statOf("stat.failed", s.Failed, all)}
	for _, state := range notify.FollowStates {
		if n := s.Followed[state]; n > 0 {
			list = append(list, statOf("follow."+state, n, all))
		}
	}
	return list, nil
}

type previewView struct {
	notify.Notice
	Ease int
	Own  bool // the language this person gets
}

func (w *Web) noticesPage(q request) error {
	id := postern.IncidentID(q.PathValue("id"))
	v, err := w.noticesData(q, id)
	if err != nil {
		return err
	}
	p := w.frame(q.Request, q.by, w.say(q, "notices.title", "number", v.Incident.Number))
	p.Data, p.Wide = v, true
	if q.URL.Query().Get("part") == "progress" {
		p.Fragment = "progress"
		if v.Batch == nil || v.Batch.State != notify.BatchSending && v.Batch.State != notify.BatchDrafting {
			q.rw.Header().Set("HX-Refresh", "true") // it is over: the page's buttons are others now
		}
	}
	return w.show(q, "notices", p)
}

func (w *Web) noticesData(q request, id postern.IncidentID) (v noticesView, err error) {
	ctx, form := q.Context(), q.URL.Query()
	if v.Incident, err = w.Response.Incident(ctx, id); err != nil {
		return v, err
	}
	v.Path, v.Responder, v.Scoped, v.Contained = incidentPath(id), responder(q.by), !v.Incident.Scoped.IsZero(), !v.Incident.Contained.IsZero()
	all, err := w.Response.Batches(ctx, id)
	if err != nil || len(all) == 0 {
		return v, err
	}
	b := all[0]
	v.Batch, v.Earlier = &b, all[1:]
	v.Drafted = b.Drafter == q.by.Staff
	v.Approves = !v.Drafted && (b.State == notify.BatchDraft || b.State == notify.BatchSubmitted)
	for _, locale := range notify.Locales {
		v.Languages = append(v.Languages, figure{"in." + locale, b.Counts.Languages[locale]})
	}
	for _, kind := range []string{notify.NoticeFirst, notify.NoticeCorrection, notify.NoticeWithdrawn} {
		if n := b.Counts.Kinds[kind]; n > 0 {
			v.Kinds = append(v.Kinds, figure{"notice.kind." + kind, n})
		}
	}
	if !b.Released.IsZero() {
		if v.Stats, err = w.stats(ctx, b); err != nil {
			return v, err
		}
	}
	v.State = form.Get("state")
	for _, t := range []figure{{"", b.Counts.Total()}, {notify.NoticeDue, b.Counts.Due + b.Counts.Sending}, {notify.NoticeSent, b.Counts.Sent}, {notify.NoticeFailed, b.Counts.Failed}} {
		href := v.Path + "/notices"
		if t.Name != "" {
			href += "?state=" + t.Name
		}
		v.Tabs = append(v.Tabs, ui.NavItem{Text: "notice.tab." + t.Name, Href: href, Count: t.N, Current: t.Name == v.State})
	}
	v.Notices, err = w.Response.Notices(ctx, id, notify.NoticeFilter{State: v.State, After: postern.AccountID(form.Get("after")), Limit: perPage + 1})
	if err != nil {
		return v, err
	}
	if len(v.Notices) > perPage {
		v.Notices = v.Notices[:perPage]
		v.Older = v.Path + "/notices?" + queryOf("state", v.State, "after", string(v.Notices[perPage-1].Account))
	}
	v.Account = postern.AccountID(form.Get("account"))
	if v.Account == "" && len(v.Notices) > 0 && form.Get("after") == "" {
		v.Account = v.Notices[0].Account
	}
	if v.Account == "" {
		return v, nil
	}
	return v, w.preview(ctx, &v, id)
}

// preview adds what one person is told, in both languages side by side.
func (w *Web) preview(ctx context.Context, v *noticesView, id postern.IncidentID) error {
	own := ""
	drafted, err := w.Response.Notices(ctx, id, notify.NoticeFilter{Account: v.Account, Limit: 1})
	if err != nil {
		return err
	}
	for _, n := range drafted {
		own = n.Locale
	}
	words, err := w.Response.Preview(ctx, id, v.Account)
	if err != nil {
		return err
	}
	for _, locale := range notify.Locales {
		n := words[locale]
		v.Preview = append(v.Preview, previewView{n, notify.Ease(n.Text, locale), locale == own})
	}
	return nil
}

func (w *Web) notices(q request) error {
	id := postern.IncidentID(q.PathValue("id"))
	ctx, verb := q.Context(), q.PathValue("verb")
	do := map[string]func(context.Context, staff.Session, postern.IncidentID) error{
		"draft": func(ctx context.Context, by staff.Session, id postern.IncidentID) error {
			_, err := w.Response.Draft(ctx, by, id)
			return err
		},
		"submit":  w.Response.Submit,
		"approve": w.Response.Approve,
		"return": func(ctx context.Context, by staff.Session, id postern.IncidentID) error {
			return w.Response.Return(ctx, by, id, q.PostFormValue("why"))
		},
		"send":   w.Response.Release,
		"stop":   w.Response.Stop,
		"resume": w.Response.Resume,
		"retry":  w.Response.Retry,
		"try": func(ctx context.Context, by staff.Session, id postern.IncidentID) error {
			return w.Response.Try(ctx, by, id, postern.AccountID(q.PostFormValue("account")), q.PostFormValue("address"), q.PostFormValue("locale"))
		},
	}[verb]
	if do == nil {
		return errNothing
	}
	if err := do(ctx, q.by, id); err != nil {
		return err
	}
	return w.did(q, incidentPath(id)+"/notices", verb)
}
