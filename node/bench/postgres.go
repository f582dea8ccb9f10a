package bench

import (
	"context"
	"fmt"
	"net/url"

	"github.com/jackc/pgx/v5"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db/open"
	"github.com/postern-mail/postern/node"
)

// database makes a database with the planes' roles in the cluster that admin, a
// superuser's address, reaches, and puts it into the config.
func database(ctx context.Context, admin string, cfg *node.Config) (drop func(), err error) {
	u, err := url.Parse(admin)
	if err != nil {
		return nil, &postern.Error{Kind: postern.Invalid, Text: "the PostgreSQL address can't be read: write postgres://superuser@host:port/postgres"}
	}
	name := "postern_bench_" + postern.NewID()[:12]
	run := func(q string) error {
		c, err := pgx.Connect(ctx, admin)
		if err != nil {
			return fmt.Errorf("couldn't reach PostgreSQL: %w", err)
		}
		defer c.Close(context.WithoutCancel(ctx))
		_, err = c.Exec(ctx, q)
		return err
	}
	if err := run("CREATE DATABASE " + name); err != nil {
		return nil, err
	}
	drop = func() { _ = run("DROP DATABASE " + name + " WITH (FORCE)") }
	u.Path = "/" + name
	passwords := map[open.Plane]string{}
	for _, p := range open.Planes {
		passwords[p] = "test-" + string(p) // the same as the tests': roles belong to the cluster
	}
	if err := open.Provision(ctx, u.String(), passwords); err != nil {
		drop()
		return nil, err
	}
	as := func(p open.Plane) string {
		role := *u
		role.User = url.UserPassword(open.Schema(p), passwords[p])
		q := role.Query()
		q.Del("user")
		role.RawQuery = q.Encode()
		return role.String()
	}
	cfg.Database = node.DatabaseConfig{Engine: "postgres", Mail: as(open.Mail), Staff: as(open.Staff), Response: as(open.Response), Connections: 40}
	return drop, nil
}
