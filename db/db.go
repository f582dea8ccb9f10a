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
	pool    *sql.DB // PostgreSQL: everything; SQLite: the readers
	readers chan *conn
	writer  *writer // SQLite only
	closing sync.Once
	closed  error
}

// NewPostgreSQL wraps an open pool whose search path and role are the plane's.
func NewPostgreSQL(pool *sql.DB) *Handle {
	return &Handle{engine: PostgreSQL, pool: pool}
}

// NewSQLite wraps two pools on one file: write, of which one connection is
// taken for good, and read, of which n are.
func NewSQLite(ctx context.Context, write, read *sql.DB, n int) (*Handle, error) {
	wc, err := write.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("couldn't open the writing connection: %w", err)
	}
	h := &Handle{engine: SQLite, pool: read, readers: make(chan *conn, n)}
	for range n {
		rc, err := read.Conn(ctx)
		if err != nil {
			return nil, fmt.Errorf("couldn't open a reading connection: %w", err)
		}
		h.readers <- newConn(rc)
	}
	h.writer = newWriter(write, newConn(wc))
	return h, nil
}

// Engine says which database this is, for the few statements that differ.
func (h *Handle) Engine() Engine { return h.engine }

// Update runs f in a read-write transaction and returns when it is durable.
// An error from f undoes what f wrote and is returned as it is. f may run more
// than once (PostgreSQL asks for a retry after a deadlock) and must not call
// Update on the same handle: SQLite has one writer, and it is taken. In SQLite
// concurrent callers share one commit, each behind a savepoint of its own; they
// run one after another, in the order of their commits.
func (h *Handle) Update(ctx context.Context, f func(*Tx) error) error {
	if h.writer != nil {
		return h.writer.update(ctx, f)
	}
	const tries = 4
	for try := 1; ; try++ {
		err := h.once(ctx, &sql.TxOptions{}, f)
		if err == nil || try == tries || !retryable(err) {
			return err
		}
	}
}

// View runs f in a read-only transaction: one snapshot for all of f.
func (h *Handle) View(ctx context.Context, f func(*Tx) error) error {
	if h.engine == PostgreSQL {
		return h.once(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}, f)
	}
	select {
	case c := <-h.readers:
		defer func() { h.readers <- c }()
		return c.view(ctx, f)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// once runs f in one PostgreSQL transaction.
func (h *Handle) once(ctx context.Context, opt *sql.TxOptions, f func(*Tx) error) error {
	raw, err := h.pool.BeginTx(ctx, opt)
	if err != nil {
		return classify(fmt.Errorf("couldn't begin: %w", err))
	}
	tx := &Tx{ctx: ctx, engine: h.engine, q: pgQuerier{raw}}
	if err := guard(tx, f); err != nil {
		rollback := raw.Rollback()
		if rollback != nil && !errors.Is(rollback, sql.ErrTxDone) {
			return errors.Join(err, rollback)
		}
		return err
	}
	if err := raw.Commit(); err != nil {
		return classify(fmt.Errorf("couldn't commit: %w", err))
	}
	tx.committed()
	return nil
}

// guard turns a panic in f into an undone transaction and goes on panicking:
// a half-run closure must never be committed with its neighbours.
func guard(tx *Tx, f func(*Tx) error) (err error) {
	done := false
	defer func() {
		if !done {
			tx.broken = true
		}
	}()
	err = f(tx)
	done = true
	if err == nil && tx.broken {
		err = errors.New("a statement of this transaction failed and its error was not returned")
	}
	return err
}

// Close ends the handle after the running transactions. A second Close gives
// the first one's answer.
func (h *Handle) Close() error {
	h.closing.Do(func() { h.closed = h.close() })
	return h.closed
}

func (h *Handle) close() error {
	if h.writer == nil {
		return h.pool.Close()
	}
	err := h.writer.close()
	for range cap(h.readers) {
		select {
		case c := <-h.readers:
			err = errors.Join(err, c.close())
		case <-time.After(10 * time.Second):
			return errors.Join(err, errors.New("a read transaction was still open after 10 s"))
		}
	}
	return errors.Join(err, h.pool.Close())
}
