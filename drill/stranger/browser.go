// Package stranger is a browser without scripts: links and forms over HTTP, with
// cookies of its own and from an address of its own. Drills' thieves, agents
// and customers come in this way, like anybody.
//
// What it keeps: a page, its cookies, and nothing on disk.
//
// Trust: it is outside. It knows what a server sends it and must never be given
// anything of the server's own.
package stranger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// Browser is one person's. It is not safe for concurrent use.
type Browser struct {
	client *http.Client
	lang   string
	agent  string
	at     *url.URL
	page   *html.Node
	body   []byte
	status int
	filled map[string]string
}

// maxPage bounds what is read of one answer.
const maxPage = 64 << 20

// New makes a browser that speaks lang, calls itself agent, and comes from an
// address of this machine (127.0.0.0/8), or any for "".
func New(lang, agent, from string) *Browser {
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	if from != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 1, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		// RFC 6761, 6.3: these names are this machine, whatever its resolver knows.
		if host, port, err := net.SplitHostPort(address); err == nil && strings.HasSuffix(host, ".localhost") {
			address = net.JoinHostPort("127.0.0.1", port)
		}
		return dialer.DialContext(ctx, network, address)
	}}
	return &Browser{client: &http.Client{Jar: newJar(), Transport: transport, Timeout: time.Minute}, lang: lang, agent: agent}
}

// Close frees the connections.
func (b *Browser) Close() { b.client.CloseIdleConnections() }

// Visit opens an address.
func (b *Browser) Visit(ctx context.Context, address string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	return b.do(req)
}

func (b *Browser) do(req *http.Request) error {
	req.Header.Set("Accept", "text/html")
	req.Header.Set("Accept-Language", b.lang)
	req.Header.Set("User-Agent", b.agent)
	if req.Method == http.MethodPost && b.at != nil {
		req.Header.Set("Origin", b.at.Scheme+"://"+b.at.Host)
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	res, err := b.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if b.body, err = io.ReadAll(io.LimitReader(res.Body, maxPage)); err != nil {
		return err
	}
	if b.page, err = html.Parse(strings.NewReader(string(b.body))); err != nil {
		return err
	}
	b.at, b.filled, b.status = res.Request.URL, map[string]string{}, res.StatusCode
	if res.StatusCode >= 500 {
		return fmt.Errorf("%s %s: %s: %s", req.Method, req.URL.Path, res.Status, b.Text())
	}
	return nil
}

// Address is where it is, Status how the last answer went, Body its bytes, and
// Text what a person reads of it, spaces folded.
func (b *Browser) Address() *url.URL { return b.at }

// Status is the HTTP status of the last answer.
func (b *Browser) Status() int { return b.status }

// Body is the last answer, byte for byte.
func (b *Browser) Body() []byte { return b.body }

// Text is what a person reads of the page, spaces folded.
func (b *Browser) Text() string {
	if b.page == nil {
		return ""
	}
	return words(b.page)
}

// ErrAbsent says that the page has no such link, button or field.
var ErrAbsent = errors.New("the page has none")

func (b *Browser) link(text string) (string, error) {
	a := b.best(text, func(n *html.Node) bool { return n.DataAtom == atom.A && attr(n, "href") != "" })
	if a == nil {
		return "", fmt.Errorf("a link that says %q: %w", text, ErrAbsent)
	}
	to, err := b.at.Parse(attr(a, "href"))
	if err != nil {
		return "", err
	}
	return to.String(), nil
}

// Follow opens the link that says the text.
func (b *Browser) Follow(ctx context.Context, text string) error {
	to, err := b.link(text)
	if err != nil {
		return err
	}
	return b.Visit(ctx, to)
}

// Links gives the addresses on the page that contain part, each once, in order.
func (b *Browser) Links(part string) []string {
	var found []string
	walk(b.page, func(n *html.Node) {
		if n.DataAtom != atom.A || !strings.Contains(attr(n, "href"), part) {
			return
		}
		if to, err := b.at.Parse(attr(n, "href")); err == nil && !slices.Contains(found, to.String()) {
			found = append(found, to.String())
		}
	})
	return found
}

// Download gives what the link that says the text leads to, and stays.
func (b *Browser) Download(ctx context.Context, text string) ([]byte, error) {
	to, err := b.link(text)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, to, nil)
	if err != nil {
		return nil, err
	}
	res, err := b.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", to, res.Status)
	}
	return io.ReadAll(io.LimitReader(res.Body, maxPage))
}

// Has says whether the page has a field of this name.
func (b *Browser) Has(name string) bool {
	return find(b.page, func(n *html.Node) bool { return attr(n, "name") == name }) != nil
}

// Fill sets the field of this name; a box is ticked with "on" or its value.
func (b *Browser) Fill(name, value string) error {
	if !b.Has(name) {
		return fmt.Errorf("a field named %q: %w", name, ErrAbsent)
	}
	b.filled[name] = value
	return nil
}

// Only ticks, of the boxes of this name, the one whose label says the text.
func (b *Browser) Only(name, text string) error {
	box := find(b.page, func(n *html.Node) bool {
		if n.DataAtom != atom.Input || attr(n, "name") != name || attr(n, "type") != "checkbox" {
			return false
		}
		for label := n.Parent; label != nil; label = label.Parent {
			if label.DataAtom == atom.Label || label.DataAtom == atom.Li {
				return strings.Contains(words(label), fold(text))
			}
		}
		return false
	})
	if box == nil {
		return fmt.Errorf("a box named %q that says %q: %w", name, text, ErrAbsent)
	}
	b.filled[name] = attr(box, "value")
	return nil
}

