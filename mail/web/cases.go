package web

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/mail/internal/store"
	"github.com/postern-mail/postern/ui"
)

const (
	maxSubject = 200
	maxText    = 20_000
	mostShared = 20
)

type newCaseView struct {
	Subject, Text           string
	SubjectError, TextError string
	Chosen, Recent          []shareLine
}

// shareLine is a message as it stands in a list of what support would see.
type shareLine struct {
	line
	ID      postern.MessageID
	Checked bool
	Gone    bool // it is not there any more
}

func (w *Web) cases(v *visit) error {
	list, err := w.Help.Cases(v.ctx(), v.account.ID)
	if err != nil {
		return err
	}
	return w.show(v, http.StatusOK, "help", ui.Page{Title: "help.title", Data: list})
}

// shareLines describes messages of the account's own for a form.
func (w *Web) shareLines(v *visit, ids []postern.MessageID, checked bool) (out []shareLine, err error) {
	ids = ids[:min(len(ids), mostListed)]
	known, err := w.store.Summaries(v.ctx(), v.account.ID, ids)
	return linesOf(known, ids, checked), err
}

func linesOf(known map[postern.MessageID]store.Item, ids []postern.MessageID, checked bool) (out []shareLine) {
	for _, id := range ids {
		if it, ok := known[id]; ok {
			out = append(out, shareLine{line: lineOf(it, ""), ID: id, Checked: checked})
		} else {
			out = append(out, shareLine{ID: id, Gone: true})
		}
	}
	return out
}

const mostListed = 100

func (w *Web) newCase(v *visit) error {
	data := newCaseView{Subject: v.FormValue("subject")}
	if about := v.FormValue("about"); about != "" {
		l, err := w.Help.Look(v.ctx(), v.account.ID, postern.DisclosureID(about))
		if err != nil {
			return err
		}
		if l.Role == "operator" {
			l.Name = w.t(v, "staff.operator")
		}
		data.Subject = w.t(v, "help.about.subject", "name", l.Name, "date", ui.DateTime(v.lang, l.At.In(w.zone())))
		data.Text = w.t(v, "help.about.text", "disclosure", string(l.Disclosure))
	}
	return w.showNewCase(v, http.StatusOK, data, messageIDs(v.Form["message"]), nil)
}

func (w *Web) showNewCase(v *visit, status int, data newCaseView, chosen []postern.MessageID, problems []ui.Problem) error {
	var err error
	if data.Chosen, err = w.shareLines(v, chosen, true); err != nil {
		return err
	}
	if len(chosen) == 0 {
		items, _, err := w.store.Page(v.ctx(), v.account.ID, store.Filter{Limit: 8})
		if err != nil {
			return err
		}
		for _, it := range items {
			data.Recent = append(data.Recent, shareLine{line: lineOf(it, ""), ID: it.ID})
		}
	}
	return w.show(v, status, "help-new", ui.Page{Title: "help.new", Data: data, Errors: problems})
}

func (w *Web) openCase(v *visit) error {
	data := newCaseView{Subject: strings.TrimSpace(v.PostFormValue("subject")), Text: strings.TrimSpace(v.PostFormValue("text"))}
	chosen := messageIDs(v.PostForm["message"])
	var problems []ui.Problem
	if data.Subject == "" || len(data.Subject) > maxSubject {
		data.SubjectError = w.t(v, "help.subject.error", "n", maxSubject)
		problems = append(problems, ui.Problem{Field: "subject", Text: data.SubjectError})
	}
	if data.Text == "" || len(data.Text) > maxText {
		data.TextError = w.t(v, "help.text.error")
		problems = append(problems, ui.Problem{Field: "text", Text: data.TextError})
	}
	if len(problems) > 0 {
		return w.showNewCase(v, http.StatusUnprocessableEntity, data, chosen, problems)
	}
	n, err := w.Help.OpenCase(v.ctx(), v.account.ID, data.Subject, data.Text, chosen)
	if err != nil {
		return err
	}
	w.setFlash(v, flash{Text: "done.case"})
	return v.redirect("/help/" + strconv.FormatInt(n, 10))
}

type caseView struct {
	HelpCase
	Error string
}

func (w *Web) findCase(v *visit) (HelpCase, error) {
	n, err := v.number("number")
	if err != nil {
		return HelpCase{}, err
	}
	list, err := w.Help.Cases(v.ctx(), v.account.ID)
	if err != nil {
		return HelpCase{}, err
	}
	for _, c := range list {
		if c.Number == n {
			return c, nil
		}
	}
	return HelpCase{}, &postern.Error{Kind: postern.NotFound, Text: "there is no such case"}
}

func (w *Web) helpCase(v *visit) error {
	c, err := w.findCase(v)
	if err != nil {
		return err
	}
	return w.show(v, http.StatusOK, "help-case", ui.Page{Title: c.Subject, Data: caseView{HelpCase: c}})
}

func (w *Web) replyCase(v *visit) error {
	c, err := w.findCase(v)
	if err != nil {
		return err
	}
	text := strings.TrimSpace(v.PostFormValue("text"))
	if text == "" || len(text) > maxText {
		problem := w.t(v, "help.text.error")
		return w.show(v, http.StatusUnprocessableEntity, "help-case", ui.Page{Title: c.Subject, Data: caseView{c, problem}, Errors: []ui.Problem{{Field: "text", Text: problem}}})
	}
	if err := w.Help.CaseReply(v.ctx(), v.account.ID, c.Number, text); err != nil {
		return err
	}
	w.setFlash(v, flash{Text: "done.reply"})
	return v.redirect("/help/" + strconv.FormatInt(c.Number, 10))
}

type shareView struct {
	Message shareLine
	Guarded bool
	Cases   []HelpCase // open ones
}

// sharePage is "Let support see this message": it says what would be seen and
// in which case, before anything is agreed.
func (w *Web) sharePage(v *visit) error {
	lines, err := w.shareLines(v, []postern.MessageID{postern.MessageID(v.PathValue("id"))}, true)
	if err != nil {
		return err
	}
	if lines[0].Gone {
		return &postern.Error{Kind: postern.NotFound, Text: "there is no such message"}
	}
	all, err := w.Help.Cases(v.ctx(), v.account.ID)
	if err != nil {
		return err
	}
	data := shareView{Message: lines[0], Guarded: lines[0].Guarded}
	for _, c := range all {
		if c.Status != "closed" {
			data.Cases = append(data.Cases, c)
		}
	}
	return w.show(v, http.StatusOK, "help-share", ui.Page{Title: "share.title", Data: data})
}

func (w *Web) share(v *visit) error {
	id := postern.MessageID(v.PathValue("id"))
	if v.PostFormValue("case") == "new" {
		return v.redirect("/help/new?" + url.Values{"message": {string(id)}}.Encode())
	}
	n, err := strconv.ParseInt(v.PostFormValue("case"), 10, 64)
	if err != nil {
		return &postern.Error{Kind: postern.Invalid, Text: "choose a case", Err: err}
	}
	if err := w.Help.Share(v.ctx(), v.account.ID, n, []postern.MessageID{id}); err != nil {
		return err
	}
	w.setFlash(v, flash{Text: "done.shared"})
	return v.redirect("/help/" + strconv.FormatInt(n, 10))
}

// messageIDs reads the identifiers of a form, each once.
func messageIDs(names []string) (ids []postern.MessageID) {
	seen := map[string]bool{}
	for _, n := range names {
		if len(n) == 32 && !seen[n] && len(ids) < mostListed {
			seen[n] = true
			ids = append(ids, postern.MessageID(n))
		}
	}
	return ids
}
