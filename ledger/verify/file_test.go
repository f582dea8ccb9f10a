package verify

import (
	"bytes"
	"encoding/base64"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/postern-mail/postern/ledger/verify/wording"
	"golang.org/x/mod/sumdb/note"
)

const testOrigin = "ledger.outlook.example"

func whyOf(err error) Why {
	var r *Refusal
	if errors.As(err, &r) {
		return r.Why
	}
	if err != nil {
		return "?"
	}
	return ""
}

// world is a small log with one disclosure and one control record that can be opened.
type world struct {
	stored
	signer note.Signer
	policy Policy
	record RecordProof
	grant  RecordProof
}

func newKey(t testing.TB, name string, seed byte) (note.Signer, string) {
	t.Helper()
	skey, vkey, err := note.GenerateKey(rand.NewChaCha8([32]byte{seed}), name)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	return signer, vkey
}

func (w *world) sign(t testing.TB, c Checkpoint, signers ...note.Signer) []byte {
	t.Helper()
	b, err := note.Sign(&note.Note{Text: c.Body()}, signers...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{}
	var vkey string
	w.signer, vkey = newKey(t, testOrigin, 1)
	var err error
	if w.policy, err = ParsePolicy([]byte("log " + vkey + "\nquorum none\n")); err != nil {
		t.Fatal(err)
	}
	prover, pk, err := NewProver(unhex(vectorSK))
	if err != nil {
		t.Fatal(err)
	}
	series := SeriesLeaf{Series: 202511, StartMS: 1761955200000, EndMS: 1764547200000, Suite: 1, PublicKey: pk}.Marshal()
	w.add(series[:])
	rec, _ := listed.Marshal()
	salt := [32]byte{1, 2, 3}
	proof, out := prover.Prove(Alpha(202511, listed.Account, listed.Tier, 1))
	tag, _ := Tag(out)
	leaf := DisclosureLeaf{tag, DisclosureCommitment(salt, rec)}.Marshal()
	w.add(leaf[:])
	ctl, _ := act.Marshal()
	granted := ControlLeaf{act.Kind, ControlCommitment(salt, ctl)}.Marshal()
	w.add(granted[:])
	var m Map
	if err := m.Insert(Entry{Tag: tag, Index: 1}); err != nil {
		t.Fatal(err)
	}
	epoch := EpochLeaf{Epoch: 1, Covered: 3, TimeMS: 1764000001000, Tags: 1, MapRoot: m.Root()}.Marshal()
	w.add(epoch[:])
	w.add(granted[:])

	cp := w.sign(t, w.at(5), w.signer)
	w.record = RecordProof{Record: rec, Salt: salt, Index: 1, Path: w.inclusion(5, 1), Checkpoint: cp,
		Stream: &StreamProof{N: 1, VRF: proof, SeriesLeaf: series[:], SeriesIndex: 0, SeriesPath: w.inclusion(5, 0)}}
	w.grant = RecordProof{Record: ctl, Salt: salt, Index: 2, Path: w.inclusion(5, 2), Checkpoint: cp}
	return w
}

func (w *world) inclusionFile(t testing.TB, size, index int64) []byte {
	return InclusionProof{w.leaves[index], index, w.inclusion(size, index), w.sign(t, w.at(size), w.signer)}.Marshal()
}

func TestTrueFilesVerify(t *testing.T) {
	w := newWorld(t)
	for name, r := range map[string]Report{
		"checkpoint":  CheckCheckpoint(w.record.Checkpoint, w.policy),
		"inclusion":   CheckInclusionFile(w.inclusionFile(t, 5, 3), w.policy),
		"consistency": CheckConsistencyFile(ConsistencyProof{w.consistency(3, 5), w.sign(t, w.at(3), w.signer), w.record.Checkpoint}.Marshal(), w.policy),
		"record":      CheckRecordFile(w.record.Marshal(), w.policy),
		"control":     CheckRecordFile(w.grant.Marshal(), w.policy),
	} {
		if r.Verdict != Verified || r.Why != "" {
			t.Errorf("%s: %s", name, r.Text("en"))
		}
	}
}

func TestRecordTampering(t *testing.T) {
	for _, c := range []struct {
		name string
		bend func(w *world, p *RecordProof)
		want Why
	}{
		{"other account", func(w *world, p *RecordProof) { p.Record = remade(func(d *Disclosure) { d.Account = id(8) }) }, WhyTag},
		{"lower tier", func(w *world, p *RecordProof) { p.Record = remade(func(d *Disclosure) { d.Tier = 3 }) }, WhyTag},
		{"a message fewer", func(w *world, p *RecordProof) { p.Record = remade(func(d *Disclosure) { d.Messages = d.Messages[:1] }) }, WhyInclusion},
		{"other staff", func(w *world, p *RecordProof) { p.Record = remade(func(d *Disclosure) { d.Staff = id(8) }) }, WhyInclusion},
		{"time edited", func(w *world, p *RecordProof) { p.Record = remade(func(d *Disclosure) { d.TimeMS++ }) }, WhyInclusion},
		{"another month", func(w *world, p *RecordProof) { p.Record = remade(func(d *Disclosure) { d.TimeMS = 1764547200000 }) }, WhySeries},
		{"trailing byte", func(w *world, p *RecordProof) { p.Record = append(slices.Clone(p.Record), 0) }, WhyRecord},
		{"salt", func(w *world, p *RecordProof) { p.Salt[0] ^= 1 }, WhyInclusion},
		{"number raised", func(w *world, p *RecordProof) { p.Stream.N = 2 }, WhyTag},
		{"number zero", func(w *world, p *RecordProof) { p.Stream.N = 0 }, WhyTag},
		{"VRF proof flipped", func(w *world, p *RecordProof) { p.Stream.VRF[40] ^= 1 }, WhyTag},
		{"foreign VRF proof", func(w *world, p *RecordProof) {
			k, _, _ := NewProver(append([]byte{7}, make([]byte, 31)...))
			p.Stream.VRF, _ = k.Prove(Alpha(202511, listed.Account, listed.Tier, 1))
		}, WhyTag},
		{"foreign VRF key", func(w *world, p *RecordProof) {
			k, pk, _ := NewProver(append([]byte{7}, make([]byte, 31)...))
			p.Stream.VRF, _ = k.Prove(Alpha(202511, listed.Account, listed.Tier, 1))
			leaf, _ := ParseLeaf(p.Stream.SeriesLeaf)
			series := leaf.(SeriesLeaf)
			series.PublicKey = pk
			b := series.Marshal()
			p.Stream.SeriesLeaf = b[:]
		}, WhyInclusion},
		{"series leaf of another kind", func(w *world, p *RecordProof) { p.Stream.SeriesLeaf = w.leaves[3] }, WhySeries},
		{"series elsewhere", func(w *world, p *RecordProof) { p.Stream.SeriesIndex = 1 }, WhyInclusion},
		{"index moved", func(w *world, p *RecordProof) { p.Index = 2 }, WhyInclusion},
		{"sibling flipped", func(w *world, p *RecordProof) { p.Path[0][3] ^= 1 }, WhyInclusion},
		{"sibling dropped", func(w *world, p *RecordProof) { p.Path = p.Path[1:] }, WhyInclusion},
		{"disclosure opened as control", func(w *world, p *RecordProof) { p.Stream = nil }, WhyRecord},
		{"control opened as disclosure", func(w *world, p *RecordProof) { s := p.Stream; *p = w.grant; p.Stream = s }, WhyRecord},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			c.bend(w, &w.record)
			r := CheckRecordFile(w.record.Marshal(), w.policy)
			keepVector(t, "record", c.name, w.record.Marshal(), w.policy, r)
			if r.Verdict != Refuted || r.Why != c.want {
				t.Errorf("verdict %v because %q (%s), want refuted because %q", r.Verdict, r.Why, r.Detail, c.want)
			}
		})
	}
}

