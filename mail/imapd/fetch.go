package imapd

import (
	"bytes"
	"io"
	"strconv"
	"strings"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/mail/internal/store"
	"github.com/postern-mail/postern/message"
)

// Fetch answers FETCH and UID FETCH (RFC 9051, 6.4.5). Rows are read in blocks,
// and the message's bytes only when a section of them is asked for.
func (s *session) Fetch(w *imapserver.FetchWriter, set imap.NumSet, o *imap.FetchOptions) error {
	v := s.view
	uids := v.set(set)
	need := store.Need(0)
	if o.Envelope {
		need |= store.Envelope
	}
	sections := len(o.BodySection)+len(o.BinarySection)+len(o.BinarySectionSize) > 0
	if o.BodyStructure != nil || sections {
		need |= store.Structure
	}
	if reads(o) && !v.readOnly {
		// BODY[] without PEEK reads the message; the Poll that follows tells the flag.
		if _, _, err := s.server.store.SetFlags(s.ctx, s.account, v.mailbox.ID, uids, store.Add, []string{store.Seen}, 0); err != nil {
			return refusal(err)
		}
	}
	var envelope imap.Envelope
	err := s.server.store.Items(s.ctx, s.account, v.mailbox.ID, uids, need, func(it *store.Item) error {
		n, ok := v.number(it.UID)
		if !ok {
			return nil
		}
		var raw []byte
		if sections {
			var err error
			if raw, err = s.raw(it.ID); err != nil {
				return err
			}
		}
		m := w.CreateMessage(n)
		if o.UID {
			m.WriteUID(imap.UID(it.UID))
		}
		if o.Flags {
			m.WriteFlags(flagsOf(it))
		}
		if o.InternalDate {
			m.WriteInternalDate(it.Internal)
		}
		if o.RFC822Size {
			m.WriteRFC822Size(it.Size)
		}
		if o.Envelope {
			fillEnvelope(&envelope, it.Envelope)
			m.WriteEnvelope(&envelope)
		}
		if o.BodyStructure != nil {
			m.WriteBodyStructure(structureOf(it.Structure))
		}
		if err := writeSections(m, o, it.Structure, raw); err != nil {
			return err
		}
		return m.Close()
	})
	return refusal(err)
}

// reads says whether a fetch sets \Seen.
func reads(o *imap.FetchOptions) bool {
	for _, b := range o.BodySection {
		if !b.Peek {
			return true
		}
	}
	for _, b := range o.BinarySection {
		if !b.Peek {
			return true
		}
	}
	return false
}

func (s *session) raw(id postern.MessageID) ([]byte, error) {
	r, err := s.server.store.OpenRaw(s.ctx, s.account, id)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func writeSections(m *imapserver.FetchResponseWriter, o *imap.FetchOptions, root *message.Part, raw []byte) error {
	put := func(w io.WriteCloser, b []byte) error {
		if _, err := w.Write(b); err != nil {
			return err
		}
		return w.Close()
	}
	for _, section := range o.BodySection {
		b := partial(bodySection(root, raw, section), section.Partial)
		if err := put(m.WriteBodySection(section, int64(len(b))), b); err != nil {
			return err
		}
	}
	for _, section := range o.BinarySection {
		b := partial(decoded(root, raw, section.Part), section.Partial)
		if err := put(m.WriteBinarySection(section, int64(len(b))), b); err != nil {
			return err
		}
	}
	for _, section := range o.BinarySectionSize {
		m.WriteBinarySectionSize(section, uint32(len(decoded(root, raw, section.Part))))
	}
	return nil
}

// maxDecoded bounds what one BINARY section may grow to.
const maxDecoded = 100 << 20

func decoded(root *message.Part, raw []byte, path []int) []byte {
	if len(path) == 0 {
		return raw
	}
	p := (&message.Message{Root: root}).PartAt(pathOf(path))
	if p == nil || p.Type == "multipart" {
		return nil
	}
	b, _ := p.Decoded(raw, maxDecoded)
	return b
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
	p := root
	if len(s.Part) > 0 {
		if p = (&message.Message{Root: root}).PartAt(pathOf(s.Part)); p == nil {
			return nil
		}
	}
	if p.End > len(raw) || p.HeaderStart > p.BodyStart || p.BodyStart > p.End {
		return nil
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
		if len(s.Part) == 0 {
			return raw
		}
		return raw[p.BodyStart:p.End]
	case imap.PartSpecifierText:
		return raw[inner.BodyStart:inner.End]
	case imap.PartSpecifierMIME:
		return raw[p.HeaderStart:p.BodyStart]
	}
	header := raw[inner.HeaderStart:inner.BodyStart]
	switch {
	case len(s.HeaderFields) > 0:
		return fields(header, s.HeaderFields, true)
	case len(s.HeaderFieldsNot) > 0:
		return fields(header, s.HeaderFieldsNot, false)
	}
	return header
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
