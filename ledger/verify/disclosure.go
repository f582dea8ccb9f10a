package verify

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/postern-mail/postern/ledger/verify/wire"
)

// Limits of a [Disclosure].
const (
	// MaxMessages is how many message ids a record can name one by one; more are named by a Merkle root.
	MaxMessages = 1<<16 - 1
	// MaxNode is the longest name of a node in bytes.
	MaxNode = 32
	// Tiers counts the tiers: 1 account, 2 trace, 3 envelope, 4 content, 5 attachment.
	Tiers = 5
	// Reasons counts the reasons a disclosure can carry, from 1.
	Reasons = 5
)

const recordVersion = 1

// The two forms in which a disclosure names messages.
const (
	formList = 0
	formRoot = 1
)

// Disclosure is the record of something about to be shown. It is kept by the provider and opened to the
// customer; the log holds only its [Commitment]. Its bytes, integers big-endian:
//
//	version u8 = 1 | id[16] | account[16] | tier u8 | time_ms u64 | grant[16] | session[16] | staff[16] |
//	reason u8 | form u8 | messages | fields u32 | node u8-length string
//
//	messages, form 0: count u16 || count ids[16], strictly ascending
//	messages, form 1: count u32 || root[32], the salted Merkle root over the ids
type Disclosure struct {
	ID ID
	// Account and Staff are pseudonyms, so that erasing one row of the provider's makes them nobody's.
	Account ID
	// Tier is 1 to [Tiers]: the highest tier that the act shows.
	Tier uint8
	// TimeMS is milliseconds since 1970-01-01T00:00:00Z.
	TimeMS  uint64
	Grant   ID
	Session ID
	Staff   ID
	// Reason is 1 to [Reasons].
	Reason uint8
	// Messages names the messages, strictly ascending. Nil with Count > 0 means that Root names them.
	Messages []ID
	// Count and Root stand for Messages where those are too many to list; both zero otherwise.
	Count uint32
	Root  [32]byte
	// Fields is a bit set of the fields shown.
	Fields uint32
	// Node names the machine that showed it, at most [MaxNode] bytes of printable ASCII.
	Node string
}

// Marshal returns the record's bytes, or why it has none.
func (d Disclosure) Marshal() ([]byte, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	b := make([]byte, 0, 160+16*len(d.Messages))
	b = append(b, recordVersion)
	b = append(b, d.ID[:]...)
	b = append(b, d.Account[:]...)
	b = append(b, d.Tier)
	b = binary.BigEndian.AppendUint64(b, d.TimeMS)
	b = append(b, d.Grant[:]...)
	b = append(b, d.Session[:]...)
	b = append(b, d.Staff[:]...)
	b = append(b, d.Reason)
	if d.byRoot() {
		b = append(b, formRoot)
		b = binary.BigEndian.AppendUint32(b, d.Count)
		b = append(b, d.Root[:]...)
	} else {
		b = append(b, formList)
		b = binary.BigEndian.AppendUint16(b, uint16(len(d.Messages)))
		for _, m := range d.Messages {
			b = append(b, m[:]...)
		}
	}
	b = binary.BigEndian.AppendUint32(b, d.Fields)
	b = append(b, byte(len(d.Node)))
	return append(b, d.Node...), nil
}

func (d Disclosure) byRoot() bool { return d.Count > 0 || d.Root != [32]byte{} }

func (d Disclosure) check() error {
	switch {
	case d.Tier < 1 || d.Tier > Tiers:
		return fmt.Errorf("%w: tier %d is unknown", errMalformed, d.Tier)
	case d.Reason < 1 || d.Reason > Reasons:
		return fmt.Errorf("%w: reason %d is unknown", errMalformed, d.Reason)
	case d.byRoot() && (d.Count == 0 || len(d.Messages) > 0):
		return fmt.Errorf("%w: messages are named by a list or by a root, not by both", errMalformed)
	case len(d.Messages) > MaxMessages:
		return fmt.Errorf("%w: %d messages, at most %d can be listed", errMalformed, len(d.Messages), MaxMessages)
	case len(d.Node) > MaxNode:
		return fmt.Errorf("%w: a node name of %d bytes, at most %d allowed", errMalformed, len(d.Node), MaxNode)
	}
	for i := 1; i < len(d.Messages); i++ {
		if bytes.Compare(d.Messages[i-1][:], d.Messages[i][:]) >= 0 {
			return fmt.Errorf("%w: message ids do not ascend", errMalformed)
		}
	}
	for i := range len(d.Node) {
		// A node name is shown to people, so nothing that a terminal could take for a command.
		if c := d.Node[i]; c < 0x21 || c > 0x7e {
			return fmt.Errorf("%w: a node name is printable ASCII without spaces", errMalformed)
		}
	}
	return nil
}

// ParseDisclosure reads a record, and refuses bytes that [Disclosure.Marshal] would not give back.
func ParseDisclosure(b []byte) (Disclosure, error) {
	r := wire.New(b)
	if v := r.U8(); r.Err() == nil && v != recordVersion {
		r.Fail("record version %d, this version knows %d", v, recordVersion)
	}
	d := Disclosure{ID: ID(r.Take(16)), Account: ID(r.Take(16)), Tier: r.U8(), TimeMS: r.U64(),
		Grant: ID(r.Take(16)), Session: ID(r.Take(16)), Staff: ID(r.Take(16)), Reason: r.U8()}
	switch form := r.U8(); form {
	case formList:
		n := int(r.U16())
		if r.Len() < 16*n { // before allocating
			r.Fail("the record ends early")
			break
		}
		for range n {
			d.Messages = append(d.Messages, ID(r.Take(16)))
		}
	case formRoot:
		if d.Count, d.Root = r.U32(), r.Hash(); d.Count == 0 {
			r.Fail("a root over no messages")
		}
	default:
		r.Fail("message form %d is unknown", form)
	}
	d.Fields = r.U32()
	d.Node = string(r.Opaque(int(r.U8()), MaxNode))
	if err := r.End(); err != nil {
		return Disclosure{}, fmt.Errorf("couldn't read disclosure: %w", err)
	}
	// Decode, encode again, compare: whatever the checks above forgot cannot have two encodings.
	again, err := d.Marshal()
	if err == nil && !bytes.Equal(again, b) {
		err = fmt.Errorf("%w: not the canonical encoding", errMalformed)
	}
	if err != nil {
		return Disclosure{}, fmt.Errorf("couldn't read disclosure: %w", err)
	}
	return d, nil
}

// SortIDs sorts message ids as a record lists them and drops repetitions.
func SortIDs(ids []ID) []ID {
	s := slices.Clone(ids)
	slices.SortFunc(s, func(a, b ID) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(s)
}
