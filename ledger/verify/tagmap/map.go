// Package tagmap is the map from tag to log index: an uncompressed prefix tree, hashed
// as in IETF KEYTRANS, whose proofs say that a tag is absent, or where it stands.
//
// What it keeps: nothing on disk. A [Map] is memory, about 90 bytes a tag.
//
// Trust: tags and proofs are a stranger's. What an outsider sends is a [Proof], and
// it is believed only against a root that the caller trusts.
package tagmap

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"sync"
)

// ErrDuplicateTag says that a tag is in the map already: a log that uses one tag twice is broken.
var ErrDuplicateTag = errors.New("the tag is in the map already")

// Entry is one leaf of the map: the tag, and the log index of the disclosure that carries it.
type Entry struct {
	Tag   [32]byte
	Index uint64
}

// Map is the prefix tree from tag to log index, a pure function of the log's leaves. Bit 0 of a tag is the
// highest bit of its first byte. An entry sits at the shallowest depth where its prefix is unique (a lone
// entry is the root itself), and:
//
//	entry         SHA-256(0x02 || tag || index u64)
//	parent        SHA-256(0x03 || left || right)
//	absent child  32 zero bytes
//
// The zero value is the empty map, whose root is 32 zero bytes. A Map is not safe for concurrent use while
// [Map.Insert] runs.
//
// In memory only the nodes with two children exist, so a log that picks tags with long common prefixes
// costs an auditor time but not memory: about 90 bytes a tag, whatever the tags.
type Map struct {
	root    ref
	entries []Entry
	nodes   []mapNode
	before  before
}

// before is what the last batch changed, as it was: an older root can then still be
// proved against, at the price of one batch's paths.
type before struct {
	root  ref
	nodes int             // how many there were
	saved map[int]mapNode // those that the batch changed
}

// ref names a subtree: 0 none, odd an entry, even a node; the number is the position in its slice plus one.
type ref uint32

func entryRef(i int) ref { return ref(i+1)<<1 | 1 }
func nodeRef(i int) ref  { return ref(i+1) << 1 }

func (r ref) isEntry() bool { return r&1 == 1 }
func (r ref) pos() int      { return int(r>>1) - 1 }

// maxEntries keeps positions within a ref.
const maxEntries = 1<<31 - 2

// mapNode branches at depth bit: both children exist. hash is the hash of the subtree at that depth; the
// parents with one absent child above it are computed when needed.
type mapNode struct {
	left, right ref
	some        uint32 // position of an entry below, for the bits above
	bit         uint16
	stale       bool // hash waits for rehash
	hash        [32]byte
}

// Len returns how many tags the map holds.
func (m *Map) Len() int { return len(m.entries) }

// Root returns the hash of the whole map.
func (m *Map) Root() [32]byte { return m.now().hash(m.root, 0) }

// PreviousRoot returns the root as it was before the last batch.
func (m *Map) PreviousRoot() [32]byte { return m.previous().hash(m.before.root, 0) }

// view is the map as it is, or as it was before the last batch.
type view struct {
	m     *Map
	saved map[int]mapNode
}

func (m *Map) now() view      { return view{m, nil} }
func (m *Map) previous() view { return view{m, m.before.saved} }

func (v view) node(r ref) *mapNode {
	if n, ok := v.saved[r.pos()]; ok {
		return &n
	}
	return &v.m.nodes[r.pos()]
}

// Get returns the log index of a tag.
func (m *Map) Get(tag [32]byte) (index uint64, ok bool) {
	for r := m.root; r != 0; {
		if r.isEntry() {
			if e := &m.entries[r.pos()]; e.Tag == tag {
				return e.Index, true
			}
			return 0, false
		}
		n := &m.nodes[r.pos()]
		if r = n.left; bit(&tag, int(n.bit)) == 1 {
			r = n.right
		}
	}
	return 0, false
}

// Insert adds a batch of entries in any order. On an error, [ErrDuplicateTag] for example, the map is
// unchanged. A batch costs far less than its entries one by one, since each parent is hashed once.
func (m *Map) Insert(batch ...Entry) error {
	if len(m.entries)+len(batch) > maxEntries {
		return fmt.Errorf("the map is full: %d tags", len(m.entries))
	}
	sorted := sortEntries(batch)
	for i := range sorted {
		if i > 0 && sorted[i].Tag == sorted[i-1].Tag {
			return fmt.Errorf("%w: index %d", ErrDuplicateTag, sorted[i].Index)
		}
		if _, ok := m.Get(sorted[i].Tag); ok {
			return fmt.Errorf("%w: index %d", ErrDuplicateTag, sorted[i].Index)
		}
	}
	if len(batch) == 0 {
		return nil
	}
	m.before = before{root: m.root, nodes: len(m.nodes), saved: map[int]mapNode{}}
	first := len(m.entries)
	m.entries = append(m.entries, sorted...)
	// Hashing is most of a large batch, and tags spread evenly: eight subtrees at once. A small one is hashed
	// on the way, while its nodes are in the cache.
	const large, forks = 50_000, 3
	later := len(batch) >= large
	m.root = m.merge(m.root, first, len(m.entries), later)
	if later {
		m.rehash(m.root, forks)
	}
	return nil
}

