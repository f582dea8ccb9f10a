package imapd

import (
	"errors"
	"io"
	"slices"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"github.com/postern-mail/postern/mail/internal/store"
	"github.com/postern-mail/postern/message"
)

// Fetch answers FETCH and UID FETCH (RFC 9051, 6.4.5). Rows are read in blocks,
// and the message's bytes only when a section of them is asked for.
func (s *session) Fetch(w *imapserver.FetchWriter, set imap.NumSet, o *imap.FetchOptions) error {
	s.turn.Lock()
	defer s.turn.Unlock()
	v := s.view
	uids, err := s.set(set)
	if err != nil {
		return err
	}
	need := store.Need(0)
	if o.Envelope {
		need |= store.Envelope
	}
	sections := len(o.BodySection)+len(o.BinarySection)+len(o.BinarySectionSize) > 0
	if sections {
		need |= store.Identity
	}
	if o.BodyStructure != nil || cut(o) {
		need |= store.Structure
	}
	if reads(o) && !v.readOnly {
		// BODY[] without PEEK reads the message; the Poll that follows tells the flag.
		if _, _, err := s.server.store.SetFlags(s.ctx, s.account, v.mailbox.ID, uids, store.Add, []string{store.Seen}, noBound); err != nil {
			return s.refusal(err)
		}
	}
	var envelope imap.Envelope
	err = s.server.store.Items(s.ctx, s.account, v.mailbox.ID, uids, need, func(it *store.Item) error {
		n, ok := v.number(it.UID)
		if !ok {
			return nil
		}
		var raw []byte
		if sections {
			var err error
			if raw, err = s.bytesFor(it, o); err != nil {
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
		// An error in a section ends the connection, but the writer must be closed.
		return errors.Join(writeSections(m, o, it.Structure, raw), m.Close())
	})
	return s.refusal(err)
}

// cut says whether sections are asked for that must be found first: all but
// the whole message.
func cut(o *imap.FetchOptions) bool {
	return len(o.BinarySection)+len(o.BinarySectionSize) > 0 ||
		slices.ContainsFunc(o.BodySection, func(b *imap.FetchItemBodySection) bool {
			return len(b.Part) > 0 || b.Specifier != imap.PartSpecifierNone
		})
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

// bytesFor reads as much of a message as its sections need: clients ask for
// headers far more often than for bodies.
func (s *session) bytesFor(it *store.Item, o *imap.FetchOptions) ([]byte, error) {
	n := it.Size
	if it.Structure != nil && len(o.BinarySection)+len(o.BinarySectionSize) == 0 && !slices.ContainsFunc(o.BodySection, beyondHeader) {
		n = min(n, int64(it.Structure.BodyStart))
	}
	r, err := s.server.store.OpenRaw(s.ctx, s.account, it.ID)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if int64(cap(s.raw)) < n {
		s.raw = make([]byte, n)
	}
	b := s.raw[:n]
	if cap(s.raw) > keptRaw {
		s.raw = nil
	}
	_, err = io.ReadFull(r, b)
	return b, err
}

// keptRaw is how large a buffer outlives its message.
const keptRaw = 256 << 10

func beyondHeader(b *imap.FetchItemBodySection) bool {
	return len(b.Part) > 0 || b.Specifier != imap.PartSpecifierHeader
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
