package message

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Part is a node of the MIME tree, enough to answer BODYSTRUCTURE (RFC 9051, 7.5.2) without reading the bytes again.
type Part struct {
	Path              string // part number, "1.2" (RFC 9051, 6.4.5.1); "" for a multipart that is the whole of a message
	Type, Subtype     string // lower case
	Params            map[string]string
	ID                string // Content-ID without its angle brackets
	Description       string
	Encoding          string // lower case; "7bit" when nothing is said
	Disposition       string // "inline", "attachment" or ""
	DispositionParams map[string]string
	Filename          string // a bare name that is safe to show; "" if none was given
	HeaderStart       int    // offset of the first field
	BodyStart         int    // offset of the body
	End               int    // offset after the body; the line end before a delimiter belongs to the delimiter
	Lines             int    // line ends in the body
	Header            Header
	Parts             []*Part
	Message           *Message // of a message/rfc822 that is not encoded
}

// Is says whether the part has this media type. An empty subtype stands for all.
func (p *Part) Is(typ, subtype string) bool {
	return p.Type == typ && (subtype == "" || p.Subtype == subtype)
}

// PartAt finds a part by its number, or nil; "" is the root. "1" of a message that is no multipart is its body.
func (m *Message) PartAt(path string) *Part {
	if path == "" {
		return m.Root
	}
	return m.Root.at(path)
}

func (p *Part) at(path string) *Part {
	if p.Path == path {
		return p
	}
	if p.Path != "" && !strings.HasPrefix(path, p.Path+".") {
		return nil
	}
	for _, c := range p.Parts {
		if found := c.at(path); found != nil {
			return found
		}
	}
	if p.Message != nil {
		return p.Message.Root.at(path)
	}
	return nil
}

// number gives the parts below p their paths. Depth is bounded by MaxDepth.
func number(p *Part, path string, root bool) {
	switch {
	case root && p.Type == "multipart":
		// A multipart that is a whole message has no number of its own: its children continue the number of the message.
	case root:
		path = join(path, 1)
		p.Path = path
	default:
		p.Path = path
	}
	for i, c := range p.Parts {
		number(c, join(path, i+1), false)
	}
	if p.Message != nil {
		number(p.Message.Root, path, true)
	}
}

func join(path string, n int) string {
	if path == "" {
		return strconv.Itoa(n)
	}
	return path + "." + strconv.Itoa(n)
}

// describe fills a part from its header (RFC 2045, RFC 2183).
func (w *walker) describe(p *Part, digest bool) {
	h := &p.Header
	p.Type, p.Subtype = "text", "plain"
	if digest {
		p.Type, p.Subtype = "message", "rfc822" // RFC 2046, 5.1.5
	}
	if h.Has("Content-Type") {
		value, params := parseParams(h.text(h.Raw("Content-Type")))
		typ, sub, _ := strings.Cut(value, "/")
		typ, sub = strings.TrimSpace(typ), strings.TrimSpace(sub)
		if isToken(typ) && isToken(sub) {
			p.Type, p.Subtype = typ, sub
		} else {
			p.Type, p.Subtype = "text", "plain" // RFC 2045, 5.2
			w.repair(BadContentType, p)
		}
		p.Params = params
	}
	h.charset = p.Params["charset"]
	p.Encoding = "7bit"
	if h.Has("Content-Transfer-Encoding") {
		p.Encoding, _ = parseParams(h.text(h.Raw("Content-Transfer-Encoding")))
		switch p.Encoding {
		case "7bit", "8bit", "binary", "base64", "quoted-printable", "x-uuencode", "uuencode", "x-uue":
		default:
			w.repair(BadEncoding, p)
			if !isToken(p.Encoding) {
				p.Encoding = "7bit"
			}
		}
	}
	if h.Has("Content-Disposition") {
		p.Disposition, p.DispositionParams = parseParams(h.text(h.Raw("Content-Disposition")))
		if !isToken(p.Disposition) {
			p.Disposition = "attachment" // RFC 2183, 2.8: what is unknown is an attachment
		}
	}
	p.ID = strings.Trim(h.Get("Content-ID"), "<> \t")
	p.Description = h.Get("Content-Description")
	p.Filename = cleanName(p.DispositionParams["filename"])
	if p.Filename == "" {
		p.Filename = cleanName(p.Params["name"])
	}
}

func isToken(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] >= 0x7f || strings.IndexByte(`()<>@,;:\"/[]?=`, s[i]) >= 0 {
			return false
		}
	}
	return s != ""
}

// cleanName makes a bare file name: no folders, no control or direction characters (which can make "exe.fdp" look like
// "pdf.exe" backwards), at most 200 bytes with the ending kept.
func cleanName(s string) string {
	if i := strings.LastIndexAny(s, `/\`); i >= 0 {
		s = s[i+1:]
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == utf8.RuneError || strings.ContainsRune(`<>:"|?*`, r) {
			return -1
		}
		return r
	}, s)
	s = strings.TrimLeft(strings.TrimSpace(s), ".")
	if len(s) > 200 {
		dot := strings.LastIndexByte(s, '.')
		ending := ""
		if dot >= 0 && len(s)-dot <= 20 {
			ending = s[dot:]
		}
		s = string(wholeRunes([]byte(s[:200-len(ending)]))) + ending
	}
	return s
}
