package cosigner_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/ledger/verify/cosigner"
	"github.com/postern-mail/postern/ledger/verify/mirror"
)

const origin = "log.example"

// book is a log of the tests, in a folder.
type book struct {
	t      testing.TB
	dir    string
	leaves [][]byte
	stored []tlog.Hash
	tags   verify.Map
	epochs uint64
	signer note.Signer
	policy verify.Policy
}

func newBook(t testing.TB, seed byte) *book {
	t.Helper()
	skey, vkey, err := note.GenerateKey(rand.NewChaCha8([32]byte{seed}), origin)
	if err != nil {
		t.Fatal(err)
	}
	b := &book{t: t, dir: t.TempDir()}
	if b.signer, err = note.NewSigner(skey); err != nil {
		t.Fatal(err)
	}
	key, err := verify.ParseKey(vkey)
	if err != nil {
		t.Fatal(err)
	}
	b.policy.Logs = []verify.Key{key}
	b.add(verify.SeriesLeaf{Suite: verify.SuiteRistretto255}.Month(time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)).Marshal())
	return b
}

func (b *book) add(leaf [verify.LeafSize]byte) {
	n := int64(len(b.leaves))
	b.leaves = append(b.leaves, leaf[:])
	h, err := tlog.StoredHashesForRecordHash(n, tlog.RecordHash(leaf[:]), b)
	if err != nil {
		b.t.Fatal(err)
	}
	b.stored = append(b.stored, h...)
}

func (b *book) ReadHashes(at []int64) (out []tlog.Hash, err error) {
	for _, i := range at {
		out = append(out, b.stored[i])
	}
	return out, nil
}

// grow adds a disclosure and an epoch, which lies when it is asked to.
func (b *book) grow(lie bool) {
	l := verify.DisclosureLeaf{Tag: [32]byte{byte(len(b.leaves)), byte(len(b.leaves) >> 8), 7}}
	if err := b.tags.Insert(verify.Entry{Tag: l.Tag, Index: uint64(len(b.leaves))}); err != nil {
		b.t.Fatal(err)
	}
	b.add(l.Marshal())
	b.epochs++
	e := verify.EpochLeaf{Epoch: b.epochs, Covered: uint64(len(b.leaves)), TimeMS: b.epochs, Tags: uint64(b.tags.Len()), MapRoot: b.tags.Root()}
	if lie {
		e.MapRoot[3] ^= 1
	}
	b.add(e.Marshal())
}

// publish writes the bundles of leaves.
func (b *book) publish() {
	for n := 0; n*256 < len(b.leaves); n++ {
		some := b.leaves[n*256 : min(len(b.leaves), n*256+256)]
		file := filepath.Join(b.dir, "tile", "entries", strings.TrimPrefix((tlog.Tile{H: 8, L: -1, N: int64(n), W: len(some)}).Path(), "tile/8/data/"))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			b.t.Fatal(err)
		}
		var text []byte
		for _, l := range some {
			text = append(binary.BigEndian.AppendUint16(text, uint16(len(l))), l...)
		}
		if err := os.WriteFile(file, text, 0o644); err != nil {
			b.t.Fatal(err)
		}
	}
}

func (b *book) checkpoint(size int64) []byte {
	root, err := tlog.TreeHash(size, b)
	if err != nil {
		b.t.Fatal(err)
	}
	signed, err := note.Sign(&note.Note{Text: verify.Checkpoint{Origin: origin, Size: size, Root: root}.Body()}, b.signer)
	if err != nil {
		b.t.Fatal(err)
	}
	return signed
}

// request asks to cosign the log of a size after one of another.
func (b *book) request(old, size int64) string {
	var text strings.Builder
	fmt.Fprintf(&text, "old %d\n", old)
	if old > 0 && old < size {
		path, err := tlog.ProveTree(size, old, b)
		if err != nil {
			b.t.Fatal(err)
		}
		for _, h := range path {
			fmt.Fprintln(&text, h)
		}
	}
	return text.String() + "\n" + string(b.checkpoint(size))
}

func (b *book) size() int64 { return int64(len(b.leaves)) }

