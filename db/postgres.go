package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
)

// once runs f in one PostgreSQL transaction.
func (h *Handle) once(ctx context.Context, opt *sql.TxOptions, f func(*Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	pool := h.pool
	if h.reserve != nil && urgent(ctx) {
		pool = h.reserve
	}
	// A caller that goes away ends its statements but not a commit that is
	// under way: nobody would know whether it had happened.
	raw, err := pool.BeginTx(context.WithoutCancel(ctx), opt)
	if err != nil {
		return classify(fmt.Errorf("couldn't begin: %w", err))
	}
	ended := false
	defer func() {
		if !ended { // f failed, panicked, or left its goroutine
			_ = raw.Rollback()
		}
	}()
	tx := &Tx{caller: ctx, ctx: ctx, engine: PostgreSQL, q: pgQuerier{raw}, reads: opt.ReadOnly}
	if err := guard(tx, f); err != nil {
		return err
	}
	ended = true
	if err := raw.Commit(); err != nil {
		return classify(fmt.Errorf("couldn't commit: %w", err))
	}
	tx.committed()
	return nil
}

type pgQuerier struct{ tx *sql.Tx }

func (p pgQuerier) exec(ctx context.Context, q string, args []any) (sql.Result, error) {
	return p.tx.ExecContext(ctx, numbered(q), args...)
}

func (p pgQuerier) query(ctx context.Context, q string, args []any) (*sql.Rows, error) {
	return p.tx.QueryContext(ctx, numbered(q), args...)
}

// numberedCache holds the program's statements, a few hundred; those that a
// caller builds from lists are not kept beyond numberedMost.
var (
	numberedCache sync.Map // string -> string
	numberedCount atomic.Int64
)

const numberedMost = 2000

// numbered rewrites ?1 to $1 outside of quotes.
func numbered(q string) string {
	if !strings.Contains(q, "?") {
		return q
	}
	if s, ok := numberedCache.Load(q); ok {
		return s.(string)
	}
	var b strings.Builder
	quoted := false
	for i := 0; i < len(q); i++ {
		switch c := q[i]; {
		case c == '\'':
			quoted = !quoted
			b.WriteByte(c)
		case c == '?' && !quoted && i+1 < len(q) && q[i+1] >= '1' && q[i+1] <= '9':
			b.WriteByte('$')
		default:
			b.WriteByte(c)
		}
	}
	if numberedCount.Add(1) <= numberedMost {
		numberedCache.Store(q, b.String())
	}
	return b.String()
}

// sessionLock holds a PostgreSQL advisory lock on a connection of its own.
type sessionLock struct {
	c   *sql.Conn
	key int64
}

// lockSession waits for the lock; with try it gives nil when another has it.
func lockSession(ctx context.Context, pool *sql.DB, name string, try bool) (*sessionLock, error) {
	c, err := pool.Conn(ctx)
	if err != nil {
		return nil, classify(fmt.Errorf("couldn't connect: %w", err))
	}
	l := &sessionLock{c: c, key: lockKey(name)}
	got := true
	if try {
		err = c.QueryRowContext(ctx, "SELECT pg_try_advisory_lock($1)", l.key).Scan(&got)
	} else {
		_, err = c.ExecContext(ctx, "SELECT pg_advisory_lock($1)", l.key)
	}
	if err != nil {
		l.drop()
		return nil, classify(fmt.Errorf("couldn't lock %s: %w", name, err))
	}
	if !got {
		return nil, c.Close()
	}
	return l, nil
}

func (l *sessionLock) unlock(ctx context.Context) {
	if _, err := l.c.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", l.key); err != nil {
		l.drop()
		return
	}
	l.c.Close()
}

// drop ends the connection rather than give it back to the pool, where it
// could hold the lock for as long as the process lives.
func (l *sessionLock) drop() {
	_ = l.c.Raw(func(any) error { return driver.ErrBadConn })
	l.c.Close()
}
