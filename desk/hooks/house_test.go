package hooks_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db/open"
	"github.com/postern-mail/postern/desk"
	"github.com/postern-mail/postern/desk/hooks"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/gate/policy"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/password"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/testkit/engine"
)

var ctx = context.Background()

type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

type noMailboxes struct{}

func (noMailboxes) Find(context.Context, postern.AccountID, postern.Scope) ([]postern.MessageID, error) {
	return nil, nil
}
func (noMailboxes) Reveal(context.Context, ledger.Receipt) (postern.Shown, error) {
	return postern.Shown{}, nil
}

type house struct {
	t           *testing.T
	clock       *clock
	cases       *desk.Cases
	desk        *desk.Desk
	gate        *gate.Gate
	hooks       *hooks.Hooks
	agent, boss staff.Session
	out         staff.Session // an outsourcer's approver
	ana         postern.AccountID
	in          *httptest.Server
}

func newHouse(t *testing.T, o engine.Open) *house {
	t.Helper()
	h := &house{t: t, clock: &clock{t: time.Date(2026, 5, 14, 9, 0, 0, 0, time.UTC)}, ana: postern.AccountID(postern.NewID())}
	quiet := slog.New(slog.DiscardHandler)
	handle := o(open.Staff)
	keys, err := ledger.NewKeys("mx.example.org/ledger")
	h.ok(err)
	book, err := ledger.Open(ctx, ledger.Parts{DB: handle, Keys: keys, Origin: "mx.example.org/ledger", Node: "a", Now: h.clock.now, Log: quiet})
	h.ok(err)
	directory, err := staff.Open(ctx, staff.Parts{DB: handle, Now: h.clock.now, Log: quiet, Cost: password.Cheap()})
	h.ok(err)
	h.ok(directory.CreateOrganisation(ctx, staff.Organisation{ID: "provider", Name: "Outlook Example", Kind: "provider"}))
	h.ok(directory.CreateOrganisation(ctx, staff.Organisation{ID: "helpline", Name: "Helpline", Kind: "outsourcer"}))
	h.cases, err = desk.OpenCases(ctx, desk.CasesParts{DB: handle, Now: h.clock.now})
	h.ok(err)
	h.gate, err = gate.Open(ctx, gate.Parts{DB: handle, Ledger: book, Staff: directory, Mailboxes: noMailboxes{}, Cases: h.cases, Policy: policy.Default(), Now: h.clock.now, Log: quiet, Node: "a"})
	h.ok(err)
	h.desk, err = desk.Open(ctx, desk.Parts{Cases: h.cases, Gate: h.gate, Staff: directory, Now: h.clock.now, Log: quiet})
	h.ok(err)
	h.hooks, err = hooks.Open(ctx, hooks.Parts{DB: handle, Desk: h.desk, Cases: h.cases, Staff: directory, Now: h.clock.now, Log: quiet, Find: func(_ context.Context, address string) (hooks.Customer, error) {
		if address == "ana@outlook.example" {
			return hooks.Customer{Account: h.ana, Name: "Ana Moreau", Locale: "fr"}, nil
		}
		return hooks.Customer{}, &postern.Error{Kind: postern.NotFound, Key: "account.unknown", Text: "there is no such account"}
	}})
	h.ok(err)
	for _, one := range []struct {
		login string
		of    postern.OrganisationID
		role  staff.Role
		is    *staff.Session
	}{{"noor", "provider", staff.Agent, &h.agent}, {"grace", "provider", staff.Approver, &h.boss}, {"olga", "helpline", staff.Approver, &h.out}} {
		m, err := directory.CreateMember(ctx, staff.NewMember{Login: one.login, Name: one.login, Locale: "en", Organisation: one.of, Roles: []staff.Role{one.role}})
		h.ok(err)
		_, otpauth, err := directory.SetPassword(ctx, m.ID, "a pass phrase")
		h.ok(err)
		u, err := url.Parse(otpauth)
		h.ok(err)
		code, err := totp.GenerateCode(u.Query().Get("secret"), h.clock.now())
		h.ok(err)
		_, *one.is, err = directory.SignInPassword(ctx, one.login, "a pass phrase", code, staff.From{Network: "203.0.113.0/24"})
		h.ok(err)
	}
	h.in = httptest.NewServer(h.hooks.Handler())
	t.Cleanup(h.in.Close)
	return h
}

func (h *house) ok(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) open(external string) desk.Case {
	h.t.Helper()
	c, err := h.cases.OpenCase(ctx, desk.NewCase{Account: h.ana, Address: "ana@outlook.example", Name: "Ana Moreau", Locale: "fr", Subject: "secret subject", Text: "secret words", External: external})
	h.ok(err)
	return c
}

func (h *house) hook(k hooks.Hook) (hooks.Hook, []byte) {
	h.t.Helper()
	return h.hookOf(h.boss, k)
}

func (h *house) hookOf(by staff.Session, k hooks.Hook) (hooks.Hook, []byte) {
	h.t.Helper()
	if k.Label == "" {
		k.Label = "Tickets"
	}
	made, secret, err := h.hooks.Create(ctx, by, k)
	h.ok(err)
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	h.ok(err)
	return made, key
}

func (h *house) tick(want int) {
	h.t.Helper()
	n, err := h.hooks.Tick(ctx)
	h.ok(err)
	if n != want {
		h.t.Errorf("%d arrived, want %d", n, want)
	}
}

// call is a request that a fake system got.
type call struct {
	method, path, body string
	header             http.Header
}

// system is a fake of another ticket system: it answers as its API's page says.
type system struct {
	*httptest.Server
	mu     sync.Mutex
	calls  []call
	status int
	answer string
}

func newSystem(t *testing.T, status int, answer string) *system {
	s := &system{status: status, answer: answer}
	s.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.calls = append(s.calls, call{r.Method, r.URL.Path, string(body), r.Header})
		rw.WriteHeader(s.status)
		io.WriteString(rw, s.answer)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *system) take() []call {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.calls
	s.calls = nil
	return all
}

func mac(key []byte, text string) []byte {
	m := hmac.New(sha256.New, key)
	io.WriteString(m, text)
	return m.Sum(nil)
}

// standard signs a request as a sender of Standard Webhooks does.
func standard(key []byte, id string, at time.Time, body string) http.Header {
	stamp := strconv.FormatInt(at.Unix(), 10)
	h := http.Header{}
	h.Set("webhook-id", id)
	h.Set("webhook-timestamp", stamp)
	h.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(mac(key, id+"."+stamp+"."+body)))
	return h
}

func (h *house) send(hook string, header http.Header, body string) (int, map[string]any) {
	h.t.Helper()
	r, err := http.NewRequest("POST", h.in.URL+"/hooks/in/"+hook, strings.NewReader(body))
	h.ok(err)
	r.Header = header
	a, err := http.DefaultClient.Do(r)
	h.ok(err)
	defer a.Body.Close()
	var out map[string]any
	h.ok(json.NewDecoder(a.Body).Decode(&out))
	return a.StatusCode, out
}
