// Package cosigner is a witness that an auditor or a large customer runs
// (c2sp.org/tlog-witness): it cosigns a log's checkpoints, and before each it
// reads the new leaves and replays the map, so that its cosignature says more
// than that nothing was removed.
//
// What it keeps: for each log the newest checkpoint that it has cosigned with its
// own signature, in a file that is on the disk before the cosignature leaves the
// process; and beside it the first checkpoint that contradicts it. Whoever loses
// that folder, or has only an older copy, must take a new key.
//
// Trust: it handles the witness' private key. Everything that it is sent or reads
// is a stranger's until it leads to a checkpoint that the log's key has signed. It
// never cosigns two logs of one name, and its time never runs back.
package cosigner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/ledger/verify/mirror"
)

const (
	maxBody   = 64 << 10
	maxHashes = 63 // of a consistency proof (c2sp.org/tlog-witness)
	patience  = 8 * time.Second
)

// Parts is what a Server is made of.
type Parts struct {
	Key  verify.Cosigner
	Dir  string // of the state, for this process alone
	Logs []Log
	Now  func() time.Time
	Log  *slog.Logger
	// Patience is how long a log waits for a replay before it is asked to come
	// again; 0 means 8 s.
	Patience time.Duration
}

// Log is one log that is cosigned.
type Log struct {
	Policy verify.Policy // its keys, all of one name
	Source mirror.Source // where its leaves are read
}

// Server is the witness' HTTP side. It is safe for concurrent use.
type Server struct {
	Parts
	logs map[string]*witnessed
	lock *os.File
	life context.Context
	end  context.CancelFunc
}

// witnessed is what is known of one log.
type witnessed struct {
	Log
	file string

	turn   sync.Mutex        // held while a checkpoint is checked
	last   verify.Checkpoint // the newest that was cosigned
	at     time.Time         // of its newest cosignature
	replay *verify.Replayer  // nil: from the start
}

// Open reads what the witness has cosigned before, and keeps other processes from
// the folder until Close.
func Open(p Parts) (_ *Server, err error) {
	key, err := verify.ParseWitnessKey(p.Key.VerifierKey())
	if err != nil {
		return nil, err
	}
	s := &Server{Parts: p, logs: map[string]*witnessed{}}
	if s.Patience == 0 {
		s.Patience = patience
	}
	if s.lock, err = lock(p.Dir); err != nil {
		return nil, err
	}
	s.life, s.end = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	for _, l := range p.Logs {
		if len(l.Policy.Logs) == 0 || l.Source == nil {
			return nil, errors.New("a log to cosign needs its key and the place where its leaves are read")
		}
		name := l.Policy.Logs[0].Name()
		if s.logs[name] != nil {
			return nil, fmt.Errorf("the log %q is named twice", name)
		}
		w := &witnessed{Log: l, file: stateFile(p.Dir, name)}
		if w.last, w.at, err = readState(w.file, key); err != nil {
			return nil, fmt.Errorf("couldn't read what was cosigned of %q: %w", name, err)
		}
		if w.last.Size > 0 && w.last.Origin != name {
			return nil, fmt.Errorf("%s says what was cosigned of %q, not of %q", w.file, w.last.Origin, name)
		}
		s.logs[name] = w
	}
	return s, nil
}

// Close ends what is under way, and gives the folder back. Nothing is cosigned
// afterwards.
func (s *Server) Close() error {
	s.end() // check looks at it under the log's turn, before it signs
	for _, l := range s.logs {
		l.idle()
	}
	return s.lock.Close()
}

// idle waits until nothing is checked.
func (l *witnessed) idle() {
	l.turn.Lock()
	defer l.turn.Unlock()
}

// refusal is an answer other than a cosignature.
type refusal struct {
	status int
	text   string
	size   int64 // with 409
}

func (r *refusal) Error() string { return r.text }

