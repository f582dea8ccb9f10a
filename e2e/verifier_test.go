package e2e_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/postern-mail/postern/testkit"
)

// In a real browser: a statement checks itself on its page, files are checked on
// the page for them and on the page that stands alone, and each test vector gets
// the verdict that it must get.
func TestVerifierInChromium(t *testing.T) {
	chromium := os.Getenv(EnvBrowser)
	if chromium == "" {
		return
	}
	n := testkit.Demo(t)
	opened, err := newChrome(t, chromium, "fr").tab()
	if err != nil {
		t.Fatal(err)
	}
	defer opened.close()
	b := opened.(*tab)
	must := func(err error) {
		t.Helper()
		if err != nil {
			said, _ := b.text()
			t.Fatalf("%v\nthe page says: %s", err, said)
		}
	}
	verdict := func(selector string) (v, why string) {
		t.Helper()
		quoted, _ := json.Marshal(selector)
		for end := time.Now().Add(patience); ; {
			got, err := eval[[]string](b, `(() => { const e = document.querySelector(`+string(quoted)+`); return e && e.dataset.verdict ? [e.dataset.verdict, e.dataset.why, e.dataset.milliseconds] : [] })()`)
			must(err)
			if len(got) == 3 {
				t.Logf("%s: %s %s, %s ms", selector, got[0], got[1], got[2])
				return got[0], got[1]
			}
			if time.Now().After(end) {
				said, _ := b.text()
				t.Fatalf("%s says nothing: %s", selector, said)
			}
			must(b.wait())
		}
	}
	must(b.visit(n.Origins().Mail + "/sign-in"))
	must(b.click("button", "Ana Moreau"))
	must(b.visit(n.Origins().Mail + "/statement?window=month&tier=content"))
	if v, why := verdict("[data-postern-check]"); v != "verified" || why != "" {
		t.Errorf("the statement on its page is %s because %q", v, why)
	}
	if said, _ := b.text(); !strings.Contains(said, "Contrôlé dans ce navigateur : vérifié") {
		t.Errorf("the page says %s", said)
	}

	vectors := filepath.Join("..", "ledger", "testdata", "v1")
	text, err := os.ReadFile(filepath.Join(vectors, "vectors.json"))
	must(err)
	var list []struct{ File, Kind, Policy, Verdict, Why string }
	must(json.Unmarshal(text, &list))
	alone := filepath.Join(t.TempDir(), "check.html")
	must(b.visit(n.Origins().Mail + "/check"))
	page, err := b.download("Télécharger cette page")
	must(err)
	must(os.WriteFile(alone, page, 0o600))
	for _, place := range []string{n.Origins().Mail + "/check", "file://" + alone} {
		checked := 0
		must(b.visit(place))
		for i, v := range list {
			if v.Policy == "" || strings.HasPrefix(place, "file:") && i%10 != 0 {
				continue
			}
			file, err := filepath.Abs(filepath.Join(vectors, filepath.FromSlash(v.File)))
			must(err)
			first, err := os.ReadFile(file)
			must(err)
			if kind := "postern/" + v.Kind + "@v1\n"; v.Kind != "checkpoint" && !strings.HasPrefix(string(first), kind) {
				continue // the page goes by the first line
			}
			policy, err := os.ReadFile(filepath.Join(vectors, v.Policy))
			must(err)
			quoted, _ := json.Marshal(string(policy))
			_, err = eval[bool](b, `document.querySelector("#check-result").removeAttribute("data-verdict"); document.querySelector("#check-form textarea").value = `+string(quoted)+`; true`)
			must(err)
			must(b.run(chromedp.SetUploadFiles(`#check-form input[name=file]`, []string{file})))
			_, err = eval[bool](b, `document.querySelector("#check-form").requestSubmit(); true`)
			must(err)
			if said, why := verdict("#check-result"); said != v.Verdict || why != v.Why {
				t.Errorf("%s: %s because %q, and it should be %s because %q", v.File, said, why, v.Verdict, v.Why)
			}
			checked++
		}
		if checked < 10 {
			t.Errorf("%s: only %d vectors were tried", place, checked)
		}
	}
}
