package mirror

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/postern-mail/postern/ledger/verify"
)

// Target is where a log is copied to. Put stores a file whole or not at all, and
// returns when it will survive a crash.
type Target interface {
	Source
	Put(ctx context.Context, path string, b []byte) error
	// Full says that a tile has all its hashes: shorter copies of it may go.
	Full(ctx context.Context, path string) error
}

// Copy brings a copy of the log up to a checkpoint: bundles and tiles first, the
// checkpoint last, so that whoever reads the copy never misses what its
// checkpoint covers. Each leaf and hash is checked against the checkpoint before
// it is written; what is there already is never written over with something
// else. Killed at any moment, it goes on from the copy's last checkpoint.
func (l Log) Copy(ctx context.Context, to Target, progress func(done, total int64)) (c verify.Checkpoint, err error) {
	c, signed, err := l.Checkpoint(ctx)
	if err != nil {
		return c, err
	}
	old, had, err := l.copied(ctx, to)
	if err != nil {
		return c, err
	}
	tiles := &reader{ctx: ctx, source: l.Source, kept: map[tlog.Tile][]byte{}}
	hashes := tlog.TileHashReader(tlog.Tree{N: c.Size, Hash: c.Root}, tiles)
	if err := follows(old, c, hashes); err != nil {
		return c, err
	}
	if bytes.Equal(had, signed) {
		return c, nil
	}
	for n := old.Size / width; n*width < c.Size; n++ {
		w := int(min(width, c.Size-n*width))
		if err := l.copyBundle(ctx, to, hashes, n, w); err != nil {
			return c, err
		}
		if progress != nil {
			progress(n*width+int64(w), c.Size)
		}
	}
	for level := 0; c.Size>>(8*level) > 0 && level < 8; level++ {
		if err := copyTiles(ctx, to, hashes, level, old.Size>>(8*level), c.Size>>(8*level)); err != nil {
			return c, err
		}
	}
	if err := to.Put(ctx, "checkpoint", signed); err != nil {
		return c, fmt.Errorf("couldn't write the checkpoint: %w", err)
	}
	for level := range 8 {
		for n := old.Size >> (8 * level) / width; n < c.Size>>(8*level)/width; n++ {
			if err := to.Full(ctx, tilePath(tlog.Tile{H: 8, L: level, N: n, W: width})); err != nil {
				return c, err
			}
		}
	}
	for n := old.Size / width; n < c.Size/width; n++ {
		if err := to.Full(ctx, tilePath(tlog.Tile{H: 8, L: -1, N: n, W: width})); err != nil {
			return c, err
		}
	}
	return c, nil
}

// copied reads the copy's last checkpoint.
func (l Log) copied(ctx context.Context, to Target) (c verify.Checkpoint, signed []byte, err error) {
	signed, err = to.Get(ctx, "checkpoint", verify.MaxCheckpoint)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil, nil
	}
	if err != nil {
		return c, nil, fmt.Errorf("couldn't read the copy's checkpoint: %w", err)
	}
	// Any key of the log will do, and no witness is asked for: it is our own copy.
	if c, err = l.Policy.Open(signed); err != nil {
		return c, nil, fmt.Errorf("what is there already is no copy of this log: name an empty place: %w", err)
	}
	return c, signed, nil
}

// Follows checks that a checkpoint of the log holds all of an older one. An
// error that wraps [ErrRefuted] is the log's fault.
func (l Log) Follows(ctx context.Context, old, c verify.Checkpoint) error {
	tiles := &reader{ctx: ctx, source: l.Source, kept: map[tlog.Tile][]byte{}}
	return follows(old, c, tlog.TileHashReader(tlog.Tree{N: c.Size, Hash: c.Root}, tiles))
}

func follows(old, c verify.Checkpoint, hashes tlog.HashReader) error {
	if old.Size == 0 {
		return nil
	}
	if old.Size > c.Size {
		return fmt.Errorf("%w: it had %d leaves and has %d", ErrRefuted, old.Size, c.Size)
	}
	var path []tlog.Hash
	if old.Size < c.Size {
		var err error
		if path, err = tlog.ProveTree(c.Size, old.Size, hashes); err != nil {
			return err
		}
	}
	if err := verify.CheckConsistency(old, c, path); err != nil {
		return fmt.Errorf("%w: %w", ErrRefuted, err)
	}
	return nil
}

