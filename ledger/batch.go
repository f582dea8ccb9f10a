package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger/verify"
)

// batchMost is how many entries one transaction of the sequencer takes.
const batchMost = 500

// waiting is an entry without an index.
type waiting struct {
	seq, typ, kind, tier, at int64
	account, commitment      []byte
	series                   uint32
	n                        uint32
	leaf                     [verify.LeafSize]byte
}

type streamKey struct {
	series  uint32
	account verify.ID
	tier    int64
}

// readBatch gives the next entries in the order in which they will stand in the
// log, each with its leaf, and the counters they leave behind.
func (l *Ledger) readBatch(ctx context.Context, tx *db.Tx) ([]waiting, map[streamKey]uint32, error) {
	var rows []waiting
	err := tx.Rows(`SELECT seq, type, kind, tier, at, account, commitment FROM ledger_entry WHERE idx IS NULL ORDER BY seq LIMIT ?1`, db.Args(int64(batchMost)), func(s db.Scanner) error {
		var w waiting
		if err := s.Scan(&w.seq, &w.typ, &w.kind, &w.tier, &w.at, &w.account, &w.commitment); err != nil {
			return err
		}
		if len(w.commitment) != 32 || w.typ == int64(verify.LeafDisclosure) && len(w.account) != 16 {
			return altered("entry %d has a malformed row", w.seq)
		}
		rows = append(rows, w)
		return nil
	})
	if err != nil || len(rows) == 0 {
		return nil, nil, err
	}
	counters := map[streamKey]uint32{}
	for i := range rows {
		w := &rows[i]
		if w.typ != int64(verify.LeafDisclosure) {
			w.leaf = verify.ControlLeaf{Kind: verify.ControlKind(w.kind), Commitment: [32]byte(w.commitment)}.Marshal()
			continue
		}
		w.series = verify.SeriesLeaf{}.Month(time.UnixMilli(w.at)).Series
		k := streamKey{w.series, verify.ID(w.account), w.tier}
		if _, ok := counters[k]; !ok {
			var n int64
			err := tx.Row(`SELECT n FROM ledger_counter WHERE series = ?1 AND account = ?2 AND tier = ?3`, db.Args(int64(k.series), w.account, k.tier), &n)
			if err != nil && !errors.Is(err, db.ErrNoRows) {
				return nil, nil, err
			}
			counters[k] = uint32(n)
		}
		counters[k]++
		w.n = counters[k]
	}
	if err := l.tag(rows); err != nil {
		return nil, nil, err
	}
	arrange(rows)
	return rows, counters, ctx.Err()
}

// tag computes the disclosures' tags, on all cores: it is most of the work.
func (l *Ledger) tag(rows []waiting) error {
	workers := min(runtime.GOMAXPROCS(0), len(rows))
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			for j := i; j < len(rows); j += workers {
				w := &rows[j]
				if w.typ != int64(verify.LeafDisclosure) {
					continue
				}
				_, out := l.vrf(w.series).Prove(verify.Alpha(w.series, verify.ID(w.account), uint8(w.tier), w.n))
				tag, err := verify.Tag(out)
				if err != nil {
					errs[i] = fmt.Errorf("couldn't compute a tag: %w", err)
					return
				}
				w.leaf = verify.DisclosureLeaf{Tag: tag, Commitment: [32]byte(w.commitment)}.Marshal()
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// arrange sorts the disclosures of a batch by tag, so that the log does not say
// who came first. What ends an access (a containment, an end, a withdrawal) and
// a lift keep their place among the disclosures: those with a smaller seq get
// smaller indices and the others larger ones. Other controls come before the
// disclosures they were written among, so that a grant precedes its use.
func arrange(rows []waiting) {
	for from := 0; from < len(rows); {
		to := from
		for to < len(rows) && !divides(rows[to]) {
			to++
		}
		slices.SortStableFunc(rows[from:to], func(a, b waiting) int {
			if a.typ != b.typ { // controls have the larger type
				return int(b.typ - a.typ)
			}
			if a.typ != int64(verify.LeafDisclosure) {
				return 0 // in the order of writing
			}
			return bytes.Compare(a.leaf[:], b.leaf[:])
		})
		from = to + 1
	}
}

func divides(w waiting) bool {
	if w.typ != int64(verify.LeafControl) {
		return false
	}
	switch verify.ControlKind(w.kind) {
	case verify.ControlContain, verify.ControlLift, verify.ControlWithdrawal, verify.ControlEnd:
		return true
	}
	return false
}
