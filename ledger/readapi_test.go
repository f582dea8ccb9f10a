package ledger_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/testkit/engine"
)

// What c2sp.org/tlog-tiles promises its readers, and what they must not get.
func TestReadAPI(t *testing.T) {
	engine.Each(t, func(t *testing.T, handle engine.Open) {
		w := newHouse(t, handle)
		ana := account()
		for range 297 {
			w.disclose(w.disclosure(ana, postern.TierEnvelope))
		}
		w.sequence() // a series, 297 disclosures and an epoch: 299 leaves
		if got := w.verify().Size; got != 299 {
			t.Fatal(got)
		}
		s := httptest.NewServer(w.l.Handler())
		defer s.Close()
		const (
			text, bytes = "text/plain; charset=utf-8", "application/octet-stream"
			fresh       = "no-cache"
			always      = "public, max-age=31536000, immutable"
		)
		for _, c := range []struct {
			method, path string
			status       int
			kind, cache  string
			length       int // -1: any
		}{
			{"GET", "/checkpoint", 200, text, fresh, -1},
			{"HEAD", "/checkpoint", 200, text, fresh, 0},
			{"GET", "/log.vkey", 200, text, fresh, -1},
			{"GET", "/policy", 200, text, fresh, -1},
			{"GET", "/tile/0/000", 200, bytes, always, 256 * 32},
			{"HEAD", "/tile/0/000", 200, bytes, always, 0},
			{"GET", "/tile/0/001.p/43", 200, bytes, always, 43 * 32},
			{"GET", "/tile/0/001.p/1", 200, bytes, always, 32}, // of an older checkpoint
			{"GET", "/tile/1/000.p/1", 200, bytes, always, 32},
			{"GET", "/tile/entries/000", 200, bytes, always, 256 * 68},
			{"GET", "/tile/entries/001.p/43", 200, bytes, always, 43 * 68},
			{"GET", "/tile/0/001", 404, text, "", -1},
			{"GET", "/tile/0/001.p/44", 404, text, "", -1},
			{"GET", "/tile/0/001.p/0", 404, text, "", -1},
			{"GET", "/tile/0/001.p/256", 404, text, "", -1},
			{"GET", "/tile/0/1", 404, text, "", -1},
			{"GET", "/tile/00/000", 404, text, "", -1},
			{"GET", "/tile/64/000", 404, text, "", -1},
			{"GET", "/tile/2/000.p/1", 404, text, "", -1},
			{"GET", "/tile/data/000", 404, text, "", -1},
			{"GET", "/tile/8/0/000", 404, text, "", -1},
			{"GET", "/tile/entries/x001/000", 404, text, "", -1},
			{"GET", "/tile/0/x999/x999/x999/x999/999", 404, text, "", -1},
			{"GET", "/tile/", 404, text, "", -1},
			{"GET", "/", 404, text, "", -1},
			{"POST", "/checkpoint", 405, text, "", -1},
			{"DELETE", "/tile/0/000", 405, text, "", -1},
		} {
			req, err := http.NewRequest(c.method, s.URL+c.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err != nil || res.StatusCode != c.status || res.Header.Get("Content-Type") != c.kind || res.Header.Get("Cache-Control") != c.cache || c.length >= 0 && len(body) != c.length {
				t.Errorf("%s %s: %d, %q, %q, %d bytes, %v", c.method, c.path, res.StatusCode, res.Header.Get("Content-Type"), res.Header.Get("Cache-Control"), len(body), err)
			}
			if c.status == 200 && res.Header.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("%s: a verifier in a browser cannot read it", c.path)
			}
		}
		// Before the first checkpoint there is nothing, and that is said.
		p := w.parts
		p.DB = engine.SQLite(t)(plane)
		empty, err := ledger.Open(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/checkpoint", "/tile/0/000.p/1"} {
			rec := httptest.NewRecorder()
			empty.Handler().ServeHTTP(rec, httptest.NewRequest("GET", path, nil))
			if rec.Code != 404 || !strings.Contains(rec.Body.String(), "not found") {
				t.Errorf("an empty log's %s: %d %s", path, rec.Code, rec.Body)
			}
		}
	})
}
