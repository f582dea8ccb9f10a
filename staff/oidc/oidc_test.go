package oidc

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/db/open"
	"github.com/postern-mail/postern/password"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/testkit/engine"
)

// desk is a relying party on a real port, with a browser before it.
type desk struct {
	*staff.Directory
	p      *Provider
	h      *db.Handle
	server *httptest.Server
	client *http.Client
	last   Answer
	err    error
	prove  postern.SessionID
}

func newDesk(t *testing.T, o engine.Open, c Config) *desk {
	t.Helper()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	h := o(open.Staff)
	d, err := staff.Open(t.Context(), staff.Parts{DB: h, Now: time.Now, Log: log, Cost: password.Cheap()})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.CreateOrganisation(t.Context(), staff.Organisation{ID: "provider", Name: "Provider", Kind: "provider"}); err != nil {
		t.Fatal(err)
	}
	k := &desk{Directory: d, h: h}
	mux := http.NewServeMux()
	mux.HandleFunc("/oidc/sso", func(w http.ResponseWriter, r *http.Request) { k.err = k.p.Begin(w, r, "/cases", k.prove) })
	mux.HandleFunc("/oidc/sso/callback", func(w http.ResponseWriter, r *http.Request) {
		k.last, k.err = k.p.Finish(w, r, staff.From{Network: "203.0.113.0/24"})
	})
	mux.Handle("POST /oidc/sso/logout", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { k.p.Logout(nil).ServeHTTP(w, r) }))
	k.server = httptest.NewServer(mux)
	t.Cleanup(k.server.Close)
	c.ID, c.Organisation, c.Domains = "sso", "provider", []string{"zitadel.ch"}
	k.p = New(Parts{Config: c, Staff: d, Origin: k.server.URL, Now: time.Now, Log: log})
	k.fresh(t)
	return k
}

// fresh takes another browser.
func (k *desk) fresh(t *testing.T) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	k.client = &http.Client{Jar: jar}
}

func (k *desk) get(t *testing.T, address string) (*http.Response, string) {
	t.Helper()
	res, err := k.client.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(text)
}

