package verify

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// The signature types of c2sp.org/signed-note that a log key may have.
const (
	algEd25519 = 0x01
	algMLDSA44 = 0x06
)

// mldsa44KeySize is the size of an ML-DSA-44 public key (FIPS 204, table 2).
const mldsa44KeySize = 1312

// Key is a log's verifier key, written "name+id+base64" (c2sp.org/signed-note, Verifier keys). Its name is
// the origin of the log.
type Key struct {
	name     string
	id       uint32
	text     string
	verifier note.Verifier // nil where this version cannot check the algorithm
}

// Name returns the key's name, which is the origin of the log it signs for.
func (k Key) Name() string { return k.name }

// String returns the key as it was written.
func (k Key) String() string { return k.text }

// Supported says whether this version can check signatures by the key. ML-DSA-44 keys can be named in a
// policy but not yet checked.
func (k Key) Supported() bool { return k.verifier != nil }

// ParseKey reads a verifier key of type Ed25519 (0x01) or ML-DSA-44 (0x06).
func ParseKey(text string) (Key, error) {
	parts := strings.SplitN(text, "+", 3)
	if len(parts) != 3 || parts[0] == "" || strings.ContainsFunc(parts[0], badInName) {
		return Key{}, fmt.Errorf("couldn't read log key: want name+id+base64")
	}
	b, err := decode64(parts[2])
	if err != nil || len(b) < 2 {
		return Key{}, fmt.Errorf("couldn't read log key %q: the key material is not canonical base64", parts[0])
	}
	size := map[byte]int{algEd25519: 32, algMLDSA44: mldsa44KeySize}[b[0]]
	switch {
	case size == 0:
		return Key{}, fmt.Errorf("couldn't read log key %q: signature type 0x%02x is not a log's", parts[0], b[0])
	case len(b)-1 != size:
		return Key{}, fmt.Errorf("couldn't read log key %q: %d bytes of key, not %d", parts[0], len(b)-1, size)
	}
	if keyID(parts[0], b) != parts[1] {
		return Key{}, fmt.Errorf("couldn't read log key %q: the id %q is not this key's", parts[0], parts[1])
	}
	id, err := strconv.ParseUint(parts[1], 16, 32)
	if err != nil {
		return Key{}, fmt.Errorf("couldn't read log key %q: %w", parts[0], err)
	}
	k := Key{name: parts[0], id: uint32(id), text: text}
	if b[0] == algEd25519 {
		if k.verifier, err = note.NewVerifier(text); err != nil {
			return Key{}, fmt.Errorf("couldn't read log key %q: %w", parts[0], err)
		}
	}
	return k, nil
}

// keyID is the first four bytes, in hexadecimal, of SHA-256(name || 0x0A || type || public key).
func keyID(name string, typed []byte) string {
	sum := sha256.Sum256(append([]byte(name+"\n"), typed...))
	return hex.EncodeToString(sum[:4])
}

func badInName(r rune) bool { return r <= ' ' || r == '+' || r == 0x7f }

// Policy says whom an auditor believes. It must come to the auditor by a way of its own, never from the
// files it is to judge.
type Policy struct {
	// Logs are the keys of the logs that are accepted; any one signature of a checkpoint's origin is enough.
	Logs []Key
}

// ParsePolicy reads a policy in the format of c2sp.org/tlog-policy: lines "log <vkey> [<url>]" and
// "quorum none", empty lines and comments with "#". Witnesses are not yet checked by this version, so a
// policy that asks for them is refused rather than half applied.
func ParsePolicy(text []byte) (Policy, error) {
	var p Policy
	quorum := false
	for i, line := range strings.Split(string(text), "\n") {
		words := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' })
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		switch {
		case words[0] == "log" && (len(words) == 2 || len(words) == 3):
			k, err := ParseKey(words[1])
			if err != nil {
				return Policy{}, refuse(WhyPolicy, "line %d: %w", i+1, err)
			}
			for _, other := range p.Logs {
				if sameMaterial(other.text, k.text) {
					return Policy{}, refuse(WhyPolicy, "line %d: the same key twice", i+1)
				}
			}
			p.Logs = append(p.Logs, k)
		case words[0] == "quorum" && len(words) == 2 && words[1] == "none" && !quorum:
			quorum = true
		case words[0] == "witness" || words[0] == "group" || words[0] == "quorum":
			return Policy{}, refuse(WhyPolicy, "line %d: witnesses are not yet checked by this version", i+1)
		default:
			return Policy{}, refuse(WhyPolicy, "line %d: want \"log <key>\" or \"quorum none\"", i+1)
		}
	}
	if !quorum {
		return Policy{}, refuse(WhyPolicy, "no line \"quorum none\"")
	}
	return p, nil
}

// sameMaterial compares what stands after the name and id: one key under two names is one key.
func sameMaterial(a, b string) bool {
	return strings.SplitN(a, "+", 3)[2] == strings.SplitN(b, "+", 3)[2]
}

// decode64 reads standard base64 with padding, and only the canonical spelling.
func decode64(s string) ([]byte, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || base64.StdEncoding.EncodeToString(b) != s {
		return nil, fmt.Errorf("%w: not canonical base64", errMalformed)
	}
	return b, nil
}
