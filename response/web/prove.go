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

func (w *Web) provePage(q request) error {
	return w.askProof(q, http.StatusOK, q.URL.Query().Get("then"), nil)
}

// askProof offers what the member has: a passkey, a password, and in the demo a
// button.
func (w *Web) askProof(q request, status int, then string, problem error) error {
	ways, err := w.Staff.CredentialsOf(q.Context(), q.by.Staff)
	if err != nil {
		return err
	}
	has := func(kind string) bool {
		return slices.ContainsFunc(ways, func(c staff.Credential) bool { return c.Kind == kind && c.EndedAt.IsZero() })
	}
	data := ui.Prove{Then: ui.Local(then), Passkey: has("passkey"), Password: has("password"), Demo: w.Demo != nil}
	p := w.frame(q.Request, q.by, "prove.title")
	p.Data = data
	if problem != nil {
		data.Error = w.ui.Sentence(w.ui.Lang(q.Request), problem)
		p.Data, p.Errors = data, []ui.Problem{{Field: "password", Text: data.Error}}
		if !data.Password {
			p.Errors[0].Field = ""
		}
	}
	w.ui.Page(q.rw, q.Request, status, "prove", p)
	return nil
}

func (w *Web) provePassword(q request) error {
	return w.proved(q, w.Staff.ProvePassword(q.Context(), q.by, q.PostFormValue("password"), q.PostFormValue("code"), w.from(q.Request)))
}

func (w *Web) provePasskeyBegin(q request) error {
	options, state, err := w.Staff.BeginProof(q.Context(), q.by)
	w.challenge(q.rw, q.Request, options, state, err)
	return nil
}

func (w *Web) provePasskey(q request) error {
	return w.proved(q, w.Staff.FinishProof(q.Context(), q.by, q.PostFormValue("state"), []byte(q.PostFormValue("answer")), w.from(q.Request)))
}

func (w *Web) proveDemo(q request) error {
	if w.Demo == nil {
		return &postern.Error{Kind: postern.NotFound, Text: "there is no such page"}
	}
	return w.proved(q, w.Demo.Prove(q.Context(), q.by, w.from(q.Request)))
}

// proved leads back, or says why not.
func (w *Web) proved(q request, err error) error {
	then := ui.Local(q.PostFormValue("then"))
	switch postern.KindOf(err) {
	case postern.Denied, postern.Invalid:
		return w.askProof(q, http.StatusForbidden, then, err)
	}
	if err != nil {
		return err
	}
	http.Redirect(q.rw, q.Request, then, http.StatusSeeOther)
	return nil
}
