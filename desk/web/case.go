package web

import (
	"net/http"
	"net/url"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/desk"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/ui"
)

// caseData is a case's page.
type caseData struct {
	Case     desk.Case
	Posts    []desk.Post
	Ladder   []ui.Rung
	Requests []requestRow
	Grants   []gate.Grant // this session's running ones
	Offered  *offered
	Members  []ui.Option
	Draft    string
	Closed   bool
	Agent    bool

	Clock         caseClock
	Writing       string // who else is
	Macros        []ui.Option
	Priorities    []ui.Option
	Organisations []ui.Option
	Undo          bool // of a merge
}

// offered is what the customer agreed to before anybody asked.
type offered struct {
	Tier     postern.Tier
	Count    int
	Sentence string // what the request will say, in the customer's language
}

func (w *Web) oneCase(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	return w.showCase(rw, r, s, http.StatusOK, "", nil)
}

func (w *Web) showCase(rw http.ResponseWriter, r *http.Request, s staff.Session, status int, draft string, problem error) error {
	id := postern.CaseID(r.PathValue("id"))
	k, posts, err := w.Desk.Case(r.Context(), s, id)
	if err != nil {
		return err
	}
	d := caseData{Case: k, Posts: posts, Draft: draft, Closed: k.Status == desk.StatusClosed, Agent: s.Is(staff.Agent)}
	asked, err := w.Gate.Requests(r.Context(), gate.RequestFilter{Case: id, Limit: 20})
	if err != nil {
		return err
	}
	for _, q := range asked {
		d.Requests = append(d.Requests, w.row(r, q))
	}
	if d.Grants, err = w.Gate.Grants(r.Context(), gate.GrantFilter{Case: id, Session: s.ID, Live: true}); err != nil {
		return err
	}
	if d.Agent && !d.Closed {
		if d.Offered, err = w.offer(r, k, s); err != nil {
			return err
		}
		d.Ladder = w.ladder(r, s, k, d.Grants, asked)
	}
	if d.Members, err = w.assignees(r, s, k); err != nil {
		return err
	}
	d.Clock, d.Writing, d.Priorities = w.clockOf(k), w.writing(r, s, id), w.priorities(r, k.Priority)
	d.Undo = k.MergedInto != "" && w.Now().Sub(k.MergedAt) <= desk.UndoMerge
	if d.Organisations, err = w.organisations(r, s, k.Organisation, "desk.case.nobody"); err != nil {
		return err
	}
	macros, err := w.Desk.Macros(r.Context(), s)
	if err != nil {
		return err
	}
	for _, m := range macros {
		d.Macros = append(d.Macros, ui.Option{Value: m.ID, Text: m.Name})
	}
	p := w.page(r, s, k.Subject, d)
	p.Ends = "/events?case=" + url.QueryEscape(string(id))
	if problem != nil {
		p.Errors = []ui.Problem{{Field: "text", Text: w.ui.Sentence(w.ui.Lang(r), problem)}}
	}
	w.ui.Page(rw, r, status, "case", p)
	return nil
}

// offer gives the deepest standing offer of the case that has no grant yet.
func (w *Web) offer(r *http.Request, k desk.Case, s staff.Session) (*offered, error) {
	all, err := w.Gate.Offers(r.Context(), k.ID)
	if err != nil {
		return nil, err
	}
	var best *offered
	for _, o := range all {
		if (o.Staff == "" || o.Staff == s.Staff) && (best == nil || o.Tier > best.Tier) {
			best = &offered{Tier: o.Tier, Count: len(o.Messages), Sentence: w.ui.Words().T(k.Locale, "desk.offer.sentence")}
		}
	}
	return best, nil
}

// assignees are the members who may be given a case.
func (w *Web) assignees(r *http.Request, s staff.Session, k desk.Case) (list []ui.Option, err error) {
	members, err := w.Desk.Colleagues(r.Context(), s)
	if err != nil {
		return nil, err
	}
	list = append(list, ui.Option{Value: "", Text: w.t(r, "desk.case.nobody"), Selected: k.Assignee == ""})
	for _, m := range members {
		list = append(list, ui.Option{Value: string(m.ID), Text: m.Name, Selected: m.ID == k.Assignee})
	}
	return list, nil
}

