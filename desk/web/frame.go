package web

import (
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/staff/device"
	"github.com/postern-mail/postern/ui"
)

// handler answers a request of somebody who is signed in; its error becomes a
// page.
type handler func(http.ResponseWriter, *http.Request, staff.Session) error

// cookieName is what the session's token is kept under.
const cookieName = "session"

func remote(r *http.Request) staff.From {
	f := staff.From{Agent: r.UserAgent(), Request: device.Of(r)}
	if at, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		f.Network = staff.Network(at.Addr())
	}
	return f
}

// signedIn lets only sessions through that count now; the others go to the
// sign-in page, which says why.
func (w *Web) signedIn(h handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		s, err := w.Staff.SessionFrom(r.Context(), w.ui.Secret(r, cookieName), w.From(r))
		if postern.KeyOf(err) == staff.KeyDevice {
			w.unsigned(rw, r)
			return
		}
		if postern.KindOf(err) == postern.Denied {
			w.ui.DropSecret(rw, r, cookieName)
			q := url.Values{}
			if key := postern.KeyOf(err); key != staff.KeySignedOut {
				q.Set("why", last(key))
			}
			if r.Method == http.MethodGet && r.URL.Path != "/cases" {
				q.Set("next", r.URL.RequestURI())
			}
			http.Redirect(rw, r, withQuery("/sign-in", q), http.StatusSeeOther)
			return
		}
		if err == nil {
			err = h(rw, r, s)
		}
		if err != nil {
			w.fail(rw, r, s, err)
		}
	})
}

// unsigned answers a request for a session that is bound to a browser's key,
// without the key: with nothing, and with our time for a browser whose clock is
// wrong. The cookie stays: it may be its owner's, who reloaded past the worker.
func (w *Web) unsigned(rw http.ResponseWriter, r *http.Request) {
	rw.Header().Set("Postern-Time", strconv.FormatInt(w.Now().Unix(), 10))
	again := "/"
	if r.Method == http.MethodGet {
		again = ui.Local(r.URL.RequestURI())
	}
	w.ui.Page(rw, r, http.StatusForbidden, "device", ui.Page{Title: "device.title", Data: again})
}

func withQuery(path string, q url.Values) string {
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// fail answers with an error's page. What is nobody's choice is logged, without
// a word of the request's.
func (w *Web) fail(rw http.ResponseWriter, r *http.Request, s staff.Session, err error) {
	switch kind := postern.KindOf(err); kind {
	case postern.KindOther, postern.Unavailable:
		w.Log.Error("a page failed", "pattern", r.Pattern, "error", err)
	case postern.Denied, postern.Withheld:
		w.refused(rw, r, s, err, nil)
		return
	}
	w.ui.ErrorPage(rw, r, err, w.page(r, s, "", nil))
}

// refusal is the data of the page that says no.
type refusal struct {
	Key, Text string
	Title     string
	Ask       *askForm // the way on, where there is one
	Back      string
	Prove     string // where to prove again who one is, when that is what is missing
}

// refused answers a refusal where it happened: with the reason, and where a
// grant would help with the form that asks for one.
func (w *Web) refused(rw http.ResponseWriter, r *http.Request, s staff.Session, err error, form *askForm) {
	lang := w.ui.Lang(r)
	data := refusal{Key: postern.KeyOf(err), Text: w.ui.Sentence(lang, err), Title: "desk.refused.title", Ask: form, Back: "/cases"}
	data.Prove = proveAgain(r, data.Key)
	if postern.KindOf(err) == postern.Withheld {
		data.Title = "desk.withheld.title"
	}
	if form != nil && form.Case != nil {
		data.Back = "/cases/" + string(form.Case.ID)
	}
	w.ui.Page(rw, r, http.StatusForbidden, "refused", w.page(r, s, data.Title, data))
}

// page makes the frame around a page's data.
func (w *Web) page(r *http.Request, s staff.Session, title string, data any) ui.Page {
	p := ui.Page{Title: title, Data: data}
	if s.ID == "" {
		return p
	}
	p.Ends = "/events"
	p.User = &ui.User{Name: s.Name, Detail: s.OrganisationName + " · " + w.roles(w.ui.Lang(r), s)}
	here := func(prefix string) bool { return strings.HasPrefix(r.URL.Path, prefix) }
	p.Nav = []ui.NavItem{
		{Text: "desk.nav.cases", Href: "/cases", Icon: "inbox", Current: here("/cases"), Key: "g c"},
		{Text: "desk.nav.grants", Href: "/grants", Icon: "key-round", Current: here("/grants"), Key: "g g"},
	}
	if s.Is(staff.Approver) || s.Is(staff.Responder) {
		item := ui.NavItem{Text: "desk.nav.approvals", Href: "/approvals", Icon: "stamp", Current: here("/approvals"), Key: "g a"}
		if w.Gate != nil {
			if waiting, err := w.Gate.Waiting(r.Context(), s); err == nil {
				item.Count = len(waiting)
			}
		}
		p.Nav = append(p.Nav, item)
		p.Nav = append(p.Nav, ui.NavItem{Text: "desk.nav.holds", Href: "/holds", Icon: "scroll-text", Current: here("/holds")})
	}
	if s.Is(staff.Agent) {
		p.Nav = append(p.Nav, ui.NavItem{Text: "desk.nav.accounts", Href: "/accounts", Icon: "user", Current: here("/accounts"), Key: "g o"})
	}
	if manages(s) {
		p.Nav = append(p.Nav, ui.NavItem{Text: "desk.setup.title", Href: "/setup", Icon: "settings", Current: here("/setup")})
	}
	p.Nav = append(p.Nav,
		ui.NavItem{Text: "desk.nav.history", Href: "/history", Icon: "history", Current: here("/history") || here("/requests"), Key: "g h"},
		ui.NavItem{Text: "desk.nav.passkey", Href: "/passkey", Icon: "fingerprint", Current: here("/passkey")})
	return p
}

func (w *Web) roles(lang string, s staff.Session) string {
	words := make([]string, len(s.Roles))
	for i, role := range s.Roles {
		words[i] = w.ui.Words().T(lang, "desk.role."+string(role))
	}
	return strings.Join(words, ", ")
}

// t is a sentence in the language of a request.
func (w *Web) t(r *http.Request, key string, pairs ...any) string {
	return w.ui.Words().T(w.ui.Lang(r), key, pairs...)
}

// remember keeps the language a member chose.
func (w *Web) remember(r *http.Request, lang string) {
	s, err := w.Staff.SessionFrom(r.Context(), w.ui.Secret(r, cookieName), w.From(r))
	if err == nil {
		err = w.Staff.SetLocale(r.Context(), s.Staff, lang)
	}
	if err != nil && postern.KindOf(err) != postern.Denied {
		w.Log.Warn("couldn't keep a language", "error", err)
	}
}

func (w *Web) signOut(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	if err := w.Gate.EndSession(r.Context(), s); err != nil {
		return err
	}
	w.ui.DropSecret(rw, r, cookieName)
	http.Redirect(rw, r, "/sign-in", http.StatusSeeOther)
	return nil
}

// agreed names who agreed to something: the policy, the customer, or a person.
func (w *Web) agreed(r *http.Request, by string) string {
	switch by {
	case gate.ByPolicy, gate.ByCustomer:
		return w.t(r, "desk.agreed."+by)
	case "":
		return ""
	}
	return w.t(r, "desk.agreed.staff", "name", by)
}
