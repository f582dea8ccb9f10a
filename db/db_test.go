package db_test

import (
	"context"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/db/dbtest"
	"github.com/postern-mail/postern/db/open"
	"github.com/postern-mail/postern/testkit/engine"
)

var ctx = context.Background()

func TestSQLite(t *testing.T) {
	dbtest.Run(t, func(t *testing.T) func() *db.Handle {
		opened := engine.SQLite(t)
		return func() *db.Handle { return opened(open.Staff) }
	})
}

// postgres runs f where a cluster is at hand.
func postgres(t *testing.T, f func(t *testing.T, admin string)) {
	if admin := os.Getenv(engine.Env); admin != "" {
		t.Run("postgres", func(t *testing.T) { f(t, admin) })
	}
}

func TestPostgreSQL(t *testing.T) {
	postgres(t, func(t *testing.T, admin string) {
		dbtest.Run(t, func(t *testing.T) func() *db.Handle {
			opened := engine.PostgreSQL(t, admin)
			return func() *db.Handle { return opened(open.Staff) }
		})
	})
}

// The fourth lock between staff and mail (DESIGN.md, 2).
func TestTheStaffRoleCannotReadMail(t *testing.T) {
	postgres(t, func(t *testing.T, admin string) {
		opened := engine.PostgreSQL(t, admin)
		mail, staff := opened(open.Mail), opened(open.Staff)
		if err := mail.Migrate(ctx, "bench", benchTables); err != nil {
			t.Fatal(err)
		}
		for _, q := range []string{
			"SELECT count(*) FROM postern_mail.bench_session",
			"INSERT INTO postern_mail.bench_session (id) VALUES ('x')",
			"CREATE TABLE postern_mail.mine (n BIGINT)",
			"SET ROLE postern_mail",
			"GRANT USAGE ON SCHEMA postern_mail TO postern_staff",
			"CREATE TABLE public.mine (n BIGINT)",
		} {
			err := staff.Update(ctx, func(tx *db.Tx) error { _, err := tx.Exec(q); return err })
			if !db.IsDenied(err) {
				t.Errorf("%s: %v", q, err)
			}
		}
	})
}

// A leader whose connection is ended learns of it, and leads again.
func TestALostLeadIsNoticed(t *testing.T) {
	postgres(t, func(t *testing.T, admin string) {
		opened := engine.PostgreSQL(t, admin)
		h := opened(open.Staff)
		other := opened(open.Staff)
		times := 0
		err := h.Lead(ctx, "test", func(led context.Context) error {
			if times++; times == 2 {
				return nil
			}
			err := other.Update(ctx, func(tx *db.Tx) error {
				var n int
				return tx.Row(`SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()
					AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`, nil, &n)
			})
			if err != nil {
				return err
			}
			<-led.Done()
			return led.Err()
		})
		if err != nil || times != 2 {
			t.Errorf("led %d times: %v", times, err)
		}
	})
}

func TestUpdateInsideUpdateFails(t *testing.T) {
	h := engine.SQLite(t)(open.Mail)
	err := h.Update(ctx, func(*db.Tx) error {
		return h.Update(ctx, func(*db.Tx) error { t.Error("ran"); return nil })
	})
	if err == nil || !strings.Contains(err.Error(), "inside Update") {
		t.Errorf("got %v", err)
	}
	if err := h.Update(ctx, func(*db.Tx) error { return nil }); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestAFullDiskLosesNothingAcknowledged(t *testing.T) {
	h := engine.SQLite(t)(open.Mail)
	if err := h.Migrate(ctx, "bench", benchTables); err != nil {
		t.Fatal(err)
	}
	room := func(pages int) {
		t.Helper()
		err := h.Update(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec("PRAGMA max_page_count = " + map[bool]string{true: "40", false: "100000"}[pages == 40])
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	count := func() (n int) {
		t.Helper()
		if err := h.View(ctx, func(tx *db.Tx) error { return tx.Row("SELECT count(*) FROM bench_entry", nil, &n) }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	put := func() error {
		return h.Update(ctx, func(tx *db.Tx) error {
			return tx.ExecOne("INSERT INTO bench_entry (id, grant_id, at, record) VALUES (?1, ?2, ?3, ?4)", postern.NewID(), "g", 1, make([]byte, 5000))
		})
	}
	room(40)
	acknowledged := 0
	var err error
	for err == nil {
		if err = put(); err == nil {
			acknowledged++
		}
	}
	if postern.KindOf(err) != postern.Unavailable || postern.KeyOf(err) != "error.disk-full" {
		t.Errorf("a full disk says %v", err)
	}
	if got := count(); got != acknowledged || acknowledged == 0 {
		t.Errorf("%d rows stand of %d acknowledged", got, acknowledged)
	}
	room(100000)
	if err := put(); err != nil {
		t.Fatalf("with space again: %v", err)
	}
	if got := count(); got != acknowledged+1 {
		t.Errorf("%d rows, want %d", got, acknowledged+1)
	}
}

func TestAddressesWithPasswordsStayOutOfErrors(t *testing.T) {
	for _, address := range []string{"postgres://role:hush@127.0.0.1:1/x?connect_timeout=1", "postgres://role:hush@[bad"} {
		_, err := open.PostgreSQL(ctx, address, open.Mail, 2)
		if err == nil {
			t.Fatal("connected")
		}
		if strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), url.QueryEscape("hush")) {
			t.Errorf("the password is in %v", err)
		}
	}
}
