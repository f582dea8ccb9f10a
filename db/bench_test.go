package db_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/db/open"
	"github.com/postern-mail/postern/testkit/engine"
)

// The benchmark's tables have the shape of a reveal's: a session and a grant
// that are read, a budget that is counted, a record that is appended.
var benchTables = fstest.MapFS{"0001_bench.sql": {Data: []byte(`-- +goose Up
CREATE TABLE bench_session (id TEXT PRIMARY KEY, ended BIGINT);
CREATE TABLE bench_grant (id TEXT PRIMARY KEY, session_id TEXT NOT NULL, until BIGINT NOT NULL);
CREATE TABLE bench_budget (staff TEXT NOT NULL, hour BIGINT NOT NULL, n BIGINT NOT NULL, PRIMARY KEY (staff, hour));
CREATE TABLE bench_entry (seq SERIAL_KEY, id TEXT NOT NULL UNIQUE, grant_id TEXT NOT NULL, at BIGINT NOT NULL, record BLOB NOT NULL);
`)}}

// BenchmarkUpdate measures durable transactions of four statements.
func BenchmarkUpdate(b *testing.B) {
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			engine.EachBench(b, func(b *testing.B, opened engine.Open) { benchUpdate(b, opened(open.Staff), callers) })
		})
	}
}

func benchUpdate(b *testing.B, h *db.Handle, callers int) {
	ctx := context.Background()
	if err := h.Migrate(ctx, "bench", benchTables); err != nil {
		b.Fatal(err)
	}
	err := h.Update(ctx, func(tx *db.Tx) error {
		if err := tx.ExecOne("INSERT INTO bench_session (id) VALUES (?1)", "s"); err != nil {
			return err
		}
		return tx.ExecOne("INSERT INTO bench_grant VALUES (?1, ?2, ?3)", "g", "s", 1<<40)
	})
	if err != nil {
		b.Fatal(err)
	}
	record := make([]byte, 200)
	rand.Read(record)
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ReportAllocs()
	b.ResetTimer()
	var all sync.WaitGroup
	for c := range callers {
		staff := fmt.Sprint("staff ", c)
		all.Go(func() {
			for left.Add(-1) >= 0 {
				if err := h.Update(ctx, func(tx *db.Tx) error { return reveal(tx, staff, record) }); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tx/s")
}

func reveal(tx *db.Tx, staff string, record []byte) error {
	var ended *int64
	if err := tx.Row("SELECT ended FROM bench_session WHERE id = ?1", db.Args("s"), &ended); err != nil {
		return err
	}
	var until int64
	if err := tx.Row("SELECT until FROM bench_grant WHERE id = ?1 AND session_id = ?2", db.Args("g", "s"), &until); err != nil {
		return err
	}
	if err := tx.ExecOne("INSERT INTO bench_budget VALUES (?1, ?2, 1) ON CONFLICT (staff, hour) DO UPDATE SET n = bench_budget.n + 1 WHERE bench_budget.n < ?3",
		staff, 1, int64(1)<<40); err != nil {
		return err
	}
	return tx.ExecOne("INSERT INTO bench_entry (id, grant_id, at, record) VALUES (?1, ?2, ?3, ?4)", postern.NewID(), "g", 1, record)
}
