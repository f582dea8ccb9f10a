package db

import (
	"context"
	"database/sql"
	"fmt"
	"hash/fnv"
	"strings"
	"sync"
)

// Tx is a running transaction. Statements are written once for both engines:
// parameters ?1, ?2, … by number (SQLite binds "$1" by order of appearance),
// BIGINT for numbers and for times in milliseconds since 1970, TEXT and BLOB.
type Tx struct {
	ctx    context.Context
	engine Engine
	q      querier
	after  []func()
	broken bool
	before func() error // SQLite: sets the savepoint before the first write
}

type querier interface {
	exec(ctx context.Context, query string, args []any) (sql.Result, error)
	query(ctx context.Context, query string, args []any) (*sql.Rows, error)
}

// Scanner is one row of an answer.
type Scanner interface{ Scan(dest ...any) error }

// Context is the context the transaction runs under.
func (t *Tx) Context() context.Context { return t.ctx }

// Engine says which database this is.
func (t *Tx) Engine() Engine { return t.engine }

// Exec runs a statement and gives the number of rows it changed.
func (t *Tx) Exec(query string, args ...any) (int64, error) {
	if t.before != nil {
		if err := t.before(); err != nil {
			t.broken = true
			return 0, err
		}
		t.before = nil
	}
	res, err := t.q.exec(t.ctx, query, args)
	if err != nil {
		// PostgreSQL refuses everything after a failed statement; SQLite would
		// go on. Both must end the same way.
		t.broken = true
		return 0, classify(fmt.Errorf("%s: %w", head(query), err))
	}
	n, err := res.RowsAffected()
	if err != nil {
		return 0, fmt.Errorf("%s: %w", head(query), err)
	}
	return n, nil
}

// ExecOne is Exec that fails unless exactly one row changed.
func (t *Tx) ExecOne(query string, args ...any) error {
	n, err := t.Exec(query, args...)
	if err != nil {
		return err
	}
	if n != 1 {
		t.broken = true
		return fmt.Errorf("%s: changed %d rows instead of 1", head(query), n)
	}
	return nil
}

// Row scans the first row into dest; ErrNoRows when there is none.
func (t *Tx) Row(query string, args []any, dest ...any) error {
	rows, err := t.q.query(t.ctx, query, args)
	if err != nil {
		t.broken = true
		return classify(fmt.Errorf("%s: %w", head(query), err))
	}
	defer rows.Close()
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			t.broken = true
			return classify(fmt.Errorf("%s: %w", head(query), err))
		}
		return ErrNoRows
	}
	if err := rows.Scan(dest...); err != nil {
		return fmt.Errorf("%s: %w", head(query), err)
	}
	return rows.Close()
}

// Rows calls each for every row. each must not run statements of its own:
// collect first (PostgreSQL has one statement at a time per connection).
func (t *Tx) Rows(query string, args []any, each func(Scanner) error) error {
	rows, err := t.q.query(t.ctx, query, args)
	if err != nil {
		t.broken = true
		return classify(fmt.Errorf("%s: %w", head(query), err))
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		t.broken = true
		return classify(fmt.Errorf("%s: %w", head(query), err))
	}
	return nil
}

// Args is shorthand for the argument list of Row and Rows.
func Args(args ...any) []any { return args }

// Lock takes an exclusive lock on name until the transaction ends. Run it as a
// statement of its own before the SELECT it protects: in PostgreSQL each
// statement sees a new snapshot, and the lock's own would be the old one. In
// SQLite a writing transaction is alone already.
func (t *Tx) Lock(name string) error { return t.lock("pg_advisory_xact_lock", name) }

// LockShared takes a shared lock on name; see [Tx.Lock].
func (t *Tx) LockShared(name string) error { return t.lock("pg_advisory_xact_lock_shared", name) }

func (t *Tx) lock(function, name string) error {
	if t.engine != PostgreSQL {
		return nil
	}
	rows, err := t.q.query(t.ctx, "SELECT "+function+"(?1)", []any{lockKey(name)})
	if err != nil {
		t.broken = true
		return classify(fmt.Errorf("couldn't lock %s: %w", name, err))
	}
	for rows.Next() {
	}
	if err := rows.Err(); err != nil {
		t.broken = true
		return classify(fmt.Errorf("couldn't lock %s: %w", name, err))
	}
	return rows.Close()
}

func lockKey(name string) int64 {
	h := fnv.New64a()
	h.Write([]byte("postern " + name))
	return int64(h.Sum64())
}

// AfterCommit has f run once the transaction is durable, on the goroutine of
// the caller of Update; never when it is undone.
func (t *Tx) AfterCommit(f func()) { t.after = append(t.after, f) }

func (t *Tx) committed() {
	for _, f := range t.after {
		f()
	}
}

// head gives the first words of a statement for an error.
func head(query string) string {
	query = strings.Join(strings.Fields(query), " ")
	if len(query) > 60 {
		query = query[:60] + "…"
	}
	return query
}

type pgQuerier struct{ tx *sql.Tx }

func (p pgQuerier) exec(ctx context.Context, q string, args []any) (sql.Result, error) {
	return p.tx.ExecContext(ctx, numbered(q), args...)
}

func (p pgQuerier) query(ctx context.Context, q string, args []any) (*sql.Rows, error) {
	return p.tx.QueryContext(ctx, numbered(q), args...)
}

var numberedCache sync.Map // string -> string; the statements of the program, a few hundred

// numbered rewrites ?1 to $1 outside of quotes.
func numbered(q string) string {
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
	numberedCache.Store(q, b.String())
	return b.String()
}
