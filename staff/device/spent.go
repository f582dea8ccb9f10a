package device

import (
	"crypto/sha256"
	"sync"
	"time"
)

// maxSpent bounds the memory of proofs: at 48 bytes each a few MB. 500 members
// who click every second spend 120,000 in two windows.
const maxSpent = 200_000

// Spent remembers proofs that were used, for as long as they would count again.
// It is one process's: a proof may be used once with each node. Only proofs of a
// key that a live session is bound to are to be remembered, so that strangers
// cannot fill it. It is safe for concurrent use.
type Spent struct {
	mu         sync.Mutex
	since      time.Time
	now, older map[[sha256.Size]byte]struct{}
	max        int
}

// NewSpent makes an empty memory.
func NewSpent() *Spent { return &Spent{max: maxSpent} }

// Spend takes a proof: false when it was used before, or when there is no room
// to remember it.
func (s *Spent) Spend(p Proof, now time.Time) bool {
	h := sha256.Sum256([]byte(p.Thumbprint + "\x00" + p.ID))
	s.mu.Lock()
	defer s.mu.Unlock()
	// A proof counts within one window before and after its time: what was
	// spent two windows ago counts no more.
	switch age := now.Sub(s.since); {
	case s.now == nil || age > 4*Window || age < 0:
		s.since, s.now, s.older = now, map[[sha256.Size]byte]struct{}{}, nil
	case age > 2*Window:
		s.since, s.now, s.older = now, map[[sha256.Size]byte]struct{}{}, s.now
	}
	if _, used := s.now[h]; used {
		return false
	}
	if _, used := s.older[h]; used || len(s.now) >= s.max {
		return false
	}
	s.now[h] = struct{}{}
	return true
}
