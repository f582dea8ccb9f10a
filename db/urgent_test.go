package db_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/db/open"
	"github.com/postern-mail/postern/testkit/engine"
)

// TestUrgentNeedsNoOrdinaryConnection holds every ordinary connection, and has
// urgent transactions run all the same.
func TestUrgentNeedsNoOrdinaryConnection(t *testing.T) {
	engine.Each(t, func(t *testing.T, opened engine.Open) {
		h := opened(open.Staff)
		if err := h.Migrate(ctx, "bench", benchTables); err != nil {
			t.Fatal(err)
		}
		ordinary := map[db.Engine]int{db.SQLite: 4, db.PostgreSQL: 16}[h.Engine()]
		release, held := make(chan struct{}), make(chan struct{}, ordinary)
		var all sync.WaitGroup
		defer all.Wait()
		defer close(release)
		for range ordinary {
			all.Go(func() {
				_ = h.View(ctx, func(*db.Tx) error { held <- struct{}{}; <-release; return nil })
			})
		}
		for range ordinary {
			<-held
		}
		bounded, cancel := context.WithTimeout(db.Urgent(ctx), 20*time.Second)
		defer cancel()
		if err := h.Update(bounded, func(tx *db.Tx) error {
			return tx.ExecOne("INSERT INTO bench_session (id) VALUES ('urgent')")
		}); err != nil {
			t.Errorf("an urgent write: %v", err)
		}
		var id string
		if err := h.View(bounded, func(tx *db.Tx) error { return tx.Row("SELECT id FROM bench_session", nil, &id) }); err != nil || id != "urgent" {
			t.Errorf("an urgent view: %q, %v", id, err)
		}
	})
}
