package message

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// HTMLText is the text of an HTML document: no tags, scripts, styles or titles, a line per block, runs of white space joined.
func HTMLText(doc string) string {
	z := html.NewTokenizer(strings.NewReader(doc))
	var out strings.Builder
	var hidden atom.Atom // the element whose content is skipped
	pre, depth := 0, 0
	newline := func() {
		if s := out.String(); s != "" && s[len(s)-1] != '\n' {
			out.WriteByte('\n')
		}
	}
	for {
		switch z.Next() {
		case html.ErrorToken:
			return strings.TrimSpace(out.String())
		case html.TextToken:
			if hidden != 0 {
				continue
			}
			text := cleanText(strings.ToValidUTF8(html.UnescapeString(string(z.Raw())), "\uFFFD"))
			if pre > 0 {
				out.WriteString(text)
				continue
			}
			writeWords(&out, text)
		case html.StartTagToken, html.SelfClosingTagToken:
			name, _ := z.TagName()
			a := atom.Lookup(name)
			switch {
			case hidden != 0:
				if a == hidden {
					depth++
				}
			case a == atom.Script || a == atom.Style || a == atom.Title || a == atom.Template || a == atom.Noscript || a == atom.Iframe:
				hidden, depth = a, 1
			case a == atom.Pre:
				newline()
				pre++
			case a == atom.Td || a == atom.Th:
				writeWords(&out, " ")
			case a == atom.Br:
				out.WriteByte('\n')
			case a == atom.Li:
				newline()
				out.WriteString("- ")
			case isBlock(a):
				newline()
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			a := atom.Lookup(name)
			switch {
			case hidden != 0:
				if a == hidden {
					if depth--; depth == 0 {
						hidden = 0
					}
				}
			case a == atom.Pre:
				pre = max(pre-1, 0)
				newline()
			case isBlock(a):
				newline()
			}
		}
	}
}

// writeWords writes text with its white space joined, and none at the start of a line.
func writeWords(out *strings.Builder, text string) {
	for _, r := range text {
		if r == ' ' || r == '\n' || r == '\t' || r == '\f' || r == '\u00a0' {
			if s := out.String(); s != "" && s[len(s)-1] != ' ' && s[len(s)-1] != '\n' {
				out.WriteByte(' ')
			}
			continue
		}
		out.WriteRune(r)
	}
}

func isBlock(a atom.Atom) bool {
	switch a {
	case atom.P, atom.Div, atom.Tr, atom.Table, atom.Ul, atom.Ol, atom.Dl, atom.Dt, atom.Dd, atom.Blockquote, atom.Hr, atom.Center,
		atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Header, atom.Footer, atom.Section, atom.Article, atom.Main,
		atom.Nav, atom.Aside, atom.Figure, atom.Figcaption, atom.Address, atom.Form, atom.Fieldset, atom.Body, atom.Head:
		return true
	}
	return false
}
