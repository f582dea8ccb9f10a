package web

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/ui"
)

// signInData is the sign-in page.
type signInData struct {
	Login string
	Why   string // why the last session ended: a sentence
	Error string // why this attempt failed: a sentence
	Next  string
	Demo  []demoPerson

	Providers []Provider
}

type demoPerson struct {
	ID           postern.StaffID
	Name, Detail string
}

func (w *Web) signInPage(rw http.ResponseWriter, r *http.Request) {
	d := signInData{Next: ui.Local(r.URL.Query().Get("next"))}
	if why := "staff.refused." + r.URL.Query().Get("why"); w.ui.Words().Has(w.ui.Lang(r), why) {
		d.Why = w.t(r, why)
	}
	w.showSignIn(rw, r, http.StatusOK, d)
}

func (w *Web) showSignIn(rw http.ResponseWriter, r *http.Request, status int, d signInData) {
	if d.Next == "" || d.Next == "/" {
		d.Next = "/cases"
	}
	if w.Demo != nil {
		people, err := w.demoPeople(r)
		if err != nil {
			w.fail(rw, r, staff.Session{}, err)
			return
		}
		d.Demo = people
	}
	d.Providers = w.Providers
	p := ui.Page{Title: "desk.sign-in.title", Data: d}
	if d.Error != "" {
		p.Errors = []ui.Problem{{Field: "login", Text: d.Error}}
	}
	w.ui.Page(rw, r, status, "signin", p)
}

// demoPeople are the members whose work is here.
func (w *Web) demoPeople(r *http.Request) (people []demoPerson, err error) {
	members, err := w.Staff.Members(r.Context())
	if err != nil {
		return nil, err
	}
	organisations, err := w.Staff.Organisations(r.Context())
	if err != nil {
		return nil, err
	}
	names := map[postern.OrganisationID]string{}
	for _, o := range organisations {
		names[o.ID] = o.Name
	}
	for _, m := range members {
		if m.Status == "active" && (slices.Contains(m.Roles, staff.Agent) || slices.Contains(m.Roles, staff.Approver)) {
			people = append(people, demoPerson{m.ID, m.Name, names[m.Organisation] + " · " + w.roles(w.ui.Lang(r), staff.Session{Roles: m.Roles})})
		}
	}
	return people, nil
}

func (w *Web) signIn(rw http.ResponseWriter, r *http.Request) {
	login := r.PostFormValue("login")
	token, s, err := w.Staff.SignInPassword(r.Context(), login, r.PostFormValue("password"), r.PostFormValue("code"), w.From(r))
	next := ui.Local(r.PostFormValue("next"))
	w.tellTime(rw, err)
	if postern.KindOf(err) == postern.Denied {
		w.showSignIn(rw, r, http.StatusForbidden, signInData{Login: login, Error: w.ui.Sentence(w.ui.Lang(r), err), Next: next})
		return
	}
	w.begin(rw, r, token, s, next, err)
}

// begin keeps the token of a new session and leads on.
func (w *Web) begin(rw http.ResponseWriter, r *http.Request, token string, s staff.Session, next string, err error) {
	w.tellTime(rw, err)
	if postern.KindOf(err) == postern.Denied {
		w.showSignIn(rw, r, http.StatusForbidden, signInData{Error: w.ui.Sentence(w.ui.Lang(r), err), Next: next})
		return
	}
	if err != nil {
		w.fail(rw, r, staff.Session{}, err)
		return
	}
	w.keep(rw, r, token, s)
	http.Redirect(rw, r, landing(next), http.StatusSeeOther)
}

func (w *Web) keep(rw http.ResponseWriter, r *http.Request, token string, s staff.Session) {
	w.ui.SetSecret(rw, r, cookieName, token, s.Expires)
	if w.ui.Prefs(r).Lang == "" {
		w.ui.SetLang(rw, r, s.Locale)
	}
}

// landing is where a sign-in leads.
func landing(next string) string {
	if next == "" || next == "/" {
		return "/cases"
	}
	return next
}

func (w *Web) signInDemo(rw http.ResponseWriter, r *http.Request) {
	if w.Demo == nil {
		w.fail(rw, r, staff.Session{}, &postern.Error{Kind: postern.NotFound, Text: "there is no such page"})
		return
	}
	token, s, err := w.Demo.SignInAs(r.Context(), postern.StaffID(r.PostFormValue("staff")), w.From(r))
	w.begin(rw, r, token, s, ui.Local(r.PostFormValue("next")), err)
}

// tellTime gives a browser whose clock is wrong the right time: its worker
// tries again with it.
func (w *Web) tellTime(rw http.ResponseWriter, err error) {
	if staff.Stale(err) {
		rw.Header().Set("Postern-Time", strconv.FormatInt(w.Now().Unix(), 10))
	}
}
