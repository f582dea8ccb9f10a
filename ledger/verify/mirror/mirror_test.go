package mirror_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"crypto/rand"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/ledger/verify/mirror"
)

// published is a log of so many control leaves after a series and with an epoch, in a folder.
type published struct {
	dir    string
	leaves [][]byte
	signer note.Signer
	policy verify.Policy
}

func publish(t testing.TB, n int) *published {
	t.Helper()
	skey, vkey, err := note.GenerateKey(rand.Reader, "log.example")
	if err != nil {
		t.Fatal(err)
	}
	p := &published{dir: t.TempDir()}
	if p.signer, err = note.NewSigner(skey); err != nil {
		t.Fatal(err)
	}
	key, err := verify.ParseKey(vkey)
	if err != nil {
		t.Fatal(err)
	}
	p.policy.Logs = []verify.Key{key}
	_, public, err := verify.NewProver(verify.GenerateVRFKey())
	if err != nil {
		t.Fatal(err)
	}
	may := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	p.add(verify.SeriesLeaf{Suite: verify.SuiteRistretto255, PublicKey: public}.Month(may).Marshal())
	for i := range n {
		if i == n/2 {
			var m verify.Map
			p.add(verify.EpochLeaf{Epoch: 1, Covered: uint64(len(p.leaves)), TimeMS: uint64(may.UnixMilli()), MapRoot: m.Root()}.Marshal())
		}
		p.add(verify.ControlLeaf{Kind: verify.ControlGrant, Commitment: [32]byte{byte(i), byte(i >> 8)}}.Marshal())
	}
	p.write(t)
	return p
}

func (p *published) add(leaf [verify.LeafSize]byte) { p.leaves = append(p.leaves, leaf[:]) }

func (p *published) write(t testing.TB) {
	t.Helper()
	var tree verify.Tree
	for _, l := range p.leaves {
		tree.Append(l)
	}
	p.sign(t, verify.Checkpoint{Origin: "log.example", Size: tree.Size(), Root: tree.Root()})
	for n := 0; n*256 < len(p.leaves); n++ {
		some := p.leaves[n*256 : min(len(p.leaves), n*256+256)]
		path := "tile/entries/" + strings.TrimPrefix((tlog.Tile{H: 8, L: -1, N: int64(n), W: len(some)}).Path(), "tile/8/data/")
		var b []byte
		for _, l := range some {
			b = append(binary.BigEndian.AppendUint16(b, uint16(len(l))), l...)
		}
		p.put(t, path, b)
	}
	var stored []tlog.Hash
	read := tlog.HashReaderFunc(func(at []int64) (out []tlog.Hash, err error) {
		for _, i := range at {
			out = append(out, stored[i])
		}
		return out, nil
	})
	for i, l := range p.leaves {
		h, err := tlog.StoredHashesForRecordHash(int64(i), tlog.RecordHash(l), read)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, h...)
	}
	for _, tile := range tlog.NewTiles(8, 0, int64(len(p.leaves))) {
		b, err := tlog.ReadTileData(tile, read)
		if err != nil {
			t.Fatal(err)
		}
		p.put(t, "tile/"+strings.TrimPrefix(tile.Path(), "tile/8/"), b)
	}
}

func (p *published) sign(t testing.TB, c verify.Checkpoint) {
	t.Helper()
	signed, err := note.Sign(&note.Note{Text: c.Body()}, p.signer)
	if err != nil {
		t.Fatal(err)
	}
	p.put(t, "checkpoint", signed)
}

