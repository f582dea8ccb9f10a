package staff

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/db/open"
	"github.com/postern-mail/postern/testkit/engine"
)

// register invites a new member and registers a passkey for them.
func (h *house) register(t testing.TB, login string, a *authenticator) (Member, postern.CredentialID) {
	t.Helper()
	m, err := h.CreateMember(t.Context(), NewMember{Login: login, Name: login, Locale: "en", Organisation: "provider", Roles: []Role{Agent}})
	if err != nil {
		t.Fatal(err)
	}
	token, err := h.Invite(t.Context(), m.ID)
	if err != nil {
		t.Fatal(err)
	}
	options, state, err := h.BeginRegistration(t.Context(), Registrant{Invite: token})
	if err != nil {
		t.Fatal(err)
	}
	c, err := h.FinishRegistration(t.Context(), state, a.create(t, options), "  my\tkey ")
	if err != nil {
		t.Fatal(err)
	}
	return m, c
}

// login signs in with a passkey.
func (h *house) login(t testing.TB, a *authenticator, from From) (string, Session, error) {
	t.Helper()
	options, state, err := h.BeginLogin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return h.FinishLogin(t.Context(), state, a.get(t, options), from)
}

func TestPasskey(t *testing.T) {
	for _, synced := range []bool{false, true} {
		name := map[bool]string{false: "on one device", true: "synced"}[synced]
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, h *house) {
				a := &authenticator{synced: synced}
				m, c := h.register(t, "noor", a)
				all, err := h.CredentialsOf(t.Context(), m.ID)
				if err != nil || len(all) != 1 || all[0].Kind != "passkey" || all[0].Label != "my key" || all[0].BackupEligible != synced || !all[0].LastUsed.IsZero() {
					t.Errorf("credentials %+v, %v", all, err)
				}
				for range 2 {
					token, s, err := h.login(t, a, From{Network: home})
					if err != nil {
						t.Fatal(err)
					}
					if s.Staff != m.ID || s.Credential != c {
						t.Errorf("session %+v", s)
					}
					if _, err := h.SessionOf(t.Context(), token); err != nil {
						t.Error(err)
					}
				}
				events, err := h.Events(t.Context(), 0, 10)
				if err != nil || len(events) != 2 || events[0].Method != "passkey" || events[0].Known || !events[1].Known {
					t.Errorf("events %+v, %v", events, err)
				}
				h.contain(t, func(tx *db.Tx) ([]postern.SessionID, error) { return h.EndCredential(tx, c, h.clock.now()) })
				_, _, err = h.login(t, a, From{Network: home})
				wantKey(t, err, KeyCredentialEnded)
			})
		})
	}
}

func TestSecondPasskeyBySession(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		first, second := &authenticator{}, &authenticator{}
		h.register(t, "noor", first)
		_, s, err := h.login(t, first, From{Network: home})
		if err != nil {
			t.Fatal(err)
		}
		options, state, err := h.BeginRegistration(t.Context(), Registrant{Session: s.ID})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(options), b64(first.id)) {
			t.Error("the first passkey is not excluded: a second could be made on the same device")
		}
		body := second.create(t, options)
		if _, err := h.FinishRegistration(t.Context(), state, body, ""); err != nil {
			t.Fatal(err)
		}
		if _, _, err := h.login(t, second, From{Network: home}); err != nil {
			t.Error(err)
		}
		if _, err := h.FinishRegistration(t.Context(), state, body, ""); postern.KindOf(err) != postern.Invalid {
			t.Errorf("an answer is taken twice: %v", err)
		}
		// Signed out in the middle, nothing is registered.
		options, state, err = h.BeginRegistration(t.Context(), Registrant{Session: s.ID})
		if err != nil {
			t.Fatal(err)
		}
		if err := h.End(t.Context(), s.ID); err != nil {
			t.Fatal(err)
		}
		_, err = h.FinishRegistration(t.Context(), state, (&authenticator{}).create(t, options), "")
		wantKey(t, err, KeySessionEnded)
		_, _, err = h.BeginRegistration(t.Context(), Registrant{Session: s.ID})
		wantKey(t, err, KeySessionEnded)
	})
}

