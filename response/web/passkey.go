package web

import (
	"encoding/json"
	"net/http"

	"github.com/postern-mail/postern"
)

// passkeyBegin hands the browser what it asks the authenticator. The ceremony's
// state travels along, sealed.
func (w *Web) passkeyBegin(rw http.ResponseWriter, r *http.Request) {
	options, state, err := w.Staff.BeginLogin(r.Context())
	w.challenge(rw, r, options, state, err)
}

func (w *Web) challenge(rw http.ResponseWriter, r *http.Request, options []byte, state string, err error) {
	if err != nil {
		w.passkeyRefused(rw, r, err)
		return
	}
	rw.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(rw).Encode(map[string]any{"options": json.RawMessage(options), "state": state})
}

// passkeyFinish takes the authenticator's answer: a form, so that what follows
// is an ordinary navigation.
func (w *Web) passkeyFinish(rw http.ResponseWriter, r *http.Request) {
	token, s, err := w.Staff.FinishLogin(r.Context(), r.PostFormValue("state"), []byte(r.PostFormValue("answer")), w.from(r))
	w.signedInAs(rw, r, "", token, s, err)
}

func (w *Web) passkeyRefused(rw http.ResponseWriter, r *http.Request, err error) {
	status := http.StatusForbidden
	if postern.KindOf(err) == postern.Unavailable {
		status = http.StatusServiceUnavailable
	}
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(status)
	_ = json.NewEncoder(rw).Encode(map[string]string{"problem": w.ui.Sentence(w.ui.Lang(r), err)})
}
