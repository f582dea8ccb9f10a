package verify

import (
	"errors"
	"iter"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func seq(leaves [][]byte) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for _, l := range leaves {
			if !yield(l, nil) {
				return
			}
		}
	}
}

var november = SeriesLeaf{Suite: 1, PublicKey: h1}.Month(time.Date(2026, 11, 23, 19, 0, 0, 0, time.UTC))

func bytesOf(l Leaf) []byte { b := l.Marshal(); return b[:] }

// aLog makes a true log: a series, then batches of disclosures each closed by an epoch.
func aLog(batches, each int) [][]byte {
	r := rand.NewChaCha8([32]byte{5})
	leaves := make([][]byte, 0, 1+batches*(each+1))
	leaves = append(leaves, bytesOf(november))
	var m Map
	for e := range batches {
		var batch []Entry
		for range each {
			var l DisclosureLeaf
			r.Read(l.Tag[:])
			batch = append(batch, Entry{Tag: l.Tag, Index: uint64(len(leaves))})
			leaves = append(leaves, bytesOf(l))
		}
		if err := m.Insert(batch...); err != nil {
			panic(err)
		}
		leaves = append(leaves, bytesOf(EpochLeaf{Epoch: uint64(e + 1), Covered: uint64(len(leaves)),
			TimeMS: uint64(e), Tags: uint64(m.Len()), MapRoot: m.Root()}))
	}
	return leaves
}

func TestReplay(t *testing.T) {
	leaves := append(aLog(3, 4), bytesOf(ControlLeaf{Kind: ControlNotice}), bytesOf(DisclosureLeaf{Tag: h2}))
	r, err := Replay(seq(leaves))
	if err != nil {
		t.Fatal(err)
	}
	s := &stored{}
	for _, l := range leaves {
		s.add(l)
	}
	if r.Root() != s.roots[len(leaves)] || r.Size() != int64(len(leaves)) || r.Epoch().Epoch != 3 || r.Map().Len() != 13 || len(r.Series()) != 1 {
		t.Errorf("size %d, epoch %d, %d tags", r.Size(), r.Epoch().Epoch, r.Map().Len())
	}
}

