package web

import (
	"encoding/json"
	"net/http"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/ui"
)

func (w *Web) beginLogin(rw http.ResponseWriter, r *http.Request) {
	options, state, err := w.Staff.BeginLogin(r.Context())
	w.challenge(rw, r, options, state, err)
}

// challenge hands the browser what it asks the authenticator. The ceremony's
// state travels along, sealed.
func (w *Web) challenge(rw http.ResponseWriter, r *http.Request, options []byte, state string, err error) {
	answer, status := map[string]any{"options": json.RawMessage(options), "state": state}, http.StatusOK
	if err != nil {
		if postern.KindOf(err) == postern.KindOther {
			w.Log.Error("couldn't begin with a passkey", "error", err)
		}
		answer, status = map[string]any{"problem": w.ui.Sentence(w.ui.Lang(r), err)}, ui.StatusOf(err)
	}
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(status)
	_ = json.NewEncoder(rw).Encode(answer) // what fails here is the connection
}

// finishLogin takes the authenticator's answer: a form, so that what follows is
// an ordinary navigation.
func (w *Web) finishLogin(rw http.ResponseWriter, r *http.Request) {
	token, s, err := w.Staff.FinishLogin(r.Context(), r.PostFormValue("state"), []byte(r.PostFormValue("answer")), w.From(r))
	next := ui.Local(r.PostFormValue("next"))
	w.tellTime(rw, err)
	if kind := postern.KindOf(err); kind == postern.Denied || kind == postern.Invalid {
		w.showSignIn(rw, r, ui.StatusOf(err), signInData{Error: w.ui.Sentence(w.ui.Lang(r), err), Next: next})
		return
	}
	w.begin(rw, r, token, s, next, err)
}

// passkeyData is the page where a member registers a passkey.
type passkeyData struct {
	Invited bool // by an invitation, which the script finds behind the #
	Keys    []staff.Credential
	Created bool
}

// invitePage is for the holder of an invitation. Its address ends in # and the
// invitation, so that neither a server nor a proxy has it in its log.
func (w *Web) invitePage(rw http.ResponseWriter, r *http.Request) {
	w.ui.Page(rw, r, http.StatusOK, "passkey", ui.Page{Title: "desk.passkey.title", Data: passkeyData{Invited: true}})
}

// passkeyPage is for who is signed in.
func (w *Web) passkeyPage(rw http.ResponseWriter, r *http.Request, s staff.Session) (err error) {
	d := passkeyData{Created: r.URL.Query().Has("created")}
	if d.Keys, err = w.Staff.CredentialsOf(r.Context(), s.Staff); err != nil {
		return err
	}
	w.ui.Page(rw, r, http.StatusOK, "passkey", w.page(r, s, "desk.passkey.title", d))
	return nil
}

func (w *Web) beginRegistration(rw http.ResponseWriter, r *http.Request) {
	who := staff.Registrant{Invite: r.PostFormValue("invite")}
	if who.Invite == "" {
		s, err := w.Staff.SessionFrom(r.Context(), w.ui.Secret(r, cookieName), w.From(r))
		if err != nil {
			w.challenge(rw, r, nil, "", err)
			return
		}
		who.Session = s.ID
	}
	options, state, err := w.Staff.BeginRegistration(r.Context(), who)
	w.challenge(rw, r, options, state, err)
}

func (w *Web) finishRegistration(rw http.ResponseWriter, r *http.Request) {
	_, err := w.Staff.FinishRegistration(r.Context(), r.PostFormValue("state"), []byte(r.PostFormValue("answer")), r.PostFormValue("label"))
	if err != nil {
		w.fail(rw, r, staff.Session{}, err)
		return
	}
	next := "/passkey?created"
	if r.PostFormValue("invite") != "" {
		next = "/sign-in"
	}
	http.Redirect(rw, r, next, http.StatusSeeOther)
}
