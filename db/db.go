// Package db is a handle on one plane's database, with transactions and
// migrations that are the same for SQLite and PostgreSQL.
//
// What it keeps: nothing of its own but goose's version tables, one per room
// ("goose_ledger"). Each plane (mail, staff, response) is one SQLite file, or
// one PostgreSQL schema and role; db/open opens them.
//
// Trust: it sees every row that passes and logs none of them; errors carry the
// statement's text, never its arguments. It must not know what the rows mean.
package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Engine names the database behind a handle.
type Engine string

// The two engines.
const (
	SQLite     Engine = "sqlite"
	PostgreSQL Engine = "postgres"
)

// Handle is one plane's database. It is safe for concurrent use.
type Handle struct {
	engine  Engine
	pool    *sql.DB    // PostgreSQL: everything; SQLite: the readers
	reserve *sql.DB    // PostgreSQL: for urgent transactions; may be nil
	first   precedence // PostgreSQL only
	readers chan *conn
	spare   chan *conn    // SQLite: one more reader, for urgent views
	writer  *writer       // SQLite only
	ending  chan struct{} // closed by Close
	closing sync.Once
	closed  error
}

// NewPostgreSQL wraps an open pool whose search path and role are the plane's.
// reserve is a second one like it, for transactions under [Urgent]; nil where a
// plane has none to run.
func NewPostgreSQL(pool, reserve *sql.DB) *Handle {
	return &Handle{engine: PostgreSQL, pool: pool, reserve: reserve, ending: make(chan struct{})}
}

// NewSQLite wraps two pools on one file: write, of which one connection is
// taken for good, and read, of which n are, and one more for [Urgent] views.
func NewSQLite(ctx context.Context, write, read *sql.DB, n int) (*Handle, error) {
	wc, err := write.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("couldn't open the writing connection: %w", err)
	}
	h := &Handle{engine: SQLite, pool: read, readers: make(chan *conn, n), spare: make(chan *conn, 1), ending: make(chan struct{})}
	for i := range n + 1 {
		rc, err := read.Conn(ctx)
		if err != nil {
			return nil, fmt.Errorf("couldn't open a reading connection: %w", err)
		}
		if i < n {
			h.readers <- newConn(rc)
		} else {
			h.spare <- newConn(rc)
		}
	}
	h.writer = newWriter(write, newConn(wc))
	return h, nil
}

// Engine says which database this is, for the few statements that differ.
func (h *Handle) Engine() Engine { return h.engine }

// Update runs f in a read-write transaction and returns when it is durable.
// An error from f, or a panic, undoes what f wrote and is the caller's alone.
// f may run more than once (after a deadlock in PostgreSQL, or when a full disk
// took the neighbours of one commit along), so what it gathers it must gather
// afresh. It must not call Update on the same handle: SQLite has one writer,
// and f has it; such a call fails after some seconds. In SQLite concurrent
// callers share one commit; they run one after another, in the order of their
// commits.
//
// When ctx ends, waiting ends and statements fail, but a commit that is under
// way is waited for. An error of the commit itself leaves open whether the rows
// are there: a crash at that moment may bring them back.
func (h *Handle) Update(ctx context.Context, f func(*Tx) error) error {
	if h.writer != nil {
		return h.writer.update(ctx, f)
	}
	if urgent(ctx) {
		h.first.enter()
		defer h.first.leave()
	} else if err := h.first.yield(ctx); err != nil {
		return err
	}
	const tries = 4
	for try := 1; ; try++ {
		err := h.once(ctx, &sql.TxOptions{}, f)
		if err == nil || try == tries || !retryable(err) {
			return err
		}
	}
}

// View runs f in a read-only transaction: one snapshot for all of f. A View
// inside a View takes a second connection; keep them apart.
func (h *Handle) View(ctx context.Context, f func(*Tx) error) error {
	if h.engine == PostgreSQL {
		return h.once(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}, f)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	var spare chan *conn // nil: never ready
	if urgent(ctx) {
		spare = h.spare
	}
	select {
	case c := <-h.readers:
		defer func() { h.readers <- c }()
		return c.view(ctx, f)
	case c := <-spare:
		defer func() { h.spare <- c }()
		return c.view(ctx, f)
	case <-ctx.Done():
		return ctx.Err()
	case <-h.ending:
		return errClosed
	}
}

// guard runs f and holds it to the rules that both engines share: a failed
// statement fails the transaction, and a Tx is worth nothing after its closure.
func guard(tx *Tx, f func(*Tx) error) error {
	defer func() { tx.over = true }()
	err := f(tx)
	if err == nil && tx.failed != nil {
		return fmt.Errorf("a statement of this transaction failed and its error was not returned: %w", tx.failed)
	}
	return err
}

// Close ends the handle after the running transactions. A second Close gives
// the first one's answer.
func (h *Handle) Close() error {
	h.closing.Do(func() {
		close(h.ending)
		h.closed = h.close()
	})
	return h.closed
}

func (h *Handle) close() error {
	if h.writer == nil {
		err := h.pool.Close()
		if h.reserve != nil {
			err = errors.Join(err, h.reserve.Close())
		}
		return err
	}
	err := h.writer.close()
	for range cap(h.readers) + cap(h.spare) {
		select {
		case c := <-h.readers:
			err = errors.Join(err, c.close())
		case c := <-h.spare:
			err = errors.Join(err, c.close())
		case <-time.After(10 * time.Second):
			return errors.Join(err, errors.New("a read transaction was still open after 10 s"))
		}
	}
	return errors.Join(err, h.pool.Close())
}
