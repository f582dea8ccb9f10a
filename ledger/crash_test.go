package ledger_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/testkit/engine"
)

// crashDir tells the test binary to be the process that is killed.
const crashDir = "POSTERN_TEST_CRASH_DIR"

// lasting is a test whose temporary directory outlives it.
type lasting struct {
	testing.TB
	dir string
}

func (l lasting) TempDir() string { return l.dir }

// writeUntilKilled discloses and sequences at once, and prints the id of every
// disclosure that has a receipt.
func writeUntilKilled(t *testing.T, dir string) error {
	ctx := context.Background()
	h := engine.SQLite(lasting{t, dir})(plane)
	keys, err := ledger.LoadKeys(dir, origin)
	if err != nil {
		return err
	}
	l, err := ledger.Open(ctx, ledger.Parts{DB: h, Keys: keys, Origin: origin, Node: "a", Now: time.Now, Log: slog.New(slog.DiscardHandler), Publish: -1, Tick: time.Millisecond, Epoch: time.Millisecond})
	if err != nil {
		return err
	}
	go l.Run(ctx)
	errs := make(chan error)
	for range 4 {
		ana := account()
		go func() {
			for {
				d := ledger.Disclosure{Account: ana, Tier: postern.TierContent, At: time.Now(), Grant: postern.GrantID(postern.NewID()),
					Session: postern.SessionID(postern.NewID()), Staff: staff, Reason: postern.ReasonSupport}
				var p ledger.Pending
				err := h.Update(ctx, func(tx *db.Tx) (err error) { p, err = l.Disclose(tx, d); return err })
				if err != nil {
					errs <- err
					return
				}
				fmt.Println(p.Disclosure().ID)
			}
		}()
	}
	return <-errs
}

// Killed at any moment, the ledger starts again whole and has lost no disclosure
// that was acknowledged.
func TestKilledSequencerStartsAgain(t *testing.T) {
	if dir := os.Getenv(crashDir); dir != "" {
		t.Fatal(writeUntilKilled(t, dir))
	}
	dir := t.TempDir()
	acknowledged := map[string]bool{}
	for round := range 8 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilledSequencerStartsAgain$")
		cmd.Env = append(os.Environ(), crashDir+"="+dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			if id := lines.Text(); len(id) == 32 && !strings.ContainsAny(id, " \n") {
				acknowledged[id] = true
			}
			if n == 100+37*round { // another moment each time
				cmd.Process.Kill()
			}
		}
		cmd.Wait()
	}
	ctx := context.Background()
	h := engine.SQLite(lasting{t, dir})(plane)
	keys, err := ledger.LoadKeys(dir, origin)
	if err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Open(ctx, ledger.Parts{DB: h, Keys: keys, Origin: origin, Node: "a", Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Sequence(ctx); err != nil {
		t.Fatal(err)
	}
	s, err := l.Verify(ctx)
	if err != nil || s.Waiting != 0 {
		t.Fatalf("%+v, %v", s, err)
	}
	entries, err := l.Entries(ctx, 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		delete(acknowledged, string(e.Disclosure.ID))
	}
	if len(acknowledged) > 0 || s.Disclosures < 800 {
		t.Errorf("%d acknowledged disclosures are lost of %d", len(acknowledged), s.Disclosures)
	}
}

// A full disk stops the ledger, loses nothing, and needs no repair afterwards.
func TestFullDisk(t *testing.T) {
	ctx := context.Background()
	w := newHouse(t, engine.SQLite(t))
	ana := account()
	limit := func(pages string) {
		t.Helper()
		err := w.h.Update(ctx, func(tx *db.Tx) error {
			var n int64
			return tx.Row(`PRAGMA max_page_count = `+pages, nil, &n)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	limit("1") // SQLite takes this for the present size
	taken, sequenced := 0, false
	for range 5000 {
		d := w.disclosure(ana, postern.TierContent)
		if err := w.h.Update(ctx, func(tx *db.Tx) error { _, err := w.l.Disclose(tx, d); return err }); err != nil {
			if postern.KindOf(err) != postern.Unavailable {
				t.Errorf("a full disk is %v", err)
			}
			break
		}
		taken++
		if _, err := w.l.Sequence(ctx); err != nil {
			sequenced = true // failed while writing leaves
		}
	}
	if taken == 5000 || taken == 0 {
		t.Fatalf("the disk took %d disclosures", taken)
	}
	limit("1000000")
	if _, err := w.l.Sequence(ctx); err != nil {
		t.Fatal(err)
	}
	if s := w.verify(); s.Disclosures != int64(taken) || s.Waiting != 0 {
		t.Errorf("%d taken, then %+v (sequencer stopped: %v)", taken, s, sequenced)
	}
}
