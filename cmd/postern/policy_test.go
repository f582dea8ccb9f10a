package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postern-mail/postern/gate/policy"
)

func TestPolicyCommands(t *testing.T) {
	dir := t.TempDir()
	good, wide := filepath.Join(dir, "good.toml"), filepath.Join(dir, "wide.toml")
	for file, text := range map[string]string{
		good: "name = \"mine\"\n[tier.account]\nagree = \"case\"\nlongest = \"1h\"\n",
		wide: "name = \"mine\"\n[tier.account]\nagree = \"case\"\nlongest = \"1h\"\n[organisation.x.tier.account]\nagree = \"nobody\"\nlongest = \"1h\"\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config := filepath.Join(dir, "postern.toml")
	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"policy", "check", good}, 0, "in order"},
		{[]string{"policy", "check", wide}, 1, "line 6"},
		{[]string{"policy", "check", wide, "--json"}, 1, `"ok": false`},
		{[]string{"policy", "check", filepath.Join(dir, "none")}, 2, "strict, default, standing, or a file"},
		{[]string{"policy", "explain", "strict"}, 0, "outsourcers may not ask"},
		{[]string{"policy", "explain", "default", "--lang", "fr"}, 0, "sous-traitants"},
		{[]string{"policy", "explain", good, "--json"}, 0, `"tier": "account"`},
		{[]string{"policy", "diff", "default", "strict", "--no-looser"}, 0, "stricter"},
		{[]string{"policy", "diff", "strict", "default", "--no-looser"}, 1, "looser"},
		{[]string{"policy", "diff", good, good, "--json"}, 0, "[]"},
		{[]string{"quickstart", "you@example.org", "--config", config}, 0, ""},
		{[]string{"policy", "replay", "--policy", good, "--since", "2026-01-01", "--config", config}, 0, "0 entries"},
		{[]string{"policy", "replay", "--policy", "strict", "--since", "soon", "--config", config}, 1, "is no time"},
		{[]string{"policy", "--help"}, 0, "Example:"},
	} {
		status, stdout, stderr := call(t, "", c.args...)
		if status != c.status || !strings.Contains(stdout+stderr, c.says) {
			t.Errorf("postern %s: status %d, want %d; said %s%s", strings.Join(c.args, " "), status, c.status, stdout, stderr)
		}
	}
	_, stdout, _ := call(t, "", "policy", "replay", "--policy", "standing", "--json", "--config", config)
	var r policy.Report
	if err := json.Unmarshal([]byte(stdout), &r); err != nil || r.Policy != "standing" {
		t.Errorf("%v: %s", err, stdout)
	}
}
