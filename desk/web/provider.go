package web

import (
	"net/http"
	"slices"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/ui"
)

// Provider is a company's own sign-in, which stands as a button on the sign-in
// page. Its answer comes back to /oidc/{ID}/callback.
type Provider struct {
	ID, Name string
	Issuer   string // as the sessions that come of it name it
	// Begin sends the browser there. With a session it only proves that the
	// session's member is still there: /oidc/{ID}/prove.
	Begin func(rw http.ResponseWriter, r *http.Request, next string, prove postern.SessionID) error
	// Finish takes the answer. The token is empty where a session was proved.
	Finish func(rw http.ResponseWriter, r *http.Request, from staff.From) (token string, s staff.Session, next string, err error)
}

func (w *Web) provider(id string) (Provider, error) {
	i := slices.IndexFunc(w.Providers, func(p Provider) bool { return p.ID == id })
	if i < 0 {
		return Provider{}, &postern.Error{Kind: postern.NotFound, Text: "there is no such page"}
	}
	return w.Providers[i], nil
}

// beginProvider is a link and no form, whose answers may not leave this origin
// (form-action). A foreign page that follows it signs nobody in as another.
func (w *Web) beginProvider(rw http.ResponseWriter, r *http.Request) {
	p, err := w.provider(r.PathValue("provider"))
	if err == nil {
		err = p.Begin(rw, r, ui.Local(r.URL.Query().Get("next")), "")
	}
	if err != nil {
		w.fail(rw, r, staff.Session{}, err)
	}
}

func (w *Web) proveByProvider(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	p, err := w.provider(r.PathValue("provider"))
	if err != nil {
		return err
	}
	return p.Begin(rw, r, ui.Local(r.URL.Query().Get("then")), s.ID)
}

func (w *Web) finishProvider(rw http.ResponseWriter, r *http.Request) {
	p, err := w.provider(r.PathValue("provider"))
	if err != nil {
		w.fail(rw, r, staff.Session{}, err)
		return
	}
	token, s, next, err := p.Finish(rw, r, w.From(r))
	next = ui.Local(next)
	switch {
	case postern.KindOf(err) == postern.Denied || postern.KindOf(err) == postern.Unavailable:
		w.showSignIn(rw, r, ui.StatusOf(err), signInData{Error: w.ui.Sentence(w.ui.Lang(r), err), Next: next})
	case err == nil && token == "":
		http.Redirect(rw, r, landing(next), http.StatusSeeOther)
	default:
		w.begin(rw, r, token, s, next, err)
	}
}
