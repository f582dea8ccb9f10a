package engine_test

import (
	"context"
	"testing"
	"testing/fstest"

	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/db/open"
	"github.com/postern-mail/postern/testkit/engine"
)

func TestEachGivesFreshPlanesThatSurviveAReopen(t *testing.T) {
	ctx := context.Background()
	tables := fstest.MapFS{"0001_first.sql": {Data: []byte("-- +goose Up\nCREATE TABLE engine_thing (n BIGINT PRIMARY KEY);\n")}}
	engine.Each(t, func(t *testing.T, opened engine.Open) {
		h := opened(open.Mail)
		if err := h.Migrate(ctx, "engine", tables); err != nil {
			t.Fatal(err)
		}
		err := h.Update(ctx, func(tx *db.Tx) error { return tx.ExecOne("INSERT INTO engine_thing VALUES (?1)", 7) })
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
		var n int
		err = opened(open.Mail).View(ctx, func(tx *db.Tx) error { return tx.Row("SELECT n FROM engine_thing", nil, &n) })
		if err != nil || n != 7 {
			t.Errorf("after a reopen: %d, %v", n, err)
		}
	})
}
