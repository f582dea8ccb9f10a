package node_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/postern-mail/postern/node"
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

// TestTheDeskOffersACompanysSignIn: the button leads there, and a logout that is
// none is refused without a cookie being asked for.
func TestTheDeskOffersACompanysSignIn(t *testing.T) {
	var idp *httptest.Server
	idp = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at := idp.URL
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte(`{"issuer":"` + at + `","authorization_endpoint":"` + at + `/auth","token_endpoint":"` + at + `/token","jwks_uri":"` + at + `/keys"}`))
	}))
	defer idp.Close()
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
