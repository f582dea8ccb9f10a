package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger/verify"
)

// Run sequences entries until ctx ends: at every tick, and at once when an entry
// was committed here. Of several processes one does it at a time. A failure is
// logged and tried again; meanwhile the gate refuses (see Disclose).
func (l *Ledger) Run(ctx context.Context) error {
	return l.DB.Lead(ctx, "ledger", func(ctx context.Context) error {
		ctx, stop := context.WithCancel(ctx)
		var wg sync.WaitGroup
		wg.Go(func() { l.witnesses(ctx) })
		defer wg.Wait()
		defer stop()
		tick := time.NewTicker(l.Tick)
		defer tick.Stop()
		for {
			if _, err := l.Sequence(ctx); err != nil && ctx.Err() == nil {
				l.Log.Error("couldn't sequence the ledger", "err", err)
			}
			select {
			case <-l.kick:
			case <-tick.C:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
}

// Sequence gives every waiting entry its leaf and index, and writes an epoch and
// a checkpoint where they are due. It returns how many entries it took. Calls
// from several goroutines or processes exclude each other.
func (l *Ledger) Sequence(ctx context.Context) (int, error) {
	l.sequencing.Lock()
	defer l.sequencing.Unlock()
	total := 0
	for {
		n, err := l.tick(ctx)
		total += n
		if err != nil {
			l.maps.Lock()
			l.chain = nil // it may be ahead of the tables
			l.maps.Unlock()
			return total, err
		}
		if n > 0 {
			l.announce()
		}
		if n < batchMost {
			return total, nil
		}
	}
}

// work is what one tick writes.
type work struct {
	from     int64 // the head it builds on
	root     tlog.Hash
	rows     []waiting
	counters map[streamKey]uint32
	leaves   [][]byte
	index    []int64 // of each of rows
	series   map[uint32]int64
	note     []byte
	at       time.Time
	public   int64 // the newest public checkpoint's size
	epoch    bool  // among the leaves is an epoch
	tallies  []verify.TallyLeaf
}

func (l *Ledger) tick(ctx context.Context) (int, error) {
	if l.chain == nil {
		l.maps.Lock()
		l.chain = newChain()
		l.maps.Unlock()
	}
	w := work{at: l.Now(), series: map[uint32]int64{}}
	var last verify.Checkpoint
	var lastAt time.Time
	// The tags are computed outside of a writing transaction: SQLite has one
	// writer, and the gate waits for it.
	err := l.DB.View(ctx, func(tx *db.Tx) (err error) {
		l.maps.Lock()
		err = l.chain.follow(tx)
		l.maps.Unlock()
		if err != nil {
			return err
		}
		clear(l.chain.changed)
		if last, _, lastAt, err = l.published(tx); err != nil {
			return err
		}
		if c, _, err := l.current(tx); err == nil {
			w.public = c.Size
		} else if postern.KindOf(err) != postern.NotFound {
			return err
		}
		if w.rows, w.counters, err = l.readBatch(ctx, tx); err != nil {
			return err
		}
		w.tallies, err = l.dueTallies(tx, &w)
		return err
	})
	if err != nil {
		return 0, err
	}
	w.from, w.root = l.chain.Size(), l.chain.Root()
	l.maps.Lock()
	err = l.build(&w)
	l.maps.Unlock()
	if err != nil {
		return 0, err
	}
	size := l.chain.Size()
	due := l.Publish < 0 || w.epoch || last.Size == 0 || w.at.Sub(lastAt) >= l.Publish || w.at.Before(lastAt)
	if size > last.Size && due {
		if w.note, err = l.sign(size, l.chain.Root()); err != nil {
			return 0, err
		}
	}
	if len(w.leaves) == 0 && w.note == nil {
		return 0, nil
	}
	if err := l.DB.Update(ctx, func(tx *db.Tx) error { return l.write(tx, &w) }); err != nil {
		return 0, fmt.Errorf("couldn't write %d leaves: %w", len(w.leaves), err)
	}
	if w.note != nil {
		l.announce() // witnesses wait for it
	}
	return len(w.rows), nil
}

// build appends the batch's leaves to the chain: the tallies of the months that
// are over, the series leaves of those that have begun, the entries, and an epoch where one is due.
func (l *Ledger) build(w *work) error {
	add := func(leaf [verify.LeafSize]byte) error {
		w.leaves = append(w.leaves, leaf[:])
		return l.chain.append(leaf[:])
	}
	for _, t := range w.tallies {
		t.Covered = uint64(l.chain.Size())
		if err := add(t.Marshal()); err != nil {
			return err
		}
	}
	for _, s := range l.begun(w) {
		w.series[s.Series] = l.chain.Size()
		if err := add(s.Marshal()); err != nil {
			return err
		}
	}
	for i := range w.rows {
		w.index = append(w.index, l.chain.Size())
		if err := add(w.rows[i].leaf); err != nil {
			return err
		}
	}
	last := l.chain.Epoch()
	// A clock set back must not stop epochs; their times stand still until it catches up.
	now := max(uint64(w.at.UnixMilli()), last.TimeMS)
	switch {
	case l.chain.Size() == int64(last.Covered)+1 && last.Epoch > 0: // nothing but the last epoch itself
		return nil
	case last.Epoch > 0 && now-last.TimeMS < uint64(l.Epoch.Milliseconds()):
		return nil
	case last.Epoch > 0 && w.public <= int64(last.Covered):
		// Proofs are made against a public epoch, and memory has the newest two.
		return nil
	}
	if err := l.chain.Settle(); err != nil {
		return err
	}
	w.epoch = true
	return add(verify.EpochLeaf{Epoch: last.Epoch + 1, Covered: uint64(l.chain.Size()), TimeMS: now,
		Tags: uint64(l.chain.Tags()), MapRoot: l.chain.Map().Root()}.Marshal())
}

// begun gives the series leaves that are due: one for each month from the log's
// first to the present, whether anything was disclosed in it or not, so that a
// proof of absence can name every month. The log begins with one, so that no
// entry has the index 0 and a reader's cursor can start there.
func (l *Ledger) begun(w *work) (list []verify.SeriesLeaf) {
	until := w.at
	first := w.at
	for i := range w.rows {
		if r := &w.rows[i]; r.typ == int64(verify.LeafDisclosure) {
			if at := time.UnixMilli(r.at); at.After(until) {
				until = at
			} else if at.Before(first) {
				first = at
			}
		}
	}
	next := first
	if known := l.chain.Series(); len(known) > 0 {
		next = time.UnixMilli(int64(known[len(known)-1].EndMS))
	}
	for {
		s := verify.SeriesLeaf{Suite: verify.SuiteRistretto255}.Month(next)
		if s.StartMS > uint64(max(0, until.UnixMilli())) {
			return list
		}
		s.PublicKey = l.vrf(s.Series).public
		list = append(list, s)
		next = time.UnixMilli(int64(s.EndMS))
	}
}

// errMoved says that another process has written since this one read: the old
// leader's last tick, after its lock was lost.
var errMoved = errors.New("another process has sequenced meanwhile")

// write stores the work. It may run more than once.
func (l *Ledger) write(tx *db.Tx, w *work) error {
	if err := tx.Lock("ledger sequence"); err != nil {
		return err
	}
	size, root := l.chain.Size(), l.chain.Root()
	n, err := tx.Exec(`UPDATE ledger_head SET size = ?1, root = ?2 WHERE size = ?3 AND root = ?4`, size, root[:], w.from, w.root[:])
	if err != nil {
		return err
	}
	if n != 1 {
		return errMoved
	}
	leaves := make([][]any, len(w.leaves))
	for i, leaf := range w.leaves {
		leaves[i] = []any{w.from + int64(i), leaf}
	}
	var indices, streams [][]any
	for i := range w.rows {
		indices = append(indices, []any{w.rows[i].seq, w.index[i]})
		if w.rows[i].typ == int64(verify.LeafDisclosure) {
			streams = append(streams, []any{w.index[i], int64(w.rows[i].series), int64(w.rows[i].n)})
		}
	}
	var counters, tiles, series [][]any
	for k, n := range w.counters {
		counters = append(counters, []any{int64(k.series), append([]byte(nil), k.account[:]...), k.tier, int64(n)})
	}
	for k, data := range l.chain.changed {
		tiles = append(tiles, []any{k.Level, k.N, data})
	}
	var epochs [][]any
	if w.epoch { // the last of the batch
		epochs = append(epochs, []any{size - 1})
	}
	for s, idx := range w.series {
		series = append(series, []any{int64(s), idx})
	}
	for _, s := range []struct {
		head, tail string
		rows       [][]any
	}{
		{`INSERT INTO ledger_leaf (idx, data) VALUES `, ``, leaves},
		{`INSERT INTO ledger_stream (idx, series, n) VALUES `, ``, streams},
		{`INSERT INTO ledger_series (series, idx) VALUES `, ``, series},
		{`INSERT INTO ledger_epoch (idx) VALUES `, ``, epochs},
		{`INSERT INTO ledger_counter (series, account, tier, n) VALUES `, ` ON CONFLICT (series, account, tier) DO UPDATE SET n = excluded.n`, counters},
		{`INSERT INTO ledger_tile (level, n, data) VALUES `, ` ON CONFLICT (level, n) DO UPDATE SET data = excluded.data`, tiles},
		{`UPDATE ledger_entry SET idx = v.column2 FROM (VALUES `, `) AS v WHERE ledger_entry.seq = v.column1 AND ledger_entry.idx IS NULL`, indices},
	} {
		if err := tx.Many(s.head, s.tail, s.rows); err != nil {
			return err
		}
	}
	if w.note == nil {
		return nil
	}
	return tx.ExecOne(`INSERT INTO ledger_checkpoint (size, note, at) VALUES (?1, ?2, ?3)`, size, w.note, w.at.UnixMilli())
}
