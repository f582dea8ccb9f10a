package verify

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// TallyLeaf says how a month was numbered: written once, when it is over.
type TallyLeaf struct {
	Series      uint32
	Streams     uint32 // accounts and tiers with a disclosure
	Disclosures uint64 // leaves of the series before this one
	// Covered is the leaf's own index: the tally is of the leaves before it.
	Covered uint64
	// Root is [TallyRoot] over the streams' last numbers.
	Root [32]byte
}

func (TallyLeaf) Type() LeafType { return LeafTally }

// Marshal returns the leaf's 66 bytes.
func (l TallyLeaf) Marshal() [LeafSize]byte {
	b := newLeaf(LeafTally)
	binary.BigEndian.PutUint32(b[2:], l.Series)
	binary.BigEndian.PutUint32(b[6:], l.Streams)
	binary.BigEndian.PutUint64(b[10:], l.Disclosures)
	binary.BigEndian.PutUint64(b[18:], l.Covered)
	copy(b[34:], l.Root[:])
	return b
}

func parseTally(b []byte) (Leaf, error) {
	l := TallyLeaf{Series: binary.BigEndian.Uint32(b[2:]), Streams: binary.BigEndian.Uint32(b[6:]),
		Disclosures: binary.BigEndian.Uint64(b[10:]), Covered: binary.BigEndian.Uint64(b[18:]), Root: [32]byte(b[34:])}
	if !allZero(b[26:34]) {
		return nil, fmt.Errorf("%w: reserved bytes of a tally leaf are not zero", errMalformed)
	}
	return l, nil
}

// TallyCommitment hides one stream's last number under a tally.
func TallyCommitment(salt [32]byte, account ID, tier uint8, n uint32) [32]byte {
	h := hmac.New(sha256.New, []byte("postern/v1 tally commitment"))
	h.Write(salt[:])
	h.Write(account[:])
	h.Write(binary.BigEndian.AppendUint32([]byte{tier}, n))
	return [32]byte(h.Sum(nil))
}

// TallyRoot is the RFC 6962 tree hash over the commitments in ascending order,
// which it brings them into.
func TallyRoot(commitments [][32]byte) [32]byte {
	slices.SortFunc(commitments, func(a, b [32]byte) int { return bytes.Compare(a[:], b[:]) })
	var t Tree
	for i := range commitments {
		t.Append(commitments[i][:])
	}
	return t.Root()
}

func (r *Replayer) addTally(l TallyLeaf) error {
	sum := l.Disclosures
	for _, o := range r.tallies {
		if o.Series == l.Series {
			return fmt.Errorf("series %d is tallied twice", l.Series)
		}
		if sum += o.Disclosures; sum < o.Disclosures {
			return errors.New("the tallies add up to more than there can be")
		}
	}
	switch {
	case !slices.ContainsFunc(r.series, func(s SeriesLeaf) bool { return s.Series == l.Series }):
		return fmt.Errorf("a tally of series %d, which has not begun", l.Series)
	case l.Covered != uint64(r.tree.Size()):
		return fmt.Errorf("the tally of series %d says it covers %d leaves", l.Series, l.Covered)
	case sum > uint64(r.Tags()):
		return fmt.Errorf("the tallies count %d disclosures, the leaves have %d", sum, r.Tags())
	case uint64(l.Streams) > l.Disclosures || l.Streams == 0 && l.Disclosures > 0:
		return fmt.Errorf("the tally of series %d has %d streams for %d disclosures", l.Series, l.Streams, l.Disclosures)
	case l.Streams == 0 && l.Root != [32]byte(emptyRoot):
		return fmt.Errorf("the tally of series %d has a root over nothing", l.Series)
	}
	r.tallies = append(r.tallies, l)
	return nil
}

// Tallies returns the tally leaves in order.
func (r *Replayer) Tallies() []TallyLeaf { return r.tallies }

// Draw gives the indices that an auditor opens who holds a checkpoint: nobody
// could know them before it was signed.
func Draw(c Checkpoint, n int) []int64 {
	if c.Size <= 0 {
		return nil
	}
	list := make([]int64, n)
	for i := range list {
		b := append([]byte("postern/v1 audit\x00"), c.Root[:]...)
		b = binary.BigEndian.AppendUint64(b, uint64(c.Size))
		sum := sha256.Sum256(binary.BigEndian.AppendUint32(b, uint32(i)))
		list[i] = int64(binary.BigEndian.Uint64(sum[:]) % uint64(c.Size))
	}
	return list
}
