// Package password turns passwords into argon2id hashes and checks them, a
// bounded number at a time, and says how long failures should cost.
//
// What it keeps: nothing. The rooms that use it (account, staff) store what it
// encodes; they may not import each other, so what both need stands here.
//
// Trust: it sees passwords in clear for as long as a call lasts. It must never
// log, keep or compare them other than through the hash, and never learn whose
// they are.
package password

import (
	"context"
	"crypto/rand"
	"crypto/subtle"

	"golang.org/x/crypto/argon2"
)

// Cost is what one hash costs. The zero Cost means [Full].
type Cost struct {
	Time      uint32 // passes over the memory
	MemoryKiB uint32
	Threads   uint8
}

// Full is the second recommended option of RFC 9106, section 4: three passes,
// four lanes, 64 MiB.
func Full() Cost { return Cost{Time: 3, MemoryKiB: 64 << 10, Threads: 4} }

// Cheap is for tests and drills, where thousands of invented people sign in. A
// hash made with it is as good as none.
func Cheap() Cost { return Cost{Time: 1, MemoryKiB: 64, Threads: 1} }

const (
	atOnce  = 2 // hashes at a time: 64 MiB each, on a machine that also runs a mail server
	saltLen = 16
	hashLen = 32
)

// Hasher hashes and checks passwords. It is safe for concurrent use.
type Hasher struct {
	cost   Cost
	places chan struct{}
	nobody string // a hash of no password, checked where there is no account
}

// New makes a hasher. Existing hashes are checked at their own cost.
func New(cost Cost) *Hasher {
	if cost == (Cost{}) {
		cost = Full()
	}
	h := &Hasher{cost: cost, places: make(chan struct{}, atOnce)}
	var junk [hashLen + saltLen]byte
	rand.Read(junk[:])
	h.nobody = encode(cost, junk[:saltLen], junk[saltLen:])
	return h
}

// Hash encodes a password, waiting for a place while ctx lasts.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	turn, err := h.Turn(ctx)
	if err != nil {
		return "", err
	}
	defer turn.End()
	salt := make([]byte, saltLen)
	rand.Read(salt)
	return encode(h.cost, salt, derive(h.cost, password, salt, hashLen)), nil
}

// Turn is one of the hasher's places. Who decides by earlier failures should
// read them with the turn in hand and write the outcome before giving it back:
// then no number of parallel guesses gets past the count.
type Turn struct{ h *Hasher }

// Turn waits for a place while ctx lasts.
func (h *Hasher) Turn(ctx context.Context) (*Turn, error) {
	select {
	case h.places <- struct{}{}:
		return &Turn{h}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// End gives the place back.
func (t *Turn) End() { <-t.h.places }

// Verify says whether password is the one encoded. An empty or unreadable
// encoding costs as much as a real one and is never right, so that the time
// does not tell who exists.
func (t *Turn) Verify(encoded, password string) bool {
	cost, salt, want, err := decode(encoded)
	known := err == nil
	if !known {
		cost, salt, want, _ = decode(t.h.nobody)
	}
	same := subtle.ConstantTimeCompare(derive(cost, password, salt, uint32(len(want))), want) == 1
	return same && known
}

func derive(c Cost, password string, salt []byte, n uint32) []byte {
	return argon2.IDKey([]byte(password), salt, c.Time, c.MemoryKiB, c.Threads, n)
}
