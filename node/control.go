package node

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/postern-mail/postern"
)

// The command line reaches a running Postern through a Unix socket in the data
// directory, mode 0600: whoever may open it could read the databases as well.
// An operation is a POST of JSON to /NAME; the answer is a line of JSON for
// each progress report and one for the outcome.
const socketName = "control.sock"

// report tells how far a long operation is; total is 0 while unknown.
type report func(done, total int64)

type operation func(ctx context.Context, n *Node, in json.RawMessage, r report) (any, error)

type controlLine struct {
	Done   *int64          `json:"done,omitempty"`
	Total  int64           `json:"total,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  *controlError   `json:"error,omitempty"`
}

type controlError struct {
	Kind postern.Kind `json:"kind"`
	Key  string       `json:"key,omitempty"`
	Text string       `json:"text"`
}

// Call runs the operation named op: in the process that holds the data
// directory, if one does, else by opening the directory itself. r may be nil.
func Call(ctx context.Context, cfg Config, op string, in, out any, r func(done, total int64)) error {
	if r == nil {
		r = func(int64, int64) {}
	}
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	result, err := callSocket(ctx, filepath.Join(cfg.Data, socketName), op, body, r)
	if errors.Is(err, errNobodyListens) {
		result, err = callAlone(ctx, cfg, op, body, r)
	}
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal(result, out)
}

var errNobodyListens = errors.New("nobody listens on the control socket")

func callSocket(ctx context.Context, socket, op string, body []byte, r report) (json.RawMessage, error) {
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, "POST", "http://postern/"+op, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	res, err := client.Do(req)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, errNobodyListens
	}
	if errors.Is(err, os.ErrPermission) {
		return nil, &postern.Error{Kind: postern.Denied, Text: "you may not use this Postern's control socket: run the command as the user that runs Postern", Err: err}
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't ask the running Postern: %w", err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var line controlLine
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return nil, fmt.Errorf("the running Postern answered something else (another version?): %w", err)
		}
		switch {
		case line.Error != nil:
			return nil, &postern.Error{Kind: line.Error.Kind, Key: line.Error.Key, Text: line.Error.Text}
		case line.Result != nil:
			return line.Result, nil
		case line.Done != nil:
			r(*line.Done, line.Total)
		}
	}
	return nil, &postern.Error{Kind: postern.Unavailable, Text: "the running Postern stopped before it answered: run the command again", Err: lines.Err()}
}

func callAlone(ctx context.Context, cfg Config, op string, body []byte, r report) (_ json.RawMessage, err error) {
	n, err := Open(ctx, cfg, Options{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	f, ok := operations[op]
	if !ok {
		return nil, fmt.Errorf("there is no operation %q", op)
	}
	out, err := f(ctx, n, body, r)
	if err != nil {
		return nil, err
	}
	// What was written must be in the ledger's tree before the process ends:
	// the next to start may be long in coming.
	if _, err := n.Ledger.Sequence(ctx); err != nil {
		return nil, err
	}
	return json.Marshal(out)
}

// Do runs an operation in this process.
func (n *Node) Do(ctx context.Context, name string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	f, ok := operations[name]
	if !ok {
		return fmt.Errorf("there is no operation %q", name)
	}
	result, err := f(ctx, n, body, func(int64, int64) {})
	if err != nil || out == nil {
		return err
	}
	text, err := json.Marshal(result)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, out)
}

// listenControl takes the socket. A stale one, of a process that was killed, is
// removed: the data directory's lock is held already.
func (n *Node) listenControl() (net.Listener, error) {
	path := filepath.Join(n.cfg.Data, socketName)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("couldn't remove the old control socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("couldn't make the control socket (its path may be no longer than 107 bytes): %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

func (n *Node) controlHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out := json.NewEncoder(w)
		write := func(line controlLine) {
			_ = out.Encode(line)
			_ = http.NewResponseController(w).Flush()
		}
		f, ok := operations[r.URL.Path[1:]]
		if r.Method != http.MethodPost || !ok {
			write(controlLine{Error: &controlError{Kind: postern.NotFound, Text: "this Postern does not know that operation: it is another version than the command"}})
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 16<<20))
		if err != nil {
			write(controlLine{Error: &controlError{Kind: postern.Invalid, Text: err.Error()}})
			return
		}
		var last time.Time
		result, err := f(r.Context(), n, body, func(done, total int64) {
			if now := time.Now(); done == total || now.Sub(last) > 100*time.Millisecond {
				last = now
				write(controlLine{Done: &done, Total: total})
			}
		})
		if err != nil {
			write(controlLine{Error: &controlError{Kind: postern.KindOf(err), Key: postern.KeyOf(err), Text: err.Error()}})
			return
		}
		text, err := json.Marshal(result)
		if err != nil {
			write(controlLine{Error: &controlError{Text: err.Error()}})
			return
		}
		write(controlLine{Result: text})
	})
}

// op gives an operation its types.
func op[In, Out any](f func(ctx context.Context, n *Node, in In, r report) (Out, error)) operation {
	return func(ctx context.Context, n *Node, raw json.RawMessage, r report) (any, error) {
		var in In
		d := json.NewDecoder(bytes.NewReader(raw))
		d.DisallowUnknownFields()
		if err := d.Decode(&in); err != nil {
			return nil, &postern.Error{Kind: postern.Invalid, Text: "the operation's input can't be read", Err: err}
		}
		return f(ctx, n, in, r)
	}
}