func remade(bend func(*Disclosure)) []byte {
	d := listed
	d.Messages = slices.Clone(d.Messages)
	bend(&d)
	b, err := d.Marshal()
	if err != nil {
		panic(err)
	}
	return b
}

func TestFileTampering(t *testing.T) {
	w := newWorld(t)
	good := string(w.inclusionFile(t, 5, 3))
	rep := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("the file has no %q", old)
		}
		return strings.Replace(good, old, new, 1)
	}
	other, _ := newKey(t, testOrigin, 9)
	moved := w.at(5)
	moved.Size = 9
	hash := w.inclusion(5, 3)[0].String()
	loose := hash[:len(hash)-2] + string(hash[len(hash)-2]+1) + "="
	long := InclusionProof{w.leaves[3], 3, slices.Repeat(w.inclusion(5, 3)[:1], 65), w.record.Checkpoint}.Marshal()
	for _, c := range []struct {
		name, file string
		verdict    Verdict
		want       Why
	}{
		{"true", good, Verified, ""},
		{"another kind of file", "postern/non-access@v1\n", CannotTell, WhyUnknownFile},
		{"empty", "", CannotTell, WhyUnknownFile},
		{"index edited", rep("index 3", "index 2"), Refuted, WhyInclusion},
		{"index with a zero in front", rep("index 3", "index 03"), Refuted, WhyFormat},
		{"index with a sign", rep("index 3", "index +3"), Refuted, WhyFormat},
		{"non-canonical base64", rep(hash, loose), Refuted, WhyFormat},
		{"base64 without padding", rep(hash, strings.TrimRight(hash, "=")), Refuted, WhyFormat},
		{"one hash too many said", rep("path 3", "path 4"), Refuted, WhyFormat},
		{"65 hashes", string(long), Refuted, WhyFormat},
		{"trailing bytes", good + "x\n", Refuted, WhyFormat},
		{"no last line feed", good[:len(good)-1], Refuted, WhyFormat},
		{"CRLF", strings.ReplaceAll(good, "\n", "\r\n"), CannotTell, WhyUnknownFile},
		{"CRLF inside", rep("index 3\n", "index 3\r\n"), Refuted, WhyFormat},
		{"other origin", strings.ReplaceAll(good, testOrigin, "ledger.evil.example"), Refuted, WhyOrigin},
		{"size edited", rep("\n5\n", "\n6\n"), Refuted, WhySignature},
		{"size not canonical", rep("\n5\n", "\n05\n"), Refuted, WhyFormat},
		{"extension line", rep(w.at(5).Root.String()+"\n", w.at(5).Root.String()+"\nmore\n"), Refuted, WhyFormat},
		{"no signature", good[:strings.Index(good, "— ")], Refuted, WhyFormat},
		{"signed by another key", string(InclusionProof{w.leaves[3], 3, w.inclusion(5, 3), w.sign(t, w.at(5), other)}.Marshal()), Refuted, WhySignature},
		{"signed, but another size", string(InclusionProof{w.leaves[3], 3, w.inclusion(5, 3), w.sign(t, moved, w.signer)}.Marshal()), Refuted, WhyInclusion},
		{"too long", good + strings.Repeat("x", MaxProofFile), Refuted, WhyFormat},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := CheckInclusionFile([]byte(c.file), w.policy)
			keepVector(t, "inclusion", c.name, []byte(c.file), w.policy, r)
			if r.Verdict != c.verdict || r.Why != c.want {
				t.Errorf("verdict %v because %q (%s), want %v because %q", r.Verdict, r.Why, r.Detail, c.verdict, c.want)
			}
		})
	}
}

