package message

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// A Field is one header field as it stands in the message.
type Field struct {
	Name       string // as written, "Subject"
	Raw        string // all between the colon and the line end that closes the field; folding and bytes as they came
	Start, End int    // offsets of the whole field in the message, line end included
}

// A Header is the ordered fields of a message or part. Names are compared without case.
type Header struct {
	fields  []Field
	charset string // of the entity, the second guess for 8-bit fields
}

// Fields lists all fields in order.
func (h Header) Fields() []Field { return h.fields }

// Has says whether the field is there.
func (h Header) Has(name string) bool { return h.first(name) != nil }

// Raw is the first field of that name as it stands, or "".
func (h Header) Raw(name string) string {
	if f := h.first(name); f != nil {
		return f.Raw
	}
	return ""
}

// Get is the first field of that name unfolded and decoded (RFC 2047), or "". It is valid UTF-8 without control characters.
func (h Header) Get(name string) string {
	if f := h.first(name); f != nil {
		return h.decode(f.Raw)
	}
	return ""
}

// All is every field of that name, each as Get would give it.
func (h Header) All(name string) []string {
	var out []string
	for i := range h.fields {
		if strings.EqualFold(h.fields[i].Name, name) {
			out = append(out, h.decode(h.fields[i].Raw))
		}
	}
	return out
}

func (h Header) first(name string) *Field {
	for i := range h.fields {
		if len(h.fields[i].Name) == len(name) && strings.EqualFold(h.fields[i].Name, name) {
			return &h.fields[i]
		}
	}
	return nil
}

func (h Header) count(name string) int {
	n := 0
	for i := range h.fields {
		if strings.EqualFold(h.fields[i].Name, name) {
			n++
		}
	}
	return n
}

func (h Header) decode(raw string) string {
	return strings.TrimSpace(plainLine(DecodeWords(h.text(raw))))
}

// text unfolds a raw field (RFC 5322, 2.2.3) and makes it UTF-8: as it is (RFC 6532), else in the charset of the entity, else in
// windows-1252.
func (h Header) text(raw string) string {
	if strings.ContainsAny(raw, "\r\n") {
		raw = strings.NewReplacer("\r\n", "", "\n", "", "\r", " ").Replace(raw)
	}
	if utf8.ValidString(raw) {
		return raw
	}
	if s, ok := decodeCharset(h.charset, []byte(raw)); ok && h.charset != "" && !strings.ContainsRune(s, utf8.RuneError) {
		return s
	}
	s, _ := decodeCharset("windows-1252", []byte(raw))
	return s
}

// plainLine makes one valid line of s: control characters become spaces, so that nothing decoded from a header can start
// another header, log line or terminal sequence.
func plainLine(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 {
			return ' '
		}
		return r
	}, s)
}

// header reads the fields at w.pos and leaves w.pos at the body, or at a delimiter of an open multipart that cuts the header
// short. Lines that are no field are skipped when a field, a folded line or the end of the header follows; else the body is taken
// to begin there.
func (w *walker) header(p *Part) Header {
	start, base := w.pos, 0
	var fields []Field
	var colons []int
	ended, eight := false, false
	for w.pos < len(w.raw) && !ended {
		at, line := w.pos, w.line(w.pos)
		switch body := trimEOL(line); {
		case len(body) == 0:
			ended = true
		case body[0] == '-' && w.isDelimiter(body):
			w.repair(MissingSeparator, p)
			ended = true
			continue
		case body[0] == ' ' || body[0] == '\t':
			if n := len(fields); n > 0 && fields[n-1].End == at && at-start <= MaxHeader {
				fields[n-1].End = at + len(line)
			} else if n == 0 {
				w.repair(JunkHeaderLine, p)
			}
		default:
			colon := fieldColon(body)
			switch {
			case colon < 0 && at == 0 && (bytes.HasPrefix(body, []byte("From ")) || bytes.HasPrefix(body, []byte(">From "))):
				w.repair(MboxFromLine, nil)
				p.HeaderStart = at + len(line)
			case colon < 0 && !w.headerGoesOn(at+len(line)):
				w.repair(MissingSeparator, p)
				ended = true
				continue
			case colon < 0:
				w.repair(JunkHeaderLine, p)
			case at-start > MaxHeader:
				w.repair(HeaderTooLong, p)
			case len(fields) >= MaxFields:
				w.repair(TooManyFields, p)
			default:
				fields = append(fields, Field{Start: at, End: at + len(line)})
				colons = append(colons, at+colon)
			}
		}
		w.pos += len(line)
		w.lines++
	}
	if !ended {
		w.repair(MissingSeparator, p)
	}
	if len(fields) == 0 {
		return Header{}
	}
	base = fields[0].Start
	text := string(w.raw[base:fields[len(fields)-1].End])
	for i := range fields {
		f := &fields[i]
		f.Name = strings.TrimRight(text[f.Start-base:colons[i]-base], " \t")
		f.Raw = trimEOL(text[colons[i]+1-base : f.End-base])
		eight = eight || !utf8.ValidString(f.Raw)
	}
	if eight {
		w.repair(EightBitHeader, p)
	}
	return Header{fields: fields}
}

// headerGoesOn looks one line ahead of a junk line.
func (w *walker) headerGoesOn(at int) bool {
	if at >= len(w.raw) {
		return false
	}
	body := trimEOL(w.line(at))
	return len(body) == 0 || body[0] == ' ' || body[0] == '\t' || fieldColon(body) > 0
}

// fieldColon is where the colon of a field stands (RFC 5322, 2.2, and 4.5 for white space before it), or -1.
func fieldColon(line []byte) int {
	colon := bytes.IndexByte(line, ':')
	for end := colon; end > 0; end-- {
		if c := line[end-1]; c != ' ' && c != '\t' {
			for _, c := range line[:end] {
				if c <= ' ' || c >= 0x7f {
					return -1
				}
			}
			return colon
		}
	}
	return -1
}

func trimEOL[T []byte | string](line T) T {
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line
}
