package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/account"
	"github.com/postern-mail/postern/gate/policy"
	"github.com/postern-mail/postern/node"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/testkit"
)

// world is a serving Postern with one customer, and tokens of its staff.
type world struct {
	t    *testing.T
	n    *node.Node
	http *http.Client
	base string
}

func newWorld(t *testing.T) *world {
	p := policy.Default()
	n := testkit.Start(t, testkit.Options{Policy: &p, Config: func(c *node.Config) { c.Ledger.Publish.Duration = 0 }})
	w := &world{t: t, n: n, http: testkit.Client(t)}
	for _, a := range n.Addresses() {
		if a.Name == "Desk" {
			w.base = a.URL
		}
	}
	return w
}

// forPrograms is the default policy of a house that lets programs have what it
// wants a person's proof for otherwise.
func forPrograms() policy.Policy {
	p := policy.Default()
	for _, name := range []string{"content", "attachment"} {
		r := p.Tiers[name]
		r.Tokens = true
		p.Tiers[name] = r
	}
	return p
}

// token makes a member with a role, and a token of theirs with scopes.
func (w *world) token(role staff.Role, scopes ...string) (secret string, of staff.Token) {
	w.t.Helper()
	return w.tokenOf(staff.Organisation{ID: "provider", Name: "Example", Kind: "provider"}, role, scopes...)
}

// tokenOf is token for a member of an organisation, which is made once.
func (w *world) tokenOf(o staff.Organisation, role staff.Role, scopes ...string) (secret string, of staff.Token) {
	w.t.Helper()
	ctx := context.Background()
	all, err := w.n.Staff.Organisations(ctx)
	if err == nil && !slices.ContainsFunc(all, func(one staff.Organisation) bool { return one.ID == o.ID }) {
		err = w.n.Staff.CreateOrganisation(ctx, o)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	m, err := w.n.Staff.CreateMember(ctx, staff.NewMember{Login: "bot-" + postern.NewID()[:8], Name: "Bot", Locale: "en", Organisation: o.ID, Roles: []staff.Role{role}})
	if err != nil {
		w.t.Fatal(err)
	}
	secret, of, err = w.n.Staff.IssueToken(ctx, m.ID, "test", scopes, time.Hour)
	if err != nil {
		w.t.Fatal(err)
	}
	return secret, of
}

// do sends a request and gives the status and the JSON of the answer.
func (w *world) do(token, method, path string, body any) (int, map[string]any) {
	w.t.Helper()
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			w.t.Fatal(err)
		}
		in = bytes.NewReader(b)
	}
	r, err := http.NewRequest(method, w.base+path, in)
	if err != nil {
		w.t.Fatal(err)
	}
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := w.http.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	out := map[string]any{}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &out); err != nil {
			w.t.Fatalf("%s %s answered %d with %q", method, path, res.StatusCode, text)
		}
	}
	return res.StatusCode, out
}

// must is do that wants a status.
func (w *world) must(status int, token, method, path string, body any) map[string]any {
	w.t.Helper()
	got, out := w.do(token, method, path, body)
	if got != status {
		w.t.Fatalf("%s %s: %d, want %d: %v", method, path, got, status, out)
	}
	return out
}