// copyBundle copies the n-th bundle of leaves, each checked against its hash.
func (l Log) copyBundle(ctx context.Context, to Target, hashes tlog.HashReader, n int64, w int) error {
	leaves, err := l.bundle(ctx, n, w)
	if err != nil {
		return err
	}
	at := make([]int64, w)
	for i := range at {
		at[i] = tlog.StoredHashIndex(0, n*width+int64(i))
	}
	want, err := hashes.ReadHashes(at)
	if err != nil {
		return err
	}
	var b []byte
	for i, leaf := range leaves {
		if tlog.RecordHash(leaf) != want[i] {
			return fmt.Errorf("%w: leaf %d is not the one in the tree", ErrRefuted, n*width+int64(i))
		}
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(leaf))), leaf...)
	}
	return put(ctx, to, tilePath(tlog.Tile{H: 8, L: -1, N: n, W: w}), b)
}

// copyTiles copies a level's tiles of hashes from one size of it to another.
func copyTiles(ctx context.Context, to Target, hashes tlog.HashReader, level int, from, size int64) error {
	for n := from / width; n*width < size; n++ {
		w := int(min(width, size-n*width))
		at := make([]int64, w)
		for i := range at {
			at[i] = tlog.StoredHashIndex(8*level, n*width+int64(i))
		}
		list, err := hashes.ReadHashes(at)
		if err != nil {
			return err
		}
		b := make([]byte, 0, w*tlog.HashSize)
		for _, h := range list {
			b = append(b, h[:]...)
		}
		if err := put(ctx, to, tilePath(tlog.Tile{H: 8, L: level, N: n, W: w}), b); err != nil {
			return err
		}
	}
	return nil
}

// put writes what is not there yet.
func put(ctx context.Context, to Target, path string, b []byte) error {
	have, err := to.Get(ctx, path, int64(len(b)))
	switch {
	case err == nil && bytes.Equal(have, b):
		return nil
	case err == nil:
		return fmt.Errorf("%s is there already and is something else: it is not written over; look what wrote it, or name an empty place", path)
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("couldn't look at %s: %w", path, err)
	}
	if err := to.Put(ctx, path, b); err != nil {
		return fmt.Errorf("couldn't write %s: %w", path, err)
	}
	return nil
}

// reader reads tiles of hashes from a source, for a [tlog.TileHashReader] that
// checks them.
type reader struct {
	ctx    context.Context
	source Source
	kept   map[tlog.Tile][]byte
}

// Height is part of [tlog.TileReader].
func (*reader) Height() int { return 8 }

// ReadTiles is part of [tlog.TileReader].
func (r *reader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(tiles))
	for i, t := range tiles {
		if out[i] = r.kept[t]; out[i] != nil {
			continue
		}
		full := t
		full.W = width
		b, err := r.source.Get(r.ctx, tilePath(t), width*tlog.HashSize)
		if errors.Is(err, fs.ErrNotExist) && t.W < width {
			b, err = r.source.Get(r.ctx, tilePath(full), width*tlog.HashSize)
		}
		if err != nil {
			return nil, fmt.Errorf("couldn't read a tile: %w", err)
		}
		if len(b) < t.W*tlog.HashSize {
			return nil, fmt.Errorf("%w: tile %s is cut short", ErrRefuted, tilePath(t))
		}
		out[i] = b[:t.W*tlog.HashSize]
	}
	return out, nil
}

// SaveTiles is part of [tlog.TileReader]: it is told of tiles that were checked.
func (r *reader) SaveTiles(tiles []tlog.Tile, data [][]byte) {
	if len(r.kept) > 256 { // 2 MB
		clear(r.kept)
	}
	for i, t := range tiles {
		r.kept[t] = data[i]
	}
}
