package verify

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// MaxPath is the most hashes a path through the tree can have.
const MaxPath = 64

// CheckInclusion checks that the leaf stands at index in the tree of the checkpoint (RFC 6962, 2.1.1).
func CheckInclusion(c Checkpoint, index int64, leaf []byte, path []tlog.Hash) error {
	if index < 0 || index >= c.Size || c.Size > MaxSize || len(path) > MaxPath {
		return refuse(WhyInclusion, "index %d in a tree of size %d", index, c.Size)
	}
	if err := tlog.CheckRecord(path, c.Size, c.Root, index, tlog.RecordHash(leaf)); err != nil {
		return refuse(WhyInclusion, "index %d in a tree of size %d: %w", index, c.Size, err)
	}
	return nil
}

// CheckConsistency checks that the newer tree starts with exactly the leaves of the older one (RFC 6962,
// 2.1.2). Every tree starts with the empty one.
func CheckConsistency(older, newer Checkpoint, path []tlog.Hash) error {
	switch {
	case older.Origin != newer.Origin:
		return refuse(WhyOrigin, "%q and %q", older.Origin, newer.Origin)
	case older.Size > newer.Size:
		return refuse(WhyRollback, "from size %d to size %d", older.Size, newer.Size)
	case older.Size == newer.Size && older.Root != newer.Root:
		return refuse(WhyFork, "size %d has roots %v and %v", older.Size, older.Root, newer.Root)
	case older.Size == 0 || older.Size == newer.Size:
		if len(path) > 0 || older.Size == 0 && older.Root != emptyRoot {
			return refuse(WhyConsistency, "from size %d to size %d the proof is empty", older.Size, newer.Size)
		}
		return nil
	case older.Size < 0 || newer.Size > MaxSize || len(path) > MaxPath:
		return refuse(WhyConsistency, "from size %d to size %d", older.Size, newer.Size)
	}
	if err := tlog.CheckTree(path, newer.Size, newer.Root, older.Size, older.Root); err != nil {
		return refuse(WhyConsistency, "from size %d to size %d: %w", older.Size, newer.Size, err)
	}
	return nil
}

// Tree computes the root of a log as leaves are appended, remembering only the roots of its full subtrees.
// The zero value is the empty tree.
type Tree struct {
	size  int64
	peaks []tlog.Hash // one for each bit set in size, the largest subtree first
}

// Append adds a leaf.
func (t *Tree) Append(leaf []byte) {
	h := tlog.RecordHash(leaf)
	for n := t.size; n&1 == 1; n >>= 1 {
		h = tlog.NodeHash(t.peaks[len(t.peaks)-1], h)
		t.peaks = t.peaks[:len(t.peaks)-1]
	}
	t.peaks = append(t.peaks, h)
	t.size++
}

// Size returns the number of leaves.
func (t *Tree) Size() int64 { return t.size }

// Root returns the root of the tree over all leaves so far.
func (t *Tree) Root() tlog.Hash {
	if t.size == 0 {
		return emptyRoot
	}
	h := t.peaks[len(t.peaks)-1]
	for i := len(t.peaks) - 2; i >= 0; i-- {
		h = tlog.NodeHash(t.peaks[i], h)
	}
	return h
}

// String names the tree by size and root, as logs of the product may print it.
func (t *Tree) String() string { return fmt.Sprintf("%d %v", t.size, t.Root()) }
