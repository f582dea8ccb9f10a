package verify

import (
	"crypto/hmac"
	"crypto/sha256"
)

// The labels under which records are committed to. They are the HMAC keys, so that a disclosure's commitment
// can never be opened as a control's.
const (
	disclosureLabel = "postern/v1 disclosure commitment"
	controlLabel    = "postern/v1 control commitment"
)

// DisclosureCommitment is HMAC-SHA256 with the label "postern/v1 disclosure commitment" as key, over
// salt || record. The salt is 32 random bytes: without it nobody can test a guess at the record, and once it
// is erased nobody can open the commitment. SHA-256 resists collisions, so a commitment opens in one way.
func DisclosureCommitment(salt [32]byte, record []byte) [32]byte {
	return commitment(disclosureLabel, salt, record)
}

// ControlCommitment is as [DisclosureCommitment], with the label "postern/v1 control commitment".
func ControlCommitment(salt [32]byte, record []byte) [32]byte {
	return commitment(controlLabel, salt, record)
}

func commitment(label string, salt [32]byte, record []byte) [32]byte {
	h := hmac.New(sha256.New, []byte(label))
	h.Write(salt[:])
	h.Write(record)
	return [32]byte(h.Sum(nil))
}
