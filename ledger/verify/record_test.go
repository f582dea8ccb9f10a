package verify

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func id(b byte) ID { return ID{0: b, 15: b} }

var (
	listed = Disclosure{ID: id(1), Account: id(2), Tier: 4, TimeMS: 1764000000000, Grant: id(3), Session: id(4), Staff: id(5),
		Reason: 1, Messages: []ID{id(6), id(7)}, Fields: 1 << 16, Node: "node-1"}
	rooted = Disclosure{ID: id(1), Account: id(2), Tier: 3, Reason: 5, Count: 1000, Root: h2, Node: "n"}
	act    = Control{ID: id(9), Kind: ControlGrant, TimeMS: 7, Account: id(2), Actor: id(5), Grant: id(3),
		Subject: []byte("credential"), Detail: []byte(`{"tier":"content"}`)}
)

func TestRecordsComeBack(t *testing.T) {
	empty := listed
	empty.Messages, empty.Node = nil, ""
	for _, d := range []Disclosure{listed, rooted, empty} {
		b, err := d.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ParseDisclosure(b); err != nil || !reflect.DeepEqual(got, d) {
			t.Errorf("%+v came back as %+v, %v", d, got, err)
		}
	}
	bare := Control{ID: id(1), Kind: ControlEnd}
	for _, c := range []Control{act, bare} {
		b, err := c.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseControl(b)
		if err != nil || !bytes.Equal(got.Subject, c.Subject) || !bytes.Equal(got.Detail, c.Detail) || got.Actor != c.Actor {
			t.Errorf("%+v came back as %+v, %v", c, got, err)
		}
	}
}

func TestDisclosuresRefused(t *testing.T) {
	for name, bend := range map[string]func(*Disclosure){
		"tier 0":              func(d *Disclosure) { d.Tier = 0 },
		"tier 6":              func(d *Disclosure) { d.Tier = 6 },
		"reason 0":            func(d *Disclosure) { d.Reason = 0 },
		"reason 6":            func(d *Disclosure) { d.Reason = 6 },
		"a message twice":     func(d *Disclosure) { d.Messages = []ID{id(6), id(6)} },
		"messages descending": func(d *Disclosure) { d.Messages = []ID{id(7), id(6)} },
		"list and root":       func(d *Disclosure) { d.Count = 2; d.Root = h1 },
		"root of nothing":     func(d *Disclosure) { d.Messages = nil; d.Root = h1 },
		"a long node":         func(d *Disclosure) { d.Node = strings.Repeat("n", 33) },
		"an escape in a node": func(d *Disclosure) { d.Node = "a\x1b[2J" },
		"too many messages":   func(d *Disclosure) { d.Messages = make([]ID, MaxMessages+1) },
	} {
		d := listed
		bend(&d)
		if _, err := d.Marshal(); err == nil {
			t.Errorf("%s: written", name)
		}
	}
	b, _ := listed.Marshal()
	r, _ := rooted.Marshal()
	at := func(b []byte, i int, v byte) []byte { c := slices.Clone(b); c[i] = v; return c }
	for name, b := range map[string][]byte{
		"empty":               nil,
		"trailing byte":       append(slices.Clone(b), 0),
		"cut short":           b[:len(b)-1],
		"version":             at(b, 0, 2),
		"tier":                at(b, 33, 6),
		"reason":              at(b, 90, 0),
		"form":                at(b, 91, 2),
		"more ids than bytes": at(b, 92, 0xff),
		"ids not ascending":   at(b, 94, 0xff),
		"root over nothing":   append(append(slices.Clone(r[:92]), 0, 0, 0, 0), r[96:]...),
		"long node":           at(b, len(b)-7, 200),
	} {
		if d, err := ParseDisclosure(b); err == nil {
			t.Errorf("%s: parsed as %+v", name, d)
		}
	}
}

func TestControlsRefused(t *testing.T) {
	for name, bend := range map[string]func(*Control){
		"kind 0":       func(c *Control) { c.Kind = 0 },
		"kind 11":      func(c *Control) { c.Kind = 11 },
		"long subject": func(c *Control) { c.Subject = make([]byte, MaxSubject+1) },
		"long detail":  func(c *Control) { c.Detail = make([]byte, MaxDetail+1) },
	} {
		c := act
		bend(&c)
		if _, err := c.Marshal(); err == nil {
			t.Errorf("%s: written", name)
		}
	}
	b, _ := act.Marshal()
	for name, b := range map[string][]byte{
		"trailing byte": append(slices.Clone(b), 0),
		"cut short":     b[:len(b)-1],
		"version":       append([]byte{0}, b[1:]...),
	} {
		if _, err := ParseControl(b); err == nil {
			t.Errorf("%s: parsed", name)
		}
	}
}

