package ui

import (
	"net/http"
	"strings"

	"github.com/postern-mail/postern"
)

// maxBody bounds a request: a form with a hundred identifiers and a long letter
// is far below it. A handler that takes files wraps r.Body again itself, before
// it is read, through [UI.WrapLimit].
const maxBody = 1 << 20

// Wrap is the middleware of a face, around its whole handler.
func (u *UI) Wrap(h http.Handler) http.Handler { return u.WrapLimit(h, maxBody) }

// WrapLimit is Wrap with another bound on request bodies, in bytes.
func (u *UI) WrapLimit(h http.Handler, limit int64) http.Handler {
	assets := u.Assets()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u.headers(w, r)
		if strings.HasPrefix(r.URL.Path, "/-/ui/") {
			assets.ServeHTTP(w, r)
			return
		}
		if u.SignsRequests() {
			if r.URL.Path == workerPath {
				u.serveWorker(w, r)
				return
			}
			if r.Header.Get(hop) != "" {
				w = hopping{w}
			}
		}
		u.keepSameSite(w, r)
		if err := u.forged(r); err != nil {
			u.Error(w, r, err)
			return
		}
		if r.Body != nil {
			r.Body = http.MaxBytesReader(w, r.Body, limit)
		}
		if r.URL.Path == "/preferences" && r.Method == http.MethodPost {
			u.preferences(w, r)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// headers keep a page to itself: no other origin's script, style, frame or
// form; nothing stored; no address told to others.
func (u *UI) headers(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", u.CSP())
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	h.Set("Cache-Control", "no-store")
	if secure(r) {
		h.Set("Strict-Transport-Security", "max-age=63072000")
	}
}

// CSP is the face's Content-Security-Policy.
func (u *UI) CSP() string {
	frames := "'none'"
	if len(u.frames) > 0 {
		frames = strings.Join(u.frames, " ")
	}
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; worker-src 'self'; form-action 'self'; frame-src " +
		frames + "; base-uri 'none'; frame-ancestors 'none'"
}

// keepSameSite gives every browser a cookie that it sends with nothing another
// site made it send.
func (u *UI) keepSameSite(w http.ResponseWriter, r *http.Request) {
	if name := u.cookie("here", secure(r)); r.Method == http.MethodGet {
		if _, err := r.Cookie(name); err != nil {
			http.SetCookie(w, &http.Cookie{Name: name, Value: "1", Path: "/", MaxAge: 400 * 24 * 3600, HttpOnly: true, Secure: secure(r), SameSite: http.SameSiteStrictMode})
		}
	}
}

// forged refuses an unsafe request of another origin. CrossOriginProtection
// lets a request with neither Sec-Fetch-Site nor Origin pass, for the sake of
// programs; such a request must carry the same-site cookie, or a bearer token,
// which no form can add.
func (u *UI) forged(r *http.Request) error {
	refused := func(err error) error {
		return &postern.Error{Kind: postern.Denied, Key: "error.cross-origin", Text: "the request came from another site", Err: err}
	}
	if err := u.csrf.Check(r); err != nil {
		return refused(err)
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return nil
	}
	if r.Header.Get("Sec-Fetch-Site") != "" || r.Header.Get("Origin") != "" || strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ") {
		return nil
	}
	if _, err := r.Cookie(u.cookie("here", secure(r))); err != nil {
		return refused(nil)
	}
	return nil
}
