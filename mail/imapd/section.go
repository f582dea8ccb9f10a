package imapd

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/emersion/go-imap/v2"

	"github.com/postern-mail/postern/message"
)

// maxDecoded bounds what one BINARY section may grow to.
const maxDecoded = 100 << 20

func decoded(root *message.Part, raw []byte, path []int) []byte {
	if len(path) == 0 {
		return raw
	}
	p := partAt(root, path)
	if p == nil || p.Type == "multipart" {
		return nil
	}
	b, _ := p.Decoded(raw, maxDecoded)
	return b
}

// partAt finds a part by its number, or nil. A multipart without parts is shown
// as a text (structureOf), so it is its own part 1.
func partAt(root *message.Part, path []int) *message.Part {
	if root != nil && root.Type == "multipart" && len(root.Parts) == 0 && len(path) == 1 && path[0] == 1 {
		return root
	}
	return (&message.Message{Root: root}).PartAt(pathOf(path))
}

func pathOf(path []int) string {
	text := make([]string, len(path))
	for i, n := range path {
		text[i] = strconv.Itoa(n)
	}
	return strings.Join(text, ".")
}

// bodySection cuts a section out of the message's own bytes (RFC 9051,
// 6.4.5.1); one that is not there is empty.
func bodySection(root *message.Part, raw []byte, s *imap.FetchItemBodySection) []byte {
	if s.Specifier == imap.PartSpecifierNone && len(s.Part) == 0 {
		return raw
	}
	p := root
	if len(s.Part) > 0 {
		if p = partAt(root, s.Part); p == nil {
			return nil
		}
	}
	// HEADER and TEXT of a part are those of the message in it.
	inner := p
	if len(s.Part) > 0 && s.Specifier != imap.PartSpecifierMIME && s.Specifier != imap.PartSpecifierNone {
		if p.Message == nil || p.Message.Root == nil {
			return nil
		}
		inner = p.Message.Root
	}
	switch s.Specifier {
	case imap.PartSpecifierNone:
		return span(raw, p.BodyStart, p.End)
	case imap.PartSpecifierText:
		return span(raw, inner.BodyStart, inner.End)
	case imap.PartSpecifierMIME:
		return span(raw, p.HeaderStart, p.BodyStart)
	}
	header := span(raw, inner.HeaderStart, inner.BodyStart)
	switch {
	case len(s.HeaderFields) > 0:
		return fields(header, s.HeaderFields, true)
	case len(s.HeaderFieldsNot) > 0:
		return fields(header, s.HeaderFieldsNot, false)
	}
	return header
}

// span is raw[from:to], or nothing if it is not of that message.
func span(raw []byte, from, to int) []byte {
	if from < 0 || from > to || to > len(raw) {
		return nil
	}
	return raw[from:to]
}

// fields keeps the named header fields, or all others, in their order, and the
// blank line after them.
func fields(header []byte, names []string, keep bool) []byte {
	var out []byte
	kept := false
	for len(header) > 0 {
		line := header
		if i := bytes.IndexByte(header, '\n'); i >= 0 {
			line = header[:i+1]
		}
		header = header[len(line):]
		if len(bytes.TrimRight(line, "\r\n")) == 0 {
			break
		}
		if line[0] != ' ' && line[0] != '\t' { // not the rest of the field before
			name, _, _ := bytes.Cut(line, []byte(":"))
			kept = named(string(bytes.TrimRight(name, " \t")), names) == keep
		}
		if kept {
			out = append(out, line...)
		}
	}
	return append(out, "\r\n"...)
}

func named(name string, names []string) bool {
	for _, n := range names {
		if strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}

func partial(b []byte, p *imap.SectionPartial) []byte {
	if p == nil {
		return b
	}
	if p.Offset >= int64(len(b)) {
		return nil
	}
	b = b[p.Offset:]
	if p.Size < int64(len(b)) {
		b = b[:p.Size]
	}
	return b
}
