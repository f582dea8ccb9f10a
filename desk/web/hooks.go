package web

import (
	"net/http"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/desk/hooks"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/ui"
)

// hooksData is what an organisation's hooks are and did.
type hooksData struct {
	Hooks  []hookRow
	Last   []hooks.Delivery
	Kinds  []ui.Option
	Secret string // of a hook that was just made: shown once
}

type hookRow struct {
	hooks.Hook
	Dead int
}

// Over says that a hook was ended.
func (h hookRow) Over() bool { return !h.Ended.IsZero() }

func (w *Web) hooksPage(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	return w.showHooks(rw, r, s, "")
}

func (w *Web) showHooks(rw http.ResponseWriter, r *http.Request, s staff.Session, secret string) error {
	if w.Hooks == nil {
		return &postern.Error{Kind: postern.NotFound, Text: "there is no such page"}
	}
	all, last, err := w.Hooks.List(r.Context(), s)
	if err != nil {
		return err
	}
	d := hooksData{Last: last, Secret: secret}
	for _, k := range all {
		row := hookRow{Hook: k}
		for _, one := range last {
			if one.Hook == k.ID && one.State == hooks.Dead {
				row.Dead++
			}
		}
		d.Hooks = append(d.Hooks, row)
	}
	for _, k := range hooks.Kinds {
		d.Kinds = append(d.Kinds, ui.Option{Value: k, Text: w.t(r, "desk.hooks.kind."+k)})
	}
	rw.Header().Set("Cache-Control", "no-store")
	w.ui.Page(rw, r, http.StatusOK, "hooks", w.page(r, s, "desk.hooks.title", d))
	return nil
}

func (w *Web) createHook(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	if w.Hooks == nil {
		return &postern.Error{Kind: postern.NotFound, Text: "there is no such page"}
	}
	_, secret, err := w.Hooks.Create(r.Context(), s, hooks.Hook{Kind: r.PostFormValue("kind"), Label: r.PostFormValue("label"), URL: r.PostFormValue("url"), Credential: r.PostFormValue("credential"),
		Private: r.PostFormValue("private") != "", IncludeCustomer: r.PostFormValue("customer") != ""})
	if err != nil {
		return err
	}
	return w.showHooks(rw, r, s, secret)
}

func (w *Web) changeHook(rw http.ResponseWriter, r *http.Request, s staff.Session) (err error) {
	if w.Hooks == nil {
		return &postern.Error{Kind: postern.NotFound, Text: "there is no such page"}
	}
	switch id := r.PathValue("id"); r.PathValue("act") {
	case "end":
		err = w.Hooks.End(r.Context(), s, id)
	case "again":
		err = w.Hooks.Again(r.Context(), s, id)
	case "secret":
		err = w.Hooks.SetSecret(r.Context(), s, id, r.PostFormValue("secret"))
	default:
		err = &postern.Error{Kind: postern.NotFound, Text: "there is no such page"}
	}
	if err == nil {
		http.Redirect(rw, r, "/setup/hooks", http.StatusSeeOther)
	}
	return err
}
