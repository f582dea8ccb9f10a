package ui

import (
	"net/http"
	"strings"
)

// The staff faces' pages run a worker that signs each request with a key of the
// browser's (static/worker.js). It is served at the top of the origin, because a
// worker sees what lies below its own address alone.
const workerPath = "/worker.js"

// hop is the header by which the worker says that it follows redirects itself:
// a proof is good for one address, and a script cannot see where a redirect
// leads.
const hop = "Postern-Hop"

// Prove is the data of the page "prove", where somebody shows again who they
// are: its forms go to /prove, /prove/passkey (with /prove/passkey/begin) and
// /prove/demo, each with then.
type Prove struct {
	Then                    string // where to go on: stays on this origin
	Passkey, Password, Demo bool
	Provider, ProviderHref  string // the name of the company's own sign-in, and the address that asks it
	Error                   string // a sentence
}

// SignsRequests says whether the face's pages have the worker.
func (u *UI) SignsRequests() bool { return u.face != Mail }

func (u *UI) serveWorker(w http.ResponseWriter, r *http.Request) {
	body, err := own.ReadFile("static/worker.js")
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	w.Write(body)
}

// hopping tells a redirect within this origin as an answer without a body whose
// header names the address.
type hopping struct{ http.ResponseWriter }

func (h hopping) WriteHeader(status int) {
	to := h.Header().Get("Location")
	if status == http.StatusSeeOther && strings.HasPrefix(to, "/") && Local(to) == to {
		h.Header().Set("Postern-Location", to)
		h.Header().Del("Location")
		status = http.StatusNoContent
	}
	h.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (h hopping) Unwrap() http.ResponseWriter { return h.ResponseWriter }
