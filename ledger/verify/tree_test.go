package verify

import (
	"encoding/hex"
	"fmt"
	"slices"
	"testing"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/tlog"
)

// The leaves and roots that implementations of RFC 6962 test themselves with since Certificate Transparency.
var (
	ctLeaves = []string{"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"}
	ctRoots  = []string{
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	}
)

// stored is a log in memory for tests: the hashes that package tlog stores, and the roots at every size.
type stored struct {
	hashes []tlog.Hash
	tree   Tree
	roots  []tlog.Hash
	leaves [][]byte
}

func (s *stored) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = s.hashes[x]
	}
	return out, nil
}

func (s *stored) add(leaf []byte) {
	hs, err := tlog.StoredHashes(int64(len(s.leaves)), leaf, s)
	if err != nil {
		panic(err)
	}
	if len(s.roots) == 0 {
		s.roots = append(s.roots, s.tree.Root())
	}
	s.hashes, s.leaves = append(s.hashes, hs...), append(s.leaves, leaf)
	s.tree.Append(leaf)
	s.roots = append(s.roots, s.tree.Root())
}

func (s *stored) at(size int64) Checkpoint { return Checkpoint{testOrigin, size, s.roots[size]} }

func (s *stored) inclusion(size, index int64) []tlog.Hash {
	p, err := tlog.ProveRecord(size, index, s)
	if err != nil {
		panic(err)
	}
	return p
}

func (s *stored) consistency(older, newer int64) []tlog.Hash {
	p, err := tlog.ProveTree(newer, older, s)
	if err != nil {
		panic(err)
	}
	return p
}

func TestTreeVectors(t *testing.T) {
	var tree Tree
	if got := tree.Root(); hex.EncodeToString(got[:]) != "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" {
		t.Errorf("empty root %x", got)
	}
	for i, leaf := range ctLeaves {
		tree.Append(unhex(leaf))
		if got := tree.Root(); hex.EncodeToString(got[:]) != ctRoots[i] {
			t.Errorf("root of %d leaves is %x, want %s", i+1, got, ctRoots[i])
		}
	}
	six, eight := Checkpoint{testOrigin, 6, hash(ctRoots[5])}, Checkpoint{testOrigin, 8, hash(ctRoots[7])}
	path := []tlog.Hash{hash("0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"),
		hash("ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"), hash(ctRoots[3])}
	if err := CheckConsistency(six, eight, path); err != nil {
		t.Errorf("6 to 8: %v", err)
	}
}

func hash(s string) tlog.Hash { return tlog.Hash(unhex(s)) }

// Everything that this package accepts a foreign implementation must accept, and the reverse, for all sizes
// up to 33 and for every single bit-flipped, dropped or added hash.
func TestTreeAgreesWithAForeignVerifier(t *testing.T) {
	s := &stored{}
	for i := range 33 {
		s.add(fmt.Appendf(nil, "leaf %d", i))
	}
	raw := func(hs []tlog.Hash) (out [][]byte) {
		for _, h := range hs {
			out = append(out, h[:])
		}
		return out
	}
	bends := func(p []tlog.Hash) map[string][]tlog.Hash {
		m := map[string][]tlog.Hash{"true": p, "one more": append(slices.Clone(p), tlog.Hash(h1))}
		for i := range p {
			flipped := slices.Clone(p)
			flipped[i][i%32] ^= 1
			m[fmt.Sprintf("flip %d", i)] = flipped
			m[fmt.Sprintf("drop %d", i)] = slices.Delete(slices.Clone(p), i, i+1)
		}
		return m
	}
	for size := int64(1); size <= 33; size++ {
		root := s.roots[size]
		for index := range size {
			for name, p := range bends(s.inclusion(size, index)) {
				ours := CheckInclusion(s.at(size), index, s.leaves[index], p) == nil
				lh := tlog.RecordHash(s.leaves[index])
				theirs := proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(index), uint64(size), lh[:], raw(p), root[:]) == nil
				if ours != theirs || ours != (name == "true") {
					t.Fatalf("inclusion of %d in %d, %s: we say %v, they %v", index, size, name, ours, theirs)
				}
			}
		}
		for older := int64(1); older <= size; older++ {
			for name, p := range bends(s.consistency(older, size)) {
				ours := CheckConsistency(s.at(older), s.at(size), p) == nil
				theirs := proof.VerifyConsistency(rfc6962.DefaultHasher, uint64(older), uint64(size), raw(p), s.roots[older][:], root[:]) == nil
				if ours != theirs || ours != (name == "true") {
					t.Fatalf("consistency of %d and %d, %s: we say %v, they %v", older, size, name, ours, theirs)
				}
			}
		}
	}
}

func TestConsistencyEdges(t *testing.T) {
	s := &stored{}
	for i := range 5 {
		s.add([]byte{byte(i)})
	}
	fork := s.at(4)
	fork.Root = tlog.Hash(h1)
	other := s.at(3)
	other.Origin = "elsewhere.example"
	for _, c := range []struct {
		name         string
		older, newer Checkpoint
		path         []tlog.Hash
		want         Why
	}{
		{"from nothing", s.at(0), s.at(5), nil, ""},
		{"the same", s.at(4), s.at(4), nil, ""},
		{"from nothing with a hash", s.at(0), s.at(5), []tlog.Hash{tlog.Hash(h1)}, WhyConsistency},
		{"fork", s.at(4), fork, nil, WhyFork},
		{"rollback", s.at(5), s.at(4), s.consistency(4, 5), WhyRollback},
		{"swapped origin", other, s.at(5), s.consistency(3, 5), WhyOrigin},
		{"65 hashes", s.at(3), s.at(5), make([]tlog.Hash, 65), WhyConsistency},
		{"a size without end", s.at(3), Checkpoint{testOrigin, 1<<63 - 1, tlog.Hash(h1)}, nil, WhyConsistency},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := whyOf(CheckConsistency(c.older, c.newer, c.path)); got != c.want {
				t.Errorf("why is %q, want %q", got, c.want)
			}
		})
	}
	if CheckInclusion(Checkpoint{testOrigin, 1<<63 - 1, tlog.Hash(h1)}, 1<<62, nil, nil) == nil {
		t.Error("an endless tree is taken")
	}
}

func BenchmarkInclusion1e6(b *testing.B) {
	s := &stored{}
	for i := range 1 << 20 {
		s.add(fmt.Appendf(nil, "%066d", i))
	}
	p := s.inclusion(1<<20, 777777)
	for b.Loop() {
		if CheckInclusion(s.at(1<<20), 777777, s.leaves[777777], p) != nil {
			b.Fatal("refused")
		}
	}
}
