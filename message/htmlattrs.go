package message

import (
	"net/url"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/idna"
)

// Kinds of element, by what may stand in them and what they close.
type elementKind int

const (
	inline elementKind = iota + 1
	block
	void
	tabular // table and what only stands in it, cells included
)

// elements are all that a mail may use. Constant.
var elements = map[string]elementKind{
	"a": inline, "abbr": inline, "acronym": inline, "b": inline, "bdi": inline, "bdo": inline, "big": inline, "cite": inline,
	"code": inline, "del": inline, "dfn": inline, "em": inline, "font": inline, "i": inline, "ins": inline, "kbd": inline,
	"mark": inline, "q": inline, "s": inline, "samp": inline, "small": inline, "span": inline, "strike": inline,
	"strong": inline, "sub": inline, "sup": inline, "tt": inline, "u": inline, "var": inline,

	"address": block, "article": block, "aside": block, "blockquote": block, "center": block, "dd": block, "div": block,
	"dl": block, "dt": block, "figcaption": block, "figure": block, "footer": block, "h1": block, "h2": block, "h3": block,
	"h4": block, "h5": block, "h6": block, "header": block, "li": block, "main": block, "nav": block, "ol": block, "p": block,
	"pre": block, "section": block, "ul": block,

	"br": void, "hr": void, "img": void, "wbr": void, "col": void,

	"table": tabular, "caption": tabular, "colgroup": tabular, "thead": tabular, "tbody": tabular, "tfoot": tabular,
	"tr": tabular, "td": tabular, "th": tabular,
}

// attributes are all that an element may carry besides href and src, with the check of their values. Constant.
var attributes = map[string]func(string) bool{
	"title": anyText, "alt": anyText, "lang": isWord, "dir": isWord, "align": isWord, "valign": isWord, "type": isWord,
	"width": isLength, "height": isLength, "border": isLength, "cellpadding": isLength, "cellspacing": isLength,
	"colspan": isLength, "rowspan": isLength, "span": isLength, "start": isLength, "size": isLength,
	"color": isColor, "bgcolor": isColor, "face": isFontList, "style": anyText,
}

func anyText(string) bool { return true }

func isWord(s string) bool {
	return isLetters(strings.ReplaceAll(s, "-", "")) && len(s) <= 20 || len(s) == 1 && s[0] >= '0' && s[0] <= '9'
}

func isLength(s string) bool {
	s = strings.TrimLeft(s, "+-")
	n := strings.TrimRight(s, "%*px")
	return n != "" && len(n) <= 5 && strings.Trim(n, "0123456789.") == ""
}

func isColor(s string) bool {
	s = strings.TrimPrefix(s, "#")
	return s != "" && len(s) <= 30 && strings.Trim(strings.ToLower(s), "0123456789abcdefghijklmnopqrstuvwxyz") == ""
}

func isFontList(s string) bool {
	for _, r := range s {
		if r != ' ' && r != ',' && r != '-' && r != '\'' && r != '"' && (r|0x20 < 'a' || r|0x20 > 'z') && (r < '0' || r > '9') {
			return false
		}
	}
	return len(s) <= 200
}

// writeAttrs writes the attributes that pass, in the order they came; of twins the first.
func (w *htmlWriter) writeAttrs(attrs []html.Attribute) {
	seen := map[string]bool{}
	for _, a := range attrs {
		check, ok := attributes[a.Key]
		if !ok || a.Namespace != "" || seen[a.Key] || !check(a.Val) {
			continue
		}
		seen[a.Key] = true
		if a.Key == "style" {
			if a.Val = safeStyle(a.Val); a.Val == "" {
				continue
			}
		}
		w.attr(a.Key, a.Val)
	}
}

func (w *htmlWriter) attr(key, val string) {
	w.out.WriteString(" " + key + `="` + html.EscapeString(val) + `"`)
}

func attrOf(attrs []html.Attribute, key string) string {
	for _, a := range attrs {
		if a.Key == key {
			return strings.TrimSpace(a.Val)
		}
	}
	return ""
}

// linkTarget says where a link leads: its address, and what to show of it. ok is false for what no link may be.
func linkTarget(href string) (shown string, ok bool) {
	u, err := url.Parse(href)
	if err != nil {
		return "", false
	}
	switch u.Scheme {
	case "http", "https":
		return asciiHost(u.Hostname()), u.Hostname() != ""
	case "mailto", "tel":
		addr, err := url.PathUnescape(u.Opaque)
		if err != nil || addr == "" {
			return "", false
		}
		return plainLine(addr), true
	}
	return "", false
}

// asciiHost shows a host as the network knows it, so that letters of another script do not pass for Latin ones.
func asciiHost(host string) string {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if isPlainASCII([]byte(host)) {
		return plainLine(host)
	}
	if a, err := idna.Lookup.ToASCII(host); err == nil {
		return a
	}
	return url.PathEscape(host)
}

// hostInText is the host that the text of a link claims to lead to, or "" if it claims none.
func hostInText(text string) string {
	text = strings.ToLower(strings.TrimSpace(text))
	if rest, ok := strings.CutPrefix(text, "https://"); ok {
		text = rest
	} else if rest, ok := strings.CutPrefix(text, "http://"); ok {
		text = rest
	} else if strings.ContainsAny(text, "@ ") {
		return ""
	}
	if i := strings.IndexAny(text, "/?#: \n"); i >= 0 {
		text = text[:i]
	}
	labels := strings.Split(text, ".")
	if len(labels) < 2 || len(labels[len(labels)-1]) < 2 || !isLetters(labels[len(labels)-1]) {
		return ""
	}
	for _, l := range labels {
		if l == "" || strings.ContainsAny(l, " \t<>\"'()[],;!") {
			return ""
		}
	}
	return asciiHost(text)
}