func (p *published) put(t testing.TB, path string, b []byte) {
	t.Helper()
	file := filepath.Join(p.dir, filepath.FromSlash(path))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

func (p *published) log(t testing.TB, place string) mirror.Log {
	t.Helper()
	s, err := mirror.Open(place)
	if err != nil {
		t.Fatal(err)
	}
	return mirror.Log{Source: s, Policy: p.policy}
}

func replay(t testing.TB, l mirror.Log, r *verify.Replayer) error {
	t.Helper()
	c, _, err := l.Checkpoint(context.Background())
	if err != nil {
		return err
	}
	return l.Replay(context.Background(), r, c, nil)
}

// An ordinary web server is enough to publish a log; and a reader goes on from
// where it was.
func TestAFolderAndAWebServerReplay(t *testing.T) {
	for _, n := range []int{0, 1, 253, 254, 255, 700} {
		p := publish(t, n)
		s := httptest.NewServer(http.FileServer(http.Dir(p.dir)))
		for _, place := range []string{p.dir, s.URL, s.URL + "/"} {
			var r verify.Replayer
			if err := replay(t, p.log(t, place), &r); err != nil || r.Size() != int64(len(p.leaves)) {
				t.Errorf("%d leaves from %s: %d, %v", n, place, r.Size(), err)
			}
			before := len(p.leaves)
			p.add(verify.ControlLeaf{Kind: verify.ControlEnd, Commitment: [32]byte{9}}.Marshal())
			p.write(t)
			if err := replay(t, p.log(t, place), &r); err != nil || r.Size() != int64(before)+1 {
				t.Errorf("one more from %s: %d, %v", place, r.Size(), err)
			}
		}
		s.Close()
	}
}

func TestAlteredLogsAreRefuted(t *testing.T) {
	for name, alter := range map[string]func(t *testing.T, p *published){
		"a leaf altered": func(t *testing.T, p *published) {
			p.put(t, "tile/entries/000", flip(read(t, p, "tile/entries/000"), 300))
		},
		"a bundle cut": func(t *testing.T, p *published) {
			b := read(t, p, "tile/entries/001.p/46")
			p.put(t, "tile/entries/001.p/46", b[:len(b)-68])
		},
		"half a leaf": func(t *testing.T, p *published) {
			b := read(t, p, "tile/entries/001.p/46")
			p.put(t, "tile/entries/001.p/46", b[:len(b)-1])
		},
		"another root": func(t *testing.T, p *published) {
			p.sign(t, verify.Checkpoint{Origin: "log.example", Size: 302, Root: tlog.RecordHash([]byte("x"))})
		},
		"an epoch that lies": func(t *testing.T, p *published) {
			p.add(verify.EpochLeaf{Epoch: 2, Covered: uint64(len(p.leaves)), TimeMS: 1 << 42, Tags: 1}.Marshal())
			p.write(t)
		},
		"a month twice": func(t *testing.T, p *published) {
			p.leaves = append(p.leaves, p.leaves[0])
			p.write(t)
		},
	} {
		p := publish(t, 300)
		alter(t, p)
		var r verify.Replayer
		if err := replay(t, p.log(t, p.dir), &r); !errors.Is(err, mirror.ErrRefuted) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Not there is not refuted.
	p := publish(t, 300)
	if err := os.RemoveAll(filepath.Join(p.dir, "tile")); err != nil {
		t.Fatal(err)
	}
	var r verify.Replayer
	if err := replay(t, p.log(t, p.dir), &r); err == nil || errors.Is(err, mirror.ErrRefuted) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without tiles: %v", err)
	}
}

func TestAShorterLogIsRefuted(t *testing.T) {
	long, short := publish(t, 300), publish(t, 20)
	short.signer, short.policy = long.signer, long.policy
	short.leaves = long.leaves[:20]
	short.write(t)
	var r verify.Replayer
	if err := replay(t, long.log(t, long.dir), &r); err != nil {
		t.Fatal(err)
	}
	if err := replay(t, short.log(t, short.dir), &r); !errors.Is(err, mirror.ErrRefuted) {
		t.Errorf("a log that went back: %v", err)
	}
}

// What passes by itself is tried again; what does not is said.
func TestAWebServerThatStumbles(t *testing.T) {
	p := publish(t, 300)
	var n atomic.Int64
	files := http.FileServer(http.Dir(p.dir))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1)%2 == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		files.ServeHTTP(w, r)
	}))
	defer s.Close()
	var r verify.Replayer
	if err := replay(t, p.log(t, s.URL), &r); err != nil {
		t.Error(err)
	}
	flood := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for range 100 {
			w.Write(bytes.Repeat([]byte("x"), 4096))
		}
	}))
	defer flood.Close()
	if _, _, err := p.log(t, flood.URL).Checkpoint(context.Background()); err == nil {
		t.Error("a checkpoint without end was taken")
	}
	for _, place := range []string{filepath.Join(p.dir, "none"), filepath.Join(p.dir, "checkpoint"), "ftp://log.example"} {
		if _, err := mirror.Open(place); err == nil {
			t.Errorf("%s was opened", place)
		}
	}
}

func TestACheckpointWantsItsWitnesses(t *testing.T) {
	p := publish(t, 3)
	_, vkey, err := verify.GenerateWitnessKey("w.example")
	if err != nil {
		t.Fatal(err)
	}
	asks, err := verify.ParsePolicy(fmt.Appendf(nil, "log %s\nwitness w %s\nquorum w\n", p.policy.Logs[0], vkey))
	if err != nil {
		t.Fatal(err)
	}
	p.policy = asks
	var no *verify.Refusal
	if _, _, err := p.log(t, p.dir).Checkpoint(context.Background()); !errors.As(err, &no) || no.Why != verify.WhyWitness {
		t.Errorf("without its witness: %v", err)
	}
}

func FuzzBundle(f *testing.F) {
	f.Add(append([]byte{0, 66}, make([]byte, 66)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		leaves, err := mirror.ParseBundle(b)
		if err != nil {
			return
		}
		var again []byte
		for _, l := range leaves {
			again = append(binary.BigEndian.AppendUint16(again, uint16(len(l))), l...)
		}
		if !bytes.Equal(again, b) || len(leaves) > 256 {
			t.Fatalf("%d leaves that are another bundle", len(leaves))
		}
	})
}

func read(t testing.TB, p *published, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(p.dir, filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func flip(b []byte, i int) []byte {
	b = bytes.Clone(b)
	b[i] ^= 1
	return b
}