// Press submits the form of the button that says the text.
func (b *Browser) Press(ctx context.Context, text string) error {
	button := b.best(text, func(n *html.Node) bool {
		return n.DataAtom == atom.Button || n.DataAtom == atom.Input && attr(n, "type") == "submit"
	})
	if button == nil {
		return fmt.Errorf("a button that says %q: %w", text, ErrAbsent)
	}
	return b.submit(ctx, button)
}

// Submit submits the form whose action ends in the path, by its first button.
func (b *Browser) Submit(ctx context.Context, path string) error {
	form := find(b.page, func(n *html.Node) bool {
		if n.DataAtom != atom.Form {
			return false
		}
		to, err := b.at.Parse(attr(n, "action"))
		return err == nil && strings.HasSuffix(to.Path, path)
	})
	if form == nil {
		return fmt.Errorf("a form for %q: %w", path, ErrAbsent)
	}
	button := find(form, func(n *html.Node) bool { return n.DataAtom == atom.Button && attr(n, "type") != "button" })
	if button == nil {
		return fmt.Errorf("a button in the form for %q: %w", path, ErrAbsent)
	}
	return b.submit(ctx, button)
}

func (b *Browser) submit(ctx context.Context, button *html.Node) error {
	form := button.Parent
	if id := attr(button, "form"); id != "" {
		form = find(b.page, func(n *html.Node) bool { return attr(n, "id") == id })
	}
	for form != nil && form.DataAtom != atom.Form {
		form = form.Parent
	}
	if form == nil {
		return errors.New("the button belongs to no form")
	}
	values := b.values(form)
	if name := attr(button, "name"); name != "" {
		values.Set(name, attr(button, "value"))
	}
	action := attr(form, "action")
	if a := attr(button, "formaction"); a != "" {
		action = a
	}
	to, err := b.at.Parse(action)
	if err != nil {
		return err
	}
	if !strings.EqualFold(attr(form, "method"), "post") {
		to.RawQuery = values.Encode()
		return b.Visit(ctx, to.String())
	}
	return b.Post(ctx, to.String(), values)
}

// Post sends a form that the page need not have.
func (b *Browser) Post(ctx context.Context, address string, values url.Values) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(values.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(req)
}

// values is what the form would send (HTML, "Constructing the entry list").
func (b *Browser) values(form *html.Node) url.Values {
	v := url.Values{}
	id := attr(form, "id")
	walk(b.page, func(n *html.Node) {
		name := attr(n, "name")
		if name == "" || !inside(n, form) && (id == "" || attr(n, "form") != id) {
			return
		}
		set, given := b.filled[name]
		switch n.DataAtom {
		case atom.Input:
			switch attr(n, "type") {
			case "submit", "button", "image", "file":
			case "checkbox", "radio":
				value := attr(n, "value")
				if value == "" {
					value = "on"
				}
				if given && (set == value || set == "on") || !given && has(n, "checked") {
					v.Add(name, value)
				}
			default:
				if !given {
					set = attr(n, "value")
				}
				v.Add(name, set)
			}
		case atom.Textarea:
			if !given {
				set = words(n)
			}
			v.Add(name, set)
		case atom.Select:
			if !given {
				options := []*html.Node{}
				walk(n, func(o *html.Node) {
					if o.DataAtom == atom.Option {
						options = append(options, o)
					}
				})
				for i, o := range options {
					if has(o, "selected") || i == 0 {
						set = attr(o, "value")
					}
				}
			}
			v.Add(name, set)
		}
	})
	return v
}

// best finds the element that says exactly the text, or else contains it.
func (b *Browser) best(text string, is func(*html.Node) bool) *html.Node {
	says := func(n *html.Node) string {
		for _, s := range []string{words(n), attr(n, "aria-label"), attr(n, "value"), attr(n, "title")} {
			if s != "" {
				return fold(s)
			}
		}
		return ""
	}
	if n := find(b.page, func(n *html.Node) bool { return is(n) && says(n) == fold(text) }); n != nil {
		return n
	}
	if n := find(b.page, func(n *html.Node) bool { return is(n) && strings.Contains(says(n), fold(text)) }); n != nil {
		return n
	}
	// The name that a screen reader says, where it is longer than what is seen.
	return find(b.page, func(n *html.Node) bool { return is(n) && strings.Contains(fold(attr(n, "aria-label")), fold(text)) })
}

func find(n *html.Node, is func(*html.Node) bool) (found *html.Node) {
	walk(n, func(x *html.Node) {
		if found == nil && x.Type == html.ElementNode && is(x) {
			found = x
		}
	})
	return found
}

func walk(n *html.Node, f func(*html.Node)) {
	f(n)
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		walk(c, f)
	}
}

func inside(n, outer *html.Node) bool {
	for ; n != nil; n = n.Parent {
		if n == outer {
			return true
		}
	}
	return false
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

// words is what a person reads of n.
func words(n *html.Node) string {
	var out strings.Builder
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.TextNode {
			out.WriteString(n.Data)
		}
		if n.Type == html.ElementNode {
			switch n.DataAtom {
			case atom.Script, atom.Style, atom.Template, atom.Head:
				return
			}
			if has(n, "hidden") {
				return
			}
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
		if n.Type == html.ElementNode && n.DataAtom != atom.Span && n.DataAtom != atom.B && n.DataAtom != atom.A {
			out.WriteByte(' ')
		}
	}
	walk(n)
	return fold(out.String())
}

// fold makes every run of spaces one plain space, no-break spaces too: a
// script need not know where French has them.
func fold(s string) string {
	return strings.Join(strings.Fields(strings.NewReplacer("\u00a0", " ", "\u202f", " ", "’", "'").Replace(s)), " ")
}
