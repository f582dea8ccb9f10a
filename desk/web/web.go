// Package web is the Desk: the agents' and approvers' face. The queue, a case,
// its diagnosis and trace, the ladder of tiers with the request at the point of
// refusal, what a grant shows, approvals.
//
// # Addresses and fields
//
// All of it works as plain links and forms; these names are stable, and the
// drill's thief and the tests use them as a browser would. A program that sends
// no Sec-Fetch-Site or Origin has to keep the cookies of a first GET.
//
//	POST /sign-in                        login, password, code -> 303 /cases, or 403
//	POST /sign-in/demo                   staff (demo only)
//	POST /sign-in/passkey                state, answer; /sign-in/passkey/begin gives the options, as JSON
//	GET  /invite#TOKEN                   where an invited member registers the first passkey
//	POST /passkey                        state, answer, label, invite; /passkey/begin gives the options
//	GET  /prove                          then; POST password, code, then; /prove/passkey, /prove/demo
//	GET  /cases                          status, mine, unassigned, outside, late, organisation, priority, q, sort, after; each case is a[data-case]
//	GET  /cases/{id}
//	GET  /cases/{id}/diagnosis           shows the tier account
//	GET  /cases/{id}/trace               query; shows the tier trace
//	GET  /cases/{id}/checklist           complaint, query; shows the tier account, with a query the tier trace
//	POST /cases/{id}/checklist/suggest   text; the case with it in the reply box
//	GET  /cases/{id}/ask                 tier; the request's form
//	POST /cases/{id}/ask                 tier, reason, sentence, minutes, and messages (ids, repeated or
//	                                     separated by spaces) or mailbox with since and until (2026-05-14);
//	                                     none of them means what the customer offered.
//	                                     -> 303 /grants/{id} when granted at once, else 303 /requests/{id}
//	POST /cases/{id}/{reply,note,assign,close,reopen}   text; staff
//	POST /cases/{id}/hand-over           staff, why; /organisation: organisation; /edit: priority, external
//	POST /cases/{id}/merge               into (a number); /unmerge within a day; /macro: macro, text
//	POST /views, /setup/macros, /setup/targets   what approvers and admins set up: GET /setup
//	GET  /accounts                       address; POST /accounts/ask: as above with address, without a case
//	GET  /requests/{id}                  [data-status] is waiting, granted, refused or expired
//	GET  /grants, /grants/{id}           the envelopes: tr[data-message], with data-masked where they are masked
//	GET  /grants/{id}/messages/{mid}     tier=attachment for names; [data-body] holds the text
//	GET  /grants/{id}/messages/{mid}/attachments/{n}, /grants/{id}/messages/{mid}/source
//	POST /grants/{id}/messages/{mid}/show   field=from, to or subject: one masked field, in [data-field]
//	POST /grants/{id}/close
//	GET  /emergency                      address or case; POST: with tier, reason, sentence, minutes, mailbox
//	GET  /holds                          POST: address, until (2026-05-14), authority, reference; /holds/{id}/{confirm,end}
//	GET  /history                        name, address, tier, reason, outcome, words, since, until, after
//	GET  /approvals, /approvals/{id}; POST /approvals/{id}   answer=approve (tier, minutes, most, once) or refuse (sentence)
//	GET  /events, /grants/{id}/events    event streams that say "ended", with a sentence
//
// A page that shows something of a customer's is 200; a refusal is 403 and says
// why in [data-refused]; what the session lost is 303 to /sign-in.
//
// What it keeps: nothing on the server; in the browser a session's token.
//
// Trust: it handles what the gate reveals, sends it through the gate's writer to
// the one page that asked for it, and keeps and logs none of it. It cannot reach
// a mailbox. One-click sign-in is there only when it is handed a staff.Demo,
// which no configuration can make.
package web

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/desk"
	"github.com/postern-mail/postern/desk/hooks"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/gate/history"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/ui"
)

//go:embed all:templates locales static
var files embed.FS

// Parts is what the face is made of.
type Parts struct {
	Hooks *hooks.Hooks // nil: no page for them
	Desk  *desk.Desk
	Gate  *gate.Gate
	// History searches what was asked and done.
	History *history.History
	Staff   *staff.Directory
	// Find gives the account of an address. The staff plane knows no addresses
	// but those of cases, so the node plugs the mail plane's directory in.
	Find func(ctx context.Context, address string) (postern.AccountID, error)
	Now  func() time.Time
	Log  *slog.Logger
	Zone *time.Location // nil: UTC
	Demo *staff.Demo    // nil outside the demo
	// Providers are companies' own sign-ins.
	Providers []Provider
	// From says where a request comes from; nil reads its remote address.
	From func(*http.Request) staff.From
}

// Web is the face.
type Web struct {
	Parts
	ui     *ui.UI
	script string // the address of this face's own script
}

