package cosigner_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/ledger/verify/cosigner"
)

// Each status of c2sp.org/tlog-witness, and what stands with it.
func TestStatus(t *testing.T) {
	p := newProvider(t)
	p.some(300)
	p.summary(nil)
	p.publish()
	s := newSeat(t, p)
	line := s.wants(200, p.ask(0, 200))
	if at, ok := s.key.Check(p.head(200).Body(), line); !ok || at == 0 || strings.Count(line, "\n") != 1 {
		t.Errorf("its line does not hold: %q", line)
	}
	stranger, other := newProvider(t), p.twin()
	other.leaves[100] = other.leaves[99]
	other.hashes = nil
	leaves := other.leaves
	other.leaves = nil
	for _, l := range leaves {
		other.addRaw(l)
	}
	good := p.ask(200, 302)
	path, err := tlog.ProveTree(302, 200, p)
	if err != nil {
		t.Fatal(err)
	}
	signed := p.signText(p.head(302).Body())
	at := bytes.LastIndexByte(signed[:len(signed)-1], ' ') + 8
	broken := bytes.Clone(signed)
	if broken[at] = 'A'; signed[at] == 'A' {
		broken[at] = 'B'
	}
	for _, c := range []struct {
		name   string
		status int
		body   []byte
	}{
		{"nothing", 400, nil},
		{"no empty line", 400, bytes.Replace(good, []byte("\n\n"), []byte("\n"), -1)},
		{"no old", 400, bytes.TrimPrefix(good, []byte("old "))},
		{"old with zeros", 400, bytes.Replace(good, []byte("old 200"), []byte("old 0200"), 1)},
		{"old with a sign", 400, bytes.Replace(good, []byte("old 200"), []byte("old +200"), 1)},
		{"old negative", 400, bytes.Replace(good, []byte("old 200"), []byte("old -1"), 1)},
		{"old beyond numbers", 400, bytes.Replace(good, []byte("old 200"), []byte("old 99999999999999999999"), 1)},
		{"old larger than the checkpoint", 400, body(303, path, signed)},
		{"64 hashes", 400, body(200, make([]tlog.Hash, 64), signed)},
		{"a hash cut", 400, bytes.Replace(good, []byte(path[0].String()), []byte(path[0].String()[:40]), 1)},
		{"no checkpoint", 400, body(200, path, nil)},
		{"extension lines", 400, body(200, path, p.signText(p.head(302).Body()+"more\n"))},
		{"too large", 413, append(bytes.Clone(good), make([]byte, 100<<10)...)},
		{"another log", 404, body(200, path, p.signText(strings.Replace(p.head(302).Body(), origin, "other.example", 1)))},
		{"another key", 403, body(200, path, stranger.signText(p.head(302).Body()))},
		{"a signature that does not hold", 403, body(200, path, broken)},
		{"an old that is smaller", 409, p.ask(100, 302)},
		{"an old that is larger", 409, p.ask(201, 302)},
		{"an old of nothing", 409, p.ask(0, 302)},
		{"no proof", 422, body(200, nil, signed)},
		{"a hash flipped", 422, body(200, append([]tlog.Hash{{1}}, path[1:]...), signed)},
		{"a hash too many", 422, body(200, append(path[:len(path):len(path)], tlog.Hash{}), signed)},
		{"the same size and another root", 422, other.ask(200, 200)},
		{"the same size with a proof", 422, body(200, path, p.signText(p.head(200).Body()))},
		{"another past", 422, other.ask(200, 302)},
		{"an empty log that hashes to something", 422, body(0, nil, p.signText(verify.Checkpoint{Origin: origin, Root: tlog.Hash{1}}.Body()))},
		{"the same again", 200, p.ask(200, 200)},
		{"what follows", 200, good},
		{"what follows again", 409, good},
	} {
		status, kind, answer := s.post(c.body)
		if status != c.status {
			t.Errorf("%s: %d instead of %d: %q", c.name, status, c.status, answer)
		}
		if strings.Contains(answer, "— ") != (status == 200) {
			t.Errorf("%s: a status of %d with %q", c.name, status, answer)
		}
		if want := map[bool]string{true: "302\n", false: "200\n"}[c.name == "what follows again"]; status == 409 && (kind != "text/x.tlog.size" || answer != want) {
			t.Errorf("%s: %q as %q", c.name, answer, kind)
		}
	}
	// Before anything was cosigned there is nothing to prove.
	q := newProvider(t)
	q.some(3)
	q.publish()
	fresh := newSeat(t, q)
	fresh.wants(422, body(0, path, q.signText(q.head(4).Body())))
	fresh.wants(409, q.ask(3, 4))
	fresh.wants(200, q.ask(0, 0))
	fresh.wants(200, q.ask(0, 4))
	for _, method := range []string{"GET", "PUT"} {
		rw := httptest.NewRecorder()
		fresh.s.ServeHTTP(rw, httptest.NewRequest(method, "/add-checkpoint", nil))
		if rw.Code != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", method, rw.Code)
		}
	}
	for _, path := range []string{"/", "/add-checkpoints", "/sign-subtree"} {
		rw := httptest.NewRecorder()
		fresh.s.ServeHTTP(rw, httptest.NewRequest("POST", path, nil))
		if rw.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, rw.Code)
		}
	}
}

