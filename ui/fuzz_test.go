package ui

import (
	"net/http/httptest"
	"net/url"
	"testing"
)

// A place to return to never leaves the origin, as a browser reads it.
func FuzzLocal(f *testing.F) {
	for _, s := range []string{"/", "/m?x=1#y", "//evil.example", `/\evil.example`, "https://evil.example", "/\t/evil.example", "/%2f/evil", ""} {
		f.Add(s)
	}
	base, err := url.Parse("https://mail.example/")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Local(s)
		u, err := base.Parse(got)
		if err == nil && (u.Host != base.Host || u.Scheme != base.Scheme) {
			t.Errorf("Local(%q) = %q leads to %s", s, got, u.Host)
		}
		if got[0] != '/' || len(got) > 1 && (got[1] == '/' || got[1] == '\\') {
			t.Errorf("Local(%q) = %q", s, got)
		}
	})
}

// A cookie of preferences, whoever wrote it, gives known values only.
func FuzzPrefs(f *testing.F) {
	f.Add("lang=fr&theme=dark")
	f.Add("lang=%zz")
	f.Fuzz(func(t *testing.T, s string) {
		u := &UI{face: Mail}
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Cookie", "postern-mail-prefs="+s)
		p := u.Prefs(r)
		for name, known := range choices {
			if !contains(known, *p.field(name)) {
				t.Errorf("%s is %q", name, *p.field(name))
			}
		}
	})
}
