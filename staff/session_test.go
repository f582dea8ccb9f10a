package staff

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

func TestSessionLife(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		noor := h.hire(t, "noor", "provider")
		token, s := h.signIn(t, noor, From{Network: home})
		use := func() error {
			_, err := h.SessionOf(t.Context(), token)
			return err
		}
		// Use keeps it from idling, and does not make it longer.
		for h.clock.now().Before(s.Expires.Add(-20 * time.Minute)) {
			h.clock.pass(20 * time.Minute)
			if err := use(); err != nil {
				t.Fatal(err)
			}
		}
		h.clock.pass(20 * time.Minute)
		wantKey(t, use(), KeyExpired)

		token, s = h.signIn(t, noor, From{Network: home})
		h.clock.pass(SessionIdle - time.Millisecond)
		if err := h.aliveErr(t, s.ID); err != nil {
			t.Error(err)
		}
		h.clock.pass(time.Millisecond)
		wantKey(t, use(), KeyIdle)
		wantKey(t, h.aliveErr(t, s.ID), KeyIdle)

		token, s = h.signIn(t, noor, From{Network: home})
		if err := h.End(t.Context(), s.ID); err != nil {
			t.Fatal(err)
		}
		wantKey(t, use(), KeySessionEnded)
		for _, odd := range []string{"", "x", token + "x", string(make([]byte, 5000))} {
			_, err := h.SessionOf(t.Context(), odd)
			wantKey(t, err, KeySignedOut)
		}
		token, _ = h.signIn(t, noor, From{Network: home})
		if err := h.Leave(t.Context(), noor.ID); err != nil {
			t.Fatal(err)
		}
		wantKey(t, use(), KeyLeft)
	})
}

func TestTokenIsNotStored(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		token, s := h.signIn(t, h.hire(t, "noor", "provider"), From{Network: home})
		var kept []byte
		if err := h.h.View(t.Context(), func(tx *db.Tx) error {
			return tx.Row("SELECT token_hash FROM staff_session WHERE id = ?1", db.Args(s.ID), &kept)
		}); err != nil {
			t.Fatal(err)
		}
		if len(token) != 43 || len(kept) != 32 || !slices.Equal(kept, hashToken(token)) {
			t.Errorf("a token of %d characters is kept as %x", len(token), kept)
		}
	})
}

