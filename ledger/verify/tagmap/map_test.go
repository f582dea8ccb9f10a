package tagmap

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// naiveRoot is the definition of the map's hash, written as it is defined and as slow as that is.
func naiveRoot(entries []Entry, depth int) [32]byte {
	switch len(entries) {
	case 0:
		return [32]byte{}
	case 1:
		return sha256.Sum256(binary.BigEndian.AppendUint64(append([]byte{2}, entries[0].Tag[:]...), entries[0].Index))
	}
	var side [2][]Entry
	for _, e := range entries {
		b := e.Tag[depth/8] >> (7 - depth%8) & 1
		side[b] = append(side[b], e)
	}
	l, r := naiveRoot(side[0], depth+1), naiveRoot(side[1], depth+1)
	return sha256.Sum256(slices.Concat([]byte{3}, l[:], r[:]))
}

// genTag draws tags that often share long prefixes, which random ones never do.
var genTag = rapid.Custom(func(t *rapid.T) [32]byte {
	var tag [32]byte
	for range rapid.IntRange(0, 3).Draw(t, "bits set") {
		b := rapid.IntRange(0, 255).Draw(t, "bit")
		tag[b/8] |= 0x80 >> (b % 8)
	}
	if rapid.Bool().Draw(t, "random") {
		copy(tag[:], rapid.SliceOfN(rapid.Byte(), 0, 32).Draw(t, "bytes"))
	}
	return tag
})

func TestMapMatchesItsDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var m Map
		model := map[[32]byte]uint64{}
		var all []Entry
		for range rapid.IntRange(0, 5).Draw(t, "batches") {
			tags := rapid.SliceOfNDistinct(genTag, 0, 12, func(t [32]byte) [32]byte { return t }).Draw(t, "batch")
			var batch []Entry
			for _, tag := range tags {
				if _, ok := model[tag]; !ok {
					batch = append(batch, Entry{tag, uint64(len(model))})
					model[tag] = uint64(len(model))
				}
			}
			if err := m.Insert(batch...); err != nil {
				t.Fatal(err)
			}
			all = append(all, batch...)
			if got, want := m.Root(), naiveRoot(all, 0); got != want {
				t.Fatalf("root after %d tags is %x, the definition gives %x", len(all), got, want)
			}
		}
		asked := []([32]byte){genTag.Draw(t, "asked")}
		for tag := range model {
			asked = append(asked, tag)
		}
		for _, tag := range asked {
			want, ok := model[tag]
			if got, found := m.Get(tag); found != ok || found && got != want {
				t.Fatalf("Get(%x) = %d, %v; want %d, %v", tag, got, found, want, ok)
			}
			p, err := ParseProof(m.Prove(tag).Marshal())
			if err != nil {
				t.Fatal(err)
			}
			if got, found, err := p.Verify(m.Root(), tag); err != nil || found != ok || got != want {
				t.Fatalf("proof for %x says %d, %v, %v; want %d, %v", tag, got, found, err, want, ok)
			}
		}
	})
}

// A proof made for one tag must not say anything false of any tag, however it is bent.
func TestProofLiesAreRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tags := rapid.SliceOfNDistinct(genTag, 1, 20, func(t [32]byte) [32]byte { return t }).Draw(t, "tags")
		var m Map
		model := map[[32]byte]uint64{}
		for i, tag := range tags {
			model[tag] = uint64(i)
			if err := m.Insert(Entry{tag, uint64(i)}); err != nil {
				t.Fatal(err)
			}
		}
		askable := rapid.OneOf(genTag, rapid.SampledFrom(tags))
		b := m.Prove(askable.Draw(t, "proved")).Marshal()
		for range rapid.IntRange(0, 3).Draw(t, "bends") {
			switch i := rapid.IntRange(0, len(b)-1).Draw(t, "at"); rapid.IntRange(0, 2).Draw(t, "bend") {
			case 0:
				b[i] ^= 1 << rapid.IntRange(0, 7).Draw(t, "flip")
			case 1:
				b = slices.Delete(b, i, min(len(b), i+32))
			case 2:
				b[1] = rapid.Byte().Draw(t, "end")
			}
			if len(b) < 2 {
				return
			}
		}
		p, err := ParseProof(b)
		if err != nil {
			return
		}
		asked := askable.Draw(t, "asked")
		index, present, err := p.Verify(m.Root(), asked)
		if err != nil {
			return
		}
		if want, ok := model[asked]; present != ok || present && index != want {
			t.Fatalf("a bent proof says %x: %d, %v; true is %d, %v", asked, index, present, want, ok)
		}
	})
}

