package web

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/account"
	"github.com/postern-mail/postern/ui"
)

type signInView struct {
	Address, Problem, Return string
	Provider                 string
	People                   []account.Account // of a demo
}

// toSignIn leads to the sign-in page and back here afterwards. What was to be
// sent is not kept: it is asked for again.
func (w *Web) toSignIn(rw http.ResponseWriter, r *http.Request) {
	w.ui.DropSecret(rw, r, "session")
	to := "/sign-in"
	if r.Method == http.MethodGet && r.URL.Path != "/" {
		to += "?" + url.Values{"return": {r.URL.RequestURI()}}.Encode()
	}
	http.Redirect(rw, r, to, http.StatusSeeOther)
}

func (w *Web) signInPage(rw http.ResponseWriter, r *http.Request) {
	if _, _, err := w.Accounts.SessionOf(r.Context(), w.ui.Secret(r, "session")); err == nil {
		http.Redirect(rw, r, ui.Local(r.FormValue("return")), http.StatusSeeOther)
		return
	}
	w.showSignIn(rw, r, http.StatusOK, signInView{Return: r.FormValue("return")}, nil)
}

func (w *Web) showSignIn(rw http.ResponseWriter, r *http.Request, status int, data signInView, problems []ui.Problem) {
	data.Provider = w.Provider
	for _, id := range w.Demo {
		acc, err := w.Accounts.ByID(r.Context(), id)
		if err != nil {
			w.fault(r, err)
			continue
		}
		data.People = append(data.People, acc)
	}
	w.ui.Page(rw, r, status, "sign-in", ui.Page{Title: "sign-in", Data: data, Errors: problems})
}

func (w *Web) signIn(rw http.ResponseWriter, r *http.Request) {
	address := r.PostFormValue("address")
	acc, err := w.Accounts.SignIn(r.Context(), address, r.PostFormValue("password"), from(r))
	if err != nil {
		if k := postern.KindOf(err); k != postern.Denied && k != postern.Invalid {
			w.fault(r, err)
			w.ui.Error(rw, r, err)
			return
		}
		problem := w.ui.Sentence(w.ui.Lang(r), err)
		w.showSignIn(rw, r, http.StatusForbidden, signInView{Address: address, Problem: problem, Return: r.PostFormValue("return")}, []ui.Problem{{Field: "address", Text: problem}})
		return
	}
	w.start(rw, r, acc)
}

// signInDemo is the demo's one click. Without a demo the list is empty.
func (w *Web) signInDemo(rw http.ResponseWriter, r *http.Request) {
	id := postern.AccountID(r.PostFormValue("account"))
	if !slices.Contains(w.Demo, id) {
		w.ui.Error(rw, r, &postern.Error{Kind: postern.NotFound, Text: "there is no such page"})
		return
	}
	acc, err := w.Accounts.ByID(r.Context(), id)
	if err != nil {
		w.ui.Error(rw, r, err)
		return
	}
	w.start(rw, r, acc)
}

func (w *Web) start(rw http.ResponseWriter, r *http.Request, acc account.Account) {
	token, s, err := w.Accounts.StartSession(r.Context(), acc.ID, from(r))
	if err != nil {
		w.fault(r, err)
		w.ui.Error(rw, r, err)
		return
	}
	w.ui.SetSecret(rw, r, "session", token, s.Expires)
	if w.ui.Prefs(r).Lang == "" {
		w.ui.SetLang(rw, r, acc.Locale)
	}
	http.Redirect(rw, r, ui.Local(r.PostFormValue("return")), http.StatusSeeOther)
}

func (w *Web) signOut(rw http.ResponseWriter, r *http.Request) {
	if acc, s, err := w.Accounts.SessionOf(r.Context(), w.ui.Secret(r, "session")); err == nil {
		if err := w.Accounts.EndSession(r.Context(), acc.ID, s.ID); err != nil {
			w.fault(r, err)
			w.ui.Error(rw, r, err)
			return
		}
	}
	w.ui.DropSecret(rw, r, "session")
	http.Redirect(rw, r, "/sign-in", http.StatusSeeOther)
}

// from says where a request comes from, as far as the history of sign-ins tells.
func from(r *http.Request) account.From {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	addr, _ := netip.ParseAddr(host) // Network gives "" for what is no address
	return account.From{Protocol: "web", Network: account.Network(addr), Agent: r.UserAgent()}
}

// remember keeps a language that was chosen with the switch of the layout.
func (w *Web) remember(r *http.Request, lang string) {
	acc, _, err := w.Accounts.SessionOf(r.Context(), w.ui.Secret(r, "session"))
	if err != nil {
		return // before signing in there is nobody to remember it for
	}
	if err := w.Accounts.SetLocale(r.Context(), acc.ID, lang); err != nil {
		w.fault(r, err)
	}
}
