// Package oidc signs staff in by their company's own provider: OpenID Connect
// with the authorization code flow, PKCE (RFC 7636), state and nonce.
//
// What it keeps: the providers' keys, in memory; in the browser, for ten
// minutes, what the answer to a sign-in must fit.
//
// Trust: it believes an issuer of the config about the people of one
// organisation and nobody else's, and asks it for no more than who somebody is.
// It handles the client secrets and must log neither them nor a token, a name or
// an address. What it says is an identity; staff decides whether that is a
// session, and a containment holds against any provider.
package oidc

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/staff"
)

// Config is one provider, of one organisation.
type Config struct {
	ID           string // in addresses: "helpline"
	Name         string // on the button
	Organisation postern.OrganisationID
	Issuer       string // "https://login.example.org"
	ClientID     string
	Secret       string
	// Domains are those whose verified addresses count; none: addresses don't.
	Domains []string
	// LoginClaim is the claim that is the member's login; empty: none is.
	LoginClaim string
	Join       bool // members may come that nobody announced
}

// Parts is what a Provider is made of.
type Parts struct {
	Config
	Staff  *staff.Directory
	Origin string // "https://desk.example"
	Now    func() time.Time
	Log    *slog.Logger
	Client *http.Client // nil: one with limits
}

// Provider is one organisation's way in.
type Provider struct {
	Parts
	mu    sync.Mutex
	known *discovered
}

type discovered struct {
	provider *oidc.Provider
	verifier *oidc.IDTokenVerifier
	oauth    oauth2.Config
	saysIss  bool // RFC 9207
}

// flowLife is how long a person may take at the provider.
const flowLife = 10 * time.Minute

// skew is how far the provider's clock may be from ours; its times are whole
// seconds.
const skew = time.Minute

// New makes a provider; it is asked for its keys when it is first needed.
func New(p Parts) *Provider {
	if p.Client == nil {
		p.Client = &http.Client{Timeout: 10 * time.Second}
	}
	return &Provider{Parts: p}
}

func (p *Provider) discover() (*discovered, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known != nil {
		return p.known, nil
	}
	// The keys are fetched again for as long as the process lives.
	provider, err := oidc.NewProvider(oidc.ClientContext(context.Background(), p.Client), p.Issuer)
	if err != nil {
		return nil, &postern.Error{Kind: postern.Unavailable, Key: "staff.unavailable.provider", Text: "the organisation's sign-in can't be reached", Err: err}
	}
	var says struct {
		Iss bool `json:"authorization_response_iss_parameter_supported"`
	}
	if err := provider.Claims(&says); err != nil {
		return nil, fmt.Errorf("couldn't read the provider's metadata: %w", err)
	}
	p.known = &discovered{
		provider: provider,
		verifier: provider.Verifier(&oidc.Config{ClientID: p.ClientID, Now: p.Now}),
		oauth: oauth2.Config{ClientID: p.ClientID, ClientSecret: p.Secret, Endpoint: provider.Endpoint(), RedirectURL: p.Origin + "/oidc/" + p.ID + "/callback",
			Scopes: []string{oidc.ScopeOpenID, "email", "profile"}},
		saysIss: says.Iss,
	}
	return p.known, nil
}

// flow is an open sign-in, in a cookie of the browser that began it.
type flow struct {
	Provider string            `json:"p"`
	State    string            `json:"s"`
	Nonce    string            `json:"n"`
	Verifier string            `json:"v"` // RFC 7636, 4.1
	Next     string            `json:"x,omitempty"`
	Prove    postern.SessionID `json:"w,omitempty"`
	Expires  int64             `json:"e"`
}

func (f flow) begun() time.Time { return time.Unix(f.Expires, 0).Add(-flowLife) }

const purpose = "oidc"

func cookieName(r *http.Request) string {
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		return "__Host-oidc"
	}
	return "oidc"
}

func (p *Provider) cookie(w http.ResponseWriter, r *http.Request, value string, age int) {
	name := cookieName(r)
	http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: age, HttpOnly: true, Secure: strings.HasPrefix(name, "__Host-"), SameSite: http.SameSiteLaxMode})
}

