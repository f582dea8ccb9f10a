package web

import (
	"net/http"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/account"
	"github.com/postern-mail/postern/mail/internal/store"
	"github.com/postern-mail/postern/ui"
)

// settingsView is what every page of the settings has: its tabs.
type settingsView struct {
	Tabs []ui.NavItem
	Of   any
}

var settingsPages = []struct{ page, href string }{
	{"settings", "/settings"}, {"settings-password", "/settings/password"}, {"settings-sessions", "/settings/sessions"},
	{"settings-apps", "/settings/apps"}, {"settings-rules", "/settings/rules"}, {"settings-export", "/settings/export"}, {"settings-erase", "/settings/erase"},
}

func settingsOf(page string, of any) settingsView {
	s := settingsView{Of: of}
	for _, p := range settingsPages {
		s.Tabs = append(s.Tabs, ui.NavItem{Text: p.page + ".tab", Href: p.href, Current: p.page == page})
	}
	return s
}

func (w *Web) showSettings(v *visit, page string, of any, problems ...ui.Problem) error {
	status := http.StatusOK
	if len(problems) > 0 {
		status = http.StatusUnprocessableEntity
	}
	return w.show(v, status, page, ui.Page{Title: page + ".tab", Data: settingsOf(page, of), Errors: problems})
}

type generalView struct {
	Account   account.Account
	Usage     store.Usage
	Languages []ui.Option
	Number    string // in the ledger
}

func (w *Web) settings(v *visit) error {
	usage, err := w.store.Usage(v.ctx(), v.account.ID)
	if err != nil {
		return err
	}
	data := generalView{Account: v.account, Usage: usage}
	if data.Usage.QuotaBytes == 0 {
		data.Usage.QuotaBytes = v.account.QuotaBytes
	}
	if data.Number, err = w.Help.Number(v.ctx(), v.account.ID); err != nil {
		return err
	}
	for _, l := range []string{"fr", "en"} {
		data.Languages = append(data.Languages, ui.Option{Value: l, Text: w.t(v, "prefs.lang."+l), Selected: v.account.Locale == l})
	}
	return w.showSettings(v, "settings", data)
}

func (w *Web) setLanguage(v *visit) error {
	lang := v.PostFormValue("lang")
	if err := w.Accounts.SetLocale(v.ctx(), v.account.ID, lang); err != nil {
		return err
	}
	w.ui.SetLang(v, v.Request, lang)
	w.setFlash(v, flash{Text: "done.saved"})
	return v.redirect("/settings")
}

type passwordView struct {
	NotMe              bool // came from "This was not me"
	OldError, NewError string
}

func (w *Web) passwordPage(v *visit) error {
	return w.showSettings(v, "settings-password", passwordView{NotMe: v.FormValue("why") == "not-me"})
}

// setPassword wants the old one too: an open page is not a password. It ends
// every session, this one included, and starts a new one here.
func (w *Web) setPassword(v *visit) error {
	data := passwordView{NotMe: v.PostFormValue("why") == "not-me"}
	if _, err := w.Accounts.SignIn(v.ctx(), v.account.Address, v.PostFormValue("old"), from(v.Request)); err != nil {
		if postern.KindOf(err) != postern.Denied {
			return err
		}
		data.OldError = w.t(v, "settings-password.old.error")
		if key := postern.KeyOf(err); key == account.KeyThrottled {
			data.OldError = w.ui.Sentence(v.lang, err)
		}
		return w.showSettings(v, "settings-password", data, ui.Problem{Field: "old", Text: data.OldError})
	}
	if err := w.Accounts.SetPassword(v.ctx(), v.account.ID, v.PostFormValue("new")); err != nil {
		if postern.KindOf(err) != postern.Invalid {
			return err
		}
		data.NewError = w.ui.Sentence(v.lang, err)
		return w.showSettings(v, "settings-password", data, ui.Problem{Field: "new", Text: data.NewError})
	}
	token, s, err := w.Accounts.StartSession(v.ctx(), v.account.ID, from(v.Request))
	if err != nil {
		return err
	}
	w.ui.SetSecret(v, v.Request, "session", token, s.Expires)
	w.setFlash(v, flash{Text: "done.password"})
	return v.redirect("/settings/sessions")
}

type eraseView struct {
	Due      time.Time // zero unless it was asked for
	OldError string
}

func (w *Web) erasePage(v *visit) error {
	due, _, err := w.Help.Erasure(v.ctx(), v.account.ID)
	if err != nil {
		return err
	}
	return w.showSettings(v, "settings-erase", eraseView{Due: due})
}