// ladder says of each tier what stands: open under a grant, asked for, or
// locked, with the way on.
func (w *Web) ladder(r *http.Request, s staff.Session, k desk.Case, live []gate.Grant, asked []gate.Request) []ui.Rung {
	rungs := make([]ui.Rung, 0, len(postern.Tiers))
	base := "/cases/" + string(k.ID)
	for _, tier := range postern.Tiers {
		rung := ui.Rung{Tier: tier, State: "locked"}
		rule, ok := w.Gate.Policy().Tiers[tier.String()]
		switch {
		case !ok:
			rung.Note = w.t(r, "gate.refused.policy")
			rungs = append(rungs, rung)
			continue
		case s.OrganisationKind != "provider" && !rule.Outsourcers:
			rung.Note = w.t(r, "gate.refused.outsourcer")
			rungs = append(rungs, rung)
			continue
		}
		switch {
		case tier == postern.TierAccount:
			rung.State, rung.Note, rung.Href, rung.Action = "open", w.t(r, "desk.ladder."+string(rule.Agree)), base+"/diagnosis", w.t(r, "desk.ladder.diagnose")
		case tier == postern.TierTrace:
			rung.State, rung.Note, rung.Href, rung.Action = "open", w.t(r, "desk.ladder."+string(rule.Agree)), base+"/trace", w.t(r, "desk.ladder.trace")
		default:
			rung.Note, rung.Href, rung.Action = w.t(r, "desk.ladder."+string(rule.Agree)), base+"/ask?tier="+tier.String(), w.t(r, "desk.ladder.ask")
			for _, q := range asked {
				if q.Status == gate.Waiting && q.Tier == tier && q.Staff == s.Staff {
					rung.State, rung.Note, rung.Href, rung.Action = "asked", w.t(r, "desk.ladder.asked"), "/requests/"+string(q.ID), w.t(r, "desk.ladder.see")
				}
			}
			for _, g := range live {
				if g.Tier >= tier && len(g.Messages) > 0 {
					rung.State, rung.Href, rung.Action = "here", "/grants/"+string(g.ID), w.t(r, "desk.ladder.open")
					rung.Note = w.t(r, "desk.ladder.until", "agreed", w.agreed(r, g.AgreedBy), "time", ui.Clock(w.ui.Lang(r), g.Until.In(w.Zone)))
					break
				}
			}
		}
		rungs = append(rungs, rung)
	}
	return rungs
}

func (w *Web) reply(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	return w.wrote(rw, r, s, w.Desk.Reply(r.Context(), s, postern.CaseID(r.PathValue("id")), r.PostFormValue("text")))
}

func (w *Web) note(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	return w.wrote(rw, r, s, w.Desk.Note(r.Context(), s, postern.CaseID(r.PathValue("id")), r.PostFormValue("text")))
}

// wrote leads back to the case; what was wrong comes back with what was typed.
func (w *Web) wrote(rw http.ResponseWriter, r *http.Request, s staff.Session, err error) error {
	switch postern.KindOf(err) {
	case postern.Invalid, postern.Conflict:
		return w.showCase(rw, r, s, ui.StatusOf(err), r.PostFormValue("text"), err)
	}
	return w.back(rw, r, err)
}

func (w *Web) back(rw http.ResponseWriter, r *http.Request, err error) error {
	if err == nil {
		http.Redirect(rw, r, "/cases/"+url.PathEscape(r.PathValue("id")), http.StatusSeeOther)
	}
	return err
}

func (w *Web) assign(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	to := postern.StaffID(r.PostFormValue("staff"))
	if r.PostFormValue("me") != "" {
		to = s.Staff
	}
	return w.back(rw, r, w.Desk.Assign(r.Context(), s, postern.CaseID(r.PathValue("id")), to))
}

func (w *Web) closeCase(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	return w.back(rw, r, w.Desk.Close(r.Context(), s, postern.CaseID(r.PathValue("id"))))
}

func (w *Web) reopen(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	return w.back(rw, r, w.Desk.Reopen(r.Context(), s, postern.CaseID(r.PathValue("id"))))
}

// day reads a date of a form; zero for none.
func (w *Web) day(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.ParseInLocation("2006-01-02", s, w.Zone)
	if err != nil {
		return t, &postern.Error{Kind: postern.Invalid, Key: "desk.invalid.date", Text: "write a date as 2026-05-14", Err: err}
	}
	return t, nil
}
