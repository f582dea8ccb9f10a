package keys_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/ledger/keys"
)

const origin = "mx.example.org/ledger"

func TestKeysAreMadeOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	made, err := keys.LoadKeys(dir, origin)
	if err != nil {
		t.Fatal(err)
	}
	again, err := keys.LoadKeys(dir, origin)
	if err != nil || !reflect.DeepEqual(made, again) {
		t.Fatalf("the keys came back different, %v", err)
	}
	if _, err := keys.LoadKeys(dir, "elsewhere.example"); postern.KindOf(err) != postern.Invalid {
		t.Errorf("another log's keys: %v", err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 5 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		name := filepath.Join(dir, f.Name())
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		if secret := f.Name() != "log.vkey"; secret && info.Mode().Perm() != 0o600 {
			t.Errorf("%s is readable by others: %v", f.Name(), info.Mode())
		}
		whole, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if f.Name() != "log.vkey" { // Open compares that one with log.key
			if err := os.WriteFile(name, []byte("not a key\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := keys.LoadKeys(dir, origin)
			if err == nil || strings.Contains(err.Error(), "not a key") {
				t.Errorf("a damaged %s: %v", f.Name(), err)
			}
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		// New keys beside old ones would look like tampering.
		if _, err := keys.LoadKeys(dir, origin); postern.KindOf(err) != postern.Invalid {
			t.Errorf("without %s: %v", f.Name(), err)
		}
		if err := os.WriteFile(name, whole, info.Mode()); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"", "a b", "a+b"} {
		if _, err := keys.NewKeys(name); err == nil {
			t.Errorf("a log named %q", name)
		}
	}
}