// ServeHTTP answers POST /add-checkpoint.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/add-checkpoint" {
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "POST a checkpoint", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "too long", http.StatusRequestEntityTooLarge)
		return
	}
	line, err := s.add(r.Context(), body)
	var no *refusal
	switch {
	case err == nil:
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		io.WriteString(w, line)
	case errors.As(err, &no) && no.status == http.StatusConflict:
		w.Header().Set("Content-Type", "text/x.tlog.size")
		w.WriteHeader(no.status)
		fmt.Fprintf(w, "%d\n", no.size)
	case errors.As(err, &no):
		if no.status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "5")
		}
		http.Error(w, no.text, no.status)
	default:
		s.Parts.Log.Error("couldn't cosign", "err", err)
		http.Error(w, "not now", http.StatusInternalServerError)
	}
}

// Request is the body of POST /add-checkpoint.
type Request struct {
	Old        int64
	Path       []tlog.Hash
	Checkpoint []byte
}

// ParseRequest reads a body.
func ParseRequest(body []byte) (q Request, err error) {
	head, signed, ok := bytes.Cut(body, []byte("\n\n"))
	if !ok {
		return q, errors.New("no empty line before the checkpoint")
	}
	lines := strings.Split(string(head), "\n")
	size, ok := strings.CutPrefix(lines[0], "old ")
	if q.Old, err = strconv.ParseInt(size, 10, 64); !ok || err != nil || q.Old < 0 || strconv.FormatInt(q.Old, 10) != size {
		return q, errors.New("the first line is not the old size")
	}
	if len(lines)-1 > maxHashes {
		return q, fmt.Errorf("more than %d hashes", maxHashes)
	}
	for _, l := range lines[1:] {
		h, err := tlog.ParseHash(l)
		if err != nil || h.String() != l {
			return q, errors.New("a line of the proof is no hash")
		}
		q.Path = append(q.Path, h)
	}
	q.Checkpoint = signed
	return q, nil
}

