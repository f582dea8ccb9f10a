package message

import (
	"strings"

	"github.com/microcosm-cc/bluemonday"
	"golang.org/x/net/html"
)

// MaxHTML is how many bytes of HTML are made safe; the rest of a longer document is not shown.
const MaxHTML = 2 << 20

// HTMLOptions says what a reader agreed to see.
type HTMLOptions struct {
	Remote bool                   // load pictures over http and https: their owner learns that the mail was opened, when and from where
	CID    func(id string) string // the address of an inline picture by its Content-ID, "" if there is none; may be nil. Trusted
}

// A SafeDocument is HTML that can stand inside a page: no scripts, forms, frames, style sheets, ids or classes of the sender; every
// element closed in its place.
type SafeDocument struct {
	HTML          string
	RemoteBlocked int  // pictures and backgrounds that would have been fetched from elsewhere
	Misleading    int  // links whose text names another host than they lead to
	Truncated     bool // the document was longer than MaxHTML
}

// SafeHTML makes the HTML of a mail safe to show. Two filters with lists of their own stand behind each other, bluemonday and a
// writer that balances the elements, so that a mistake in one is not yet a hole. Links open in a new window without a referrer
// and are followed by the host they really lead to, in a span of class "link-host".
func SafeHTML(doc string, opt HTMLOptions) SafeDocument {
	var safe SafeDocument
	if len(doc) > MaxHTML {
		doc = string(wholeRunes([]byte(doc[:MaxHTML])))
		safe.Truncated = true
	}
	doc = strings.ToValidUTF8(strings.ReplaceAll(doc, "\x00", ""), "\uFFFD")
	safe.RemoteBlocked = remoteRefs(doc, opt.Remote)
	w := htmlWriter{opt: opt, z: html.NewTokenizer(strings.NewReader(mailPolicy().Sanitize(doc)))}
	w.run()
	safe.HTML = w.out.String()
	safe.Misleading = w.misleading
	return safe
}

// mailPolicy is the first filter. The second, htmlWriter, looks at the values.
func mailPolicy() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	for name := range elements {
		p.AllowElements(name)
		p.AllowNoAttrs().OnElements(name)
	}
	for name := range attributes {
		p.AllowAttrs(name).Globally()
	}
	p.AllowAttrs("href").OnElements("a")
	p.AllowAttrs("src").OnElements("img")
	p.AllowURLSchemes("http", "https", "mailto", "tel", "cid")
	p.AllowDataURIImages()
	p.SkipElementsContent("svg", "math", "template", "textarea", "select", "audio", "video", "canvas", "xmp", "plaintext", "applet", "embed")
	return p
}

// remoteRefs counts what the mail would have fetched and will not: all of it, or with remote pictures allowed the rest.
func remoteRefs(doc string, remote bool) (n int) {
	z := html.NewTokenizer(strings.NewReader(doc))
	inStyle := false
	for {
		switch z.Next() {
		case html.ErrorToken:
			return n
		case html.TextToken:
			if inStyle {
				n += countURLs(string(z.Raw()))
			}
		case html.EndTagToken:
			inStyle = false
		case html.StartTagToken, html.SelfClosingTagToken:
			name, more := z.TagName()
			tag := string(name)
			inStyle = tag == "style"
			for more {
				var key, val []byte
				key, val, more = z.TagAttr()
				switch string(key) {
				case "src":
					if isRemote(string(val)) && tag != "script" && !(remote && tag == "img") {
						n++
					}
				case "background", "poster", "data", "srcset":
					if isRemote(string(val)) {
						n++
					}
				case "href":
					if tag == "link" && isRemote(string(val)) {
						n++
					}
				case "style":
					n += countURLs(string(val))
				}
			}
		}
	}
}

func isRemote(url string) bool {
	url = strings.ToLower(strings.TrimSpace(url))
	return strings.HasPrefix(url, "http:") || strings.HasPrefix(url, "https:") || strings.HasPrefix(url, "//")
}

func countURLs(css string) int {
	css = strings.ToLower(css)
	return strings.Count(css, "url(") + strings.Count(css, "@import \"") + strings.Count(css, "@import '")
}
