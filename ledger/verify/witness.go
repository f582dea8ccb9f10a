package verify

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

// algCosignature is the type of a witness' key (c2sp.org/tlog-cosignature).
const algCosignature = 0x04

// MergeDelay is how long after a disclosure its leaf may get its place in the log, at the most.
const MergeDelay = time.Hour

// WitnessKey is a witness' verifier key, written "name+id+base64" with type 0x04 (Ed25519) or 0x06 (ML-DSA-44).
type WitnessKey struct {
	name     string
	id       uint32
	text     string
	verifier note.Verifier
}

// Name returns the name that stands in the key and in the witness' signature lines.
func (k WitnessKey) Name() string { return k.name }

// String returns the key as it was written.
func (k WitnessKey) String() string { return k.text }

// ParseWitnessKey reads a witness' verifier key.
func ParseWitnessKey(text string) (WitnessKey, error) {
	parts := strings.SplitN(text, "+", 3)
	if len(parts) != 3 || parts[0] == "" || strings.ContainsFunc(parts[0], badInName) {
		return WitnessKey{}, errors.New("couldn't read a witness' key: want name+id+base64")
	}
	b, err := decode64(parts[2])
	size := 0
	if err == nil && len(b) > 0 {
		size = map[byte]int{algCosignature: 32, algMLDSA44: mldsa44KeySize}[b[0]]
	}
	switch {
	case err != nil || len(b) < 2:
		return WitnessKey{}, fmt.Errorf("couldn't read the key of witness %q: the key material is not canonical base64", parts[0])
	case size == 0:
		return WitnessKey{}, fmt.Errorf("couldn't read the key of witness %q: signature type 0x%02x is not a witness'; want 0x04 or 0x06", parts[0], b[0])
	case len(b)-1 != size:
		return WitnessKey{}, fmt.Errorf("couldn't read the key of witness %q: %d bytes of key, not %d", parts[0], len(b)-1, size)
	case keyID(parts[0], b) != parts[1]:
		return WitnessKey{}, fmt.Errorf("couldn't read the key of witness %q: the id %q is not this key's", parts[0], parts[1])
	}
	v, err := fnote.NewVerifierForCosignatureV1(text)
	if err != nil {
		return WitnessKey{}, fmt.Errorf("couldn't read the key of witness %q: %w", parts[0], err)
	}
	return WitnessKey{name: parts[0], id: v.KeyHash(), text: text, verifier: v}, nil
}

// CheckpointText returns the text of a signed checkpoint, which signatures are over: its lines through the
// root, the last line feed included. The form is checked and no signature.
func CheckpointText(signed []byte) (string, error) {
	c, _, err := splitCheckpoint(signed)
	if err != nil {
		return "", fmt.Errorf("couldn't read checkpoint: %w", err)
	}
	return c.Body(), nil
}

// Cosignatures returns which of the policy's witnesses have cosigned a checkpoint, and when, in seconds since
// 1970; of two by one witness the later counts. Lines by others, and lines that do not hold, are passed over.
func (p Policy) Cosignatures(signed []byte) (map[string]uint64, error) {
	text, err := CheckpointText(signed)
	if err != nil {
		return nil, err
	}
	found := map[string]uint64{}
	for _, line := range bytes.Split(signed[len(text)+1:], []byte("\n")) {
		for i := range p.Witnesses {
			w := &p.Witnesses[i]
			if at, ok := w.Key.check(text, string(line)); ok {
				found[w.Name] = max(found[w.Name], at)
			}
		}
	}
	return found, nil
}

// Check returns when a signature line ("— name base64") by this witness was made over a checkpoint's text,
// or ok false when it is another's or does not hold.
func (k WitnessKey) Check(text, line string) (at uint64, ok bool) {
	return k.check(text, strings.TrimSuffix(line, "\n"))
}

func (k WitnessKey) check(text, line string) (at uint64, ok bool) {
	rest, ok := strings.CutPrefix(line, "— "+k.name+" ")
	if !ok {
		return 0, false
	}
	b, err := decode64(rest)
	if err != nil || len(b) < 4+8 || binary.BigEndian.Uint32(b) != k.id || !k.verifier.Verify([]byte(text), b[4:]) {
		return 0, false
	}
	if at = binary.BigEndian.Uint64(b[4:]); at > 1<<53/1000 { // beyond what milliseconds can say
		return 0, false
	}
	return at, true
}

