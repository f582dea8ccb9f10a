package main

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/postern-mail/postern/ledger/verify"
)

// What a watcher says of each thing that can happen to a log, and how it ends.
func TestWatch(t *testing.T) {
	dir := t.TempDir()
	skey, vkey, err := note.GenerateKey(rand.Reader, "log.example")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	secret, public, err := verify.GenerateWitnessKey("w.example")
	if err != nil {
		t.Fatal(err)
	}
	witness, err := verify.NewCosigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	policy, state, place := filepath.Join(dir, "policy"), filepath.Join(dir, "seen"), filepath.Join(dir, "log")
	write := func(file string, b []byte) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(policy, []byte("log "+vkey+"\nwitness w "+public+"\nquorum w\n"))
	// show publishes a log of so many leaves, all of them of this content, cosigned so long ago.
	show := func(n int, content byte, ago time.Duration) {
		t.Helper()
		var tree verify.Tree
		var tile []byte
		for i := range n {
			h := tlog.RecordHash([]byte{content, byte(i)})
			tree.Append([]byte{content, byte(i)})
			tile = append(tile, h[:]...)
		}
		if err := os.RemoveAll(place); err != nil {
			t.Fatal(err)
		}
		write(filepath.Join(place, "tile", "0", "000.p", strconv.Itoa(n)), tile)
		text := verify.Checkpoint{Origin: "log.example", Size: tree.Size(), Root: tree.Root()}.Body()
		signed, err := note.Sign(&note.Note{Text: text}, signer)
		if err != nil {
			t.Fatal(err)
		}
		if ago >= 0 {
			line, err := witness.Sign(text, time.Now().Add(-ago))
			if err != nil {
				t.Fatal(err)
			}
			signed = append(signed, line...)
		}
		write(filepath.Join(place, "checkpoint"), signed)
	}
	look := func(want int, says string) {
		t.Helper()
		status, stdout, stderr := call(t, "", "verify", "watch", place, "--policy", policy, "--state", state)
		if status != want || !strings.Contains(stdout+stderr, says) {
			t.Errorf("%d instead of %d: %s%s", status, want, stdout, stderr)
		}
	}
	show(3, 'a', 0)
	look(0, "3 leaves")
	show(5, 'a', time.Minute)
	look(0, "5 leaves")
	look(0, "")
	show(5, 'a', 3*time.Hour)
	look(2, "no quorum of witnesses has cosigned the log for 3h0m")
	show(6, 'a', -1)
	look(2, "witnesses")
	show(2, 'a', 0)
	look(2, "an older checkpoint")
	if err := os.RemoveAll(place); err != nil {
		t.Fatal(err)
	}
	look(2, "nor a folder")
	seen, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{5, 9} {
		show(n, 'b', 0)
		look(1, "together they are evidence")
		now, err := os.ReadFile(state)
		if err != nil || string(now) != string(seen) {
			t.Errorf("what was seen before is not kept: %v", err)
		}
		evidence, err := os.ReadFile(state + ".contradiction")
		if err != nil || !strings.HasPrefix(string(evidence), "log.example\n"+strconv.Itoa(n)+"\n") {
			t.Errorf("the evidence: %q, %v", evidence, err)
		}
	}
	show(7, 'a', 0)
	look(0, "7 leaves")
}
