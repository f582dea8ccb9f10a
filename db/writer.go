package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// A group is ended by whichever comes first, or when nobody is left to join it.
// Both bound how long the first caller of a group waits for the last; under
// load that is a few fsyncs' time, less than it would wait for its neighbours'
// commits.
const (
	groupMost = 512
	groupTime = 10 * time.Millisecond
)

// patience is how long a caller waits behind one and the same transaction
// before it looks whether that transaction is its own.
const patience = time.Second

// writer owns SQLite's one writing connection. Callers take turns on it, each
// running its closure on its own goroutine (so that a panic or an exit is the
// caller's alone); the turns of a group share one BEGIN IMMEDIATE … COMMIT and
// with it one fsync.
//
// Whoever has the turn owns c, group and crowd; mu guards the rest.
type writer struct {
	pool  *sql.DB
	c     *conn
	group *group // nil: no transaction is open
	crowd int    // the size of the last group

	mu     sync.Mutex
	busy   bool // somebody has the turn
	turns  int  // given so far
	queue  []*turn
	closed bool
	idle   chan struct{} // closed when closed and not busy
}

// group is the callers of one commit.
type group struct {
	start time.Time
	size  int
	wrote bool // an earlier member has written
	rush  bool // a member is urgent: nobody else may join
	done  chan struct{}
	err   error // valid when done is closed: the group's fate
}

// turn is a caller in the queue; mine is sent to when the turn is its.
type turn struct {
	mine   chan struct{}
	timer  *time.Timer
	urgent bool
}

var (
	errClosed = errors.New("the database is closed")
	// errNeighbour ends a group whose member could not be undone alone.
	errNeighbour = errors.New("a neighbour in the same commit failed and took it along")
)

func newWriter(pool *sql.DB, c *conn) *writer {
	return &writer{pool: pool, c: c, idle: make(chan struct{})}
}

// update runs f in the running group, or in a new one, and waits for its commit.
func (w *writer) update(ctx context.Context, f func(*Tx) error) error {
	const tries = 4
	for try := 1; ; try++ {
		if err := w.wait(ctx); err != nil {
			return err
		}
		tx, g, err := w.run(ctx, f)
		if err == nil {
			<-g.done
			err = g.err
		}
		if err == nil {
			tx.committed()
			return nil
		}
		if try == tries || !errors.Is(err, errNeighbour) {
			return err
		}
	}
}

// wait returns nil when the turn is the caller's.
func (w *writer) wait(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return errClosed
	}
	if !w.busy {
		w.busy = true
		w.turns++
		w.mu.Unlock()
		return nil
	}
	t := turns.Get().(*turn)
	defer turns.Put(t)
	t.urgent = urgent(ctx)
	w.join(t)
	seen := w.turns
	w.mu.Unlock()
	t.timer.Reset(patience)
	defer t.timer.Stop()
	for {
		var err error
		select {
		case <-t.mine:
			return nil
		case <-ctx.Done():
			err = ctx.Err()
		case <-t.timer.C:
			t.timer.Reset(patience)
			w.mu.Lock()
			stuck := w.turns == seen
			seen = w.turns
			w.mu.Unlock()
			if !stuck || !insideUpdate() {
				continue
			}
			err = errors.New("Update was called inside Update on the same database, which waits for itself")
		}
		if w.leave(t) {
			return err
		}
		<-t.mine // the turn came in the same moment
		w.pass()
		return err
	}
}

var turns = sync.Pool{New: func() any {
	t := &turn{mine: make(chan struct{}, 1), timer: time.NewTimer(time.Hour)}
	t.timer.Stop()
	return t
}}

// join puts t into the queue: last, or behind the urgent ones if it is urgent.
func (w *writer) join(t *turn) {
	at := len(w.queue)
	if t.urgent {
		at = slices.IndexFunc(w.queue, func(q *turn) bool { return !q.urgent })
		if at < 0 {
			at = len(w.queue)
		}
	}
	w.queue = slices.Insert(w.queue, at, t)
}

// leave takes t out of the queue; false when its turn has come already.
func (w *writer) leave(t *turn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, q := range w.queue {
		if q == t {
			w.queue = append(w.queue[:i], w.queue[i+1:]...)
			return true
		}
	}
	return false
}

// insideUpdate says whether this goroutine is inside the closure of an Update:
// two updates are on its stack.
func insideUpdate() bool {
	pcs := make([]uintptr, 256)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	n := 0
	for {
		f, more := frames.Next()
		if strings.HasSuffix(f.Function, "db.(*writer).update") {
			n++
		}
		if !more {
			return n > 1
		}
	}
}