func TestConsistencyTampering(t *testing.T) {
	w := newWorld(t)
	older, newer := w.sign(t, w.at(3), w.signer), w.sign(t, w.at(5), w.signer)
	path := w.consistency(3, 5)
	flipped := slices.Clone(path)
	flipped[0][0] ^= 1
	forged := w.at(3)
	forged.Root[0] ^= 1
	fork := w.at(5)
	fork.Root[0] ^= 1
	for _, c := range []struct {
		name string
		p    ConsistencyProof
		want Why
	}{
		{"true", ConsistencyProof{path, older, newer}, ""},
		{"hash flipped", ConsistencyProof{flipped, older, newer}, WhyConsistency},
		{"hash dropped", ConsistencyProof{path[1:], older, newer}, WhyConsistency},
		{"checkpoints swapped", ConsistencyProof{path, newer, older}, WhyRollback},
		{"history rewritten", ConsistencyProof{path, w.sign(t, forged, w.signer), newer}, WhyConsistency},
		{"two faces", ConsistencyProof{nil, newer, w.sign(t, fork, w.signer)}, WhyFork},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := CheckConsistencyFile(c.p.Marshal(), w.policy)
			keepVector(t, "consistency", c.name, c.p.Marshal(), w.policy, r)
			if r.Why != c.want || (r.Verdict == Verified) != (c.want == "") {
				t.Errorf("verdict %v because %q (%s), want %q", r.Verdict, r.Why, r.Detail, c.want)
			}
		})
	}
}

