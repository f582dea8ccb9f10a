package ledger_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/testkit/engine"
)

// crashPolicy names the policy file of the process that is killed beside its witnesses.
const crashPolicy = "POSTERN_TEST_CRASH_POLICY"

// moment is when, within a witness' question and answer, the log's process dies.
type moment int

const (
	asked    moment = iota // the checkpoint is committed and on its way; the witness has not read it
	signed                 // the witness has cosigned, and its answer never arrives
	answered               // the answer has arrived, and is perhaps not stored
)

// door stands before a witness and kills the process of the log at a moment.
type door struct {
	*httptest.Server
	behind *seer

	mu   sync.Mutex
	at   moment
	left int // questions until then
	kill func()
}

func (d *door) serve(rw http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	d.left--
	now, at, kill := d.left == 0 && d.kill != nil, d.at, d.kill
	d.mu.Unlock()
	switch {
	case !now:
		d.behind.serve(rw, r)
	case at == asked:
		kill()
	case at == signed:
		d.behind.serve(httptest.NewRecorder(), r)
		kill()
	case at == answered:
		d.behind.serve(rw, r)
		_ = http.NewResponseController(rw).Flush()
		kill()
	}
}

// witnessedParts is the ledger of a directory, with the witnesses of a policy file.
func witnessedParts(t testing.TB, dir, file string) ledger.Parts {
	t.Helper()
	keys, err := ledger.LoadKeys(dir, origin)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	policy, err := verify.ParsePolicy(text)
	if err != nil {
		t.Fatal(err)
	}
	return ledger.Parts{DB: engine.SQLite(lasting{t, dir})(plane), Keys: keys, Origin: origin, Node: "a", Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Publish: -1, Tick: time.Millisecond, Epoch: time.Millisecond, Heartbeat: 5 * time.Millisecond, Witnesses: policy}
}

// cosignUntilKilled discloses beside a sequencer that has witnesses, and prints
// every disclosure that was committed.
func cosignUntilKilled(t *testing.T, dir, file string) {
	ctx := context.Background()
	p := witnessedParts(t, dir, file)
	l, err := ledger.Open(ctx, p)
	if err != nil {
		t.Fatal(err)
	}
	go l.Run(ctx)
	ana := account()
	for {
		d := ledger.Disclosure{ID: postern.DisclosureID(postern.NewID()), Account: ana, Tier: postern.TierContent, At: time.Now(), Grant: postern.GrantID(postern.NewID()),
			Session: postern.SessionID(postern.NewID()), Staff: staff, Reason: postern.ReasonSupport}
		err := p.DB.Update(ctx, func(tx *db.Tx) error { _, err := l.Disclose(tx, d); return err })
		switch {
		case err == nil:
			fmt.Println(d.ID)
		case postern.KeyOf(err) == "gate.refused.unwitnessed": // before the first quorum
		default:
			t.Fatal(err)
		}
		<-time.After(time.Millisecond)
	}
}

