package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/postern-mail/postern/ledger/keyring"
	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/ledger/verify/cosigner"
	"github.com/postern-mail/postern/ledger/verify/mirror"
	"github.com/postern-mail/postern/node"
)

// witness cosigns the demo's log and replays its map, in this process: a real
// witness of the real protocol, which only lacks being somebody else's.
type witness struct {
	url    string
	policy string // the file that the node reads
	server *http.Server
	now    atomic.Pointer[func() time.Time]
	leaves atomic.Pointer[http.Handler] // the open log, nil between two openings
}

// newWitness listens on loopback, and writes the file with the witness' key and
// its address of today.
func newWitness(ctx context.Context, cfg node.Config) (w *witness, err error) {
	keys, err := keyring.Load(ctx, cfg.KeySource())
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(cfg.Data, "witness")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("couldn't make the witness' folder: %w", err)
	}
	key, _, err := cosigner.LoadKey(filepath.Join(dir, "witness.key"), "witness.example/demo")
	if err != nil {
		return nil, err
	}
	log, err := verify.ParsePolicy([]byte("log " + keys.LogPublic + "\nquorum none\n"))
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("couldn't listen for the witness: %w", err)
	}
	w = &witness{url: "http://" + l.Addr().String(), policy: filepath.Join(dir, "witnesses")}
	defer func() {
		if err != nil {
			l.Close()
		}
	}()
	now := time.Now
	w.now.Store(&now)
	source, err := mirror.Open(w.url)
	if err != nil {
		return nil, err
	}
	cosigning, err := cosigner.Open(cosigner.Parts{Key: key, Dir: dir, Logs: []cosigner.Log{{Policy: log, Source: source}},
		Now: func() time.Time { return (*w.now.Load())() }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	text := fmt.Sprintf("# The demo's own witness: in your policy stands somebody whom you believe.\nwitness demo %s %s\nquorum demo\nmap demo\n", key.VerifierKey(), w.url)
	if err := os.WriteFile(w.policy, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("couldn't write the witness' file: %w", err)
	}
	// Between two openings of the log there is nothing to read, and so nothing to
	// cosign: an answer at once, instead of one after trying in vain.
	handler := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch log := w.leaves.Load(); {
		case log == nil:
			http.Error(rw, "not now", http.StatusServiceUnavailable)
		case r.URL.Path == "/add-checkpoint":
			cosigning.ServeHTTP(rw, r)
		default:
			(*log).ServeHTTP(rw, r)
		}
	})
	w.server = &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	go w.server.Serve(l) // until close
	return w, nil
}

// sees has the witness read the leaves of an open node, by its clock.
func (w *witness) sees(n *node.Node) {
	now, log := n.Now, n.Ledger.Handler()
	w.now.Store(&now)
	w.leaves.Store(&log)
}

func (w *witness) close() error {
	if err := w.server.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("couldn't end the witness: %w", err)
	}
	return nil
}
