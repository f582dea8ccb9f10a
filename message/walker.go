package message

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// A walker builds the MIME tree in one pass over the lines. Open parts are a stack and their boundaries a map, so a line is
// compared once however deep it stands, and nothing recurses.
type walker struct {
	raw     []byte
	pos     int
	lines   int // line ends before pos
	parts   int
	stack   []frame
	bounds  map[string]int // boundary of an open multipart → its place in the stack
	seen    map[string]int // kind of repair → its place in repairs
	repairs []repair
}

// A frame is a part whose end is not known yet.
type frame struct {
	part      *Part
	msg       *Message // set when the part is the root of this message
	boundary  string
	shadowed  int // place of an outer multipart with the same boundary, or -1
	bodyLines int // walker.lines at BodyStart
}

type repair struct {
	kind  string
	part  *Part
	count int
}

func (w *walker) repair(kind string, p *Part) { w.repairN(kind, p, 1) }

func (w *walker) repairN(kind string, p *Part, n int) {
	if i, ok := w.seen[kind]; ok {
		w.repairs[i].count += n
		return
	}
	w.seen[kind] = len(w.repairs)
	w.repairs = append(w.repairs, repair{kind, p, n})
}

// line is the line at a place, its line end included.
func (w *walker) line(at int) []byte {
	if i := bytes.IndexByte(w.raw[at:], '\n'); i >= 0 {
		return w.raw[at : at+i+1]
	}
	return w.raw[at:]
}

func (w *walker) run() *Message {
	m := &Message{}
	w.entity(m, nil)
	for w.pos < len(w.raw) {
		if !w.seek() {
			break
		}
		at, line := w.pos, w.line(w.pos)
		w.pos += len(line)
		i, final, ok := w.delimiter(trimEOL(line))
		if !ok {
			w.lines++
			continue
		}
		w.closeAbove(i, at)
		w.lines++
		if final {
			w.forget(i)
			continue
		}
		if w.parts >= MaxParts {
			// The rest is the epilogue of what is open.
			w.repair(TooManyParts, w.stack[i].part)
			clear(w.bounds)
			continue
		}
		w.entity(nil, w.stack[i].part)
	}
	w.lines += bytes.Count(w.raw[w.pos:], []byte{'\n'})
	w.pos = len(w.raw)
	w.closeAbove(-1, -1)
	return m
}

// seek moves to the next line that starts with "--" while a multipart is open, or to the end.
func (w *walker) seek() bool {
	if len(w.bounds) == 0 {
		return false
	}
	if bytes.HasPrefix(w.raw[w.pos:], []byte("--")) && (w.pos == 0 || w.raw[w.pos-1] == '\n') {
		return true
	}
	i := bytes.Index(w.raw[w.pos:], []byte("\n--"))
	if i < 0 {
		return false
	}
	w.lines += bytes.Count(w.raw[w.pos:w.pos+i+1], []byte{'\n'})
	w.pos += i + 1
	return true
}

// entity reads a header and opens its part, and those of messages attached directly in it. msg is set for the outermost
// message, parent for a part of a multipart.
func (w *walker) entity(msg *Message, parent *Part) {
	for {
		p := &Part{HeaderStart: w.pos}
		w.parts++
		p.Header = w.header(p)
		p.BodyStart = w.pos
		w.describe(p, parent != nil && parent.Subtype == "digest")
		if msg != nil {
			msg.Root = p
			msg.Header = p.Header
			msg.Envelope = w.envelope(p.Header, p)
		} else {
			parent.Parts = append(parent.Parts, p)
		}
		f := frame{part: p, msg: msg, shadowed: -1, bodyLines: w.lines}
		nests := p.Type == "multipart" || p.isMessage()
		if nests && (len(w.stack) >= MaxDepth || w.parts >= MaxParts) {
			w.repair(TooDeep, p)
			p.Type, p.Subtype, p.Params = "application", "octet-stream", nil
			nests = false
		}
		if p.Type == "multipart" {
			f.boundary = w.boundary(p)
			if f.boundary != "" {
				if outer, ok := w.bounds[f.boundary]; ok {
					f.shadowed = outer
				}
				w.bounds[f.boundary] = len(w.stack)
			}
			if !identity(p.Encoding) {
				w.repair(BadEncoding, p) // RFC 2045, 6.4
				p.Encoding = "7bit"
			}
		}
		w.stack = append(w.stack, f)
		if !nests || !p.isMessage() {
			return
		}
		msg, parent = &Message{}, nil
		p.Message = msg
	}
}

