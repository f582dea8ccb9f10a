package open

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Provision makes the planes' schemas and roles, each role with rights on its
// own schema and on nothing else. admin is the address of a superuser or of the
// database's owner with CREATEROLE; passwords holds one per plane.
func Provision(ctx context.Context, admin string, passwords map[Plane]string) error {
	// Roles belong to the whole cluster and advisory locks to one database, so
	// two databases that are set up at once can meet at a role.
	const tries = 20
	for try := 1; ; try++ {
		err := provision(ctx, admin, passwords)
		if err == nil || try == tries || !met(err) {
			return err
		}
	}
}

// met says that somebody else made or changed the same role in the same moment.
func met(err error) bool {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return false
	}
	const exists, unique, internal = "42710", "23505", "XX000" // PostgreSQL, appendix A
	return e.Code == exists || e.Code == unique || e.Code == internal && strings.Contains(e.Message, "concurrently")
}

func provision(ctx context.Context, admin string, passwords map[Plane]string) error {
	c, err := pgx.Connect(ctx, admin)
	if err != nil {
		return fmt.Errorf("couldn't reach PostgreSQL as its administrator: %w", err)
	}
	defer c.Close(context.WithoutCancel(ctx))
	var database string
	if err := c.QueryRow(ctx, "SELECT current_database()").Scan(&database); err != nil {
		return err
	}
	tx, err := c.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(context.WithoutCancel(ctx))
	for _, p := range Planes {
		role := Schema(p)
		q := pgx.Identifier{role}.Sanitize()
		var exists bool
		if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", role).Scan(&exists); err != nil {
			return err
		}
		statements := []string{}
		if !exists {
			statements = append(statements, "CREATE ROLE "+q+" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE")
		}
		if pw := passwords[p]; pw != "" {
			statements = append(statements, "ALTER ROLE "+q+" PASSWORD '"+strings.ReplaceAll(pw, "'", "''")+"'")
		}
		statements = append(statements,
			"CREATE SCHEMA IF NOT EXISTS "+q+" AUTHORIZATION "+q,
			"REVOKE ALL ON SCHEMA "+q+" FROM PUBLIC",
			"REVOKE ALL ON DATABASE "+pgx.Identifier{database}.Sanitize()+" FROM "+q,
			"GRANT CONNECT ON DATABASE "+pgx.Identifier{database}.Sanitize()+" TO "+q)
		for _, s := range statements {
			if _, err := tx.Exec(ctx, s); err != nil {
				return fmt.Errorf("couldn't set up the role of the %s plane: %w", p, err)
			}
		}
	}
	if _, err := tx.Exec(ctx, "REVOKE CREATE ON SCHEMA public FROM PUBLIC"); err != nil {
		return err
	}
	return tx.Commit(ctx)
}
