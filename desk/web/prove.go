package web

import (
	"net/http"
	"slices"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/ui"
)

// Proving again who somebody is: a link to /prove?then=/address, where a policy
// asks for it, leads back there.

func (w *Web) provePage(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	return w.askProof(rw, r, s, http.StatusOK, r.URL.Query().Get("then"), nil)
}

// askProof offers what the member has: the company's own sign-in where the
// session came of it, a passkey, a password, and in the demo a button.
func (w *Web) askProof(rw http.ResponseWriter, r *http.Request, s staff.Session, status int, then string, problem error) error {
	ways, err := w.Staff.CredentialsOf(r.Context(), s.Staff)
	if err != nil {
		return err
	}
	has := func(kind string) bool {
		return slices.ContainsFunc(ways, func(c staff.Credential) bool { return c.Kind == kind && c.EndedAt.IsZero() })
	}
	data := ui.Prove{Then: ui.Local(then), Passkey: has("passkey"), Password: has("password"), Demo: w.Demo != nil}
	issuer, err := w.Staff.IssuerOf(r.Context(), s.ID)
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(w.Providers, func(p Provider) bool { return p.Issuer == issuer }); issuer != "" && i >= 0 {
		data.Provider, data.ProviderHref = w.Providers[i].Name, withQuery("/oidc/"+w.Providers[i].ID+"/prove", map[string][]string{"then": {data.Then}})
	}
	p := w.page(r, s, "prove.title", nil)
	p.Data = data
	if problem != nil {
		data.Error = w.ui.Sentence(w.ui.Lang(r), problem)
		p.Data, p.Errors = data, []ui.Problem{{Field: "password", Text: data.Error}}
		if !data.Password {
			p.Errors[0].Field = ""
		}
	}
	w.ui.Page(rw, r, status, "prove", p)
	return nil
}

func (w *Web) provePassword(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	return w.proved(rw, r, s, w.Staff.ProvePassword(r.Context(), s, r.PostFormValue("password"), r.PostFormValue("code"), w.From(r)))
}

func (w *Web) provePasskeyBegin(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	options, state, err := w.Staff.BeginProof(r.Context(), s)
	w.challenge(rw, r, options, state, err)
	return nil
}

func (w *Web) provePasskey(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	return w.proved(rw, r, s, w.Staff.FinishProof(r.Context(), s, r.PostFormValue("state"), []byte(r.PostFormValue("answer")), w.From(r)))
}

func (w *Web) proveDemo(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	if w.Demo == nil {
		return &postern.Error{Kind: postern.NotFound, Text: "there is no such page"}
	}
	return w.proved(rw, r, s, w.Demo.Prove(r.Context(), s, w.From(r)))
}

// proved leads back, or says why not.
func (w *Web) proved(rw http.ResponseWriter, r *http.Request, s staff.Session, err error) error {
	then := ui.Local(r.PostFormValue("then"))
	switch postern.KindOf(err) {
	case postern.Denied, postern.Invalid:
		return w.askProof(rw, r, s, http.StatusForbidden, then, err)
	}
	if err != nil {
		return err
	}
	http.Redirect(rw, r, then, http.StatusSeeOther)
	return nil
}
