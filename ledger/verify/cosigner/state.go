package cosigner

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/postern-mail/postern/ledger/verify"
)

// stateFile names the file of a log: its name is a stranger's and no file name.
func stateFile(dir, origin string) string {
	sum := sha256.Sum256([]byte(origin))
	return filepath.Join(dir, fmt.Sprintf("%x.checkpoint", sum[:8]))
}

// lock takes the folder for this process: two with one key could cosign two logs.
func lock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("couldn't open the witness' lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("another witness runs on %s: two with one key could cosign two logs", dir)
		}
		return nil, fmt.Errorf("couldn't lock %s: %w", dir, err)
	}
	return f, nil
}

// state is what is kept of a cosigned checkpoint: its text, this witness' line and
// those of the log.
func state(text, line string, signed []byte) []byte {
	b := text + "\n" + line
	origin, _, _ := strings.Cut(text, "\n")
	for _, l := range strings.SplitAfter(string(signed[len(text)+1:]), "\n") {
		if strings.HasPrefix(l, "— "+origin+" ") {
			b += l
		}
	}
	return []byte(b)
}

// readState reads it, and gives zeros where nothing was cosigned yet. A file that
// this witness has not signed is not what it wrote, and stops it: without knowing
// what it cosigned it would not notice a fork.
func readState(file string, key verify.WitnessKey) (c verify.Checkpoint, at time.Time, err error) {
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return c, at, nil
	}
	if err == nil {
		c, at, err = ParseState(b, key)
	}
	if err != nil {
		err = fmt.Errorf("%s is not what this witness wrote; if what it wrote is lost, it must take another key: %w", file, err)
	}
	return c, at, err
}

// ParseState reads what is kept of a cosigned checkpoint.
func ParseState(b []byte, key verify.WitnessKey) (c verify.Checkpoint, at time.Time, err error) {
	text, err := verify.CheckpointText(b)
	if err != nil {
		return c, at, err
	}
	for _, line := range strings.Split(string(b[len(text)+1:]), "\n") {
		if seconds, ok := key.Check(text, line); ok {
			c, err = verify.ParseBody(text)
			return c, time.Unix(int64(seconds), 0), err
		}
	}
	return c, at, errors.New("it lacks this witness' signature")
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
