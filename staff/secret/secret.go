// Package secret is the form of API tokens' secrets: made so that scanners of
// repositories and logs find one that was lost, pst_[A-Za-z0-9_-]{49}.
//
// What it keeps: nothing.
//
// Trust: it makes secrets and must never print, log or keep one.
package secret

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"hash/crc32"
	"strings"
)

const (
	prefix = "pst_"
	body   = len(prefix) + 43 // 32 bytes in base64url
	length = body + 6         // and their CRC-32
)

// New makes a secret: the prefix, 32 random bytes, and a checksum by which a
// scanner tells a secret from what only looks like one.
func New() string {
	var b [32]byte
	rand.Read(b[:])
	text := prefix + base64.RawURLEncoding.EncodeToString(b[:])
	return text + checksum(text)
}

func checksum(text string) string {
	sum := crc32.ChecksumIEEE([]byte(text))
	return base64.RawURLEncoding.EncodeToString([]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)})
}

// Is says whether text has the form of a secret.
func Is(text string) bool {
	if len(text) != length || !strings.HasPrefix(text, prefix) {
		return false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text[len(prefix):body])
	return err == nil && len(b) == 32 && checksum(text[:body]) == text[body:]
}

// Hash gives what is kept of a secret, and its mark: the start of the hash, in
// hexadecimal, by which it is found and named.
func Hash(text string) (mark string, hash []byte) {
	h := sha256.Sum256([]byte(text))
	return hex.EncodeToString(h[:8]), h[:]
}
