package ledger

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/postern-mail/postern/db"
)

// A tile holds up to tileWidth hashes of one level (c2sp.org/tlog-tiles).
const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight
	tileBytes  = tileWidth * tlog.HashSize
)

type tileKey struct{ level, n int64 }

// edge is the rightmost tile of every level, which is all of the tree that an
// appended leaf changes. A tile's data only ever grows at its end.
type edge struct{ tiles []edgeTile }

type edgeTile struct {
	n    int64
	data []byte
}

// add appends a leaf's hash, and notes in changed every tile it touches.
func (e *edge) add(h tlog.Hash, changed map[tileKey][]byte) {
	for level := 0; ; level++ {
		if level == len(e.tiles) {
			e.tiles = append(e.tiles, edgeTile{})
		}
		t := &e.tiles[level]
		t.data = append(t.data, h[:]...)
		changed[tileKey{int64(level), t.n}] = t.data
		if len(t.data) < tileBytes {
			return
		}
		h = tileRoot(t.data)
		*t = edgeTile{n: t.n + 1}
	}
}

// tileRoot is the hash of a full tile, which stands in the level above.
func tileRoot(data []byte) tlog.Hash {
	hs := make([]tlog.Hash, tileWidth)
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

// stored reads tiles in a transaction, for package tlog to make proofs from.
type stored struct{ tx *db.Tx }

// Height is part of tlog.TileReader.
func (stored) Height() int { return tileHeight }

// SaveTiles is part of tlog.TileReader; there is nothing to cache.
func (stored) SaveTiles([]tlog.Tile, [][]byte) {}

// ReadTiles is part of tlog.TileReader. Tlog checks what it gives against the
// root, so an altered tile makes an error and never a wrong proof.
func (s stored) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(tiles))
	for i, t := range tiles {
		data, err := readTile(s.tx, t)
		if err != nil {
			return nil, err
		}
		out[i] = data
	}
	return out, nil
}

// tileCache keeps the tiles of one proof, whose paths share most of them.
type tileCache struct {
	stored
	have map[tlog.Tile][]byte
}

// ReadTiles is part of tlog.TileReader.
func (c *tileCache) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(tiles))
	for i, t := range tiles {
		data, ok := c.have[t]
		if !ok {
			var err error
			if data, err = readTile(c.tx, t); err != nil {
				return nil, err
			}
			c.have[t] = data
		}
		out[i] = data
	}
	return out, nil
}

// readTile gives a tile at the width asked for; one that has grown since still
// starts with the same hashes.
func readTile(tx *db.Tx, t tlog.Tile) ([]byte, error) {
	var data []byte
	err := tx.Row(`SELECT data FROM ledger_tile WHERE level = ?1 AND n = ?2`, db.Args(int64(t.L), t.N), &data)
	if errors.Is(err, db.ErrNoRows) || err == nil && len(data) < t.W*tlog.HashSize {
		return nil, fmt.Errorf("tile %s is missing: the ledger's tables were altered", t.Path())
	}
	if err != nil {
		return nil, err
	}
	return data[:t.W*tlog.HashSize], nil
}
