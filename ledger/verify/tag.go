package verify

import (
	"encoding/binary"
	"errors"
	"fmt"

	vrf "filippo.io/mostly-harmless/vrf-r255"
)

// SuiteRistretto255 is ECVRF-RISTRETTO255-SHA512 (c2sp.org/vrf-r255), the VRF suite of RFC 9381 over a group
// of prime order.
const SuiteRistretto255 uint8 = 1

// Sizes of [SuiteRistretto255] in bytes.
const (
	VRFKeySize    = 32
	VRFProofSize  = 80
	VRFOutputSize = 64
)

const tagLabel = "postern/v1 tag\x00"

// ErrSuite says that a VRF suite is unknown to this version, so nothing can be concluded.
var ErrSuite = errors.New("unknown VRF suite")

func errSuite(s uint8) error { return fmt.Errorf("%w %d", ErrSuite, s) }

// errVRF says that a VRF proof does not hold.
var errVRF = errors.New("the VRF proof does not hold")

// Alpha is the VRF input for the n-th disclosure, n from 1, of exactly that tier to that account in that
// series: "postern/v1 tag\0" || series u32 || account[16] || tier u8 || n u32. Each input is used for one
// leaf only, so the leaves of one account look unrelated to whoever lacks the key.
func Alpha(series uint32, account ID, tier uint8, n uint32) []byte {
	b := make([]byte, 0, len(tagLabel)+4+16+1+4)
	b = append(b, tagLabel...)
	b = binary.BigEndian.AppendUint32(b, series)
	b = append(b, account[:]...)
	b = append(b, tier)
	return binary.BigEndian.AppendUint32(b, n)
}

// Prover computes the VRF. The only implementation here is [NewProver]; a hardware module may be another.
type Prover interface {
	// Prove returns the proof and the output for alpha. It is deterministic and safe for concurrent use.
	Prove(alpha []byte) (proof, output []byte)
}

// Tag is the first 32 bytes of a VRF output.
func Tag(output []byte) ([32]byte, error) {
	if len(output) != VRFOutputSize {
		return [32]byte{}, fmt.Errorf("%w: a VRF output of %d bytes, not %d", errMalformed, len(output), VRFOutputSize)
	}
	return [32]byte(output[:32]), nil
}

// VerifyTag checks that proof is the VRF's for alpha under the public key, and returns the tag.
func VerifyTag(suite uint8, publicKey [32]byte, alpha, proof []byte) ([32]byte, error) {
	if suite != SuiteRistretto255 {
		return [32]byte{}, errSuite(suite)
	}
	// RFC 9381, 5.4.5: the identity, whose ristretto255 encoding is zeros, has no unique outputs.
	if publicKey == [32]byte{} {
		return [32]byte{}, fmt.Errorf("%w: the public key is the identity", errVRF)
	}
	key, err := vrf.NewPublicKey(publicKey[:])
	if err != nil {
		return [32]byte{}, fmt.Errorf("%w: the public key is not a group element", errVRF)
	}
	pi, err := vrf.NewProof(proof)
	if err != nil {
		return [32]byte{}, fmt.Errorf("%w: not a proof of this suite", errVRF)
	}
	out, err := key.Verify(pi, alpha)
	if err != nil {
		return [32]byte{}, errVRF
	}
	return Tag(out)
}

type ristretto struct{ key *vrf.PrivateKey }

// NewProver returns the prover of [SuiteRistretto255] for a private key of 32 bytes, and its public key.
func NewProver(privateKey []byte) (Prover, [32]byte, error) {
	if len(privateKey) != VRFKeySize || allZero(privateKey) {
		return nil, [32]byte{}, errors.New("couldn't read the VRF key: not a private key of this suite")
	}
	k, err := vrf.NewPrivateKey(privateKey)
	if err != nil {
		return nil, [32]byte{}, errors.New("couldn't read the VRF key: not a private key of this suite")
	}
	return ristretto{k}, [32]byte(k.PublicKey().Bytes()), nil
}

// GenerateVRFKey returns a fresh private key of [SuiteRistretto255].
func GenerateVRFKey() []byte { return vrf.GenerateKey().Bytes() }

func (r ristretto) Prove(alpha []byte) (proof, output []byte) {
	pi := r.key.Prove(alpha)
	return pi.Bytes(), pi.Hash()
}
