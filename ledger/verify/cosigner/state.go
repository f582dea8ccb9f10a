package cosigner

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/postern-mail/postern/ledger/verify"
)

// stateFile names the file of a log: its name is a stranger's and no file name.
func stateFile(dir, origin string) string {
	sum := sha256.Sum256([]byte(origin))
	return filepath.Join(dir, fmt.Sprintf("%x.checkpoint", sum[:8]))
}

func readState(file string) ([]byte, error) {
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

// writeState puts the file in place whole, and returns when it is on the disk.
func writeState(file string, b []byte) (err error) {
	dir := filepath.Dir(file)
	f, err := os.CreateTemp(dir, ".cosigned-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), file); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// LoadKey reads the witness' private key from a file that its owner alone may
// read, or makes one of this name where there is none.
func LoadKey(file, name string) (key verify.Cosigner, made bool, err error) {
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		if name == "" {
			return key, false, fmt.Errorf("%s is not there yet: name the witness, to make its key", file)
		}
		skey, _, err := verify.GenerateWitnessKey(name)
		if err != nil {
			return key, false, err
		}
		f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return key, false, err
		}
		_, err = f.WriteString(skey + "\n")
		if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
			return key, false, err
		}
		b, made = []byte(skey), true
	} else if err != nil {
		return key, false, err
	} else if info, err := os.Stat(file); err != nil {
		return key, false, err
	} else if info.Mode().Perm()&0o077 != 0 {
		return key, false, fmt.Errorf("others may read %s: chmod 600 it, or make another key if somebody has", file)
	}
	key, err = verify.NewCosigner(strings.TrimSpace(string(b)))
	return key, made, err
}
