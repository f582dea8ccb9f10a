package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postern-mail/postern/drill"
)

func call(t *testing.T, stdin string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out1, out2 bytes.Buffer
	status = run(context.Background(), args, out{&out1, &out2, strings.NewReader(stdin)})
	return status, out1.String(), out2.String()
}

func TestMistakesSayWhatToDo(t *testing.T) {
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken.toml")
	if err := os.WriteFile(broken, []byte("hostnme = \"x\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"contian"}, 2, `did you mean "contain"`},
		{[]string{"contain"}, 2, "--help"},
		{[]string{"serve", "--config", filepath.Join(dir, "none.toml")}, 1, "postern quickstart"},
		{[]string{"account", "list", "--config", broken}, 1, `did you mean "hostname"`},
		{[]string{"verify", "record", filepath.Join(dir, "none"), "--key", "x"}, 2, "verifier key"},
		{[]string{"drill", "no-such"}, 1, "redmond-2019"},
		{[]string{"drill", "--policy", filepath.Join(dir, "none")}, 2, "default, standing, or a file"},
		{[]string{"quickstart", "nobody"}, 1, "you@example.org"},
	} {
		t.Run(strings.Join(c.args[:1], " "), func(t *testing.T) {
			status, _, stderr := call(t, "", c.args...)
			if status != c.status || !strings.Contains(stderr, c.says) {
				t.Errorf("status %d, want %d; said %q, want %q", status, c.status, stderr, c.says)
			}
		})
	}
}

func TestHelpHasExamples(t *testing.T) {
	for _, command := range []string{"demo", "quickstart", "serve", "import", "export", "contain", "scope", "verify", "drill", "bench", "completion"} {
		status, stdout, stderr := call(t, "", command, "--help")
		if status != 0 || !strings.Contains(stdout, "Example:") {
			t.Errorf("postern %s --help: status %d, no example: %s%s", command, status, stdout, stderr)
		}
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if status, stdout, _ := call(t, "", "completion", shell); status != 0 || !strings.Contains(stdout, "redmond") && !strings.Contains(stdout, "contain") {
			t.Errorf("completion %s: status %d", shell, status)
		}
	}
}

// TestFirstSteps goes the way of quickstart's "Next".
func TestFirstSteps(t *testing.T) {
	config := filepath.Join(t.TempDir(), "postern.toml")
	steps := []struct {
		stdin string
		args  []string
		says  string
	}{
		{"", []string{"quickstart", "you@example.org"}, "MX 10 mx.example.org."},
		{"", []string{"quickstart", "you@example.org"}, "is there already and in order"},
		{"", []string{"staff", "organisation", "provider", "--name", "Example", "--kind", "provider"}, "added"},
		{"", []string{"staff", "add", "nadia@example.org", "--name", "Nadia", "--role", "agent"}, "http"},
		{"a long enough password\n", []string{"staff", "password", "nadia@example.org"}, "otpauth://"},
		{"a long enough password\n", []string{"account", "add", "you@example.org"}, "added you@example.org"},
		{"", []string{"account", "freeze", "you@example.org"}, "frozen"},
		{"", []string{"account", "list"}, "frozen"},
		{"", []string{"contain", "--credential", "nadia@example.org", "--dry-run"}, "would end 0 sessions"},
		{"", []string{"contain", "--credential", "nadia@example.org"}, "ledger position"},
		{"", []string{"scope", "--credential", "nadia@example.org"}, "0 accounts"},
	}
	for _, s := range steps {
		status, stdout, stderr := call(t, s.stdin, append(s.args, "--config", config)...)
		if status != 0 || !strings.Contains(stdout, s.says) {
			t.Fatalf("postern %s: status %d: %s%s", strings.Join(s.args, " "), status, stdout, stderr)
		}
	}
}

// TestScorecard holds the drill's JSON to its contract: these keys, no others.
func TestScorecard(t *testing.T) {
	const shape = `{"scenario":"redmond-2019","policy":"default","seed":1,
	 "thief":{"accounts_envelope":0,"accounts_content":0,"messages_content":0,"attempts":0,"refused":0},
	 "found":{"accounts_envelope":0,"accounts_content":0,"messages_content":0},
	 "missed":0,"extra":0,
	 "detect":{"seconds":0,"by":"rule"},"contain":{"ms":0,"disclosures_after":0},
	 "scope":{"ms":0},"notices":{"due":0,"sent":0,"twice":0,"wrong":0,"languages":{"fr":0,"en":0}},
	 "statements":{"asked":0,"proved":0,"refuted":0},"agents":{"cases":0,"delayed":0,"false_alerts":0},
	 "ledger":{"leaves":0,"verified":true}}`
	var want drill.Scorecard
	d := json.NewDecoder(strings.NewReader(shape))
	d.DisallowUnknownFields()
	if err := d.Decode(&want); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(shape)); err != nil {
		t.Fatal(err)
	}
	var a, b any
	if json.Unmarshal(text, &a) != nil || json.Unmarshal(compact.Bytes(), &b) != nil {
		t.Fatal("not JSON")
	}
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	if !bytes.Equal(x, y) {
		t.Errorf("the scorecard is\n%s\nand must be\n%s", x, y)
	}
}
