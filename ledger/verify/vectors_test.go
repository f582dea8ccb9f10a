package verify

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// vectorDir has the test vectors of docs/ledger-format.md: what the tables of this
// package's tests try, as files that any verifier can be tried with.
var vectorDir = filepath.Join("..", "testdata", "v1")

// vector is one file and what a verifier has to say of it.
type vector struct {
	File    string  `json:"file"`
	Kind    string  `json:"kind"`
	Policy  string  `json:"policy"`
	Verdict Verdict `json:"-"`
	Said    string  `json:"verdict"`
	Why     Why     `json:"why"`
	About   string  `json:"about"`
}

// vectors collects them while the tests run with -update.
var vectors struct {
	list     []vector
	files    map[string][]byte
	policies map[string]string // text to file
}

// keepVector makes a vector of what a test has just tried.
func keepVector(t testing.TB, kind, about string, file []byte, p Policy, r Report) {
	if !*update || len(file) > 128<<10 {
		return
	}
	t.Helper()
	if vectors.files == nil {
		vectors.files, vectors.policies = map[string][]byte{}, map[string]string{}
	}
	name := ""
	if kind != "replay" {
		text := string(p.Marshal())
		if _, err := ParsePolicy([]byte(text)); err != nil {
			return // a reader who believes nobody has no policy file
		}
		if name = vectors.policies[text]; name == "" {
			name = fmt.Sprintf("policy-%02d.txt", len(vectors.policies)+1)
			vectors.policies[text], vectors.files[name] = name, []byte(text)
		}
	}
	slug := strings.Trim(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(about)), "-")
	for strings.Contains(slug, "--") {
		slug = strings.ReplaceAll(slug, "--", "-")
	}
	v := vector{File: kind + "/" + slug, Kind: kind, Policy: name, Said: r.Verdict.String(), Why: r.Why, About: about}
	if old, ok := vectors.files[v.File]; ok {
		if bytes.Equal(old, file) {
			return // a test that ran more than once
		}
		t.Fatalf("two vectors are called %s", v.File)
	}
	vectors.files[v.File] = slices.Clone(file)
	vectors.list = append(vectors.list, v)
}

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if *update && code == 0 && len(vectors.list) > 0 {
		if err := writeVectors(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

func writeVectors() error {
	if err := os.RemoveAll(vectorDir); err != nil {
		return err
	}
	for name, b := range vectors.files {
		path := filepath.Join(vectorDir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			return err
		}
	}
	slices.SortFunc(vectors.list, func(a, b vector) int { return strings.Compare(a.File, b.File) })
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	b.WriteString("[\n")
	for i, v := range vectors.list {
		if err := e.Encode(v); err != nil {
			return err
		}
		if i < len(vectors.list)-1 {
			b.Truncate(b.Len() - 1)
			b.WriteString(",\n")
		}
	}
	b.WriteString("]\n")
	return os.WriteFile(filepath.Join(vectorDir, "vectors.json"), b.Bytes(), 0o644)
}

// leafFile is leaves as an entry bundle has them, however many.
func leafFile(leaves [][]byte) (b []byte) {
	for _, l := range leaves {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(l))), l...)
	}
	return b
}

func checkReplayFile(file []byte, _ Policy) Report {
	r := newReport("replay")
	var leaves [][]byte
	for len(file) > 2 {
		n := int(binary.BigEndian.Uint16(file))
		leaves, file = append(leaves, file[2:2+n]), file[2+n:]
	}
	if _, err := Replay(seq(leaves)); err != nil {
		return r.refuse(&Refusal{Why: "replay", Err: err})
	}
	return r.done()
}

var vectorChecks = map[string]func([]byte, Policy) Report{
	"checkpoint": CheckCheckpoint, "inclusion": CheckInclusionFile, "consistency": CheckConsistencyFile, "record": CheckRecordFile,
	"non-access": CheckNonAccessFile, "statement": CheckStatementFile, "replay": checkReplayFile,
}

// Every verifier gives these verdicts for these files, for ever.
func TestVectors(t *testing.T) {
	if *update {
		return // they are being written
	}
	read := func(name string) []byte {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(vectorDir, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var list []vector
	if err := json.Unmarshal(read("vectors.json"), &list); err != nil {
		t.Fatal(err)
	}
	type tally struct{ good, bad int }
	kinds := map[string]tally{}
	listed := map[string]bool{"vectors.json": true}
	for _, v := range list {
		var p Policy
		if v.Policy != "" {
			var err error
			if p, err = ParsePolicy(read(v.Policy)); err != nil {
				t.Fatal(v.Policy, err)
			}
		}
		listed[v.File], listed[v.Policy] = true, true
		check := vectorChecks[v.Kind]
		if check == nil {
			t.Fatalf("%s is of kind %q", v.File, v.Kind)
		}
		r := check(read(v.File), p)
		if r.Verdict.String() != v.Said || r.Why != v.Why {
			t.Errorf("%s: %s because %q, and it should be %s because %q", v.File, r.Verdict, r.Why, v.Said, v.Why)
		}
		k := kinds[v.Kind]
		if v.Said == Verified.String() {
			k.good++
		} else {
			k.bad++
		}
		kinds[v.Kind] = k
	}
	for kind := range vectorChecks {
		if k := kinds[kind]; k.bad < 4 || k.good < 1 && kind != "statement" {
			t.Errorf("%s: %d vectors that verify and %d that do not", kind, k.good, k.bad)
		}
	}
	err := filepath.WalkDir(vectorDir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(vectorDir, path)
		if err == nil && !listed[filepath.ToSlash(name)] {
			t.Errorf("%s is in no list", name)
		}
		return err
	})
	if err != nil || len(list) < 120 {
		t.Errorf("%d vectors, %v", len(list), err)
	}
}
