package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/ledger/verify/cosigner"
	"github.com/postern-mail/postern/node"
)

// witness is the demo's own: a real one, in this process, that replays the map.
// Nobody should believe a witness that the provider runs; it is here so that
// there is something to see.
type witness struct {
	policy string // the file that names it
	dir    string
	key    verify.Cosigner
	server *http.Server

	mu   sync.Mutex
	now  time.Time // zero: the real time
	node *node.Node
	it   *cosigner.Server // nil until the log is known
}

// startWitness listens, and writes the policy that names it.
func startWitness(dir string) (*witness, error) {
	w := &witness{policy: filepath.Join(dir, "policy.txt"), dir: filepath.Join(dir, "witness")}
	if err := os.MkdirAll(w.dir, 0o700); err != nil {
		return nil, err
	}
	var err error
	if w.key, _, err = cosigner.LoadKey(filepath.Join(w.dir, "witness.key"), "witness.example"); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w.server = &http.Server{Handler: w, ReadHeaderTimeout: 5 * time.Second}
	go w.server.Serve(l)
	return w, w.write(l.Addr().String(), "")
}

func (w *witness) write(address, logs string) error {
	text := fmt.Sprintf("%switness demo %s http://%s\nquorum demo\nmap demo\n", logs, w.key.VerifierKey(), address)
	return os.WriteFile(w.policy, []byte(text), 0o600)
}

func (w *witness) close() error {
	w.mu.Lock()
	it := w.it
	w.mu.Unlock()
	err := w.server.Close()
	if it != nil {
		err = errors.Join(err, it.Close())
	}
	return err
}

func (w *witness) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.now.IsZero() {
		return time.Now()
	}
	return w.now
}

func (w *witness) set(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = now
}

// open lives through the past where there is none yet, and then opens the demo.
func (w *witness) open(ctx context.Context, cfg node.Config, o node.Options) (*node.Node, error) {
	c, letters, err := read()
	if err != nil {
		return nil, err
	}
	lived := filepath.Join(w.dir, "lived")
	_, err = os.Stat(lived)
	first := errors.Is(err, fs.ErrNotExist)
	if err != nil && !first {
		return nil, err
	}
	if first {
		if err := w.past(ctx, cfg, o, c); err != nil {
			return nil, err
		}
	}
	w.set(time.Time{})
	n, err := node.Listen(ctx, cfg, o)
	if err != nil {
		return nil, err
	}
	n.Also(w.close)
	if err := w.watch(n); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	if first {
		err = errors.Join(today(ctx, n, c, letters), os.WriteFile(lived, nil, 0o600))
	}
	if err == nil { // the gate shows nothing before a witness has answered
		err = publish(ctx, n)
	}
	if err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

// watch has the witness read the log of this node, and completes the policy, so
// that the commands of the story can use it.
func (w *witness) watch(n *node.Node) error {
	w.mu.Lock()
	w.node = n
	known := w.it != nil
	w.mu.Unlock()
	if known {
		return nil
	}
	policy, err := verify.ParsePolicy(n.Ledger.PolicyFile())
	if err != nil {
		return err
	}
	it, err := cosigner.Open(cosigner.Parts{Key: w.key, Dir: w.dir, Logs: []cosigner.Log{{Policy: verify.Policy{Logs: policy.Logs}, Source: w}}, Now: w.clock, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.it = it
	w.mu.Unlock()
	return os.WriteFile(w.policy, n.Ledger.PolicyFile(), 0o600)
}

// ServeHTTP is the witness.
func (w *witness) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	it := w.it
	w.mu.Unlock()
	if it == nil {
		http.Error(rw, "not yet", http.StatusServiceUnavailable)
		return
	}
	it.ServeHTTP(rw, r)
}

// Get reads the log as a web client would, without the web.
func (w *witness) Get(ctx context.Context, path string, limit int64) ([]byte, error) {
	w.mu.Lock()
	n := w.node
	w.mu.Unlock()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "/"+path, nil)
	if err != nil {
		return nil, err
	}
	a := &answer{header: http.Header{}, status: http.StatusOK}
	n.Ledger.Handler().ServeHTTP(a, r)
	switch {
	case a.status == http.StatusNotFound:
		return nil, fs.ErrNotExist
	case a.status != http.StatusOK || int64(a.body.Len()) > limit:
		return nil, &postern.Error{Kind: postern.Unavailable, Text: fmt.Sprintf("the log answered %s with status %d", path, a.status)}
	}
	return a.body.Bytes(), nil
}

// answer keeps what a handler writes.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }
