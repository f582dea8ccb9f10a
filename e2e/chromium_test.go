package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// EnvBrowser names the browser's binary; unset, the browser half of a story
// does not run (`make test` sets it). EnvAxe names axe-core's axe.min.js, and
// EnvShots a directory for a picture of every page.
const (
	EnvBrowser = "POSTERN_TEST_BROWSER"
	EnvAxe     = "POSTERN_TEST_AXE"
	EnvShots   = "POSTERN_TEST_SHOTS"
)

// chrome runs one Chromium for a story.
type chrome struct {
	t     *testing.T
	ctx   context.Context
	lang  string
	axe   string
	shots string
	shot  int
	seen  map[string]bool // pages that axe has checked
}

func newChrome(t *testing.T, binary, lang string) *chrome {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(binary), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("lang", lang), chromedp.Flag("accept-lang", lang),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.WindowSize(1280, 900), chromedp.UserDataDir(t.TempDir()))
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("couldn't start %s: %v", binary, err)
	}
	c := &chrome{t: t, ctx: ctx, lang: lang, shots: os.Getenv(EnvShots), seen: map[string]bool{}}
	if file := os.Getenv(EnvAxe); file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		c.axe = string(text)
	}
	return c
}

// tab opens a tab with cookies of its own: another person's browser.
func (c *chrome) tab() (browser, error) {
	ctx, cancel := chromedp.NewContext(c.ctx, chromedp.WithNewBrowserContext())
	b := &tab{c: c, ctx: ctx, cancel: cancel}
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		return nil, err
	}
	_, err := chromedp.Call(ctx, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": c.lang}})
	return b, err
}

type tab struct {
	c      *chrome
	ctx    context.Context
	cancel context.CancelFunc
}

func (b *tab) close() { b.cancel() }

// patience is how long a person waits for a page before calling it broken.
const patience = 15 * time.Second

func (b *tab) run(steps ...chromedp.Action[chromedp.Void]) error {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	return chromedp.Do(ctx, steps...)
}

// eval runs a script and gives its value; promises are awaited. A page that
// goes away under the script is asked again when the next one is there.
func eval[T any](b *tab, script string) (T, error) {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	for {
		v, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
		if err == nil || ctx.Err() != nil || !gone.MatchString(err.Error()) {
			return v, err
		}
	}
}

var gone = regexp.MustCompile(`navigated or closed|context was destroyed|Cannot find (default execution )?context|context with specified id`)

func (b *tab) visit(url string) error {
	if err := b.run(chromedp.Navigate(url)); err != nil {
		return err
	}
	return b.look()
}

func (b *tab) text() (string, error) {
	s, err := eval[string](b, "document.body ? document.body.innerText : ''")
	return fold(s), err
}

func (b *tab) address() (string, error) {
	return eval[string](b, "location.href")
}

// find marks the visible element that says the text, and gives a selector.
func (b *tab) find(selector, text string) (string, error) {
	const script = `(() => {
  const fold = s => (s || '').replace(/[\u00a0\u202f\s]+/g, ' ').replace(/’/g, "'").trim();
  const says = e => fold(e.innerText) || fold(e.getAttribute('aria-label')) || fold(e.value) || fold(e.title);
  const want = fold(%s), every = [...document.querySelectorAll(%s)], all = every.filter(e => e.checkVisibility());
  // A person opens the menu that holds it.
  const folded = () => {
    const e = every.find(e => fold(e.textContent) === want && e.closest('details'));
    for (let d = e && e.closest('details'); d; d = d.parentElement.closest('details')) if (!d.open) d.querySelector('summary').click();
    return e;
  };
  const e = all.find(e => says(e) === want) || all.find(e => says(e).includes(want)) ||
    all.find(e => fold(e.getAttribute('aria-label')).includes(want) || fold(e.title).includes(want)) || folded();
  document.querySelectorAll('[data-e2e]').forEach(e => e.removeAttribute('data-e2e'));
  if (!e) return false;
  e.setAttribute('data-e2e', '1');
  return true;
})()`
	want, _ := json.Marshal(text)
	css, _ := json.Marshal(selector)
	for end := time.Now().Add(patience); ; {
		found, err := eval[bool](b, fmt.Sprintf(script, want, css))
		if err != nil {
			return "", err
		}
		if found {
			return `[data-e2e="1"]`, nil
		}
		if time.Now().After(end) {
			said, _ := b.text()
			return "", fmt.Errorf("no %s says %q; the page says: %s", selector, text, said)
		}
		if err := b.wait(); err != nil {
			return "", err
		}
	}
}