// add checks one request and gives the cosignature's line.
func (s *Server) add(ctx context.Context, body []byte) (line string, err error) {
	q, err := ParseRequest(body)
	if err != nil {
		return "", &refusal{status: http.StatusBadRequest, text: err.Error()}
	}
	text, err := verify.CheckpointText(q.Checkpoint)
	if err != nil && s.falselyEmpty(q.Checkpoint) {
		return "", &refusal{status: http.StatusUnprocessableEntity, text: "the empty log has another root"}
	}
	if err != nil {
		return "", &refusal{status: http.StatusBadRequest, text: err.Error()}
	}
	c, err := verify.ParseBody(text)
	if err != nil {
		return "", &refusal{status: http.StatusBadRequest, text: err.Error()}
	}
	l := s.logs[c.Origin]
	if l == nil {
		return "", &refusal{status: http.StatusNotFound, text: "this log is not known here"}
	}
	if _, err := l.Policy.Open(q.Checkpoint); err != nil {
		return "", &refusal{status: http.StatusForbidden, text: "not signed by a key of this log that is known here"}
	}
	if !l.turn.TryLock() {
		return "", &refusal{status: http.StatusServiceUnavailable, text: "a checkpoint of this log is being checked"}
	}
	type outcome struct {
		line string
		err  error
	}
	done := make(chan outcome, 1)
	go func() { // goes on when the log does not wait: what was read need not be read again
		line, err := s.check(s.life, l, q, c, text)
		l.turn.Unlock() // before the log hears of it, which may ask again at once
		done <- outcome{line, err}
	}()
	timer := time.NewTimer(s.Patience)
	defer timer.Stop()
	select {
	case o := <-done:
		return o.line, o.err
	case <-timer.C:
		return "", &refusal{status: http.StatusServiceUnavailable, text: "the leaves are being read"}
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// check is add under the log's turn.
func (s *Server) check(ctx context.Context, l *witnessed, q Request, c verify.Checkpoint, text string) (string, error) {
	switch {
	case q.Old > c.Size:
		return "", &refusal{status: http.StatusBadRequest, text: "the old size is larger than the checkpoint's"}
	case q.Old != l.last.Size:
		return "", &refusal{status: http.StatusConflict, text: "another size was cosigned last", size: l.last.Size}
	case q.Old == 0 && len(q.Path) > 0:
		return "", &refusal{status: http.StatusUnprocessableEntity, text: "a proof from nothing is empty"}
	}
	if q.Old > 0 {
		if err := verify.CheckConsistency(l.last, c, q.Path); err != nil {
			s.alarm(l, c, q.Checkpoint, err.Error())
			return "", &refusal{status: http.StatusUnprocessableEntity, text: "the checkpoint does not follow from what was cosigned"}
		}
	}
	if c.Size > l.last.Size { // what was cosigned was replayed before
		if err := l.follow(ctx, c); errors.Is(err, mirror.ErrRefuted) {
			s.alarm(l, c, q.Checkpoint, err.Error())
			// The specification has no status for it: the tree grew as it should, and what
			// stands in it breaks the rules, or is not what the log serves.
			return "", &refusal{status: http.StatusFailedDependency, text: err.Error()}
		} else if err != nil {
			s.Parts.Log.Warn("couldn't read the leaves of a log", "log", c.Origin, "size", c.Size, "err", err)
			return "", &refusal{status: http.StatusServiceUnavailable, text: "the leaves can't be read"}
		}
	}
	now := s.Now()
	if now.Unix() < l.at.Unix() || now.Unix() <= 0 {
		s.Parts.Log.Error("the clock is behind the last cosignature: nothing is cosigned until it is not", "log", c.Origin, "last", l.at)
		return "", &refusal{status: http.StatusServiceUnavailable, text: "this witness' clock is wrong"}
	}
	line, err := s.Key.Sign(text, now)
	if err != nil {
		return "", err
	}
	if s.life.Err() != nil {
		return "", &refusal{status: http.StatusServiceUnavailable, text: "this witness is ending"}
	}
	// On an error the line stays here, and what is on the disk may be newer than
	// what is known here: that forbids more than it need, and never less.
	if err := writeState(l.file, state(text, line, q.Checkpoint)); err != nil {
		return "", fmt.Errorf("couldn't keep what is cosigned: %w", err)
	}
	if c != l.last {
		s.Parts.Log.Info("cosigned", "log", c.Origin, "size", c.Size)
	}
	l.last, l.at = c, now
	return line, nil
}

// follow replays the log up to a checkpoint, with what came after the last epoch.
func (l *witnessed) follow(ctx context.Context, c verify.Checkpoint) error {
	r := l.replay
	if r == nil || r.Size() > c.Size { // a larger one was replayed and then not cosigned
		r = &verify.Replayer{}
	}
	l.replay = nil // after an error it begins anew
	if err := (mirror.Log{Source: l.Source, Policy: l.Policy}).Replay(ctx, r, c, nil); err != nil {
		return err
	}
	if err := r.Settle(); err != nil {
		return fmt.Errorf("%w: %w", mirror.ErrRefuted, err)
	}
	l.replay = r
	return nil
}

// falselyEmpty says whether a log that is known here has signed that no leaves
// hash to something: the form that everybody else reads has no such checkpoint.
func (s *Server) falselyEmpty(signed []byte) bool {
	origin, rest, _ := strings.Cut(string(signed), "\n")
	l := s.logs[origin]
	if l == nil || !strings.HasPrefix(rest, "0\n") {
		return false
	}
	var known []note.Verifier
	for _, k := range l.Policy.Logs {
		if v, err := note.NewVerifier(k.String()); err == nil {
			known = append(known, v)
		}
	}
	n, err := note.Open(signed, note.VerifierList(known...))
	return err == nil && strings.Count(n.Text, "\n") == 3
}

// alarm tells the witness' operator what nobody should ever see, and keeps the
// first such checkpoint of a log: with the one that was cosigned it is evidence.
func (s *Server) alarm(l *witnessed, c verify.Checkpoint, signed []byte, what string) {
	file := strings.TrimSuffix(l.file, ".checkpoint") + ".refused"
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		if err := writeState(file, signed); err != nil {
			s.Parts.Log.Error("couldn't keep a checkpoint that was refused", "err", err)
		}
	}
	s.Parts.Log.Error("a log contradicts itself: the first such checkpoint is kept, it is evidence", "log", c.Origin, "what", what, "kept", file, "size", c.Size, "root", c.Root.String(),
		"cosigned size", l.last.Size, "cosigned root", l.last.Root.String())
}
