package ledger

import (
	"encoding/binary"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger/tiles"
)

// Handler serves the public log as c2sp.org/tlog-tiles says: /checkpoint,
// /tile/<L>/<N>, /tile/entries/<N>, the log's verifier key at /log.vkey, and at
// /policy that key with the witnesses.
// Nothing that a signed checkpoint does not cover is served. Everybody may read
// all of it.
func (l *Ledger) Handler() http.Handler {
	mux := http.NewServeMux()
	serve := func(pattern string, kind, cache string, read func(r *http.Request) ([]byte, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			b, err := read(r)
			if err != nil {
				l.refuse(w, err)
				return
			}
			w.Header().Set("Content-Type", kind)
			w.Header().Set("Cache-Control", cache)
			w.Header().Set("Access-Control-Allow-Origin", "*") // everybody may read it, from any page
			w.Write(b)
		})
	}
	const (
		text, bytes = "text/plain; charset=utf-8", "application/octet-stream"
		fresh       = "no-cache"
		always      = "public, max-age=31536000, immutable"
	)
	serve("GET /log.vkey", text, fresh, func(*http.Request) ([]byte, error) { return []byte(l.Keys.LogPublic + "\n"), nil })
	serve("GET /policy", text, fresh, func(*http.Request) ([]byte, error) { return l.PolicyFile(), nil })
	serve("GET /checkpoint", text, fresh, func(r *http.Request) ([]byte, error) { return l.CheckpointFile(r.Context()) })
	serve("GET /tile/", bytes, always, func(r *http.Request) ([]byte, error) {
		return l.tileFile(r, strings.TrimPrefix(r.URL.Path, "/tile/"))
	})
	return mux
}

// PolicyFile is whom the provider suggests to believe: the log's keys, and the
// witnesses with their quorum. Nobody should take it from the provider alone.
func (l *Ledger) PolicyFile() []byte { return l.policy.Marshal() }

func (l *Ledger) refuse(w http.ResponseWriter, err error) {
	switch postern.KindOf(err) {
	case postern.NotFound:
		http.Error(w, "not found", http.StatusNotFound)
	default:
		l.Log.Error("couldn't serve the log", "err", err)
		http.Error(w, "not now", http.StatusServiceUnavailable)
	}
}

var errNoTile = &postern.Error{Kind: postern.NotFound, Text: "there is no such tile"}

// tileFile gives a tile or an entry bundle under the newest signed checkpoint.
func (l *Ledger) tileFile(r *http.Request, path string) (data []byte, err error) {
	// Package tlog's paths name the height, and call entries "data".
	level, rest, _ := strings.Cut(path, "/")
	if level == "entries" {
		level = "data"
	} else if n, err := strconv.Atoi(level); err != nil || n > 63 || strconv.Itoa(n) != level {
		return nil, errNoTile
	}
	t, err := tlog.ParseTilePath("tile/" + strconv.Itoa(tiles.Height) + "/" + level + "/" + rest)
	if err != nil {
		return nil, errNoTile
	}
	err = l.DB.View(r.Context(), func(tx *db.Tx) error {
		// Up to the newest checkpoint that is signed, not that is cosigned: a
		// witness that replays the map reads the leaves before it cosigns.
		c, _, _, err := l.published(tx)
		if err != nil {
			return err
		}
		inLevel := c.Size
		if t.L > 0 {
			inLevel >>= min(62, tiles.Height*t.L)
		}
		if first := t.N * tiles.Width; t.N > inLevel/tiles.Width || first+int64(t.W) > inLevel {
			return errNoTile
		}
		if t.L >= 0 {
			data, err = readTile(tx, t)
			return err
		}
		from := t.N * tiles.Width
		n := 0
		err = tx.Rows(`SELECT data FROM ledger_leaf WHERE idx >= ?1 AND idx < ?2 ORDER BY idx`, db.Args(from, from+int64(t.W)), func(s db.Scanner) error {
			var leaf []byte
			if err := s.Scan(&leaf); err != nil {
				return err
			}
			n++
			data = append(binary.BigEndian.AppendUint16(data, uint16(len(leaf))), leaf...)
			return nil
		})
		if err == nil && n != t.W {
			err = altered("bundle %d has %d leaves instead of %d", t.N, n, t.W)
		}
		return err
	})
	return data, err
}
