package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
)

// Tx is a running transaction. Statements are written once for both engines:
// parameters ?1, ?2, … by number (SQLite binds "$1" by order of appearance),
// BIGINT for numbers and for times in milliseconds since 1970, TEXT and BLOB.
type Tx struct {
	caller  context.Context // its end fails the next statement
	ctx     context.Context // what statements run under
	engine  Engine
	q       querier
	after   []func()
	before  func() error // SQLite: runs before the first write, then nil
	reads   bool         // a View
	reading bool         // a Rows is running
	over    bool         // its closure has returned
	failed  error        // the first failed statement
}

type querier interface {
	exec(ctx context.Context, query string, args []any) (sql.Result, error)
	query(ctx context.Context, query string, args []any) (*sql.Rows, error)
}

// Scanner is one row of an answer.
type Scanner interface{ Scan(dest ...any) error }

// Context is the context the transaction runs under.
func (t *Tx) Context() context.Context { return t.caller }

// Engine says which database this is.
func (t *Tx) Engine() Engine { return t.engine }

// Exec runs a statement and gives the number of rows it changed.
func (t *Tx) Exec(query string, args ...any) (int64, error) {
	if err := t.ready(query); err != nil {
		return 0, err
	}
	res, err := t.q.exec(t.ctx, query, args)
	if err != nil {
		return 0, t.fail(query, err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return 0, t.fail(query, err)
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
		return t.fail(query, fmt.Errorf("changed %d rows instead of 1", n))
	}
	return nil
}

// Row scans the first row into dest; ErrNoRows when there is none.
func (t *Tx) Row(query string, args []any, dest ...any) error {
	if err := t.ready(query); err != nil {
		return err
	}
	rows, err := t.q.query(t.ctx, query, args)
	if err != nil {
		return t.fail(query, err)
	}
	defer rows.Close()
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return t.fail(query, err)
		}
		return ErrNoRows
	}
	if err := rows.Scan(dest...); err != nil {
		return fmt.Errorf("%s: %w", head(query), err)
	}
	if err := rows.Close(); err != nil {
		return t.fail(query, err)
	}
	return nil
}

// Rows calls each for every row; an error of each ends it and is returned as it
// is. each must not run statements of its own: collect first (PostgreSQL has
// one statement at a time per connection).
func (t *Tx) Rows(query string, args []any, each func(Scanner) error) error {
	if err := t.ready(query); err != nil {
		return err
	}
	rows, err := t.q.query(t.ctx, query, args)
	if err != nil {
		return t.fail(query, err)
	}
	t.reading = true
	defer func() {
		t.reading = false
		rows.Close()
	}()
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return t.fail(query, err)
	}
	return nil
}

// ready refuses what one of the engines would refuse, or would wrongly allow.
func (t *Tx) ready(query string) error {
	switch {
	case t.over:
		return fmt.Errorf("%s: the transaction is over", head(query))
	case t.reading:
		return t.fail(query, errors.New("a statement inside Rows: collect the rows first"))
	}
	if err := t.caller.Err(); err != nil {
		return t.fail(query, err)
	}
	if reads(query) {
		return nil
	}
	if t.reads {
		return t.fail(query, errors.New("a write inside View"))
	}
	if t.before != nil {
		if err := t.before(); err != nil {
			return t.fail(query, err)
		}
		t.before = nil
	}
	return nil
}

// reads says that a statement surely writes nothing.
func reads(query string) bool {
	query = strings.TrimLeft(query, " \t\r\n")
	return len(query) >= 6 && strings.EqualFold(query[:6], "SELECT")
}

// fail gives err its statement and dooms the transaction: PostgreSQL refuses
// everything after a failed statement and SQLite would go on; both must end the
// same way.
func (t *Tx) fail(query string, err error) error {
	err = classify(fmt.Errorf("%s: %w", head(query), err))
	if t.failed == nil {
		t.failed = err
	}
	return err
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
	_, err := t.Exec("SELECT "+function+"(?1)", lockKey(name))
	return err
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
