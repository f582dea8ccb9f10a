package ui

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// The worker stands on the staff faces alone, and follows redirects that stay.
func TestWorker(t *testing.T) {
	for _, test := range []struct {
		face   Face
		to     string
		hop    bool
		status int
		header string
	}{
		{Desk, "/cases?x=1", true, http.StatusNoContent, "Postern-Location"},
		{Desk, "/cases?x=1", false, http.StatusSeeOther, "Location"},
		{Desk, "https://elsewhere.example/", true, http.StatusSeeOther, "Location"},
		{Desk, "//elsewhere.example/", true, http.StatusSeeOther, "Location"},
		{Response, "/alerts", true, http.StatusNoContent, "Postern-Location"},
		{Mail, "/inbox", true, http.StatusSeeOther, "Location"},
	} {
		u := newUI(t, test.face, nil)
		h := u.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", test.to)
			w.WriteHeader(http.StatusSeeOther)
		}))
		r := httptest.NewRequest(http.MethodGet, "/go", nil)
		if test.hop {
			r.Header.Set(hop, "1")
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != test.status || w.Header().Get(test.header) != test.to {
			t.Errorf("%s to %s: %d %v", test.face, test.to, w.Code, w.Header())
		}
		w = httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, workerPath, nil))
		if served := w.Header().Get("Content-Type") == "text/javascript; charset=utf-8"; served != u.SignsRequests() {
			t.Errorf("%s: the worker is served: %v", test.face, served)
		}
	}
}
