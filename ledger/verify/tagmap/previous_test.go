package tagmap

import (
	"math/rand/v2"
	"testing"
)

// The map before the last batch is the map that was.
func TestPreviousIsTheMapThatWas(t *testing.T) {
	r := rand.New(rand.NewChaCha8([32]byte{3}))
	tag := func() (b [32]byte) {
		for i := range b {
			b[i] = byte(r.Uint32())
			if r.IntN(3) > 0 { // long common prefixes, too
				b[i] &= 1
			}
		}
		return b
	}
	var m Map
	var all []Entry
	for round := range 60 {
		var was Map
		if err := was.Insert(all...); err != nil {
			t.Fatal(err)
		}
		var batch []Entry
		for range r.IntN(30) {
			batch = append(batch, Entry{tag(), uint64(len(all) + len(batch))})
		}
		if err := m.Insert(batch...); err != nil {
			continue // a tag twice: the map is as it was
		}
		all = append(all, batch...)
		if len(batch) == 0 {
			continue
		}
		if m.PreviousRoot() != was.Root() {
			t.Fatalf("round %d: another root", round)
		}
		for range 40 {
			x := tag()
			if r.IntN(2) == 0 && len(all) > 0 {
				x = all[r.IntN(len(all))].Tag
			}
			index, present, err := m.ProvePrevious(x).Verify(was.Root(), x)
			want, there := was.Get(x)
			if err != nil || present != there || present && index != want {
				t.Fatalf("round %d: %d %v %v, want %d %v", round, index, present, err, want, there)
			}
			index, present, err = m.Prove(x).Verify(m.Root(), x)
			want, there = m.Get(x)
			if err != nil || present != there || present && index != want {
				t.Fatalf("round %d, now: %d %v %v", round, index, present, err)
			}
		}
	}
}
