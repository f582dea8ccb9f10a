package db

import (
	"context"
	"database/sql"
	"fmt"
)

// conn is one SQLite connection with its prepared statements.
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

// view runs f on one snapshot.
func (c *conn) view(ctx context.Context, f func(*Tx) error) error {
	if _, err := c.exec(background, "BEGIN", nil); err != nil {
		return classify(fmt.Errorf("couldn't begin: %w", err))
	}
	defer c.exec(background, "ROLLBACK", nil)
	tx := &Tx{caller: ctx, ctx: ctx, engine: SQLite, q: c, reads: true}
	if err := guard(tx, f); err != nil {
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
