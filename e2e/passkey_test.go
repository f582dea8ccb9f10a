package e2e_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/testkit"
)

// An invitation's link registers a passkey; the passkey signs in at Desk, and
// the same one at Response.
func TestPasskey(t *testing.T) {
	browsers := map[string]string{}
	if chromium := os.Getenv(EnvBrowser); chromium != "" {
		browsers["chromium"] = chromium
	}
	for name, binary := range browsers {
		t.Run(name, func(t *testing.T) { passkey(t, newChrome(t, binary, "en")) })
	}
}

func passkey(t *testing.T, c *chrome) {
	n := testkit.Demo(t)
	members, err := n.Staff.Members(t.Context())
	if err != nil || len(members) == 0 {
		t.Fatalf("nobody works here: %v", err)
	}
	m, err := n.Staff.CreateMember(t.Context(), staff.NewMember{Login: "rosa@outlook.example", Name: "Rosa Vidal", Locale: "en",
		Organisation: members[0].Organisation, Roles: []staff.Role{staff.Approver, staff.Responder}})
	if err != nil {
		t.Fatal(err)
	}
	token, err := n.Staff.Invite(t.Context(), m.ID)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := c.tab()
	if err != nil {
		t.Fatal(err)
	}
	defer opened.close()
	b := opened.(*tab)
	if _, err := chromedp.Call(b.ctx, webauthn.Enable, webauthn.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	_, err = chromedp.Call(b.ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
		HasResidentKey: true, HasUserVerification: true, AutomaticPresenceSimulation: true, IsUserVerified: true}})
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			said, _ := b.text()
			t.Fatalf("%v\nthe page says: %s", err, said)
		}
	}
	arrives := func(path string) {
		t.Helper()
		for end := time.Now().Add(patience); ; {
			at, err := b.address()
			if err == nil && strings.HasSuffix(at, path) {
				break
			}
			if time.Now().After(end) {
				said, _ := b.text()
				t.Fatalf("%s is not %s; the page says: %s", at, path, said)
			}
			_ = b.wait() // a navigation in between ends the script
		}
		must(b.settled())
	}
	o := n.Origins()
	must(b.visit(o.Desk + "/invite#" + token))
	if at, err := b.address(); err != nil || strings.Contains(at, token) {
		t.Errorf("the invitation stays in the address: %s %v", at, err)
	}
	must(b.fill("label", "Rosa's laptop"))
	must(b.press("Register a passkey"))
	arrives("/sign-in")
	must(b.press("Use a passkey"))
	arrives("/cases")
	must(b.visit(o.Desk + "/passkey"))
	if said, _ := b.text(); !strings.Contains(said, "Rosa's laptop") {
		t.Errorf("the passkey is not among the ways in: %s", said)
	}
	must(b.visit(o.Response + "/sign-in"))
	must(b.press("Sign in with a passkey"))
	arrives("/alerts")

	// It works once.
	must(b.visit(o.Desk + "/invite#" + token))
	must(b.press("Register a passkey"))
	if _, err := b.find("[data-problem]", "invitation"); err != nil {
		t.Errorf("a used invitation: %v", err)
	}
}