// pass gives the turn to the next in the queue, ending the group first when it
// is full or nobody is left to join it.
func (w *writer) pass() {
	if g := w.group; g != nil && (g.rush || g.size >= groupMost || time.Since(g.start) >= groupTime) {
		w.commit()
	}
	for yielded := false; !w.handOver(); {
		if w.crowd > 1 && !yielded {
			// The callers of the last commit have only just woken: let them
			// queue up before this one is paid for.
			yielded = true
			runtime.Gosched()
			continue
		}
		w.commit()
	}
}

// handOver is false when nobody waits and the open group must be ended first.
func (w *writer) handOver() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) == 0 {
		if w.group != nil {
			return false
		}
		w.busy = false
		if w.closed {
			close(w.idle)
		}
		return true
	}
	next := w.queue[0]
	w.queue = w.queue[:copy(w.queue, w.queue[1:])]
	w.turns++
	next.mine <- struct{}{}
	return true
}

// run runs f as a member of the open group and passes the turn on, even when f
// panics. A nil error means that f's fate is the group's.
func (w *writer) run(ctx context.Context, f func(*Tx) error) (tx *Tx, g *group, err error) {
	if g, err = w.open(); err != nil {
		w.pass()
		return nil, nil, err
	}
	g.size++
	g.rush = g.rush || urgent(ctx)
	// Statements run without the caller's cancellation: an interrupted
	// statement can take the whole group's transaction with it.
	tx = &Tx{caller: ctx, ctx: context.WithoutCancel(ctx), engine: SQLite, q: w.c}
	saved := false
	tx.before = func() error {
		if !g.wrote {
			g.wrote = true // there is nobody before it to spare: see finish
			return nil
		}
		if _, err := w.c.exec(background, "SAVEPOINT member", nil); err != nil {
			return classify(fmt.Errorf("couldn't set a savepoint: %w", err))
		}
		saved = true
		return nil
	}
	done := false
	defer func() {
		if !done { // a panic, or runtime.Goexit
			w.finish(tx, saved, errNeighbour)
		}
	}()
	err = guard(tx, f)
	done = true
	w.finish(tx, saved, err)
	return tx, g, err
}

var background = context.Background()

// open gives the running group, or begins one.
func (w *writer) open() (*group, error) {
	if w.group != nil {
		return w.group, nil
	}
	if _, err := w.c.exec(background, "BEGIN IMMEDIATE", nil); err != nil {
		return nil, classify(fmt.Errorf("couldn't begin: %w", err))
	}
	w.group = &group{start: time.Now(), done: make(chan struct{})}
	return w.group, nil
}

// finish undoes what a failed member wrote and passes the turn on.
func (w *writer) finish(tx *Tx, saved bool, failed error) {
	defer w.pass()
	switch {
	case failed == nil && saved:
		if _, err := w.c.exec(background, "RELEASE member", nil); err != nil {
			w.lose(fmt.Errorf("%w: %w", errNeighbour, classify(err)))
		}
	case failed != nil && saved:
		_, err := w.c.exec(background, "ROLLBACK TO member", nil)
		if err == nil {
			_, err = w.c.exec(background, "RELEASE member", nil)
		}
		if err != nil {
			// After a full disk SQLite may have undone the whole transaction.
			w.lose(fmt.Errorf("%w: %w", errNeighbour, classify(err)))
		}
	case failed != nil && tx.before == nil:
		// The group's first writer: undoing everything undoes it alone, and
		// who only read before it has lost nothing.
		w.lose(nil)
	}
}

// commit ends the open group.
func (w *writer) commit() {
	g := w.group
	if _, err := w.c.exec(background, "COMMIT", nil); err != nil {
		// It can leave the transaction open or already undone; either way
		// nothing of it stands.
		w.lose(classify(fmt.Errorf("couldn't commit: %w", err)))
		return
	}
	w.group, w.crowd = nil, g.size
	close(g.done)
}

// lose undoes the open group and tells its members err.
func (w *writer) lose(err error) {
	g := w.group
	_, _ = w.c.exec(background, "ROLLBACK", nil)
	w.group, g.err = nil, err
	close(g.done)
}

func (w *writer) close() error {
	w.mu.Lock()
	w.closed = true
	if !w.busy {
		close(w.idle)
	}
	w.mu.Unlock()
	<-w.idle
	return errors.Join(w.c.close(), w.pool.Close())
}