// sortEntries sorts by tag, comparing the first eight bytes as one number where that decides.
func sortEntries(batch []Entry) []Entry {
	type keyed struct {
		key uint64
		pos int
	}
	keys := make([]keyed, len(batch))
	for i := range batch {
		keys[i] = keyed{binary.BigEndian.Uint64(batch[i].Tag[:]), i}
	}
	slices.SortFunc(keys, func(a, b keyed) int {
		if c := cmp.Compare(a.key, b.key); c != 0 {
			return c
		}
		return bytes.Compare(batch[a.pos].Tag[:], batch[b.pos].Tag[:])
	})
	sorted := make([]Entry, len(batch))
	for i, k := range keys {
		sorted[i] = batch[k.pos]
	}
	return sorted
}

// merge puts the entries [lo, hi), sorted and absent from r, into the subtree r, and returns it. All of
// them share r's prefix down to the depth at which r hangs. Hashes are left stale where they are computed later.
func (m *Map) merge(r ref, lo, hi int, later bool) ref {
	if lo == hi {
		return r
	}
	if r == 0 && hi-lo == 1 {
		return entryRef(lo)
	}
	// at is the depth at which the union branches: where the batch differs in itself or from r, or r's own.
	at := commonBits(&m.entries[lo].Tag, &m.entries[hi-1].Tag)
	var some int
	if r != 0 {
		own := 256
		if some = r.pos(); !r.isEntry() {
			own, some = int(m.nodes[r.pos()].bit), int(m.nodes[r.pos()].some)
		}
		at = min(at, own,
			commonBits(&m.entries[lo].Tag, &m.entries[some].Tag), commonBits(&m.entries[hi-1].Tag, &m.entries[some].Tag))
		if at == own { // the node stays where it is
			if r.pos() < m.before.nodes {
				m.before.saved[r.pos()] = m.nodes[r.pos()]
			}
			mid := m.split(lo, hi, at)
			left := m.merge(m.nodes[r.pos()].left, lo, mid, later)
			right := m.merge(m.nodes[r.pos()].right, mid, hi, later)
			n := &m.nodes[r.pos()]
			n.left, n.right, n.stale = left, right, true
			m.merged(r, later)
			return r
		}
	}
	mid := m.split(lo, hi, at)
	var left, right ref
	if r != 0 && bit(&m.entries[some].Tag, at) == 0 {
		left, right = m.merge(r, lo, mid, later), m.merge(0, mid, hi, later)
	} else {
		left, right = m.merge(0, lo, mid, later), m.merge(r, mid, hi, later)
	}
	m.nodes = append(m.nodes, mapNode{left: left, right: right, some: uint32(lo), bit: uint16(at), stale: true})
	n := nodeRef(len(m.nodes) - 1)
	m.merged(n, later)
	return n
}

// merged hashes the node r, whose children are, or leaves it to rehash.
func (m *Map) merged(r ref, later bool) {
	if !later {
		m.rehash(r, 0)
	}
}

// split returns where in the sorted entries [lo, hi) the bit at depth turns to 1.
func (m *Map) split(lo, hi, depth int) int {
	n, _ := slices.BinarySearchFunc(m.entries[lo:hi], 1, func(e Entry, one int) int {
		return bit(&e.Tag, depth) - one
	})
	return lo + n
}

// rehash computes the hashes that merge left stale in the subtree r, and on the first forks levels both
// sides at once.
func (m *Map) rehash(r ref, forks int) {
	if r == 0 || r.isEntry() || !m.nodes[r.pos()].stale {
		return
	}
	n := &m.nodes[r.pos()]
	if forks > 0 {
		var other sync.WaitGroup
		other.Go(func() { m.rehash(n.left, forks-1) })
		m.rehash(n.right, forks-1)
		other.Wait()
	} else {
		m.rehash(n.left, 0)
		m.rehash(n.right, 0)
	}
	n.hash = parentHash(m.now().hash(n.left, int(n.bit)+1), m.now().hash(n.right, int(n.bit)+1))
	n.stale = false
}

// hash returns the hash of subtree r hanging at depth.
func (v view) hash(r ref, depth int) [32]byte {
	if r == 0 {
		return [32]byte{}
	}
	if r.isEntry() {
		return entryHash(v.m.entries[r.pos()])
	}
	n := v.node(r)
	h := n.hash
	for d := int(n.bit) - 1; d >= depth; d-- {
		h = fold(h, [32]byte{}, bit(&v.m.entries[n.some].Tag, d))
	}
	return h
}

func entryHash(e Entry) [32]byte {
	var b [1 + 32 + 8]byte
	b[0] = 0x02
	copy(b[1:], e.Tag[:])
	binary.BigEndian.PutUint64(b[33:], e.Index)
	return sha256.Sum256(b[:])
}

func parentHash(left, right [32]byte) [32]byte {
	var b [1 + 64]byte
	b[0] = 0x03
	copy(b[1:], left[:])
	copy(b[33:], right[:])
	return sha256.Sum256(b[:])
}

// fold is the parent of h and its sibling, h being on the side that bit says.
func fold(h, sibling [32]byte, bit int) [32]byte {
	if bit == 0 {
		return parentHash(h, sibling)
	}
	return parentHash(sibling, h)
}

func bit(tag *[32]byte, depth int) int { return int(tag[depth/8]>>(7-depth%8)) & 1 }

// commonBits returns how many leading bits two tags share, 256 if they are equal.
func commonBits(a, b *[32]byte) int {
	for i := 0; i < 32; i += 8 {
		if x := binary.BigEndian.Uint64(a[i:]) ^ binary.BigEndian.Uint64(b[i:]); x != 0 {
			return 8*i + bits.LeadingZeros64(x)
		}
	}
	return 256
}
