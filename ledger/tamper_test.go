package ledger_test

import (
	"context"
	"errors"
	"testing"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/testkit/engine"
)

// Whoever holds the database can drop the triggers and write what they like.
// Start-up or the audit must notice. Each case is undone after it.
func TestAlteredTablesAreNoticed(t *testing.T) {
	other, err := ledger.NewKeys(origin)
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name    string
		startup bool // already Open refuses
		sql     string
		args    []any
	}{
		{"leaf changed", true, `UPDATE ledger_leaf SET data = (SELECT data FROM ledger_leaf WHERE idx = 2) WHERE idx = 1`, nil},
		{"leaf deleted", true, `DELETE FROM ledger_leaf WHERE idx = 4`, nil},
		{"last leaf deleted", true, `DELETE FROM ledger_leaf WHERE idx = (SELECT MAX(idx) FROM ledger_leaf)`, nil},
		{"head moved back", true, `UPDATE ledger_head SET size = size - 1`, nil},
		{"tile altered", true, `UPDATE ledger_tile SET data = (SELECT note FROM ledger_checkpoint LIMIT 1) WHERE level = 0`, nil},
		{"tile deleted", true, `DELETE FROM ledger_tile`, nil},
		{"tile invented", true, `INSERT INTO ledger_tile (level, n, data) SELECT 3, 0, data FROM ledger_tile`, nil},
		{"checkpoint overwritten", true, `UPDATE ledger_checkpoint SET note = ?1`, []any{[]byte(other.LogPublic)}},
		{"older checkpoint overwritten", false, `UPDATE ledger_checkpoint SET note = ?1 WHERE size = (SELECT MIN(size) FROM ledger_checkpoint)`, []any{[]byte(other.LogPublic)}},
		{"row's account changed", false, `UPDATE ledger_entry SET account = (SELECT account FROM ledger_entry WHERE seq = 2) WHERE seq = 1`, nil},
		{"row's staff changed", false, `UPDATE ledger_entry SET staff_id = ?1 WHERE seq = 1`, []any{postern.NewID()}},
		{"row's session changed", false, `UPDATE ledger_entry SET session_id = ?1 WHERE seq = 1`, []any{postern.NewID()}},
		{"row's time changed", false, `UPDATE ledger_entry SET at = at + 1 WHERE seq = 1`, nil},
		{"row's tier lowered", false, `UPDATE ledger_entry SET tier = 1 WHERE seq = 1`, nil},
		{"row's record exchanged", false, `UPDATE ledger_entry SET record_ct = (SELECT record_ct FROM ledger_entry WHERE seq = 2) WHERE seq = 1`, nil},
		{"row's commitment changed", false, `UPDATE ledger_entry SET commitment = (SELECT commitment FROM ledger_entry WHERE seq = 2) WHERE seq = 1`, nil},
		{"row deleted", false, `DELETE FROM ledger_entry WHERE seq = 3`, nil},
		{"row taken back to waiting", false, `UPDATE ledger_entry SET idx = NULL WHERE seq = 3`, nil},
		{"row moved to a leaf of nobody", false, `UPDATE ledger_entry SET idx = 0 WHERE seq = 3`, nil},
		{"number changed", false, `UPDATE ledger_stream SET n = 7 WHERE idx = 1`, nil},
		{"number lost", false, `DELETE FROM ledger_stream WHERE idx = 1`, nil},
		{"control's kind changed", false, `UPDATE ledger_entry SET kind = 4 WHERE type = 4`, nil},
	}
	engine.Each(t, func(t *testing.T, handle engine.Open) {
		w := newHouse(t, handle)
		for range 2 { // entries 1 and 2 get the leaves 1 and 2, in some order
			w.disclose(w.disclosure(account(), postern.TierContent))
		}
		w.sequence()
		w.disclose(w.disclosure(account(), postern.TierContent))
		w.control(verify.ControlContain)
		w.sequence()
		disarm(t, w.h)
		undo := errors.New("undo")
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				err := w.h.Update(context.Background(), func(tx *db.Tx) error {
					if n, err := tx.Exec(c.sql, c.args...); err != nil || n == 0 {
						t.Fatal(n, err)
					}
					startup, audit := w.l.StartupCheck(tx), w.l.Audit(tx)
					if c.startup != (startup != nil) {
						t.Errorf("start-up says %v", startup)
					}
					if postern.KeyOf(audit) != "ledger.altered" {
						t.Errorf("the audit says %v", audit)
					}
					return undo
				})
				if !errors.Is(err, undo) {
					t.Error(err)
				}
			})
		}
		w.verify()
	})
}