// A tree that grows as it should is not enough.
func TestLeavesThatBreakTheirRulesAreNotCosigned(t *testing.T) {
	for name, lie := range map[string]func(p *provider){
		"an epoch with another root":     func(p *provider) { p.summary(func(l *verify.EpochLeaf) { l.MapRoot[0] ^= 1 }) },
		"an epoch that is one tag short": func(p *provider) { p.summary(func(l *verify.EpochLeaf) { l.Tags-- }) },
		"an epoch left out":              func(p *provider) { p.summary(func(l *verify.EpochLeaf) { l.Epoch++ }) },
		"an epoch that covers less":      func(p *provider) { p.summary(func(l *verify.EpochLeaf) { l.Covered-- }) },
		"an epoch whose time runs back":  func(p *provider) { p.summary(func(l *verify.EpochLeaf) { l.TimeMS = 1 }) },
		"a tag twice":                    func(p *provider) { p.addRaw(p.leaves[5]); p.some(1) },
		"a tag twice at the very end":    func(p *provider) { p.addRaw(p.leaves[5]) },
		"a tag twice since the epoch":    func(p *provider) { p.some(1); p.addRaw(p.leaves[len(p.leaves)-1]) },
		"a month twice":                  func(p *provider) { p.month(may) },
		"a leaf of no known type":        func(p *provider) { p.addRaw(append([]byte{1, 9}, make([]byte, 64)...)) },
		"a leaf of another version":      func(p *provider) { p.addRaw(append([]byte{2, 1}, make([]byte, 64)...)) },
		"a short leaf":                   func(p *provider) { p.addRaw(make([]byte, 65)) },
		"other leaves than the tree's": func(p *provider) {
			p.some(1)
			p.publish()
			p.leaves = p.leaves[:len(p.leaves)-1]
			p.hashes = p.hashes[:tlog.StoredHashCount(int64(len(p.leaves)))]
			p.disclose(99)
			p.shop = &shop{} // what is shown stays
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t)
			p.some(20)
			p.summary(nil)
			p.publish()
			s := newSeat(t, p)
			first := p.size()
			s.wants(200, p.ask(0, first))
			bad := p.twin()
			lie(bad)
			bad.publish()
			for range 2 { // and not when asked again
				if answer := s.wants(424, bad.ask(first, bad.size())); !strings.Contains(answer, "the log is refuted") {
					t.Errorf("it does not say why: %q", answer)
				}
			}
			if refused, err := filepath.Glob(filepath.Join(s.parts.Dir, "*.refused")); err != nil || len(refused) != 1 {
				t.Errorf("the evidence: %v, %v", refused, err)
			}
			s.reopen()
			s.wants(424, bad.ask(first, bad.size()))
			// The true future is still cosigned.
			p.some(2)
			p.publish()
			s.wants(200, p.ask(first, p.size()))
		})
	}
}

