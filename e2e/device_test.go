package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/postern-mail/postern/response/detect"
	"github.com/postern-mail/postern/response/incident"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/testkit"
)

// A session is the browser's that signed in: pages, forms, streams and reloads
// work there, and its cookie is worth nothing anywhere else.
func TestDevice(t *testing.T) {
	if chromium := os.Getenv(EnvBrowser); chromium != "" {
		deviceStory(t, newChrome(t, chromium, "en"))
	}
}

func deviceStory(t *testing.T, c *chrome) {
	n := testkit.Demo(t)
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
	arrives := func(part string) {
		t.Helper()
		for end := time.Now().Add(patience); ; {
			at, err := b.address()
			if err == nil && strings.Contains(at, part) {
				break
			}
			if time.Now().After(end) {
				must(fmt.Errorf("%s is not %s", at, part))
			}
			_ = b.wait()
		}
		must(b.settled())
	}
	desk := n.Origins().Desk
	require := func(device string) {
		t.Helper()
		all, err := n.Staff.Organisations(t.Context())
		must(err)
		for _, o := range all {
			o.Device = device
			must(n.Staff.UpdateOrganisation(t.Context(), o))
		}
	}
	require(staff.DeviceRequired)
	must(b.visit(desk + "/sign-in"))
	must(b.press("As Nadia Benali"))
	arrives("/cases")
	signedIn := func(where string) {
		t.Helper()
		must(b.settled())
		if refused, err := eval[bool](b, `!!document.querySelector("[data-refused]") || !document.querySelector("details.user")`); err != nil || refused {
			must(fmt.Errorf("%s: signed out or refused (%v)", where, err))
		}
	}
	signedIn("after the sign-in")
	must(b.run(chromedp.Reload()))
	signedIn("a reload")
	first, err := eval[string](b, `document.querySelector("a[data-case]").getAttribute("href")`)
	must(err)
	must(b.run(chromedp.Navigate(desk + first)))
	signedIn("a page")
	must(b.run(chromedp.NavigateBack()))
	signedIn("back")
	must(b.run(chromedp.NavigateForward()))
	signedIn("forward")

	// A form that htmx sends, and its redirect.
	must(b.visit(desk + first))
	if _, err := eval[bool](b, `(() => { const n = document.querySelector("button[formaction$='/note']"); n.form.elements.text.value = "The signature travels with forms."; n.form.requestSubmit(n); return true; })()`); err != nil {
		t.Fatal(err)
	}
	if _, err := b.find("main *", "The signature travels with forms."); err != nil {
		t.Error(err)
	}
	signedIn("a form")
	// A form that the browser sends.
	if _, err := eval[bool](b, `(() => { const n = document.querySelector("button[formaction$='/note']"), f = n.form; f.elements.text.value = "And with plain ones."; f.action = n.formAction; f.submit(); return true; })()`); err != nil {
		t.Fatal(err)
	}
	if _, err := b.find("main *", "And with plain ones."); err != nil {
		t.Error(err)
	}
	signedIn("a plain form")
	// The stream that ends pages is open.
	open, err := eval[bool](b, `new Promise(done => { const s = new EventSource("/events"); s.onopen = () => { s.close(); done(true); }; s.onerror = () => done(false); })`)
	if err != nil || !open {
		t.Errorf("an event stream: %v %v", open, err)
	}
	// From nowhere, as a new tab comes.
	must(b.run(chromedp.Navigate("about:blank")))
	must(b.visit(desk + "/cases"))
	signedIn("from nowhere")
	// A reload past the worker comes back by itself.
	past := true
	_, err = chromedp.Call(b.ctx, page.Reload, page.ReloadParams{IgnoreCache: &past})
	must(err)
	arrives("/cases")
	for end := time.Now().Add(patience); ; _ = b.wait() {
		back, err := eval[bool](b, `!!document.querySelector("details.user")`)
		if err == nil && back {
			break
		}
		if time.Now().After(end) {
			must(fmt.Errorf("a reload past the worker stays refused"))
		}
	}
	// Proving again, and back.
	must(b.visit(desk + "/prove?then=" + first))
	must(b.press("C'est moi"))
	arrives(first)
	must(b.visit(desk + "/prove?then=//elsewhere.example/"))
	if to, err := eval[string](b, `document.querySelector("input[name=then]").value`); err != nil || to != "/" {
		t.Errorf("it would lead to %q, %v", to, err)
	}

	// The cookie elsewhere.
	cookies, err := chromedp.Call(b.ctx, network.GetCookies, network.GetCookiesParams{URLs: []string{desk}})
	must(err)
	thief := func() (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, desk+first, nil)
		must(err)
		for _, k := range cookies.Cookies {
			req.AddCookie(&http.Cookie{Name: k.Name, Value: k.Value})
		}
		res, err := localClient().Do(req)
		must(err)
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		must(err)
		return res.StatusCode, string(body)
	}
	if status, body := thief(); status != http.StatusForbidden || !strings.Contains(body, staff.KeyDevice) || strings.Contains(body, "The signature travels") {
		t.Errorf("the cookie alone gives %d: %s", status, body)
	}
	if _, err := n.Response.Tick(t.Context()); err != nil {
		t.Fatal(err)
	}
	alerts, err := n.Response.Alerts(t.Context(), detect.AlertFilter{})
	must(err)
	found := false
	for _, a := range alerts {
		found = found || a.Rule == "stolen-cookie" && a.Severity == incident.High
	}
	if !found {
		t.Errorf("no alert of a stolen cookie: %+v", alerts)
	}
	// Its owner works on.
	must(b.visit(desk + first))
	signedIn("after the theft")
}
