package staff

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	secrets "github.com/postern-mail/postern/staff/secret"
)

// token makes one without an admin.
func (h *house) token(t testing.TB, w hired, scopes ...string) (string, Token) {
	t.Helper()
	secret, made, err := h.IssueToken(t.Context(), w.ID, "ticket system", scopes, 90*24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return secret, made
}

func TestTokenIsASession(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		noor := h.hire(t, "noor", "helpline", Agent, Approver)
		secret, made := h.token(t, noor, ScopeCasesRead, ScopeAccountRead, ScopeCasesRead)
		if !secrets.Is(secret) || made.Session == "" || !slices.Equal(made.Scopes, []string{ScopeAccountRead, ScopeCasesRead}) {
			t.Fatalf("a token %+v", made)
		}
		s, err := h.TokenSession(t.Context(), secret, From{Network: home, Agent: "tickets/1"})
		if err != nil {
			t.Fatal(err)
		}
		if s.ID != made.Session || s.Staff != noor.ID || s.Credential != made.Credential || s.Organisation != "helpline" || !s.Is(Approver) || s.Network != home {
			t.Errorf("session %+v", s)
		}
		if !s.May(ScopeCasesRead) || s.May(ScopeGateReveal) || s.May("") {
			t.Errorf("scopes %q", s.Scopes)
		}
		if person := (Session{}); !person.May(ScopeGateReveal) {
			t.Error("a person's session is bound to scopes")
		}
		// It does not idle, and it is over when it is over.
		h.clock.pass(89 * 24 * time.Hour)
		if _, err := h.TokenSession(t.Context(), secret, From{Network: home}); err != nil {
			t.Error(err)
		}
		if err := h.aliveErr(t, s.ID); err != nil {
			t.Error(err)
		}
		list, err := h.Tokens(t.Context(), noor.ID)
		if err != nil || len(list) != 1 || !list[0].LastUsed.Equal(h.clock.now()) || list[0].Mark != made.Mark || list[0].Label != "ticket system" {
			t.Errorf("listed %+v, %v", list, err)
		}
		h.clock.pass(24 * time.Hour)
		_, err = h.TokenSession(t.Context(), secret, From{Network: home})
		wantKey(t, err, KeyExpired)
	})
}

