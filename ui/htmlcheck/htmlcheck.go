// Package htmlcheck checks a rendered page the way a careful reader of its
// source would: landmarks, headings, labels, names, unique ids, references that
// lead somewhere, no style or script in the page. Every face's tests run every
// page through it, in both languages.
//
// What it keeps: nothing.
//
// Trust: it reads pages that tests made of sample data.
package htmlcheck

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// TB is what it needs of a test.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
}

// Check reports everything that is wrong with a whole page.
func Check(t TB, page []byte) {
	t.Helper()
	for _, p := range Problems(page) {
		t.Errorf("page: %s", p)
	}
}

// Problems lists what is wrong with a whole page, each with the element.
func Problems(page []byte) []string {
	c := &checker{ids: map[string]int{}, labels: map[string]bool{}}
	if !bytes.HasPrefix(bytes.ToLower(bytes.TrimSpace(page)), []byte("<!doctype html>")) {
		c.say(nil, "does not begin with <!doctype html>")
	}
	root, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		return []string{err.Error()}
	}
	c.collect(root)
	c.walk(root)
	c.whole(root)
	c.balance(page)
	return c.found
}

type checker struct {
	found  []string
	ids    map[string]int
	labels map[string]bool // ids that a label names
	levels []int
	h1s    int
	mains  int
	title  string
}

func (c *checker) say(n *html.Node, format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	if n != nil {
		s = describe(n) + ": " + s
	}
	c.found = append(c.found, s)
}

func (c *checker) collect(n *html.Node) {
	if n.Type == html.ElementNode {
		if id := attr(n, "id"); id != "" {
			c.ids[id]++
		}
		if n.DataAtom == atom.Label {
			c.labels[attr(n, "for")] = true
		}
	}
	for k := n.FirstChild; k != nil; k = k.NextSibling {
		c.collect(k)
	}
}

func (c *checker) walk(n *html.Node) {
	if n.Type == html.ElementNode {
		c.element(n)
	}
	for k := n.FirstChild; k != nil; k = k.NextSibling {
		c.walk(k)
	}
}

func (c *checker) element(n *html.Node) {
	for _, a := range n.Attr {
		switch {
		case strings.HasPrefix(a.Key, "on") || strings.HasPrefix(a.Key, "hx-on") || a.Key == "hx-vals" && strings.HasPrefix(a.Val, "js:"):
			c.say(n, "has the script attribute %s", a.Key)
		case a.Key == "style":
			c.say(n, "has a style attribute, which the CSP refuses")
		case (a.Key == "href" || a.Key == "src" || a.Key == "action") && strings.HasPrefix(strings.ToLower(strings.TrimSpace(a.Val)), "javascript:"):
			c.say(n, "has a javascript: address")
		case (a.Key == "href" || a.Key == "src" || a.Key == "action" || a.Key == "for" || a.Key == "id") && strings.TrimSpace(a.Val) == "" && !(n.DataAtom == atom.A && a.Key == "href"):
			c.say(n, "has an empty %s", a.Key)
		case strings.Contains(a.Val, "ZgotmplZ"):
			c.say(n, "html/template refused the value of %s", a.Key)
		}
	}
	for _, ref := range []string{"for", "aria-labelledby", "aria-describedby", "aria-controls", "form", "list"} {
		for _, id := range strings.Fields(attr(n, ref)) {
			if c.ids[id] == 0 {
				c.say(n, "%s names the id %q, which is not on the page", ref, id)
			}
		}
	}
	switch n.DataAtom {
	case atom.Style:
		c.say(n, "style in the page")
	case atom.Script:
		if attr(n, "src") == "" {
			c.say(n, "script in the page")
		}
	case atom.Title:
		if c.title == "" && n.Parent.DataAtom == atom.Head {
			c.title = text(n)
		}
	case atom.Main:
		c.mains++
	case atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		c.heading(n)
	case atom.Img:
		if !has(n, "alt") {
			c.say(n, "has no alt")
		}
	case atom.Iframe:
		if attr(n, "title") == "" {
			c.say(n, "has no title")
		}
		if !has(n, "sandbox") {
			c.say(n, "is not sandboxed")
		}
	case atom.A:
		if has(n, "href") && name(n) == "" {
			c.say(n, "is a link without words")
		}
		if h := attr(n, "href"); len(h) > 1 && h[0] == '#' && c.ids[h[1:]] == 0 {
			c.say(n, "leads to %s, which is not on the page", h)
		}
	case atom.Button, atom.Summary:
		if name(n) == "" {
			c.say(n, "has no words")
		}
	case atom.Input, atom.Select, atom.Textarea:
		c.control(n)
	case atom.Table:
		if find(n, atom.Th) == nil {
			c.say(n, "has no header cells")
		}
	case atom.Form:
		if m := strings.ToLower(attr(n, "method")); m == "post" && find(n, atom.Button) == nil && find(n, atom.Input) == nil {
			c.say(n, "cannot be sent without a script")
		}
	case atom.Li:
		if p := n.Parent; p.DataAtom != atom.Ul && p.DataAtom != atom.Ol && p.DataAtom != atom.Menu {
			c.say(n, "stands outside a list")
		}
	case atom.Ul, atom.Ol:
		for k := n.FirstChild; k != nil; k = k.NextSibling {
			if k.Type == html.ElementNode && k.DataAtom != atom.Li {
				c.say(n, "holds %s, which is no list item", describe(k))
			}
		}
	case atom.Nav:
		if attr(n, "aria-label") == "" && attr(n, "aria-labelledby") == "" {
			c.say(n, "has no name")
		}
	}
}

