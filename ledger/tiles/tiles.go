// Package tiles cuts the log's tree of hashes into tiles (c2sp.org/tlog-tiles).
//
// What it keeps: nothing.
//
// Trust: none. It computes what anybody can from the leaves.
package tiles

import "golang.org/x/mod/sumdb/tlog"

// A tile holds up to Width hashes of one level (c2sp.org/tlog-tiles).
const (
	Height = 8
	Width  = 1 << Height
	Bytes  = Width * tlog.HashSize
)

// Key names a tile.
type Key struct{ Level, N int64 }

// Edge is the rightmost tile of every level, which is all of the tree that an
// appended leaf changes. A tile's data only ever grows at its end.
type Edge struct{ tiles []tile }

type tile struct {
	n    int64
	data []byte
}

// Add appends a leaf's hash, and notes in changed every tile it touches.
func (e *Edge) Add(h tlog.Hash, changed map[Key][]byte) {
	for level := 0; ; level++ {
		if level == len(e.tiles) {
			e.tiles = append(e.tiles, tile{})
		}
		t := &e.tiles[level]
		t.data = append(t.data, h[:]...)
		changed[Key{int64(level), t.n}] = t.data
		if len(t.data) < Bytes {
			return
		}
		h = root(t.data)
		*t = tile{n: t.n + 1}
	}
}

// root is the hash of a full tile, which stands in the level above.
func root(data []byte) tlog.Hash {
	hs := make([]tlog.Hash, Width)
	for i := range hs {
		hs[i] = tlog.Hash(data[i*tlog.HashSize:])
	}
	for ; len(hs) > 1; hs = hs[:len(hs)/2] {
		for i := range len(hs) / 2 {
			hs[i] = tlog.NodeHash(hs[2*i], hs[2*i+1])
		}
	}
	return hs[0]
}