func TestProofTampering(t *testing.T) {
	var m Map
	entries := randomEntries(200, 7)
	if err := m.Insert(entries...); err != nil {
		t.Fatal(err)
	}
	root, tag := m.Root(), entries[3].Tag
	absent := sha256.Sum256([]byte("nobody"))
	for _, c := range []struct {
		name string
		bend func(p *Proof)
		of   [32]byte
		ask  [32]byte
	}{
		{"another tag", func(*Proof) {}, tag, entries[4].Tag},
		{"sibling flipped", func(p *Proof) { p.siblings[1][9] ^= 4 }, tag, tag},
		{"sibling dropped", func(p *Proof) { p.siblings = p.siblings[1:] }, tag, tag},
		{"value changed", func(p *Proof) { p.index++ }, tag, tag},
		{"membership shown as absence, empty child", func(p *Proof) { p.end, p.index = endEmpty, 0 }, tag, tag},
		{"membership shown as absence, own entry", func(p *Proof) { p.end, p.other = endOther, tag }, tag, tag},
		{"absence by an entry off the path", func(p *Proof) { p.end, p.other = endOther, absent }, tag, tag},
		{"absence shown as membership", func(p *Proof) { p.end, p.other, p.index = endPresent, [32]byte{}, 5 }, absent, absent},
		{"257 siblings", func(p *Proof) { p.siblings = append(make([][32]byte, 257-len(p.siblings)), p.siblings...) }, tag, tag},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := m.Prove(c.of)
			p.siblings = slices.Clone(p.siblings)
			c.bend(&p)
			if _, _, err := p.Verify(root, c.ask); err == nil {
				t.Error("the bent proof verifies")
			}
		})
	}
	b := m.Prove(tag).Marshal()
	for name, bad := range map[string][]byte{
		"trailing byte": append(slices.Clone(b), 0),
		"cut short":     b[:len(b)-1],
		"empty":         nil,
		"version":       append([]byte{2}, b[1:]...),
		"257 siblings":  slices.Concat(b[:10], []byte{1, 1}, make([]byte, 33+257*32)),
	} {
		if _, err := ParseProof(bad); err == nil {
			t.Errorf("%s: parsed", name)
		}
	}
}

func TestMapRefusesDuplicateTags(t *testing.T) {
	entries := randomEntries(10, 1)
	var m Map
	if err := m.Insert(entries[:9]...); err != nil {
		t.Fatal(err)
	}
	root := m.Root()
	for name, batch := range map[string][]Entry{
		"of an earlier batch": {entries[9], {entries[2].Tag, 99}},
		"within the batch":    {entries[9], {entries[9].Tag, 99}},
	} {
		if err := m.Insert(batch...); !errors.Is(err, ErrDuplicateTag) {
			t.Errorf("%s: %v, want ErrDuplicateTag", name, err)
		}
		if m.Root() != root || m.Len() != 9 {
			t.Errorf("%s: the refused batch changed the map", name)
		}
	}
}

func FuzzProof(f *testing.F) {
	var m Map
	entries := randomEntries(50, 3)
	if err := m.Insert(entries...); err != nil {
		f.Fatal(err)
	}
	root := m.Root()
	f.Add(m.Prove(entries[0].Tag).Marshal(), entries[0].Tag[:])
	f.Add(m.Prove(sha256.Sum256(nil)).Marshal(), entries[1].Tag[:])
	f.Add((&Map{}).Prove(entries[0].Tag).Marshal(), entries[0].Tag[:])
	f.Fuzz(func(t *testing.T, b, asked []byte) {
		p, err := ParseProof(b)
		if err != nil {
			return
		}
		if !bytes.Equal(p.Marshal(), b) {
			t.Fatalf("%x parses but is not canonical", b)
		}
		tag := sha256.Sum256(asked)
		if len(asked) == 32 {
			tag = [32]byte(asked)
		}
		want, ok := m.Get(tag)
		if index, present, err := p.Verify(root, tag); err == nil && (present != ok || index != want) {
			t.Fatalf("a forged proof verifies: %x says %d, %v", tag, index, present)
		}
	})
}

func randomEntries(n int, seed byte) []Entry {
	r := rand.NewChaCha8([32]byte{seed})
	entries := make([]Entry, n)
	for i := range entries {
		r.Read(entries[i].Tag[:])
		entries[i].Index = uint64(i)
	}
	return entries
}

// A large batch is hashed in another order than a small one, to the same root.
func TestMapLargeBatch(t *testing.T) {
	entries := randomEntries(60_000, 7)
	var once, steps Map
	if err := once.Insert(entries...); err != nil {
		t.Fatal(err)
	}
	for len(entries) > 0 {
		n := min(len(entries), 7000)
		if err := steps.Insert(entries[:n]...); err != nil {
			t.Fatal(err)
		}
		entries = entries[n:]
	}
	if once.Root() != steps.Root() {
		t.Error("two roots")
	}
	more := randomEntries(55_000, 8) // a large one on top of others
	if err := once.Insert(more...); err != nil {
		t.Fatal(err)
	}
	for i := range more {
		if i%5000 == 0 {
			if err := steps.Insert(more[i : i+5000]...); err != nil {
				t.Fatal(err)
			}
		}
	}
	if once.Root() != steps.Root() {
		t.Error("two roots after a second batch")
	}
}

func BenchmarkMapBuild1e6(b *testing.B) {
	entries := randomEntries(1e6, 1)
	for b.Loop() {
		var m Map
		if err := m.Insert(entries...); err != nil {
			b.Fatal(err)
		}
		m.Root()
	}
}

func BenchmarkMapEpoch10kIn1e6(b *testing.B) {
	entries := randomEntries(4e6, 1)
	var m Map
	if err := m.Insert(entries[:1e6]...); err != nil {
		b.Fatal(err)
	}
	next := 1_000_000
	for b.Loop() {
		if err := m.Insert(entries[next : next+10_000]...); err != nil {
			b.Fatal(err)
		}
		next += 10_000
		m.Root()
	}
}

func BenchmarkMapProveVerify1e6(b *testing.B) {
	entries := randomEntries(1e6, 1)
	var m Map
	if err := m.Insert(entries...); err != nil {
		b.Fatal(err)
	}
	root, i := m.Root(), 0
	for b.Loop() {
		tag := entries[i%1e6].Tag
		if _, ok, err := m.Prove(tag).Verify(root, tag); err != nil || !ok {
			b.Fatal(err)
		}
		i += 7919
	}
}
