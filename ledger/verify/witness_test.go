package verify

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

// newWitness makes a witness, and its line of a policy.
// newWitness is the witness of a name, always with the same key.
func newWitness(t testing.TB, name string) (Cosigner, string) {
	t.Helper()
	full := name + ".example/witness"
	seed := sha256.Sum256([]byte(full))
	public := ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey)
	typed := append([]byte{algCosignature}, public...)
	vkey := full + "+" + keyID(full, typed) + "+" + base64.StdEncoding.EncodeToString(typed)
	skey := privateLabel + full + "+" + keyID(full, typed) + "+" + base64.StdEncoding.EncodeToString(append([]byte{algCosignature}, seed[:]...))
	c, err := NewCosigner(skey)
	if err != nil || c.VerifierKey() != vkey {
		t.Fatalf("the private key's public half is %q, %v", c.VerifierKey(), err)
	}
	return c, "witness " + name + " " + vkey + "\n"
}

func TestWitnessPolicies(t *testing.T) {
	_, vkey := newKey(t, "log.example", 1)
	log := "log " + vkey + "\n"
	_, a := newWitness(t, "a")
	_, b := newWitness(t, "b")
	_, c := newWitness(t, "c")
	abc := log + a + b + c
	for _, x := range []struct {
		name, text string
		yes, no    string // which witnesses satisfy, and which do not: "a ab", one word a set
	}{
		{"none", abc + "quorum none\n", "- a", ""},
		{"one", abc + "quorum b\n", "b abc", "- a ac"},
		{"any", abc + "group g any a b\nquorum g\n", "a b ab", "- c"},
		{"all", abc + "group g all a b c\nquorum g\n", "abc", "- ab bc c"},
		{"two of three", abc + "group g 2 a b c\nquorum g\n", "ab ac bc abc", "- a b c"},
		{"nested", abc + "group x any a b\ngroup y all x c\nquorum y\n", "ac bc abc", "- a ab c"},
		{"comments and tabs", log + "# who\n\n" + strings.ReplaceAll(a, " ", "\t") + "quorum a # why\n", "", "refused"},
		{"tabs", log + strings.ReplaceAll(a, " ", "\t") + "quorum\ta\r\n", "a", "-"},
	} {
		p, err := ParsePolicy([]byte(x.text))
		if x.no == "refused" {
			if err == nil {
				t.Errorf("%s: was read", x.name)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", x.name, err)
			continue
		}
		again, err := ParsePolicy(p.Marshal())
		if err != nil || string(again.Marshal()) != string(p.Marshal()) {
			t.Errorf("%s: comes back as %q, %v", x.name, p.Marshal(), err)
		}
		for want, sets := range map[bool]string{true: x.yes, false: x.no} {
			for _, set := range strings.Fields(sets) {
				if got := again.Satisfied(func(w string) bool { return strings.Contains(set, w) }); got != want {
					t.Errorf("%s: %q satisfies: %v", x.name, set, got)
				}
			}
		}
	}
	for name, text := range map[string]string{
		"one witness under two names":  log + a + strings.Replace(a, "witness a ", "witness b ", 1) + "quorum a\n",
		"a name twice":                 log + a + strings.Replace(b, "witness b ", "witness a ", 1) + "quorum a\n",
		"a witness called none":        log + strings.Replace(a, "witness a ", "witness none ", 1) + "quorum none\n",
		"a group of strangers":         log + a + "group g any a z\nquorum g\n",
		"a group of itself":            log + a + "group g any a g\nquorum g\n",
		"a member twice":               log + a + "group g 2 a a\nquorum g\n",
		"three of two":                 log + a + b + "group g 3 a b\nquorum g\n",
		"none of two":                  log + a + b + "group g 0 a b\nquorum g\n",
		"a number with a zero":         log + a + b + "group g 01 a b\nquorum g\n",
		"a group without members":      log + a + "group g any\nquorum a\n",
		"a quorum of strangers":        log + a + "quorum b\n",
		"a quorum before its witness":  log + "quorum a\n" + a,
		"two quorums":                  log + a + "quorum a\nquorum none\n",
		"two maps":                     log + a + "quorum a\nmap a\nmap none\n",
		"a map of strangers":           log + a + "quorum a\nmap b\n",
		"a log's key as a witness'":    log + "witness w " + vkey + "\nquorum w\n",
		"a witness' key as a log's":    "log " + strings.Fields(a)[2] + "\nquorum none\n",
		"an id that is not the key's":  log + strings.Replace(a, "+", "+0", 1) + "quorum a\n",
		"no quorum":                    log + a,
		"more than a policy ever says": log + strings.Repeat("#", maxPolicy) + "\nquorum none\n",
	} {
		if p, err := ParsePolicy([]byte(text)); err == nil || whyOf(err).verdict() != CannotTell {
			t.Errorf("%s: %d witnesses, %v", name, len(p.Witnesses), err)
		}
	}
}

func TestMapLine(t *testing.T) {
	_, vkey := newKey(t, "log.example", 1)
	_, a := newWitness(t, "a")
	text := "log " + vkey + " https://log.example\n" + a + "quorum a\n"
	for line, want := range map[string][3]bool{ // asked, none, satisfied by nobody
		"": {false, false, true}, "map none\n": {false, true, true}, "map a\n": {true, false, false},
	} {
		p, err := ParsePolicy([]byte(text + line))
		if err != nil {
			t.Fatal(err)
		}
		if got := [3]bool{p.MapAsked(), p.MapNone(), p.MapSatisfied(func(string) bool { return false })}; got != want {
			t.Errorf("%q: %v, want %v", line, got, want)
		}
		if p.URLs[0] != "https://log.example" {
			t.Errorf("the log's address is %q", p.URLs[0])
		}
	}
}

func TestCosignatures(t *testing.T) {
	w := newWorld(t)
	signed := w.record.Checkpoint
	text, err := CheckpointText(signed)
	if err != nil {
		t.Fatal(err)
	}
	a, lineA := newWitness(t, "a")
	b, lineB := newWitness(t, "b")
	stranger, _ := newWitness(t, "c")
	p, err := ParsePolicy([]byte("log " + w.policy.Logs[0].String() + "\n" + lineA + lineB + "group g all a b\nquorum g\n"))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1_780_000_000, 0)
	sign := func(c Cosigner, text string, at time.Time) string {
		t.Helper()
		line, err := c.Sign(text, at)
		if err != nil {
			t.Fatal(err)
		}
		return line
	}
	add := func(lines ...string) []byte {
		t.Helper()
		f, err := AddSignatures(signed, lines...)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	other := w.at(3).Body()
	flipped := []byte(sign(b, text, at))
	flipped[len(flipped)-10] ^= 1
	for _, c := range []struct {
		name string
		file []byte
		want map[string]uint64
	}{
		{"nobody", signed, map[string]uint64{}},
		{"both", add(sign(a, text, at), sign(b, text, at.Add(time.Minute))), map[string]uint64{"a": 1_780_000_000, "b": 1_780_000_060}},
		{"a stranger", add(sign(stranger, text, at)), map[string]uint64{}},
		{"of another checkpoint", add(sign(a, other, at)), map[string]uint64{}},
		{"far in the future", add(sign(a, text, time.Unix(1<<50, 0))), map[string]uint64{}},
		{"twice", append(bytes.Clone(add(sign(a, text, at.Add(time.Hour)))), sign(a, text, at)...), map[string]uint64{"a": 1_780_003_600}},
		{"one bit off", append(bytes.Clone(add(sign(a, text, at))), flipped...), map[string]uint64{"a": 1_780_000_000}},
	} {
		got, err := p.Cosignatures(c.file)
		if err != nil && c.name != "one bit off" {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if err == nil && len(got) != len(c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		for name, when := range got {
			if c.want[name] != when {
				t.Errorf("%s: %s at %d, want %d", c.name, name, when, c.want[name])
			}
		}
	}
	// Another implementation reads what ours signed, and the other way round.
	theirs, err := fnote.NewVerifierForCosignatureV1(a.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := note.Open(add(sign(a, text, at)), note.VerifierList(theirs)); err != nil {
		t.Error(err)
	}
	skey, vkey, _ := GenerateWitnessKey("theirs.example")
	signer, err := fnote.NewSignerForCosignatureV1(skey)
	if err != nil {
		t.Fatal(err)
	}
	again, err := note.Sign(&note.Note{Text: text}, signer)
	if err != nil {
		t.Fatal(err)
	}
	k, err := ParseWitnessKey(vkey)
	if err != nil {
		t.Fatal(err)
	}
	line := string(again[len(text)+1:])
	if when, ok := k.Check(text, line); !ok || time.Since(time.Unix(int64(when), 0)) > time.Hour {
		t.Errorf("their cosignature %q: %d, %v", line, when, ok)
	}
	for name, line := range map[string]string{"a word": "x", "no dash": "- a AAAA\n", "two lines": sign(a, text, at) + sign(b, text, at), "bad base64": "— a A===\n"} {
		if _, err := AddSignatures(signed, line); err == nil {
			t.Errorf("%s was added", name)
		}
	}
}

func TestWitnessPrivateKeys(t *testing.T) {
	skey, _, err := GenerateWitnessKey("w.example")
	if err != nil {
		t.Fatal(err)
	}
	logSigner, _, err := note.GenerateKey(rand.Reader, "w.example")
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"another name":   strings.Replace(skey, "w.example", "x.example", 1),
		"cut":            skey[:len(skey)-4],
		"not private":    strings.TrimPrefix(skey, "PRIVATE+KEY+"),
		"a log's":        logSigner,
		"nothing at all": "",
	} {
		if _, err := NewCosigner(bad); err == nil {
			t.Errorf("%s: was read", name)
		} else if strings.Contains(err.Error(), "w.example") {
			t.Errorf("%s: the error tells of the key", name)
		}
	}
	if _, _, err := GenerateWitnessKey("a b"); err == nil {
		t.Error("a name with a space")
	}
}

func FuzzPolicy(f *testing.F) {
	_, vkey := newKey(f, "log.example", 1)
	_, a := newWitness(f, "a")
	f.Add([]byte("log " + vkey + " https://log.example\n" + a + "group g 1 a\nquorum g\nmap none\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := ParsePolicy(text)
		if err != nil {
			return
		}
		again, err := ParsePolicy(p.Marshal())
		if err != nil || string(again.Marshal()) != string(p.Marshal()) {
			t.Fatalf("%q comes back as %q, %v", text, p.Marshal(), err)
		}
		if p.Satisfied(func(string) bool { return false }) && p.Quorum() {
			t.Fatalf("%q is satisfied by nobody", text)
		}
	})
}
