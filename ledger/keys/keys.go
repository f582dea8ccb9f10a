// Package keys is the ledger's keys, and the files that they are in.
//
// What it keeps: the files of a key directory (see [KeyFiles]), which it makes once
// and never changes; package keyring changes them.
//
// Trust: it handles every private key of the ledger. None may reach an error or a
// log line.
package keys

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/postern-mail/postern/ledger/verify"
)

// Keys are the ledger's secrets. Log and VRF belong to the sequencer, Receipt
// to the gate, Wrap to whoever reads records.
//
// The log's key and the VRF's can be changed. A log keeps its name and its
// leaves: what an older key signed stays good, and each month stays with the VRF
// key that its series leaf names, so that key is needed as long as anything of
// the month is to be proved.
type Keys struct {
	Log       string      // a note signer key, golang.org/x/mod/sumdb/note; "" where Signer signs
	Signer    note.Signer // signs in place of Log: a module or service that gives no key away
	LogPublic string      // the verifier key of whichever signs
	Retiring  []string    // signer keys that sign beside it, until readers have the new one
	Earlier   []string    // verifier keys that the log had before, those of Retiring among them
	VRF       []byte      // verify.VRFKeySize bytes, from the log's first month on
	VRFLater  []VRFKey    // those that took over, the earliest first
	Receipt   ed25519.PrivateKey
	Wrap      [32]byte // wraps the accounts' secrets
}

// VRFKey is a VRF key that took over with a month.
type VRFKey struct {
	From uint32 // the first series, as YYYYMM
	Key  []byte
}

// NewKeys makes fresh keys for the log named origin.
func NewKeys(origin string) (Keys, error) {
	if origin == "" || strings.ContainsAny(origin, "+ \t\r\n") {
		return Keys{}, fmt.Errorf("%q can't name a log: no spaces and no plus signs", origin)
	}
	var k Keys
	var err error
	if k.Log, k.LogPublic, err = note.GenerateKey(rand.Reader, origin); err != nil {
		return Keys{}, fmt.Errorf("couldn't make the log's key: %w", err)
	}
	if _, k.Receipt, err = ed25519.GenerateKey(rand.Reader); err != nil {
		return Keys{}, fmt.Errorf("couldn't make the receipts' key: %w", err)
	}
	k.VRF = verify.GenerateVRFKey()
	rand.Read(k.Wrap[:])
	return k, nil
}

// ReceiptPublic is what the mail plane believes.
func (k Keys) ReceiptPublic() ed25519.PublicKey { return k.Receipt.Public().(ed25519.PublicKey) }

// Signers are those of a checkpoint, the newest first.
func (k Keys) Signers() (list []note.Signer, err error) {
	if k.Signer != nil {
		list = append(list, k.Signer)
	}
	texts := k.Retiring
	if k.Log != "" {
		texts = append([]string{k.Log}, texts...)
	}
	for _, text := range texts {
		s, err := note.NewSigner(text)
		if err != nil {
			return nil, errors.New("couldn't read the log's key") // never the key itself
		}
		list = append(list, s)
	}
	if len(list) == 0 {
		return nil, errors.New("there is no key to sign the log with")
	}
	return list, nil
}

// Public are the log's verifier keys, the newest first.
func (k Keys) Public() (list []verify.Key, err error) {
	for _, text := range append([]string{k.LogPublic}, k.Earlier...) {
		key, err := verify.ParseKey(text)
		if err != nil {
			return nil, err
		}
		list = append(list, key)
	}
	return list, nil
}
