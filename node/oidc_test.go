package node_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/pquerna/otp/totp"

	"github.com/postern-mail/postern/node"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/testkit"
)

func TestOIDCConfig(t *testing.T) {
	const head = "hostname = \"mx.example.org\"\ndomains = [\"example.org\"]\n[[staff.oidc]]\n"
	for _, c := range []struct{ name, text, want string }{
		{"whole", "id = \"sso\"\norganisation = \"provider\"\nissuer = \"https://login.example.org\"\nclient_id = \"desk\"\n", ""},
		{"no id", "organisation = \"provider\"\nissuer = \"https://login.example.org\"\nclient_id = \"desk\"\n", "id is"},
		{"an issuer in the clear", "id = \"sso\"\norganisation = \"provider\"\nissuer = \"http://login.example.org\"\nclient_id = \"desk\"\n", "https://"},
		{"nobody's", "id = \"sso\"\nissuer = \"https://login.example.org\"\nclient_id = \"desk\"\n", "organisation"},
		{"an unknown key", "id = \"sso\"\nclient_secret = \"in the config\"\n", "no key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := node.ParseConfig([]byte(head + c.text))
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// discovery is a provider as far as its own description.
func discovery(t *testing.T) (idp *httptest.Server) {
	idp = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at := idp.URL
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte(`{"issuer":"` + at + `","authorization_endpoint":"` + at + `/auth","token_endpoint":"` + at + `/token","jwks_uri":"` + at + `/keys"}`))
	}))
	t.Cleanup(idp.Close)
	return idp
}

// TestTheDeskOffersACompanysSignIn: the button leads there, and a logout that is
// none is refused without a cookie being asked for.
func TestTheDeskOffersACompanysSignIn(t *testing.T) {
	idp := discovery(t)
	n := testkit.Start(t, testkit.Options{Config: func(c *node.Config) {
		c.Staff.OIDC = []node.OIDCConfig{{ID: "helpline", Name: "Helpline", Organisation: "helpline", Issuer: idp.URL, ClientID: "desk"}}
	}})
	client := testkit.Client(t)
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := client.Get(n.Origins().Desk + "/oidc/helpline?next=/grants")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if to := res.Header.Get("Location"); res.StatusCode != 303 || !strings.HasPrefix(to, idp.URL+"/auth?") || !strings.Contains(to, "code_challenge=") {
		t.Errorf("%d to %q", res.StatusCode, to)
	}
	res, err = client.Post(n.Origins().Desk+"/oidc/helpline/logout", "application/x-www-form-urlencoded", strings.NewReader("logout_token=x"))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 400 {
		t.Errorf("a logout token that is none: %d", res.StatusCode)
	}
}

// TestAProofBeforeTheCompany: whoever came by a company's sign-in is led back to
// that one to prove to be there, and nobody else is.
func TestAProofBeforeTheCompany(t *testing.T) {
	ctx := context.Background()
	idp, another := discovery(t), discovery(t)
	n := testkit.Start(t, testkit.Options{Config: func(c *node.Config) {
		c.Staff.OIDC = []node.OIDCConfig{{ID: "another", Name: "Another", Organisation: "helpline", Issuer: another.URL, ClientID: "desk"},
			{ID: "helpline", Name: "Helpline", Organisation: "helpline", Issuer: idp.URL, ClientID: "desk"}}
	}})
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ok(n.Staff.CreateOrganisation(ctx, staff.Organisation{ID: "helpline", Name: "Helpline", Kind: "outsourcer"}))
	m, err := n.Staff.CreateMember(ctx, staff.NewMember{Login: "bo@helpline.example", Name: "Bo", Locale: "en", Organisation: "helpline", Roles: []staff.Role{staff.Agent}})
	ok(err)
	_, otp, err := n.Staff.SetPassword(ctx, m.ID, "a pass phrase")
	ok(err)
	from := staff.From{Network: "127.0.0.0/24", Agent: "Go-http-client/1.1"}
	company, _, err := n.Staff.SignInIdentity(ctx, staff.Identity{Issuer: idp.URL, Subject: "bo", Organisation: "helpline", Login: m.Login, AuthTime: n.Now()}, from)
	ok(err)
	u, err := url.Parse(otp)
	ok(err)
	code, err := totp.GenerateCode(u.Query().Get("secret"), n.Now())
	ok(err)
	own, _, err := n.Staff.SignInPassword(ctx, m.Login, "a pass phrase", code, from)
	ok(err)
	client := testkit.Client(t)
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	get := func(token, path string) (*http.Response, string) {
		t.Helper()
		r, err := http.NewRequest("GET", n.Origins().Desk+path, nil)
		ok(err)
		r.AddCookie(&http.Cookie{Name: "postern-desk-session", Value: token})
		res, err := client.Do(r)
		ok(err)
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		ok(err)
		return res, string(b)
	}
	const link = "/oidc/helpline/prove?then=%2Fgrants%2Fg1"
	if res, page := get(company, "/prove?then=/grants/g1"); res.StatusCode != 200 || !strings.Contains(page, `href="`+link+`"`) || strings.Contains(page, "/oidc/another") {
		t.Errorf("%d: the page does not lead to the company alone: %s", res.StatusCode, page)
	}
	res, _ := get(company, link)
	if to := res.Header.Get("Location"); res.StatusCode != 303 || !strings.HasPrefix(to, idp.URL+"/auth?") || !strings.Contains(to, "prompt=login") || !strings.Contains(to, "max_age=0") {
		t.Errorf("%d to %q", res.StatusCode, to)
	}
	if res, page := get(own, "/prove?then=/grants/g1"); res.StatusCode != 200 || strings.Contains(page, "/oidc/") || !strings.Contains(page, `action="/prove"`) {
		t.Errorf("%d: a session of the member's own is led to the company: %s", res.StatusCode, page)
	}
}
