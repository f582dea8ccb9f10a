package ledger

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/ledger/verify"
)

// Keys are the ledger's secrets. Log and VRF belong to the sequencer, Receipt
// to the gate, Wrap to whoever reads records.
type Keys struct {
	Log       string // a note signer key, golang.org/x/mod/sumdb/note
	LogPublic string // its verifier key
	VRF       []byte // verify.VRFKeySize bytes
	Receipt   ed25519.PrivateKey
	Wrap      [32]byte // wraps the accounts' secrets
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

// The files of a key directory, each one line, mode 0600 but for the last.
const (
	fileLog     = "log.key"
	fileVRF     = "vrf.key"
	fileReceipt = "receipt.key"
	fileWrap    = "wrap.key"
	fileVKey    = "log.vkey" // public
)

// LoadKeys reads the keys in dir, or makes them when there are none at all. A
// directory that holds some and not others is refused: a new key beside an old
// ledger would look like tampering.
func LoadKeys(dir, origin string) (Keys, error) {
	text := map[string]string{}
	missing := 0
	for _, name := range []string{fileLog, fileVRF, fileReceipt, fileWrap, fileVKey} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			missing++
			continue
		}
		if err != nil {
			return Keys{}, fmt.Errorf("couldn't read a key: %w", err)
		}
		text[name] = strings.TrimSpace(string(b))
	}
	switch {
	case missing == 5:
		return makeKeys(dir, origin)
	case missing > 0:
		return Keys{}, &postern.Error{Kind: postern.Invalid, Text: fmt.Sprintf("%d of the 5 key files in %s are missing: restore them from the backup; new ones would not fit the ledger", missing, dir)}
	}
	k := Keys{Log: text[fileLog], LogPublic: text[fileVKey]}
	signer, err := note.NewSigner(k.Log)
	if err != nil {
		return Keys{}, fmt.Errorf("%s is not a log key", filepath.Join(dir, fileLog))
	}
	if signer.Name() != origin {
		return Keys{}, &postern.Error{Kind: postern.Invalid, Text: fmt.Sprintf("the log's key is for %q and the config says %q: a log keeps its name for good", signer.Name(), origin)}
	}
	seed, err1 := base64.StdEncoding.DecodeString(text[fileReceipt])
	wrap, err2 := base64.StdEncoding.DecodeString(text[fileWrap])
	vrf, err3 := base64.StdEncoding.DecodeString(text[fileVRF])
	if err1 != nil || err2 != nil || err3 != nil || len(seed) != ed25519.SeedSize || len(wrap) != 32 || len(vrf) != verify.VRFKeySize {
		return Keys{}, &postern.Error{Kind: postern.Invalid, Text: "a key file in " + dir + " is damaged: restore it from the backup"}
	}
	k.Receipt, k.Wrap, k.VRF = ed25519.NewKeyFromSeed(seed), [32]byte(wrap), vrf
	return k, nil
}

func makeKeys(dir, origin string) (Keys, error) {
	k, err := NewKeys(origin)
	if err != nil {
		return Keys{}, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Keys{}, fmt.Errorf("couldn't make the key directory: %w", err)
	}
	b64 := base64.StdEncoding.EncodeToString
	for _, f := range []struct {
		name, text string
		mode       fs.FileMode
	}{
		{fileLog, k.Log, 0o600}, {fileVRF, b64(k.VRF), 0o600}, {fileReceipt, b64(k.Receipt.Seed()), 0o600},
		{fileWrap, b64(k.Wrap[:]), 0o600}, {fileVKey, k.LogPublic, 0o644},
	} {
		if err := writeOnce(filepath.Join(dir, f.name), f.text+"\n", f.mode); err != nil {
			return Keys{}, fmt.Errorf("couldn't write a key: %w", err)
		}
	}
	return k, nil
}

func writeOnce(file, text string, mode fs.FileMode) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Sync(), f.Close())
}
