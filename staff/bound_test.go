package staff

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/netip"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/staff/device"
)

// browser signs requests as the worker of the pages does.
type browser struct{ key *ecdsa.PrivateKey }

func newBrowser(t testing.TB) browser {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return browser{k}
}

func (b browser) request(t testing.TB, at time.Time) device.Request {
	t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: b.key}, (&jose.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt"))
	if err != nil {
		t.Fatal(err)
	}
	proof, err := jwt.Signed(s).Claims(map[string]any{"jti": postern.NewID(), "htm": "GET", "htu": origin + "/cases", "iat": at.Unix()}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return device.Request{Proof: proof, Method: "GET", Host: "desk.example", Path: "/cases"}
}

// results lists what the feed says of a session, after its sign-in.
func (h *house) results(t testing.TB, s Session) (all []string) {
	t.Helper()
	events, err := h.Events(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if e.Session == s.ID && e.Result != resultOK {
			all = append(all, e.Result)
		}
	}
	return all
}

func TestBoundSession(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		mine, theirs := newBrowser(t), newBrowser(t)
		from := func(r device.Request) From { return From{Network: home, Agent: "a browser", Request: r} }
		token, s := h.signIn(t, h.hire(t, "noor", "provider"), from(mine.request(t, h.clock.now().Add(totpPeriod*time.Second))))
		if s.Device == "" {
			t.Fatal("the session is bound to no key")
		}
		ask := func(f From) error {
			got, err := h.SessionFrom(t.Context(), token, f)
			if err != nil && got.ID != "" {
				t.Error("a refusal gives the session")
			}
			return err
		}
		once := from(mine.request(t, h.clock.now()))
		if err := ask(once); err != nil {
			t.Errorf("its own key: %v", err)
		}
		h.clock.pass(2 * time.Minute)
		for _, test := range []struct {
			name string
			from From
			say  string
		}{
			{"a proof again", once, resultDevice},
			{"another key", from(theirs.request(t, h.clock.now())), resultDevice},
			{"no proof, from elsewhere", From{Network: elsewhere, Agent: "a browser"}, resultDevice},
			{"no proof, from another program", From{Network: home, Agent: "curl"}, resultDevice},
			{"no proof, from the same browser", from(device.Request{}), resultMissing},
			{"an old proof", from(mine.request(t, h.clock.now().Add(-time.Hour))), resultMissing},
		} {
			h.clock.pass(2 * touchEvery)
			before := len(h.results(t, s))
			if test.from.Request.Proof != "" {
				// Proofs are of now.
				b, at := mine, h.clock.now()
				if test.name == "another key" {
					b = theirs
				}
				if test.name == "an old proof" {
					at = at.Add(-time.Hour)
				}
				test.from.Request = b.request(t, at)
				if test.name == "a proof again" {
					if err := ask(test.from); err != nil {
						t.Fatal(err)
					}
				}
			}
			wantKey(t, ask(test.from), KeyDevice)
			wantKey(t, ask(test.from), KeyDevice) // and is not written twice
			if all := h.results(t, s); len(all) != before+1 || all[before] != test.say {
				t.Errorf("%s: the feed says %v, want one more: %s", test.name, all, test.say)
			}
		}
		// What is graver is written at once.
		h.clock.pass(2 * touchEvery)
		before := len(h.results(t, s))
		wantKey(t, ask(from(device.Request{})), KeyDevice)
		wantKey(t, ask(From{Network: elsewhere}), KeyDevice)
		if all := h.results(t, s); len(all) != before+2 {
			t.Errorf("the feed says %v", all[before:])
		}
		// The owner goes on.
		if err := ask(from(mine.request(t, h.clock.now()))); err != nil {
			t.Errorf("its own key, after all that: %v", err)
		}
		// A sign-in with a proof that is none is refused, and costs no code.
		w := h.hire(t, "bo", "provider")
		bad := mine.request(t, h.clock.now().Add(-time.Hour))
		_, _, err := h.SignInPassword(t.Context(), "bo", pass, h.code(t, w), from(bad))
		wantKey(t, err, KeyDeviceProof)
		if !Stale(err) {
			t.Error("a browser with a wrong clock is not told so")
		}
		if _, _, err := h.SignInPassword(t.Context(), "bo", pass, h.code(t, w), from(mine.request(t, h.clock.now()))); err != nil {
			t.Errorf("the same code: %v", err)
		}
	})
}

