package keyring

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/ledger/keys"
)

// lock is what opens the encrypted file, and what encrypts it again.
type lock struct {
	identities []age.Identity
	recipients []age.Recipient
}

// readLock reads the file that Source.Identity names.
func readLock(file string, work int) (*lock, error) {
	if file == "" {
		return nil, &postern.Error{Kind: postern.Invalid, Text: "the keys are encrypted and nothing opens them: set keys.identity to a file with the passphrase or the age identity"}
	}
	info, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("couldn't read what opens the keys: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, &postern.Error{Kind: postern.Denied, Text: fmt.Sprintf("%s can be read by other users (mode %04o): run `chmod 600 %s`", file, info.Mode().Perm(), file)}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("couldn't read what opens the keys: %w", err)
	}
	text := strings.TrimSpace(string(b))
	l := &lock{}
	if strings.Contains(text, "AGE-SECRET-KEY-1") {
		if l.identities, err = age.ParseIdentities(bytes.NewReader(b)); err != nil {
			return nil, fmt.Errorf("%s has no age identity that can be read", file)
		}
		for _, i := range l.identities {
			switch i := i.(type) {
			case *age.X25519Identity:
				l.recipients = append(l.recipients, i.Recipient())
			case *age.HybridIdentity:
				l.recipients = append(l.recipients, i.Recipient())
			}
		}
		return l, nil
	}
	if text == "" || strings.ContainsAny(text, "\r\n") || len(text) < 12 {
		return nil, &postern.Error{Kind: postern.Invalid, Text: fmt.Sprintf("%s holds neither an age identity nor a passphrase of at least 12 characters on one line", file)}
	}
	i, err := age.NewScryptIdentity(text)
	if err != nil {
		return nil, err
	}
	r, err := age.NewScryptRecipient(text)
	if err != nil {
		return nil, err
	}
	if work > 0 {
		r.SetWorkFactor(work)
	}
	l.identities, l.recipients = []age.Identity{i}, []age.Recipient{r}
	return l, nil
}

func (s Source) unseal(data []byte) ([]byte, error) {
	l, err := readLock(s.Identity, s.work)
	if err != nil {
		return nil, err
	}
	r, err := age.Decrypt(bytes.NewReader(data), l.identities...)
	if err == nil {
		data, err = io.ReadAll(io.LimitReader(r, maxOutput))
	}
	var none *age.NoIdentityMatchError
	if errors.As(err, &none) {
		return nil, &postern.Error{Kind: postern.Denied, Text: fmt.Sprintf("%s does not open keys.age: another passphrase or identity encrypted it", s.Identity), Err: err}
	}
	if err != nil {
		return nil, &postern.Error{Kind: postern.Invalid, Text: "keys.age is damaged: restore it from the backup", Err: err}
	}
	return data, nil
}

func (s Source) seal(text map[string]string) ([]byte, error) {
	l, err := readLock(s.Identity, s.work)
	if err != nil {
		return nil, err
	}
	data, err := bundle(text)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w, err := age.Encrypt(&b, l.recipients...)
	if err != nil {
		return nil, fmt.Errorf("couldn't encrypt the keys: %w", err)
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Encrypt puts the secret key files into keys.age, reads that again, and only
// then removes them. Interrupted, it can be run again.
func Encrypt(ctx context.Context, s Source) error {
	text, err := keys.ReadKeyFiles(s.Dir)
	if err != nil {
		return err
	}
	if len(text) == 0 || text[keys.FileVRF] == "" {
		return &postern.Error{Kind: postern.NotFound, Text: "there are no plain keys in " + s.Dir}
	}
	if _, err := keys.ParseKeys(text, s.Origin, len(s.Sign) > 0); err != nil {
		return err
	}
	sealed, err := s.seal(text)
	if err != nil {
		return err
	}
	if err := replace(filepath.Join(s.Dir, FileSealed), sealed, 0o600); err != nil {
		return fmt.Errorf("couldn't write the encrypted keys: %w", err)
	}
	again, err := os.ReadFile(filepath.Join(s.Dir, FileSealed))
	if err != nil {
		return err
	}
	if again, err = s.unseal(again); err != nil {
		return err
	}
	want, err := bundle(text)
	if err != nil || !bytes.Equal(again, want) {
		return errors.New("the encrypted keys do not come back as they were: the plain ones are still there")
	}
	for name := range text {
		if name == keys.FileVKey {
			continue
		}
		if err := os.Remove(filepath.Join(s.Dir, name)); err != nil {
			return fmt.Errorf("couldn't remove a plain key: %w", err)
		}
	}
	return syncDir(s.Dir)
}

// Decrypt is the way back.
func Decrypt(ctx context.Context, s Source) error {
	data, err := os.ReadFile(filepath.Join(s.Dir, FileSealed))
	if errors.Is(err, fs.ErrNotExist) {
		return &postern.Error{Kind: postern.NotFound, Text: "there are no encrypted keys in " + s.Dir}
	}
	if err != nil {
		return err
	}
	if data, err = s.unseal(data); err != nil {
		return err
	}
	text, err := parseBundle(data)
	if err != nil {
		return err
	}
	if err := writeFiles(s.Dir, text); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(s.Dir, FileSealed)); err != nil {
		return err
	}
	return syncDir(s.Dir)
}

// writeFiles writes key files, each whole or not at all.
func writeFiles(dir string, text map[string]string) error {
	for _, name := range keys.KeyFiles() {
		t, ok := text[name]
		if !ok {
			continue
		}
		mode := fs.FileMode(0o600)
		if name == keys.FileVKey {
			mode = 0o644
		}
		if err := replace(filepath.Join(dir, name), []byte(t), mode); err != nil {
			return fmt.Errorf("couldn't write a key: %w", err)
		}
	}
	return nil
}

// replace writes a file beside the old one and renames it.
func replace(file string, data []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(file), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err := errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), file); err != nil {
		return err
	}
	return syncDir(filepath.Dir(file))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