func disarm(t *testing.T, h *db.Handle) {
	t.Helper()
	err := h.Update(context.Background(), func(tx *db.Tx) error {
		if tx.Engine() == db.PostgreSQL {
			for _, table := range []string{"ledger_entry", "ledger_leaf", "ledger_checkpoint"} {
				if _, err := tx.Exec(`ALTER TABLE ` + table + ` DISABLE TRIGGER USER`); err != nil {
					return err
				}
			}
			return nil
		}
		var names []string
		err := tx.Rows(`SELECT name FROM sqlite_schema WHERE type = 'trigger' AND name LIKE 'ledger_%'`, nil, func(s db.Scanner) error {
			var name string
			err := s.Scan(&name)
			names = append(names, name)
			return err
		})
		if err != nil {
			return err
		}
		for _, name := range names {
			if _, err := tx.Exec(`DROP TRIGGER ` + name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The log is append-only for whoever has only the program's rights.
func TestTriggersRefuse(t *testing.T) {
	engine.Each(t, func(t *testing.T, handle engine.Open) {
		w := newHouse(t, handle)
		w.disclose(w.disclosure(account(), postern.TierContent))
		w.sequence()
		for _, q := range []string{`DELETE FROM ledger_leaf`, `UPDATE ledger_leaf SET idx = idx + 1000`, `DELETE FROM ledger_checkpoint`,
			`UPDATE ledger_checkpoint SET at = 0`, `UPDATE ledger_entry SET idx = NULL`, `UPDATE ledger_entry SET idx = idx + 1`, `DELETE FROM ledger_entry`} {
			err := w.h.Update(context.Background(), func(tx *db.Tx) error { _, err := tx.Exec(q); return err })
			if err == nil {
				t.Errorf("%s was allowed", q)
			}
		}
		if w.h.Engine() == db.SQLite { // PostgreSQL has no such words
			for _, table := range []string{"ledger_entry", "ledger_leaf", "ledger_checkpoint"} {
				q := `INSERT OR REPLACE INTO ` + table + ` SELECT * FROM ` + table
				err := w.h.Update(context.Background(), func(tx *db.Tx) error { _, err := tx.Exec(q); return err })
				if err == nil {
					t.Errorf("%s was allowed", q)
				}
			}
		}
		w.verify()
	})
}

// Keys that are not this ledger's are refused at the door.
func TestForeignKeysAreRefused(t *testing.T) {
	engine.Each(t, func(t *testing.T, handle engine.Open) {
		w := newHouse(t, handle)
		w.disclose(w.disclosure(account(), postern.TierContent))
		w.sequence()
		other, err := ledger.NewKeys(origin)
		if err != nil {
			t.Fatal(err)
		}
		for name, bend := range map[string]func(*ledger.Parts){
			"log key":        func(p *ledger.Parts) { p.Keys.Log, p.Keys.LogPublic = other.Log, other.LogPublic },
			"public log key": func(p *ledger.Parts) { p.Keys.LogPublic = other.LogPublic },
			"VRF key":        func(p *ledger.Parts) { p.Keys.VRF = other.VRF },
			"origin":         func(p *ledger.Parts) { p.Origin = "elsewhere.example" },
			"node":           func(p *ledger.Parts) { p.Node = "a name that no record has room for" },
		} {
			p := w.parts
			bend(&p)
			if _, err := ledger.Open(context.Background(), p); err == nil {
				t.Errorf("another %s was taken", name)
			}
		}
	})
}
