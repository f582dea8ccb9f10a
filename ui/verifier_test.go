package ui

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The browser's verifier is another implementation of docs/ledger-format.md than
// ledger/verify, and gives the same verdict and the same reason on every vector.
// What is served is what its source gives. It needs Node.js.
func TestVerifierInJavaScript(t *testing.T) {
	if os.Getenv("POSTERN_TEST_TOOLS") == "" {
		return // `make test` has them
	}
	dir := t.TempDir()
	built, program := filepath.Join(dir, "verifier.js"), filepath.Join(dir, "verifier.mjs")
	if out, err := exec.Command("./verifier/build.sh", built, program).CombinedOutput(); err != nil {
		t.Fatalf("couldn't build the verifier: %v\n%s", err, out)
	}
	want, err := os.ReadFile(built)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := own.ReadFile("static/verifier.js"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("static/verifier.js is not what ui/verifier gives: run ui/verifier/build.sh (%v)", err)
	}
	vectors := filepath.Join("..", "ledger", "testdata", "v1")
	read := func(name string) []byte {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(vectors, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var list []struct{ File, Kind, Policy, Verdict, Why string }
	if err := json.Unmarshal(read("vectors.json"), &list); err != nil {
		t.Fatal(err)
	}
	var input bytes.Buffer
	for _, v := range list {
		q := map[string]any{"kind": v.Kind, "file": read(v.File), "policy": []byte{}}
		if v.Policy != "" {
			q["policy"] = read(v.Policy)
		}
		line, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		input.Write(append(line, '\n'))
	}
	cmd := exec.Command("node", program)
	cmd.Stdin = &input
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	answers := bufio.NewScanner(bytes.NewReader(out))
	var took []float64
	for _, v := range list {
		var a struct {
			Verdict, Why, Detail string
			MS                   float64
		}
		if !answers.Scan() {
			t.Fatalf("no answer about %s", v.File)
		}
		if err := json.Unmarshal(answers.Bytes(), &a); err != nil {
			t.Fatal(err)
		}
		if a.Verdict != v.Verdict || a.Why != v.Why {
			t.Errorf("%s: %s because %q (%s), and it should be %s because %q", v.File, a.Verdict, a.Why, a.Detail, v.Verdict, v.Why)
		}
		if v.Kind == "non-access" {
			took = append(took, a.MS)
		}
	}
	slices.Sort(took)
	t.Logf("a proof of non-access: %.1f ms in the middle, %.1f ms at most", took[len(took)/2], took[len(took)-1])
}