// AddSignatures returns a signed checkpoint with more signature lines, each "— name base64". A line that it
// has already, or of a name and key that it has, is not added again.
func AddSignatures(signed []byte, lines ...string) ([]byte, error) {
	_, sigs, err := splitCheckpoint(signed)
	if err != nil {
		return nil, fmt.Errorf("couldn't read checkpoint: %w", err)
	}
	out := bytes.Clone(signed)
	for _, line := range lines {
		line = strings.TrimSuffix(line, "\n")
		words := strings.Split(line, " ")
		if len(words) != 3 || words[0] != "—" {
			return nil, fmt.Errorf("%w: not a signature line", errMalformed)
		}
		b, err := decode64(words[2])
		if err != nil || len(b) < 5 {
			return nil, fmt.Errorf("%w: not a signature line", errMalformed)
		}
		who := signer{words[1], binary.BigEndian.Uint32(b)}
		if sigs[who] {
			continue
		}
		sigs[who] = true
		out = append(out, line+"\n"...)
	}
	if _, _, err := splitCheckpoint(out); err != nil {
		return nil, fmt.Errorf("couldn't add a signature: %w", err)
	}
	return out, nil
}

// Cosigner makes cosignatures (c2sp.org/tlog-cosignature, Ed25519).
type Cosigner struct {
	key  ed25519.PrivateKey
	name string
	id   [4]byte
	vkey string
}

const privateLabel = "PRIVATE+KEY+"

// GenerateWitnessKey makes a key pair for a witness: skey is "PRIVATE+KEY+name+id+base64(0x04 || seed)".
func GenerateWitnessKey(name string) (skey, vkey string, err error) {
	if name == "" || strings.ContainsFunc(name, badInName) {
		return "", "", fmt.Errorf("%q can't name a witness: no spaces and no plus signs", name)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", "", err
	}
	typed := append([]byte{algCosignature}, public...)
	id := keyID(name, typed)
	return privateLabel + name + "+" + id + "+" + base64.StdEncoding.EncodeToString(append([]byte{algCosignature}, private.Seed()...)),
		name + "+" + id + "+" + base64.StdEncoding.EncodeToString(typed), nil
}

// NewCosigner reads a private key that [GenerateWitnessKey] made. Its error does not say the key.
func NewCosigner(skey string) (Cosigner, error) {
	bad := errors.New("couldn't read the witness' private key")
	rest, ok := strings.CutPrefix(skey, privateLabel)
	parts := strings.SplitN(rest, "+", 3)
	if !ok || len(parts) != 3 {
		return Cosigner{}, bad
	}
	b, err := decode64(parts[2])
	if err != nil || len(b) != 1+ed25519.SeedSize || b[0] != algCosignature {
		return Cosigner{}, bad
	}
	key := ed25519.NewKeyFromSeed(b[1:])
	typed := append([]byte{algCosignature}, key.Public().(ed25519.PublicKey)...)
	if parts[0] == "" || keyID(parts[0], typed) != parts[1] {
		return Cosigner{}, bad
	}
	c := Cosigner{key: key, name: parts[0], vkey: parts[0] + "+" + parts[1] + "+" + base64.StdEncoding.EncodeToString(typed)}
	if _, err := hex.Decode(c.id[:], []byte(parts[1])); err != nil {
		return Cosigner{}, bad
	}
	return c, nil
}

// VerifierKey returns the public half, as policies name it.
func (c Cosigner) VerifierKey() string { return c.vkey }

// Sign returns the signature line over a checkpoint's text at a time, with its line feed. The caller must have
// made sure that the checkpoint follows from all that it has signed before.
func (c Cosigner) Sign(text string, at time.Time) (line string, err error) {
	if at.Unix() < 0 {
		return "", errors.New("a cosignature can't be older than 1970")
	}
	if _, err := ParseBody(text); err != nil {
		return "", fmt.Errorf("couldn't cosign: %w", err)
	}
	m := "cosignature/v1\ntime " + strconv.FormatInt(at.Unix(), 10) + "\n" + text
	sig := append(c.id[:len(c.id):len(c.id)], binary.BigEndian.AppendUint64(nil, uint64(at.Unix()))...)
	sig = append(sig, ed25519.Sign(c.key, []byte(m))...)
	return "— " + c.name + " " + base64.StdEncoding.EncodeToString(sig) + "\n", nil
}