// Of two futures one is cosigned, however they are asked for.
func TestNeverAFork(t *testing.T) {
	p := newProvider(t)
	p.some(5)
	p.publish()
	s := newSeat(t, p)
	s.wants(200, p.ask(0, p.size()))
	// Heartbeats, growth and old requests all at once; each line is of a state no
	// smaller than those before it.
	start := p.size()
	p.some(40)
	p.publish()
	var mu sync.Mutex
	largest := start
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for size := start + int64(i); size <= p.size(); size += 4 {
				mu.Lock()
				before := largest
				mu.Unlock()
				status, _, answer := s.post(p.ask(before, max(size, before)))
				if status != 200 && status != 409 && status != 503 {
					t.Errorf("%d: %q", status, answer)
				}
				if status == 200 {
					mu.Lock()
					largest = max(largest, size)
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	if at := s.knows(p); at < largest {
		t.Errorf("it knows %d after it cosigned %d", at, largest)
	}
	for range 20 {
		at := s.knows(p)
		one, two := p.twin(), p.twin()
		one.disclose(1)
		two.disclose(2)
		won := make(chan *provider, 2)
		for _, q := range []*provider{one, two} {
			wg.Go(func() {
				q.publish()
				if status, _, _ := s.post(q.ask(at, q.size())); status == 200 {
					won <- q
				}
			})
		}
		wg.Wait()
		close(won)
		if len(won) == 2 {
			t.Fatal("both futures were cosigned")
		}
		for q := range won {
			p = q
		}
	}
}

// What was cosigned outlasts the process, and without it nothing is cosigned.
func TestStateIsKeptOrNothingIsCosigned(t *testing.T) {
	p := newProvider(t)
	p.some(300)
	p.publish()
	s := newSeat(t, p)
	s.wants(200, p.ask(0, 200))
	if _, err := cosigner.Open(s.parts); err == nil {
		t.Error("two processes cosign with one folder")
	}
	s.reopen()
	s.wants(409, p.ask(0, 301))
	s.wants(200, p.ask(200, 200))
	s.wants(200, p.ask(200, 301))

	// A disk that takes nothing.
	aside := s.parts.Dir + ".aside"
	if err := os.Rename(s.parts.Dir, aside); err != nil {
		t.Fatal(err)
	}
	p.some(2)
	p.publish()
	s.wants(500, p.ask(301, 303))
	if err := os.Rename(aside, s.parts.Dir); err != nil {
		t.Fatal(err)
	}
	s.wants(200, p.ask(301, 301)) // what was replayed and not cosigned is no hindrance
	s.wants(200, p.ask(301, 302))

	files, err := filepath.Glob(filepath.Join(s.parts.Dir, "*.checkpoint"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	kept, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	s.s.Close()
	for name, b := range map[string][]byte{
		"cut":                 kept[:len(kept)/2],
		"empty":               nil,
		"a size altered":      bytes.Replace(kept, []byte("302"), []byte("301"), 1),
		"another signature":   append(p.signText(p.head(301).Body()), '\n'),
		"the log's signature": p.signText(p.head(301).Body()),
	} {
		if err := os.WriteFile(files[0], b, 0o644); err != nil {
			t.Fatal(err)
		}
		if w, err := cosigner.Open(s.parts); err == nil {
			w.Close()
			t.Errorf("%s: it starts", name)
		}
	}
	if err := os.WriteFile(files[0], kept, 0o644); err != nil {
		t.Fatal(err)
	}
	s.open()
	s.wants(200, p.ask(302, 302))
}

// The log may rotate its key: what was cosigned is known by the witness' own.
func TestTheLogsKeyMayChange(t *testing.T) {
	p, next := newProvider(t), newProvider(t)
	p.some(3)
	p.publish()
	s := newSeat(t, p)
	s.wants(200, p.ask(0, 3))
	p.signer, p.vkey = next.signer, next.vkey
	s.wants(403, p.ask(3, 4))
	s.of(p, p.url)
	s.reopen()
	s.wants(200, p.ask(3, 4))
}

// A witness' time never runs back, and a log that can't be read now may be later.
func TestClockAndSilence(t *testing.T) {
	p := newProvider(t)
	p.some(300)
	p.publish()
	var mu sync.Mutex
	now := may.AddDate(0, 0, 10)
	closed := make(chan struct{})
	gate := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-closed:
			p.shop.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	}))
	defer gate.Close()
	s := newSeat(t, p)
	s.of(p, gate.URL)
	s.parts.Patience = 20 * time.Millisecond
	s.parts.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	s.reopen()
	for range 3 {
		s.wants(503, p.ask(0, 301))
	}
	close(closed)
	for deadline := time.Now().Add(20 * time.Second); ; { // the replay went on meanwhile
		status, _, answer := s.post(p.ask(0, 301))
		if status == 409 && answer == "301\n" {
			break
		}
		if status != 503 || time.Now().After(deadline) {
			t.Fatalf("%d: %q", status, answer)
		}
	}
	mu.Lock()
	now = now.Add(-time.Minute)
	mu.Unlock()
	s.wants(503, p.ask(301, 301))
	s.reopen()
	s.wants(503, p.ask(301, 301))
	mu.Lock()
	now = now.Add(time.Hour)
	mu.Unlock()
	s.wants(200, p.ask(301, 301))
	p.shop.show(nil)
	p.some(1)
	s.parts.Patience = 5 * time.Second
	s.reopen()
	s.wants(503, p.ask(301, 302)) // not there is not refuted
}

// A key's file is its owner's alone, and a log is named once with its place.
func TestKeyAndLogs(t *testing.T) {
	p := newProvider(t)
	s := newSeat(t, p)
	file := filepath.Join(s.parts.Dir, "witness.key")
	if again, made, err := cosigner.LoadKey(file, ""); err != nil || made || again.VerifierKey() != s.key.String() {
		t.Errorf("%v %v", made, err)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := cosigner.LoadKey(file, ""); err == nil {
		t.Error("a key that everybody may read was taken")
	}
	if _, _, err := cosigner.LoadKey(file+".other", ""); err == nil {
		t.Error("a key without a name was made")
	}
	s.s.Close()
	one := s.parts.Logs[0]
	for name, logs := range map[string][]cosigner.Log{
		"no place": {{Policy: one.Policy}}, "no key": {{Source: one.Source}}, "twice": {one, one},
	} {
		parts := s.parts
		parts.Logs = logs
		if w, err := cosigner.Open(parts); err == nil {
			w.Close()
			t.Errorf("%s: it starts", name)
		}
	}
	s.open()
}

func BenchmarkReplay(b *testing.B) {
	p := newProvider(b)
	p.some(20_000)
	p.publish()
	for b.Loop() {
		s := newSeat(b, p)
		s.parts.Patience = time.Minute
		s.reopen()
		s.wants(200, p.ask(0, p.size()))
		s.s.Close()
	}
	b.ReportMetric(float64(p.size()), "leaves/op")
}

func FuzzRequest(f *testing.F) {
	text := verify.Checkpoint{Origin: origin, Size: 1, Root: tlog.RecordHash([]byte("x"))}.Body()
	f.Add([]byte("old 0\n\n" + text + "\n— log.example AAAAAAAA\n"))
	f.Add([]byte("old 12\n" + tlog.RecordHash([]byte("y")).String() + "\n\n" + text))
	f.Add([]byte("old 00\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := cosigner.ParseRequest(b)
		if err == nil && (!bytes.Equal(body(q.Old, q.Path, q.Checkpoint), b) || len(q.Path) > 63 || q.Old < 0) {
			t.Fatalf("%q is another request: %+v", b, q)
		}
	})
}

func FuzzState(f *testing.F) {
	skey, vkey, err := verify.GenerateWitnessKey("w.example")
	if err != nil {
		f.Fatal(err)
	}
	signer, err := verify.NewCosigner(skey)
	if err != nil {
		f.Fatal(err)
	}
	key, err := verify.ParseWitnessKey(vkey)
	if err != nil {
		f.Fatal(err)
	}
	c := verify.Checkpoint{Origin: origin, Size: 1, Root: tlog.RecordHash([]byte("x"))}
	line, err := signer.Sign(c.Body(), time.Unix(1_780_000_000, 0))
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(c.Body() + "\n" + line))
	f.Add([]byte(c.Body() + "\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, at, err := cosigner.ParseState(b, key)
		if err == nil && (got != c || at.Unix() != 1_780_000_000) {
			t.Fatalf("%q was believed", b)
		}
	})
}
