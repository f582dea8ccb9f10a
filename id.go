package postern

import (
	"crypto/rand"
	"encoding/hex"
)

// NewID makes the text of a fresh identifier: 32 lower-case hexadecimal digits
// of 16 random bytes.
func NewID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}
