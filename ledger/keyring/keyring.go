// Package keyring keeps the ledger's keys: in a directory of files, in one
// encrypted file, or with a program that opens them or signs in their place (a
// KMS, a PKCS#11 module); and changes them.
//
// What it keeps: the key directory: the files of [keys.KeyFiles], or
// keys.age in place of the secret ones. It writes a file anew beside the old one
// and renames it, so that a crash leaves one of the two.
//
// Trust: it handles every private key of the ledger. None of them, and nothing
// that a program or a key file said, may reach an error or a log line. It runs
// the programs that the config names, without a shell, as the user it runs as.
package keyring

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/ledger/keys"
)

// FileSealed holds the secret key files, encrypted (age-encryption.org/v1).
const FileSealed = "keys.age"

// Source says where the keys are. With nothing but Dir and Origin they are
// plain files, made when there are none.
type Source struct {
	Dir, Origin string
	// Identity is a file with age identities, or with a passphrase on its only
	// line, that opens keys.age; its owner alone may read it.
	Identity string
	// Open is a program that prints what keys.age would hold: a KMS decrypts it.
	Open []string
	// Sign is a program that signs what comes on its standard input by the log's
	// key (Ed25519), and prints the signature's 64 bytes, or them in base64.
	Sign []string

	work int // scrypt's, as a power of two; 0 means age's own
}

// Load gives the keys.
func Load(ctx context.Context, s Source) (keys.Keys, error) {
	text, sealed, err := s.read(ctx)
	if err != nil {
		return keys.Keys{}, err
	}
	if len(text) == 0 && len(s.Sign) == 0 {
		if sealed || len(s.Open) > 0 {
			return keys.Keys{}, errors.New("there are no keys in what was opened")
		}
		return keys.LoadKeys(s.Dir, s.Origin)
	}
	k, err := keys.ParseKeys(text, s.Origin, len(s.Sign) > 0)
	if err != nil {
		return keys.Keys{}, err
	}
	switch {
	case len(s.Sign) > 0:
		k.Signer, err = newProgram(s.Sign, k.LogPublic)
	case k.Log == "":
		err = &postern.Error{Kind: postern.Invalid, Text: fmt.Sprintf("there is no %s: restore it from the backup, or name the program that signs in its place (keys.sign)", keys.FileLog)}
	}
	if err != nil {
		return keys.Keys{}, err
	}
	return k, nil
}

// read gives the texts of the key files, wherever they are; none at all is no
// error.
func (s Source) read(ctx context.Context) (text map[string]string, sealed bool, err error) {
	if text, err = keys.ReadKeyFiles(s.Dir); err != nil {
		return nil, false, err
	}
	secrets := 0
	for name := range text {
		if name != keys.FileVKey {
			secrets++
		}
	}
	data, err := os.ReadFile(filepath.Join(s.Dir, FileSealed))
	sealed = err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, false, fmt.Errorf("couldn't read the encrypted keys: %w", err)
	}
	switch {
	case sealed && len(s.Open) > 0:
		return nil, false, &postern.Error{Kind: postern.Invalid, Text: "keys.open names a program, and there is a keys.age as well: take one of them away"}
	case (sealed || len(s.Open) > 0) && secrets > 0:
		return nil, false, &postern.Error{Kind: postern.Invalid, Text: fmt.Sprintf("%s holds keys in the clear beside encrypted ones: an interrupted `postern keys encrypt`? Run it again, or remove the plain files", s.Dir)}
	case sealed:
		data, err = s.unseal(data)
	case len(s.Open) > 0:
		data, err = run(ctx, s.Open, nil)
	default:
		return text, false, nil
	}
	if err != nil {
		return nil, sealed, err
	}
	inside, err := parseBundle(data)
	if err != nil {
		return nil, sealed, err
	}
	for name, t := range inside {
		text[name] = t
	}
	return text, sealed, nil
}

// bundle writes the secret key files as one text: a JSON object from file name
// to file.
func bundle(text map[string]string) ([]byte, error) {
	secret := map[string]string{}
	for name, t := range text {
		if name != keys.FileVKey {
			secret[name] = t
		}
	}
	return json.MarshalIndent(secret, "", "\t")
}

func parseBundle(data []byte) (map[string]string, error) {
	var text map[string]string
	if err := json.Unmarshal(data, &text); err != nil {
		return nil, errors.New("what was opened is not a set of keys: postern keys encrypt or postern keys show --bundle writes one")
	}
	for name := range text {
		if name == keys.FileVKey || !slices.Contains(keys.KeyFiles(), name) {
			return nil, errors.New("what was opened holds files that are no keys")
		}
	}
	return text, nil
}