// The example of c2sp.org/signed-note, which is also that of golang.org/x/mod/sumdb/note's format.
func TestKeysAndNotesOfOthers(t *testing.T) {
	k, err := ParseKey("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")
	if err != nil || !k.Supported() || k.Name() != "example.com/foo" {
		t.Fatalf("%v, %v", k, err)
	}
	msg := "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
	if _, err := note.Open([]byte(msg), note.VerifierList(k.verifier)); err != nil {
		t.Error(err)
	}
	for name, text := range map[string]string{
		"id of another":       "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
		"other name":          "example.com/bar+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
		"upper-case id":       "example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
		"a cosigner's type":   "example.com/foo+530d903a+BOkyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
		"short":               "example.com/foo+530d903a+AekyeRrm",
		"non-canonical":       "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2l",
		"nothing":             "",
		"a space in the name": "exa mple+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
	} {
		if _, err := ParseKey(text); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	// The example of c2sp.org/tlog-checkpoint: its text is one, whoever signed it.
	body := "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
	if c, err := ParseBody(body); err != nil || c.Size != 20852163 || c.Body() != body {
		t.Errorf("%+v, %v", c, err)
	}
}

// An ML-DSA-44 key can be named; with nothing else to go by the verdict is that nothing can be told.
func TestMLDSAIsNotGuessedAt(t *testing.T) {
	w := newWorld(t)
	key := append([]byte{algMLDSA44}, make([]byte, mldsa44KeySize)...)
	unsigned := base64.StdEncoding.EncodeToString(key)
	k, err := ParseKey(testOrigin + "+" + keyID(testOrigin, key) + "+" + unsigned)
	if err != nil || k.Supported() {
		t.Fatalf("%v, supported %v", err, k.Supported())
	}
	line := "— " + testOrigin + " " + base64.StdEncoding.EncodeToString(append(unhex(keyID(testOrigin, key)), make([]byte, 8+2420)...)) + "\n"
	only := Policy{Logs: []Key{k}}
	both := Policy{Logs: []Key{k, w.policy.Logs[0]}}
	cp := w.record.Checkpoint
	pq := append([]byte(w.at(5).Body()+"\n"), line...)
	for name, c := range map[string]struct {
		file []byte
		p    Policy
		v    Verdict
	}{
		"only ML-DSA asked and given":      {pq, only, CannotTell},
		"ML-DSA asked, Ed25519 given":      {cp, only, Refuted},
		"both asked, Ed25519 given":        {cp, both, Verified},
		"both given":                       {append(bytes.Clone(cp), line...), both, Verified},
		"no key asked":                     {cp, Policy{}, CannotTell},
		"Ed25519 asked, both given":        {append(bytes.Clone(cp), line...), w.policy, Verified},
		"Ed25519 asked, only ML-DSA given": {pq, w.policy, Refuted},
	} {
		r := CheckCheckpoint(c.file, c.p)
		keepVector(t, "checkpoint", name, c.file, c.p, r)
		if r.Verdict != c.v {
			t.Errorf("%s: %v (%s), want %v", name, r.Verdict, r.Detail, c.v)
		}
	}
}

func TestPolicies(t *testing.T) {
	_, a := newKey(t, "a.example", 1)
	_, b := newKey(t, "b.example", 2)
	for _, c := range []struct {
		name, text string
		logs       int // -1 refused
	}{
		{"two logs", "# ours\nlog " + a + " https://a.example/\n\n\tlog  " + b + "\nquorum none\n", 2},
		{"no quorum", "log " + a + "\n", -1},
		{"a key twice", "log " + a + "\nlog " + a + "\nquorum none\n", -1},
		{"a log as witness", "log " + a + "\nwitness w " + b + "\nquorum w\n", -1},
		{"unknown word", "lug " + a + "\nquorum none\n", -1},
	} {
		p, err := ParsePolicy([]byte(c.text))
		if (err != nil) != (c.logs < 0) || err == nil && len(p.Logs) != c.logs {
			t.Errorf("%s: %d logs, %v", c.name, len(p.Logs), err)
		}
		if err != nil && whyOf(err).verdict() != CannotTell {
			t.Errorf("%s: a policy this version cannot follow refutes nothing", c.name)
		}
	}
}

func TestReportsSpeakBothLanguages(t *testing.T) {
	for key, p := range wording.Phrases {
		if p.EN == "" || p.FR == "" {
			t.Errorf("%s lacks a language", key)
		}
	}
	w := newWorld(t)
	seen := map[string]bool{}
	files := []Report{CheckCheckpoint(w.record.Checkpoint, w.policy), CheckInclusionFile(w.inclusionFile(t, 5, 3), w.policy),
		CheckRecordFile(w.record.Marshal(), w.policy), CheckRecordFile(w.grant.Marshal(), w.policy),
		CheckConsistencyFile(ConsistencyProof{w.consistency(3, 5), w.sign(t, w.at(3), w.signer), w.record.Checkpoint}.Marshal(), w.policy)}
	for _, r := range files {
		for _, f := range r.Facts {
			seen["fact."+f.Name] = true
		}
		for _, l := range r.Limits {
			seen["limit."+l] = true
		}
		if len(r.Limits) == 0 {
			t.Errorf("%s does not say what it does not show", r.Subject)
		}
		seen["subject."+r.Subject] = true
	}
	for _, why := range []Why{WhyFormat, WhyOrigin, WhySignature, WhyInclusion, WhyConsistency, WhyRollback, WhyFork, WhyRecord,
		WhyTag, WhySeries, WhyUnknownFile, WhyPolicy, WhyAlgorithm, WhyWitness, WhyWindow, WhyStatement, WhyEpoch, WhyMap, WhyPlace,
		WhyAccessed, WhyProof, WhyEdge, WhyUnwitnessed, WhyErased, WhyWord} {
		seen["why."+string(why)] = true
	}
	for _, v := range []Verdict{Verified, Refuted, CannotTell} {
		seen["verdict."+v.String()] = true
	}
	for key := range seen {
		if _, ok := wording.Phrases[key]; !ok {
			t.Errorf("no phrase for %s", key)
		}
	}
	bad := CheckCheckpoint([]byte("x"), w.policy)
	if en, fr := bad.Text("en"), bad.Text("fr"); !strings.Contains(en, "REFUTED") || !strings.Contains(fr, "RÉFUTÉ") || !strings.Contains(fr, "Ce que cela ne montre pas") {
		t.Errorf("%s\n%s", en, fr)
	}
}

func FuzzCheckpoint(f *testing.F) {
	w := newWorld(f)
	f.Add(w.record.Checkpoint)
	f.Add([]byte("a\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n— a AAAAAAA=\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, _, err := splitCheckpoint(b); err == nil && !bytes.HasPrefix(b, []byte(c.Body()+"\n— ")) {
			t.Fatalf("%q parses but is not canonical", b)
		}
		if r := CheckCheckpoint(b, w.policy); r.Verdict == Verified && !bytes.HasPrefix(b, []byte(w.at(5).Body())) {
			t.Fatalf("%q verifies", b)
		}
	})
}

func FuzzProofFile(f *testing.F) {
	w := newWorld(f)
	f.Add(w.record.Marshal())
	f.Add(w.grant.Marshal())
	f.Add(w.inclusionFile(f, 5, 3))
	f.Add(ConsistencyProof{w.consistency(3, 5), w.sign(f, w.at(3), w.signer), w.record.Checkpoint}.Marshal())
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := ParseRecordProof(b); err == nil && !bytes.Equal(p.Marshal(), b) {
			t.Fatalf("%q is a record proof but not canonical", b)
		}
		if p, err := ParseInclusionProof(b); err == nil && !bytes.Equal(p.Marshal(), b) {
			t.Fatalf("%q is an inclusion proof but not canonical", b)
		}
		if p, err := ParseConsistencyProof(b); err == nil && !bytes.Equal(p.Marshal(), b) {
			t.Fatalf("%q is a consistency proof but not canonical", b)
		}
		for _, r := range []Report{CheckRecordFile(b, w.policy), CheckInclusionFile(b, w.policy), CheckConsistencyFile(b, w.policy)} {
			if r.Verdict != Verified && r.Why == "" || r.Text("fr") == "" {
				t.Fatalf("%q: a verdict without a reason", b)
			}
		}
	})
}