// Killed at each step of a question to a witness, the log starts again, has lost
// nothing, and no witness ever sees another one.
func TestKilledBesideItsWitnesses(t *testing.T) {
	if file := os.Getenv(crashPolicy); file != "" {
		cosignUntilKilled(t, os.Getenv(crashDir), file)
	}
	dir := t.TempDir()
	keys, err := ledger.LoadKeys(dir, origin)
	if err != nil {
		t.Fatal(err)
	}
	key, err := verify.ParseKey(strings.Fields(keys.LogPublic)[0])
	if err != nil {
		t.Fatal(err)
	}
	w := &house{t: t, now: time.Now(), policy: verify.Policy{Logs: []verify.Key{key}}}
	doors := map[string]*door{}
	text := ""
	for _, name := range []string{"a", "b"} {
		d := &door{behind: newSeer(t, w, name)}
		d.Server = httptest.NewServer(http.HandlerFunc(d.serve))
		t.Cleanup(d.Close)
		doors[name] = d
		text += strings.Replace(d.behind.line, d.behind.URL, d.URL, 1)
	}
	file := filepath.Join(t.TempDir(), "policy.txt")
	if err := os.WriteFile(file, []byte(text+"group both all a b\nquorum both\nmap b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	acknowledged := map[string]bool{}
	for _, name := range []string{"a", "b"} {
		for _, at := range []moment{asked, signed, answered} {
			for _, nth := range []int{1, 2, 9} {
				cmd := exec.Command(os.Args[0], "-test.run=^TestKilledBesideItsWitnesses$")
				cmd.Env = append(os.Environ(), crashDir+"="+dir, crashPolicy+"="+file)
				cmd.Stderr = os.Stderr
				out, err := cmd.StdoutPipe()
				if err != nil {
					t.Fatal(err)
				}
				d := doors[name]
				d.mu.Lock()
				d.at, d.left, d.kill = at, nth, func() { cmd.Process.Kill() }
				err = cmd.Start() // under the lock: whoever asks sees the process
				d.mu.Unlock()
				if err != nil {
					t.Fatal(err)
				}
				for lines := bufio.NewScanner(out); lines.Scan(); {
					if id := lines.Text(); len(id) == 32 && !strings.ContainsAny(id, " \n") {
						acknowledged[id] = true
					} else if strings.Contains(id, "FAIL") {
						t.Errorf("witness %s, moment %d: the process did not wait to be killed: %s", name, at, id)
					}
				}
				cmd.Wait()
				d.mu.Lock()
				if d.left > 0 {
					t.Errorf("witness %s, moment %d: it was asked %d times too few", name, at, d.left)
				}
				d.kill = nil
				d.mu.Unlock()
			}
		}
	}
	p := witnessedParts(t, dir, file)
	l, err := ledger.Open(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	w.l, w.h = l, p.DB
	w.sequence()
	if s := w.verify(); s.Waiting != 0 {
		t.Errorf("%+v", s)
	}
	entries, err := l.Entries(context.Background(), 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	total := len(acknowledged)
	for _, e := range entries {
		delete(acknowledged, string(e.Disclosure.ID))
	}
	if len(acknowledged) > 0 || total == 0 {
		t.Errorf("%d of %d acknowledged disclosures are lost", len(acknowledged), total)
	}
	for name, d := range doors {
		d.behind.mu.Lock()
		if d.behind.forks > 0 || d.behind.last.Size == 0 {
			t.Errorf("witness %s was shown %d other logs, and has seen size %d", name, d.behind.forks, d.behind.last.Size)
		}
		d.behind.mu.Unlock()
	}
}

// Whoever leads, the witnesses see one log: two processes run on the same tables,
// the leader goes, and the other takes over.
func TestTwoLeadersAreOneLog(t *testing.T) {
	engine.Each(t, func(t *testing.T, handle engine.Open) {
		w, a, b := seen(t, handle)
		w.parts.Heartbeat = 5 * time.Millisecond
		w.parts.Tick = time.Millisecond
		w.cosigned()
		first := w.l
		if w.h.Engine() == db.PostgreSQL { // another process has a pool of its own
			w.parts.DB = handle(plane)
		}
		second := w.reopen()
		ctx := context.Background()
		var wg sync.WaitGroup
		defer wg.Wait()
		for round := range 6 {
			one, stop := context.WithCancel(ctx)
			leader, heir := first, second
			if round%2 == 1 {
				leader, heir = second, first
			}
			wg.Go(func() { _ = leader.Run(one) })
			two, end := context.WithCancel(ctx)
			wg.Go(func() { _ = heir.Run(two) })
			id := w.disclose(w.disclosure(account(), postern.TierContent))
			stop()
			other := w.disclose(w.disclosure(account(), postern.TierContent))
			for _, id := range []postern.DisclosureID{id, other} {
				for deadline := time.Now().Add(20 * time.Second); ; {
					file, err := heir.InclusionFile(ctx, id)
					if err == nil {
						if r := verify.CheckInclusionFile(file, w.policy); r.Verdict != verify.Verified {
							t.Error(r.Text("en"))
						}
						break
					}
					if time.Now().After(deadline) {
						t.Fatalf("never public: %v", err)
					}
					<-time.After(2 * time.Millisecond)
				}
			}
			end()
			wg.Wait()
		}
		w.verify()
		for _, s := range []*seer{a, b} {
			s.mu.Lock()
			if s.forks > 0 {
				t.Errorf("a witness was shown %d other logs", s.forks)
			}
			s.mu.Unlock()
		}
	})
}

// The disk is full for each step once more than before: a step does nothing or
// all, what was said to be done is done, and nothing needs a repair.
func TestFullDiskInEveryStep(t *testing.T) {
	ctx := context.Background()
	w, a, _ := seen(t, engine.SQLite(t))
	w.cosigned()
	pages := func(q string) (n int64) {
		t.Helper()
		if err := w.h.Update(ctx, func(tx *db.Tx) error { return tx.Row(q, nil, &n) }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	ana := account()
	taken, controls := 0, 0
	steps := []struct {
		name string
		do   func() error
	}{
		{"a disclosure of a new account", func() error {
			err := w.h.Update(ctx, func(tx *db.Tx) error {
				_, err := w.l.Disclose(tx, w.disclosure(account(), postern.TierContent))
				return err
			})
			if err == nil {
				taken++
			}
			return err
		}},
		{"a containment", func() error {
			err := w.h.Update(ctx, func(tx *db.Tx) error {
				_, err := w.l.Control(tx, ledger.Control{Kind: verify.ControlContain, At: w.clock(), Actor: staff, Subject: "session 6f", Detail: strings.Repeat("because ", 100)})
				return err
			})
			if err == nil {
				controls++
			}
			return err
		}},
		{"a number", func() error { _, err := w.l.Number(ctx, account()); return err }},
		{"sequencing", func() error { _, err := w.l.Sequence(ctx); return err }},
		{"the witnesses", func() error { return w.l.Cosign(ctx) }},
		{"an erasure", func() error { return w.h.Update(ctx, func(tx *db.Tx) error { return w.l.Erase(tx, ana) }) }},
	}
	failed := map[string]int{}
	for round := 0; round < 40 && len(failed) < len(steps); round++ {
		pages(`PRAGMA max_page_count = 1`) // SQLite takes this for the present size
		for _, s := range steps {
			err := s.do()
			for grown := 0; err != nil; grown++ {
				if grown == 0 {
					failed[s.name]++
				}
				if postern.KindOf(err) != postern.Unavailable || grown > 200 {
					t.Fatalf("%s, %d pages later: %v", s.name, grown, err)
				}
				pages(fmt.Sprintf(`PRAGMA max_page_count = %d`, pages(`PRAGMA max_page_count`)+1))
				err = s.do()
			}
		}
		ana = account()
		w.advance(time.Second)
		pages(`PRAGMA max_page_count = 1000000`)
		for range 3 {
			if err := steps[0].do(); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.sequence()
	if s := w.verify(); s.Disclosures != int64(taken) || s.Waiting != 0 || s.Entries < int64(taken+controls) {
		t.Errorf("%d disclosures and %d controls were taken: %+v", taken, controls, s)
	}
	for _, s := range steps[:4] {
		if failed[s.name] == 0 {
			t.Errorf("%s never met a full disk", s.name)
		}
	}
	t.Logf("met a full disk: %v", failed)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.forks > 0 {
		t.Errorf("a witness was shown %d other logs", a.forks)
	}
	w.parts.DB = w.h
	w.reopen()
}

// A clock that runs years ahead and is set right again: every month gets its
// series, nothing before it is lost, and what happens later has its place.
func TestClockJumps(t *testing.T) {
	engine.Each(t, func(t *testing.T, handle engine.Open) {
		w := newHouse(t, handle)
		ana := account()
		before := w.disclose(w.disclosure(ana, postern.TierContent))
		w.sequence()
		w.advance(400 * 24 * time.Hour)
		ahead := w.disclose(w.disclosure(ana, postern.TierContent))
		w.sequence()
		series := w.verify().Size
		w.advance(-399 * 24 * time.Hour)
		back := w.disclose(w.disclosure(ana, postern.TierContent))
		w.sequence()
		w.l = w.reopen()
		if s := w.verify(); s.Disclosures != 3 || s.Waiting != 0 || series < 3+13 {
			t.Errorf("%+v, %d leaves with the months", s, series)
		}
		for _, id := range []postern.DisclosureID{before, ahead, back} {
			file, err := w.l.RecordFile(context.Background(), id)
			if err != nil {
				t.Fatal(err)
			}
			if r := verify.CheckRecordFile(file, w.policy); r.Verdict != verify.Verified {
				t.Error(r.Text("en"))
			}
		}
	})
}
