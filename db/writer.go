package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Groups are ended by whichever comes first. Both bound how long the first
// caller of a group waits for the last.
const (
	groupMost = 512
	groupTime = 2 * time.Millisecond
)

// writer owns SQLite's one writing connection. Callers queue closures; each
// group of them runs in one BEGIN IMMEDIATE … COMMIT, so that they share one
// fsync.
type writer struct {
	pool *sql.DB
	c    *conn
	jobs chan *job
	quit chan struct{}
	done chan struct{}
	once sync.Once
}

type job struct {
	ctx   context.Context
	f     func(*Tx) error
	tx    *Tx
	err   error
	panic any
	done  chan struct{}
}

func newWriter(pool *sql.DB, c *conn) *writer {
	w := &writer{pool: pool, c: c, jobs: make(chan *job, groupMost), quit: make(chan struct{}), done: make(chan struct{})}
	go w.run()
	return w
}

var errClosed = errors.New("the database is closed")

func (w *writer) update(ctx context.Context, f func(*Tx) error) error {
	j := &job{ctx: ctx, f: f, done: make(chan struct{})}
	select {
	case w.jobs <- j:
	case <-ctx.Done():
		return ctx.Err()
	case <-w.done:
		return errClosed
	}
	// Once queued the outcome is waited for, whatever ctx says: to give up here
	// would leave the caller not knowing whether it was committed.
	select {
	case <-j.done:
	case <-w.done:
		select {
		case <-j.done:
		default:
			return errClosed
		}
	}
	if j.panic != nil {
		panic(j.panic)
	}
	if j.err == nil {
		j.tx.committed()
	}
	return j.err
}

func (w *writer) close() error {
	w.once.Do(func() { close(w.quit) })
	<-w.done
	return errors.Join(w.c.close(), w.pool.Close())
}

func (w *writer) run() {
	defer close(w.done)
	for {
		select {
		case j := <-w.jobs:
			w.group(j)
		case <-w.quit:
			for {
				select {
				case j := <-w.jobs:
					w.group(j)
				default:
					return
				}
			}
		}
	}
}

// group runs first and whatever else is waiting in one transaction.
func (w *writer) group(first *job) {
	ctx := context.Background() // the group's fate is not one caller's
	jobs := []*job{first}
	end := func(err error) {
		for _, j := range jobs {
			if err != nil && j.err == nil {
				j.err = err
			}
			close(j.done)
		}
	}
	if _, err := w.c.exec(ctx, "BEGIN IMMEDIATE", nil); err != nil {
		end(classify(fmt.Errorf("couldn't begin: %w", err)))
		return
	}
	start := time.Now()
	wrote, lost := false, error(nil)
	for i := 0; ; i++ {
		w.one(jobs[i], &wrote, &lost)
		if lost != nil || len(jobs) == groupMost || time.Since(start) > groupTime {
			break
		}
		select {
		case j := <-w.jobs:
			jobs = append(jobs, j)
			continue
		default:
		}
		break
	}
	if lost == nil {
		if _, err := w.c.exec(ctx, "COMMIT", nil); err != nil {
			lost = classify(fmt.Errorf("couldn't commit: %w", err))
		}
	}
	if lost != nil {
		// A failed COMMIT, or a full disk inside it, can leave the transaction
		// open or already rolled back; either way nothing of it stands.
		_, _ = w.c.exec(ctx, "ROLLBACK", nil)
	}
	end(lost)
}

// one runs a job behind a savepoint that is set only if it writes.
func (w *writer) one(j *job, wrote *bool, lost *error) {
	if err := j.ctx.Err(); err != nil {
		j.err = err
		return
	}
	saved := false
	// Statements run without the caller's cancellation: an interrupted
	// statement would take the whole group's transaction with it.
	tx := &Tx{ctx: context.WithoutCancel(j.ctx), engine: SQLite, q: w.c}
	tx.before = func() error {
		_, err := w.c.exec(tx.ctx, "SAVEPOINT job", nil)
		saved = err == nil
		*wrote = true
		return err
	}
	j.tx = tx
	func() {
		defer func() { j.panic = recover() }()
		j.err = guard(tx, j.f)
	}()
	if j.err == nil && j.panic == nil {
		return
	}
	if saved {
		if _, err := w.c.exec(tx.ctx, "ROLLBACK TO job", nil); err != nil {
			*lost = classify(fmt.Errorf("a neighbour in the same commit failed and could not be undone alone: %w", err))
		}
	}
}

// conn is a connection with its prepared statements.
type conn struct {
	c     *sql.Conn
	stmts map[string]*sql.Stmt
}

func newConn(c *sql.Conn) *conn { return &conn{c: c, stmts: map[string]*sql.Stmt{}} }

func (c *conn) stmt(ctx context.Context, q string) (*sql.Stmt, error) {
	if s, ok := c.stmts[q]; ok {
		return s, nil
	}
	s, err := c.c.PrepareContext(ctx, q)
	if err != nil {
		return nil, err
	}
	// Statements are the program's own text; the bound is against a caller
	// that builds them from lists.
	if len(c.stmts) >= 500 {
		for q, s := range c.stmts {
			s.Close()
			delete(c.stmts, q)
		}
	}
	c.stmts[q] = s
	return s, nil
}

func (c *conn) exec(ctx context.Context, q string, args []any) (sql.Result, error) {
	s, err := c.stmt(ctx, q)
	if err != nil {
		return nil, err
	}
	return s.ExecContext(ctx, args...)
}

func (c *conn) query(ctx context.Context, q string, args []any) (*sql.Rows, error) {
	s, err := c.stmt(ctx, q)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(ctx, args...)
}

func (c *conn) view(ctx context.Context, f func(*Tx) error) error {
	plain := context.WithoutCancel(ctx)
	if _, err := c.exec(plain, "BEGIN", nil); err != nil {
		return classify(fmt.Errorf("couldn't begin: %w", err))
	}
	defer c.exec(plain, "ROLLBACK", nil)
	tx := &Tx{ctx: ctx, engine: SQLite, q: c}
	if err := f(tx); err != nil {
		return err
	}
	tx.committed()
	return nil
}

func (c *conn) close() error {
	for _, s := range c.stmts {
		s.Close()
	}
	return c.c.Close()
}
