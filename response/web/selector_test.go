package web

import (
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/response/scope"
)

func TestSelector(t *testing.T) {
	for _, c := range []struct {
		form string
		want scope.Selector
		kind postern.Kind
	}{
		{"credential=a&credential=b&session=c&staff=d", scope.Selector{Credentials: []postern.CredentialID{"a", "b"}, Sessions: []postern.SessionID{"c"}, Staff: []postern.StaffID{"d"}}, postern.KindOther},
		{"network=198.51.100.0/24&networks=203.0.113.0/24,+192.0.2.0/24", scope.Selector{Networks: []string{"198.51.100.0/24", "203.0.113.0/24", "192.0.2.0/24"}}, postern.KindOther},
		{"staff=d&since=2026-05-14T09:30&until=", scope.Selector{Staff: []postern.StaffID{"d"}, Since: time.Date(2026, 5, 14, 9, 30, 0, 0, time.UTC)}, postern.KindOther},
		{"staff=d&since=yesterday", scope.Selector{}, postern.Invalid},
	} {
		form, err := url.ParseQuery(c.form)
		if err != nil {
			t.Fatal(err)
		}
		got, err := selector(form)
		if postern.KindOf(err) != c.kind {
			t.Errorf("%s: %v", c.form, err)
		}
		if err == nil && (!slices.Equal(got.Credentials, c.want.Credentials) || !slices.Equal(got.Sessions, c.want.Sessions) || !slices.Equal(got.Staff, c.want.Staff) ||
			!slices.Equal(got.Networks, c.want.Networks) || !got.Since.Equal(c.want.Since) || !got.Until.Equal(c.want.Until)) {
			t.Errorf("%s: %+v", c.form, got)
		}
	}
}

// FuzzSelector reads forms as a browser, or somebody who is none, sends them.
func FuzzSelector(f *testing.F) {
	f.Add("credential=a&network=198.51.100.0/24&since=2026-05-14T09:30")
	f.Add("networks=,,+%00&until=9999-99-99T99:99")
	f.Fuzz(func(t *testing.T, form string) {
		v, err := url.ParseQuery(form)
		if err != nil {
			return
		}
		s, err := selector(v)
		if err != nil {
			if postern.KindOf(err) != postern.Invalid {
				t.Errorf("%q: %v", form, err)
			}
			return
		}
		if n := len(s.Credentials) + len(s.Sessions) + len(s.Staff) + len(s.Networks); n > 1000 {
			t.Errorf("%q selects by %d things", form, n)
		}
		for _, n := range s.Networks[len(v["network"]):] {
			if n == "" {
				t.Errorf("%q names an empty network", form)
			}
		}
	})
}
