package ui

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/ui/htmlcheck"
)

var noon = time.Date(2026, time.November, 23, 14, 5, 0, 0, time.UTC)

func sub(t *testing.T, dir string) fs.FS {
	t.Helper()
	s, err := fs.Sub(own, dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newUI(t *testing.T, face Face, pages map[string]string) *UI {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, text := range pages {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	u, err := New(Options{Face: face, Templates: fsys, Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestOwnWords(t *testing.T) {
	var also []string
	for _, tier := range postern.Tiers {
		also = append(also, "tier."+tier.String(), "tier."+tier.String()+".text")
	}
	for _, r := range postern.Reasons {
		also = append(also, "reason."+r.String())
	}
	for _, name := range postern.TierAttachment.Fields().Names() {
		also = append(also, "field."+name)
	}
	for _, kind := range kindWords {
		also = append(also, "error."+kind+".title", "error."+kind+".text", "error."+kind+".next")
	}
	for name, values := range choices {
		for _, v := range values {
			if name != "lang" || v != "" {
				also = append(also, "prefs."+name+"."+v)
			}
		}
	}
	for _, face := range []Face{Mail, Desk, Response} {
		also = append(also, "face."+string(face))
	}
	CheckLocales(t, sub(t, "templates"), nil, also...)
	CheckLocales(t, sub(t, "pages"), nil)
}

func TestPages(t *testing.T) {
	kitchen := map[string]string{"_shared.html": `{{define "extra"}}<p>{{t "yes"}}</p>{{end}}`, "all.html": all}
	for _, face := range []Face{Mail, Desk, Response} {
		t.Run(string(face), func(t *testing.T) {
			u := newUI(t, face, kitchen)
			err := u.CheckSamples([]Sample{{Name: "all", Page: "all", Of: everything},
				{Name: "device", Page: "device", Of: Page{Title: "device.title", Data: "/cases?status=open"}},
				{Name: "prove", Page: "prove", Of: Page{Title: "prove.title", Data: Prove{Then: "/cases", Provider: "Helpline", ProviderHref: "/oidc/helpline/prove?then=%2Fcases", Passkey: true, Password: true, Demo: true, Error: "no"}}}}, func(name, lang string, page []byte) {
				t.Run(name+"-"+lang, func(t *testing.T) {
					htmlcheck.Check(t, page)
					if strings.Contains(string(page), "&lt;no value&gt;") {
						t.Error("a value is missing on the page")
					}
				})
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestFragment(t *testing.T) {
	u := newUI(t, Mail, map[string]string{"a.html": `{{define "main"}}<h1>{{.Data}}</h1>{{end}}{{define "rows"}}<b>{{.Data}}</b>{{end}}`})
	get := func(headers ...string) string {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		u.Page(w, r, http.StatusOK, "a", Page{Title: "yes", Data: "<x>", Fragment: "rows"})
		return w.Body.String()
	}
	if got, want := get("HX-Request", "true"), "<b>&lt;x&gt;</b>"; got != want {
		t.Errorf("a fragment is %q, want %q", got, want)
	}
	if got := get("HX-Request", "true", "HX-Boosted", "true"); !strings.HasPrefix(got, "<!doctype html>") {
		t.Errorf("a boosted navigation gets %.40q, want the whole page", got)
	}
}

func TestErrorPages(t *testing.T) {
	u := newUI(t, Desk, nil)
	tests := []struct {
		err    error
		status int
		text   string
	}{
		{&postern.Error{Kind: postern.NotFound, Text: "secret subject"}, 404, "Il n’y a rien à cette adresse"},
		{&postern.Error{Kind: postern.Unavailable, Key: "error.disk-full"}, 503, "Le disque est plein"},
		{&postern.Error{Kind: postern.Denied}, 403, "Cela ne vous est pas permis"},
		{&http.MaxBytesError{Limit: 1}, 413, "trop volumineux"},
		{http.ErrNoCookie, 500, "La faute est de notre côté"},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/x", nil)
			r.Header.Set("Accept-Language", "fr")
			w := httptest.NewRecorder()
			u.Error(w, r, tt.err)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.text) {
				t.Errorf("status %d, want %d with %q", w.Code, tt.status, tt.text)
			}
			if strings.Contains(w.Body.String(), "secret") {
				t.Error("the error's own text is on the page")
			}
			htmlcheck.Check(t, w.Body.Bytes())
		})
	}
}
