package staff

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/postern-mail/postern"
)

func TestMembers(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		noor, err := h.CreateMember(t.Context(), NewMember{Login: " Noor.H ", Name: "Noor Haddad", Locale: "fr", Organisation: "helpline", Roles: []Role{Agent, Approver}})
		if err != nil {
			t.Fatal(err)
		}
		if noor.Login != "noor.h" {
			t.Errorf("login %q is not folded", noor.Login)
		}
		for _, test := range []struct {
			name string
			n    NewMember
			kind postern.Kind
		}{
			{"taken, in capitals", NewMember{"NOOR.H", "Another", "en", "provider", []Role{Agent}}, postern.Conflict},
			{"no login", NewMember{"", "A", "en", "provider", []Role{Agent}}, postern.Invalid},
			{"login with a space", NewMember{"a b", "A", "en", "provider", []Role{Agent}}, postern.Invalid},
			{"no name", NewMember{"a", " ", "en", "provider", []Role{Agent}}, postern.Invalid},
			{"other locale", NewMember{"a", "A", "de", "provider", []Role{Agent}}, postern.Invalid},
			{"no role", NewMember{"a", "A", "en", "provider", nil}, postern.Invalid},
			{"invented role", NewMember{"a", "A", "en", "provider", []Role{"king"}}, postern.Invalid},
			{"unknown organisation", NewMember{"a", "A", "en", "elsewhere", []Role{Agent}}, postern.NotFound},
		} {
			t.Run(test.name, func(t *testing.T) {
				if _, err := h.CreateMember(t.Context(), test.n); postern.KindOf(err) != test.kind {
					t.Errorf("got %v, want kind %d", err, test.kind)
				}
			})
		}
		got, err := h.ByLogin(t.Context(), "NOOR.H")
		if err != nil || got.ID != noor.ID || !slices.Equal(got.Roles, []Role{Agent, Approver}) {
			t.Errorf("ByLogin = %+v, %v", got, err)
		}
		if _, err := h.ByID(t.Context(), "nobody"); postern.KindOf(err) != postern.NotFound {
			t.Errorf("ByID of nobody: %v", err)
		}
		if err := h.SetLocale(t.Context(), noor.ID, "en"); err != nil {
			t.Fatal(err)
		}
		all, err := h.Members(t.Context())
		if err != nil || len(all) != 1 || all[0].Locale != "en" {
			t.Errorf("Members = %+v, %v", all, err)
		}
	})
}

func TestOrganisations(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		for _, test := range []struct {
			name string
			o    Organisation
			kind postern.Kind
		}{
			{"taken", Organisation{ID: "provider", Name: "X", Kind: "provider"}, postern.Conflict},
			{"id with capitals", Organisation{ID: "Desk", Name: "X", Kind: "provider"}, postern.Invalid},
			{"no name", Organisation{ID: "desk", Kind: "provider"}, postern.Invalid},
			{"other kind", Organisation{ID: "desk", Name: "X", Kind: "friend"}, postern.Invalid},
		} {
			t.Run(test.name, func(t *testing.T) {
				if err := h.CreateOrganisation(t.Context(), test.o); postern.KindOf(err) != test.kind {
					t.Errorf("got %v, want kind %d", err, test.kind)
				}
			})
		}
		all, err := h.Organisations(t.Context())
		if err != nil || len(all) != 2 || all[0].ID != "helpline" || all[1].ID != "provider" {
			t.Errorf("Organisations = %+v, %v", all, err)
		}
	})
}

func TestNetwork(t *testing.T) {
	for _, test := range []struct{ addr, want string }{
		{"203.0.113.77", "203.0.113.0/24"},
		{"::ffff:203.0.113.77", "203.0.113.0/24"},
		{"2001:db8:1:2::3", "2001:db8:1::/48"},
		{"fe80::1%eth0", "fe80::/48"},
	} {
		if got := Network(netip.MustParseAddr(test.addr)); got != test.want {
			t.Errorf("Network(%s) = %q, want %q", test.addr, got, test.want)
		}
	}
	if got := Network(netip.Addr{}); got != "" {
		t.Errorf("Network of nothing = %q", got)
	}
}

func TestFromIsBounded(t *testing.T) {
	f := From{Network: "203.0.113.9/24", Agent: "a\nb\x00" + string(make([]byte, 10)) + "é\xff" + string(slices.Repeat([]byte("é"), 300))}.bounded()
	if f.Network != "" {
		t.Errorf("network %q is not one that Network gives", f.Network)
	}
	if len(f.Agent) > maxAgent || f.Agent[:4] != "abéé"[:4] {
		t.Errorf("agent %q", f.Agent)
	}
}

func FuzzParseNetwork(f *testing.F) {
	for _, s := range []string{"203.0.113.0/24", "2001:db8:1::/48", "::ffff:203.0.113.0/120", "fe80::%eth0/48", "", "/", "203.0.113.1/24"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parseNetwork(s)
		if err == nil && (p.String() != s || p != p.Masked()) {
			t.Errorf("accepted %q, which is %v", s, p)
		}
	})
}
