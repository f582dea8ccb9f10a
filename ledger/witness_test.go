package ledger_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/testkit/engine"
)

// seer is a witness of the tests, with the house's clock and a will of its own.
type seer struct {
	*httptest.Server
	w      *house
	cosign verify.Cosigner
	line   string // of a policy

	mu     sync.Mutex
	last   verify.Checkpoint
	answer func(w http.ResponseWriter) bool // true: has answered in its own way
	asked  int
	forks  int // checkpoints that did not follow
}

func newSeer(t testing.TB, w *house, name string) *seer {
	t.Helper()
	skey, vkey, err := verify.GenerateWitnessKey(name + ".example")
	if err != nil {
		t.Fatal(err)
	}
	s := &seer{w: w}
	if s.cosign, err = verify.NewCosigner(skey); err != nil {
		t.Fatal(err)
	}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	s.line = "witness " + name + " " + vkey + " " + s.URL + "\n"
	return s
}

func (s *seer) serve(rw http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if s.answer != nil && s.answer(rw) {
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	head, signed, ok := bytes.Cut(body, []byte("\n\n"))
	if err != nil || !ok || r.URL.Path != "/add-checkpoint" {
		http.Error(rw, "malformed", http.StatusBadRequest)
		return
	}
	lines := strings.Split(string(head), "\n")
	var old int64
	if _, err := fmt.Sscanf(lines[0], "old %d", &old); err != nil {
		http.Error(rw, "malformed", http.StatusBadRequest)
		return
	}
	var path []tlog.Hash
	for _, l := range lines[1:] {
		h, err := tlog.ParseHash(l)
		if err != nil {
			http.Error(rw, "malformed", http.StatusBadRequest)
			return
		}
		path = append(path, h)
	}
	c, err := s.w.policy.Open(signed)
	if err != nil {
		http.Error(rw, "not by the log", http.StatusForbidden)
		return
	}
	if old != s.last.Size {
		rw.Header().Set("Content-Type", "text/x.tlog.size")
		rw.WriteHeader(http.StatusConflict)
		fmt.Fprintf(rw, "%d\n", s.last.Size)
		return
	}
	if old > 0 && verify.CheckConsistency(s.last, c, path) != nil {
		s.forks++
		http.Error(rw, "does not follow", http.StatusUnprocessableEntity)
		return
	}
	line, err := s.cosign.Sign(c.Body(), s.w.clock())
	if err != nil {
		http.Error(rw, err.Error(), http.StatusInternalServerError)
		return
	}
	s.last = c
	io.WriteString(rw, line)
}

func (s *seer) say(f func(w http.ResponseWriter) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = f
}

// seen is a house whose log two witnesses must cosign, one of whom counts for the map.
func seen(t testing.TB, handle engine.Open) (w *house, a, b *seer) {
	t.Helper()
	w = newHouse(t, handle)
	a, b = newSeer(t, w, "a"), newSeer(t, w, "b")
	p, err := verify.ParsePolicy([]byte(a.line + b.line + "group both all a b\nquorum both\nmap b\n"))
	if err != nil {
		t.Fatal(err)
	}
	w.parts.Witnesses = p
	w.policy = p.Of(w.policy.Logs)
	w.l = w.reopen()
	w.sequence()
	return w, a, b
}

// cosigned has every witness asked once, as a start does.
func (w *house) cosigned() { w.l = w.reopen() }

func (w *house) refusedBecause() string {
	w.t.Helper()
	w.advance(2 * time.Second) // past what is remembered
	err := w.h.Update(context.Background(), func(tx *db.Tx) error {
		_, err := w.l.Disclose(tx, w.disclosure(account(), postern.TierContent))
		return err
	})
	if err == nil {
		w.sequence()
		return ""
	}
	return postern.KeyOf(err)
}

func TestNothingIsShownUnwitnessed(t *testing.T) {
	engine.Each(t, func(t *testing.T, handle engine.Open) {
		w, _, b := seen(t, handle)
		if why := w.refusedBecause(); why != "gate.refused.unwitnessed" {
			t.Errorf("before any witness has cosigned: %q", why)
		}
		if _, err := w.l.CheckpointFile(context.Background()); postern.KindOf(err) != postern.NotFound {
			t.Errorf("a checkpoint that no quorum has cosigned is public: %v", err)
		}
		w.cosigned()
		if why := w.refusedBecause(); why != "" {
			t.Errorf("with both witnesses: %q", why)
		}
		file, err := w.l.CheckpointFile(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if times, err := w.policy.Cosignatures(file); err != nil || len(times) != 2 {
			t.Errorf("the public checkpoint is cosigned by %v, %v", times, err)
		}
		w.advance(29 * time.Minute)
		if why := w.refusedBecause(); why != "" {
			t.Errorf("29 minutes later: %q", why)
		}
		w.advance(2 * time.Minute)
		if why := w.refusedBecause(); why != "gate.refused.unwitnessed" {
			t.Errorf("31 minutes later: %q", why)
		}
		w.control(verify.ControlContain) // what ends access is never refused
		w.sequence()
		b.say(func(rw http.ResponseWriter) bool { rw.WriteHeader(http.StatusBadGateway); return true })
		w.cosigned()
		if why := w.refusedBecause(); why != "gate.refused.unwitnessed" {
			t.Errorf("with one of two witnesses: %q", why)
		}
		b.say(nil)
		w.cosigned()
		if why := w.refusedBecause(); why != "" {
			t.Errorf("both again: %q", why)
		}
		w.verify()
	})
}

// A statement is verified, by whoever believes these witnesses.
func TestAWitnessedStatement(t *testing.T) {
	engine.Each(t, func(t *testing.T, handle engine.Open) {
		w, _, _ := seen(t, handle)
		w.cosigned()
		ana, ben := account(), account()
		for range 8 {
			w.disclose(w.disclosure(ben, postern.TierContent))
			w.sequence()
			w.cosigned()
			w.advance(20 * time.Minute)
			w.sequence()
			w.cosigned()
		}
		from, until, err := w.l.Provable(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		s, r := w.state(ana, from, until, postern.TierAccount)
		if r.Verdict != verify.Verified {
			t.Errorf("nobody looked: %s", r.Text("en"))
		}
		if s, r := w.state(ben, from, until, postern.TierContent); r.Why != verify.WhyAccessed {
			t.Errorf("%d looks: %s", s.Count, r.Text("en"))
		}
		if _, r := w.state(ben, from, until, postern.TierAttachment); r.Verdict != verify.Verified {
			t.Errorf("at a deeper tier: %s", r.Text("en"))
		}
		one, err := verify.ParsePolicy([]byte("log " + w.keys.LogPublic + "\n" + newSeer(t, w, "z").line + "quorum z\nmap z\n"))
		if err != nil {
			t.Fatal(err)
		}
		if r := verify.CheckNonAccessFile(s.File, one); r.Why != verify.WhyWitness {
			t.Errorf("by somebody who believes another witness: %s", r.Text("en"))
		}
	})
}

// What a witness can do wrong costs its own cosignature and nothing else.
func TestWitnessesThatAnswerOtherwise(t *testing.T) {
	plain := func(status int, body string) func(http.ResponseWriter) bool {
		return func(rw http.ResponseWriter) bool { rw.WriteHeader(status); io.WriteString(rw, body); return true }
	}
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter) bool
		stops  string // the key of the error that stops a start
	}{
		"unknown log": {plain(404, ""), ""},
		"forbidden":   {plain(403, ""), ""},
		"bad request": {plain(400, ""), ""},
		"broken":      {plain(500, "oops"), ""},
		"nothing":     {plain(200, ""), ""},
		"garbage":     {plain(200, "— a.example "+strings.Repeat("A", 200)+"\n"), ""},
		"a flood":     {plain(200, strings.Repeat("x", 1<<20)), ""},
		"a redirect": {func(rw http.ResponseWriter) bool {
			rw.Header().Set("Location", "http://127.0.0.1:1/")
			rw.WriteHeader(302)
			return true
		}, ""},
		"409 without a size":   {plain(409, "12\n"), ""},
		"409, a negative size": {conflict("-1\n"), ""},
		"409, two lines":       {conflict("3\n4\n"), ""},
		"409, far ahead":       {conflict("999\n"), "ledger.restored"},
		"422":                  {plain(422, ""), "ledger.forked"},
		"hangs up":             {func(rw http.ResponseWriter) bool { panic(http.ErrAbortHandler) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w, a, _ := seen(t, engine.SQLite(t))
			a.say(c.answer)
			l, err := ledger.Open(context.Background(), w.parts)
			if c.stops != "" {
				if postern.KeyOf(err) != c.stops {
					t.Errorf("the start: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			w.l = l
			if why := w.refusedBecause(); why != "gate.refused.unwitnessed" {
				t.Errorf("one witness short: %q", why)
			}
			a.say(nil)
			w.cosigned()
			if why := w.refusedBecause(); why != "" {
				t.Errorf("after it came to its senses: %q", why)
			}
		})
	}
}

func conflict(body string) func(http.ResponseWriter) bool {
	return func(rw http.ResponseWriter) bool {
		rw.Header().Set("Content-Type", "text/x.tlog.size")
		rw.WriteHeader(http.StatusConflict)
		io.WriteString(rw, body)
		return true
	}
}

// A witness that lost its memory is told again from the start.
func TestAWitnessThatForgot(t *testing.T) {
	w, a, _ := seen(t, engine.SQLite(t))
	w.cosigned()
	a.mu.Lock()
	a.last = verify.Checkpoint{}
	a.mu.Unlock()
	w.refusedBecause()
	w.cosigned()
	if a.mu.Lock(); a.last.Size == 0 {
		t.Error("it was not told")
	}
	a.mu.Unlock()
}

// A backup that is older than what witnesses have seen does not start.
func TestARestoredBackupDoesNotStart(t *testing.T) {
	dir := t.TempDir()
	w, _, _ := seen(t, engine.SQLite(lasting{t, dir}))
	w.cosigned()
	backup := map[string][]byte{}
	if err := w.h.Close(); err != nil { // writes everything into one file
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if backup[f.Name()], err = os.ReadFile(dir + "/" + f.Name()); err != nil {
			t.Fatal(err)
		}
	}
	again := func() error {
		w.h = w.open(plane)
		w.parts.DB = w.h
		l, err := ledger.Open(context.Background(), w.parts)
		w.l = l
		return err
	}
	if err := again(); err != nil {
		t.Fatal(err)
	}
	w.disclose(w.disclosure(account(), postern.TierContent))
	w.sequence()
	w.cosigned()
	if err := w.h.Close(); err != nil {
		t.Fatal(err)
	}
	for name, b := range backup {
		if err := os.WriteFile(dir+"/"+name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := again(); postern.KeyOf(err) != "ledger.restored" {
		t.Errorf("the start with yesterday's backup: %v", err)
	}
}

// Run asks by itself: each checkpoint as it comes, and the newest again.
func TestRunHasTheWitnessesCosign(t *testing.T) {
	engine.Each(t, func(t *testing.T, handle engine.Open) {
		w, a, b := seen(t, handle)
		w.parts.Heartbeat = 20 * time.Millisecond
		w.parts.Log = slog.New(slog.DiscardHandler)
		w.cosigned()
		ctx, stop := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		wg.Go(func() { _ = w.l.Run(ctx) })
		defer wg.Wait()
		defer stop()
		id := w.disclose(w.disclosure(account(), postern.TierContent))
		for deadline := time.Now().Add(20 * time.Second); ; {
			file, err := w.l.InclusionFile(ctx, id)
			if err == nil {
				if r := verify.CheckInclusionFile(file, w.policy); r.Verdict != verify.Verified {
					t.Error(r.Text("en"))
				}
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("never public: %v", err)
			}
			<-time.After(5 * time.Millisecond)
		}
		before := func(s *seer) int { s.mu.Lock(); defer s.mu.Unlock(); return s.asked }
		na, nb := before(a), before(b)
		w.advance(time.Minute)
		for deadline := time.Now().Add(20 * time.Second); before(a) == na || before(b) == nb; {
			if time.Now().After(deadline) {
				t.Fatal("no heartbeat")
			}
			<-time.After(5 * time.Millisecond)
		}
	})
}
