// Package open opens the planes' databases. Only node may import it, so that no
// other room can reach a plane that was not handed to it.
//
// What it keeps: for SQLite one file per plane ("mail.db", "staff.db",
// "response.db") in the data directory; for PostgreSQL one schema and one role
// per plane ("postern_mail", …).
//
// Trust: it handles the databases' passwords and must never write them to a log
// or an error.
package open

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

// Plane names a plane's data: its SQLite file, or its schema and role.
type Plane string

// The three planes (DESIGN.md, 2).
const (
	Mail     Plane = "mail"
	Staff    Plane = "staff"
	Response Plane = "response"
)

// Planes lists them.
var Planes = []Plane{Mail, Staff, Response}

// readers bounds SQLite's reading connections; each has a page cache of its own.
const readers = 4

// SQLite opens, and makes if need be, the plane's file in dir.
func SQLite(ctx context.Context, dir string, p Plane) (*db.Handle, error) {
	file := filepath.Join(dir, string(p)+".db")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("couldn't make the data directory: %w", err)
	}
	// The driver makes files 0644; mail is nobody else's.
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("couldn't open %s: %w", file, err)
	}
	f.Close()
	pragmas := url.Values{"_pragma": {
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)",
		"foreign_keys(1)", "secure_delete(1)", "temp_store(MEMORY)", "cache_size(-16000)", "trusted_schema(0)",
	}}
	write, err := sql.Open("sqlite", "file:"+escape(file)+"?_txlock=immediate&"+pragmas.Encode())
	if err != nil {
		return nil, fmt.Errorf("couldn't open %s: %w", file, err)
	}
	pragmas.Add("_pragma", "query_only(1)")
	read, err := sql.Open("sqlite", "file:"+escape(file)+"?"+pragmas.Encode())
	if err != nil {
		return nil, fmt.Errorf("couldn't open %s: %w", file, err)
	}
	h, err := db.NewSQLite(ctx, write, read, readers)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("couldn't open %s: %w", file, err), write.Close(), read.Close())
	}
	return h, nil
}

func escape(file string) string {
	return strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(file)
}

// reserved is how many connections the staff plane keeps for [db.Urgent].
const reserved = 2

// PostgreSQL connects as the plane's role; address is a postgres:// URL that
// already names that role, and its search path is the plane's schema alone. The
// staff plane has two connections beside the most that are given.
func PostgreSQL(ctx context.Context, address string, p Plane, most int) (*db.Handle, error) {
	cfg, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, errors.New("the PostgreSQL address cannot be read: write postgres://role:password@host:port/database")
	}
	cfg.RuntimeParams["search_path"] = Schema(p)
	cfg.RuntimeParams["application_name"] = "postern " + string(p)
	pool := stdlib.OpenDB(*cfg)
	pool.SetMaxOpenConns(most)
	pool.SetMaxIdleConns(most)
	if err := pool.PingContext(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("couldn't reach PostgreSQL for the %s plane: %w", p, err)
	}
	if err := alone(ctx, pool, p); err != nil {
		pool.Close()
		return nil, err
	}
	if p != Staff { // access ends in that plane alone
		return db.NewPostgreSQL(pool, nil), nil
	}
	reserve := stdlib.OpenDB(*cfg)
	reserve.SetMaxOpenConns(reserved)
	reserve.SetMaxIdleConns(reserved)
	return db.NewPostgreSQL(pool, reserve), nil
}

// alone refuses a role that may look into another plane's schema: it would undo
// the fourth lock between staff and mail.
func alone(ctx context.Context, pool *sql.DB, p Plane) error {
	for _, other := range Planes {
		if other == p {
			continue
		}
		var may bool
		err := pool.QueryRowContext(ctx, "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1 AND has_schema_privilege(oid, 'USAGE'))", Schema(other)).Scan(&may)
		if err != nil {
			return fmt.Errorf("couldn't read the rights of the %s plane's role: %w", p, err)
		}
		if may {
			return &postern.Error{Kind: postern.Denied, Text: fmt.Sprintf("the %s plane's role may use the %s plane's schema: give each plane a role of its own, without superuser", p, other)}
		}
	}
	return nil
}

// Schema is the schema, and by default the role, of a plane.
func Schema(p Plane) string { return "postern_" + string(p) }
