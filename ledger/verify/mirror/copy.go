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
// else. Killed at any moment, it goes on from where it was: a bundle that is there
// is checked, and not read from the log again. With [ErrBehind] the copy has more
// than the log shows, and stays.
func (l Log) Copy(ctx context.Context, to Target, progress func(done, total int64)) (c verify.Checkpoint, err error) {
	c, signed, err := l.Checkpoint(ctx)
	if err != nil {
		return c, err
	}
	old, had, err := l.copied(ctx, to)
	if err != nil {
		return c, err
	}
	hashes := l.hashes(ctx, c)
	if err := l.follows(ctx, old, c, hashes); errors.Is(err, ErrBehind) {
		// What is there already tells more than the log does.
		if own := (Log{Source: to}).Follows(ctx, c, old); errors.Is(own, ErrRefuted) {
			return c, own
		}
		return c, err
	} else if err != nil {
		return c, err
	}
	if bytes.Equal(had, signed) {
		return c, nil
	}
	if err := l.copyBundles(ctx, to, hashes, old.Size/width, c, progress); err != nil {
		return c, err
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

// ErrBehind says that the log shows an older checkpoint than was seen before. It
// contradicts nothing: a cache, or a second server that lags, does the same.
var ErrBehind = errors.New("the log shows an older checkpoint than it did before")

// Follows checks that a checkpoint of the log holds all of an older one. An
// error that wraps [ErrRefuted] is the log's fault, and both checkpoints together
// are evidence of it. With [ErrBehind] it is the older one that holds all of it,
// as far as the log's tiles can show.
func (l Log) Follows(ctx context.Context, old, c verify.Checkpoint) error {
	return l.follows(ctx, old, c, l.hashes(ctx, c))
}

func (l Log) follows(ctx context.Context, old, c verify.Checkpoint, hashes tlog.HashReader) error {
	if old.Size == 0 {
		return nil
	}
	if old.Size > c.Size {
		// A server that lags may lack the tiles that would show it.
		if err := l.follows(ctx, c, old, l.hashes(ctx, old)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return fmt.Errorf("%w: %d leaves after %d", ErrBehind, c.Size, old.Size)
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

// fetched is a bundle on its way.
type fetched struct {
	n      int64
	leaves [][]byte
	own    bool // it is in the copy
	err    error
}

// copyBundles copies the leaves from the first-th bundle on, each checked against
// its hash, and reads some bundles ahead.
func (l Log) copyBundles(ctx context.Context, to Target, hashes tlog.HashReader, first int64, c verify.Checkpoint, progress func(done, total int64)) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	for one := range l.fetch(ctx, to, first, c) {
		b := <-one
		if b.err != nil {
			return b.err
		}
		data, err := check(hashes, b)
		if err != nil && b.own { // then what is written now will not be what is there, and that is said
			if b.leaves, err = l.bundle(ctx, b.n, len(b.leaves)); err == nil {
				b.own = false
				data, err = check(hashes, b)
			}
		}
		if err != nil {
			return err
		}
		if !b.own {
			if err := put(ctx, to, tilePath(tlog.Tile{H: 8, L: -1, N: b.n, W: len(b.leaves)}), data); err != nil {
				return err
			}
		}
		if progress != nil {
			progress(b.n*width+int64(len(b.leaves)), c.Size)
		}
	}
	return ctx.Err()
}

// fetch reads bundles ahead, from the copy where they are there.
func (l Log) fetch(ctx context.Context, to Target, first int64, c verify.Checkpoint) <-chan chan fetched {
	queue := make(chan chan fetched, ahead)
	go func() {
		defer close(queue)
		for n := first; n*width < c.Size; n++ {
			one := make(chan fetched, 1)
			select {
			case queue <- one:
			case <-ctx.Done():
				return
			}
			go func() {
				b, w := fetched{n: n}, int(min(width, c.Size-n*width))
				if own, err := to.Get(ctx, tilePath(tlog.Tile{H: 8, L: -1, N: n, W: w}), maxBundle); err == nil {
					b.leaves, err = ParseBundle(own)
					b.own = err == nil && len(b.leaves) == w
				}
				if !b.own {
					b.leaves, b.err = l.bundle(ctx, n, w)
				}
				one <- b
			}()
		}
	}()
	return queue
}

// check compares a bundle's leaves with the tree, and gives the bundle's bytes.
func check(hashes tlog.HashReader, b fetched) (data []byte, err error) {
	at := make([]int64, len(b.leaves))
	for i := range at {
		at[i] = tlog.StoredHashIndex(0, b.n*width+int64(i))
	}
	want, err := hashes.ReadHashes(at)
	if err != nil {
		return nil, err
	}
	for i, leaf := range b.leaves {
		if tlog.RecordHash(leaf) != want[i] {
			return nil, fmt.Errorf("%w: leaf %d is not the one in the tree", ErrRefuted, b.n*width+int64(i))
		}
		data = append(binary.BigEndian.AppendUint16(data, uint16(len(leaf))), leaf...)
	}
	return data, nil
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

// hashes reads the hashes under a checkpoint from the log's tiles. Its error wraps
// [ErrRefuted] when they were read and do not lead to the checkpoint.
func (l Log) hashes(ctx context.Context, c verify.Checkpoint) tlog.HashReader {
	r := &reader{ctx: ctx, source: l.Source, kept: map[tlog.Tile][]byte{}}
	return checked{tlog.TileHashReader(tlog.Tree{N: c.Size, Hash: c.Root}, r), r}
}

type checked struct {
	tlog.HashReader
	r *reader
}

// ReadHashes is part of [tlog.HashReader].
func (c checked) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hs, err := c.HashReader.ReadHashes(indexes)
	if err != nil && c.r.unread == nil && !errors.Is(err, ErrRefuted) {
		err = fmt.Errorf("%w: %w", ErrRefuted, err)
	}
	return hs, err
}

// reader reads tiles of hashes from a source, for a [tlog.TileHashReader] that
// checks them.
type reader struct {
	ctx    context.Context
	source Source
	kept   map[tlog.Tile][]byte
	unread error // the last tile that could not be read: not the log's fault
}

// Height is part of [tlog.TileReader].
func (*reader) Height() int { return 8 }

// ReadTiles is part of [tlog.TileReader].
func (r *reader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(tiles))
	r.unread = nil
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
			r.unread = fmt.Errorf("couldn't read a tile: %w", err)
			return nil, r.unread
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
