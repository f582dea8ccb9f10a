package web

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/desk"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/ui"
)

// checklistData is a checklist; without a complaint it is the list of them, and
// shows nothing of the customer's.
type checklistData struct {
	revealed
	Complaints []ui.NavItem
	Complaint  string
	Names      string
	Query      string
	Problem    string
	Checks     []checkedLine
	Replies    []string // in the customer's language
	Lang       string
}

type checkedLine struct {
	Key, Badge, Kind string
	Evidence         []sentence
}

func (w *Web) checklist(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	k, _, err := w.Desk.Case(r.Context(), s, postern.CaseID(r.PathValue("id")))
	if err != nil {
		return err
	}
	q := r.URL.Query()
	d := checklistData{Complaint: q.Get("complaint"), Query: strings.TrimSpace(q.Get("query")), Lang: k.Locale}
	d.Case = &k
	for _, c := range desk.Complaints {
		d.Complaints = append(d.Complaints, ui.NavItem{Text: "desk.complaint." + c.ID, Current: c.ID == d.Complaint,
			Href: withQuery("/cases/"+string(k.ID)+"/checklist", url.Values{"complaint": {c.ID}})})
	}
	if d.Complaint == "" {
		w.ui.Page(rw, r, http.StatusOK, "checklist", w.page(r, s, "desk.checklist.title", d))
		return nil
	}
	found, err := w.Desk.Check(r.Context(), s, k.ID, d.Complaint, d.Query)
	d.Names = found.Complaint.Names
	if postern.KindOf(err) == postern.Invalid {
		d.Problem = w.ui.Sentence(w.ui.Lang(r), err)
		p := w.page(r, s, "desk.checklist.title", d)
		p.Errors = []ui.Problem{{Field: "query", Text: d.Problem}}
		w.ui.Page(rw, r, http.StatusUnprocessableEntity, "checklist", p)
		return nil
	}
	if err != nil {
		return err
	}
	defer found.Delivery.Done()
	if d.revealed, err = w.reveal(r, s, found.Delivery); err != nil {
		return err
	}
	for _, c := range found.Checks {
		d.Checks = append(d.Checks, checkedLine{Key: c.Key, Badge: "desk.checked." + string(c.State), Kind: stateKinds[c.State], Evidence: w.sentences(r, c.Evidence)})
	}
	for _, key := range found.Replies {
		d.Replies = append(d.Replies, w.ui.Words().T(k.Locale, key))
	}
	w.show(rw, r, s, found.Delivery, "checklist", w.page(r, s, "desk.checklist.title", d))
	return nil
}

var stateKinds = map[desk.State]string{desk.OK: "ok", desk.Wrong: "danger", desk.Unknown: "info"}

// suggest puts a suggested reply into the case's reply box, for the agent to
// change and send.
func (w *Web) suggest(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	return w.showCase(rw, r, s, http.StatusOK, r.PostFormValue("text"), nil)
}

// explained puts the steps of a trace into words, each sentence once.
func (w *Web) explained(r *http.Request, events []postern.TraceEvent) []sentence {
	var all []desk.Finding
	said := map[string]bool{}
	for _, e := range events {
		for _, f := range desk.Explain(e) {
			if !said[f.Key] {
				said[f.Key] = true
				all = append(all, f)
			}
		}
	}
	return w.sentences(r, all)
}
