package message

import (
	"strings"

	"golang.org/x/net/html"
)

// maxHTMLDepth is how deep elements stand in each other before further ones are dropped, their text kept. Browsers and
// golang.org/x/net/html stop at 512.
const maxHTMLDepth = 200

// An htmlWriter writes allowed elements so that every parser sees the same tree: each closed in its place, paragraphs and list
// items closed where HTML closes them by itself, tables only with rows and cells. What it writes needs no repair by a browser, and
// so gives no opening to mutate it.
type htmlWriter struct {
	opt        HTMLOptions
	z          *html.Tokenizer
	out        strings.Builder
	stack      []openElement
	dropped    map[string]int // start tags left out whose end tags are to be left out too
	misleading int
}

type openElement struct {
	name string
	host string // of a link: what it leads to
	text string // of a link: the start of its text
}

func (w *htmlWriter) run() {
	w.dropped = map[string]int{}
	for {
		switch w.z.Next() {
		case html.ErrorToken:
			w.closeTo(0)
			return
		case html.TextToken:
			w.text(w.z.Token().Data)
		case html.StartTagToken, html.SelfClosingTagToken:
			w.start(w.z.Token())
		case html.EndTagToken:
			name, _ := w.z.TagName()
			w.end(string(name))
		}
	}
}

func (w *htmlWriter) text(s string) {
	if s == "" || w.inTable() && strings.TrimSpace(s) == "" {
		return
	}
	w.needCell()
	for i := len(w.stack) - 1; i >= 0; i-- {
		if e := &w.stack[i]; e.name == "a" {
			if len(e.text) < 300 {
				e.text += s[:min(len(s), 300)]
			}
			break
		}
	}
	w.out.WriteString(html.EscapeString(s))
}

func (w *htmlWriter) start(t html.Token) {
	kind, name := elements[t.Data], t.Data
	switch {
	case kind == 0:
		return
	case kind == void:
		w.void(t)
		return
	case len(w.stack) >= maxHTMLDepth,
		kind == tabular && name != "table" && !w.place(name),
		(kind == inline || kind == block) && w.inTable(): // "<table><center><tr>": a form of layout that HTML does not have
		w.dropped[name]++
		return
	}
	host := ""
	if name == "a" {
		var ok bool
		if host, ok = linkTarget(attrOf(t.Attr, "href")); !ok {
			w.dropped[name]++
			return
		}
		w.closeInCell("a")
	}
	if kind == block || name == "table" {
		w.closeBefore(name)
	}
	if name == "table" {
		w.needCell()
	}
	w.out.WriteString("<" + name)
	if name == "a" {
		w.attr("href", attrOf(t.Attr, "href"))
		w.out.WriteString(` target="_blank" rel="noopener noreferrer nofollow"`)
	}
	w.writeAttrs(t.Attr)
	w.out.WriteString(">")
	w.stack = append(w.stack, openElement{name: name, host: host})
}

func (w *htmlWriter) void(t html.Token) {
	if t.Data == "col" {
		if !w.place("col") {
			return
		}
	} else if t.Data == "hr" {
		w.closeInCell("p")
		w.needCell()
	} else {
		w.needCell()
	}
	if t.Data == "img" {
		w.image(t.Attr)
		return
	}
	w.out.WriteString("<" + t.Data)
	w.writeAttrs(t.Attr)
	w.out.WriteString(">")
}

// image writes a picture that may be shown, or its alternative text.
func (w *htmlWriter) image(attrs []html.Attribute) {
	src, alt := attrOf(attrs, "src"), attrOf(attrs, "alt")
	lower := strings.ToLower(src)
	switch {
	case strings.HasPrefix(lower, "cid:"):
		id := src[4:]
		src = ""
		if w.opt.CID != nil {
			src = w.opt.CID(strings.Trim(id, "<>"))
		}
	case strings.HasPrefix(lower, "data:image/"):
	case (strings.HasPrefix(lower, "http://") || strings.HasPrefix(lower, "https://")) && w.opt.Remote:
	default:
		src = ""
	}
	if src == "" {
		if alt != "" {
			w.out.WriteString("<span>" + html.EscapeString(alt) + "</span>")
		}
		return
	}
	w.out.WriteString("<img")
	w.attr("src", src)
	w.out.WriteString(` referrerpolicy="no-referrer" loading="lazy"`)
	w.writeAttrs(attrs)
	w.out.WriteString(">")
}

