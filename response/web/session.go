package web

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/staff/device"
	"github.com/postern-mail/postern/ui"
)

// cookie is the name under which the session's token is kept.
const cookie = "session"

var errNothing = &postern.Error{Kind: postern.NotFound, Text: "there is no such page"}

var errRole = &postern.Error{Kind: postern.Denied, Key: "response.refused.role", Text: "this face is for responders, and for approvers of notices"}

// request is one request of somebody who is signed in.
type request struct {
	*http.Request
	rw http.ResponseWriter
	by staff.Session
}

// page answers a request, or gives the error to answer with.
type page func(request) error

// signedIn lets responders in, and approvers, who approve notices; package
// response refuses approvers everything else.
func (w *Web) signedIn(f page) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		s, err := w.Staff.SessionFrom(r.Context(), w.ui.Secret(r, cookie), w.from(r))
		switch {
		case postern.KeyOf(err) == staff.KeyDevice:
			w.unsigned(rw, r)
			return
		case postern.KindOf(err) == postern.Denied:
			w.ui.DropSecret(rw, r, cookie)
			to := "/sign-in"
			if r.Method == http.MethodGet && r.URL.Path != "/alerts" {
				to += "?" + url.Values{"next": {r.URL.RequestURI()}}.Encode()
			}
			http.Redirect(rw, r, to, http.StatusSeeOther)
			return
		case err == nil && !s.Is(staff.Responder) && !s.Is(staff.Approver):
			err = errRole
		}
		if err == nil {
			err = f(request{r, rw, s})
		}
		if err != nil {
			w.failed(rw, r, s, err)
		}
	}
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

func (w *Web) failed(rw http.ResponseWriter, r *http.Request, s staff.Session, err error) {
	if postern.KindOf(err) == postern.KindOther && r.Context().Err() == nil {
		w.Log.Error("couldn't answer", "path", r.Pattern, "err", err)
	}
	w.ui.ErrorPage(rw, r, err, w.frame(r, s, ""))
}

func (w *Web) from(r *http.Request) staff.From {
	var addr netip.Addr
	if w.ClientAddr != nil {
		addr = w.ClientAddr(r)
	} else if ap, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		addr = ap.Addr()
	}
	return staff.From{Network: staff.Network(addr), Agent: r.UserAgent(), Request: device.Of(r)}
}

// frame is what every page of somebody signed in has around it.
func (w *Web) frame(r *http.Request, s staff.Session, title string) ui.Page {
	p := ui.Page{Title: title}
	if s.ID == "" {
		return p
	}
	p.User = &ui.User{Name: s.Name, Detail: w.ui.Words().T(w.ui.Lang(r), "role."+string(topRole(s))) + " · " + s.OrganisationName}
	at := func(prefix string) bool { return r.URL.Path == prefix || strings.HasPrefix(r.URL.Path, prefix+"/") }
	p.Nav = []ui.NavItem{
		{Text: "nav.alerts", Href: "/alerts", Icon: "siren", Key: "g a", Current: at("/alerts")},
		{Text: "nav.incidents", Href: "/incidents", Icon: "clipboard-list", Key: "g i", Current: at("/incidents")},
	}
	if responder(s) {
		p.Nav = append(p.Nav, ui.NavItem{Text: "nav.contain", Href: "/contain", Icon: "power-off", Key: "g c", Current: at("/contain")})
	}
	p.Nav = append(p.Nav, ui.NavItem{Text: "nav.containments", Href: "/containments", Icon: "shield-off", Key: "g e", Current: at("/containments")},
		ui.NavItem{Text: "nav.codes", Href: "/codes", Icon: "shield-check", Current: at("/codes")})
	if w.Gate != nil {
		p.Ends = "/session/events"
	}
	if did := r.URL.Query().Get("did"); slices.Contains(didWords, did) && r.Method == http.MethodGet {
		p.Alerts = append(p.Alerts, ui.Alert{Kind: "ok", Text: "did." + did})
	}
	return p
}

// didWords are what a page can say was just done; each is a key "did.…".
var didWords = []string{"opened", "dismissed", "contained", "lifted", "noted", "task", "lead", "cause", "severity", "closed", "reopened",
	"scoped", "draft", "submit", "approve", "return", "send", "retry", "stop", "resume", "try", "followed"}

func topRole(s staff.Session) staff.Role {
	for _, role := range []staff.Role{staff.Responder, staff.Approver} {
		if s.Is(role) {
			return role
		}
	}
	return staff.Auditor
}

// show renders a page for somebody signed in.
func (w *Web) show(q request, name string, p ui.Page) error {
	w.ui.Page(q.rw, q.Request, http.StatusOK, name, p)
	return nil
}

// did goes on to a page that says what was done.
func (w *Web) did(q request, path, what string) error {
	to, err := url.Parse(path)
	if err != nil {
		return err
	}
	v := to.Query()
	v.Set("did", what)
	to.RawQuery = v.Encode()
	http.Redirect(q.rw, q.Request, to.String(), http.StatusSeeOther)
	return nil
}