func TestInvitationIsForOnePasskey(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m, err := h.CreateMember(t.Context(), NewMember{Login: "noor", Name: "Noor", Locale: "en", Organisation: "provider", Roles: []Role{Agent}})
		if err != nil {
			t.Fatal(err)
		}
		token, err := h.Invite(t.Context(), m.ID)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := h.Invited(t.Context(), token); err != nil || got.ID != m.ID {
			t.Errorf("Invited = %+v, %v", got, err)
		}
		var kept atomic.Int32
		var wg sync.WaitGroup
		var states [6]string
		var bodies [6][]byte
		for i := range states {
			options, state, err := h.BeginRegistration(t.Context(), Registrant{Invite: token})
			if err != nil {
				t.Fatal(err)
			}
			states[i], bodies[i] = state, (&authenticator{}).create(t, options)
		}
		for i := range states {
			wg.Go(func() {
				switch _, err := h.FinishRegistration(t.Context(), states[i], bodies[i], ""); {
				case err == nil:
					kept.Add(1)
				case postern.KindOf(err) != postern.NotFound:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if kept.Load() != 1 {
			t.Errorf("one invitation made %d passkeys", kept.Load())
		}
		if _, err := h.Invited(t.Context(), token); postern.KindOf(err) != postern.NotFound {
			t.Errorf("a used invitation still invites: %v", err)
		}
		late, err := h.Invite(t.Context(), m.ID)
		if err != nil {
			t.Fatal(err)
		}
		h.clock.pass(InviteLife)
		if _, _, err := h.BeginRegistration(t.Context(), Registrant{Invite: late}); postern.KindOf(err) != postern.NotFound {
			t.Errorf("an old invitation still invites: %v", err)
		}
	})
}

func TestPasskeyRefusals(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		a := &authenticator{}
		h.register(t, "noor", a)
		for _, test := range []struct {
			name string
			with func(a *authenticator)
			key  string
		}{
			{"another site's page", func(a *authenticator) { a.origin = "https://desk.example.evil.example" }, KeyPasskey},
			{"another relying party", func(a *authenticator) { a.rpID = "evil.example" }, KeyPasskey},
			{"nobody verified", func(a *authenticator) { a.unverified = true }, KeyPasskey},
			{"became synced", func(a *authenticator) { a.synced = true }, KeyPasskey},
			{"another member's handle", func(a *authenticator) { a.handle = make([]byte, 16) }, KeyPasskey},
			{"no handle", func(a *authenticator) { a.handle = nil }, KeyPasskey},
			{"unknown passkey", func(a *authenticator) { a.id = make([]byte, 32) }, KeyPasskey},
		} {
			t.Run(test.name, func(t *testing.T) {
				b := *a
				b.count += 100
				test.with(&b)
				_, _, err := h.login(t, &b, From{Network: home})
				wantKey(t, err, test.key)
			})
		}
		t.Run("another key under its name", func(t *testing.T) {
			b := &authenticator{}
			h.register(t, "omar", b)
			b.id, b.handle = a.id, a.handle
			_, _, err := h.login(t, b, From{Network: home})
			wantKey(t, err, KeyPasskey)
		})
		t.Run("too late", func(t *testing.T) {
			options, state, err := h.BeginLogin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			h.clock.pass(CeremonyLife)
			if _, _, err = h.FinishLogin(t.Context(), state, a.get(t, options), From{}); postern.KindOf(err) != postern.Invalid {
				t.Errorf("got %v", err)
			}
		})
		t.Run("changed on the way", func(t *testing.T) {
			options, state, err := h.BeginLogin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			body := a.get(t, options)
			for i := 0; i < len(state); i += 37 {
				b := []byte(state)
				b[i] ^= 1
				if _, _, err := h.FinishLogin(t.Context(), string(b), body, From{}); postern.KindOf(err) != postern.Invalid {
					t.Fatalf("with byte %d changed: %v", i, err)
				}
			}
			if _, err := h.FinishRegistration(t.Context(), state, body, ""); postern.KindOf(err) != postern.Invalid {
				t.Errorf("a sign-in's state registers: %v", err)
			}
		})
		t.Run("too long", func(t *testing.T) {
			_, state, err := h.BeginLogin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = h.FinishLogin(t.Context(), state, make([]byte, maxBody+1), From{})
			wantKey(t, err, KeyPasskey)
		})
	})
}

