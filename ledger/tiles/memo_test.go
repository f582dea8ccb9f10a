package tiles_test

import (
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/postern-mail/postern/ledger/tiles"
)

// TestMemo: what was read once is not read again, and the bound drops what is
// remembered rather than giving a wrong hash.
func TestMemo(t *testing.T) {
	var m tiles.Memo
	var asked []int64
	r := m.Over(tlog.HashReaderFunc(func(places []int64) ([]tlog.Hash, error) {
		asked = append(asked, places...)
		out := make([]tlog.Hash, len(places))
		for i, p := range places {
			out[i] = tlog.RecordHash([]byte{byte(p), byte(p >> 8), byte(p >> 16)})
		}
		return out, nil
	}))
	read := func(places ...int64) {
		t.Helper()
		got, err := r.ReadHashes(places)
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range places {
			if got[i] != tlog.RecordHash([]byte{byte(p), byte(p >> 8), byte(p >> 16)}) {
				t.Errorf("the hash at %d is another's", p)
			}
		}
	}
	read(3, 1, 3)
	read(1, 2)
	read(3, 2, 1)
	if !slices.Equal(asked, []int64{3, 1, 3, 2}) {
		t.Errorf("asked for %d", asked)
	}
	for p := int64(10); p < 1<<17; p++ {
		read(p, 1)
	}
	read(2, 3, 1<<17-1)
}