func (k *desk) hire(t *testing.T, login string) staff.Member {
	t.Helper()
	m, err := k.CreateMember(t.Context(), staff.NewMember{Login: login, Name: "Somebody", Locale: "en", Organisation: "provider", Roles: []staff.Role{staff.Agent}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// real is a whole OpenID provider, somebody else's code, over HTTP.
func real(t *testing.T, redirect func() string) *httptest.Server {
	t.Helper()
	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	storage.RegisterClients(storage.WebClient("desk", "desk secret", redirect()))
	handler = exampleop.SetupServer(server.URL, storage.NewStorage(storage.NewUserStore(server.URL)), nil, false)
	return server
}

// TestARealProvider signs in, proves again, and is contained.
func TestARealProvider(t *testing.T) {
	engine.Each(t, func(t *testing.T, o engine.Open) {
		k := newDesk(t, o, Config{ClientID: "desk", Secret: "desk secret"})
		server := real(t, func() string { return k.server.URL + "/oidc/sso/callback" })
		k.p.Issuer = server.URL
		signIn := func() {
			t.Helper()
			res, page := k.get(t, k.server.URL+"/oidc/sso")
			if k.err != nil || !strings.Contains(page, "password") {
				t.Fatalf("no sign-in form: %v, %q", k.err, page)
			}
			form := url.Values{"id": {res.Request.URL.Query().Get("authRequestID")}, "username": {"test-user@127.0.0.1"}, "password": {"verysecure"}}
			done, err := k.client.PostForm(server.URL+"/login/username", form)
			if err != nil {
				t.Fatal(err)
			}
			done.Body.Close()
		}
		// Whom nobody announced is nobody here.
		signIn()
		if postern.KeyOf(k.err) != staff.KeyNobody || k.last.Token != "" {
			t.Fatalf("a stranger: %+v, %v", k.last, k.err)
		}
		m := k.hire(t, "test-user@zitadel.ch")
		before := time.Now().Add(-time.Second)
		signIn()
		if k.err != nil {
			t.Fatal(k.err)
		}
		s := k.last.Session
		if s.Staff != m.ID || k.last.Next != "/cases" || s.Proved.Before(before.Truncate(time.Second)) || s.Proved.After(time.Now()) {
			t.Errorf("session %+v", s)
		}
		if got, err := k.SessionOf(t.Context(), k.last.Token); err != nil || got.ID != s.ID {
			t.Errorf("its cookie: %+v, %v", got, err)
		}
		// The same person is the same credential, and no second link.
		first := s.Credential
		signIn()
		if k.err != nil || k.last.Session.Credential != first {
			t.Errorf("again: %+v, %v", k.last.Session, k.err)
		}
		k.prove = s.ID
		signIn()
		if k.err != nil || k.last.Session.ID != s.ID || k.last.Token != "" {
			t.Errorf("proved: %+v, %v", k.last, k.err)
		}
		k.prove = ""
		// Contained, whatever the provider says.
		if err := k.contain(t, first); err != nil {
			t.Fatal(err)
		}
		signIn()
		if postern.KeyOf(k.err) != staff.KeyCredentialEnded || k.last.Token != "" {
			t.Errorf("contained: %+v, %v", k.last, k.err)
		}
	})
}

func (k *desk) contain(t *testing.T, c postern.CredentialID) error {
	t.Helper()
	return k.h.Update(t.Context(), func(tx *db.Tx) error {
		if err := tx.Lock("containment"); err != nil {
			return err
		}
		_, err := k.EndCredential(tx, c, time.Now())
		return err
	})
}

// forger is a provider that says what it is told to.
type forger struct {
	server             *httptest.Server
	key                *rsa.PrivateKey
	nonce              string
	claims             func(map[string]any)
	unsigned, otherKey bool
	answer             func(url.Values)
	iss                bool
}

func newForger(t *testing.T) *forger {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	f := &forger{key: key}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		at := f.server.URL
		json.NewEncoder(w).Encode(map[string]any{"issuer": at, "authorization_endpoint": at + "/auth", "token_endpoint": at + "/token", "jwks_uri": at + "/keys",
			"id_token_signing_alg_values_supported": []string{"RS256", "none"}, "authorization_response_iss_parameter_supported": f.iss})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, r *http.Request) {
		json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: f.key.Public(), KeyID: "1", Algorithm: "RS256", Use: "sig"}}})
	})
	mux.HandleFunc("/auth", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		f.nonce = q.Get("nonce")
		if q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 {
			t.Errorf("no PKCE: %v", q)
		}
		back := url.Values{"code": {"a code"}, "state": {q.Get("state")}}
		if f.answer != nil {
			f.answer(back)
		}
		http.Redirect(w, r, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusSeeOther)
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		if r.PostFormValue("code_verifier") == "" {
			t.Error("no verifier")
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]any{"access_token": "x", "token_type": "Bearer", "id_token": f.token(t, f.claims)})
	})
	f.server = httptest.NewServer(mux)
	t.Cleanup(f.server.Close)
	return f
}

