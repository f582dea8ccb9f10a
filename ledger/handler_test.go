package ledger_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/testkit/engine"
)

// remote is an auditor with an HTTP client and golang.org/x/mod's tile reader.
type remote struct {
	t   *testing.T
	url string
}

func (r remote) get(path string) []byte {
	r.t.Helper()
	resp, err := http.Get(r.url + path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		r.t.Fatalf("%s: %s, %v", path, resp.Status, err)
	}
	return b
}

func (remote) Height() int                     { return 8 }
func (remote) SaveTiles([]tlog.Tile, [][]byte) {}
func (r remote) ReadTiles(tiles []tlog.Tile) (out [][]byte, err error) {
	for _, t := range tiles {
		out = append(out, r.get("/"+strings.Replace(t.Path(), "tile/8/", "tile/", 1)))
	}
	return out, nil
}

func TestPublicLogReplaysOverHTTP(t *testing.T) {
	engine.Each(t, func(t *testing.T, handle engine.Open) {
		w := newHouse(t, handle)
		ana := account()
		for range 700 {
			w.disclose(w.disclosure(ana, postern.TierEnvelope))
		}
		w.sequence()
		srv := httptest.NewServer(w.l.Handler())
		defer srv.Close()
		r := remote{t, srv.URL}
		key, err := verify.ParseKey(strings.TrimSpace(string(r.get("/log.vkey"))))
		if err != nil {
			t.Fatal(err)
		}
		c, err := verify.Policy{Logs: []verify.Key{key}}.Open(r.get("/checkpoint"))
		if err != nil {
			t.Fatal(err)
		}
		var log verify.Replayer
		reader := tlog.TileHashReader(tlog.Tree{N: c.Size, Hash: c.Root}, r)
		for n := int64(0); n*256 < c.Size; n++ {
			width, path := min(256, c.Size-n*256), fmt.Sprintf("/tile/entries/%03d", n)
			if width < 256 {
				path += fmt.Sprintf(".p/%d", width)
			}
			for b := r.get(path); len(b) > 0; {
				size := binary.BigEndian.Uint16(b)
				if err := log.Add(b[2 : 2+size]); err != nil {
					t.Fatal(err)
				}
				b = b[2+size:]
			}
		}
		if log.Root() != c.Root || log.Size() != c.Size {
			t.Errorf("the entries hash to %v, the checkpoint says %v", log.Root(), c.Root)
		}
		if _, err := tlog.ProveRecord(c.Size, 300, reader); err != nil {
			t.Errorf("the tiles: %v", err)
		}
		for _, path := range []string{"/tile/0/002", "/tile/0/002.p/255", "/tile/1/000", "/tile/0/999", "/tile/00/000", "/tile/64/000", "/tile/0/x000", "/tile/entries/003",
			"/tile/-1/000", "/tile/0/000.p/0", "/tile/0/000.p/256", "/tile/data/000", "/tile/8/0/000", "/tile/entries/002.p/255"} {
			resp, err := http.Get(srv.URL + path)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusNotFound {
				t.Errorf("%s: %s", path, resp.Status)
			}
		}
	})
}
