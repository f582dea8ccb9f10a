// Package witness asks witnesses to cosign the log's checkpoints, as
// c2sp.org/tlog-witness says: the log's side of it.
//
// What it keeps: nothing. Which size a witness has seen is the caller's to know.
//
// Trust: what a witness answers is a stranger's until its key has signed it. A
// witness that lies, hangs, floods or points elsewhere costs its own cosignature
// and nothing else.
package witness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/postern-mail/postern/ledger/verify"
)

// maxAnswer is the largest answer that is read: a line has some hundred bytes.
const maxAnswer = 16 << 10

// Client asks. The zero value is ready.
type Client struct {
	HTTP    *http.Client  // nil for one that follows no redirect
	Timeout time.Duration // of one question; 0 means 10 s
}

// Ask is one question: cosign this checkpoint, which follows from the tree of
// size Old by Path (RFC 6962, 2.1.2).
type Ask struct {
	Old        int64
	Path       []tlog.Hash
	Checkpoint []byte // signed by the log
}

// Cosignature is what a witness gave.
type Cosignature struct {
	Line string // "— name base64", with its line feed
	At   uint64 // seconds since 1970, by the witness' clock
}

// ConflictError says that the witness has seen another size than Ask.Old.
type ConflictError struct{ Size int64 }

func (e *ConflictError) Error() string {
	return fmt.Sprintf("the witness has seen a log of %d leaves", e.Size)
}

// The refusals that asking again does not mend.
var (
	ErrFork      = errors.New("the witness has seen another log under this name: the checkpoint does not follow from what it cosigned")
	ErrUnknown   = errors.New("the witness does not know this log: give its operator the log's verifier key")
	ErrForbidden = errors.New("the witness does not accept the log's key: give its operator the new one")
)

var client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// Add asks a witness to cosign. Errors: [*ConflictError], [ErrFork], [ErrUnknown],
// [ErrForbidden], or one after which it may be asked again later.
func (c Client) Add(ctx context.Context, w verify.Witness, a Ask) (Cosignature, error) {
	text, err := verify.CheckpointText(a.Checkpoint)
	if err != nil {
		return Cosignature{}, err
	}
	timeout := c.Timeout
	if timeout == 0 {
		timeout = 10 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var body bytes.Buffer
	fmt.Fprintf(&body, "old %d\n", a.Old)
	for _, h := range a.Path {
		fmt.Fprintf(&body, "%s\n", h)
	}
	body.WriteByte('\n')
	body.Write(a.Checkpoint)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(w.URL, "/")+"/add-checkpoint", &body)
	if err != nil {
		return Cosignature{}, fmt.Errorf("the address of witness %s is none: %w", w.Name, err)
	}
	h := c.HTTP
	if h == nil {
		h = client
	}
	res, err := h.Do(req)
	if err != nil {
		return Cosignature{}, fmt.Errorf("couldn't reach witness %s: %w", w.Name, err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return Cosignature{}, fmt.Errorf("couldn't read the answer of witness %s: %w", w.Name, err)
	}
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	s, err := read(w, text, a.Old, res.StatusCode, kind, answer)
	if err != nil {
		return Cosignature{}, fmt.Errorf("witness %s: %w", w.Name, err)
	}
	return s, nil
}

// read reads an answer.
func read(w verify.Witness, text string, old int64, status int, kind string, answer []byte) (Cosignature, error) {
	switch status {
	case http.StatusOK:
	case http.StatusConflict:
		size, ok := strings.CutSuffix(string(answer), "\n")
		n, err := strconv.ParseInt(size, 10, 64)
		if kind != "text/x.tlog.size" || !ok || err != nil || n < 0 || strconv.FormatInt(n, 10) != size {
			return Cosignature{}, errors.New("it answered 409 without a size")
		}
		if n == old { // it has that size, and another root
			return Cosignature{}, ErrFork
		}
		return Cosignature{}, &ConflictError{n}
	case http.StatusUnprocessableEntity:
		return Cosignature{}, ErrFork
	case http.StatusNotFound:
		return Cosignature{}, ErrUnknown
	case http.StatusForbidden:
		return Cosignature{}, ErrForbidden
	default:
		// What it says for people is quoted: it is a stranger's.
		line, _, _ := strings.Cut(string(answer[:min(len(answer), 200)]), "\n")
		return Cosignature{}, fmt.Errorf("it answered with status %d: %q", status, line)
	}
	if len(answer) > maxAnswer {
		return Cosignature{}, fmt.Errorf("it answered with more than %d bytes", maxAnswer)
	}
	// It may sign with several keys; one of them is the policy's.
	for _, line := range strings.SplitAfter(string(answer), "\n") {
		if at, ok := w.Key.Check(text, line); ok {
			return Cosignature{Line: line, At: at}, nil
		}
	}
	return Cosignature{}, errors.New("its answer holds no cosignature of this checkpoint by the key that the policy names")
}
