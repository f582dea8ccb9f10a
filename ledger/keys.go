package ledger

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/ledger/keys"
	"github.com/postern-mail/postern/ledger/verify"
)

// Keys are the ledger's secrets; see package keys.
type (
	Keys   = keys.Keys
	VRFKey = keys.VRFKey
)

// NewKeys makes fresh keys for the log named origin.
func NewKeys(origin string) (Keys, error) { return keys.NewKeys(origin) }

// LoadKeys reads the keys in dir, or makes them when there are none at all.
func LoadKeys(dir, origin string) (Keys, error) { return keys.LoadKeys(dir, origin) }

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

func vrfsOf(k Keys) (list []vrfKey, err error) {
	for i, v := range append([]VRFKey{{From: 0, Key: k.VRF}}, k.VRFLater...) {
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
	if l.signers, err = l.Keys.Signers(); err != nil {
		return err
	}
	public, err := l.Keys.Public()
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
	l.vrfs, err = vrfsOf(l.Keys)
	return err
}
