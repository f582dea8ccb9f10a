package e2e_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"

	"github.com/postern-mail/postern/node"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/testkit"
)

// A company's own sign-in gives a session that is bound to the browser, where
// the organisation demands it, and proves that its member is still there.
func TestProvider(t *testing.T) {
	if chromium := os.Getenv(EnvBrowser); chromium != "" {
		providerStory(t, newChrome(t, chromium, "en"))
	}
}

func providerStory(t *testing.T, c *chrome) {
	var provider http.Handler
	company := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { provider.ServeHTTP(w, r) }))
	t.Cleanup(company.Close)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("desk secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	n := testkit.Start(t, testkit.Options{Config: func(c *node.Config) {
		c.Staff.OIDC = []node.OIDCConfig{{ID: "sso", Name: "Zitadel", Organisation: "provider", Issuer: company.URL, ClientID: "desk", SecretFile: secret, Domains: []string{"zitadel.ch"}}}
	}})
	desk := n.Origins().Desk
	storage.RegisterClients(storage.WebClient("desk", "desk secret", desk+"/oidc/sso/callback"))
	provider = exampleop.SetupServer(company.URL, storage.NewStorage(storage.NewUserStore(company.URL)), slog.New(slog.DiscardHandler), false)

	opened, err := c.tab()
	if err != nil {
		t.Fatal(err)
	}
	defer opened.close()
	b := opened.(*tab)
	must := func(err error) {
		t.Helper()
		if err != nil {
			at, _ := b.address()
			said, _ := b.text()
			t.Fatalf("%v\n%s says: %s", err, at, said)
		}
	}
	must(n.Staff.CreateOrganisation(t.Context(), staff.Organisation{ID: "provider", Name: "Example Mail", Kind: "provider", Device: staff.DeviceRequired}))
	m, err := n.Staff.CreateMember(t.Context(), staff.NewMember{Login: "test-user@zitadel.ch", Name: "Test User", Locale: "en", Organisation: "provider", Roles: []staff.Role{staff.Agent}})
	must(err)
	arrives := func(prefix string) {
		t.Helper()
		for end := time.Now().Add(patience); ; _ = b.wait() {
			at, err := b.address()
			if err == nil && strings.HasPrefix(at, prefix) {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("%s is not %s", at, prefix)
			}
		}
		must(b.settled())
	}
	there := func() {
		t.Helper()
		arrives(company.URL)
		must(b.fill("username", "test-user@"+strings.Split(strings.TrimPrefix(company.URL, "http://"), ":")[0]))
		must(b.fill("password", "verysecure"))
		must(b.press("Login"))
	}
	session := func() staff.Session {
		t.Helper()
		cookies, err := chromedp.Call(b.ctx, network.GetCookies, network.GetCookiesParams{URLs: []string{desk}})
		must(err)
		for _, k := range cookies.Cookies {
			if s, err := n.Staff.SessionOf(t.Context(), k.Value); err == nil {
				return s
			}
		}
		t.Fatal("no cookie is a session's")
		return staff.Session{}
	}

	must(b.visit(desk + "/sign-in"))
	must(b.look())
	must(b.follow("Zitadel"))
	there()
	arrives(desk + "/cases")
	s := session()
	if s.Staff != m.ID || s.Device == "" {
		t.Fatalf("the session is %+v, and not bound to the browser", s)
	}
	must(b.run(chromedp.Reload()))
	must(b.settled())
	if in, err := eval[bool](b, `!!document.querySelector("details.user")`); err != nil || !in {
		t.Errorf("signed out by a reload (%v)", err)
	}
	// The cookie alone opens nothing.
	cookies, err := chromedp.Call(b.ctx, network.GetCookies, network.GetCookiesParams{URLs: []string{desk}})
	must(err)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, desk+"/cases", nil)
	must(err)
	for _, k := range cookies.Cookies {
		req.AddCookie(&http.Cookie{Name: k.Name, Value: k.Value})
	}
	res, err := localClient().Do(req)
	must(err)
	res.Body.Close()
	if res.StatusCode != http.StatusForbidden {
		t.Errorf("the cookie elsewhere gives %d", res.StatusCode)
	}
	// The company tells whole seconds.
	for time.Now().Unix() <= s.Proved.Unix() {
		_ = b.wait()
	}
	// Asked again by the company, and back where the proof was wanted.
	must(b.visit(desk + "/prove?then=/grants"))
	must(b.look())
	must(b.follow("Zitadel"))
	there()
	arrives(desk + "/grants")
	if again := session(); again.ID != s.ID || !again.Proved.After(s.Proved) {
		t.Errorf("proved at %v, before at %v; session %s, before %s", again.Proved, s.Proved, again.ID, s.ID)
	}
}
