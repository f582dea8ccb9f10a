package message

import (
	"html"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Body is what a reader is shown of a message.
type Body struct {
	Plain       string // always set when there is text; made from the HTML where a part has no plain form
	HTML        string // as it was sent: unsafe until it went through SafeHTML; "" when nothing is HTML
	Attachments []Attachment
	Truncated   bool // some text was longer than MaxText
}

// An Attachment is a part that is not shown as text.
type Attachment struct {
	Path      string
	Name      string // safe to show, "" if none was given
	Type      string // "image/png", lower case
	Size      int    // bytes after decoding
	Inline    bool   // meant to be shown inside the HTML
	ContentID string
}

// Text is the text of a text/* part in UTF-8, from at most limit decoded bytes: charset undone, NUL removed, lines ended by LF.
func (p *Part) Text(raw []byte, limit int) string {
	s, _ := p.text(raw, limit)
	return s
}

func (p *Part) text(raw []byte, limit int) (string, bool) {
	b, truncated := p.Decoded(raw, limit)
	charset := p.Params["charset"]
	if truncated && (isUTF8(charset) || isASCII(charset)) {
		b = wholeRunes(b)
	}
	if sniffUTF8(b) {
		charset = "utf-8"
	}
	s, _ := decodeCharset(charset, b)
	return cleanText(s), truncated
}

// Body picks the best alternatives (RFC 2046, 5.1.4) and joins the texts that are shown one after the other. When one of those has
// HTML, the HTML holds them all.
func (m *Message) Body(raw []byte) Body {
	r := reader{raw: raw, budget: MaxText}
	r.walk(m.Root, false)
	b := Body{Attachments: r.attachments, Truncated: r.truncated}
	var plain, rich []string
	anyHTML := false
	for _, s := range r.texts {
		anyHTML = anyHTML || s.html != ""
	}
	for _, s := range r.texts {
		if s.html != "" && strings.TrimSpace(s.plain) == "" {
			plain = append(plain, HTMLText(s.html))
		} else if s.plain != "" {
			plain = append(plain, s.plain)
		}
		switch {
		case !anyHTML:
		case s.html != "":
			rich = append(rich, s.html)
		case strings.TrimSpace(s.plain) != "":
			rich = append(rich, `<pre style="white-space:pre-wrap">`+html.EscapeString(s.plain)+"</pre>")
		}
	}
	b.Plain = strings.Join(plain, "\n")
	b.HTML = strings.Join(rich, "\n<hr>\n")
	return b
}

// A reader collects what is shown. budget is what may still be decoded, so that ten thousand parts cost no more than one.
type reader struct {
	raw         []byte
	budget      int
	truncated   bool
	texts       []segment
	attachments []Attachment
}

type segment struct{ plain, html string }

func (r *reader) take(p *Part) string {
	s, cut := p.text(r.raw, r.budget)
	r.budget = max(r.budget-len(s), 0)
	r.truncated = r.truncated || cut
	return s
}

func (r *reader) walk(p *Part, related bool) {
	switch {
	case p.Type == "multipart" && p.Subtype == "alternative":
		r.alternative(p)
	case p.Type == "multipart":
		for i, c := range p.Parts {
			r.walk(c, p.Subtype == "related" && i > 0)
		}
	case p.shown() && p.Subtype == "html":
		r.texts = append(r.texts, segment{html: r.take(p)})
	case p.shown():
		r.texts = append(r.texts, segment{plain: r.take(p)})
	default:
		r.attach(p, related)
	}
}

// alternative takes the last plain and the last HTML form; what else a form brings (pictures of a multipart/related, a calendar)
// is listed as attachments.
func (r *reader) alternative(p *Part) {
	var s segment
	for _, c := range p.Parts {
		sub := reader{raw: r.raw, budget: r.budget}
		sub.walk(c, false)
		r.attachments = append(r.attachments, sub.attachments...)
		r.budget, r.truncated = sub.budget, r.truncated || sub.truncated
		var plain, rich []string
		for _, t := range sub.texts {
			if t.html != "" {
				rich = append(rich, t.html)
			}
			if t.plain != "" {
				plain = append(plain, t.plain)
			}
		}
		if len(rich) > 0 {
			s.html = strings.Join(rich, "\n")
		}
		if len(plain) > 0 && (len(rich) == 0 || s.plain == "") {
			s.plain = strings.Join(plain, "\n")
		}
	}
	if s != (segment{}) {
		r.texts = append(r.texts, s)
	}
}

// shown says whether a part is text for the reader and no file.
func (p *Part) shown() bool {
	if p.Type != "text" || p.Disposition == "attachment" {
		return false
	}
	switch p.Subtype {
	case "plain", "html", "enriched", "richtext", "x-amp-html":
		return p.Subtype != "x-amp-html" && (p.Filename == "" || p.Disposition == "inline")
	}
	return false
}

func (r *reader) attach(p *Part, related bool) {
	r.attachments = append(r.attachments, Attachment{
		Path: p.Path, Name: p.Filename, Type: p.Type + "/" + p.Subtype, Size: p.size(r.raw), ContentID: p.ID,
		Inline: p.Disposition != "attachment" && p.ID != "" && (related || p.Disposition == "inline" || p.Type == "image"),
	})
}

// SearchText is the text for a full-text index: what is shown in plain form and the names of the attachments, at most limit
// bytes, valid UTF-8.
func (b Body) SearchText(limit int) string {
	limit = max(limit, 0)
	var out strings.Builder
	out.WriteString(b.Plain[:min(len(b.Plain), limit)])
	for _, a := range b.Attachments {
		if out.Len() >= limit {
			break
		}
		if a.Name != "" {
			out.WriteByte('\n')
			out.WriteString(a.Name)
		}
	}
	s := out.String()
	if len(s) >= limit {
		s = string(wholeRunes([]byte(s[:min(len(s), limit)])))
	}
	return s
}

const (
	previewRunes = 200      // how much of a text a list shows
	previewText  = 32 << 10 // how much is looked at for it
)

// Preview is the first words of the text, in one line: no quotations, no runs of signs, no invisible padding.
func (b Body) Preview() string {
	var out strings.Builder
	n, space := 0, false
	for line := range strings.SplitSeq(b.Plain[:min(len(b.Plain), previewText)], "\n") {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, ">") || strings.Trim(line, "-=_*~#+. ") == "" {
			continue
		}
		for _, c := range line {
			if unicode.IsSpace(c) || unicode.IsControl(c) {
				space = true
				continue
			}
			if unicode.Is(unicode.Cf, c) || c == '\u034f' || c == utf8.RuneError {
				continue
			}
			if space && n > 0 {
				out.WriteByte(' ')
				n++
			}
			space = false
			out.WriteRune(c)
			if n++; n >= previewRunes {
				return out.String()
			}
		}
		space = true
	}
	return out.String()
}