func TestReplayRefuses(t *testing.T) {
	edit := func(at int, bend func(*EpochLeaf)) func([][]byte) [][]byte {
		return func(ls [][]byte) [][]byte {
			l, _ := ParseLeaf(ls[at])
			e := l.(EpochLeaf)
			bend(&e)
			ls[at] = bytesOf(e)
			return ls
		}
	}
	series := november.Month(time.Date(2026, 12, 31, 23, 59, 59, 0, time.UTC))
	with := func(bend func(*SeriesLeaf)) func([][]byte) [][]byte {
		return func(ls [][]byte) [][]byte { s := series; bend(&s); return append(ls, bytesOf(s)) }
	}
	tally := func(bend func(*TallyLeaf)) func([][]byte) [][]byte {
		return func(ls [][]byte) [][]byte {
			l := TallyLeaf{Series: november.Series, Streams: 2, Disclosures: 6, Covered: uint64(len(ls)), Root: h2}
			bend(&l)
			return append(ls, bytesOf(l))
		}
	}
	// Leaves of aLog(2, 3): 0 series, 1-3 disclosures, 4 epoch, 5-7 disclosures, 8 epoch.
	for name, bend := range map[string]func([][]byte) [][]byte{
		"epoch root altered": edit(8, func(e *EpochLeaf) { e.MapRoot[0] ^= 1 }),
		"old epoch root": func(ls [][]byte) [][]byte {
			l, _ := ParseLeaf(ls[4])
			return edit(8, func(e *EpochLeaf) { e.MapRoot = l.(EpochLeaf).MapRoot })(ls)
		},
		"epoch moved":                 func(ls [][]byte) [][]byte { ls[7], ls[8] = ls[8], ls[7]; return ls },
		"epoch covers less":           edit(8, func(e *EpochLeaf) { e.Covered-- }),
		"epoch skipped":               edit(8, func(e *EpochLeaf) { e.Epoch++ }),
		"epoch repeated":              edit(8, func(e *EpochLeaf) { e.Epoch-- }),
		"epoch time running back":     func(ls [][]byte) [][]byte { return edit(4, func(e *EpochLeaf) { e.TimeMS = 9 })(ls) },
		"epoch tag count":             edit(8, func(e *EpochLeaf) { e.Tags-- }),
		"tag twice in an epoch":       func(ls [][]byte) [][]byte { ls[6] = ls[5]; return ls },
		"tag twice across epochs":     func(ls [][]byte) [][]byte { ls[6] = ls[1]; return ls },
		"tag twice after the last":    func(ls [][]byte) [][]byte { return append(ls, ls[1]) },
		"leaf deleted":                func(ls [][]byte) [][]byte { return slices.Delete(ls, 5, 6) },
		"leaves reordered":            func(ls [][]byte) [][]byte { ls[5], ls[6] = ls[6], ls[5]; return ls },
		"short leaf":                  func(ls [][]byte) [][]byte { ls[2] = ls[2][:65]; return ls },
		"a tally over noise":          func(ls [][]byte) [][]byte { ls[2][1] = 5; return ls },
		"tally of an unknown month":   tally(func(l *TallyLeaf) { l.Series++ }),
		"tally of more than there is": tally(func(l *TallyLeaf) { l.Disclosures++ }),
		"tally that covers less":      tally(func(l *TallyLeaf) { l.Covered-- }),
		"tally without streams":       tally(func(l *TallyLeaf) { l.Streams = 0 }),
		"tally of too many streams":   tally(func(l *TallyLeaf) { l.Streams = 7 }),
		"empty tally with a root":     tally(func(l *TallyLeaf) { l.Streams, l.Disclosures = 0, 0 }),
		"two tallies of one month": func(ls [][]byte) [][]byte {
			ls = tally(func(l *TallyLeaf) { l.Disclosures = 2 })(ls)
			return append(ls, bytesOf(TallyLeaf{Series: november.Series, Streams: 1, Disclosures: 2, Covered: uint64(len(ls))}))
		},
		"a month left out":            with(func(s *SeriesLeaf) { *s = s.Month(time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC)) }),
		"no series":                   func(ls [][]byte) [][]byte { return ls[1:] },
		"two series for one month":    with(func(s *SeriesLeaf) { *s = november }),
		"months running back":         with(func(s *SeriesLeaf) { s.Series = 202610 }),
		"a month that starts early":   with(func(s *SeriesLeaf) { s.StartMS-- }),
		"a month that ends before it": with(func(s *SeriesLeaf) { s.EndMS = s.StartMS - 1 }),
	} {
		t.Run(name, func(t *testing.T) {
			leaves := bend(aLog(2, 3))
			keepVector(t, "replay", name, leafFile(leaves), Policy{}, checkReplayFile(leafFile(leaves), Policy{}))
			if _, err := Replay(seq(leaves)); !errors.Is(err, ErrReplay) {
				t.Errorf("%v, want ErrReplay", err)
			}
		})
	}
	second := with(func(*SeriesLeaf) {})(aLog(2, 3))
	second = tally(func(l *TallyLeaf) {})(second)
	keepVector(t, "replay", "a second month and a tally", leafFile(second), Policy{}, checkReplayFile(leafFile(second), Policy{}))
	if _, err := Replay(seq(second)); err != nil {
		t.Errorf("a true second month is refused: %v", err)
	}
}

func BenchmarkReplay1e6(b *testing.B) {
	for _, epochs := range []int{10, 100} {
		b.Run(map[int]string{10: "10 epochs", 100: "100 epochs"}[epochs], func(b *testing.B) {
			leaves := aLog(epochs, 1_000_000/epochs)
			for b.Loop() {
				if _, err := Replay(seq(leaves)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
