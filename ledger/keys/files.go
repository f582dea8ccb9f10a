package keys

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/ledger/verify"
)

// The files of a key directory, mode 0600 but for the last. Each begins with the
// key that is in use; log.key, log.vkey and vrf.key may have more lines.
const (
	FileLog     = "log.key"     // signer keys: the log's, then those that sign beside it
	FileVRF     = "vrf.key"     // base64: the first month's; then "YYYYMM base64" for each that took over
	FileReceipt = "receipt.key" // base64
	FileWrap    = "wrap.key"    // base64
	FileVKey    = "log.vkey"    // verifier keys: the log's, then its earlier ones; public
)

// KeyFiles are the files' names, the public one last.
func KeyFiles() []string { return []string{FileLog, FileVRF, FileReceipt, FileWrap, FileVKey} }

// LoadKeys reads the keys in dir, or makes them when there are none at all. A
// directory that holds some and not others is refused: a new key beside an old
// ledger would look like tampering. So is a secret that other users can read.
func LoadKeys(dir, origin string) (Keys, error) {
	text, err := ReadKeyFiles(dir)
	if err != nil {
		return Keys{}, err
	}
	if len(text) == 0 {
		k, err := NewKeys(origin)
		if err != nil {
			return Keys{}, err
		}
		return k, writeKeyFiles(dir, k.Text())
	}
	k, err := ParseKeys(text, origin, false)
	if err == nil && k.Log == "" {
		err = missingKeys(FileLog)
	}
	if err != nil {
		return Keys{}, err
	}
	return k, nil
}

func missingKeys(names ...string) error {
	return &postern.Error{Kind: postern.Invalid, Text: fmt.Sprintf("of the log's key files %s is missing: restore it from the backup; a new one would not fit the ledger", strings.Join(names, ", "))}
}

// ReadKeyFiles gives the key files that dir has, by name.
func ReadKeyFiles(dir string) (map[string]string, error) {
	text := map[string]string{}
	for _, name := range KeyFiles() {
		file := filepath.Join(dir, name)
		info, err := os.Stat(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("couldn't read a key: %w", err)
		}
		if name != FileVKey && info.Mode().Perm()&0o077 != 0 {
			return nil, &postern.Error{Kind: postern.Denied, Text: fmt.Sprintf("%s can be read by other users (mode %04o): run `chmod 600 %s`, find out who could have read it, and change the key (postern keys rotate)", file, info.Mode().Perm(), file)}
		}
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("couldn't read a key: %w", err)
		}
		text[name] = string(b)
	}
	return text, nil
}

// ParseKeys reads the texts of all key files. Elsewhere says that the log's key
// is not among them: those of log.key sign beside it, and Signer must be set
// before the keys are used.
func ParseKeys(text map[string]string, origin string, elsewhere bool) (Keys, error) {
	var missing []string
	for _, name := range KeyFiles() {
		if strings.TrimSpace(text[name]) == "" && name != FileLog {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return Keys{}, missingKeys(missing...)
	}
	damaged := func(name string) error {
		return &postern.Error{Kind: postern.Invalid, Text: name + " is damaged: restore it from the backup"}
	}
	var k Keys
	public := strings.Fields(text[FileVKey])
	for _, vkey := range public {
		key, err := verify.ParseKey(vkey)
		if err != nil {
			return Keys{}, damaged(FileVKey)
		}
		if key.Name() != origin {
			return Keys{}, &postern.Error{Kind: postern.Invalid, Text: fmt.Sprintf("the log's key is for %q and the config says %q: a log keeps its name for good", key.Name(), origin)}
		}
	}
	if signers := strings.Fields(text[FileLog]); len(signers) > 0 {
		k.Log, k.Retiring = signers[0], append([]string(nil), signers[1:]...)
		for i, s := range signers {
			signer, err := note.NewSigner(s)
			if err != nil {
				return Keys{}, damaged(FileLog)
			}
			if i == 0 && !elsewhere {
				public = first(public, signer.KeyHash())
			}
		}
		if elsewhere {
			k.Log, k.Retiring = "", append([]string{k.Log}, k.Retiring...)
		}
	}
	k.LogPublic, k.Earlier = public[0], append([]string(nil), public[1:]...)
	var err error
	if k.VRF, k.VRFLater, err = parseVRF(text[FileVRF]); err != nil {
		return Keys{}, damaged(FileVRF)
	}
	seed, err := decodeKey(text[FileReceipt], ed25519.SeedSize)
	if err != nil {
		return Keys{}, damaged(FileReceipt)
	}
	wrap, err := decodeKey(text[FileWrap], 32)
	if err != nil {
		return Keys{}, damaged(FileWrap)
	}
	k.Receipt, k.Wrap = ed25519.NewKeyFromSeed(seed), [32]byte(wrap)
	return k, nil
}

// first puts the key of that id before the others. Log.vkey is written before
// log.key: after a crash between them it begins with a key that nobody has.
func first(public []string, id uint32) []string {
	i := slices.IndexFunc(public, func(vkey string) bool {
		v, err := note.NewVerifier(vkey)
		return err == nil && v.KeyHash() == id
	})
	if i <= 0 {
		return public
	}
	return append([]string{public[i]}, slices.Delete(slices.Clone(public), i, i+1)...)
}

func parseVRF(text string) (first []byte, later []VRFKey, err error) {
	for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
		if i == 0 {
			if first, err = decodeKey(line, verify.VRFKeySize); err != nil {
				return nil, nil, err
			}
			continue
		}
		month, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		from, err := strconv.ParseUint(month, 10, 32)
		if err != nil || from%100 < 1 || from%100 > 12 {
			return nil, nil, errors.New("not a month")
		}
		key, err := decodeKey(rest, verify.VRFKeySize)
		if err != nil {
			return nil, nil, err
		}
		later = append(later, VRFKey{uint32(from), key})
	}
	return first, later, nil
}

func decodeKey(text string, size int) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(b) != size {
		return nil, errors.New("not a key of its size")
	}
	return b, nil
}

// Text gives the keys as key files.
func (k Keys) Text() map[string]string {
	b64 := base64.StdEncoding.EncodeToString
	vrf := b64(k.VRF) + "\n"
	for _, v := range k.VRFLater {
		vrf += fmt.Sprintf("%06d %s\n", v.From, b64(v.Key))
	}
	text := map[string]string{FileVRF: vrf, FileReceipt: b64(k.Receipt.Seed()) + "\n", FileWrap: b64(k.Wrap[:]) + "\n",
		FileVKey: strings.Join(append([]string{k.LogPublic}, k.Earlier...), "\n") + "\n"}
	if signers := k.Retiring; k.Log != "" || len(signers) > 0 {
		if k.Log != "" {
			signers = append([]string{k.Log}, signers...)
		}
		text[FileLog] = strings.Join(signers, "\n") + "\n"
	}
	return text
}

func writeKeyFiles(dir string, text map[string]string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("couldn't make the key directory: %w", err)
	}
	for _, name := range KeyFiles() {
		mode := fs.FileMode(0o600)
		if name == FileVKey {
			mode = 0o644
		}
		if err := writeOnce(filepath.Join(dir, name), text[name], mode); err != nil {
			return fmt.Errorf("couldn't write a key: %w", err)
		}
	}
	return nil
}

func writeOnce(file, text string, mode fs.FileMode) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Sync(), f.Close())
}