func (c *checker) heading(n *html.Node) {
	if inside(n, atom.Dialog) {
		return
	}
	level := int(n.Data[1] - '0')
	if level == 1 {
		c.h1s++
	}
	if strings.TrimSpace(text(n)) == "" {
		c.say(n, "is empty")
	}
	// The side bar's headings come before the h1 and stand for themselves.
	if inside(n, atom.Nav) {
		return
	}
	if len(c.levels) > 0 && level > c.levels[len(c.levels)-1]+1 {
		c.say(n, "follows an h%d: a level is missing", c.levels[len(c.levels)-1])
	}
	c.levels = append(c.levels, level)
}

func (c *checker) control(n *html.Node) {
	kind := strings.ToLower(attr(n, "type"))
	if slices.Contains([]string{"hidden", "submit", "button"}, kind) {
		return
	}
	if attr(n, "aria-label") == "" && attr(n, "aria-labelledby") == "" && !c.labels[attr(n, "id")] && !inside(n, atom.Label) {
		c.say(n, "has no label")
	}
	if attr(n, "name") == "" && !has(n, "data-all") {
		c.say(n, "has no name, so the form does not send it")
	}
}

func (c *checker) whole(root *html.Node) {
	if h := find(root, atom.Html); h == nil || attr(h, "lang") == "" {
		c.say(nil, "the page has no language")
	}
	if strings.TrimSpace(c.title) == "" {
		c.say(nil, "the page has no title")
	}
	if c.h1s != 1 {
		c.say(nil, "the page has %d h1, not one", c.h1s)
	}
	if c.mains != 1 {
		c.say(nil, "the page has %d main, not one", c.mains)
	}
	for id, n := range c.ids {
		if n > 1 {
			c.say(nil, "the id %q stands %d times", id, n)
		}
	}
	slices.Sort(c.found)
	c.found = slices.Compact(c.found)
}

var void = map[string]bool{"area": true, "base": true, "br": true, "col": true, "embed": true, "hr": true, "img": true, "input": true, "link": true, "meta": true, "source": true, "track": true, "wbr": true}

// balance finds elements that are not closed where they were opened, which the
// parser would mend silently.
func (c *checker) balance(page []byte) {
	z := html.NewTokenizer(bytes.NewReader(page))
	var open []string
	for {
		switch z.Next() {
		case html.ErrorToken:
			if len(open) > 0 {
				c.say(nil, "<%s> is not closed", open[len(open)-1])
			}
			return
		case html.StartTagToken:
			if tag, _ := z.TagName(); !void[string(tag)] {
				open = append(open, string(tag))
			}
		case html.EndTagToken:
			tag, _ := z.TagName()
			if len(open) == 0 || open[len(open)-1] != string(tag) {
				c.say(nil, "</%s> closes nothing: open are %s", tag, strings.Join(open, " "))
				return
			}
			open = open[:len(open)-1]
		}
	}
}
