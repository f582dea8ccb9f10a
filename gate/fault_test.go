package gate_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/db/open"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/testkit/engine"
)

func sqlite(t testing.TB) engine.Open { return engine.SQLite(t) }

// TestLedgerBehind: when nothing can be sequenced nothing is shown, and the
// refusal is written down all the same.
func TestLedgerBehind(t *testing.T) {
	engine.Each(t, func(t *testing.T, o engine.Open) {
		keys, err := ledger.NewKeys(origin)
		if err != nil {
			t.Fatal(err)
		}
		h := build(t, o, keys) // nobody sequences
		s, a, want := opened(h)
		h.clock.pass(30 * time.Second)
		d, err := h.gate.Reveal(ctx, s, want)
		h.ok(err)
		d.Done()
		h.clock.pass(2 * time.Minute)
		_, err = h.gate.Reveal(ctx, s, want)
		wantKey(t, err, gate.RefusedLedgerBehind)
		if postern.KindOf(err) != postern.Unavailable {
			t.Errorf("it is %v", postern.KindOf(err))
		}
		if n := h.disclosures(a); n != 1 {
			t.Errorf("%d disclosures, want the one in time", n)
		}
		if got := h.refusals(s.ID); len(got) != 1 || got[0] != gate.RefusedLedgerBehind {
			t.Errorf("the ledger has the refusals %q", got)
		}
		_, err = h.ledger.Sequence(ctx)
		h.ok(err)
		h.clock.pass(2 * time.Second)
		d, err = h.gate.Reveal(ctx, s, want)
		h.ok(err)
		d.Done()
	})
}

// TestNeighbours: reveals that fail after they have written, in the same commit
// as others, take none of them along and leave nothing of their own.
func TestNeighbours(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		const good, rounds = 6, 15
		var wg sync.WaitGroup
		ready := make(chan struct{}) // the clock stands still from then on
		var accounts []postern.AccountID
		for i := range good {
			s := h.signIn(fmt.Sprintf("good%d", i))
			a, c, m := h.customer(1)
			g := h.consented(s, a, c, postern.TierContent, m...)
			accounts = append(accounts, a)
			wg.Go(func() {
				<-ready
				for range rounds {
					d, err := h.gate.Reveal(ctx, s, gate.Want{Grant: g.ID, Tier: postern.TierContent, Messages: m})
					if err != nil {
						t.Errorf("a neighbour's failure took this reveal along: %v", err)
						return
					}
					d.Done()
				}
			})
		}
		greedy := h.signIn("greedy")
		a, c, m := h.customer(30)
		g := h.consented(greedy, a, c, postern.TierContent, m...)
		close(ready)
		for range 3 {
			wg.Go(func() {
				for range rounds {
					// The account is counted, then the messages are too many.
					_, err := h.gate.Reveal(ctx, greedy, gate.Want{Grant: g.ID, Tier: postern.TierContent, Messages: m})
					if postern.KeyOf(err) != gate.RefusedBudget {
						t.Errorf("30 messages of 20 are refused with %v", err)
					}
				}
			})
		}
		wg.Wait()
		for _, a := range accounts {
			if n := h.disclosures(a); n != rounds {
				t.Errorf("%d disclosures of %d", n, rounds)
			}
		}
		if n := h.disclosures(a); n != 0 {
			t.Errorf("%d disclosures of refused reveals", n)
		}
		if got := h.refusals(greedy.ID); len(got) != 3*rounds {
			t.Errorf("%d refusals of %d are in the ledger", len(got), 3*rounds)
		}
		var left int
		h.ok(h.db.View(ctx, func(tx *db.Tx) error {
			return tx.Row("SELECT count(*) FROM gate_reach WHERE staff = ?1", db.Args(string(greedy.Staff)), &left)
		}))
		if left != 0 {
			t.Error("a refused reveal left its count behind")
		}
	}, func(p *gate.Parts) {
		r := p.Policy.Tiers["content"]
		r.MessagesPerHour = 20
		p.Policy.Tiers["content"] = r
	})
}

const childDir = "POSTERN_GATE_TEST_CHILD"

// TestKilledBetweenCommitAndReading kills the process after the disclosure was
// committed and before a byte was read. What could have been shown is in the
// ledger.
func TestKilledBetweenCommitAndReading(t *testing.T) {
	if dir := os.Getenv(childDir); dir != "" {
		child(t, dir)
		return
	}
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilledBetweenCommitAndReading$")
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	account := ""
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if a, ok := strings.CutPrefix(lines.Text(), "reading "); ok {
			account = a
			break
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	if account == "" {
		t.Fatal("the child did not come to reading")
	}
	handle, err := open.SQLite(ctx, dir, open.Staff)
	if err != nil {
		t.Fatal(err)
	}
	defer handle.Close()
	keys, err := ledger.LoadKeys(dir, origin)
	if err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Open(ctx, ledger.Parts{DB: handle, Keys: keys, Origin: origin, Node: "a", Now: time.Now, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	found, err := l.Find(ctx, ledger.Filter{Account: postern.AccountID(account), DisclosuresOnly: true})
	if err != nil || len(found) != 1 || found[0].Disclosure.Tier != postern.TierContent {
		t.Errorf("after the kill the ledger has %d disclosures, %v", len(found), err)
	}
	if _, err := l.Sequence(ctx); err != nil {
		t.Error(err)
	}
	if _, err := l.Verify(ctx); err != nil {
		t.Error(err)
	}
}

// child reveals, and hangs in the reading until it is killed.
func child(t *testing.T, dir string) {
	keys, err := ledger.LoadKeys(dir, origin)
	if err != nil {
		t.Fatal(err)
	}
	h := build(t, func(p open.Plane) *db.Handle {
		handle, err := open.SQLite(ctx, dir, p)
		if err != nil {
			t.Fatal(err)
		}
		return handle
	}, keys)
	s, a, want := opened(h)
	h.mail.before = func(ctx context.Context) error {
		fmt.Printf("reading %s\n", a)
		<-ctx.Done()
		return ctx.Err()
	}
	_, err = h.gate.Reveal(ctx, s, want)
	t.Fatalf("nobody killed the child: %v", err)
}