func identity(encoding string) bool {
	return encoding == "7bit" || encoding == "8bit" || encoding == "binary"
}

func (p *Part) isMessage() bool {
	return p.Type == "message" && (p.Subtype == "rfc822" || p.Subtype == "global" || p.Subtype == "news") && identity(p.Encoding)
}

// boundary is the declared boundary, or one guessed from the first delimiter that stands before a Content field.
func (w *walker) boundary(p *Part) string {
	if b := strings.TrimRight(p.Params["boundary"], " \t"); b != "" && len(b) <= maxBoundary {
		return b
	}
	w.repair(MissingBoundary, p)
	ahead := w.raw[w.pos:min(len(w.raw), w.pos+16<<10)]
	for len(ahead) > 0 {
		line := ahead
		if i := bytes.IndexByte(ahead, '\n'); i >= 0 {
			line = ahead[:i+1]
		}
		ahead = ahead[len(line):]
		b := bytes.TrimRight(trimEOL(line), " \t")
		if len(b) > 2 && len(b) <= maxBoundary && b[0] == '-' && b[1] == '-' && len(ahead) > 8 && bytes.EqualFold(ahead[:8], []byte("content-")) {
			return string(b[2:])
		}
	}
	return ""
}

// maxBoundary is generous: RFC 2046, 5.1.1 says 70.
const maxBoundary = 998

func (w *walker) isDelimiter(line []byte) bool {
	_, _, ok := w.delimiter(line)
	return ok
}

// delimiter says which open multipart a line without its line end delimits, and whether it closes it (RFC 2046, 5.1.1).
func (w *walker) delimiter(line []byte) (place int, final, ok bool) {
	if len(w.bounds) == 0 || len(line) < 3 || line[0] != '-' || line[1] != '-' {
		return 0, false, false
	}
	if len(line) > maxBoundary+200 {
		return 0, false, false
	}
	b := bytes.TrimRight(line[2:], " \t\r")
	if i, ok := w.bounds[string(b)]; ok {
		return i, false, true
	}
	if n := len(b) - 2; n > 0 && b[n] == '-' && b[n+1] == '-' {
		if i, ok := w.bounds[string(b[:n])]; ok {
			return i, true, true
		}
	}
	return 0, false, false
}

// forget drops the boundary of the multipart at this place: what follows is its epilogue.
func (w *walker) forget(i int) {
	f := &w.stack[i]
	if f.boundary == "" || w.bounds[f.boundary] != i {
		return
	}
	if f.shadowed >= 0 && w.stack[f.shadowed].boundary == f.boundary {
		w.bounds[f.boundary] = f.shadowed
	} else {
		delete(w.bounds, f.boundary)
	}
	f.boundary = ""
}

// closeAbove ends the parts above place i at a delimiter that starts at an offset; -1 stands for the end of the message.
func (w *walker) closeAbove(i, at int) {
	end, lines := len(w.raw), w.lines
	if at >= 0 {
		end = at
		if end > 0 && w.raw[end-1] == '\n' {
			end--
			lines--
		}
		if end > 0 && w.raw[end-1] == '\r' {
			end--
		}
	}
	for len(w.stack)-1 > i {
		f := &w.stack[len(w.stack)-1]
		if f.boundary != "" && len(f.part.Parts) > 0 {
			w.repair(UnclosedPart, f.part)
		}
		w.forget(len(w.stack) - 1)
		p := f.part
		end = max(end, p.BodyStart) // the empty line of a header cannot be a delimiter's too; what is around ends no earlier
		p.End = end
		p.Lines = max(lines-f.bodyLines, 0)
		w.check(p)
		w.stack = w.stack[:len(w.stack)-1]
	}
}

// check makes a multipart without parts the text that it is, and notes text that is not what it says.
func (w *walker) check(p *Part) {
	if p.Type == "multipart" && len(p.Parts) == 0 {
		w.repair(MissingBoundary, p)
		p.Type, p.Subtype, p.Params = "text", "plain", nil
	}
	if p.Type != "text" {
		return
	}
	charset := p.Params["charset"]
	if !knownCharset(charset) {
		w.repair(BadCharset, p)
		return
	}
	if !isASCII(charset) && !isUTF8(charset) {
		return
	}
	body, truncated := p.Decoded(w.raw, 256<<10)
	if truncated {
		body = wholeRunes(body)
	}
	if !utf8.Valid(body) || isASCII(charset) && !isPlainASCII(body) {
		w.repair(BadCharset, p)
	}
}
