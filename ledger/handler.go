package ledger

import (
	"encoding/binary"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

// Handler serves the public log as c2sp.org/tlog-tiles says: /checkpoint,
// /tile/<L>/<N>, /tile/entries/<N>, the log's verifier key at /log.vkey, and at
// /policy that key with the witnesses.
// Nothing that a public checkpoint does not cover is served. Everybody may read
// all of it.
func (l *Ledger) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /log.vkey", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Write([]byte(l.Keys.LogPublic + "\n"))
	})
	mux.HandleFunc("GET /policy", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Write(l.PolicyFile())
	})
	mux.HandleFunc("GET /checkpoint", func(w http.ResponseWriter, r *http.Request) {
		b, err := l.CheckpointFile(r.Context())
		if err != nil {
			l.refuse(w, err)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-cache")
		w.Write(b)
	})
	mux.HandleFunc("GET /tile/", func(w http.ResponseWriter, r *http.Request) {
		b, err := l.tileFile(r, strings.TrimPrefix(r.URL.Path, "/tile/"))
		if err != nil {
			l.refuse(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		w.Write(b)
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

// tileFile gives a tile or an entry bundle under the newest public checkpoint.
func (l *Ledger) tileFile(r *http.Request, path string) (data []byte, err error) {
	// Package tlog's paths name the height, and call entries "data".
	level, rest, _ := strings.Cut(path, "/")
	if level == "entries" {
		level = "data"
	} else if n, err := strconv.Atoi(level); err != nil || n > 63 || strconv.Itoa(n) != level {
		return nil, errNoTile
	}
	t, err := tlog.ParseTilePath("tile/" + strconv.Itoa(tileHeight) + "/" + level + "/" + rest)
	if err != nil {
		return nil, errNoTile
	}
	err = l.DB.View(r.Context(), func(tx *db.Tx) error {
		c, _, err := l.current(tx)
		if err != nil {
			return err
		}
		inLevel := c.Size
		if t.L > 0 {
			inLevel >>= min(62, tileHeight*t.L)
		}
		if first := t.N * tileWidth; t.N > inLevel/tileWidth || first+int64(t.W) > inLevel {
			return errNoTile
		}
		if t.L >= 0 {
			data, err = readTile(tx, t)
			return err
		}
		from := t.N * tileWidth
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
