package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/node"
	"github.com/postern-mail/postern/testkit"
)

// A whole log, from outside: copied, exported, watched, and cosigned by a
// witness that its provider then asks for.
func TestALogFromOutside(t *testing.T) {
	ctx := context.Background()
	n := testkit.Start(t, testkit.Options{Config: func(c *node.Config) { c.Ledger.Publish.Duration = 0 }})
	if err := n.Do(ctx, "account.add", node.AccountIn{Address: "ana@example.org", Name: "Ana", Locale: "fr", Password: "correct horse battery"}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Ledger.Sequence(ctx); err != nil {
		t.Fatal(err)
	}
	log := ""
	for _, a := range n.Addresses() {
		if a.Name == "Ledger" {
			log = strings.Replace(a.URL, "ledger.localhost", "127.0.0.1", 1)
		}
	}
	dir := t.TempDir()
	key := filepath.Join(dir, "log.vkey")
	if err := os.WriteFile(key, []byte(n.LogKey()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ok := func(says string, args ...string) {
		t.Helper()
		if status, stdout, stderr := call(t, "", args...); status != 0 || !strings.Contains(stdout, says) {
			t.Fatalf("%v: %d\n%s%s", args, status, stdout, stderr)
		}
	}
	copied, exported, state := filepath.Join(dir, "copy"), filepath.Join(dir, "www"), filepath.Join(dir, "seen")
	ok("leaves copied", "verify", "mirror", log, copied, "--key", key)
	ok("verified", "verify", "replay", copied, "--key", key)
	ok("leaves copied", "ledger", "export", "--from", log, "--to", exported)
	ok("verified", "verify", "replay", exported, "--key", filepath.Join(exported, "log.vkey"))
	ok("leaves, root", "verify", "watch", log, "--key", key, "--state", state)
	ok("", "verify", "watch", exported, "--key", key, "--state", state)

	// Another history under the same name is evidence.
	other := testkit.Start(t, testkit.Options{})
	if _, err := other.Ledger.Sequence(ctx); err != nil {
		t.Fatal(err)
	}
	if status, _, stderr := call(t, "", "verify", "watch", log, "--key", other.LogKey(), "--state", state); status != 1 {
		t.Errorf("with another's key: %d %s", status, stderr)
	}
	for _, bad := range [][]string{
		{"verify", "mirror", "http://127.0.0.1:1", copied, "--key", key},
		{"verify", "watch", log, "--key", key, "--state", key},
		{"ledger", "export", "--from", log, "--to", "ftp://x"},
		{"verify", "cosign", "--policy", key, "--state", filepath.Join(dir, "w")},
	} {
		if status, _, stderr := call(t, "", bad...); status != 2 || stderr == "" {
			t.Errorf("%v: %d %s", bad, status, stderr)
		}
	}

	// A witness.
	logs := filepath.Join(dir, "logs.txt")
	if err := os.WriteFile(logs, []byte("log "+n.LogKey()+" "+log+"\nquorum none\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(ctx)
	r, w := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		status := run(running, []string{"verify", "cosign", "--policy", logs, "--name", "auditor.example/witness", "--state", filepath.Join(dir, "w"), "--listen", "127.0.0.1:0"}, out{w, io.Discard, strings.NewReader("")})
		w.Close()
		ended <- status
	}()
	line := ""
	for text := ""; !strings.Contains(text, "Listening"); {
		b := make([]byte, 4096)
		k, err := r.Read(b)
		if text += string(b[:k]); err != nil {
			t.Fatalf("it said %q", text)
		}
		for _, l := range strings.Split(text, "\n") {
			if l = strings.TrimSpace(l); strings.HasPrefix(l, "witness NAME ") {
				line = strings.Replace(l, "NAME", "auditor", 1)
			}
		}
	}
	go io.Copy(io.Discard, r)
	asks, err := verify.ParsePolicy([]byte("log " + n.LogKey() + "\n" + line + "\nquorum auditor\nmap auditor\n"))
	if err != nil {
		t.Fatal(line, err)
	}
	signed, err := n.Ledger.CheckpointFile(ctx)
	if err != nil {
		t.Fatal(err)
	}
	signed = cosignedBy(t, asks, signed)
	if report := verify.CheckCheckpoint(signed, asks); report.Verdict != verify.Verified {
		t.Error(report.Text("en"))
	}
	stop()
	if status := <-ended; status != 0 {
		t.Errorf("the witness ended with %d", status)
	}
}

// cosignedBy asks the policy's witness, as a log does.
func cosignedBy(t *testing.T, p verify.Policy, signed []byte) []byte {
	t.Helper()
	res, err := http.Post(p.Witnesses[0].URL+"/add-checkpoint", "text/plain", strings.NewReader("old 0\n\n"+string(signed)))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	line, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 200 {
		t.Fatalf("%s: %s, %v", res.Status, line, err)
	}
	out, err := verify.AddSignatures(signed, string(line))
	if err != nil {
		t.Fatal(err)
	}
	if times, err := p.Cosignatures(out); err != nil || len(times) != 1 {
		t.Fatal(times, err)
	}
	return out
}