// eraseMe wants the password: an open page is not a will.
func (w *Web) eraseMe(v *visit) error {
	if v.PostFormValue("keep") != "" {
		if err := w.Help.CancelErasure(v.ctx(), v.account.ID); err != nil && postern.KindOf(err) != postern.NotFound {
			return err
		}
		w.setFlash(v, flash{Text: "done.kept"})
		return v.redirect("/settings/erase")
	}
	if _, err := w.Accounts.SignIn(v.ctx(), v.account.Address, v.PostFormValue("old"), from(v.Request)); err != nil {
		if postern.KindOf(err) != postern.Denied {
			return err
		}
		wrong := w.t(v, "settings-password.old.error")
		if postern.KeyOf(err) == account.KeyThrottled {
			wrong = w.ui.Sentence(v.lang, err)
		}
		return w.showSettings(v, "settings-erase", eraseView{OldError: wrong}, ui.Problem{Field: "old", Text: wrong})
	}
	if _, err := w.Help.AskErasure(v.ctx(), v.account.ID); err != nil {
		return err
	}
	return v.redirect("/settings/erase")
}

type sessionLine struct {
	account.Session
	Browser string
	Here    bool
}

// browser says in a few words what a User-Agent says in many: "Firefox, Linux".
// Browsers name each other there, so the order counts.
func browser(agent string) string {
	first := func(names ...[2]string) string {
		for _, n := range names {
			if strings.Contains(agent, n[0]) {
				return n[1]
			}
		}
		return ""
	}
	name := first([2]string{"Edg", "Edge"}, [2]string{"OPR/", "Opera"}, [2]string{"Firefox/", "Firefox"}, [2]string{"Chrome/", "Chrome"}, [2]string{"Safari/", "Safari"}, [2]string{"iPhone", "Safari"})
	system := first([2]string{"Android", "Android"}, [2]string{"iPhone", "iPhone"}, [2]string{"iPad", "iPad"}, [2]string{"Windows", "Windows"}, [2]string{"Mac OS X", "macOS"}, [2]string{"Linux", "Linux"})
	switch {
	case name != "" && system != "":
		return name + ", " + system
	case name+system != "":
		return name + system
	case len(agent) > 60:
		return strings.ToValidUTF8(agent[:60], "") + "…"
	case agent == "":
		return "?"
	}
	return agent
}

func (w *Web) sessions(v *visit) error {
	all, err := w.Accounts.Sessions(v.ctx(), v.account.ID)
	if err != nil {
		return err
	}
	var lines []sessionLine
	for _, s := range all {
		lines = append(lines, sessionLine{s, browser(s.Agent), s.ID == v.session.ID})
	}
	return w.showSettings(v, "settings-sessions", lines)
}

// endSession ends one session, or with "others" all but this one.
func (w *Web) endSession(v *visit) error {
	ids := []string{v.PostFormValue("session")}
	if ids[0] == "others" {
		all, err := w.Accounts.Sessions(v.ctx(), v.account.ID)
		if err != nil {
			return err
		}
		ids = nil
		for _, s := range all {
			if s.ID != v.session.ID {
				ids = append(ids, s.ID)
			}
		}
	}
	for _, id := range ids {
		if err := w.Accounts.EndSession(v.ctx(), v.account.ID, id); err != nil {
			return err
		}
	}
	w.setFlash(v, flash{Text: "done.sessions", N: len(ids)})
	return v.redirect("/settings/sessions")
}

type appsView struct {
	Apps       []account.AppPassword
	Secret     string // shown this once
	Label      string
	LabelError string
}

func (w *Web) apps(v *visit) error { return w.showApps(v, appsView{}) }

func (w *Web) showApps(v *visit, data appsView, problems ...ui.Problem) (err error) {
	if data.Apps, err = w.Accounts.AppPasswords(v.ctx(), v.account.ID); err != nil {
		return err
	}
	return w.showSettings(v, "settings-apps", data, problems...)
}

// newApp answers with the page itself: the secret is shown once and kept in no
// cookie, so there is no page to lead to.
func (w *Web) newApp(v *visit) error {
	data := appsView{Label: strings.TrimSpace(v.PostFormValue("label"))}
	var err error
	data.Secret, err = w.Accounts.NewAppPassword(v.ctx(), v.account.ID, data.Label)
	if postern.KindOf(err) == postern.Invalid {
		data.LabelError = w.ui.Sentence(v.lang, err)
		return w.showApps(v, data, ui.Problem{Field: "label", Text: data.LabelError})
	}
	if err != nil {
		return err
	}
	return w.showApps(v, data)
}

func (w *Web) revokeApp(v *visit) error {
	if err := w.Accounts.RevokeAppPassword(v.ctx(), v.account.ID, postern.CredentialID(v.PostFormValue("app"))); err != nil {
		return err
	}
	w.setFlash(v, flash{Text: "done.revoked"})
	return v.redirect("/settings/apps")
}
