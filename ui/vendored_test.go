package ui

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"regexp"
	"strings"
	"testing"
)

// What other people wrote is here as they published it, with their licence.
func TestVendoredFiles(t *testing.T) {
	files := sub(t, "vendored")
	list, err := fs.ReadFile(files, "SHA256SUMS")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for s := bufio.NewScanner(bytes.NewReader(list)); s.Scan(); {
		if sum, name, ok := strings.Cut(s.Text(), "  "); ok && !strings.HasPrefix(sum, "#") {
			want[name] = sum
		}
	}
	licences := map[string]bool{}
	err = fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || name == "SHA256SUMS" {
			return err
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		folder, base, _ := strings.Cut(name, "/")
		if base == "LICENSE" {
			licences[folder] = true
		}
		sum := sha256.Sum256(text)
		if got := hex.EncodeToString(sum[:]); got != want[name] {
			t.Errorf("%s is not as it came: %s, the list has %q", name, got, want[name])
		}
		delete(want, name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range want {
		t.Errorf("%s is listed and gone", name)
	}
	for _, folder := range []string{"htmx", "lucide"} {
		if !licences[folder] {
			t.Errorf("%s has no licence beside it", folder)
		}
		if !regexp.MustCompile(`(?m)^# ` + folder + `\S* \d+\.\d+\.\d+, `).Match(list) {
			t.Errorf("the list does not say which version of %s this is", folder)
		}
	}
}