type signInView struct {
	Login, Next string
	Demo        []staff.Member
}

func (w *Web) signInPage(rw http.ResponseWriter, r *http.Request) {
	if _, err := w.Staff.SessionFrom(r.Context(), w.ui.Secret(r, cookie), w.from(r)); err == nil {
		http.Redirect(rw, r, "/alerts", http.StatusSeeOther)
		return
	}
	w.askSignIn(rw, r, http.StatusOK, signInView{Next: ui.Local(r.URL.Query().Get("next"))}, nil)
}

func (w *Web) askSignIn(rw http.ResponseWriter, r *http.Request, status int, v signInView, problem error) {
	p := ui.Page{Title: "sign-in.title"}
	if problem != nil {
		p.Errors = []ui.Problem{{Field: "login", Text: w.ui.Sentence(w.ui.Lang(r), problem)}}
	}
	if w.Demo != nil {
		all, err := w.Staff.Members(r.Context())
		if err != nil {
			w.ui.Error(rw, r, err)
			return
		}
		for _, m := range all {
			if slices.Contains(m.Roles, staff.Responder) || slices.Contains(m.Roles, staff.Approver) {
				v.Demo = append(v.Demo, m)
			}
		}
	}
	p.Data = v
	w.ui.Page(rw, r, status, "sign-in", p)
}

func (w *Web) signIn(rw http.ResponseWriter, r *http.Request) {
	login := r.PostFormValue("login")
	token, s, err := w.Staff.SignInPassword(r.Context(), login, r.PostFormValue("password"), r.PostFormValue("code"), w.from(r))
	w.signedInAs(rw, r, login, token, s, err)
}

func (w *Web) signInDemo(rw http.ResponseWriter, r *http.Request) {
	if w.Demo == nil {
		w.ui.Error(rw, r, errNothing)
		return
	}
	token, s, err := w.Demo.SignInAs(r.Context(), postern.StaffID(r.PostFormValue("staff")), w.from(r))
	w.signedInAs(rw, r, "", token, s, err)
}

// signedInAs keeps the session's cookie, for whoever has business here.
func (w *Web) signedInAs(rw http.ResponseWriter, r *http.Request, login, token string, s staff.Session, err error) {
	next := ui.Local(r.PostFormValue("next"))
	if err == nil && !s.Is(staff.Responder) && !s.Is(staff.Approver) {
		err = errRole
		if ended := w.Staff.End(r.Context(), s.ID); ended != nil {
			err = ended
		}
	}
	if staff.Stale(err) {
		rw.Header().Set("Postern-Time", strconv.FormatInt(w.Now().Unix(), 10))
	}
	switch postern.KindOf(err) {
	case postern.Denied:
		w.askSignIn(rw, r, http.StatusForbidden, signInView{Login: login, Next: next}, err)
		return
	}
	if err != nil {
		w.failed(rw, r, staff.Session{}, err)
		return
	}
	w.ui.SetSecret(rw, r, cookie, token, time.Time{})
	if w.ui.Prefs(r).Lang == "" {
		w.ui.SetLang(rw, r, s.Locale)
	}
	if next == "/" {
		next = "/alerts"
	}
	http.Redirect(rw, r, next, http.StatusSeeOther)
}

func (w *Web) signOut(rw http.ResponseWriter, r *http.Request) {
	s, err := w.Staff.SessionFrom(r.Context(), w.ui.Secret(r, cookie), w.from(r))
	switch {
	case err != nil:
	case w.Gate != nil:
		err = w.Gate.EndSession(r.Context(), s) // tells the pages that are open elsewhere
	default:
		err = w.Staff.End(r.Context(), s.ID)
	}
	w.ui.DropSecret(rw, r, cookie)
	if err != nil && postern.KindOf(err) != postern.Denied {
		w.failed(rw, r, staff.Session{}, err)
		return
	}
	http.Redirect(rw, r, "/sign-in", http.StatusSeeOther)
}

// sessionEvents ends open pages at once when their session is contained.
func (w *Web) sessionEvents(rw http.ResponseWriter, r *http.Request) {
	s, err := w.Staff.SessionFrom(r.Context(), w.ui.Secret(r, cookie), w.from(r))
	if err != nil || w.Gate == nil {
		rw.WriteHeader(http.StatusNoContent)
		return
	}
	ended, stop := w.Gate.Watch(s.ID)
	defer stop()
	c := http.NewResponseController(rw)
	_ = c.SetWriteDeadline(time.Time{}) // it stays open as long as the page
	rw.Header().Set("Content-Type", "text/event-stream")
	fmt.Fprint(rw, "retry: 5000\n\n")
	if c.Flush() != nil {
		return
	}
	select {
	case <-ended:
		fmt.Fprint(rw, "event: ended\ndata: ended\n\n")
		_ = c.Flush()
	case <-r.Context().Done():
	}
}

// responder says whether somebody may do more than approve.
func responder(s staff.Session) bool { return s.Is(staff.Responder) }
