package cosigner_test

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/ledger/verify/cosigner"
	"github.com/postern-mail/postern/ledger/verify/mirror"
)

const origin = "mx.example.org/ledger"

// provider is a log whose key the test has, so that it can lie.
type provider struct {
	t      testing.TB
	shop   *shop // what it shows
	url    string
	signer note.Signer
	vkey   string
	leaves [][]byte
	hashes []tlog.Hash // as package tlog stores them
	epoch  uint64
}

// shop is the log's web server: bundles at every width, as a real one has them.
type shop struct {
	mu     sync.Mutex
	leaves [][]byte
}

func (s *shop) show(leaves [][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leaves = append([][]byte(nil), leaves...)
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := tlog.ParseTilePath("tile/8/data/" + strings.TrimPrefix(r.URL.Path, "/tile/entries/"))
	if err != nil || int(t.N)*256+t.W > len(s.leaves) {
		http.NotFound(w, r)
		return
	}
	var b []byte
	for _, l := range s.leaves[int(t.N)*256:][:t.W] {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(l))), l...)
	}
	w.Write(b)
}

var may = time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)

func newProvider(t testing.TB) *provider {
	t.Helper()
	skey, vkey, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{t: t, shop: &shop{}, vkey: vkey}
	if p.signer, err = note.NewSigner(skey); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(p.shop)
	t.Cleanup(s.Close)
	p.url = s.URL
	p.month(may)
	return p
}

// twin is the same log at the same place, from here on with another future.
func (p *provider) twin() *provider {
	q := *p
	q.leaves, q.hashes = append([][]byte(nil), p.leaves...), append([]tlog.Hash(nil), p.hashes...)
	return &q
}

func (p *provider) add(leaf [verify.LeafSize]byte) { p.addRaw(leaf[:]) }

func (p *provider) addRaw(leaf []byte) {
	p.t.Helper()
	hs, err := tlog.StoredHashes(int64(len(p.leaves)), leaf, p)
	if err != nil {
		p.t.Fatal(err)
	}
	p.leaves, p.hashes = append(p.leaves, leaf), append(p.hashes, hs...)
}

// ReadHashes is part of tlog.HashReader.
func (p *provider) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = p.hashes[x]
	}
	return out, nil
}

func (p *provider) month(at time.Time) {
	_, public, err := verify.NewProver(verify.GenerateVRFKey())
	if err != nil {
		p.t.Fatal(err)
	}
	p.add(verify.SeriesLeaf{Suite: verify.SuiteRistretto255, PublicKey: public}.Month(at).Marshal())
}

func (p *provider) disclose(tag byte) {
	p.add(verify.DisclosureLeaf{Tag: [32]byte{tag, byte(len(p.leaves)), byte(len(p.leaves) >> 8)}, Commitment: [32]byte{1}}.Marshal())
}

func (p *provider) some(n int) {
	for i := range n {
		p.disclose(byte(i))
	}
}

// summary adds an epoch leaf that is right but for what change does to it.
func (p *provider) summary(change func(*verify.EpochLeaf)) {
	var m verify.Map
	for i, l := range p.leaves {
		if leaf, err := verify.ParseLeaf(l); err == nil {
			if d, ok := leaf.(verify.DisclosureLeaf); ok {
				if err := m.Insert(verify.Entry{Tag: d.Tag, Index: uint64(i)}); err != nil {
					p.t.Fatal(err)
				}
			}
		}
	}
	p.epoch++
	l := verify.EpochLeaf{Epoch: p.epoch, Covered: uint64(len(p.leaves)), TimeMS: uint64(may.UnixMilli()) + p.epoch, Tags: uint64(m.Len()), MapRoot: m.Root()}
	if change != nil {
		change(&l)
	}
	p.add(l.Marshal())
}

// publish shows the leaves.
func (p *provider) publish() { p.shop.show(p.leaves) }

func (p *provider) size() int64 { return int64(len(p.leaves)) }