// TestSessionMoves: a cookie that turns up elsewhere is written down once, and
// the block of either network ends the session.
func TestSessionMoves(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		token, s := h.signIn(t, h.hire(t, "noor", "provider"), From{Network: home})
		for range 3 {
			if _, err := h.SessionFrom(t.Context(), token, From{Network: elsewhere, Agent: "Thief"}); err != nil {
				t.Fatal(err)
			}
			if _, err := h.SessionFrom(t.Context(), token, From{Network: home}); err != nil {
				t.Fatal(err)
			}
		}
		events, err := h.Events(t.Context(), 1, 10)
		if err != nil {
			t.Fatal(err)
		}
		if len(events) != 1 || events[0].Result != "moved" || events[0].Network != elsewhere || events[0].Session != s.ID || events[0].Known || events[0].Agent != "Thief" {
			t.Errorf("events %+v", events)
		}
		ended := h.contain(t, func(tx *db.Tx) ([]postern.SessionID, error) { return h.BlockNetwork(tx, elsewhere, h.clock.now()) })
		if !slices.Equal(ended, []postern.SessionID{s.ID}) {
			t.Errorf("ended %v", ended)
		}
		wantKey(t, h.aliveErr(t, s.ID), KeyNetworkBlocked)
		// A fresh session from home throttle.Counts, until its cookie shows up there.
		token, _ = h.signIn(t, hired{Member: must(h.ByLogin(t.Context(), "noor")), secret: secretOf(t, h, s.Credential)}, From{Network: home})
		_, err = h.SessionFrom(t.Context(), token, From{Network: elsewhere})
		wantKey(t, err, KeyNetworkBlocked)
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func secretOf(t *testing.T, h *house, c postern.CredentialID) (secret string) {
	t.Helper()
	if err := h.h.View(t.Context(), func(tx *db.Tx) error {
		return tx.Row("SELECT totp_secret FROM staff_credential WHERE id = ?1", db.Args(c), &secret)
	}); err != nil {
		t.Fatal(err)
	}
	return secret
}

func TestContain(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		now := h.clock.now
		noor, omar := h.hire(t, "noor", "helpline"), h.hire(t, "omar", "helpline")
		zoe := h.hire(t, "zoe", "provider")
		_, n1 := h.signIn(t, noor, From{Network: home})
		_, n2 := h.signIn(t, noor, From{Network: elsewhere})
		_, o1 := h.signIn(t, omar, From{Network: elsewhere})
		_, z1 := h.signIn(t, zoe, From{Network: home})

		reach := func(kind, subject string, sessions, members int) {
			t.Helper()
			s, m, err := h.Reach(t.Context(), kind, subject)
			if err != nil || s != sessions || m != members {
				t.Errorf("Reach(%s) = %d sessions, %d members, %v; want %d, %d", kind, s, m, err, sessions, members)
			}
		}
		reach("session", string(n1.ID), 1, 1)
		reach("credential", string(noor.credential), 2, 1)
		reach("network", elsewhere, 2, 2)
		reach("organisation", "helpline", 3, 2)
		if _, _, err := h.Reach(t.Context(), "planet", "x"); postern.KindOf(err) != postern.Invalid {
			t.Errorf("Reach of a planet: %v", err)
		}

		ended := h.contain(t, func(tx *db.Tx) ([]postern.SessionID, error) { return h.EndSessionTx(tx, n1.ID, now()) })
		if !slices.Equal(ended, []postern.SessionID{n1.ID}) {
			t.Errorf("ended %v", ended)
		}
		wantKey(t, h.aliveErr(t, n1.ID), KeySessionEnded)

		ended = h.contain(t, func(tx *db.Tx) ([]postern.SessionID, error) { return h.EndCredential(tx, noor.credential, now()) })
		if !slices.Equal(ended, []postern.SessionID{n2.ID}) {
			t.Errorf("ended %v", ended)
		}
		wantKey(t, h.aliveErr(t, n2.ID), KeyCredentialEnded)
		reach("credential", string(noor.credential), 0, 0)
		h.clock.pass(time.Minute)
		_, _, err := h.SignInPassword(t.Context(), "noor", pass, h.code(t, noor), From{Network: home})
		wantKey(t, err, KeyCredentialEnded)

		ended = h.contain(t, func(tx *db.Tx) ([]postern.SessionID, error) { return h.SuspendOrganisation(tx, "helpline", now()) })
		if !slices.Equal(ended, []postern.SessionID{o1.ID}) {
			t.Errorf("ended %v", ended)
		}
		_, _, err = h.SignInPassword(t.Context(), "omar", pass, h.code(t, omar), From{Network: home})
		wantKey(t, err, KeySuspended)

		if err := h.aliveErr(t, z1.ID); err != nil {
			t.Errorf("somebody else was ended too: %v", err)
		}
		h.contain(t, func(tx *db.Tx) ([]postern.SessionID, error) { return h.BlockNetwork(tx, home, now()) })
		wantKey(t, h.aliveErr(t, z1.ID), KeyNetworkBlocked)
		_, _, err = h.SignInPassword(t.Context(), "zoe", pass, h.code(t, zoe), From{Network: home})
		wantKey(t, err, KeyNetworkBlocked)

		// Lifted, people sign in again; what was ended stays ended.
		h.contain(t, func(tx *db.Tx) ([]postern.SessionID, error) {
			return nil, firstError(h.RestoreCredential(tx, noor.credential), h.RestoreOrganisation(tx, "helpline"), h.RestoreNetwork(tx, home))
		})
		h.signIn(t, noor, From{Network: home})
		h.signIn(t, omar, From{Network: home})
		for _, id := range []postern.SessionID{n1.ID, n2.ID, o1.ID, z1.ID} {
			wantKey(t, h.aliveErr(t, id), KeySessionEnded)
		}

		for name, f := range map[string]func(tx *db.Tx) error{
			"credential":   func(tx *db.Tx) error { _, err := h.EndCredential(tx, "none", now()); return err },
			"session":      func(tx *db.Tx) error { _, err := h.EndSessionTx(tx, "none", now()); return err },
			"organisation": func(tx *db.Tx) error { _, err := h.SuspendOrganisation(tx, "none", now()); return err },
			"lift":         func(tx *db.Tx) error { return h.RestoreNetwork(tx, elsewhere) },
		} {
			if err := h.h.Update(t.Context(), f); postern.KindOf(err) != postern.NotFound {
				t.Errorf("an unknown %s: %v", name, err)
			}
		}
		err = h.h.Update(t.Context(), func(tx *db.Tx) error { _, err := h.BlockNetwork(tx, "203.0.113.0/16", now()); return err })
		if postern.KindOf(err) != postern.Invalid {
			t.Errorf("a /16 is blocked: %v", err)
		}
	})
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// TestContainAgainstSignIn ends a credential while its owner signs in over and
// over: afterwards no session of it throttle.Counts, and none begins.
func TestContainAgainstSignIn(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		noor := h.hire(t, "noor", "provider")
		var mu sync.Mutex
		var sessions []postern.SessionID
		var wg sync.WaitGroup
		begun := make(chan struct{}, 100)
		for range 4 {
			wg.Go(func() {
				for range 12 {
					// What is left of a sign-in once the password is checked.
					err := h.h.Update(t.Context(), func(tx *db.Tx) error {
						_, fresh := newToken()
						s, err := h.begin(tx, fresh, noor.credential, From{Network: home}, methodPassword)
						if err == nil {
							tx.AfterCommit(func() {
								mu.Lock()
								defer mu.Unlock()
								sessions = append(sessions, s.ID)
							})
						}
						return err
					})
					if err != nil && postern.KeyOf(err) != KeyCredentialEnded {
						t.Error(err)
					}
					begun <- struct{}{}
				}
			})
		}
		for range 8 {
			<-begun
		}
		h.contain(t, func(tx *db.Tx) ([]postern.SessionID, error) {
			return h.EndCredential(tx, noor.credential, h.clock.now())
		})
		wg.Wait()
		for _, id := range sessions {
			if h.aliveErr(t, id) == nil {
				t.Error("a session of the ended credential counts")
			}
		}
		// Lifting brings none of them back, not even one that began in between.
		h.contain(t, func(tx *db.Tx) ([]postern.SessionID, error) { return nil, h.RestoreCredential(tx, noor.credential) })
		for _, id := range sessions {
			wantKey(t, h.aliveErr(t, id), KeySessionEnded)
		}
	})
}