// Begin sends the browser to the provider. With a session to prove, the provider
// has to ask its member again (OpenID Connect Core, 3.1.2.1: prompt, max_age).
func (p *Provider) Begin(w http.ResponseWriter, r *http.Request, next string, prove postern.SessionID) error {
	d, err := p.discover()
	if err != nil {
		return err
	}
	f := flow{Provider: p.ID, State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Next: next, Prove: prove, Expires: p.Now().Add(flowLife).Unix()}
	text, err := json.Marshal(f)
	if err != nil {
		return err
	}
	// With max_age the answer has to tell when the member was last asked.
	options := []oauth2.AuthCodeOption{oidc.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Verifier), oauth2.SetAuthURLParam("max_age", fmt.Sprint(int(staff.SessionLife/time.Second)))}
	if prove != "" {
		options = append(options, oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0"))
	}
	p.cookie(w, r, p.Staff.Seal(purpose, text), int(flowLife/time.Second))
	http.Redirect(w, r, d.oauth.AuthCodeURL(f.State, options...), http.StatusSeeOther)
	return nil
}

// Answer is what a sign-in came to.
type Answer struct {
	Token   string // of the new session's cookie; empty where a session was proved
	Session staff.Session
	Next    string
}

// KeyAnswer refuses an answer that fits no question of this browser's.
const KeyAnswer = "staff.refused.provider-answer"

func refused(text string, err error) error {
	return &postern.Error{Kind: postern.Denied, Key: KeyAnswer, Text: text, Err: err}
}

// Finish takes the provider's answer: Denied, unless everything fits.
func (p *Provider) Finish(w http.ResponseWriter, r *http.Request, from staff.From) (a Answer, err error) {
	f, err := p.flow(r)
	p.cookie(w, r, "", -1)
	if err != nil {
		return a, err
	}
	a.Next = f.Next
	d, err := p.discover()
	if err != nil {
		return a, err
	}
	q := r.URL.Query()
	// RFC 9207, 2.4: an answer of another issuer is no answer.
	if iss, said := q["iss"]; said && (len(iss) != 1 || iss[0] != p.Issuer) || !said && d.saysIss {
		return a, refused("the answer is of another issuer", nil)
	}
	if e := q.Get("error"); e != "" {
		return a, refused("the provider refused", nil)
	}
	ctx := oidc.ClientContext(r.Context(), p.Client)
	token, err := d.oauth.Exchange(ctx, q.Get("code"), oauth2.VerifierOption(f.Verifier))
	if err != nil {
		return a, refused("the provider didn't take the code", nil) // its error may quote what was sent
	}
	i, err := p.identity(ctx, d, token, f)
	if err != nil {
		return a, err
	}
	if f.Prove != "" {
		if i.AuthTime.Before(f.begun().Add(-skew)) {
			return a, errors.Join(refused("the provider didn't ask its member again", nil), p.Staff.UnprovedIdentity(r.Context(), f.Prove, from))
		}
		a.Session, err = p.Staff.ProveIdentity(r.Context(), f.Prove, i, from)
		return a, err
	}
	// OpenID Connect Core, 3.1.3.7, 13: what was asked with max_age is checked.
	if i.AuthTime.Before(f.begun().Add(-staff.SessionLife - skew)) {
		return a, refused("the provider asked its member too long ago: sign out there, and in again", nil)
	}
	a.Token, a.Session, err = p.Staff.SignInIdentity(r.Context(), i, from)
	return a, err
}

// flow reads the browser's cookie, which the answer's state must fit.
func (p *Provider) flow(r *http.Request) (f flow, err error) {
	c, err := r.Cookie(cookieName(r))
	if err != nil {
		return f, refused("this browser began no sign-in", nil)
	}
	text, ok := p.Staff.Unseal(purpose, c.Value)
	if !ok || json.Unmarshal(text, &f) != nil || f.Provider != p.ID || p.Now().Unix() >= f.Expires {
		return flow{}, refused("this browser's sign-in is over", nil)
	}
	if subtle.ConstantTimeCompare([]byte(f.State), []byte(r.URL.Query().Get("state"))) != 1 {
		return flow{}, refused("the answer is to another question", nil)
	}
	return f, nil
}

// claims are what is read of an ID token and of the UserInfo answer.
type claims struct {
	Azp           string   `json:"azp"`
	AuthTime      int64    `json:"auth_time"`
	Acr           string   `json:"acr"`
	Amr           []string `json:"amr"`
	SID           string   `json:"sid"`
	Email         string   `json:"email"`
	EmailVerified verified `json:"email_verified"`
	Name          string   `json:"name"`
	Locale        string   `json:"locale"`
}

// verified reads true, and "true" as some providers write it.
type verified bool

func (v *verified) UnmarshalJSON(text []byte) error {
	*v = string(text) == "true" || string(text) == `"true"`
	return nil
}