// New reads templates and locales.
func New(p Parts) (*Web, error) {
	w := &Web{Parts: p}
	if w.From == nil {
		w.From = remote
	}
	if w.Zone == nil {
		w.Zone = time.UTC
	}
	templates, err := fs.Sub(files, "templates")
	if err != nil {
		return nil, err
	}
	locales, err := fs.Sub(files, "locales")
	if err != nil {
		return nil, err
	}
	text, err := files.ReadFile("static/desk.js")
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	w.script = "/static/" + hex.EncodeToString(sum[:8]) + "/desk.js"
	w.ui, err = ui.New(ui.Options{Face: ui.Desk, Templates: templates, Locales: locales, Now: p.Now, Zone: w.Zone, Demo: p.Demo != nil, Remember: w.remember})
	return w, err
}

// Handler is the face, with its middleware.
func (w *Web) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, "/cases", http.StatusSeeOther) })
	mux.HandleFunc("GET "+w.script, w.serveScript)
	mux.HandleFunc("GET /sign-in", w.signInPage)
	mux.HandleFunc("POST /sign-in", w.signIn)
	mux.HandleFunc("POST /sign-in/demo", w.signInDemo)
	mux.HandleFunc("GET /oidc/{provider}", w.beginProvider)
	mux.HandleFunc("GET /oidc/{provider}/callback", w.finishProvider)
	mux.Handle("GET /oidc/{provider}/prove", w.signedIn(w.proveByProvider))
	mux.HandleFunc("POST /sign-in/passkey/begin", w.beginLogin)
	mux.HandleFunc("POST /sign-in/passkey", w.finishLogin)
	mux.HandleFunc("GET /invite", w.invitePage)
	mux.HandleFunc("POST /passkey/begin", w.beginRegistration)
	mux.HandleFunc("POST /passkey", w.finishRegistration)
	for pattern, h := range map[string]handler{
		"GET /prove":                                      w.provePage,
		"POST /prove":                                     w.provePassword,
		"POST /prove/passkey/begin":                       w.provePasskeyBegin,
		"POST /prove/passkey":                             w.provePasskey,
		"POST /prove/demo":                                w.proveDemo,
		"POST /sign-out":                                  w.signOut,
		"GET /events":                                     w.events,
		"GET /passkey":                                    w.passkeyPage,
		"GET /cases":                                      w.queue,
		"GET /cases/{id}":                                 w.oneCase,
		"POST /cases/{id}/reply":                          w.reply,
		"POST /cases/{id}/note":                           w.note,
		"POST /cases/{id}/assign":                         w.assign,
		"POST /cases/{id}/close":                          w.closeCase,
		"POST /cases/{id}/reopen":                         w.reopen,
		"GET /cases/{id}/diagnosis":                       w.diagnosis,
		"GET /cases/{id}/trace":                           w.trace,
		"GET /cases/{id}/checklist":                       w.checklist,
		"POST /cases/{id}/checklist/suggest":              w.suggest,
		"GET /cases/{id}/ask":                             w.askPage,
		"POST /cases/{id}/ask":                            w.ask,
		"GET /accounts":                                   w.accounts,
		"POST /accounts/ask":                              w.ask,
		"GET /requests/{id}":                              w.request,
		"POST /requests/{id}/cancel":                      w.cancel,
		"GET /grants":                                     w.grants,
		"GET /grants/{id}":                                w.grant,
		"GET /grants/{id}/events":                         w.grantEvents,
		"POST /grants/{id}/close":                         w.closeGrant,
		"GET /grants/{id}/messages/{mid}":                 w.message,
		"POST /grants/{id}/messages/{mid}/show":           w.field,
		"GET /grants/{id}/messages/{mid}/attachments/{n}": w.attachment,
		"GET /grants/{id}/messages/{mid}/source":          w.source,
		"GET /approvals":                                  w.approvals,
		"GET /approvals/{id}":                             w.approval,
		"POST /approvals/{id}":                            w.answer,
		"GET /history":                                    w.history,
		"GET /emergency":                                  w.emergencyPage,
		"POST /emergency":                                 w.emergency,
		"GET /holds":                                      w.holds,
		"POST /holds":                                     w.makeHold,
		"POST /holds/{id}/confirm":                        w.confirmHold,
		"POST /holds/{id}/end":                            w.endHold,
	} {
		mux.Handle(pattern, w.signedIn(h))
	}
	for pattern, h := range w.work() {
		mux.Handle(pattern, w.signedIn(h))
	}
	mux.HandleFunc("/", func(rw http.ResponseWriter, r *http.Request) {
		w.ui.Error(rw, r, &postern.Error{Kind: postern.NotFound, Text: "there is no such page"})
	})
	return w.ui.Wrap(mux)
}

func (w *Web) serveScript(rw http.ResponseWriter, r *http.Request) {
	rw.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	http.ServeFileFS(rw, r, files, "static/desk.js")
}

// last gives the end of a path of keys: "gate.refused.budget" gives "budget".
func last(key string) string { return key[strings.LastIndexByte(key, '.')+1:] }
