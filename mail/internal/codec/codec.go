// Package codec writes what lists show of a message, and its MIME structure, as
// the rows that mail/internal/store keeps, and reads them back.
//
// What it keeps: nothing.
//
// Trust: it handles envelopes of all customers' mail in memory, and rows that a
// damaged disk may have changed: reading them never panics and never allocates
// more than they are long. It must not know where rows are kept.
package codec

import (
	"encoding/binary"
	"errors"
	"strings"
	"time"

	"github.com/postern-mail/postern/message"
)

// Rows are a version byte, then
// numbers as varints and strings with their length. A reader of version 1 will
// be kept for as long as rows of version 1 can be met; a new version gets a new
// byte. Decoding makes one string of the row and cuts everything else out of
// it, so that listing ten thousand messages costs a few allocations for each.
const version = 1

// Meta is what lists show of a message.
type Meta struct {
	Guard, Verdicts, Sender, Preview string
	Envelope                         message.Envelope
}

// ErrDamaged is what reading gives for a row that nothing of ours wrote.
var ErrDamaged = errors.New("a stored row cannot be read: the database is damaged, or newer than this program")

type encoder struct{ b []byte }

func (e *encoder) uint(n uint64) { e.b = binary.AppendUvarint(e.b, n) }
func (e *encoder) int(n int64)   { e.b = binary.AppendVarint(e.b, n) }
func (e *encoder) string(s string) {
	e.uint(uint64(len(s)))
	e.b = append(e.b, s...)
}

// The first byte of an envelope.
const (
	hasDate = 1 << iota
	senderIsFrom
	replyIsFrom
)

func (e *encoder) envelope(v *message.Envelope) {
	var head byte
	if !v.Date.IsZero() {
		head |= hasDate
	}
	if SameAddresses(v.Sender, v.From) {
		head |= senderIsFrom
	}
	if SameAddresses(v.ReplyTo, v.From) {
		head |= replyIsFrom
	}
	e.b = append(e.b, head)
	if head&hasDate != 0 {
		_, offset := v.Date.Zone()
		e.int(v.Date.Unix())
		e.int(int64(offset))
	}
	e.string(v.Subject)
	e.string(v.MessageID)
	e.string(v.InReplyTo)
	lists := [][]message.Address{v.From, v.To, v.Cc, v.Bcc}
	if head&senderIsFrom == 0 {
		lists = append(lists, v.Sender)
	}
	if head&replyIsFrom == 0 {
		lists = append(lists, v.ReplyTo)
	}
	total := 0
	for _, list := range lists {
		total += len(list)
	}
	e.uint(uint64(total))
	for _, list := range lists {
		e.uint(uint64(len(list)))
		for _, a := range list {
			e.string(a.Name)
			e.string(a.Mailbox)
			e.string(a.Host)
		}
	}
	e.uint(uint64(len(v.References)))
	for _, ref := range v.References {
		e.string(ref)
	}
}

// AddressText writes names and addresses a line each, for the search; a list that
// is the first one again is left out.
func AddressText(lists ...[]message.Address) string {
	var b strings.Builder
	for i, list := range lists {
		if i > 0 && SameAddresses(list, lists[0]) {
			continue
		}
		for _, a := range list {
			b.WriteString(a.Name)
			b.WriteByte(' ')
			b.WriteString(a.Addr())
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// SameAddresses says whether two lists are equal.
func SameAddresses(a, b []message.Address) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// EncodeMeta writes a row.
func EncodeMeta(m *Meta) []byte {
	e := encoder{b: append(make([]byte, 0, 512), version)}
	e.string(m.Guard)
	e.string(m.Verdicts)
	e.string(m.Sender)
	e.string(m.Preview)
	e.envelope(&m.Envelope)
	return e.b
}

// decoder reads s from the front; after the first fault everything is zero.
type decoder struct {
	s   string
	bad bool
}

func (d *decoder) uint() uint64 {
	var n uint64
	for i := 0; i < len(d.s) && i < binary.MaxVarintLen64; i++ {
		c := d.s[i]
		n |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			d.s = d.s[i+1:]
			return n
		}
	}
	d.s, d.bad = "", true
	return 0
}

func (d *decoder) int() int64 {
	n := d.uint()
	return int64(n>>1) ^ -int64(n&1)
}

// count reads how many things of at least size bytes follow.
func (d *decoder) count(size int) int {
	n := d.uint()
	if n > uint64(len(d.s)/size) {
		d.s, d.bad = "", true
		return 0
	}
	return int(n)
}

func (d *decoder) byte() byte {
	if d.s == "" {
		d.bad = true
		return 0
	}
	c := d.s[0]
	d.s = d.s[1:]
	return c
}

func (d *decoder) string() string {
	n := d.count(1)
	s := d.s[:n]
	d.s = d.s[n:]
	return s
}

func (d *decoder) envelope(v *message.Envelope) {
	head := d.byte()
	if head&hasDate != 0 {
		unix, offset := d.int(), int(d.int())
		v.Date = time.Unix(unix, 0).In(zone(offset))
	}
	v.Subject = d.string()
	v.MessageID = d.string()
	v.InReplyTo = d.string()
	slab := make([]message.Address, 0, d.count(3))
	list := func() []message.Address {
		n := d.count(3)
		if n > cap(slab)-len(slab) {
			d.s, d.bad = "", true
			return nil
		}
		if n == 0 {
			return nil
		}
		at := len(slab)
		for range n {
			slab = append(slab, message.Address{Name: d.string(), Mailbox: d.string(), Host: d.string()})
		}
		return slab[at:len(slab):len(slab)]
	}
	v.From, v.To, v.Cc, v.Bcc = list(), list(), list(), list()
	v.Sender, v.ReplyTo = v.From, v.From
	if head&senderIsFrom == 0 {
		v.Sender = list()
	}
	if head&replyIsFrom == 0 {
		v.ReplyTo = list()
	}
	if n := d.count(1); n > 0 {
		v.References = make([]string, n)
		for i := range v.References {
			v.References[i] = d.string()
		}
	}
}

// zone gives the location of an offset as message.ParseDate makes it.
func zone(offset int) *time.Location {
	if offset == 0 {
		return time.UTC
	}
	return time.FixedZone("", offset)
}

// DecodeMeta reads a row into m.
func DecodeMeta(b []byte, m *Meta) error {
	d := decoder{s: string(b)}
	if d.byte() != version {
		return ErrDamaged
	}
	m.Guard = d.string()
	m.Verdicts = d.string()
	m.Sender = d.string()
	m.Preview = d.string()
	d.envelope(&m.Envelope)
	if d.bad || d.s != "" {
		return ErrDamaged
	}
	return nil
}
