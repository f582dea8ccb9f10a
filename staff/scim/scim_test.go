package scim

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db/open"
	"github.com/postern-mail/postern/password"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/testkit/engine"
)

// company is a directory of people, and the SCIM service on a real port.
type company struct {
	*staff.Directory
	now    time.Time
	server *httptest.Server
}

func each(t *testing.T, f func(t *testing.T, c *company)) {
	t.Helper()
	engine.Each(t, func(t *testing.T, o engine.Open) {
		c := &company{now: time.Date(2026, 5, 14, 9, 0, 0, 0, time.UTC)}
		log := slog.New(slog.NewTextHandler(io.Discard, nil))
		d, err := staff.Open(t.Context(), staff.Parts{DB: o(open.Staff), Now: func() time.Time { return c.now }, Log: log, Cost: password.Cheap()})
		if err != nil {
			t.Fatal(err)
		}
		c.Directory = d
		for _, o := range []staff.Organisation{{ID: "provider", Name: "Provider", Kind: "provider"},
			{ID: "helpline", Name: "Helpline", Kind: "outsourcer", Domains: []string{"helpline.example"}}} {
			if err := d.CreateOrganisation(t.Context(), o); err != nil {
				t.Fatal(err)
			}
		}
		h, err := New(Parts{Staff: d, Origin: "https://desk.example", Log: log})
		if err != nil {
			t.Fatal(err)
		}
		c.server = httptest.NewServer(h)
		t.Cleanup(c.server.Close)
		f(t, c)
	})
}

// token is a directory's.
func (c *company) token(t *testing.T, o postern.OrganisationID, scopes ...string) string {
	t.Helper()
	login := "directory"
	if o != "provider" {
		login += "@" + string(o) + ".example"
	}
	m, err := c.ByLogin(t.Context(), login)
	if err != nil {
		if m, err = c.CreateMember(t.Context(), staff.NewMember{Login: login, Name: "Directory", Locale: "en", Organisation: o, Roles: []staff.Role{staff.Auditor}}); err != nil {
			t.Fatal(err)
		}
	}
	if scopes == nil {
		scopes = []string{staff.ScopeSCIM}
	}
	secret, _, err := c.IssueToken(t.Context(), m.ID, "directory", scopes, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

// do sends a request and gives the answer.
func (c *company) do(t *testing.T, token, method, path, body string) (int, map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, c.server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/scim+json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if ct := res.Header.Get("Content-Type"); !strings.HasPrefix(ct, "application/scim+json") {
		t.Errorf("%s %s answered as %q", method, path, ct)
	}
	m := map[string]any{}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &m); err != nil {
			t.Fatalf("%s %s: %q: %v", method, path, text, err)
		}
	}
	if res.StatusCode >= 400 && m["status"] != fmt.Sprint(res.StatusCode) {
		t.Errorf("%s %s: %d in the form of %v", method, path, res.StatusCode, m)
	}
	return res.StatusCode, m
}

func (c *company) must(t *testing.T, status int, token, method, path, body string) map[string]any {
	t.Helper()
	got, m := c.do(t, token, method, path, body)
	if got != status {
		t.Fatalf("%s %s %s: %d %v, want %d", method, path, body, got, m, status)
	}
	return m
}

const patchOp = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[%s]}`

// entra is what Entra ID sends for a joiner.
func entra(userName, external string) string {
	return fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
		"externalId":%q,"userName":%q,"active":"True","displayName":"Nadia Benali","preferredLanguage":"fr-FR",
		"emails":[{"primary":true,"type":"work","value":%q}],"meta":{"resourceType":"User"},"name":{"formatted":"Nadia Benali","familyName":"Benali","givenName":"Nadia"},
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Support"},"title":"Agent"}`, external, userName, userName)
}

