package tagmap

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/postern-mail/postern/ledger/verify/wire"
)

// ErrProof says that a map proof does not lead to the root.
var ErrProof = errors.New("the map proof does not lead to the root")

const version = 1

// Ends of a searched path: what stands where the path to a tag stops.
const (
	endPresent = 1 // the tag's own entry
	endEmpty   = 2 // an absent child
	endOther   = 3 // the full entry of another tag with the same prefix
)

// Proof shows what the map holds for one tag: its log index, or nothing. Its bytes, integers big-endian:
//
//	version u8 = 1 | end u8 | body | depth u16 | bitmap | siblings
//
//	end 1, present: index u64
//	end 2, absent, an empty child: nothing
//	end 3, absent, another entry: tag[32] index u64
//
// depth is 0 to 256; bitmap has one bit for each depth from the root down, highest bit first, the unused last
// bits zero, saying which siblings are not absent; those follow, 32 bytes each, never zeros. The tag that is
// asked for is not in the proof: whoever verifies brings it.
type Proof struct {
	end      uint8
	other    [32]byte
	index    uint64
	siblings [][32]byte // from the root down; zeros for an absent one
}

// Prove returns the proof for a tag, present or absent.
func (m *Map) Prove(tag [32]byte) Proof { return m.now().prove(m.root, tag) }

// ProvePrevious returns the proof against [Map.PreviousRoot].
func (m *Map) ProvePrevious(tag [32]byte) Proof { return m.previous().prove(m.before.root, tag) }

func (v view) prove(r ref, tag [32]byte) Proof {
	p := Proof{end: endEmpty}
	depth := 0
	for r != 0 && !r.isEntry() {
		n := v.node(r)
		some := &v.m.entries[n.some].Tag
		for ; depth < int(n.bit); depth++ { // parents with one child, which memory leaves out
			if bit(&tag, depth) != bit(some, depth) {
				p.siblings = append(p.siblings, v.hash(r, depth+1))
				return p
			}
			p.siblings = append(p.siblings, [32]byte{})
		}
		next, sibling := n.left, n.right
		if bit(&tag, depth) == 1 {
			next, sibling = sibling, next
		}
		depth++
		p.siblings = append(p.siblings, v.hash(sibling, depth))
		r = next
	}
	if r != 0 {
		e := v.m.entries[r.pos()]
		p.end, p.index = endPresent, e.Index
		if e.Tag != tag {
			p.end, p.other = endOther, e.Tag
		}
	}
	return p
}

// Verify checks the proof against a map root that the caller trusts, and returns whether tag is in the map
// and at which log index. Without an error, present false means absent for certain.
func (p Proof) Verify(root, tag [32]byte) (index uint64, present bool, err error) {
	if err := p.check(); err != nil {
		return 0, false, err
	}
	depth := len(p.siblings)
	var h [32]byte
	switch p.end {
	case endPresent:
		h, index, present = entryHash(Entry{tag, p.index}), p.index, true
	case endOther:
		if p.other == tag {
			return 0, false, fmt.Errorf("%w: the tag's own entry offered as another's", ErrProof)
		}
		if commonBits(&p.other, &tag) < depth {
			return 0, false, fmt.Errorf("%w: the other entry is not on the searched path", ErrProof)
		}
		h = entryHash(Entry{p.other, p.index})
	}
	for d := depth - 1; d >= 0; d-- {
		h = fold(h, p.siblings[d], bit(&tag, d))
	}
	if h != root {
		return 0, false, ErrProof
	}
	return index, present, nil
}

// check refuses shapes that no map has, whatever its root.
func (p Proof) check() error {
	depth := len(p.siblings)
	switch {
	case p.end < endPresent || p.end > endOther:
		return fmt.Errorf("%w: map proof end %d is unknown", wire.ErrMalformed, p.end)
	case depth > 256:
		return fmt.Errorf("%w: a map proof of %d siblings, at most 256 allowed", wire.ErrMalformed, depth)
	case p.end == endOther && depth == 256:
		return fmt.Errorf("%w: two tags cannot share 256 bits", wire.ErrMalformed)
	case p.end == endPresent && p.other != [32]byte{}, p.end == endEmpty && (p.other != [32]byte{} || p.index != 0):
		return fmt.Errorf("%w: a map proof with a field too many", wire.ErrMalformed)
	case depth > 0 && p.siblings[depth-1] == [32]byte{}:
		// An entry beside nothing would sit higher, and so would nothing beside nothing.
		return fmt.Errorf("%w: the lowest sibling of a map proof is absent", wire.ErrMalformed)
	}
	return nil
}

// Marshal returns the proof's bytes.
func (p Proof) Marshal() []byte {
	b := []byte{version, p.end}
	if p.end == endOther {
		b = append(b, p.other[:]...)
	}
	if p.end != endEmpty {
		b = binary.BigEndian.AppendUint64(b, p.index)
	}
	b = binary.BigEndian.AppendUint16(b, uint16(len(p.siblings)))
	bitmap := make([]byte, (len(p.siblings)+7)/8)
	for d, s := range p.siblings {
		if s != [32]byte{} {
			bitmap[d/8] |= 0x80 >> (d % 8)
		}
	}
	b = append(b, bitmap...)
	for _, s := range p.siblings {
		if s != [32]byte{} {
			b = append(b, s[:]...)
		}
	}
	return b
}

// ParseProof reads a proof, and refuses bytes that [Proof.Marshal] would not give back.
func ParseProof(b []byte) (Proof, error) {
	r := wire.New(b)
	if v := r.U8(); r.Err() == nil && v != version {
		r.Fail("map proof version %d, this version knows %d", v, version)
	}
	p := Proof{end: r.U8()}
	if p.end == endOther {
		p.other = r.Hash()
	}
	if p.end != endEmpty {
		p.index = r.U64()
	}
	depth := int(r.U16())
	if depth > 256 {
		r.Fail("a map proof of %d siblings, at most 256 allowed", depth)
		depth = 0
	}
	bitmap := r.Take((depth + 7) / 8)
	if depth%8 != 0 && bitmap[depth/8]<<(depth%8) != 0 {
		r.Fail("unused bits of the sibling bitmap are not zero")
	}
	for d := range depth {
		var s [32]byte
		if bitmap[d/8]&(0x80>>(d%8)) != 0 {
			if s = r.Hash(); r.Err() == nil && s == [32]byte{} {
				r.Fail("an absent sibling is written out")
			}
		}
		p.siblings = append(p.siblings, s)
	}
	err := r.End()
	if err == nil {
		err = p.check()
	}
	if err != nil {
		return Proof{}, fmt.Errorf("couldn't read map proof: %w", err)
	}
	return p, nil
}