// TestTokenSecretIsNoCookie: a page takes no API token, and no API a cookie.
func TestTokenSecretIsNoCookie(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		noor := h.hire(t, "noor", "provider")
		secret, _ := h.token(t, noor, ScopeCasesRead)
		_, err := h.SessionOf(t.Context(), secret)
		wantKey(t, err, KeySignedOut)
		cookie, _ := h.signIn(t, noor, From{Network: home})
		_, err = h.TokenSession(t.Context(), cookie, From{Network: home})
		wantKey(t, err, KeySignedOut)
		// Of a secret only a hash is kept.
		if err := h.h.View(t.Context(), func(tx *db.Tx) error {
			var mark string
			var hash []byte
			if err := tx.Row("SELECT mark, hash FROM staff_token", nil, &mark, &hash); err != nil {
				return err
			}
			if wantMark, wantHash := secrets.Hash(secret); mark != wantMark || !slices.Equal(hash, wantHash) || strings.Contains(secret, mark) {
				t.Errorf("kept %s, %x", mark, hash)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	})
}

// TestTokenIsContained ends a token in every way in which a person's access
// ends, each at the token's next use.
func TestTokenIsContained(t *testing.T) {
	type fixture struct {
		*house
		noor hired
		made Token
	}
	at := func(f fixture) time.Time { return f.clock.now() }
	for _, c := range []struct {
		name string
		end  func(t *testing.T, f fixture) []postern.SessionID
		key  string
	}{
		{"credential", func(t *testing.T, f fixture) []postern.SessionID {
			return f.contain(t, func(tx *db.Tx) ([]postern.SessionID, error) { return f.EndCredential(tx, f.made.Credential, at(f)) })
		}, KeyCredentialEnded},
		{"session", func(t *testing.T, f fixture) []postern.SessionID {
			return f.contain(t, func(tx *db.Tx) ([]postern.SessionID, error) { return f.EndSessionTx(tx, f.made.Session, at(f)) })
		}, KeySessionEnded},
		{"network", func(t *testing.T, f fixture) []postern.SessionID {
			return f.contain(t, func(tx *db.Tx) ([]postern.SessionID, error) { return f.BlockNetwork(tx, home, at(f)) })
		}, KeyNetworkBlocked},
		{"organisation", func(t *testing.T, f fixture) []postern.SessionID {
			return f.contain(t, func(tx *db.Tx) ([]postern.SessionID, error) { return f.SuspendOrganisation(tx, "helpline", at(f)) })
		}, KeySuspended},
		{"end", func(t *testing.T, f fixture) []postern.SessionID {
			_, ended, err := f.EndToken(t.Context(), f.made.Mark)
			if err != nil {
				t.Fatal(err)
			}
			return ended
		}, KeyCredentialEnded},
		{"leave", func(t *testing.T, f fixture) []postern.SessionID {
			if err := f.Leave(t.Context(), f.noor.ID); err != nil {
				t.Fatal(err)
			}
			return []postern.SessionID{f.made.Session}
		}, KeyCredentialEnded},
	} {
		t.Run(c.name, func(t *testing.T) {
			each(t, func(t *testing.T, h *house) {
				noor := h.hire(t, "noor", "helpline")
				secret, made := h.token(t, noor, ScopeCasesRead)
				other, _ := h.token(t, h.hire(t, "ada", "provider"), ScopeCasesRead)
				for _, s := range []string{secret, other} {
					from := From{Network: home}
					if s == other {
						from.Network = elsewhere
					}
					if _, err := h.TokenSession(t.Context(), s, from); err != nil {
						t.Fatal(err)
					}
				}
				// Long unused tokens are reached as well.
				h.clock.pass(48 * time.Hour)
				if c.name == "credential" {
					if n, _, err := h.Reach(t.Context(), "credential", string(made.Credential)); err != nil || n != 1 {
						t.Errorf("reach %d, %v", n, err)
					}
				}
				if ended := c.end(t, fixture{h, noor, made}); !slices.Equal(ended, []postern.SessionID{made.Session}) {
					t.Errorf("ended %v, want %v", ended, made.Session)
				}
				for range 2 {
					_, err := h.TokenSession(t.Context(), secret, From{Network: home})
					wantKey(t, err, c.key)
				}
				wantKey(t, h.aliveErr(t, made.Session), c.key)
				if _, err := h.TokenSession(t.Context(), other, From{Network: elsewhere}); err != nil {
					t.Errorf("somebody else's token: %v", err)
				}
				if refused := results(t, h, made.Credential); refused["refused"] != 1 {
					t.Errorf("events %v, want one refusal", refused)
				}
			})
		})
	}
}

// results counts the events of a token.
func results(t testing.TB, h *house, c postern.CredentialID) map[string]int {
	t.Helper()
	events, err := h.Events(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	n := map[string]int{}
	for _, e := range events {
		if e.Credential == c {
			if e.Method != "token" {
				t.Errorf("a token's event by %q", e.Method)
			}
			n[e.Result]++
		}
	}
	return n
}

func TestTokenEvents(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		secret, made := h.token(t, h.hire(t, "noor", "provider"), ScopeCasesRead)
		for _, network := range []string{home, home, elsewhere, home, "", elsewhere} {
			h.clock.pass(time.Hour)
			if _, err := h.TokenSession(t.Context(), secret, From{Network: network}); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := h.EndToken(t.Context(), secret); err != nil {
			t.Fatal(err)
		}
		got := results(t, h, made.Credential)
		if got["made"] != 1 || got["ok"] != 1 || got["moved"] != 1 || got["ended"] != 1 || len(got) != 4 {
			t.Errorf("events %v", got)
		}
		if _, _, err := h.EndToken(t.Context(), "nothing"); postern.KindOf(err) != postern.NotFound {
			t.Errorf("ended nothing: %v", err)
		}
	})
}

func TestWhoMakesTokens(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		agent, outsourced := h.hire(t, "noor", "provider"), h.hire(t, "omar", "helpline")
		_, admin := h.signIn(t, h.hire(t, "ada", "provider", Admin), From{Network: home})
		_, theirs := h.signIn(t, h.hire(t, "olga", "helpline", Admin), From{Network: home})
		_, plain := h.signIn(t, agent, From{Network: home})
		program := admin
		program.Scopes = []string{ScopeSCIM}
		scopes := []string{ScopeCasesRead}
		for _, c := range []struct {
			name   string
			by     Session
			of     hired
			scopes []string
			life   time.Duration
			label  string
			key    string
		}{
			{"an admin", admin, agent, scopes, time.Hour, "l", ""},
			{"for an outsourcer", admin, outsourced, []string{ScopeSCIM}, TokenLife, "l", ""},
			{"an outsourcer's own", theirs, outsourced, scopes, time.Hour, "l", ""},
			{"an outsourcer's for the provider's", theirs, agent, scopes, time.Hour, "l", KeyTokenAdmin},
			{"no admin", plain, agent, scopes, time.Hour, "l", KeyTokenAdmin},
			{"a token", program, agent, scopes, time.Hour, "l", KeyTokenMakes},
			{"too long", admin, agent, scopes, TokenLife + 1, "l", "staff.invalid.token-life"},
			{"no scope", admin, agent, nil, time.Hour, "l", "staff.invalid.token-scopes"},
			{"another scope", admin, agent, []string{"everything"}, time.Hour, "l", "staff.invalid.token-scopes"},
			{"no label", admin, agent, scopes, time.Hour, " ", "staff.invalid.token-label"},
			{"a label with a line", admin, agent, scopes, time.Hour, "a\nb", "staff.invalid.token-label"},
		} {
			t.Run(c.name, func(t *testing.T) {
				_, _, err := h.NewToken(t.Context(), c.by, c.of.ID, c.label, c.scopes, c.life)
				wantKey(t, err, c.key)
				if c.key == "" && err != nil {
					t.Error(err)
				}
			})
		}
		h.clock.pass(TokenProof + time.Second)
		_, _, err := h.NewToken(t.Context(), admin, agent.ID, "l", scopes, time.Hour)
		wantKey(t, err, KeyTokenProof)
	})
}

