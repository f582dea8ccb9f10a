package dbtest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/postern-mail/postern/db"
)

func exits(t *testing.T, open func() *db.Handle) {
	h := migrated(t, open)
	done := make(chan struct{})
	go func() { // as t.FailNow does
		defer close(done)
		_ = h.Update(ctx, func(tx *db.Tx) error {
			if err := insert(tx, "a"); err != nil {
				return err
			}
			runtime.Goexit()
			return nil
		})
	}()
	waitFor(t, done, "the goroutine's end")
	if err := h.Update(ctx, func(tx *db.Tx) error { return insert(tx, "b") }); err != nil {
		t.Fatal(err)
	}
	expect(t, h, "b")
}

// neighbours has many callers at once, some of which fail after they wrote.
func neighbours(t *testing.T, open func() *db.Handle) {
	h := migrated(t, open)
	const callers, rounds = 16, 8
	mine := errors.New("mine")
	var group sync.WaitGroup
	for c := range callers {
		group.Go(func() {
			for r := range rounds {
				fails := (c+r)%3 == 0
				err := h.Update(ctx, func(tx *db.Tx) error {
					if err := insert(tx, fmt.Sprint(c, "/", r)); err != nil {
						return err
					}
					if fails {
						return mine
					}
					return nil
				})
				if fails != (err == mine) || !fails && err != nil {
					t.Errorf("caller %d round %d: %v", c, r, err)
				}
			}
		})
	}
	group.Wait()
	want := 0
	for i := range callers * rounds {
		if (i/rounds+i%rounds)%3 != 0 {
			want++
		}
	}
	if got := names(t, h); len(got) != want {
		t.Errorf("%d rows stand, want %d", len(got), want)
	}
}

func afterCommit(t *testing.T, open func() *db.Handle) {
	h := migrated(t, open)
	var ran []string
	err := h.Update(ctx, func(tx *db.Tx) error {
		tx.AfterCommit(func() { expect(t, h, "a"); ran = append(ran, "first") })
		tx.AfterCommit(func() { ran = append(ran, "second") })
		return insert(tx, "a")
	})
	if err != nil || len(ran) != 2 || ran[0] != "first" {
		t.Errorf("ran %q, %v", ran, err)
	}
	err = h.Update(ctx, func(tx *db.Tx) error {
		tx.AfterCommit(func() { t.Error("ran after an undone transaction") })
		return errors.New("no")
	})
	if err == nil {
		t.Error("no error")
	}
}

func views(t *testing.T, open func() *db.Handle) {
	h := migrated(t, open)
	err := h.View(ctx, func(tx *db.Tx) error { return insert(tx, "a") })
	if err == nil {
		t.Error("a view wrote")
	}
	err = h.View(ctx, func(tx *db.Tx) error {
		for range 2 {
			var n int
			if err := tx.Row("SELECT count(*) FROM dbtest_thing", nil, &n); err != nil {
				return err
			}
			if n != 0 {
				t.Errorf("the snapshot has %d rows", n)
			}
			if err := h.Update(ctx, func(tx *db.Tx) error {
				_, err := tx.Exec("INSERT INTO dbtest_thing (name) VALUES (?1) ON CONFLICT DO NOTHING", "a")
				return err
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, h, "a")
}

func insideRows(t *testing.T, open func() *db.Handle) {
	h := migrated(t, open)
	err := h.Update(ctx, func(tx *db.Tx) error {
		if err := insert(tx, "a"); err != nil {
			return err
		}
		return tx.Rows("SELECT name FROM dbtest_thing", nil, func(db.Scanner) error { return insert(tx, "b") })
	})
	if err == nil {
		t.Error("a statement inside Rows was run")
	}
	expect(t, h)
}

func afterEnd(t *testing.T, open func() *db.Handle) {
	h := migrated(t, open)
	var kept *db.Tx
	if err := h.Update(ctx, func(tx *db.Tx) error { kept = tx; return insert(tx, "a") }); err != nil {
		t.Fatal(err)
	}
	if err := insert(kept, "b"); err == nil {
		t.Error("a transaction was used after its end")
	}
	expect(t, h, "a")
}

// locked has callers read, and write one more than they read.
func locked(t *testing.T, open func() *db.Handle) {
	h := migrated(t, open)
	const callers, rounds = 8, 10
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			for range rounds {
				err := h.Update(ctx, func(tx *db.Tx) error {
					if err := tx.Lock("dbtest"); err != nil {
						return err
					}
					var n int64
					if err := tx.Row("SELECT n FROM dbtest_counter", nil, &n); err != nil {
						return err
					}
					return tx.ExecOne("UPDATE dbtest_counter SET n = ?1", n+1)
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	err := h.View(ctx, func(tx *db.Tx) error {
		var n int64
		var engine string
		err := tx.Row("SELECT n, engine FROM dbtest_counter", nil, &n, &engine)
		if n != callers*rounds || engine != string(h.Engine()) {
			t.Errorf("counted %d in %s", n, engine)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func migrateTwice(t *testing.T, open func() *db.Handle) {
	var group sync.WaitGroup
	for range 2 {
		h := open()
		group.Go(func() {
			if err := h.Migrate(ctx, "dbtest", tables); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	expect(t, migrated(t, open))
}

// oneLeader: in PostgreSQL the second waits for the first. SQLite's file is one
// process's, where every call leads.
func oneLeader(t *testing.T, open func() *db.Handle) {
	h := migrated(t, open)
	mine := errors.New("mine")
	if err := h.Lead(ctx, "dbtest", func(context.Context) error { return mine }); err != mine {
		t.Errorf("got %v", err)
	}
	leading, cancel := context.WithCancel(ctx)
	led := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = h.Lead(leading, "dbtest", func(ctx context.Context) error {
			close(led)
			<-ctx.Done()
			return ctx.Err()
		})
	}()
	waitFor(t, led, "the first to lead")
	second := make(chan struct{})
	go func() {
		defer close(second)
		err := open().Lead(ctx, "dbtest", func(context.Context) error {
			if h.Engine() == db.PostgreSQL && leading.Err() == nil {
				t.Error("two lead")
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}()
	if h.Engine() == db.SQLite {
		waitFor(t, second, "the second to lead")
	}
	cancel()
	waitFor(t, ended, "the first to end")
	waitFor(t, second, "the second to lead")
}
