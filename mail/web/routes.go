package web

import (
	"context"
	"net/http"
	"strconv"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/account"
	"github.com/postern-mail/postern/ui"
)

// visit is one request of somebody who is signed in.
type visit struct {
	http.ResponseWriter
	*http.Request
	account account.Account
	session account.Session
	lang    string
}

func (v *visit) ctx() context.Context { return v.Request.Context() }

// Header and Write are the response's: a request has both names too.
func (v *visit) Header() http.Header         { return v.ResponseWriter.Header() }
func (v *visit) Write(b []byte) (int, error) { return v.ResponseWriter.Write(b) }

// page is a handler for somebody who is signed in. An error it returns becomes
// its page, in the face's frame.
type page func(*visit) error

func (w *Web) routes() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /sign-in", w.signInPage)
	m.HandleFunc("POST /sign-in", w.signIn)
	m.HandleFunc("POST /sign-in/demo", w.signInDemo)
	m.HandleFunc("POST /sign-out", w.signOut)
	for pattern, p := range map[string]page{
		"GET /{$}":                              w.home,
		"GET /mailbox/{mailbox}":                w.mailbox,
		"GET /search":                           w.search,
		"POST /act":                             w.act,
		"GET /message/{id}":                     w.message,
		"GET /message/{id}/attachment/{part}":   w.attachment,
		"GET /message/{id}/source":              w.source,
		"GET /help":                             w.cases,
		"POST /help":                            w.openCase,
		"GET /help/new":                         w.newCase,
		"GET /help/{number}":                    w.helpCase,
		"POST /help/{number}":                   w.replyCase,
		"GET /help/share/{id}":                  w.sharePage,
		"POST /help/share/{id}":                 w.share,
		"GET /consent":                          w.consents,
		"POST /consent/wish":                    w.setWish,
		"POST /offer/{id}/withdraw":             w.takeBack,
		"GET /consent/{id}":                     w.consent,
		"POST /consent/{id}/agree":              w.agree,
		"POST /consent/{id}/decline":            w.decline,
		"POST /permission/{grant}/withdraw":     w.withdraw,
		"GET /looked":                           w.looked,
		"GET /looked/{disclosure}":              w.look,
		"GET /looked/{disclosure}/access.proof": w.proof,
		"GET /looked/{disclosure}/record":       w.record,
		"GET /check":                            w.checkPage,
		"GET /check/check.html":                 w.checkAlone,
		"GET /statement":                        w.statement,
		"GET /statement/statement.proof":        w.statementFile,
		"GET /statement/policy.txt":             w.policyFile,
		"GET /notices":                          w.notices,
		"GET /notices/{id}":                     w.notice,
		"GET /settings":                         w.settings,
		"POST /settings/language":               w.setLanguage,
		"GET /settings/password":                w.passwordPage,
		"POST /settings/password":               w.setPassword,
		"GET /settings/sessions":                w.sessions,
		"POST /settings/sessions/end":           w.endSession,
		"GET /settings/apps":                    w.apps,
		"POST /settings/apps":                   w.newApp,
		"POST /settings/apps/revoke":            w.revokeApp,
		"GET /settings/rules":                   w.rulesPage,
		"POST /settings/rules":                  w.newRule,
		"POST /settings/rules/{rule}":           w.changeRule,
		"GET /settings/erase":                   w.erasePage,
		"POST /settings/erase":                  w.eraseMe,
		"GET /settings/export":                  w.exports,
		"GET /settings/export/{mailbox}":        w.export,
	} {
		m.Handle(pattern, w.signedIn(p))
	}
	if w.Submit != nil {
		m.Handle("GET /compose", w.signedIn(w.compose))
		m.Handle("POST /compose", w.signedIn(w.send))
	}
	m.Handle("/", w.signedIn(func(*visit) error {
		return &postern.Error{Kind: postern.NotFound, Text: "there is no such page"}
	}))
	return m
}

// signedIn lets in whoever has a session, and shows the sign-in page to others.
func (w *Web) signedIn(p page) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		acc, session, err := w.Accounts.SessionOf(r.Context(), w.ui.Secret(r, "session"))
		if postern.KindOf(err) == postern.Denied {
			w.toSignIn(rw, r)
			return
		}
		if err != nil {
			w.fault(r, err)
			w.ui.Error(rw, r, err)
			return
		}
		v := &visit{ResponseWriter: rw, Request: r, account: acc, session: session, lang: w.ui.Lang(r)}
		if r.Method == http.MethodPost {
			if err := r.ParseForm(); err != nil {
				w.ui.Error(rw, r, &postern.Error{Kind: postern.Invalid, Text: "couldn't read the form", Err: err})
				return
			}
		}
		if err := p(v); err != nil {
			w.fault(r, err)
			w.ui.ErrorPage(rw, r, err, w.frame(v, ui.Page{}))
		}
	})
}

// fault logs what is nobody's choice: the pattern, never the address, which can
// hold what somebody searched for.
func (w *Web) fault(r *http.Request, err error) {
	if k := postern.KindOf(err); k == postern.KindOther || k == postern.Unavailable {
		w.Log.Error("mail/web: a page failed", "page", r.Pattern, "error", err)
	}
}

func (w *Web) show(v *visit, status int, name string, p ui.Page) error {
	w.ui.Page(v, v.Request, status, name, w.frame(v, p))
	return nil
}

func (v *visit) redirect(to string) error {
	http.Redirect(v, v.Request, to, http.StatusSeeOther)
	return nil
}

// number reads a number of the path: NotFound when it is none.
func (v *visit) number(name string) (int64, error) {
	n, err := strconv.ParseInt(v.PathValue(name), 10, 64)
	if err != nil {
		return 0, &postern.Error{Kind: postern.NotFound, Text: "there is no such page", Err: err}
	}
	return n, nil
}

// t gives a sentence in the visitor's language.
func (w *Web) t(v *visit, key string, pairs ...any) string {
	return w.ui.Words().T(v.lang, key, pairs...)
}