// TestAnswerIsTakenOnce has many hands post one right answer at once.
func TestAnswerIsTakenOnce(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		a := &authenticator{synced: true} // no counter helps
		h.register(t, "noor", a)
		options, state, err := h.BeginLogin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		body := a.get(t, options)
		var in atomic.Int32
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if _, _, err := h.FinishLogin(t.Context(), state, body, From{Network: home}); err == nil {
					in.Add(1)
				}
			})
		}
		wg.Wait()
		if in.Load() != 1 {
			t.Errorf("%d sign-ins with one answer", in.Load())
		}
		h.clock.pass(CeremonyLife + time.Second)
		if _, _, err := h.login(t, a, From{Network: home}); err != nil {
			t.Error(err)
		}
	})
}

func TestCopyOfAPasskeyIsNoticed(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		a := &authenticator{}
		m, c := h.register(t, "noor", a)
		copied := *a
		if _, _, err := h.login(t, a, From{Network: home}); err != nil {
			t.Fatal(err)
		}
		_, _, err := h.login(t, &copied, From{Network: elsewhere})
		wantKey(t, err, KeyCloned)
		events, err := h.Events(t.Context(), 1, 10)
		if err != nil || len(events) != 1 || events[0].Result != "clone-warning" || events[0].Staff != m.ID || events[0].Credential != c || events[0].Network != elsewhere {
			t.Errorf("events %+v, %v", events, err)
		}
	})
}

func TestWithoutARelyingParty(t *testing.T) {
	h := newHouse(t, engine.SQLite(t)(open.Staff), func(p *Parts) { p.RPID = "" })
	if _, _, err := h.BeginLogin(t.Context()); postern.KindOf(err) != postern.Unavailable {
		t.Errorf("got %v", err)
	}
	if _, err := Open(t.Context(), Parts{DB: h.h, Now: h.clock.now, RPID: "desk.example"}); err == nil {
		t.Error("a relying party without an origin is taken")
	}
}

// TestNodesShareTheCeremonyKey: what one node began, another finishes.
func TestNodesShareTheCeremonyKey(t *testing.T) {
	engine.Each(t, func(t *testing.T, o engine.Open) {
		one := newHouse(t, o(open.Staff))
		two := newHouse(t, one.h)
		two.clock = one.clock
		a := &authenticator{}
		one.register(t, "noor", a)
		options, state, err := one.BeginLogin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := two.FinishLogin(t.Context(), state, a.get(t, options), From{Network: home}); err != nil {
			t.Error(err)
		}
	})
}

// fuzzHouse is a house whose one open sign-in and registration wait for bytes.
func fuzzHouse(f *testing.F) (h *house, a *authenticator, options []byte, state string) {
	f.Helper()
	h = newHouse(f, engine.SQLite(f)(open.Staff))
	a = &authenticator{}
	_, _ = h.register(f, "noor", a)
	options, state, err := h.BeginLogin(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	return h, a, options, state
}

func FuzzFinishLogin(f *testing.F) {
	h, a, options, state := fuzzHouse(f)
	good := a.get(f, options)
	f.Add(good[:len(good)-1])
	f.Add([]byte(`{}`))
	f.Add([]byte(strings.Replace(string(good), `"signature":"`, `"signature":"AA`, 1)))
	f.Fuzz(func(t *testing.T, body []byte) {
		if token, _, err := h.FinishLogin(t.Context(), state, body, From{}); err == nil || token != "" {
			t.Errorf("signed in with %q", body)
		}
	})
}

func FuzzFinishRegistration(f *testing.F) {
	h, _, _, _ := fuzzHouse(f)
	m, err := h.ByLogin(f.Context(), "noor")
	if err != nil {
		f.Fatal(err)
	}
	token, err := h.Invite(f.Context(), m.ID)
	if err != nil {
		f.Fatal(err)
	}
	options, state, err := h.BeginRegistration(f.Context(), Registrant{Invite: token})
	if err != nil {
		f.Fatal(err)
	}
	good := (&authenticator{origin: "https://evil.example"}).create(f, options)
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add([]byte(`{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"e30","attestationObject":"oA"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		// A body that happens to be right would need the challenge and the
		// origin; the seeds have never both.
		if _, err := h.FinishRegistration(t.Context(), state, body, ""); err == nil {
			t.Errorf("registered %q", body)
		}
	})
}

func FuzzUnseal(f *testing.F) {
	h, _, _, state := fuzzHouse(f)
	f.Add(state[1:])
	f.Add("e30.")
	f.Add(".")
	f.Fuzz(func(t *testing.T, s string) {
		if _, err := h.unseal(s, "login"); err == nil && s != state {
			t.Errorf("unsealed %q", s)
		}
	})
}
