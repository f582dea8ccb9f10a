package web

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/desk"
	"github.com/postern-mail/postern/staff"
)

// work are the addresses of what members do with cases beside writing in them.
func (w *Web) work() map[string]handler {
	return map[string]handler{
		"POST /views":                   w.saveView,
		"POST /views/{id}/drop":         w.dropView,
		"POST /cases/{id}/hand-over":    w.handOver,
		"POST /cases/{id}/organisation": w.giveOrganisation,
		"POST /cases/{id}/edit":         w.edit,
		"POST /cases/{id}/merge":        w.merge,
		"POST /cases/{id}/unmerge":      w.unmerge,
		"POST /cases/{id}/macro":        w.insertMacro,
		"POST /cases/{id}/writing":      w.typed,
		"GET /setup":                    w.setup,
		"POST /setup/macros":            w.saveMacro,
		"POST /setup/macros/{id}/drop":  w.dropMacro,
		"GET /setup/hooks":              w.hooksPage,
		"POST /setup/hooks":             w.createHook,
		"POST /setup/hooks/{id}/{act}":  w.changeHook,
		"POST /setup/targets":           w.saveTargets,
	}
}

func idOf(r *http.Request) postern.CaseID { return postern.CaseID(r.PathValue("id")) }

func (w *Web) handOver(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	return w.wrote(rw, r, s, w.Desk.HandOver(r.Context(), s, idOf(r), postern.StaffID(r.PostFormValue("staff")), r.PostFormValue("why")))
}

func (w *Web) giveOrganisation(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	to := postern.OrganisationID(r.PostFormValue("organisation"))
	err := w.Desk.AssignOrganisation(r.Context(), s, idOf(r), to)
	if err == nil && s.OrganisationKind != "provider" && to != s.Organisation { // given back: it is no longer theirs to see
		http.Redirect(rw, r, "/cases", http.StatusSeeOther)
		return nil
	}
	return w.back(rw, r, err)
}

func (w *Web) edit(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	p, _ := desk.PriorityNamed(r.PostFormValue("priority"))
	return w.wrote(rw, r, s, w.Desk.Edit(r.Context(), s, idOf(r), p, strings.TrimSpace(r.PostFormValue("external"))))
}

func (w *Web) merge(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	into, _ := strconv.ParseInt(strings.TrimPrefix(strings.TrimSpace(r.PostFormValue("into")), "#"), 10, 64)
	return w.wrote(rw, r, s, w.Desk.Merge(r.Context(), s, idOf(r), into))
}

func (w *Web) unmerge(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	return w.wrote(rw, r, s, w.Desk.Unmerge(r.Context(), s, idOf(r)))
}

// insertMacro comes back with the macro's words after what was typed.
func (w *Web) insertMacro(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	k, _, err := w.Desk.Case(r.Context(), s, idOf(r))
	if err != nil {
		return err
	}
	all, err := w.Desk.Macros(r.Context(), s)
	if err != nil {
		return err
	}
	draft := strings.TrimRight(r.PostFormValue("text"), "\r\n ")
	for _, m := range all {
		if m.ID == r.PostFormValue("macro") {
			if draft != "" {
				draft += "\n\n"
			}
			return w.showCase(rw, r, s, http.StatusOK, draft+m.For(k), nil)
		}
	}
	return &postern.Error{Kind: postern.NotFound, Key: "desk.unknown.macro", Text: "there is no such macro"}
}

// typed notes that somebody writes; the page says it on input, not by a timer.
func (w *Web) typed(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	err := w.Desk.Writing(r.Context(), s, idOf(r))
	if err == nil {
		rw.WriteHeader(http.StatusNoContent)
	}
	return err
}

// writing says who else is writing in a case, "" for nobody.
func (w *Web) writing(r *http.Request, s staff.Session, id postern.CaseID) string {
	switch names, err := w.Desk.Writers(r.Context(), s, id); {
	case err != nil || len(names) == 0: // it is a hint, and nothing waits for it
		return ""
	case len(names) == 1:
		return w.t(r, "desk.presence.writing", "names", names[0])
	default:
		return w.t(r, "desk.presence.many", "names", strings.Join(names, ", "))
	}
}

// setupData is what an organisation sets up.
type setupData struct {
	Macros  []desk.Macro
	Hours   string
	Targets []targetRow
}

type targetRow struct{ Name, Reply, Resolve string }

func (w *Web) setup(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	if !manages(s) {
		return &postern.Error{Kind: postern.Denied, Key: "desk.refused.not-manager", Text: "only approvers and admins set up the desk"}
	}
	var d setupData
	var err error
	if d.Macros, err = w.Desk.Macros(r.Context(), s); err != nil {
		return err
	}
	targets, err := w.Desk.Targets(r.Context(), s)
	if err != nil {
		return err
	}
	d.Hours = targets.Hours.String()
	for _, p := range desk.Priorities {
		d.Targets = append(d.Targets, targetRow{p.String(), brief(targets.Of[p].Reply), brief(targets.Of[p].Resolve)})
	}
	w.ui.Page(rw, r, http.StatusOK, "setup", w.page(r, s, "desk.setup.title", d))
	return nil
}

// brief writes a duration as people do: "4h", "90m".
func brief(d time.Duration) string {
	return strings.TrimSuffix(strings.TrimSuffix(d.String(), "0s"), "h0m") + map[bool]string{true: "h", false: ""}[strings.HasSuffix(d.String(), "h0m0s")]
}

func (w *Web) saveMacro(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	return toSetup(rw, r, w.Desk.SaveMacro(r.Context(), s, desk.Macro{ID: r.PostFormValue("id"), Name: r.PostFormValue("name"), French: r.PostFormValue("fr"), English: r.PostFormValue("en")}))
}

func (w *Web) dropMacro(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	return toSetup(rw, r, w.Desk.DropMacro(r.Context(), s, r.PathValue("id")))
}

func (w *Web) saveTargets(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	hours, err := staff.ParseHours(r.PostFormValue("hours"))
	if err != nil {
		return err
	}
	t := desk.Targets{Hours: hours, Of: map[desk.Priority]desk.Target{}}
	for _, p := range desk.Priorities {
		// What is no duration is none, and is refused there.
		reply, _ := time.ParseDuration(r.PostFormValue("reply-" + p.String()))
		resolve, _ := time.ParseDuration(r.PostFormValue("resolve-" + p.String()))
		t.Of[p] = desk.Target{Reply: reply, Resolve: resolve}
	}
	return toSetup(rw, r, w.Desk.SetTargets(r.Context(), s, t))
}

func toSetup(rw http.ResponseWriter, r *http.Request, err error) error {
	if err == nil {
		http.Redirect(rw, r, "/setup", http.StatusSeeOther)
	}
	return err
}