// wait lets the page paint once.
func (b *tab) wait() error {
	_, err := eval[bool](b, `new Promise(r => setTimeout(() => r(true), 30))`)
	return err
}

func (b *tab) click(selector, text string) error {
	for again := 0; ; again++ {
		mark, err := b.find(selector, text)
		if err != nil {
			return err
		}
		err = b.run(chromedp.ScrollIntoView(mark), chromedp.Click(mark))
		if err == nil {
			break
		}
		// The page replaced the element before the mouse was there: nothing was clicked.
		if again < 3 && strings.Contains(err.Error(), "Could not find node") {
			if err := b.settled(); err != nil {
				return err
			}
			continue
		}
		return fmt.Errorf("couldn't click %q: %w", text, err)
	}
	if err := b.settled(); err != nil {
		return err
	}
	return b.look()
}

// settled waits until no request of htmx's is under way and the document is
// complete.
func (b *tab) settled() error {
	for end := time.Now().Add(patience); ; {
		if err := b.wait(); err != nil {
			return err
		}
		busy, err := eval[bool](b, `document.readyState !== 'complete' || !!document.querySelector('.htmx-request, .htmx-swapping, .htmx-settling')`)
		if err != nil {
			return err
		}
		if !busy {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("the page does not come to rest")
		}
	}
}

func (b *tab) follow(text string) error { return b.click("a[href]", text) }

func (b *tab) followTo(part string) error {
	quoted, _ := json.Marshal(part)
	return b.click("a[href*="+string(quoted)+"]", "")
}

func (b *tab) press(text string) error { return b.click("button, input[type=submit]", text) }

func (b *tab) fill(name, value string) error {
	const script = `(() => {
  const all = [...document.querySelectorAll('[name=' + CSS.escape(%s) + ']')].filter(e => e.type !== 'hidden');
  const v = %s;
  const e = all.find(e => (e.type === 'checkbox' || e.type === 'radio') ? (v === 'on' || e.value === v) : true);
  if (!e) return false;
  if (e.type === 'checkbox' || e.type === 'radio') { if (!e.checked) e.click(); return true; }
  e.focus(); e.value = v;
  e.dispatchEvent(new Event('input', {bubbles: true})); e.dispatchEvent(new Event('change', {bubbles: true}));
  return true;
})()`
	n, _ := json.Marshal(name)
	v, _ := json.Marshal(value)
	ok, err := eval[bool](b, fmt.Sprintf(script, n, v))
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("no field is named %q with a value %q", name, value)
	}
	return nil
}

func (b *tab) choose(name, text string) error {
	const script = `(() => {
  const fold = s => (s || '').replace(/[\u00a0\u202f\s]+/g, ' ').replace(/’/g, "'").trim();
  return [...document.querySelectorAll('select[name=' + CSS.escape(%s) + '] option')].find(o => fold(o.text).includes(fold(%s)))?.value ?? '';
})()`
	n, _ := json.Marshal(name)
	v, _ := json.Marshal(text)
	value, err := eval[string](b, fmt.Sprintf(script, n, v))
	if err != nil {
		return err
	}
	if value == "" {
		return fmt.Errorf("no list %q has %q", name, text)
	}
	return b.fill(name, value)
}

func (b *tab) only(name, text string) error {
	const script = `(() => {
  const fold = s => (s || '').replace(/[\u00a0\u202f\s]+/g, ' ').replace(/’/g, "'").trim();
  let found = false;
  for (const e of document.querySelectorAll('input[type=checkbox][name=' + CSS.escape(%s) + ']')) {
    const want = !found && fold(e.closest('label, li')?.innerText).includes(fold(%s));
    found = found || want;
    if (e.checked !== want) e.click();
  }
  return found;
})()`
	n, _ := json.Marshal(name)
	v, _ := json.Marshal(text)
	ok, err := eval[bool](b, fmt.Sprintf(script, n, v))
	if err == nil && !ok {
		err = fmt.Errorf("no box named %q says %q", name, text)
	}
	return err
}

