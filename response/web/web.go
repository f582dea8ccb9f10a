// Package web is the third face, Response: where a responder sees what fired,
// ends the access, learns whose mail was shown, and has the people told.
//
// Addresses and forms, which the browser test and the drill go by:
//
//	GET  /sign-in                          login, password, code → POST /sign-in
//	POST /sign-in/passkey/begin            options of a passkey, as JSON; /sign-in/passkey takes the answer
//	POST /sign-in/demo                     staff (in a demo only)
//	POST /sign-out
//	GET  /prove                            then; POST password, code, then; /prove/passkey, /prove/demo
//	GET  /alerts                           status=open|incident|dismissed|closed
//	GET  /alerts/{id}
//	POST /alerts/{id}/dismiss              why
//	GET  /incidents
//	POST /incidents                        title, alert (repeated) → 303 /incidents/{id}
//	GET  /incidents/{id}
//	POST /incidents/{id}/note              text
//	POST /incidents/{id}/tasks             text
//	POST /incidents/{id}/tasks/{n}         state
//	POST /incidents/{id}/lead
//	POST /incidents/{id}/cause             cause, why
//	POST /incidents/{id}/severity          severity, why
//	POST /incidents/{id}/close             why
//	POST /incidents/{id}/reopen            why
//	GET  /incidents/{id}/contain           kind, subject: what would end; without: what can be ended
//	POST /incidents/{id}/contain           kind, subject, why → 303 /incidents/{id}
//	GET  /incidents/{id}/scope             version, tier, deepest=1, after
//	POST /incidents/{id}/scope             credential, session, staff, network (repeated), networks, since, until
//	GET  /incidents/{id}/scope/{version}/{account}
//	GET  /incidents/{id}/notices           account, state, after; part=progress
//	POST /incidents/{id}/notices/{verb}    draft, submit, approve, return (why), send, stop, resume, retry, try (account, address, locale)
//	GET  /incidents/{id}/notices/{account}/letter  the notice on paper: locale
//	GET  /incidents/{id}/followup          days, state, after; /followup.csv the same as a file
//	POST /incidents/{id}/followup          account, was, state
//	GET  /codes, POST /codes               address, code: is a notice ours?
//	GET  /contain, POST /contain           as above, for no incident; member: whose access to list
//	GET  /containments
//	POST /containments/{id}/lift           why
//	GET  /session/events                   an event stream that says "ended"
//
// What it keeps: a session's token in a cookie of its own origin. Nothing else.
//
// Trust: it handles staff sessions and shows who looked at what, account ids,
// and notices with their readers' names. Every act goes through package
// response, which checks the role again. It must never log a form's contents.
package web

import (
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/response"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/ui"
)

//go:embed all:templates locales
var files embed.FS

// Parts are what the face is made of.
type Parts struct {
	Response *response.Response
	Staff    *staff.Directory
	Gate     *gate.Gate // ends open pages when a session is contained; nil: they end at their next click
	Now      func() time.Time
	Zone     *time.Location // nil: UTC
	Log      *slog.Logger
	// ClientAddr gives the address a request comes from; nil: the connection's
	// own. A proxy's headers may be believed only by whoever runs the proxy.
	ClientAddr func(*http.Request) netip.Addr
	// Demo signs invented people in with one click; only a demo has it.
	Demo *staff.Demo
}

// Web is the face. It is safe for concurrent use.
type Web struct {
	Parts
	ui      *ui.UI
	handler http.Handler
}

// New makes the face.
func New(p Parts) (*Web, error) {
	w := &Web{Parts: p}
	templates, err := fs.Sub(files, "templates")
	if err != nil {
		return nil, err
	}
	if w.ui, err = ui.New(ui.Options{Face: ui.Response, Templates: templates, Locales: files, Now: p.Now, Zone: p.Zone, Demo: p.Demo != nil, Remember: w.remember}); err != nil {
		return nil, fmt.Errorf("couldn't make the Response face: %w", err)
	}
	w.handler = w.ui.Wrap(w.routes())
	return w, nil
}

// remember keeps the language somebody chose, for their next browser.
func (w *Web) remember(r *http.Request, lang string) {
	s, err := w.Staff.SessionFrom(r.Context(), w.ui.Secret(r, cookie), w.from(r))
	if err == nil {
		err = w.Staff.SetLocale(r.Context(), s.Staff, lang)
	}
	if err != nil && postern.KindOf(err) != postern.Denied {
		w.Log.Warn("couldn't keep a language", "err", err)
	}
}

// ServeHTTP answers on the face's own origin.
func (w *Web) ServeHTTP(rw http.ResponseWriter, r *http.Request) { w.handler.ServeHTTP(rw, r) }

func (w *Web) routes() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /sign-in", w.signInPage)
	m.HandleFunc("POST /sign-in", w.signIn)
	m.HandleFunc("POST /sign-in/passkey/begin", w.passkeyBegin)
	m.HandleFunc("POST /sign-in/passkey", w.passkeyFinish)
	m.HandleFunc("POST /sign-in/demo", w.signInDemo)
	m.HandleFunc("POST /sign-out", w.signOut)
	m.HandleFunc("GET /session/events", w.sessionEvents)

	m.Handle("GET /{$}", http.RedirectHandler("/alerts", http.StatusSeeOther))
	for pattern, f := range map[string]page{
		"GET /prove":                                    w.provePage,
		"POST /prove":                                   w.provePassword,
		"POST /prove/passkey/begin":                     w.provePasskeyBegin,
		"POST /prove/passkey":                           w.provePasskey,
		"POST /prove/demo":                              w.proveDemo,
		"GET /alerts":                                   w.alerts,
		"GET /alerts/{id}":                              w.alert,
		"POST /alerts/{id}/dismiss":                     w.dismiss,
		"GET /incidents":                                w.incidents,
		"POST /incidents":                               w.openIncident,
		"GET /incidents/{id}":                           w.incident,
		"POST /incidents/{id}/note":                     w.note,
		"POST /incidents/{id}/tasks":                    w.addTask,
		"POST /incidents/{id}/tasks/{n}":                w.setTask,
		"POST /incidents/{id}/lead":                     w.takeLead,
		"POST /incidents/{id}/cause":                    w.setCause,
		"POST /incidents/{id}/severity":                 w.setSeverity,
		"POST /incidents/{id}/close":                    w.close,
		"POST /incidents/{id}/reopen":                   w.reopen,
		"GET /incidents/{id}/contain":                   w.containPage,
		"POST /incidents/{id}/contain":                  w.contain,
		"GET /incidents/{id}/scope":                     w.scopePage,
		"POST /incidents/{id}/scope":                    w.scope,
		"GET /incidents/{id}/scope/{version}/{account}": w.exposure,
		"GET /incidents/{id}/notices":                   w.noticesPage,
		"POST /incidents/{id}/notices/{verb}":           w.notices,
		"GET /incidents/{id}/notices/{account}/letter":  w.letter,
		"GET /incidents/{id}/followup":                  w.followups,
		"GET /incidents/{id}/followup.csv":              w.followupsFile,
		"POST /incidents/{id}/followup":                 w.followup,
		"GET /codes":                                    w.codes,
		"POST /codes":                                   w.checkCode,
		"GET /contain":                                  w.containPage,
		"POST /contain":                                 w.contain,
		"GET /containments":                             w.containments,
		"POST /containments/{id}/lift":                  w.lift,
	} {
		m.HandleFunc(pattern, w.signedIn(f))
	}
	m.HandleFunc("/", func(rw http.ResponseWriter, r *http.Request) { w.ui.Error(rw, r, errNothing) })
	return m
}
