package keyring

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/ledger/keys"
	"github.com/postern-mail/postern/ledger/verify"
)

// Change is what a rotation did, in words without secrets.
type Change struct {
	Key    string `json:"key"`    // "log", "vrf" or "receipt"
	Now    string `json:"now"`    // the id or month of the new key
	Before string `json:"before"` // of the old one
	Public string `json:"public,omitempty"`
}

// RotateLog gives the log a new key. Checkpoints are signed by both until
// [Retire], so that whoever has the old key alone can go on checking. With
// public, a PEM file, the new key is one that a program holds (Source.Sign).
func RotateLog(ctx context.Context, s Source, public string) (Change, error) {
	return s.change(ctx, func(k *keys.Keys) (Change, error) {
		old := k.LogPublic
		if k.Log != "" {
			k.Retiring = append([]string{k.Log}, k.Retiring...)
		}
		k.Earlier = append([]string{old}, k.Earlier...)
		var err error
		if public != "" {
			k.Log = ""
			k.LogPublic, err = publicKey(public, s.Origin)
		} else {
			k.Log, k.LogPublic, err = note.GenerateKey(rand.Reader, s.Origin)
		}
		if err == nil && slices.Contains(k.Earlier, k.LogPublic) {
			err = &postern.Error{Kind: postern.Invalid, Text: "that is a key which the log has already"}
		}
		return Change{Key: "log", Now: mark(k.LogPublic), Before: mark(old), Public: k.LogPublic}, err
	})
}

func publicKey(file, origin string) (string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("couldn't read the public key: %w", err)
	}
	if p, _ := pem.Decode(b); p != nil {
		b = p.Bytes
	}
	any, err := x509.ParsePKIXPublicKey(b)
	key, ok := any.(ed25519.PublicKey)
	if err != nil || !ok {
		return "", &postern.Error{Kind: postern.Invalid, Text: file + " holds no Ed25519 public key (PEM or DER, as `pkcs11-tool --read-object --type pubkey` prints it)"}
	}
	return VerifierKey(origin, key)
}

// Retire ends the signing by the log's earlier keys. Their public halves stay:
// what they signed stays good.
func Retire(ctx context.Context, s Source) (Change, error) {
	return s.change(ctx, func(k *keys.Keys) (Change, error) {
		if len(k.Retiring) == 0 {
			return Change{}, &postern.Error{Kind: postern.NotFound, Text: "no earlier key of the log signs any more"}
		}
		k.Retiring = nil
		return Change{Key: "log", Now: mark(k.LogPublic), Before: mark(k.Earlier[0]), Public: k.LogPublic}, nil
	})
}

// RotateVRF makes a VRF key that takes over with the month after now's: the
// months that have begun keep theirs, since their series leaves name it.
func RotateVRF(ctx context.Context, s Source, now time.Time) (Change, error) {
	return s.change(ctx, func(k *keys.Keys) (Change, error) {
		year, m, _ := now.UTC().Date()
		from := verify.SeriesLeaf{}.Month(time.Date(year, m+1, 1, 0, 0, 0, 0, time.UTC)).Series
		last := uint32(0)
		if n := len(k.VRFLater); n > 0 {
			last = k.VRFLater[n-1].From
		}
		if last >= from {
			return Change{}, &postern.Error{Kind: postern.Conflict, Text: fmt.Sprintf("a new VRF key takes over with %s already", month(last))}
		}
		k.VRFLater = append(k.VRFLater, keys.VRFKey{From: from, Key: verify.GenerateVRFKey()})
		return Change{Key: "vrf", Now: month(from), Before: month(last)}, nil
	})
}

// RotateReceipt makes a new key for receipts. They live for seconds: at the next
// start both planes have it.
func RotateReceipt(ctx context.Context, s Source) (Change, error) {
	return s.change(ctx, func(k *keys.Keys) (Change, error) {
		old := k.ReceiptPublic()
		_, fresh, err := ed25519.GenerateKey(rand.Reader)
		k.Receipt = fresh
		return Change{Key: "receipt", Now: fmt.Sprintf("%x", k.ReceiptPublic()[:4]), Before: fmt.Sprintf("%x", old[:4])}, err
	})
}

// change reads the keys, has f change them, checks that they can be read again,
// and writes them where they were.
func (s Source) change(ctx context.Context, f func(*keys.Keys) (Change, error)) (Change, error) {
	if len(s.Open) > 0 {
		return Change{}, &postern.Error{Kind: postern.Invalid, Text: "the keys are opened by a program, which can't be asked to keep changed ones: put them into the key directory (its output is a JSON object of file names and files), change them there, and encrypt them anew"}
	}
	text, sealed, err := s.read(ctx)
	if err != nil {
		return Change{}, err
	}
	if len(text) == 0 {
		return Change{}, &postern.Error{Kind: postern.NotFound, Text: "there are no keys in " + s.Dir + " yet: postern quickstart makes them"}
	}
	k, err := keys.ParseKeys(text, s.Origin, len(s.Sign) > 0)
	if err != nil {
		return Change{}, err
	}
	c, err := f(&k)
	if err != nil {
		return Change{}, err
	}
	text = k.Text()
	if _, err := keys.ParseKeys(text, s.Origin, k.Log == ""); err != nil {
		return Change{}, fmt.Errorf("the changed keys can't be read again, so nothing was written: %w", err)
	}
	// The public keys go first: one that nobody has does no harm, one that signs
	// and is not believed would stop the next start.
	if err := writeFiles(s.Dir, map[string]string{keys.FileVKey: text[keys.FileVKey]}); err != nil {
		return Change{}, err
	}
	delete(text, keys.FileVKey)
	if sealed {
		data, err := s.seal(text)
		if err != nil {
			return Change{}, err
		}
		return c, replace(filepath.Join(s.Dir, FileSealed), data, 0o600)
	}
	if _, signs := text[keys.FileLog]; !signs {
		if err := os.Remove(filepath.Join(s.Dir, keys.FileLog)); err != nil && !os.IsNotExist(err) {
			return Change{}, err
		}
	}
	return c, writeFiles(s.Dir, text)
}