func TestCommitmentIsLabelledHMAC(t *testing.T) {
	rec, _ := listed.Marshal()
	for label, got := range map[string][32]byte{
		"postern/v1 disclosure commitment": DisclosureCommitment(h1, rec),
		"postern/v1 control commitment":    ControlCommitment(h1, rec),
	} {
		m := hmac.New(sha256.New, []byte(label))
		m.Write(append(h1[:], rec...))
		if !bytes.Equal(m.Sum(nil), got[:]) {
			t.Errorf("%s: %x", label, got)
		}
	}
	if DisclosureCommitment(h2, rec) == DisclosureCommitment(h1, rec) {
		t.Error("the salt changes nothing")
	}
}

// The vector of c2sp.org/vrf-r255.
const (
	vectorSK    = "3431c2b03533e280b23232e280b34e2c3132c2b03238e280b23131e280b34500"
	vectorPK    = "54136cd90d99fbd1d4e855d9556efea87ba0337f2a6ce22028d0f5726fcb854e"
	vectorAlpha = "633273702e6f72672f7672662d72323535"
	vectorPi    = "0a97d961262fb549b4175c5117860f42ae44a123f93c476c439eddd1c0cff9265c805525233e2284dbed45e593b8eea31d5ca9734d72bcbba9738d5237f955f3b2422351149d1312503b6441a47c940c"
	vectorBeta  = "dd653f0879b48c3ef69e13551239bec4cbcc1c18fe8894de2e9e1c790e18273603bf1c6c25d7a797aeff3c43fd32b974d3fcbd4bcce916007097922a3ea3a794"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

func TestTagVector(t *testing.T) {
	p, pk, err := NewProver(unhex(vectorSK))
	if err != nil || hex.EncodeToString(pk[:]) != vectorPK {
		t.Fatalf("public key %x, %v", pk, err)
	}
	proof, out := p.Prove(unhex(vectorAlpha))
	if hex.EncodeToString(proof) != vectorPi || hex.EncodeToString(out) != vectorBeta {
		t.Errorf("proof %x\noutput %x", proof, out)
	}
	tag, err := VerifyTag(SuiteRistretto255, pk, unhex(vectorAlpha), unhex(vectorPi))
	if err != nil || hex.EncodeToString(tag[:]) != vectorBeta[:64] {
		t.Errorf("tag %x, %v", tag, err)
	}
}

func TestTagTampering(t *testing.T) {
	p, pk, err := NewProver(unhex(vectorSK))
	if err != nil {
		t.Fatal(err)
	}
	alpha := Alpha(202611, id(1), 4, 1)
	if want := "706f737465726e2f76312074616700" + "00" + "031773" + "01000000000000000000000000000001" + "04" + "00000001"; hex.EncodeToString(alpha) != want {
		t.Fatalf("alpha %x, want %s", alpha, want)
	}
	proof, _ := p.Prove(alpha)
	_, other, err := NewProver(GenerateVRFKey())
	if err != nil {
		t.Fatal(err)
	}
	for i := range proof {
		bad := slices.Clone(proof)
		bad[i] ^= 1 << (i % 8)
		if _, err := VerifyTag(1, pk, alpha, bad); err == nil {
			t.Errorf("a flip in byte %d of the proof verifies", i)
		}
	}
	for name, ask := range map[string]func() ([32]byte, error){
		"other account": func() ([32]byte, error) { return VerifyTag(1, pk, Alpha(202611, id(2), 4, 1), proof) },
		"lower tier":    func() ([32]byte, error) { return VerifyTag(1, pk, Alpha(202611, id(1), 3, 1), proof) },
		"other number":  func() ([32]byte, error) { return VerifyTag(1, pk, Alpha(202611, id(1), 4, 2), proof) },
		"other month":   func() ([32]byte, error) { return VerifyTag(1, pk, Alpha(202612, id(1), 4, 1), proof) },
		"other key":     func() ([32]byte, error) { return VerifyTag(1, other, alpha, proof) },
		"identity key":  func() ([32]byte, error) { return VerifyTag(1, [32]byte{}, alpha, proof) },
		"suite":         func() ([32]byte, error) { return VerifyTag(2, pk, alpha, proof) },
		"short proof":   func() ([32]byte, error) { return VerifyTag(1, pk, alpha, proof[:79]) },
	} {
		if tag, err := ask(); err == nil {
			t.Errorf("%s: verifies as %x", name, tag)
		}
	}
	if _, _, err := NewProver(make([]byte, 32)); err == nil {
		t.Error("a zero private key is taken")
	}
}

func FuzzRecord(f *testing.F) {
	for _, d := range []Disclosure{listed, rooted} {
		b, _ := d.Marshal()
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := ParseDisclosure(b)
		if err != nil {
			return
		}
		if again, err := d.Marshal(); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x parses but is not canonical: %v", b, err)
		}
	})
}

func FuzzControl(f *testing.F) {
	b, _ := act.Marshal()
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseControl(b)
		if err != nil {
			return
		}
		if again, err := c.Marshal(); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x parses but is not canonical: %v", b, err)
		}
	})
}