func (b *tab) download(text string) ([]byte, error) {
	if _, err := b.find("a[href]", text); err != nil {
		return nil, err
	}
	href, err := eval[string](b, `document.querySelector('[data-e2e="1"]').href`)
	if err != nil {
		return nil, err
	}
	cookies, err := chromedp.Call(b.ctx, network.GetCookies, network.GetCookiesParams{})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequest("GET", href, nil)
	if err != nil {
		return nil, err
	}
	for _, c := range cookies.Cookies {
		req.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	res, err := localClient().Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", href, res.Status)
	}
	return io.ReadAll(res.Body)
}

// look checks a page that was not seen before with axe-core, and takes its
// pictures when they are asked for.
func (b *tab) look() error {
	path, err := eval[string](b, `location.hostname + location.pathname.replace(/[0-9a-f]{32}/g, '*')`)
	if err != nil {
		return err
	}
	if strings.HasPrefix(path, "127.0.0.1/") {
		return nil // a company's own sign-in, which is not ours to mend
	}
	if b.c.axe != "" && !b.c.seen[path] && !strings.HasPrefix(path, "view.") {
		b.c.seen[path] = true
		if err := b.accessible(path); err != nil {
			return err
		}
		if err := b.fits(path); err != nil {
			return err
		}
	}
	if b.c.shots != "" {
		return b.picture(path)
	}
	return nil
}

func (b *tab) accessible(path string) error {
	if _, err := eval[bool](b, b.c.axe+";true"); err != nil {
		return fmt.Errorf("couldn't load axe on %s: %w", path, err)
	}
	result, err := eval[string](b, `axe.run(document, {resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})
		.then(r => JSON.stringify(r.violations.map(v => v.id + ': ' + v.help + ' — ' + v.nodes.slice(0, 3).map(n => n.html.slice(0, 160)).join(' | '))))`)
	if err != nil {
		return fmt.Errorf("couldn't run axe on %s: %w", path, err)
	}
	var violations []string
	if err := json.Unmarshal([]byte(result), &violations); err != nil {
		return err
	}
	for _, v := range violations {
		b.c.t.Errorf("%s (%s): %s", path, b.c.lang, v)
	}
	return nil
}

// picture shows the whole page, wide and narrow: by day in English, by night in
// French.
func (b *tab) picture(path string) error {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	b.c.shot++
	name := fmt.Sprintf("%02d-%s-%s", b.c.shot, b.c.lang, strings.NewReplacer("/", "_", ":", "_", "*", "x").Replace(path))
	scheme := map[string]string{"en": "light", "fr": "dark"}[b.c.lang]
	// A tab behind another is not painted.
	if _, err := chromedp.Call(ctx, page.BringToFront, cdp.Empty{}); err != nil {
		return err
	}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}}); err != nil {
		return err
	}
	for _, width := range []int64{1280, 360} {
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 900)); err != nil {
			return err
		}
		png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(b.c.shots, fmt.Sprintf("%s-%d-%s.png", name, width, scheme)), png, 0o644); err != nil {
			return err
		}
	}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{}); err != nil {
		return err
	}
	return chromedp.Do(ctx, chromedp.EmulateReset())
}

// fits checks that a page of the narrowest width has nothing to scroll to at
// its side.
func (b *tab) fits(path string) error {
	if err := b.run(chromedp.EmulateViewport(320, 700)); err != nil {
		return err
	}
	wide, err := eval[string](b, `(() => { const w = document.documentElement.clientWidth; if (document.documentElement.scrollWidth <= w) return '';
  const e = [...document.querySelectorAll('main *')].find(e => e.checkVisibility() && e.getBoundingClientRect().right > w + 1 && !e.closest('.table'));
  return document.documentElement.scrollWidth + ' px: ' + (e ? e.outerHTML.slice(0, 200) : ''); })()`)
	if err != nil {
		return err
	}
	if wide != "" {
		b.c.t.Errorf("%s (%s) is wider than a screen of 320 px: %s", path, b.c.lang, wide)
	}
	return b.run(chromedp.EmulateReset())
}