// signIn is a member's own, by the fallback.
func (c *company) signIn(t *testing.T, id postern.StaffID) (cookie string, s staff.Session) {
	t.Helper()
	_, otpauth, err := c.SetPassword(t.Context(), id, "a pass phrase")
	if err != nil {
		t.Fatal(err)
	}
	_, secret, _ := strings.Cut(otpauth, "secret=")
	secret, _, _ = strings.Cut(secret, "&")
	code, err := totp.GenerateCode(secret, c.now)
	if err != nil {
		t.Fatal(err)
	}
	m, err := c.ByID(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	cookie, s, err = c.SignInPassword(t.Context(), m.Login, "a pass phrase", code, staff.From{Network: "203.0.113.0/24"})
	if err != nil {
		t.Fatal(err)
	}
	return cookie, s
}

func roleNames(m staff.Member) string {
	var names []string
	for _, r := range m.Roles {
		names = append(names, string(r))
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// TestJoinerMoverLeaver in the dialects of both directories.
func TestJoinerMoverLeaver(t *testing.T) {
	for _, dialect := range []struct {
		name                        string
		join                        func(c *company, t *testing.T, token string) string // the id
		promote, demote, off, on    func(id string) string
		offPath, promotePath, patch string
	}{
		{name: "Entra ID",
			promote: func(id string) string {
				return fmt.Sprintf(patchOp, `{"op":"Add","path":"members","value":[{"value":"`+id+`"}]}`)
			},
			demote: func(id string) string {
				return fmt.Sprintf(patchOp, `{"op":"Remove","path":"members","value":[{"value":"`+id+`"}]}`)
			},
			off: func(string) string {
				return fmt.Sprintf(patchOp, `{"op":"Replace","path":"active","value":"False"}`)
			},
			on: func(string) string {
				return fmt.Sprintf(patchOp, `{"op":"Replace","path":"active","value":"True"}`)
			}},
		{name: "Okta",
			promote: func(id string) string {
				return fmt.Sprintf(patchOp, `{"op":"add","path":"members","value":[{"value":"`+id+`","display":"nadia"}]}`)
			},
			demote: func(id string) string {
				return fmt.Sprintf(patchOp, `{"op":"remove","path":"members[value eq \"`+id+`\"]"}`)
			},
			off: func(id string) string {
				return fmt.Sprintf(patchOp, `{"op":"replace","value":{"active":false}}`)
			},
			on: func(string) string {
				return fmt.Sprintf(patchOp, `{"op":"replace","value":{"active":true}}`)
			}},
	} {
		t.Run(dialect.name, func(t *testing.T) {
			each(t, func(t *testing.T, c *company) {
				token := c.token(t, "helpline")
				// The directory looks first, and makes whom it doesn't find.
				if m := c.must(t, 200, token, "GET", `/scim/v2/Users?filter=userName+eq+"nadia@helpline.example"`, ""); m["totalResults"] != 0.0 {
					t.Fatalf("found %v", m)
				}
				m := c.must(t, 201, token, "POST", "/scim/v2/Users", entra("Nadia@helpline.example", "x-17"))
				id := m["id"].(string)
				if m["active"] != true || m["userName"] != "nadia@helpline.example" || m["externalId"] != "x-17" || m["preferredLanguage"] != "fr" || m["displayName"] != "Nadia Benali" {
					t.Fatalf("made %v", m)
				}
				c.must(t, 409, token, "POST", "/scim/v2/Users", entra("nadia@helpline.example", "x-18"))
				c.must(t, 200, token, "PATCH", "/scim/v2/Groups/agent", dialect.promote(id))
				c.must(t, 200, token, "PATCH", "/scim/v2/Groups/approver", dialect.promote(id))
				member, err := c.ByID(t.Context(), postern.StaffID(id))
				if err != nil || roleNames(member) != "agent approver" || member.Organisation != "helpline" {
					t.Fatalf("member %+v, %v", member, err)
				}
				cookie, s := c.signIn(t, member.ID)
				if !s.Is(staff.Approver) {
					t.Fatal("the role is not the session's")
				}
				alive := func() (staff.Session, error) { return c.SessionOf(t.Context(), cookie) }

				// A mover's role is gone from the open session.
				c.must(t, 200, token, "PATCH", "/scim/v2/Groups/approver", dialect.demote(id))
				if now, err := alive(); err != nil || now.Is(staff.Approver) || !now.Is(staff.Agent) {
					t.Errorf("after the move: %+v, %v", now.Roles, err)
				}

				// A leaver's open session is refused, and so is the way in.
				if m := c.must(t, 200, token, "PATCH", "/scim/v2/Users/"+id, dialect.off(id)); m["active"] != false {
					t.Errorf("off: %v", m)
				}
				if _, err := alive(); postern.KeyOf(err) != staff.KeyLeft {
					t.Errorf("the leaver's session: %v", err)
				}
				// Who comes back signs in anew.
				c.must(t, 200, token, "PATCH", "/scim/v2/Users/"+id, dialect.on(id))
				if _, err := alive(); postern.KeyOf(err) != staff.KeySessionEnded {
					t.Errorf("the old session after the return: %v", err)
				}
				c.now = c.now.Add(time.Minute)
				c.signIn(t, member.ID)
				c.must(t, 204, token, "DELETE", "/scim/v2/Users/"+id, "")
				c.must(t, 404, token, "GET", "/scim/v2/Users/"+id, "")
				// Made again, they are the same person to the ledger, without the old roles.
				m = c.must(t, 201, token, "POST", "/scim/v2/Users", entra("nadia@helpline.example", "x-17"))
				if again, err := c.ByID(t.Context(), postern.StaffID(id)); err != nil || m["id"] != id || len(again.Roles) != 0 || again.Status != "active" {
					t.Errorf("back: %+v, %v", again, err)
				}
				events, err := c.Events(t.Context(), 0, 100)
				if err != nil {
					t.Fatal(err)
				}
				var told []string
				for _, e := range events {
					if e.Method == "scim" && string(e.Staff) == id {
						told = append(told, e.Result)
					}
				}
				if got := strings.Join(told, " "); got != "joined roles roles roles left returned left returned" {
					t.Errorf("the feed tells %q", got)
				}
			})
		})
	}
}

// TestADirectoryKeepsToItsOrganisation: an outsourcer's cannot see, change or
// name the provider's people, nor make whoever sees or ends what is everybody's.
func TestADirectoryKeepsToItsOrganisation(t *testing.T) {
	each(t, func(t *testing.T, c *company) {
		own, provider := c.token(t, "helpline"), c.token(t, "provider")
		m := c.must(t, 201, provider, "POST", "/scim/v2/Users", entra("ada@provider.example", "x-1"))
		ada := m["id"].(string)
		m = c.must(t, 201, own, "POST", "/scim/v2/Users", entra("nadia@helpline.example", "x-1"))
		nadia := m["id"].(string)
		add := func(id string) string {
			return fmt.Sprintf(patchOp, `{"op":"add","path":"members","value":[{"value":"`+id+`"}]}`)
		}
		off := fmt.Sprintf(patchOp, `{"op":"replace","value":{"active":false}}`)
		login := fmt.Sprintf(patchOp, `{"op":"replace","value":{"userName":"boss@provider.example"}}`)
		email := fmt.Sprintf(patchOp, `{"op":"replace","path":"emails[type eq \"work\"].value","value":"boss@provider.example"}`)
		for _, x := range []struct {
			name, token, method, path, body string
			status                          int
		}{
			{"no token", "", "GET", "/scim/v2/Users", "", 401},
			{"a cookie's form", strings.Repeat("A", 43), "GET", "/scim/v2/Users", "", 401},
			{"another scope", c.token(t, "provider", staff.ScopeCasesRead), "GET", "/scim/v2/Users", "", 403},
			{"see another's", own, "GET", "/scim/v2/Users/" + ada, "", 404},
			{"end another's", own, "PATCH", "/scim/v2/Users/" + ada, off, 404},
			{"delete another's", own, "DELETE", "/scim/v2/Users/" + ada, "", 404},
			{"replace another's", own, "PUT", "/scim/v2/Users/" + ada, entra("a@helpline.example", "x"), 404},
			{"a role for another's", own, "PATCH", "/scim/v2/Groups/agent", add(ada), 404},
			{"an admin", own, "PATCH", "/scim/v2/Groups/admin", add(nadia), 404},
			{"a responder", own, "PATCH", "/scim/v2/Groups/responder", add(nadia), 404},
			{"an auditor", own, "PATCH", "/scim/v2/Groups/auditor", add(nadia), 404},
			{"see the admins", own, "GET", "/scim/v2/Groups/admin", "", 404},
			{"a provider's admin", provider, "PATCH", "/scim/v2/Groups/admin", add(ada), 200},
			{"another's domain", own, "POST", "/scim/v2/Users", entra("eve@provider.example", "x-9"), 400},
			{"move to another's domain", own, "PATCH", "/scim/v2/Users/" + nadia, login, 403},
			{"another's e-mail domain", own, "PATCH", "/scim/v2/Users/" + nadia, email, 403},
			{"a role of no one's making", provider, "POST", "/scim/v2/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"root"}`, 403},
			{"a role that is there", provider, "POST", "/scim/v2/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"agent"}`, 409},
			{"no role is deleted", provider, "DELETE", "/scim/v2/Groups/agent", "", 403},
			{"too much", own, "POST", "/scim/v2/Users", `{"userName":"` + strings.Repeat("a", maxBody) + `"}`, 413},
			{"no JSON", own, "POST", "/scim/v2/Users", "<user/>", 400},
			{"an odd login", own, "POST", "/scim/v2/Users", entra("Nadia Benali", "y"), 400},
			{"an odd filter", own, "GET", "/scim/v2/Users?filter=userName+is+x", "", 400},
			{"a long filter", own, "GET", "/scim/v2/Users?filter=" + strings.Repeat("(", 600), "", 400},
			{"an odd path", own, "PATCH", "/scim/v2/Users/" + nadia, fmt.Sprintf(patchOp, `{"op":"replace","path":"((((","value":"x"}`), 400},
		} {
			t.Run(x.name, func(t *testing.T) {
				if status, m := c.do(t, x.token, x.method, x.path, x.body); status != x.status {
					t.Errorf("%d %v, want %d", status, m, x.status)
				}
			})
		}
		if m, err := c.ByLogin(t.Context(), "ada@provider.example"); err != nil || m.Status != "active" || roleNames(m) != "admin" {
			t.Errorf("ada is %+v, %v", m, err)
		}
	})
}

func TestListing(t *testing.T) {
	each(t, func(t *testing.T, c *company) {
		token := c.token(t, "provider")
		for i := range 7 {
			c.must(t, 201, token, "POST", "/scim/v2/Users", entra(fmt.Sprintf("m%d@provider.example", i), fmt.Sprint("x-", i)))
		}
		for _, x := range []struct {
			query string
			total float64
			here  int
		}{
			{"", 8, 8},
			{"startIndex=3&count=2", 8, 2},
			{"startIndex=8&count=5", 8, 1},
			{"startIndex=80", 8, 0},
			{"count=0", 8, 0},
			{`filter=userName+eq+"M3@provider.example"`, 1, 1},
			{`filter=externalId+eq+"x-4"`, 1, 1},
			{`filter=userName+eq+"nobody"`, 0, 0},
			{`filter=userName+sw+"m"+and+active+eq+true`, 7, 7},
			{`filter=userName+sw+"m"&startIndex=6&count=5`, 7, 2},
		} {
			m := c.must(t, 200, token, "GET", "/scim/v2/Users?"+x.query, "")
			list, _ := m["Resources"].([]any)
			if m["totalResults"] != x.total || len(list) != x.here {
				t.Errorf("%s: %v in all, %d here; want %v, %d", x.query, m["totalResults"], len(list), x.total, x.here)
			}
		}
		if m := c.must(t, 200, token, "GET", `/scim/v2/Groups?filter=displayName+eq+"Auditor"`, ""); m["totalResults"] != 1.0 {
			t.Errorf("groups %v", m)
		}
		for _, path := range []string{"ServiceProviderConfig", "Schemas", "ResourceTypes"} {
			c.must(t, 200, token, "GET", "/scim/v2/"+path, "")
		}
	})
}

func FuzzPlain(f *testing.F) {
	f.Add([]byte(entra("nadia@helpline.example", "x")))
	f.Add([]byte(fmt.Sprintf(patchOp, `{"op":"Replace","path":"active","value":"False"}`)))
	f.Add([]byte(`{"Operations":[{"path":"members[value eq \"1\"]"}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		once, err := plain(body)
		if err != nil {
			return
		}
		twice, err := plain(once)
		if err != nil || string(once) != string(twice) {
			t.Errorf("%q becomes %q, then %q: %v", body, once, twice, err)
		}
	})
}
