package node_test

import (
	"bufio"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/account"
	"github.com/postern-mail/postern/desk"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/node"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/testkit"
)

// idp is a company's sign-in that vouches for one person.
type idp struct {
	*httptest.Server
	sign  func(claims map[string]any) string
	nonce string
}

func newIDP(t *testing.T) *idp {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: "1"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	p, mux := &idp{}, http.NewServeMux()
	p.sign = func(claims map[string]any) string {
		now := time.Now().Unix()
		c := map[string]any{"iss": p.URL, "sub": "s-1", "aud": "desk", "exp": now + 300, "iat": now, "sid": "session-1"}
		for k, v := range claims {
			c[k] = v
		}
		text, err := json.Marshal(c)
		if err != nil {
			t.Error(err)
		}
		signed, err := signer.Sign(text)
		if err != nil {
			t.Error(err)
			return ""
		}
		compact, err := signed.CompactSerialize()
		if err != nil {
			t.Error(err)
		}
		return compact
	}
	answer := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(v); err != nil {
			t.Error(err)
		}
	}
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"issuer": p.URL, "authorization_endpoint": p.URL + "/auth", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"RS256"}})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "1", Algorithm: "RS256", Use: "sig"}}})
	})
	mux.HandleFunc("/auth", func(w http.ResponseWriter, r *http.Request) {
		p.nonce = r.FormValue("nonce")
		http.Redirect(w, r, r.FormValue("redirect_uri")+"?"+url.Values{"code": {"c"}, "state": {r.FormValue("state")}}.Encode(), http.StatusSeeOther)
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"access_token": "x", "token_type": "Bearer",
			"id_token": p.sign(map[string]any{"nonce": p.nonce, "auth_time": time.Now().Unix(), "email": "noor@example.org", "email_verified": true})})
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

// TestWhatEndsASessionEndsAll: a company's logout, a member's leaving by a
// directory and a token's end close the open stream and end the grant.
func TestWhatEndsASessionEndsAll(t *testing.T) {
	provider := newIDP(t)
	n := testkit.Start(t, testkit.Options{Config: func(c *node.Config) {
		c.Staff.OIDC = []node.OIDCConfig{{ID: "sso", Organisation: "provider", Issuer: provider.URL, ClientID: "desk", Domains: []string{"example.org"}}}
	}})
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ok(n.Staff.CreateOrganisation(ctx, staff.Organisation{ID: "provider", Name: "Example Mail", Kind: "provider"}))
	hire := func(login string) staff.Member {
		m, err := n.Staff.CreateMember(ctx, staff.NewMember{Login: login, Name: "Somebody", Locale: "en", Organisation: "provider", Roles: []staff.Role{staff.Agent}})
		ok(err)
		return m
	}
	noor, robot := hire("noor@example.org"), hire("robot")
	a, err := n.Accounts.Create(ctx, account.New{Address: "ana@example.org", Name: "Ana", Locale: "en", Password: "correct horse battery", QuotaBytes: 1 << 20})
	ok(err)
	kase, err := n.Cases.OpenCase(ctx, desk.NewCase{Account: a.ID, Address: a.Address, Name: a.Name, Locale: "en", Subject: "Help", Text: "My mail is gone."})
	ok(err)
	grant := func(s postern.SessionID) postern.GrantID {
		t.Helper()
		r, err := n.Gate.Ask(ctx, staff.Session{ID: s}, gate.Ask{Case: kase.ID, Account: a.ID, Tier: postern.TierAccount, Reason: postern.ReasonSupport, Sentence: "You asked."})
		ok(err)
		if r.Status != gate.Granted {
			t.Fatalf("the request is %s", r.Status)
		}
		return r.Grant
	}
	over := func(id postern.GrantID) {
		t.Helper()
		g, err := n.Gate.Grant(ctx, id)
		ok(err)
		if g.Ended.IsZero() || g.EndedWhy != gate.EndSession {
			t.Errorf("the grant ended %v, because of %q", g.Ended, g.EndedWhy)
		}
	}
	token := func(scope string) (out node.TokenOut) {
		t.Helper()
		ok(n.Do(ctx, "staff.token.new", node.TokenIn{Login: robot.Login, Label: "x", Scopes: []string{scope}, Days: 1}, &out))
		return out
	}
	directory := token("scim")
	for _, c := range []struct {
		name string
		end  func(t *testing.T, client *http.Client) *http.Response
	}{
		{"logout", func(t *testing.T, client *http.Client) *http.Response {
			text := provider.sign(map[string]any{"jti": "j-1", "events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}})
			res, err := client.PostForm(n.Origins().Desk+"/oidc/sso/logout", url.Values{"logout_token": {text}})
			ok(err)
			return res
		}},
		{"leaver", func(t *testing.T, client *http.Client) *http.Response {
			r, err := http.NewRequestWithContext(ctx, "PATCH", n.Origins().Desk+"/scim/v2/Users/"+string(noor.ID), strings.NewReader(
				`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":false}]}`))
			ok(err)
			r.Header.Set("Authorization", "Bearer "+directory.Secret)
			r.Header.Set("Content-Type", "application/scim+json")
			res, err := client.Do(r)
			ok(err)
			return res
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := testkit.Client(t)
			res, err := client.Get(n.Origins().Desk + "/oidc/sso")
			ok(err)
			res.Body.Close()
			var s postern.SessionID
			u, err := url.Parse(n.Origins().Desk)
			ok(err)
			for _, cookie := range client.Jar.Cookies(u) {
				if found, err := n.Staff.SessionOf(ctx, cookie.Value); err == nil {
					s = found.ID
				}
			}
			g := grant(s)
			stream, err := client.Get(n.Origins().Desk + "/events")
			ok(err)
			defer stream.Body.Close()
			in := bufio.NewReader(stream.Body)
			if line, err := in.ReadString('\n'); err != nil || line != ": open\n" {
				t.Fatalf("the stream began with %q, %v", line, err)
			}
			answer := c.end(t, testkit.Client(t))
			said, _ := io.ReadAll(answer.Body)
			answer.Body.Close()
			if answer.StatusCode != 200 {
				t.Fatalf("the ending answered %s: %s", answer.Status, said)
			}
			rest, err := io.ReadAll(in)
			if err != nil || !strings.Contains(string(rest), "event: ended\n") {
				t.Errorf("the stream ended with %q, %v", rest, err)
			}
			over(g)
		})
	}
	t.Run("token", func(t *testing.T) {
		made := token("gate:ask")
		s, err := n.Staff.TokenSession(ctx, made.Secret, staff.From{Network: "203.0.113.0/24"})
		ok(err)
		g := grant(s.ID)
		watch, stop := n.Gate.Watch(s.ID)
		defer stop()
		ok(n.Do(ctx, "staff.token.end", node.TokenIn{Token: made.Mark}, nil))
		<-watch
		over(g)
	})
}
