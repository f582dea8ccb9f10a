// Package wire reads the ledger's binary formats: fixed-width big-endian integers,
// and vectors with a length in front (the presentation of RFC 8446, 3).
//
// What it keeps: nothing.
//
// Trust: its input is a stranger's. It allocates no more than it was given.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrMalformed is what every departure from a binary format wraps.
var ErrMalformed = errors.New("malformed")

// Reader takes a record apart from its first byte to its last. The first error sticks; later reads return
// zeros.
type Reader struct {
	rest []byte
	err  error
}

// New reads b.
func New(b []byte) *Reader { return &Reader{rest: b} }

// Err returns the first error.
func (r *Reader) Err() error { return r.err }

// Len returns how many bytes are left.
func (r *Reader) Len() int { return len(r.rest) }

// Fail keeps an error, unless there is one.
func (r *Reader) Fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, args...)...)
	}
	r.rest = nil
}

// Take reads n bytes.
func (r *Reader) Take(n int) []byte {
	if r.err != nil || len(r.rest) < n {
		r.Fail("the record ends early")
		return make([]byte, n)
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

// The integers, and a hash.

func (r *Reader) U8() uint8      { return r.Take(1)[0] }
func (r *Reader) U16() uint16    { return binary.BigEndian.Uint16(r.Take(2)) }
func (r *Reader) U32() uint32    { return binary.BigEndian.Uint32(r.Take(4)) }
func (r *Reader) U64() uint64    { return binary.BigEndian.Uint64(r.Take(8)) }
func (r *Reader) Hash() [32]byte { return [32]byte(r.Take(32)) }

// Opaque reads a vector of n bytes, n already read, and refuses one longer than limit before taking it.
func (r *Reader) Opaque(n, limit int) []byte {
	if n > limit {
		r.Fail("a field of %d bytes, at most %d allowed", n, limit)
		return nil
	}
	if r.err != nil || len(r.rest) < n {
		r.Fail("the record ends early")
		return nil
	}
	return append([]byte(nil), r.Take(n)...)
}

// End reports the first error, or that bytes are left over.
func (r *Reader) End() error {
	if r.err == nil && len(r.rest) > 0 {
		r.Fail("%d trailing bytes", len(r.rest))
	}
	return r.err
}