func (f *forger) token(t *testing.T, change func(map[string]any)) string {
	now := time.Now().Unix()
	c := map[string]any{"iss": f.server.URL, "sub": "s-1", "aud": "desk", "exp": now + 300, "iat": now, "auth_time": now, "nonce": f.nonce,
		"email": "noor@zitadel.ch", "email_verified": true, "sid": "session-1"}
	if change != nil {
		change(c)
	}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if f.unsigned {
		b := base64.RawURLEncoding.EncodeToString
		return b([]byte(`{"alg":"none"}`)) + "." + b(text) + "."
	}
	key := f.key
	if f.otherKey {
		if key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			t.Fatal(err)
		}
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: "1"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	out, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func set(key string, value any) func(map[string]any) {
	return func(c map[string]any) { c[key] = value }
}

// TestAttacks: each is refused, and what it changes is all that is wrong.
func TestAttacks(t *testing.T) {
	engine.Each(t, func(t *testing.T, o engine.Open) {
		f := newForger(t)
		k := newDesk(t, o, Config{ClientID: "desk", Issuer: f.server.URL})
		noor := k.hire(t, "noor@zitadel.ch")
		other := newForger(t)
		for _, c := range []struct {
			name   string
			claims func(map[string]any)
			change func()
			key    string
		}{
			{"another nonce", set("nonce", "other"), nil, KeyAnswer},
			{"no nonce", set("nonce", ""), nil, KeyAnswer},
			{"another audience", set("aud", "someone"), nil, KeyAnswer},
			{"two audiences and no party", set("aud", []string{"desk", "someone"}), nil, KeyAnswer},
			{"another party", set("azp", "someone"), nil, KeyAnswer},
			{"another issuer", set("iss", other.server.URL), nil, KeyAnswer},
			{"expired", set("exp", time.Now().Unix()-1000), nil, KeyAnswer},
			{"no time of asking", set("auth_time", 0), nil, KeyAnswer},
			{"asked the day before", set("auth_time", time.Now().Add(-24*time.Hour).Unix()), nil, KeyAnswer},
			{"alg none", nil, func() { f.unsigned = true }, KeyAnswer},
			{"another key", nil, func() { f.otherKey = true }, KeyAnswer},
			{"another state", nil, func() { f.answer = func(v url.Values) { v.Set("state", "other") } }, KeyAnswer},
			{"no state", nil, func() { f.answer = func(v url.Values) { v.Del("state") } }, KeyAnswer},
			{"an answer of another issuer", nil, func() { f.answer = func(v url.Values) { v.Set("iss", other.server.URL) } }, KeyAnswer},
			{"an error", nil, func() { f.answer = func(v url.Values) { v.Set("error", "access_denied") } }, KeyAnswer},
			{"an address that is not verified", set("email_verified", false), nil, staff.KeyNobody},
			{"an address of another domain", set("email", "noor@elsewhere.example"), nil, staff.KeyNobody},
			{"an address that ends alike", set("email", "noor@zitadel.ch@elsewhere.example"), nil, staff.KeyNobody},
			{"nothing wrong", nil, func() { f.answer = func(v url.Values) { v.Set("iss", f.server.URL) } }, ""},
			{"another subject with the name", set("sub", "s-2"), nil, staff.KeyNobody},
			{"the linked one with another name", set("email", "renamed@zitadel.ch"), nil, ""},
		} {
			t.Run(c.name, func(t *testing.T) {
				f.claims, f.unsigned, f.otherKey, f.answer = c.claims, false, false, nil
				if c.change != nil {
					c.change()
				}
				k.last, k.err = Answer{}, nil
				k.fresh(t)
				k.get(t, k.server.URL+"/oidc/sso")
				if got := postern.KeyOf(k.err); got != c.key || (c.key == "") != (k.last.Token != "") {
					t.Errorf("%q (%v), want %q; token %q", got, k.err, c.key, k.last.Token)
				}
				if c.key == "" && k.last.Session.Staff != noor.ID {
					t.Errorf("signed in %+v", k.last.Session)
				}
			})
		}
		f.claims, f.unsigned, f.otherKey, f.answer = nil, false, false, nil
		t.Run("an answer without a question", func(t *testing.T) {
			k.fresh(t)
			k.get(t, k.server.URL+"/oidc/sso/callback?code=x&state=")
			if postern.KeyOf(k.err) != KeyAnswer {
				t.Error(k.err)
			}
		})
		t.Run("a provider that names itself must", func(t *testing.T) {
			f.iss, k.p.known = true, nil
			k.get(t, k.server.URL+"/oidc/sso")
			if postern.KeyOf(k.err) != KeyAnswer {
				t.Error(k.err)
			}
			f.iss, k.p.known = false, nil
		})
		// A sign-in without a question at the provider is none, to whoever wants
		// a fresh proof.
		t.Run("a silent sign-in proves nothing new", func(t *testing.T) {
			asked := time.Now().Add(-7 * time.Hour)
			f.claims = set("auth_time", asked.Unix())
			k.get(t, k.server.URL+"/oidc/sso")
			if k.err != nil || k.last.Session.Proved.Unix() != asked.Unix() {
				t.Fatalf("proved at %v instead of %v, %v", k.last.Session.Proved, asked, k.err)
			}
			if s, err := k.SessionOf(t.Context(), k.last.Token); err != nil || s.Proved.Unix() != asked.Unix() {
				t.Errorf("its cookie: proved at %v, %v", s.Proved, err)
			}
			f.claims = nil
		})
		t.Run("proved by somebody who was not asked", func(t *testing.T) {
			k.get(t, k.server.URL+"/oidc/sso")
			s := k.last.Session
			k.prove = s.ID
			results := func() (all []string) {
				events, err := k.Events(t.Context(), 0, 1000)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range events {
					if e.Session == s.ID {
						all = append(all, e.Result)
					}
				}
				return all
			}
			for _, ago := range []time.Duration{time.Hour, 2 * time.Minute} {
				f.claims = set("auth_time", time.Now().Add(-ago).Unix())
				k.get(t, k.server.URL+"/oidc/sso")
				if postern.KeyOf(k.err) != KeyAnswer {
					t.Errorf("asked %v before: %v", ago, k.err)
				}
			}
			f.claims = nil
			k.get(t, k.server.URL+"/oidc/sso")
			if k.err != nil || k.last.Session.Proved.Before(s.Proved) {
				t.Errorf("asked now: %+v, %v", k.last.Session, k.err)
			}
			// A clock that is a little behind takes nothing away.
			before := k.last.Session.Proved
			f.claims = set("auth_time", time.Now().Add(-30*time.Second).Unix())
			k.get(t, k.server.URL+"/oidc/sso")
			if k.err != nil || k.last.Session.Proved.Before(before) {
				t.Errorf("proved at %v, before at %v, %v", k.last.Session.Proved, before, k.err)
			}
			if got, want := strings.Join(results(), " "), "ok refused refused proved proved"; got != want {
				t.Errorf("the feed has %q instead of %q", got, want)
			}
			k.prove, f.claims = "", nil
		})
	})
}

// TestLogout: the provider ends the sessions that came of it, by a token that is
// taken once and is nothing else.
func TestLogout(t *testing.T) {
	engine.Each(t, func(t *testing.T, o engine.Open) {
		f := newForger(t)
		k := newDesk(t, o, Config{ClientID: "desk", Issuer: f.server.URL})
		k.hire(t, "noor@zitadel.ch")
		k.get(t, k.server.URL+"/oidc/sso")
		if k.err != nil {
			t.Fatal(k.err)
		}
		token := k.last.Token
		const event = "http://schemas.openid.net/event/backchannel-logout"
		logout := func(c map[string]any) {
			delete(c, "nonce")
			c["jti"], c["events"] = "j-1", map[string]any{event: map[string]any{}}
		}
		post := func(change func(map[string]any)) int {
			t.Helper()
			res, err := http.PostForm(k.server.URL+"/oidc/sso/logout", url.Values{"logout_token": {f.token(t, func(c map[string]any) {
				logout(c)
				if change != nil {
					change(c)
				}
			})}})
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			return res.StatusCode
		}
		for name, change := range map[string]func(map[string]any){
			"an ID token":      func(c map[string]any) { delete(c, "events") },
			"a nonce":          set("nonce", "x"),
			"another audience": set("aud", "someone"),
			"another issuer":   set("iss", "https://elsewhere.example"),
			"expired":          set("exp", time.Now().Unix()-1000),
			"names nobody":     func(c map[string]any) { delete(c, "sub"); delete(c, "sid") },
		} {
			if got := post(change); got != 400 {
				t.Errorf("%s: %d", name, got)
			}
		}
		if got := post(func(c map[string]any) { c["sid"], c["jti"] = "another", "j-0" }); got != 200 {
			t.Errorf("another session's: %d", got)
		}
		if _, err := k.SessionOf(t.Context(), token); err != nil {
			t.Errorf("before the logout: %v", err)
		}
		if got := post(nil); got != 200 {
			t.Errorf("the logout: %d", got)
		}
		if _, err := k.SessionOf(t.Context(), token); postern.KeyOf(err) != staff.KeySessionEnded {
			t.Errorf("after the logout: %v", err)
		}
		if got := post(nil); got != 400 {
			t.Errorf("taken twice: %d", got)
		}
	})
}

// TestJoin: with join, members come without a role.
func TestJoin(t *testing.T) {
	engine.Each(t, func(t *testing.T, o engine.Open) {
		f := newForger(t)
		k := newDesk(t, o, Config{ClientID: "desk", Issuer: f.server.URL, Join: true})
		k.get(t, k.server.URL+"/oidc/sso")
		if k.err != nil || len(k.last.Session.Roles) != 0 || k.last.Session.Login != "noor@zitadel.ch" {
			t.Errorf("joined %+v, %v", k.last.Session, k.err)
		}
		f.claims = func(c map[string]any) { c["sub"], c["email_verified"] = "s-9", false }
		k.fresh(t)
		k.last = Answer{}
		k.get(t, k.server.URL+"/oidc/sso")
		if k.err == nil || k.last.Token != "" {
			t.Errorf("joined without an address: %+v", k.last)
		}
	})
}

func FuzzClaims(f *testing.F) {
	f.Add([]byte(`{"email_verified":"true","amr":["pwd"],"auth_time":1}`))
	f.Add([]byte(`{"email_verified":1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var c claims
		if json.Unmarshal(text, &c) != nil {
			return
		}
		p := Provider{Parts: Parts{Config: Config{Domains: []string{"own.example"}}}}
		if p.owns(c.Email) && !strings.HasSuffix(strings.ToLower(c.Email), "@own.example") {
			t.Errorf("%q is nobody's", c.Email)
		}
	})
}
