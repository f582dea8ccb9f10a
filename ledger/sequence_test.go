package ledger_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/testkit/engine"
)

// Everything a customer or an auditor can be handed verifies with the auditor's
// half alone, and says what was done.
func TestProofsOfARealLog(t *testing.T) {
	engine.Each(t, func(t *testing.T, handle engine.Open) {
		ctx := context.Background()
		w := newHouse(t, handle)
		ana, ben := account(), account()
		if _, err := w.l.CheckpointFile(ctx); postern.KindOf(err) != postern.NotFound {
			t.Errorf("a checkpoint of nothing: %v", err)
		}
		first := w.disclose(w.disclosure(ana, postern.TierContent))
		if _, err := w.l.RecordFile(ctx, first); postern.KindOf(err) != postern.Unavailable {
			t.Errorf("a proof before the leaf: %v", err)
		}
		if n := w.sequence(); n != 1 {
			t.Fatalf("sequenced %d entries", n)
		}
		older, err := w.l.CheckpointFile(ctx)
		if err != nil {
			t.Fatal(err)
		}
		all := []postern.DisclosureID{first}
		for range 300 { // more than one tile
			all = append(all, w.disclose(w.disclosure(ben, postern.TierEnvelope)))
		}
		all = append(all, w.disclose(w.disclosure(ana, postern.TierContent)))
		w.control(verify.ControlContain)
		w.advance(20 * time.Minute)
		w.sequence()
		w.advance(31 * 24 * time.Hour) // the next month has a series of its own
		all = append(all, w.disclose(w.disclosure(ana, postern.TierContent)))
		w.sequence()
		newer, err := w.l.CheckpointFile(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for i, id := range all {
			file, err := w.l.RecordFile(ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			if r := verify.CheckRecordFile(file, w.policy); r.Verdict != verify.Verified {
				t.Fatalf("record %d: %s", i, r.Text("en"))
			}
			if file, err = w.l.InclusionFile(ctx, id); err != nil {
				t.Fatal(err)
			}
			if r := verify.CheckInclusionFile(file, w.policy); r.Verdict != verify.Verified {
				t.Fatalf("inclusion %d: %s", i, r.Text("en"))
			}
		}
		from, to := opened(t, w, older).Size, opened(t, w, newer).Size
		file, err := w.l.ConsistencyFile(ctx, from, to)
		if err != nil {
			t.Fatal(err)
		}
		if r := verify.CheckConsistencyFile(file, w.policy); r.Verdict != verify.Verified {
			t.Error(r.Text("en"))
		}
		for _, sizes := range [][2]int64{{to, from}, {from, to + 1}, {0, to}} {
			if _, err := w.l.ConsistencyFile(ctx, sizes[0], sizes[1]); err == nil {
				t.Errorf("a consistency file from %d to %d", sizes[0], sizes[1])
			}
		}
		if _, err := w.l.RecordFile(ctx, postern.DisclosureID(postern.NewID())); postern.KindOf(err) != postern.NotFound {
			t.Errorf("a record of nobody: %v", err)
		}
		s := w.verify()
		// 303 disclosures, 1 control, 2 series, 1 tally, 3 epochs.
		if s.Disclosures != 303 || s.Entries != 304 || s.Size != 310 || s.Waiting != 0 || s.Size != to {
			t.Errorf("%+v", s)
		}
		w.l = w.reopen() // and a restart finds it whole
		if again := w.verify(); again != s {
			t.Errorf("%+v after a restart, %+v before", again, s)
		}
	})
}

func opened(t *testing.T, w *house, signed []byte) verify.Checkpoint {
	t.Helper()
	c, err := w.policy.Open(signed)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A containment's index splits the disclosures as its seq does, and a grant's
// precedes those that follow it; between them the order is the tags', not time's.
func TestContainmentSplitsTheLog(t *testing.T) {
	engine.Each(t, func(t *testing.T, handle engine.Open) {
		ctx := context.Background()
		w := newHouse(t, handle)
		ana := account()
		grant := w.control(verify.ControlGrant)
		var before, after []postern.DisclosureID
		for range 20 {
			before = append(before, w.disclose(w.disclosure(ana, postern.TierEnvelope)))
		}
		contain := w.control(verify.ControlContain)
		for range 20 {
			after = append(after, w.disclose(w.disclosure(ana, postern.TierEnvelope)))
		}
		w.sequence()
		at := func(seq int64) int64 {
			i, ok, err := w.l.Position(ctx, seq)
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			return i
		}
		index := map[postern.DisclosureID]int64{}
		entries, err := w.l.Entries(ctx, -1, 1000)
		if err != nil {
			t.Fatal(err)
		}
		inOrder := true
		last := int64(-1)
		for _, e := range entries {
			if e.Disclosure == nil {
				continue
			}
			index[e.Disclosure.ID] = e.Index
			inOrder = inOrder && e.Seq > last
			last = e.Seq
		}
		for _, id := range before {
			if index[id] <= at(grant) || index[id] >= at(contain) {
				t.Errorf("a disclosure before the containment stands at %d", index[id])
			}
		}
		for _, id := range after {
			if index[id] <= at(contain) {
				t.Errorf("a disclosure after the containment stands at %d", index[id])
			}
		}
		if inOrder {
			t.Error("40 disclosures stand in the order of time: the batch was not sorted")
		}
		w.verify()
	})
}

func TestWaitPosition(t *testing.T) {
	engine.Each(t, func(t *testing.T, handle engine.Open) {
		w := newHouse(t, handle)
		ctx, cancel := context.WithCancel(context.Background())
		ran := make(chan error, 1)
		go func() { ran <- w.l.Run(ctx) }()
		for range 3 {
			if i, err := w.l.WaitPosition(ctx, w.control(verify.ControlContain)); err != nil || i < 0 {
				t.Error(i, err)
			}
		}
		cancel()
		<-ran
		if _, err := w.l.WaitPosition(ctx, w.control(verify.ControlLift)); err == nil {
			t.Error("a wait without a sequencer ends with its context")
		}
		if _, _, err := w.l.Position(context.Background(), 1<<40); postern.KindOf(err) != postern.NotFound {
			t.Errorf("a position of nothing: %v", err)
		}
	})
}

// Several processes write and sequence at once: every entry gets one index.
func TestSequencersExcludeEachOther(t *testing.T) {
	engine.Each(t, func(t *testing.T, handle engine.Open) {
		ctx := context.Background()
		w := newHouse(t, handle)
		others := []*ledger.Ledger{w.l, w.reopen()}
		if w.h.Engine() == db.PostgreSQL { // a second process has its own handle
			w.parts.DB = handle(plane)
			others = append(others, w.reopen())
		}
		var wg sync.WaitGroup
		const writers, each = 4, 30
		for range writers {
			ana := account()
			wg.Go(func() {
				for range each {
					w.disclose(w.disclosure(ana, postern.TierTrace))
				}
			})
		}
		for _, l := range others {
			wg.Go(func() {
				for range 20 {
					l.Sequence(ctx) // losing to another is an error here, and harmless
				}
			})
		}
		wg.Wait()
		for range 5 {
			if _, err := w.l.Sequence(ctx); err == nil {
				break
			}
		}
		if s := w.verify(); s.Disclosures != writers*each || s.Waiting != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// An epoch is due by the clock, only where there are new leaves, and a clock set
// back stops nothing.
func TestEpochsAndClocks(t *testing.T) {
	engine.Each(t, func(t *testing.T, handle engine.Open) {
		w := newHouse(t, handle)
		ana := account()
		w.disclose(w.disclosure(ana, postern.TierContent))
		w.sequence() // series, disclosure, epoch
		size := w.verify().Size
		w.advance(time.Hour)
		w.sequence()
		if got := w.verify().Size; size != 3 || got != 3 {
			t.Errorf("size %d, then %d without anything new", size, got)
		}
		w.advance(-48 * time.Hour)
		w.disclose(w.disclosure(ana, postern.TierContent))
		w.sequence()
		w.advance(-40 * 24 * time.Hour) // to a month before the log began, which has no place in it
		refused := w.h.Update(context.Background(), func(tx *db.Tx) error {
			_, err := w.l.Disclose(tx, w.disclosure(ana, postern.TierContent))
			return err
		})
		if postern.KindOf(refused) != postern.Unavailable {
			t.Errorf("a disclosure before the log began: %v", refused)
		}
		w.sequence()
		w.advance(60 * 24 * time.Hour)
		w.sequence() // the tally of the month, the series of the next, though nothing was disclosed in it, and an epoch
		if s := w.verify(); s.Disclosures != 2 || s.Size != 7 {
			t.Errorf("%+v", s)
		}
	})
}

func TestFailClosedWhenBehind(t *testing.T) {
	engine.Each(t, func(t *testing.T, handle engine.Open) {
		w := newHouse(t, handle)
		w.disclose(w.disclosure(account(), postern.TierContent))
		w.advance(2 * time.Minute)
		refused := w.h.Update(context.Background(), func(tx *db.Tx) error {
			_, err := w.l.Disclose(tx, w.disclosure(account(), postern.TierContent))
			return err
		})
		if postern.KindOf(refused) != postern.Unavailable {
			t.Errorf("a disclosure with the sequencer two minutes behind: %v", refused)
		}
		w.control(verify.ControlContain) // what ends access is never refused
		w.sequence()
		w.advance(2 * time.Second)
		w.disclose(w.disclosure(account(), postern.TierContent))
	})
}

// Erasing one row makes an account's records impossible to open; the log stays
// whole.
func TestErasureOfOneRow(t *testing.T) {
	engine.Each(t, func(t *testing.T, handle engine.Open) {
		ctx := context.Background()
		w := newHouse(t, handle)
		ana := account()
		id := w.disclose(w.disclosure(ana, postern.TierContent))
		w.sequence()
		err := w.h.Update(ctx, func(tx *db.Tx) error {
			return tx.ExecOne(`DELETE FROM ledger_account_secret WHERE account_id = ?1`, string(ana))
		})
		if err != nil {
			t.Fatal(err)
		}
		w.l = w.reopen()
		if _, err := w.l.RecordFile(ctx, id); postern.KindOf(err) != postern.NotFound {
			t.Errorf("the record still opens: %v", err)
		}
		if _, err := w.l.InclusionFile(ctx, id); err != nil {
			t.Error(err)
		}
		if s := w.verify(); s.Erased != 1 {
			t.Errorf("%+v", s)
		}
	})
}