func TestWhatOrganisationsDemand(t *testing.T) {
	prefix := netip.MustParsePrefix
	hours, err := ParseHours("Mon-Fri 08:00-18:00 Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		change func(*Organisation)
		from   From
		at     time.Duration // after Thursday, 11:00 in Paris
		key    string
	}{
		{"nothing", func(*Organisation) {}, From{Network: home}, 0, ""},
		{"within hours", func(o *Organisation) { o.Hours = hours }, From{Network: home}, 6 * time.Hour, ""},
		{"after hours", func(o *Organisation) { o.Hours = hours }, From{Network: home}, 7 * time.Hour, KeyHours},
		{"within networks", func(o *Organisation) { o.Networks = []netip.Prefix{prefix("10.0.0.0/8"), prefix("203.0.0.0/16")} }, From{Network: home}, 0, ""},
		{"outside networks", func(o *Organisation) { o.Networks = []netip.Prefix{prefix("203.0.0.0/16")} }, From{Network: elsewhere}, 0, KeyNetwork},
		{"from nobody knows where", func(o *Organisation) { o.Networks = []netip.Prefix{prefix("203.0.0.0/16")} }, From{}, 0, KeyNetwork},
		{"passkeys alone", func(o *Organisation) { o.PasskeyOnly = true }, From{Network: home}, 0, KeyPasskeyOnly},
		{"a browser's key", func(o *Organisation) { o.Device = DeviceRequired }, From{Network: home}, 0, KeyDeviceRequired},
	} {
		t.Run(test.name, func(t *testing.T) {
			each(t, func(t *testing.T, h *house) {
				w := h.hire(t, "noor", "helpline")
				o, err := h.Organisation(t.Context(), "helpline")
				if err != nil {
					t.Fatal(err)
				}
				h.clock.pass(test.at)
				// The session that began before is refused by the change.
				_, s, err := h.SignInPassword(t.Context(), "noor", pass, h.code(t, w), test.from)
				if err != nil {
					t.Fatal(err)
				}
				test.change(&o)
				if err := h.UpdateOrganisation(t.Context(), o); err != nil {
					t.Fatal(err)
				}
				wantKey(t, h.aliveErr(t, s.ID), test.key)
				h.clock.pass(totpPeriod * time.Second)
				_, _, err = h.SignInPassword(t.Context(), "noor", pass, h.code(t, w), test.from)
				wantKey(t, err, test.key)
				got, err := h.Organisation(t.Context(), "helpline")
				if err != nil || got.Hours.String() != o.Hours.String() || len(got.Networks) != len(o.Networks) || got.Device != o.Device || got.PasskeyOnly != o.PasskeyOnly {
					t.Errorf("kept %+v, %v", got, err)
				}
			})
		})
	}
}

// A session ends with the shift it began in, though the desk opens again at
// once.
func TestShift(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		w := h.hire(t, "noor", "helpline")
		o, err := h.Organisation(t.Context(), "helpline")
		if err == nil {
			o.Hours, err = ParseHours("Mon-Fri 08:00-10:00, Mon-Fri 10:00-18:00")
		}
		if err == nil {
			err = h.UpdateOrganisation(t.Context(), o)
		}
		if err != nil {
			t.Fatal(err)
		}
		_, s := h.signIn(t, w, From{Network: home})
		if want := time.Date(2026, 5, 14, 10, 0, 0, 0, time.UTC); !s.Shift.Equal(want) {
			t.Fatalf("the shift ends at %v, want %v", s.Shift, want)
		}
		h.clock.pass(25 * time.Minute)
		if err := h.aliveErr(t, s.ID); err != nil {
			t.Error(err)
		}
		h.clock.pass(20 * time.Minute)
		_, other := h.signIn(t, w, From{Network: home})
		h.clock.t = time.Date(2026, 5, 14, 10, 0, 0, 0, time.UTC)
		wantKey(t, h.aliveErr(t, other.ID), KeyHours)
	})
}

// A cookie that turns up outside the organisation's networks is worth nothing.
func TestSessionLeavesTheNetworks(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		o, err := h.Organisation(t.Context(), "helpline")
		if err != nil {
			t.Fatal(err)
		}
		o.Networks = []netip.Prefix{netip.MustParsePrefix(home)}
		if err := h.UpdateOrganisation(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		token, s := h.signIn(t, h.hire(t, "noor", "helpline"), From{Network: home})
		_, err = h.SessionFrom(t.Context(), token, From{Network: elsewhere})
		wantKey(t, err, KeyNetwork)
		if all := h.results(t, s); len(all) != 1 || all[0] != resultMoved {
			t.Errorf("the feed says %v", all)
		}
	})
}

func TestRoom(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		o, err := h.Organisation(t.Context(), "helpline")
		if err != nil {
			t.Fatal(err)
		}
		o.MaxMembers, o.Domains = 1, []string{"helpline.example"}
		if err := h.UpdateOrganisation(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		add := func(login string) (Member, error) {
			return h.CreateMember(t.Context(), NewMember{Login: login, Name: "Somebody", Locale: "en", Organisation: "helpline", Roles: []Role{Agent}})
		}
		_, err = add("noor@elsewhere.example")
		wantKey(t, err, "staff.invalid.login-domain")
		m, err := add("noor@helpline.example")
		if err != nil {
			t.Fatal(err)
		}
		_, err = add("bo@helpline.example")
		wantKey(t, err, "staff.conflict.members")
		if err := h.Leave(t.Context(), m.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := add("bo@helpline.example"); err != nil {
			t.Errorf("after somebody left: %v", err)
		}
		for name, change := range map[string]func(*Organisation){
			"staff.invalid.network-range": func(o *Organisation) { o.Networks = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/28")} },
			"staff.invalid.domain":        func(o *Organisation) { o.Domains = []string{"Example"} },
			"staff.invalid.device":        func(o *Organisation) { o.Device = "maybe" },
			"staff.invalid.max-members":   func(o *Organisation) { o.MaxMembers = -1 },
		} {
			wrong := o
			change(&wrong)
			wantKey(t, h.UpdateOrganisation(t.Context(), wrong), name)
		}
	})
}
