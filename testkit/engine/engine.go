// Package engine gives a test each database engine in turn.
//
// What it keeps: nothing that outlives the test: a temporary directory for
// SQLite; for PostgreSQL a database of its own, dropped at the end, and the
// planes' roles, which belong to the cluster and stay.
//
// Trust: it handles a superuser's address, so point it at a private cluster
// only (testkit/postgres starts one). It must never be linked into the binary.
package engine

import (
	"context"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/db/open"
)

// Env names the variable with the address of a PostgreSQL superuser. When it is
// unset, tests run on SQLite alone: `go test ./...` needs nothing installed.
const Env = "POSTERN_TEST_POSTGRES"

// Open gives a handle on a plane of the test's own databases. Calling it again
// for the same plane gives a second handle on the same data, as a restarted or
// a second process would have. Handles are closed when the test ends, and may
// be closed before.
type Open = func(p open.Plane) *db.Handle

// Each runs f as the sub-test "sqlite" and, where [Env] is set, as "postgres".
func Each(t *testing.T, f func(t *testing.T, open Open)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { f(t, SQLite(t)) })
	if admin := os.Getenv(Env); admin != "" {
		t.Run("postgres", func(t *testing.T) { f(t, PostgreSQL(t, admin)) })
	}
}

// EachBench is [Each] for benchmarks.
func EachBench(b *testing.B, f func(b *testing.B, open Open)) {
	b.Helper()
	b.Run("sqlite", func(b *testing.B) { f(b, SQLite(b)) })
	if admin := os.Getenv(Env); admin != "" {
		b.Run("postgres", func(b *testing.B) { f(b, PostgreSQL(b, admin)) })
	}
}

// SQLite keeps the planes in a temporary directory.
func SQLite(t testing.TB) Open {
	dir := t.TempDir()
	return func(p open.Plane) *db.Handle {
		t.Helper()
		h, err := open.SQLite(context.Background(), dir, p)
		return closed(t, h, err)
	}
}

// PostgreSQL keeps the planes in a fresh database of the cluster that admin, a
// superuser's address, reaches.
func PostgreSQL(t testing.TB, admin string) Open {
	t.Helper()
	database := "test_" + postern.NewID()
	statement(t, admin, "CREATE DATABASE "+database)
	t.Cleanup(func() { statement(t, admin, "DROP DATABASE "+database+" WITH (FORCE)") })
	u, err := url.Parse(admin)
	if err != nil {
		t.Fatalf("%s is no address: %v", Env, err)
	}
	u.Path = "/" + database
	// A private cluster trusts its socket. One that asks for passwords gets the
	// same ones from every test: the roles are the whole cluster's.
	passwords := map[open.Plane]string{}
	if _, asks := u.User.Password(); asks {
		for _, p := range open.Planes {
			passwords[p] = "test-" + string(p)
		}
	}
	if err := open.Provision(context.Background(), u.String(), passwords); err != nil {
		t.Fatal(err)
	}
	return func(p open.Plane) *db.Handle {
		t.Helper()
		h, err := open.PostgreSQL(context.Background(), As(u, p, passwords[p]), p, 16)
		return closed(t, h, err)
	}
}

// As gives the address of a plane's role in the database of u.
func As(u *url.URL, p open.Plane, password string) string {
	role := *u
	role.User = url.User(open.Schema(p))
	if password != "" {
		role.User = url.UserPassword(open.Schema(p), password)
	}
	q := role.Query()
	q.Del("user")
	q.Del("password")
	role.RawQuery = q.Encode()
	return role.String()
}

func closed(t testing.TB, h *db.Handle, err error) *db.Handle {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Errorf("couldn't close the database: %v", err)
		}
	})
	return h
}

func statement(t testing.TB, address, query string) {
	t.Helper()
	ctx := context.Background()
	c, err := pgx.Connect(ctx, address)
	if err != nil {
		t.Fatalf("couldn't reach the PostgreSQL of %s: %v", Env, err)
	}
	defer c.Close(ctx)
	if _, err := c.Exec(ctx, query); err != nil {
		t.Fatalf("%s: %v", strings.Fields(query)[0], err)
	}
}
