// Package dbtest holds what every database engine behind a db.Handle must do.
//
// What it keeps: tables named dbtest_… in the database it is given.
//
// Trust: for tests only.
package dbtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/postern-mail/postern/db"
)

var tables = fstest.MapFS{
	"0001_tables.sql": {Data: []byte(`-- +goose Up
CREATE TABLE dbtest_thing (seq SERIAL_KEY, name TEXT NOT NULL UNIQUE, n BIGINT NOT NULL DEFAULT 0, body BLOB);
`)},
	"0002_counter.sqlite.sql":   {Data: []byte("-- +goose Up\nCREATE TABLE dbtest_counter (n BIGINT NOT NULL, engine TEXT NOT NULL);\nINSERT INTO dbtest_counter VALUES (0, 'sqlite');\n")},
	"0002_counter.postgres.sql": {Data: []byte("-- +goose Up\nCREATE TABLE dbtest_counter (n BIGINT NOT NULL, engine TEXT NOT NULL);\nINSERT INTO dbtest_counter VALUES (0, 'postgres');\n")},
}

// Run holds a handle to the package's promises. open gives a handle on a fresh
// database, and on later calls further handles on the same one.
func Run(t *testing.T, open func(t *testing.T) func() *db.Handle) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, func() *db.Handle)
	}{
		{"values come back as they went in", values},
		{"rows changed are counted", counted},
		{"an error undoes everything", undone},
		{"a statement that failed cannot be passed over", doomed},
		{"RETURNING is undone with the rest", returning},
		{"a panic undoes and passes through", panics},
		{"an exit of the goroutine undoes", exits},
		{"a neighbour's failure is its own", neighbours},
		{"after commit", afterCommit},
		{"a view writes nothing and sees one snapshot", views},
		{"no statement inside Rows", insideRows},
		{"no statement after the end", afterEnd},
		{"an ended context", endedContext},
		{"transactions run one after another under a lock", locked},
		{"migrations from two processes", migrateTwice},
		{"one leader", oneLeader},
		{"close", closed},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

var ctx = context.Background()

func migrated(t *testing.T, open func() *db.Handle) *db.Handle {
	t.Helper()
	h := open()
	if err := h.Migrate(ctx, "dbtest", tables); err != nil {
		t.Fatal(err)
	}
	return h
}

func insert(tx *db.Tx, name string) error {
	return tx.ExecOne("INSERT INTO dbtest_thing (name) VALUES (?1)", name)
}

// names lists the rows' names in the order of their numbers.
func names(t *testing.T, h *db.Handle) []string {
	t.Helper()
	var all []string
	err := h.View(ctx, func(tx *db.Tx) error {
		return tx.Rows("SELECT name FROM dbtest_thing ORDER BY seq", nil, func(r db.Scanner) error {
			var name string
			err := r.Scan(&name)
			all = append(all, name)
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func expect(t *testing.T, h *db.Handle, want ...string) {
	t.Helper()
	if got := names(t, h); !slices.Equal(got, want) {
		t.Errorf("rows %q, want %q", got, want)
	}
}

func values(t *testing.T, open func() *db.Handle) {
	h := migrated(t, open)
	body := []byte{0, 1, 255, '?', '1'}
	err := h.Update(ctx, func(tx *db.Tx) error {
		// By number, repeated and out of order.
		return tx.ExecOne("INSERT INTO dbtest_thing (body, n, name) VALUES (?3, ?2, ?1 || '?1é' || ?1)", "a", int64(-1)<<62, body)
	})
	if err != nil {
		t.Fatal(err)
	}
	err = h.View(ctx, func(tx *db.Tx) error {
		var name string
		var n int64
		var got []byte
		if err := tx.Row("SELECT name, n, body FROM dbtest_thing WHERE n = ?1", db.Args(int64(-1)<<62), &name, &n, &got); err != nil {
			return err
		}
		if name != "a?1éa" || n != -1<<62 || !slices.Equal(got, body) {
			t.Errorf("got %q %d %v", name, n, got)
		}
		var null *string
		if err := tx.Row("SELECT name FROM dbtest_thing WHERE n = 7", nil, &null); !errors.Is(err, db.ErrNoRows) {
			t.Errorf("no row: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func counted(t *testing.T, open func() *db.Handle) {
	h := migrated(t, open)
	err := h.Update(ctx, func(tx *db.Tx) error {
		for _, name := range []string{"a", "b", "c"} {
			if err := insert(tx, name); err != nil {
				return err
			}
		}
		n, err := tx.Exec("UPDATE dbtest_thing SET n = 1 WHERE name <> ?1", "a")
		if n != 2 {
			t.Errorf("changed %d rows, want 2", n)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	err = h.Update(ctx, func(tx *db.Tx) error { return tx.ExecOne("DELETE FROM dbtest_thing WHERE n = 1") })
	if err == nil {
		t.Error("ExecOne deleted two rows")
	}
	expect(t, h, "a", "b", "c")
	err = h.Update(ctx, func(tx *db.Tx) error { return insert(tx, "b") })
	if !db.IsUnique(err) {
		t.Errorf("a second %q: %v", "b", err)
	}
}

func undone(t *testing.T, open func() *db.Handle) {
	h := migrated(t, open)
	mine := errors.New("mine")
	err := h.Update(ctx, func(tx *db.Tx) error {
		if err := insert(tx, "a"); err != nil {
			return err
		}
		return mine
	})
	if err != mine {
		t.Errorf("got %v", err)
	}
	expect(t, h)
}

func doomed(t *testing.T, open func() *db.Handle) {
	h := migrated(t, open)
	err := h.Update(ctx, func(tx *db.Tx) error {
		if err := insert(tx, "a"); err != nil {
			return err
		}
		_ = insert(tx, "a")
		return nil
	})
	if !db.IsUnique(err) {
		t.Errorf("got %v", err)
	}
	expect(t, h)
}

func returning(t *testing.T, open func() *db.Handle) {
	h := migrated(t, open)
	var group sync.WaitGroup
	mine := errors.New("mine")
	for i := range 20 {
		group.Go(func() {
			err := h.Update(ctx, func(tx *db.Tx) error {
				var seq int64
				if err := tx.Row("INSERT INTO dbtest_thing (name) VALUES (?1) RETURNING seq", db.Args(fmt.Sprint(i)), &seq); err != nil {
					return err
				}
				if i%2 == 1 {
					return mine
				}
				return nil
			})
			if (i%2 == 1) != (err == mine) {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	group.Wait()
	if got := names(t, h); len(got) != 10 {
		t.Errorf("%d rows stand, want 10: %q", len(got), got)
	}
}

func panics(t *testing.T, open func() *db.Handle) {
	h := migrated(t, open)
	func() {
		defer func() {
			if got := recover(); got != "mine" {
				t.Errorf("recovered %v", got)
			}
		}()
		_ = h.Update(ctx, func(tx *db.Tx) error {
			if err := insert(tx, "a"); err != nil {
				return err
			}
			panic("mine")
		})
	}()
	if err := h.Update(ctx, func(tx *db.Tx) error { return insert(tx, "b") }); err != nil {
		t.Fatal(err)
	}
	expect(t, h, "b")
}

// closed is near the end because it ends the handle.
func closed(t *testing.T, open func() *db.Handle) {
	h := migrated(t, open)
	if err := h.Update(ctx, func(tx *db.Tx) error { return insert(tx, "a") }); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.Update(ctx, func(tx *db.Tx) error { return insert(tx, "b") }); err == nil {
		t.Error("a closed handle updated")
	}
	if err := h.View(ctx, func(tx *db.Tx) error { return nil }); err == nil {
		t.Error("a closed handle was viewed")
	}
	expect(t, open(), "a")
}

func endedContext(t *testing.T, open func() *db.Handle) {
	h := migrated(t, open)
	ended, cancel := context.WithCancel(ctx)
	err := h.Update(ended, func(tx *db.Tx) error {
		if err := insert(tx, "a"); err != nil {
			return err
		}
		cancel()
		return insert(tx, "b")
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a statement after the context's end: %v", err)
	}
	for _, run := range []func(context.Context, func(*db.Tx) error) error{h.Update, h.View} {
		err := run(ended, func(*db.Tx) error { t.Error("ran"); return nil })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
	expect(t, h)
}

func waitFor(t *testing.T, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(20 * time.Second):
		t.Fatalf("%s: not within 20 s", what)
	}
}
