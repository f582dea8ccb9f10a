// Package message reads and writes mail: RFC 5322 headers, MIME trees (RFC 2045 to 2049, 2231, 2047) and the HTML inside them.
//
// Reading is tolerant: mail that real programs sent is shown as well as it can be, and whatever had to be guessed is listed as a
// [Repair]. The original bytes are never changed; every [Part] is a pair of offsets into them. All work is linear in the size of
// the message, and nesting, parts, fields and addresses are counted, so that a hostile message costs what an honest one costs.
//
// It keeps nothing: no files, no tables, no package state. Bytes come in and values go out.
//
// Trust: every byte it sees was written by strangers. It runs nothing, opens nothing and asks nobody; it never panics on input.
// Strings it returns in an [Envelope], from [Header.Get] and from [Part.Text] are valid UTF-8; those of headers hold no control
// characters. HTML is safe to show only after [SafeHTML], and even then belongs in a sandboxed frame of its own origin.
package message

import (
	"bytes"
	"errors"
	"fmt"
)

// Limits of what is read. Beyond one of them a message is still shown, less finely; only MaxSize refuses it.
const (
	MaxSize      = 256 << 20 // bytes of a message
	MaxDepth     = 100       // nested multiparts and attached messages
	MaxParts     = 10_000    // parts of one message
	MaxHeader    = 1 << 20   // bytes of one header that are read for fields
	MaxFields    = 10_000    // fields of one header
	MaxAddresses = 10_000    // addresses of one field
	MaxText      = 4 << 20   // bytes of text that Body decodes for a reader
)

// Errors of Parse; nothing else is refused.
var (
	ErrEmpty    = errors.New("the message is empty")
	ErrTooLarge = errors.New("the message is larger than the limit")
)

// A Repair says what had to be guessed to show a message. The bytes themselves are left as they came.
type Repair struct {
	Kind  string // one of the constants below
	Path  string // the first part it concerns, "" for the message as a whole
	Count int    // how many times
}

// Kinds of repair.
const (
	BareLF           = "bare-lf"            // lines end in LF instead of CRLF
	MixedLineEnds    = "mixed-line-ends"    // some lines end in LF, some in CRLF
	BareCR           = "bare-cr"            // a CR that ends no line
	NUL              = "nul"                // a zero byte
	MboxFromLine     = "mbox-from-line"     // an mbox separator before the header
	EightBitHeader   = "8bit-header"        // bytes over 127 in a header that are not UTF-8 (RFC 6532)
	JunkHeaderLine   = "junk-header-line"   // a line in the header that is no field
	MissingSeparator = "missing-separator"  // a header that no empty line ends
	HeaderTooLong    = "header-too-long"    // fields after MaxHeader are ignored
	TooManyFields    = "too-many-fields"    // fields after MaxFields are ignored
	TooManyAddresses = "too-many-addresses" // addresses after MaxAddresses are ignored
	DuplicateField   = "duplicate-field"    // two From, Subject, Date … (RFC 5322, 3.6); the first is shown
	MissingFrom      = "missing-from"
	BadDate          = "bad-date"
	BadContentType   = "bad-content-type"   // shown as text/plain (RFC 2045, 5.2)
	BadEncoding      = "bad-encoding"       // an unknown Content-Transfer-Encoding, or one that multiparts may not have
	BadCharset       = "bad-charset"        // an unknown charset, or text that is not in it
	MissingBoundary  = "missing-boundary"   // a multipart whose boundary is not named or never comes
	UnclosedPart     = "unclosed-multipart" // a multipart without its last delimiter
	TooDeep          = "too-deep"
	TooManyParts     = "too-many-parts"
)

// A Message is the reading of one message. Offsets in it and in everything below it count from the start of the bytes that were
// given to [Parse], for attached messages too.
type Message struct {
	Header   Header
	Envelope Envelope
	Root     *Part
	Repairs  []Repair // of the outermost message only, in the order they were met
}

// Parse reads a message. It keeps no reference to raw. Broken mail is no error: Repairs says what was wrong with it.
func Parse(raw []byte) (*Message, error) {
	if len(raw) == 0 {
		return nil, ErrEmpty
	}
	if len(raw) > MaxSize {
		return nil, fmt.Errorf("%w: %d bytes, limit %d", ErrTooLarge, len(raw), MaxSize)
	}
	w := &walker{raw: raw, seen: map[string]int{}, bounds: map[string]int{}}
	w.lineEnds()
	m := w.run()
	number(m.Root, "", true)
	for _, r := range w.repairs {
		path := ""
		if r.part != nil {
			path = r.part.Path
		}
		m.Repairs = append(m.Repairs, Repair{Kind: r.kind, Path: path, Count: r.count})
	}
	return m, nil
}

// lineEnds notes NUL bytes and line ends other than CRLF.
func (w *walker) lineEnds() {
	lf := bytes.Count(w.raw, []byte{'\n'})
	crlf := 0
	if bytes.IndexByte(w.raw, '\r') >= 0 {
		crlf = bytes.Count(w.raw, []byte("\r\n"))
		if n := bytes.Count(w.raw, []byte{'\r'}) - crlf; n > 0 {
			w.repairN(BareCR, nil, n)
		}
	}
	switch {
	case lf > crlf && crlf > 0:
		w.repairN(MixedLineEnds, nil, lf-crlf)
	case lf > crlf:
		w.repairN(BareLF, nil, lf)
	}
	if bytes.IndexByte(w.raw, 0) >= 0 {
		w.repairN(NUL, nil, bytes.Count(w.raw, []byte{0}))
	}
}

// Repaired says whether a repair of this kind was made.
func (m *Message) Repaired(kind string) bool {
	for _, r := range m.Repairs {
		if r.Kind == kind {
			return true
		}
	}
	return false
}
