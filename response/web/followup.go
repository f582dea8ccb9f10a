package web

import (
	"net/http"
	"strconv"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/response/incident"
	"github.com/postern-mail/postern/response/notify"
	"github.com/postern-mail/postern/ui"
)

// letterView is a notice on paper.
type letterView struct {
	notify.Notice
	Path string
	Back string
}

// letter shows one notice as a letter, in the person's language or another: for
// whoever prints it. The words are those that were drafted.
func (w *Web) letter(q request) error {
	id, account := postern.IncidentID(q.PathValue("id")), postern.AccountID(q.PathValue("account"))
	words, err := w.Response.Preview(q.Context(), id, account)
	if err != nil {
		return err
	}
	n, chosen := words[q.URL.Query().Get("locale")]
	for _, one := range words {
		if !chosen && one.State != "" { // as drafted
			n = one
		}
	}
	if n.Text == "" {
		n = words[q.by.Locale]
	}
	back := incidentPath(id) + "/notices?account=" + string(account)
	p := w.frame(q.Request, q.by, n.Subject)
	p.Data = letterView{n, incidentPath(id), back}
	return w.show(q, "letter", p)
}

type followView struct {
	Incident  incident.Incident
	Path      string
	Responder bool
	Days      int
	State     string
	States    []ui.Option
	People    []notify.Followup
	Choices   []string
	File      string
	Older     string
	Forwards  bool // some of them forward their mail
}

func followFilter(q request) notify.FollowFilter {
	form := q.URL.Query()
	f := notify.FollowFilter{State: form.Get("state"), After: postern.AccountID(form.Get("after")), Days: notify.FollowDays}
	if days, err := strconv.Atoi(form.Get("days")); err == nil && days > 0 && days < 1000 {
		f.Days = days
	}
	return f
}

// followups lists whom the notices have not reached.
func (w *Web) followups(q request) error {
	id := postern.IncidentID(q.PathValue("id"))
	in, err := w.Response.Incident(q.Context(), id)
	if err != nil {
		return err
	}
	f := followFilter(q)
	f.Limit = perPage + 1
	v := followView{Incident: in, Path: incidentPath(id), Responder: responder(q.by), Days: f.Days, State: f.State, Choices: notify.FollowStates[:]}
	if v.People, err = w.Response.Followups(q.Context(), id, f); err != nil {
		return err
	}
	query := func(after string) string {
		return queryOf("days", strconv.Itoa(f.Days), "state", f.State, "after", after)
	}
	if len(v.People) > perPage {
		v.People = v.People[:perPage]
		v.Older = v.Path + "/followup?" + query(string(v.People[perPage-1].Account))
	}
	v.File = v.Path + "/followup.csv?" + query("")
	for _, one := range v.People {
		v.Forwards = v.Forwards || one.Forwards
	}
	for _, state := range append([]string{"", notify.FollowOpen}, notify.FollowStates[:]...) {
		v.States = append(v.States, ui.Option{Value: state, Text: w.say(q, "follow.filter."+state), Selected: state == f.State})
	}
	p := w.frame(q.Request, q.by, w.say(q, "follow.title", "number", in.Number))
	p.Data, p.Wide = v, true
	return w.show(q, "followup", p)
}

// followupsFile gives the list as a file, for letters and calls.
func (w *Web) followupsFile(q request) error {
	id := postern.IncidentID(q.PathValue("id"))
	in, err := w.Response.Incident(q.Context(), id)
	if err != nil {
		return err
	}
	if !responder(q.by) {
		return errRole
	}
	h := q.rw.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", "attachment; filename=\"incident-"+strconv.FormatInt(in.Number, 10)+"-follow-up.csv\"")
	h.Set("Cache-Control", "no-store")
	if err := w.Response.FollowCSV(q.Context(), q.by, id, followFilter(q), q.rw); err != nil {
		w.Log.Error("couldn't write a list to follow up", "err", err)
		panic(http.ErrAbortHandler) // a file that is cut must not look whole
	}
	return nil
}

func (w *Web) followup(q request) error {
	id := postern.IncidentID(q.PathValue("id"))
	err := w.Response.Follow(q.Context(), q.by, id, postern.AccountID(q.PostFormValue("account")), q.PostFormValue("was"), q.PostFormValue("state"))
	if err != nil {
		return err
	}
	return w.did(q, incidentPath(id)+"/followup", "followed")
}

// codeView is the page for whoever answers the telephone.
type codeView struct {
	Address, Code string
	Asked         bool
	Answer        notify.Checked
}

func (w *Web) codes(q request) error { return w.showCode(q, codeView{}) }

// checkCode answers in the page itself: an address and a code are no part of an
// address.
func (w *Web) checkCode(q request) error {
	v := codeView{Address: q.PostFormValue("address"), Code: q.PostFormValue("code"), Asked: true}
	var err error
	if v.Answer, err = w.Response.CheckCode(q.Context(), v.Address, v.Code); err != nil {
		return err
	}
	return w.showCode(q, v)
}

func (w *Web) showCode(q request, v codeView) error {
	p := w.frame(q.Request, q.by, w.say(q, "codes.title"))
	p.Data = v
	return w.show(q, "codes", p)
}
