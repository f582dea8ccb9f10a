package verify

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ID is an identifier of 16 bytes: of a disclosure, a grant, a session, a message, or a pseudonym of a person.
type ID [16]byte

// errMalformed is what every departure from a binary format wraps.
var errMalformed = errors.New("malformed")

// reader consumes a record in the presentation of RFC 8446, 3: fixed-width big-endian integers, and opaque
// vectors with a length in front. The first error sticks; later reads return zeros.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: "+format, append([]any{errMalformed}, args...)...)
	}
	r.rest = nil
}

func (r *reader) take(n int) []byte {
	if r.err != nil || len(r.rest) < n {
		r.fail("the record ends early")
		return make([]byte, n)
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) u8() uint8      { return r.take(1)[0] }
func (r *reader) u16() uint16    { return binary.BigEndian.Uint16(r.take(2)) }
func (r *reader) u32() uint32    { return binary.BigEndian.Uint32(r.take(4)) }
func (r *reader) u64() uint64    { return binary.BigEndian.Uint64(r.take(8)) }
func (r *reader) id() ID         { return ID(r.take(16)) }
func (r *reader) hash() [32]byte { return [32]byte(r.take(32)) }

// opaque reads a vector of n bytes, n already read, and refuses one longer than limit before taking it.
func (r *reader) opaque(n, limit int) []byte {
	if n > limit {
		r.fail("a field of %d bytes, at most %d allowed", n, limit)
		return nil
	}
	if r.err != nil || len(r.rest) < n {
		r.fail("the record ends early")
		return nil
	}
	return append([]byte(nil), r.take(n)...)
}

// end reports the first error, or that bytes are left over.
func (r *reader) end() error {
	if r.err == nil && len(r.rest) > 0 {
		r.fail("%d trailing bytes", len(r.rest))
	}
	return r.err
}
