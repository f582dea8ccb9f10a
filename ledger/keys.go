package ledger

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/postern-mail/postern"
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

// signers are those of a checkpoint, the newest first.
func (k Keys) signers() (list []note.Signer, err error) {
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

// public are the log's verifier keys, the newest first.
func (k Keys) public() (list []verify.Key, err error) {
	for _, text := range append([]string{k.LogPublic}, k.Earlier...) {
		key, err := verify.ParseKey(text)
		if err != nil {
			return nil, err
		}
		list = append(list, key)
	}
	return list, nil
}

// vrfKey is a VRF key and the months it is for.
type vrfKey struct {
	verify.Prover
	from   uint32
	public [32]byte
}

// vrf gives the key of a month.
func (l *Ledger) vrf(series uint32) *vrfKey {
	k := &l.vrfs[0]
	for i := range l.vrfs {
		if l.vrfs[i].from <= series {
			k = &l.vrfs[i]
		}
	}
	return k
}

func (k Keys) vrfs() (list []vrfKey, err error) {
	for i, v := range append([]VRFKey{{0, k.VRF}}, k.VRFLater...) {
		p, public, err := verify.NewProver(v.Key)
		if err != nil {
			return nil, err
		}
		if i > 0 && v.From <= list[i-1].from {
			return nil, &postern.Error{Kind: postern.Invalid, Text: "the VRF keys' months do not ascend: restore vrf.key from the backup"}
		}
		list = append(list, vrfKey{p, v.From, public})
	}
	return list, nil
}

// readKeys takes the keys into use: what this process signs, everybody else must
// be able to check.
func (l *Ledger) readKeys() (err error) {
	if l.signers, err = l.Keys.signers(); err != nil {
		return err
	}
	public, err := l.Keys.public()
	if err != nil {
		return err
	}
	names := []string{}
	for _, s := range l.signers {
		names = append(names, s.Name())
	}
	for _, k := range public {
		names = append(names, k.Name())
	}
	for _, name := range names {
		if name != l.Origin {
			return &postern.Error{Kind: postern.Invalid, Text: fmt.Sprintf("the log's key is for %q and the ledger is %q: a log keeps its name for good", name, l.Origin)}
		}
	}
	l.policy = l.Witnesses.Of(public)
	empty, err := tlog.TreeHash(0, nil)
	if err != nil {
		return err
	}
	signed, err := l.sign(0, empty)
	if err != nil {
		return err
	}
	if _, err := (verify.Policy{Logs: public[:1]}).Open(signed); err != nil {
		return &postern.Error{Kind: postern.Invalid, Text: "the log's private and public keys are not a pair: restore both from the backup", Err: err}
	}
	l.vrfs, err = l.Keys.vrfs()
	return err
}
