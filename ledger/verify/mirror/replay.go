package mirror

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/postern-mail/postern/ledger/verify"
)

const (
	width     = 256 // leaves in a full bundle
	maxBundle = width * (2 + verify.LeafSize)
	ahead     = 8 // bundles on their way at once
)

// ErrRefuted says that the log is not what its checkpoint says, or breaks its own
// rules: not that it could not be read.
var ErrRefuted = errors.New("the log is refuted")

// Log is a published log and whom its reader believes.
type Log struct {
	Source Source
	Policy verify.Policy
}

// Checkpoint reads the newest checkpoint and checks it against the policy: the
// log's signature, and the quorum of witnesses where one is asked for. The error
// of one that does not hold is a [*verify.Refusal].
func (l Log) Checkpoint(ctx context.Context) (c verify.Checkpoint, signed []byte, err error) {
	if signed, err = l.Source.Get(ctx, "checkpoint", verify.MaxCheckpoint); err != nil {
		return c, nil, fmt.Errorf("couldn't read the checkpoint: %w", err)
	}
	if c, err = l.Policy.Open(signed); err != nil {
		return c, nil, err
	}
	times, err := l.Policy.Cosignatures(signed)
	if err != nil {
		return c, nil, err
	}
	if !l.Policy.Satisfied(func(name string) bool { _, ok := times[name]; return ok }) {
		return c, nil, &verify.Refusal{Why: verify.WhyWitness, Err: fmt.Errorf("%d witnesses of the policy have cosigned", len(times))}
	}
	return c, signed, nil
}

// Replay adds the leaves to r from where it is up to the checkpoint, and checks
// that they hash to it. Progress may be nil. An error that wraps [ErrRefuted] is
// the log's fault; after any error r must not be used further.
func (l Log) Replay(ctx context.Context, r *verify.Replayer, c verify.Checkpoint, progress func(done, total int64)) error {
	if r.Size() > c.Size {
		return fmt.Errorf("%w: it had %d leaves and has %d", ErrRefuted, r.Size(), c.Size)
	}
	if r.Size() == c.Size && r.Root() == c.Root { // nothing new, and nothing to read
		return nil
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	type bundle struct {
		leaves [][]byte
		err    error
	}
	queue := make(chan chan bundle, ahead)
	go func() {
		defer close(queue)
		for n := r.Size() / width; n*width < c.Size; n++ {
			one := make(chan bundle, 1)
			select {
			case queue <- one:
			case <-ctx.Done():
				return
			}
			go func() {
				leaves, err := l.bundle(ctx, n, int(min(width, c.Size-n*width)))
				one <- bundle{leaves, err}
			}()
		}
	}()
	at := r.Size() / width * width
	for one := range queue {
		b := <-one
		if b.err != nil {
			return b.err
		}
		for _, leaf := range b.leaves {
			if at++; at <= r.Size() { // known from before
				continue
			}
			if err := r.Add(leaf); err != nil {
				return fmt.Errorf("%w: %w", ErrRefuted, err)
			}
		}
		if progress != nil {
			progress(r.Size(), c.Size)
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.Size() != c.Size || r.Root() != c.Root {
		return fmt.Errorf("%w: its %d leaves do not hash to its checkpoint of size %d", ErrRefuted, r.Size(), c.Size)
	}
	return nil
}

// bundle reads the n-th bundle, which has so many leaves or, by now, more.
func (l Log) bundle(ctx context.Context, n int64, w int) ([][]byte, error) {
	path := func(w int) string { return tilePath(tlog.Tile{H: 8, L: -1, N: n, W: w}) }
	b, err := l.Source.Get(ctx, path(w), maxBundle)
	if errors.Is(err, fs.ErrNotExist) && w < width { // the bundle is full by now
		b, err = l.Source.Get(ctx, path(width), maxBundle)
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read leaves from %d on: %w", n*width, err)
	}
	leaves, err := ParseBundle(b)
	if err == nil && len(leaves) < w {
		err = fmt.Errorf("%d leaves instead of %d", len(leaves), w)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: bundle %d: %w", ErrRefuted, n, err)
	}
	return leaves[:w], nil
}

// tilePath is a tile's path in c2sp.org/tlog-tiles: package tlog's names the
// height, and calls entries "data".
func tilePath(t tlog.Tile) string {
	p := strings.TrimPrefix(t.Path(), "tile/8/")
	if rest, ok := strings.CutPrefix(p, "data/"); ok {
		p = "entries/" + rest
	}
	return "tile/" + p
}

// ParseBundle takes a bundle of leaves apart: each a u16 length and its bytes.
func ParseBundle(b []byte) (leaves [][]byte, err error) {
	for len(b) > 0 {
		if len(b) < 2 {
			return nil, errors.New("it ends early")
		}
		n := int(binary.BigEndian.Uint16(b))
		if b = b[2:]; n != verify.LeafSize || len(b) < n {
			return nil, fmt.Errorf("a leaf of %d bytes", n)
		}
		if len(leaves) == width {
			return nil, fmt.Errorf("more than %d leaves", width)
		}
		leaves, b = append(leaves, b[:n]), b[n:]
	}
	return leaves, nil
}
