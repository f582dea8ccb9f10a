package verify

import (
	"encoding/hex"
	"reflect"
	"testing"
)

var (
	h1 = [32]byte{31: 1}
	h2 = [32]byte{0: 2}

	someLeaves = []Leaf{
		DisclosureLeaf{Tag: h1, Commitment: h2},
		EpochLeaf{Epoch: 3, Covered: 1 << 40, TimeMS: 1764000000000, Tags: 77, MapRoot: h2},
		SeriesLeaf{Series: 202611, StartMS: 5, EndMS: 9, Suite: SuiteRistretto255, PublicKey: h1},
		ControlLeaf{Kind: ControlContain, Commitment: h1},
	}
)

func TestLeavesComeBack(t *testing.T) {
	for _, l := range someLeaves {
		b := l.Marshal()
		got, err := ParseLeaf(b[:])
		if err != nil || !reflect.DeepEqual(got, l) || got.Type() != l.Type() {
			t.Errorf("%#v came back as %#v, %v", l, got, err)
		}
	}
}

// The offsets are part of the format: whoever wrote a verifier from the text must agree with this one.
func TestLeafBytes(t *testing.T) {
	for i, want := range []string{
		"0101" + "0000000000000000000000000000000000000000000000000000000000000001" + "0200000000000000000000000000000000000000000000000000000000000000",
		"0102" + "0000000000000003" + "0000010000000000" + "0000019ab697e800" + "000000000000004d" + "0200000000000000000000000000000000000000000000000000000000000000",
		"0103" + "00031773" + "0000000000000005" + "0000000000000009" + "01" + "0000000000000000000000" + "0000000000000000000000000000000000000000000000000000000000000001",
		"0104" + "0003" + "000000000000000000000000000000000000000000000000000000000000" + "0000000000000000000000000000000000000000000000000000000000000001",
	} {
		if b := someLeaves[i].Marshal(); hex.EncodeToString(b[:]) != want {
			t.Errorf("%T is %x, want %s", someLeaves[i], b, want)
		}
	}
}

func TestLeavesRefused(t *testing.T) {
	bend := func(i int, at int, v byte) []byte {
		b := someLeaves[i].Marshal()
		b[at] = v
		return b[:]
	}
	for name, b := range map[string][]byte{
		"empty":                  nil,
		"too short":              bend(0, 0, 1)[:65],
		"too long":               append(bend(0, 0, 1), 0),
		"version 2":              bend(0, 0, 2),
		"type 0":                 bend(0, 1, 0),
		"type 6":                 bend(0, 1, 6),
		"unknown control kind":   bend(3, 3, 11),
		"control kind 0":         bend(3, 3, 0),
		"reserved control byte":  bend(3, 4, 1),
		"reserved control byte ": bend(3, 33, 1),
		"reserved series byte":   bend(2, 23, 1),
		"reserved series byte ":  bend(2, 33, 1),
		"unknown suite":          bend(2, 22, 2),
		"series without time":    bend(2, 21, 5),
	} {
		if l, err := ParseLeaf(b); err == nil {
			t.Errorf("%s: parsed as %#v", name, l)
		}
	}
	if l, err := ParseLeaf(bytesOf(TallyLeaf{Series: 202611, Streams: 1, Disclosures: 2, Covered: 3, Root: h2})); err != nil || l != (TallyLeaf{202611, 1, 2, 3, h2}) {
		t.Errorf("tally: %+v, %v", l, err)
	}
}

func FuzzLeaf(f *testing.F) {
	for _, l := range someLeaves {
		b := l.Marshal()
		f.Add(b[:])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := ParseLeaf(b)
		if err != nil {
			return
		}
		if again := l.Marshal(); string(again[:]) != string(b) {
			t.Fatalf("%x parses but is not canonical", b)
		}
	})
}
