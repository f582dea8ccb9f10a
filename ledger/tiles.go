package ledger

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger/tiles"
)

// stored reads tiles in a transaction, for package tlog to make proofs from.
type stored struct{ tx *db.Tx }

// Height is part of tlog.TileReader.
func (stored) Height() int { return tiles.Height }

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
