package keyring_test

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"golang.org/x/mod/sumdb/note"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/ledger/keyring"
	"github.com/postern-mail/postern/ledger/keys"
)

const origin = "mx.example.org/ledger"

var ctx = context.Background()

func newSource(t *testing.T) (keyring.Source, keys.Keys) {
	t.Helper()
	s := keyring.Quick(keyring.Source{Dir: filepath.Join(t.TempDir(), "keys"), Origin: origin})
	k, err := keyring.Load(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	return s, k
}

func write(t *testing.T, file, text string) string {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func load(t *testing.T, s keyring.Source) keys.Keys {
	t.Helper()
	k, err := keyring.Load(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestEncryptedKeysComeBack(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	hybrid, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"a passphrase": "eight plain words that nobody says\n", "an identity": "# made today\n" + id.String() + "\n", "a hybrid identity": hybrid.String() + "\n"} {
		t.Run(name, func(t *testing.T) {
			s, plain := newSource(t)
			s.Identity = write(t, filepath.Join(t.TempDir(), "identity"), text)
			if err := keyring.Encrypt(ctx, s); err != nil {
				t.Fatal(err)
			}
			files, err := os.ReadDir(s.Dir)
			if err != nil || len(files) != 2 {
				t.Fatalf("%d files are left beside each other, %v", len(files), err)
			}
			sealed, err := os.ReadFile(filepath.Join(s.Dir, keyring.FileSealed))
			if err != nil || strings.Contains(string(sealed), "PRIVATE+KEY") {
				t.Fatalf("the key is in there in the clear, %v", err)
			}
			if got := load(t, s); !reflect.DeepEqual(got, plain) {
				t.Error("other keys came back")
			}
			if _, err := keyring.RotateVRF(ctx, s, time.Date(2026, 12, 31, 23, 0, 0, 0, time.UTC)); err != nil {
				t.Fatal(err)
			}
			got := load(t, s)
			if len(got.VRFLater) != 1 || got.VRFLater[0].From != 202701 {
				t.Errorf("after the rotation of an encrypted key: %+v", got.VRFLater)
			}
			if err := keyring.Decrypt(ctx, s); err != nil {
				t.Fatal(err)
			}
			s.Identity = ""
			if again := load(t, s); !reflect.DeepEqual(again, got) {
				t.Error("other keys came back into plain files")
			}
		})
	}
}

func TestEncryptIsSafeToInterrupt(t *testing.T) {
	s, plain := newSource(t)
	s.Identity = write(t, filepath.Join(t.TempDir(), "identity"), "eight plain words that nobody says")
	text, err := keys.ReadKeyFiles(s.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := keyring.Encrypt(ctx, s); err != nil {
		t.Fatal(err)
	}
	// As if it had been killed before the plain files were removed.
	for name, t1 := range text {
		write(t, filepath.Join(s.Dir, name), t1)
	}
	if _, err := keyring.Load(ctx, s); postern.KindOf(err) != postern.Invalid {
		t.Errorf("plain keys beside encrypted ones: %v", err)
	}
	if err := keyring.Encrypt(ctx, s); err != nil {
		t.Fatal(err)
	}
	if got := load(t, s); !reflect.DeepEqual(got, plain) {
		t.Error("other keys came back")
	}
}

func TestWhatDoesNotOpen(t *testing.T) {
	s, _ := newSource(t)
	dir := t.TempDir()
	s.Identity = write(t, filepath.Join(dir, "identity"), "eight plain words that nobody says")
	if err := keyring.Encrypt(ctx, s); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		identity string
		kind     postern.Kind
	}{
		"nothing":            {"", postern.Invalid},
		"another passphrase": {write(t, filepath.Join(dir, "other"), "eight other words that nobody says"), postern.Denied},
		"a short one":        {write(t, filepath.Join(dir, "short"), "hunter2"), postern.Invalid},
	} {
		o := s
		o.Identity = c.identity
		if _, err := keyring.Load(ctx, o); postern.KindOf(err) != c.kind {
			t.Errorf("%s: %v", name, err)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error says the passphrase", name)
		}
	}
	if err := os.Chmod(s.Identity, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := keyring.Load(ctx, s); postern.KindOf(err) != postern.Denied {
		t.Errorf("a passphrase that others can read: %v", err)
	}
	if err := os.Chmod(s.Identity, 0o600); err != nil {
		t.Fatal(err)
	}
	sealed, err := os.ReadFile(filepath.Join(s.Dir, keyring.FileSealed))
	if err != nil {
		t.Fatal(err)
	}
	sealed[len(sealed)-1] ^= 1
	write(t, filepath.Join(s.Dir, keyring.FileSealed), string(sealed))
	if _, err := keyring.Load(ctx, s); postern.KindOf(err) != postern.Invalid {
		t.Errorf("a damaged file: %v", err)
	}
}

func TestKeysThatOthersCanRead(t *testing.T) {
	for _, name := range keys.KeyFiles() {
		s, _ := newSource(t)
		if err := os.Chmod(filepath.Join(s.Dir, name), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := keyring.Load(ctx, s)
		if public := name == keys.FileVKey; public != (err == nil) {
			t.Errorf("%s, readable by everybody: %v", name, err)
		}
	}
}

// A program in the shape of a key management service's: the test binary itself.
func TestMain(m *testing.M) {
	switch os.Getenv("KEYRING_TEST_PROGRAM") {
	case "open":
		b, err := os.ReadFile(os.Args[1])
		if err != nil {
			os.Exit(3)
		}
		os.Stdout.Write(b)
	case "sign", "sign64":
		seed, err := os.ReadFile(os.Args[1])
		if err != nil {
			os.Exit(3)
		}
		msg := make([]byte, 1<<16)
		n, _ := os.Stdin.Read(msg)
		sig := ed25519.Sign(ed25519.NewKeyFromSeed(seed), msg[:n])
		if os.Getenv("KEYRING_TEST_PROGRAM") == "sign64" {
			sig = []byte(base64.StdEncoding.EncodeToString(sig) + "\n")
		}
		os.Stdout.Write(sig)
	case "flood":
		for range 100 {
			os.Stdout.Write(make([]byte, 4096))
		}
	case "fail":
		os.Stdout.WriteString("the secret is swordfish")
		os.Stderr.WriteString("the secret is swordfish")
		os.Exit(7)
	default:
		os.Exit(m.Run())
	}
}

func TestKeysThatAProgramOpens(t *testing.T) {
	s, plain := newSource(t)
	text, err := keys.ReadKeyFiles(s.Dir)
	if err != nil {
		t.Fatal(err)
	}
	delete(text, keys.FileVKey)
	b, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	for name := range text {
		if err := os.Remove(filepath.Join(s.Dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	s.Open = []string{os.Args[0], write(t, filepath.Join(t.TempDir(), "bundle"), string(b))}
	t.Setenv("KEYRING_TEST_PROGRAM", "open")
	if got := load(t, s); !reflect.DeepEqual(got, plain) {
		t.Error("other keys came back")
	}
	if _, err := keyring.RotateReceipt(ctx, s); postern.KindOf(err) != postern.Invalid {
		t.Errorf("a change of what a program opens: %v", err)
	}
	for _, how := range []string{"fail", "flood"} {
		t.Setenv("KEYRING_TEST_PROGRAM", how)
		if _, err := keyring.Load(ctx, s); err == nil || strings.Contains(err.Error(), "swordfish") {
			t.Errorf("%s: %v", how, err)
		}
	}
}

// moduleKey makes a key pair, and files as a module would give them.
func moduleKey(t *testing.T) (public, seed string) {
	t.Helper()
	pub, priv, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	return write(t, filepath.Join(dir, "public.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))), write(t, filepath.Join(dir, "seed"), string(priv.Seed()))
}

func TestAProgramThatSigns(t *testing.T) {
	s, before := newSource(t)
	public, seed := moduleKey(t)
	if _, err := keyring.RotateLog(ctx, s, public); err != nil {
		t.Fatal(err)
	}
	// Until the config names the program, the old key goes on.
	if k := load(t, s); k.Log != before.Log || k.LogPublic != before.LogPublic {
		t.Errorf("before keys.sign is set: %q", k.LogPublic)
	}
	for _, how := range []string{"sign", "sign64"} {
		t.Setenv("KEYRING_TEST_PROGRAM", how)
		s.Sign = []string{os.Args[0], seed}
		k := load(t, s)
		if k.Log != "" || len(k.Retiring) != 1 || k.Retiring[0] != before.Log || k.Earlier[0] != before.LogPublic {
			t.Fatalf("the old key no longer signs beside the module's")
		}
		signed, err := note.Sign(&note.Note{Text: "a line\n"}, k.Signer)
		if err != nil {
			t.Fatal(err)
		}
		v, err := note.NewVerifier(k.LogPublic)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := note.Open(signed, note.VerifierList(v)); err != nil {
			t.Error(err)
		}
	}
	_, other := moduleKey(t)
	s.Sign = []string{os.Args[0], other}
	if _, err := note.Sign(&note.Note{Text: "a line\n"}, load(t, s).Signer); err == nil {
		t.Error("a signature by another key was taken")
	}
	s.Sign = []string{filepath.Join(t.TempDir(), "none")}
	if _, err := note.Sign(&note.Note{Text: "a line\n"}, load(t, s).Signer); err == nil {
		t.Error("a program that is not there signed")
	}
}

func TestRotations(t *testing.T) {
	s, before := newSource(t)
	may := time.Date(2026, 5, 14, 9, 0, 0, 0, time.UTC)
	if _, err := keyring.Retire(ctx, s); postern.KindOf(err) != postern.NotFound {
		t.Errorf("nothing to retire: %v", err)
	}
	if _, err := keyring.RotateLog(ctx, s, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := keyring.RotateVRF(ctx, s, may); err != nil {
		t.Fatal(err)
	}
	if _, err := keyring.RotateVRF(ctx, s, may); postern.KindOf(err) != postern.Conflict {
		t.Errorf("two VRF keys for one month: %v", err)
	}
	if _, err := keyring.RotateReceipt(ctx, s); err != nil {
		t.Fatal(err)
	}
	k := load(t, s)
	if k.Log == before.Log || k.LogPublic == before.LogPublic || !reflect.DeepEqual(k.Retiring, []string{before.Log}) || !reflect.DeepEqual(k.Earlier, []string{before.LogPublic}) {
		t.Errorf("the log's keys: %d retiring, earlier %v", len(k.Retiring), k.Earlier)
	}
	if string(k.VRF) != string(before.VRF) || len(k.VRFLater) != 1 || k.VRFLater[0].From != 202606 {
		t.Errorf("the VRF's keys: %d later", len(k.VRFLater))
	}
	if k.Receipt.Equal(before.Receipt) || k.Wrap != before.Wrap {
		t.Error("the receipts' key is the old one, or the wrapping key is not")
	}
	if _, err := keyring.Retire(ctx, s); err != nil {
		t.Fatal(err)
	}
	if k := load(t, s); len(k.Retiring) != 0 || len(k.Earlier) != 1 {
		t.Errorf("after retiring: %d retiring, %d earlier", len(k.Retiring), len(k.Earlier))
	}
}

// Log.vkey is written before log.key. A crash between them leaves the old key at work.
func TestARotationCutShort(t *testing.T) {
	s, before := newSource(t)
	old, err := os.ReadFile(filepath.Join(s.Dir, keys.FileLog))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keyring.RotateLog(ctx, s, ""); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(s.Dir, keys.FileLog), string(old))
	if k := load(t, s); k.Log != before.Log || k.LogPublic != before.LogPublic {
		t.Errorf("the old private key goes with the public key %q", k.LogPublic)
	}
}
