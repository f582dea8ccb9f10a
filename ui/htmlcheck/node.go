package htmlcheck

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, key string) bool {
	for _, a := range n.Attr {
		if a.Key == key {
			return true
		}
	}
	return false
}

func text(n *html.Node) string {
	if n.Type == html.TextNode {
		return n.Data
	}
	if attr(n, "aria-hidden") == "true" {
		return ""
	}
	var b strings.Builder
	for k := n.FirstChild; k != nil; k = k.NextSibling {
		b.WriteString(text(k))
	}
	return b.String()
}

// name is what a screen reader would say for a link or a button.
func name(n *html.Node) string {
	if l := strings.TrimSpace(attr(n, "aria-label")); l != "" {
		return l
	}
	if attr(n, "aria-labelledby") != "" {
		return attr(n, "aria-labelledby")
	}
	s := strings.TrimSpace(text(n))
	if img := find(n, atom.Img); s == "" && img != nil {
		s = attr(img, "alt")
	}
	if s == "" {
		s = strings.TrimSpace(attr(n, "title"))
	}
	return s
}

func find(n *html.Node, a atom.Atom) *html.Node {
	if n.Type == html.ElementNode && n.DataAtom == a {
		return n
	}
	for k := n.FirstChild; k != nil; k = k.NextSibling {
		if f := find(k, a); f != nil {
			return f
		}
	}
	return nil
}

func inside(n *html.Node, a atom.Atom) bool {
	for p := n.Parent; p != nil; p = p.Parent {
		if p.DataAtom == a {
			return true
		}
	}
	return false
}

func describe(n *html.Node) string {
	s := "<" + n.Data
	for _, key := range []string{"id", "name", "class", "href"} {
		if v := attr(n, key); v != "" {
			s += " " + key + "=" + v
			break
		}
	}
	return s + ">"
}
