package tiles

import (
	"sync"

	"golang.org/x/mod/sumdb/tlog"
)

// Memo remembers hashes that were read and checked against a signed tree. A log
// only grows, so what stands at a place stays; a hundred thousand people who ask
// on one day ask for the same few. The zero value is empty. It is safe for
// concurrent use.
type Memo struct {
	mu    sync.Mutex
	known map[int64]tlog.Hash
}

// remembered bounds a Memo, in hashes; past it everything is read anew.
const remembered = 1 << 16

// Over gives a reader that asks another for what is not remembered. The other
// has to check what it reads.
func (m *Memo) Over(checked tlog.HashReader) tlog.HashReader {
	return tlog.HashReaderFunc(func(places []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(places))
		var missing []int64
		m.mu.Lock()
		for i, p := range places {
			h, ok := m.known[p]
			if !ok {
				missing = append(missing, p)
			}
			out[i] = h
		}
		m.mu.Unlock()
		if len(missing) == 0 {
			return out, nil
		}
		read, err := checked.ReadHashes(missing)
		if err != nil {
			return nil, err
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.known == nil || len(m.known)+len(read) > remembered {
			m.known = make(map[int64]tlog.Hash, remembered/16)
		}
		for i, p := range missing {
			m.known[p] = read[i]
		}
		for i, p := range places {
			if h, ok := m.known[p]; ok {
				out[i] = h
			}
		}
		return out, nil
	})
}

// Cache keeps the tiles of one proof, whose paths share most of them. It is not
// safe for concurrent use.
func Cache(from tlog.TileReader) tlog.TileReader { return &cache{from, map[tlog.Tile][]byte{}} }

type cache struct {
	tlog.TileReader
	have map[tlog.Tile][]byte
}

func (c *cache) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(tiles))
	for i, t := range tiles {
		data, ok := c.have[t]
		if !ok {
			read, err := c.TileReader.ReadTiles([]tlog.Tile{t})
			if err != nil {
				return nil, err
			}
			data, c.have[t] = read[0], read[0]
		}
		out[i] = data
	}
	return out, nil
}