func source(t testing.TB, dir string) mirror.Source {
	t.Helper()
	s, err := mirror.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func serve(t testing.TB, b *book, state string) (*httptest.Server, verify.Cosigner) {
	t.Helper()
	key, _, err := cosigner.LoadKey(filepath.Join(state, "witness.key"), "auditor.example/witness")
	if err != nil {
		t.Fatal(err)
	}
	s, err := cosigner.Open(cosigner.Parts{Key: key, Dir: state, Logs: []cosigner.Log{{Policy: b.policy, Source: source(t, b.dir)}}, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	return h, key
}

func post(t testing.TB, url, body string) (status int, kind, answer string) {
	t.Helper()
	res, err := http.Post(url+"/add-checkpoint", "text/plain", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header.Get("Content-Type"), string(b)
}

func TestCosigns(t *testing.T) {
	b := newBook(t, 1)
	state := t.TempDir()
	s, key := serve(t, b, state)
	witness, err := verify.ParseWitnessKey(key.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	old := int64(0)
	for round := range 300 { // over the first bundle's end
		b.grow(false)
		b.publish()
		status, _, answer := post(t, s.URL, b.request(old, b.size()))
		text, _ := verify.CheckpointText(b.checkpoint(b.size()))
		if _, ok := witness.Check(text, answer); status != 200 || !ok {
			t.Fatalf("round %d: %d %s", round, status, answer)
		}
		old = b.size()
		if round == 150 { // a restart remembers
			s.Close()
			s, _ = serve(t, b, state)
			if status, kind, answer := post(t, s.URL, b.request(0, old)); status != 409 || kind != "text/x.tlog.size" || answer != fmt.Sprintf("%d\n", old) {
				t.Errorf("after a restart: %d %s %q", status, kind, answer)
			}
		}
	}
	// The same again is a heartbeat.
	if status, _, answer := post(t, s.URL, b.request(old, old)); status != 200 || answer == "" {
		t.Errorf("again: %d %s", status, answer)
	}
}

func TestRefusals(t *testing.T) {
	good := func() *book {
		b := newBook(t, 1)
		for range 2 {
			b.grow(false)
			b.publish()
		}
		return b
	}
	first := int64(3) // the size that was cosigned before each case
	for name, c := range map[string]struct {
		make   func(b *book) string
		status int
	}{
		"malformed":               {func(b *book) string { return "old 3\n" }, 400},
		"no old size":             {func(b *book) string { return strings.Replace(b.request(3, 5), "old", "new", 1) }, 400},
		"an old size with a zero": {func(b *book) string { return strings.Replace(b.request(3, 5), "old 3", "old 03", 1) }, 400},
		"a line that is no hash":  {func(b *book) string { return strings.Replace(b.request(3, 5), "\n", "\nx\n", 1) }, 400},
		"64 hashes": {func(b *book) string {
			return "old 3\n" + strings.Repeat(tlog.Hash{1}.String()+"\n", 64) + "\n" + string(b.checkpoint(5))
		}, 400},
		"no checkpoint":               {func(b *book) string { return "old 3\n\nhello\n" }, 400},
		"a larger old size":           {func(b *book) string { return strings.Replace(b.request(3, 5), "old 3", "old 9", 1) }, 400},
		"another log":                 {func(b *book) string { return strings.Replace(b.request(3, 5), origin+"\n", "gol.example\n", 1) }, 404},
		"another key":                 {func(b *book) string { return newBook(t, 2).with(b).request(3, 5) }, 403},
		"another old size":            {func(b *book) string { return b.request(1, 5) }, 409},
		"a second tree of that size":  {func(b *book) string { return b.forked().request(3, 3) }, 409},
		"a tree that does not follow": {func(b *book) string { return b.forked().request(3, 5) }, 422},
		"a hash flipped":              {func(b *book) string { return flipHash(b.request(3, 5)) }, 422},
		"leaves that are not there":   {func(b *book) string { b.grow(false); return b.request(3, 7) }, 503},
		"an epoch that lies":          {func(b *book) string { b.grow(true); b.publish(); return b.request(3, 7) }, 422},
		"a tag that stands twice": {func(b *book) string {
			b.add([verify.LeafSize]byte(b.leaves[1]))
			b.grow(false)
			b.publish()
			return b.request(3, b.size())
		}, 422},
		"true": {func(b *book) string { return b.request(3, 5) }, 200},
	} {
		t.Run(name, func(t *testing.T) {
			b := good()
			s, _ := serve(t, b, t.TempDir())
			if status, _, answer := post(t, s.URL, b.request(0, first)); status != 200 {
				t.Fatal(status, answer)
			}
			body := c.make(b)
			if status, _, answer := post(t, s.URL, body); status != c.status {
				t.Errorf("%d %s, want %d", status, answer, c.status)
			}
			if c.status == 200 {
				return
			}
			// Whatever it was, an honest log goes on.
			if status, _, answer := post(t, s.URL, good().request(first, first)); status != 200 {
				t.Errorf("afterwards: %d %s", status, answer)
			}
		})
	}
	b := good()
	s, _ := serve(t, b, t.TempDir())
	if status, _, _ := post(t, s.URL, strings.Replace(b.request(0, 3), "old 0\n", "old 0\n"+tlog.Hash{1}.String()+"\n", 1)); status != 422 {
		t.Errorf("a proof from nothing: %d", status)
	}
	if status, _, _ := post(t, s.URL, strings.Repeat("x", 1<<20)); status != 413 {
		t.Errorf("a megabyte: %d", status)
	}
	for _, c := range []struct {
		method, path string
		status       int
	}{{"GET", "/add-checkpoint", 405}, {"POST", "/", 404}, {"POST", "/add-checkpoints", 404}} {
		req, _ := http.NewRequest(c.method, s.URL+c.path, nil)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != c.status {
			t.Errorf("%s %s: %d", c.method, c.path, res.StatusCode)
		}
	}
}

// with is the other book's leaves under this book's key.
func (b *book) with(o *book) *book {
	b.leaves, b.stored = o.leaves, o.stored
	return b
}

// forked is a log of the same key with another second leaf.
func (b *book) forked() *book {
	f := newBook(b.t, 1)
	f.add(verify.ControlLeaf{Kind: verify.ControlGrant}.Marshal())
	for len(f.leaves) < len(b.leaves) {
		f.add(verify.ControlLeaf{Kind: verify.ControlEnd, Commitment: [32]byte{byte(len(f.leaves))}}.Marshal())
	}
	return f
}

func flipHash(body string) string {
	lines := strings.Split(body, "\n")
	h, _ := tlog.ParseHash(lines[1])
	h[0] ^= 1
	lines[1] = h.String()
	return strings.Join(lines, "\n")
}

func TestStateAndKeyFiles(t *testing.T) {
	b := newBook(t, 1)
	b.grow(false)
	b.publish()
	dir := t.TempDir()
	s, key := serve(t, b, dir)
	if status, _, _ := post(t, s.URL, b.request(0, 3)); status != 200 {
		t.Fatal(status)
	}
	if again, made, err := cosigner.LoadKey(filepath.Join(dir, "witness.key"), ""); err != nil || made || again.VerifierKey() != key.VerifierKey() {
		t.Errorf("%v %v", made, err)
	}
	if err := os.Chmod(filepath.Join(dir, "witness.key"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := cosigner.LoadKey(filepath.Join(dir, "witness.key"), ""); err == nil {
		t.Error("a key that everybody may read was taken")
	}
	if _, _, err := cosigner.LoadKey(filepath.Join(dir, "other.key"), ""); err == nil {
		t.Error("a key without a name was made")
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*.checkpoint"))
	if len(files) != 1 {
		t.Fatal(files)
	}
	if err := os.WriteFile(files[0], []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := cosigner.Open(cosigner.Parts{Key: key, Dir: dir, Logs: []cosigner.Log{{Policy: b.policy, Source: source(t, b.dir)}}, Now: time.Now, Log: slog.New(slog.DiscardHandler)}); err == nil {
		t.Error("it started without knowing what it had cosigned")
	}
}

const crashDir = "POSTERN_TEST_COSIGNER"

// Killed at any moment, a witness never forgets what it has cosigned.
func TestKilled(t *testing.T) {
	if dir := os.Getenv(crashDir); dir != "" {
		b := newBook(t, 1)
		b.dir = filepath.Join(dir, "log")
		s, _ := serve(t, b, dir)
		fmt.Println("at " + s.URL)
		select {}
	}
	dir := t.TempDir()
	b := newBook(t, 1)
	b.dir = filepath.Join(dir, "log")
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	cosigned := int64(0)
	for round := range 6 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
		cmd.Env = append(os.Environ(), crashDir+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		url := ""
		for lines := bufio.NewScanner(out); url == "" && lines.Scan(); {
			url, _ = strings.CutPrefix(lines.Text(), "at ")
			if url == lines.Text() {
				url = ""
			}
		}
		status, _, answer := post(t, url, b.request(0, b.size()))
		if cosigned > 0 {
			var size int64
			if _, err := fmt.Sscanf(answer, "%d\n", &size); err != nil || status != 409 || size < cosigned {
				t.Fatalf("round %d: it says %d %q, and had cosigned %d", round, status, answer, cosigned)
			}
			cosigned = size
		}
		ctx, stop := context.WithCancel(context.Background())
		for i := range 20 {
			b.grow(false)
			b.publish()
			req, _ := http.NewRequestWithContext(ctx, "POST", url+"/add-checkpoint", strings.NewReader(b.request(cosigned, b.size())))
			if i == 5+2*round { // while it is at work
				go cmd.Process.Kill()
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				break
			}
			body, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err == nil && res.StatusCode == 200 && bytes.HasPrefix(body, []byte("— ")) {
				cosigned = b.size()
			} else if err == nil && i > 0 && res.StatusCode != 200 {
				t.Fatalf("round %d: %d %s", round, res.StatusCode, body)
			}
		}
		stop()
		cmd.Process.Kill()
		cmd.Wait()
	}
	if cosigned < 10 {
		t.Errorf("only %d leaves were cosigned", cosigned)
	}
}

func FuzzRequest(f *testing.F) {
	b := newBook(f, 1)
	b.grow(false)
	f.Add([]byte(b.request(0, 3)))
	f.Add([]byte(b.request(1, 3)))
	f.Fuzz(func(t *testing.T, body []byte) {
		q, err := cosigner.ParseRequest(body)
		if err != nil {
			return
		}
		again := fmt.Sprintf("old %d\n", q.Old)
		for _, h := range q.Path {
			again += h.String() + "\n"
		}
		if again+"\n"+string(q.Checkpoint) != string(body) || len(q.Path) > 63 || q.Old < 0 {
			t.Fatalf("%q is read as something else", body)
		}
	})
}
