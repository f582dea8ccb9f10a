package verify

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Proofs are kept for years by people who got them once: the files of version 1
// must verify for ever, byte for byte as they were handed out, and say the same.
func TestGoldenFiles(t *testing.T) {
	w := newWorld(t)
	files := map[string][]byte{
		"policy":      []byte("# whom to believe\nlog " + w.policy.Logs[0].String() + "\nquorum none\n"),
		"checkpoint":  w.record.Checkpoint,
		"inclusion":   w.inclusionFile(t, 5, 3),
		"consistency": ConsistencyProof{w.consistency(3, 5), w.sign(t, w.at(3), w.signer), w.record.Checkpoint}.Marshal(),
		"record":      w.record.Marshal(),
		"control":     w.grant.Marshal(),
	}
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join("testdata", "v1", name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	if *update {
		if err := os.MkdirAll(filepath.Join("testdata", "v1"), 0o755); err != nil {
			t.Fatal(err)
		}
		for name, b := range files {
			if err := os.WriteFile(filepath.Join("testdata", "v1", name), b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	policy, err := ParsePolicy(read("policy"))
	if err != nil {
		t.Fatal(err)
	}
	for name, check := range map[string]func([]byte, Policy) Report{
		"checkpoint": CheckCheckpoint, "inclusion": CheckInclusionFile, "consistency": CheckConsistencyFile,
		"record": CheckRecordFile, "control": CheckRecordFile,
	} {
		r := check(read(name), policy)
		keepVector(t, strings.Replace(name, "control", "record", 1), "true "+name, read(name), policy, r)
		if r.Verdict != Verified {
			t.Errorf("%s: %s", name, r.Text("en"))
		}
		for _, lang := range []string{"en", "fr"} {
			file := filepath.Join("testdata", "v1", name+"."+lang)
			if *update {
				if err := os.WriteFile(file, []byte(r.Text(lang)), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want := string(read(name + "." + lang)); r.Text(lang) != want {
				t.Errorf("%s in %s:\n%swant:\n%s", name, lang, r.Text(lang), want)
			}
		}
	}
}