func (w *htmlWriter) end(name string) {
	if w.dropped[name] > 0 {
		w.dropped[name]--
		return
	}
	switch kind := elements[name]; {
	case kind == inline || kind == block:
		w.closeInCell(name)
	case name == "table":
		if i := w.nearest("table"); i >= 0 {
			w.closeTo(i)
		}
	case kind == tabular:
		if i, table := w.nearest(name), w.nearest("table"); i > table {
			w.closeTo(i)
		}
	}
}

// closeInCell closes the nearest element of that name, unless a table cell stands between.
func (w *htmlWriter) closeInCell(name string) {
	for i := len(w.stack) - 1; i >= 0; i-- {
		switch e := w.stack[i].name; {
		case e == name:
			w.closeTo(i)
			return
		case elements[e] == tabular:
			return
		}
	}
}

// closeBefore closes what a block ends by starting (HTML, 13.2.6.4.7): a paragraph, a heading, the item before it.
func (w *htmlWriter) closeBefore(name string) {
	switch name {
	case "li", "dd", "dt":
	scan:
		for i := len(w.stack) - 1; i >= 0; i-- {
			switch e := w.stack[i].name; {
			case e == name || name != "li" && (e == "dd" || e == "dt"):
				w.closeTo(i)
				break scan
			case elements[e] == tabular, elements[e] == block && e != "address" && e != "div" && e != "p":
				break scan
			}
		}
	}
	w.closeInCell("p")
	if n := len(w.stack); n > 0 && isHeading(name) && isHeading(w.stack[n-1].name) {
		w.closeTo(n - 1)
	}
}

func isHeading(name string) bool {
	return len(name) == 2 && name[0] == 'h' && name[1] >= '1' && name[1] <= '6'
}

func (w *htmlWriter) nearest(name string) int {
	for i := len(w.stack) - 1; i >= 0; i-- {
		if w.stack[i].name == name {
			return i
		}
	}
	return -1
}

// inTable says whether the innermost element is a table or a row: a place for rows and cells only.
func (w *htmlWriter) inTable() bool {
	if len(w.stack) == 0 {
		return false
	}
	switch w.stack[len(w.stack)-1].name {
	case "table", "thead", "tbody", "tfoot", "tr", "colgroup":
		return true
	}
	return false
}

// needCell opens the cell that text in a bare table stands in.
func (w *htmlWriter) needCell() {
	if w.inTable() && w.place("td") {
		w.open("td")
	}
}

// place closes and opens what has to stand around a part of a table. It says no outside of tables.
func (w *htmlWriter) place(name string) bool {
	table := w.nearest("table")
	if table < 0 {
		return false
	}
	switch name {
	case "caption", "colgroup", "thead", "tbody", "tfoot":
		w.closeTo(table + 1)
	case "col":
		if top := len(w.stack) - 1; w.stack[top].name != "colgroup" {
			w.closeTo(table + 1)
			w.open("colgroup")
		}
	case "tr":
		w.inSection(table)
	case "td", "th":
		if len(w.stack) > table+2 && w.stack[table+2].name == "tr" {
			w.closeTo(table + 3)
			return true
		}
		w.inSection(table)
		w.open("tr")
	}
	return true
}

// inSection closes down to a thead, tbody or tfoot of the table, or opens one.
func (w *htmlWriter) inSection(table int) {
	if len(w.stack) > table+1 {
		switch w.stack[table+1].name {
		case "thead", "tbody", "tfoot":
			w.closeTo(table + 2)
			return
		}
	}
	w.closeTo(table + 1)
	w.open("tbody")
}

func (w *htmlWriter) open(name string) {
	w.out.WriteString("<" + name + ">")
	w.stack = append(w.stack, openElement{name: name})
}

// closeTo closes elements until n are open.
func (w *htmlWriter) closeTo(n int) {
	for len(w.stack) > n {
		e := w.stack[len(w.stack)-1]
		w.stack = w.stack[:len(w.stack)-1]
		w.out.WriteString("</" + e.name + ">")
		if e.host == "" {
			continue
		}
		class := "link-host"
		if claimed := hostInText(e.text); claimed != "" && !sameHost(claimed, e.host) {
			class += " misleading"
			w.misleading++
		}
		if strings.TrimSpace(e.text) != e.host {
			w.out.WriteString(`<span class="` + class + `"> [` + html.EscapeString(e.host) + `]</span>`)
		}
	}
}

func sameHost(a, b string) bool {
	return strings.TrimPrefix(a, "www.") == strings.TrimPrefix(b, "www.")
}
