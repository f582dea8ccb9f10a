package ui

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func serve(u *UI, method, target string, form url.Values, set func(*http.Request)) *httptest.ResponseRecorder {
	var r *http.Request
	if form != nil {
		r = httptest.NewRequest(method, target, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	} else {
		r = httptest.NewRequest(method, target, nil)
	}
	if set != nil {
		set(r)
	}
	w := httptest.NewRecorder()
	u.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			u.Error(w, r, err)
			return
		}
		w.Write([]byte("through"))
	})).ServeHTTP(w, r)
	return w
}

func TestHeaders(t *testing.T) {
	u := newUI(t, Desk, nil)
	h := serve(u, http.MethodGet, "/", nil, nil).Header()
	csp := h.Get("Content-Security-Policy")
	if strings.Contains(csp, "unsafe") || strings.Contains(csp, "*") || !strings.HasPrefix(csp, "default-src 'none'; script-src 'self'; style-src 'self'") {
		t.Errorf("the policy is %q", csp)
	}
	if !strings.Contains(csp, "frame-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") {
		t.Errorf("frames are not shut out: %q", csp)
	}
	for key, want := range map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin"} {
		if got := h.Get(key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
}

func TestForgedRequests(t *testing.T) {
	u := newUI(t, Mail, nil)
	tests := []struct {
		name   string
		set    func(*http.Request)
		status int
	}{
		{"own page", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-origin") }, 200},
		{"other site", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, 403},
		{"sister host", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") }, 403},
		{"other origin", func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, 403},
		{"own origin", func(r *http.Request) { r.Header.Set("Origin", "http://example.com") }, 200},
		{"a program that never read a page", nil, 403},
		{"a program with the cookie", func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "postern-mail-here", Value: "1"}) }, 200},
		{"another face's cookie", func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "postern-desk-here", Value: "1"}) }, 403},
		{"a token", func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := serve(u, http.MethodPost, "/delete", url.Values{}, tt.set).Code; got != tt.status {
				t.Errorf("status %d, want %d", got, tt.status)
			}
		})
	}
}

func TestLargeRequest(t *testing.T) {
	u := newUI(t, Mail, nil)
	w := serve(u, http.MethodPost, "/x", url.Values{"text": {strings.Repeat("x", maxBody)}}, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-origin") })
	if w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d, want 413", w.Code)
	}
}

func TestPreferences(t *testing.T) {
	u := newUI(t, Mail, nil)
	tests := []struct {
		name, ret, to string
		form          url.Values
		prefs         Prefs
	}{
		{"language", "/m/1?page=2", "/m/1?page=2", url.Values{"lang": {"fr"}}, Prefs{Lang: "fr"}},
		{"theme", "/", "/", url.Values{"theme": {"dark"}}, Prefs{Theme: "dark"}},
		{"unknown value", "/", "/", url.Values{"theme": {"pink"}, "density": {"compact"}}, Prefs{Density: "compact"}},
		{"elsewhere", "//evil.example/", "/", url.Values{"lang": {"en"}}, Prefs{Lang: "en"}},
		{"backslash", `/\evil.example`, "/", url.Values{"keys": {"off"}}, Prefs{Keys: "off"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.form.Set("return", tt.ret)
			w := serve(u, http.MethodPost, "/preferences", tt.form, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-origin") })
			if w.Code != http.StatusSeeOther || w.Header().Get("Location") != tt.to {
				t.Fatalf("status %d to %q, want 303 to %q", w.Code, w.Header().Get("Location"), tt.to)
			}
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			for _, c := range w.Result().Cookies() {
				r.AddCookie(c)
			}
			if got := u.Prefs(r); got != tt.prefs {
				t.Errorf("preferences are %+v, want %+v", got, tt.prefs)
			}
		})
	}
}

func TestSecret(t *testing.T) {
	u := newUI(t, Desk, nil)
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, scheme+"://desk.example/", nil)
			w := httptest.NewRecorder()
			u.SetSecret(w, r, "session", "s3cret", noon)
			c := w.Result().Cookies()[0]
			if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Secure != (scheme == "https") || strings.HasPrefix(c.Name, "__Host-") != c.Secure {
				t.Errorf("the cookie is %v", c)
			}
			r.AddCookie(c)
			if got := u.Secret(r, "session"); got != "s3cret" {
				t.Errorf("read back %q", got)
			}
		})
	}
}

func TestAssets(t *testing.T) {
	u := newUI(t, Mail, nil)
	for name := range u.assets.byName {
		t.Run(name, func(t *testing.T) {
			href, err := u.assets.href(name)
			if err != nil {
				t.Fatal(err)
			}
			w := serve(u, http.MethodGet, href, nil, func(r *http.Request) { r.Header.Set("Accept-Encoding", "gzip") })
			if w.Code != 200 || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") || w.Header().Get("Content-Encoding") != "gzip" || w.Header().Get("Content-Type") == "" {
				t.Errorf("status %d, headers %v", w.Code, w.Header())
			}
		})
	}
	if w := serve(u, http.MethodGet, "/-/ui/../ui.go", nil, nil); w.Code == 200 && w.Body.String() != "through" {
		t.Error("a file outside is served")
	}
	var script int
	for _, name := range []string{"htmx.min.js", "page.js"} {
		script += len(u.assets.files[u.assets.byName[name]].zipped)
	}
	if script > 25_000 {
		t.Errorf("a page needs %d bytes of compressed script, more than 25,000", script)
	}
}