// TestStolenSessionLeavesNoToken: what a stolen credential made is ended with it.
func TestStolenSessionLeavesNoToken(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		noor, ada := h.hire(t, "noor", "provider"), h.hire(t, "ada", "provider", Admin)
		_, admin := h.signIn(t, ada, From{Network: home})
		secret, made, err := h.NewToken(t.Context(), admin, noor.ID, "backdoor", []string{ScopeCasesRead}, TokenLife)
		if err != nil {
			t.Fatal(err)
		}
		ended := h.contain(t, func(tx *db.Tx) ([]postern.SessionID, error) {
			return h.EndCredential(tx, ada.credential, h.clock.now())
		})
		if !slices.Contains(ended, made.Session) || !slices.Contains(ended, admin.ID) {
			t.Errorf("ended %v", ended)
		}
		_, err = h.TokenSession(t.Context(), secret, From{Network: home})
		wantKey(t, err, KeyCredentialEnded)
		// Lifting the containment from the person does not bring it back.
		if err := h.h.Update(t.Context(), func(tx *db.Tx) error { return h.RestoreCredential(tx, ada.credential) }); err != nil {
			t.Fatal(err)
		}
		_, err = h.TokenSession(t.Context(), secret, From{Network: home})
		wantKey(t, err, KeyCredentialEnded)
	})
}

// TestLeaverLeavesNoToken: who leaves takes the tokens along that they made for
// others, and no others.
func TestLeaverLeavesNoToken(t *testing.T) {
	for _, c := range []struct {
		name  string
		leave func(t *testing.T, h *house, by Session, id postern.StaffID) error
	}{
		{"leave", func(t *testing.T, h *house, _ Session, id postern.StaffID) error { return h.Leave(t.Context(), id) }},
		{"scim", func(t *testing.T, h *house, by Session, id postern.StaffID) error {
			gone := false
			_, err := h.Amend(t.Context(), by, id, PersonChange{Active: &gone})
			return err
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			each(t, func(t *testing.T, h *house) {
				noor, ada, bea := h.hire(t, "noor", "provider"), h.hire(t, "ada", "provider", Admin), h.hire(t, "bea", "provider", Admin)
				directory, _ := h.token(t, noor, ScopeSCIM)
				by, err := h.TokenSession(t.Context(), directory, From{Network: home})
				if err != nil {
					t.Fatal(err)
				}
				issue := func(w hired) (string, Token) {
					_, s := h.signIn(t, w, From{Network: home})
					secret, made, err := h.NewToken(t.Context(), s, noor.ID, "tickets", []string{ScopeCasesRead}, TokenLife)
					if err != nil {
						t.Fatal(err)
					}
					return secret, made
				}
				hers, made := issue(ada)
				beas, other := issue(bea)
				if err := c.leave(t, h, by, ada.ID); err != nil {
					t.Fatal(err)
				}
				_, err = h.TokenSession(t.Context(), hers, From{Network: home})
				wantKey(t, err, KeyCredentialEnded)
				wantKey(t, h.aliveErr(t, made.Session), KeyCredentialEnded)
				for _, secret := range []string{directory, beas} {
					if _, err := h.TokenSession(t.Context(), secret, From{Network: home}); err != nil {
						t.Errorf("somebody else's token: %v", err)
					}
				}
				if got := results(t, h, made.Credential); got["ended"] != 1 {
					t.Errorf("the feed says %v", got)
				}
				if got := results(t, h, other.Credential); got["ended"] != 0 {
					t.Errorf("of another's token the feed says %v", got)
				}
				// What hangs on them is still to be found, and nobody else's.
				all, err := h.SessionsOf(t.Context(), ada.ID)
				if err != nil || len(all) != 2 || !slices.Contains(all, made.Session) || slices.Contains(all, other.Session) {
					t.Errorf("the leaver's sessions %v, %v", all, err)
				}
			})
		})
	}
}