func (w *world) customer() (postern.AccountID, postern.MessageID) {
	w.t.Helper()
	ctx := context.Background()
	who, err := w.n.Accounts.Create(ctx, account.New{Address: "ana@example.org", Name: "Ana", Locale: "en"})
	if err != nil {
		w.t.Fatal(err)
	}
	a := who.ID
	raw := "From: Shop <orders@shop.example>\r\nTo: ana@example.org\r\nSubject: Order 4711 of May\r\nDate: Thu, 14 May 2026 09:00:00 +0000\r\nMessage-ID: <4711@shop.example>\r\n\r\nThe parcel is on its way.\r\n"
	id, err := w.n.Mail.Append(ctx, a, "INBOX", []byte(raw), nil, w.n.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	return a, id
}

func str(t *testing.T, m map[string]any, key string) string {
	t.Helper()
	s, ok := m[key].(string)
	if !ok {
		t.Fatalf("no %s in %v", key, m)
	}
	return s
}

// TestStory is the way from a ticket to a reveal, by programs alone.
func TestStory(t *testing.T) {
	w := newWorld(t)
	a, m := w.customer()
	agent, _ := w.token(staff.Agent, "cases:read", "cases:write", "account:read", "gate:ask", "gate:reveal")
	approver, _ := w.token(staff.Approver, "gate:approve")
	responder, _ := w.token(staff.Responder, "response:read", "response:contain", "ledger:read")

	k := w.must(201, agent, "POST", "/api/v1/cases", map[string]any{"address": "ana@example.org", "subject": "Where is my parcel?", "text": "The shop says it wrote to me.", "external": "ZD-17"})
	id := str(t, k, "id")
	if k["account"] != string(a) || k["external"] != "ZD-17" || k["status"] != "open" {
		t.Errorf("the case is %v", k)
	}
	if d := w.must(200, agent, "POST", "/api/v1/cases/"+id+"/diagnosis", nil); str(t, d, "disclosure") == "" || d["account"] == nil {
		t.Errorf("the diagnosis is %v", d)
	}
	if d := w.must(200, agent, "POST", "/api/v1/cases/"+id+"/trace", map[string]any{"query": "shop.example"}); str(t, d, "disclosure") == "" {
		t.Errorf("the trace is %v", d)
	}

	q := w.must(201, agent, "POST", "/api/v1/requests", map[string]any{"case": id, "account": a, "tier": "envelope", "messages": []any{m}, "reason": "customer-support", "sentence": "To find the shop's message."})
	if q["status"] != "waiting" {
		t.Fatalf("the request is %v", q)
	}
	if own := w.must(403, agent, "POST", "/api/v1/requests/"+str(t, q, "id")+"/approve", map[string]any{}); own["type"] != "urn:postern:api.refused.scope" {
		t.Errorf("an approval without the scope is refused as %v", own)
	}
	waiting := w.must(200, approver, "GET", "/api/v1/approvals", nil)
	if items, _ := waiting["items"].([]any); len(items) != 1 {
		t.Fatalf("waiting are %v", waiting)
	}
	g := w.must(200, approver, "POST", "/api/v1/requests/"+str(t, q, "id")+"/approve", map[string]any{"seconds": 300})
	path := "/api/v1/grants/" + str(t, g, "id") + "/reveal"
	shown := w.must(200, agent, "POST", path, map[string]any{"tier": "envelope", "messages": []any{m}})
	if text, err := json.Marshal(shown); err != nil || !strings.Contains(string(text), "shop.example") || strings.Contains(string(text), "on its way") {
		t.Errorf("shown was %s, %v", text, err)
	}
	if deeper := w.must(403, agent, "POST", path, map[string]any{"tier": "content", "messages": []any{m}}); deeper["type"] != "urn:postern:gate.refused.deeper-tier" {
		t.Errorf("a deeper tier is refused as %v", deeper)
	}
	if odd := w.must(422, agent, "POST", path, map[string]any{"tier": "envelope", "fields": []string{"soul"}}); !strings.Contains(str(t, odd, "detail"), "subject") {
		t.Errorf("an unknown field is refused as %v", odd)
	}

	c := w.must(201, responder, "POST", "/api/v1/containments", map[string]any{"kind": "grant", "subject": str(t, g, "id"), "why": "A rehearsal."})
	if c["grants"] != 1.0 {
		t.Errorf("the containment is %v", c)
	}
	if again := w.must(403, agent, "POST", path, map[string]any{"tier": "envelope", "messages": []any{m}}); again["type"] != "urn:postern:gate.refused.contained" {
		t.Errorf("a contained grant is refused as %v", again)
	}

	w.must(204, agent, "POST", "/api/v1/cases/"+id+"/close", nil)
	if one := w.must(200, agent, "GET", "/api/v1/cases/"+id, nil); one["status"] != "closed" {
		t.Errorf("closed, it is %v", one)
	}
	if _, err := w.n.Ledger.Sequence(context.Background()); err != nil {
		t.Fatal(err)
	}
	feed := w.must(200, responder, "GET", "/api/v1/disclosures", nil)
	var tiers []string
	items, _ := feed["items"].([]any)
	for _, item := range items {
		of, _ := item.(map[string]any)
		un, _ := of["unmapped"].(map[string]any)
		tier, _ := un["tier"].(string)
		tiers = append(tiers, tier)
		if of["class_uid"] != 6005.0 {
			t.Errorf("the event is %v", of)
		}
	}
	tiers = slices.Compact(tiers) // a trace says what it found of messages apart from what the door refused
	if !slices.Equal(tiers, []string{"account", "trace", "envelope"}) {
		t.Errorf("the feed has %v", tiers)
	}
}

func TestTokenIsContainedLikeAPerson(t *testing.T) {
	w := newWorld(t)
	agent, of := w.token(staff.Agent, "cases:read")
	responder, _ := w.token(staff.Responder, "response:contain")
	w.must(200, agent, "GET", "/api/v1/cases", nil)
	w.must(201, responder, "POST", "/api/v1/containments", map[string]any{"kind": "credential", "subject": of.Credential, "why": "The token was on a paste site."})
	if out := w.must(401, agent, "GET", "/api/v1/cases", nil); !strings.HasPrefix(str(t, out, "type"), "urn:postern:staff.refused.") {
		t.Errorf("a contained token is refused as %v", out)
	}
}

func TestRefusals(t *testing.T) {
	w := newWorld(t)
	w.customer()
	agent, _ := w.token(staff.Agent, "cases:read", "cases:write", "gate:ask", "response:read", "response:contain", "ledger:read")
	auditor, _ := w.token(staff.Auditor, "cases:read", "cases:write", "ledger:read")
	for name, c := range map[string]struct {
		status              int
		token, method, path string
		body                any
	}{
		"no token":                     {401, "", "GET", "/api/v1/cases", nil},
		"no such token":                {401, "pst_" + strings.Repeat("A", 49), "GET", "/api/v1/cases", nil},
		"a token with another scope":   {403, auditor, "GET", "/api/v1/alerts", nil},
		"a role that may not":          {403, agent, "GET", "/api/v1/alerts", nil},
		"an agent contains":            {403, agent, "POST", "/api/v1/containments", map[string]any{"kind": "network", "subject": "203.0.113.0/24", "why": "x"}},
		"an agent reads the feed":      {403, agent, "GET", "/api/v1/disclosures", nil},
		"an auditor opens a case":      {403, auditor, "POST", "/api/v1/cases", map[string]any{"address": "ana@example.org", "subject": "a", "text": "b"}},
		"no such address":              {404, agent, "POST", "/api/v1/cases", map[string]any{"address": "nobody@example.org", "subject": "a", "text": "b"}},
		"no such case":                 {404, agent, "GET", "/api/v1/cases/" + postern.NewID(), nil},
		"a member that means nothing":  {422, agent, "POST", "/api/v1/cases", map[string]any{"address": "ana@example.org", "subject": "a", "text": "b", "colour": "red"}},
		"a query that means nothing":   {422, agent, "GET", "/api/v1/cases?colour=red", nil},
		"a tier that is none":          {422, agent, "POST", "/api/v1/requests", map[string]any{"account": "x", "tier": "all", "reason": "customer-support", "sentence": "x"}},
		"a body of the wrong kind":     {422, agent, "POST", "/api/v1/cases", []int{1}},
		"no such operation":            {404, agent, "GET", "/api/v1/everything", nil},
		"more than a body may be long": {413, agent, "POST", "/api/v1/cases", map[string]any{"text": strings.Repeat("a", 300<<10)}},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.HasSuffix(c.path, "/everything") {
				res, err := w.http.Get(w.base + c.path)
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				if res.StatusCode != c.status {
					t.Errorf("%d, want %d", res.StatusCode, c.status)
				}
				return
			}
			if got, out := w.do(c.token, c.method, c.path, c.body); got != c.status {
				t.Errorf("%d, want %d: %v", got, c.status, out)
			}
		})
	}
}

// TestDocument holds the document to what is served: OpenAPI 3.1, a scope on
// every operation, a schema for every answer.
func TestDocument(t *testing.T) {
	w := newWorld(t)
	doc := w.must(200, "", "GET", "/api/openapi.json", nil)
	if v := str(t, doc, "openapi"); !strings.HasPrefix(v, "3.1") {
		t.Errorf("the document is of version %s", v)
	}
	paths, _ := doc["paths"].(map[string]any)
	if len(paths) < 60 {
		t.Fatalf("the document has %d paths", len(paths))
	}
	for path, item := range paths {
		methods, _ := item.(map[string]any)
		for method, o := range methods {
			op, _ := o.(map[string]any)
			if sec, _ := op["security"].([]any); len(sec) != 1 {
				t.Errorf("%s %s has no scope", method, path)
			}
			responses, _ := op["responses"].(map[string]any)
			good := slices.ContainsFunc([]string{"200", "201", "204"}, func(s string) bool { _, ok := responses[s]; return ok })
			if _, refused := responses["401"]; !good || !refused {
				t.Errorf("%s %s answers with %v", method, path, responses)
			}
		}
	}
}