// identity verifies the ID token (OpenID Connect Core, 3.1.3.7): signature,
// issuer, audience and time by go-oidc, the rest here.
func (p *Provider) identity(ctx context.Context, d *discovered, token *oauth2.Token, f flow) (i staff.Identity, err error) {
	raw, _ := token.Extra("id_token").(string)
	id, err := d.verifier.Verify(ctx, raw)
	if err != nil {
		return i, refused("the ID token doesn't hold", nil)
	}
	var c claims
	all := map[string]any{}
	if id.Claims(&c) != nil || id.Claims(&all) != nil {
		return i, refused("the ID token can't be read", nil)
	}
	switch {
	case subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(f.Nonce)) != 1:
		return i, refused("the ID token is of another sign-in", nil)
	case c.Azp != "" && c.Azp != p.ClientID, len(id.Audience) > 1 && c.Azp == "":
		return i, refused("the ID token is for another client", nil)
	case id.AccessTokenHash != "" && id.VerifyAccessToken(token.AccessToken) != nil:
		return i, refused("the access token is of another ID token", nil)
	case c.AuthTime <= 0:
		return i, refused("the provider doesn't say when it asked its member", nil)
	}
	_, hasLogin := all[p.LoginClaim]
	if (c.Email == "" || p.LoginClaim != "" && !hasLogin) && d.provider.UserInfoEndpoint() != "" {
		info, err := d.provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
		// 5.3.2: of another subject it must not be used.
		if err == nil && info.Subject == id.Subject {
			more := map[string]any{}
			var rest claims
			if info.Claims(&more) == nil && info.Claims(&rest) == nil {
				if c.Email == "" {
					c.Email, c.EmailVerified = rest.Email, rest.EmailVerified
				}
				if c.Name == "" {
					c.Name = rest.Name
				}
				if !hasLogin && p.LoginClaim != "" {
					all[p.LoginClaim] = more[p.LoginClaim]
				}
			}
		}
	}
	i = staff.Identity{Issuer: p.Issuer, Subject: id.Subject, SID: c.SID, Organisation: p.Organisation, Name: c.Name, Locale: "en", Join: p.Join,
		AuthTime: time.Unix(c.AuthTime, 0), Context: "acr=" + c.Acr + " amr=" + strings.Join(c.Amr, ",")}
	if strings.HasPrefix(strings.ToLower(c.Locale), "fr") {
		i.Locale = "fr"
	}
	if bool(c.EmailVerified) && p.owns(c.Email) {
		i.Email = strings.ToLower(c.Email)
	}
	switch login, _ := all[p.LoginClaim].(string); p.LoginClaim {
	case "":
	case "email":
		i.Login = i.Email
	default:
		// An address is one of the organisation's or none, whatever claim it is in.
		if !strings.Contains(login, "@") || p.owns(login) {
			i.Login = login
		}
	}
	return i, nil
}

func (p *Provider) owns(address string) bool {
	at := strings.LastIndexByte(address, '@')
	return at > 0 && slices.Contains(p.Domains, strings.ToLower(address[at+1:]))
}

// Logout answers OpenID Connect Back-Channel Logout 1.0, 2.5 and 2.8. ended gets
// the sessions that counted until now.
func (p *Provider) Logout(ended func(context.Context, []postern.SessionID)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
		d, err := p.discover()
		if err == nil {
			var sessions []postern.SessionID
			sessions, err = p.logout(r, d)
			if err == nil && ended != nil {
				ended(r.Context(), sessions)
			}
		}
		switch postern.KindOf(err) {
		case postern.Denied, postern.Invalid:
			http.Error(w, `{"error":"invalid_request"}`, http.StatusBadRequest)
			return
		}
		if err != nil {
			p.Log.Error("a back-channel logout failed", "provider", p.ID, "error", err)
			http.Error(w, `{"error":"server_error"}`, http.StatusInternalServerError)
		}
	})
}

func (p *Provider) logout(r *http.Request, d *discovered) ([]postern.SessionID, error) {
	if err := r.ParseForm(); err != nil {
		return nil, refused("the request can't be read", nil)
	}
	t, err := d.verifier.VerifyLogout(oidc.ClientContext(r.Context(), p.Client), r.PostForm.Get("logout_token"))
	if err != nil {
		return nil, refused("the logout token doesn't hold", nil)
	}
	if t.TokenID == "" || t.Subject == "" && t.SessionID == "" {
		return nil, refused("the logout token names nothing", nil)
	}
	return p.Staff.EndIdentity(r.Context(), p.Issuer, t.Subject, t.SessionID, t.TokenID, p.Now().Add(24*time.Hour))
}