func (p *provider) head(size int64) verify.Checkpoint {
	p.t.Helper()
	root, err := tlog.TreeHash(size, p)
	if err != nil {
		p.t.Fatal(err)
	}
	return verify.Checkpoint{Origin: origin, Size: size, Root: root}
}

func (p *provider) signText(text string) []byte {
	p.t.Helper()
	b, err := note.Sign(&note.Note{Text: text}, p.signer)
	if err != nil {
		p.t.Fatal(err)
	}
	return b
}

// ask is the body of a request to cosign size, for a witness that has seen old.
func (p *provider) ask(old, size int64) []byte {
	p.t.Helper()
	var path tlog.TreeProof
	if old > 0 && old < size {
		var err error
		if path, err = tlog.ProveTree(size, old, p); err != nil {
			p.t.Fatal(err)
		}
	}
	return body(old, path, p.signText(p.head(size).Body()))
}

func body(old int64, path []tlog.Hash, signed []byte) []byte {
	b := fmt.Appendf(nil, "old %d\n", old)
	for _, h := range path {
		b = fmt.Appendf(b, "%s\n", h)
	}
	return append(append(b, '\n'), signed...)
}

// seat is a witness of a provider's log.
type seat struct {
	t     testing.TB
	parts cosigner.Parts
	s     *cosigner.Server
	key   verify.WitnessKey
}

func newSeat(t testing.TB, p *provider) *seat {
	t.Helper()
	s := &seat{t: t, parts: cosigner.Parts{Dir: t.TempDir(), Now: time.Now, Log: slog.New(slog.DiscardHandler)}}
	var err error
	if s.parts.Key, _, err = cosigner.LoadKey(filepath.Join(s.parts.Dir, "witness.key"), "auditor.example/witness"); err != nil {
		t.Fatal(err)
	}
	if s.key, err = verify.ParseWitnessKey(s.parts.Key.VerifierKey()); err != nil {
		t.Fatal(err)
	}
	s.of(p, p.url)
	s.open()
	t.Cleanup(func() { s.s.Close() })
	return s
}

// of names the log and where it is read.
func (s *seat) of(p *provider, url string) {
	s.t.Helper()
	key, err := verify.ParseKey(p.vkey)
	if err != nil {
		s.t.Fatal(err)
	}
	leaves, err := mirror.Open(url)
	if err != nil {
		s.t.Fatal(err)
	}
	s.parts.Logs = []cosigner.Log{{Policy: verify.Policy{Logs: []verify.Key{key}}, Source: leaves}}
}

func (s *seat) open() {
	s.t.Helper()
	var err error
	if s.s, err = cosigner.Open(s.parts); err != nil {
		s.t.Fatal(err)
	}
}

func (s *seat) reopen() {
	s.t.Helper()
	if err := s.s.Close(); err != nil {
		s.t.Fatal(err)
	}
	s.open()
}

// post asks, and gives status, content type and answer.
func (s *seat) post(b []byte) (int, string, string) {
	r := httptest.NewRequestWithContext(context.Background(), "POST", "/add-checkpoint", strings.NewReader(string(b)))
	rw := httptest.NewRecorder()
	s.s.ServeHTTP(rw, r)
	answer, _ := io.ReadAll(rw.Body)
	return rw.Code, rw.Header().Get("Content-Type"), string(answer)
}

func (s *seat) wants(status int, b []byte) string {
	s.t.Helper()
	got, _, answer := s.post(b)
	if got != status {
		s.t.Errorf("%d instead of %d: %q", got, status, answer)
	}
	return answer
}

// knows is the size that the witness has cosigned.
func (s *seat) knows(p *provider) (size int64) {
	s.t.Helper()
	for {
		status, _, answer := s.post(body(1<<40, nil, p.signText(verify.Checkpoint{Origin: origin, Size: 1 << 41}.Body())))
		if status == 503 { // another has its turn
			continue
		}
		if _, err := fmt.Sscanf(answer, "%d\n", &size); err != nil || status != 409 {
			s.t.Fatalf("%d: %q", status, answer)
		}
		return size
	}
}
