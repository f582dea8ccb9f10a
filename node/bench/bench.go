// Package bench measures a Postern on this machine: the gate's transaction, Desk
// and its reveals over HTTP, containment beside them, a large directory, mail in
// over SMTP, a mailbox listed over IMAP. The figures of
// docs/performance.md are made with it.
//
// What it keeps: nothing; it works in a temporary directory, with every fsync
// that a real Postern does.
//
// Trust: it signs invented people in with cheap passwords; it must never be
// pointed at a data directory that somebody uses.
package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/postern-mail/postern/gate/policy"
	"github.com/postern-mail/postern/node"
	"github.com/postern-mail/postern/password"
)

// Options choose what is measured.
type Options struct {
	// Postgres is a superuser's address; "" measures SQLite alone.
	Postgres string
	// For is how long each rate is measured; 0 means 3 s.
	For time.Duration
	// Each is told of a figure as soon as it is there.
	Each func(Figure)
}

// Figure is one measurement.
type Figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	P50   float64 `json:"p50_ms,omitempty"`
	P95   float64 `json:"p95_ms,omitempty"`
	P99   float64 `json:"p99_ms,omitempty"`
	Bar   string  `json:"bar,omitempty"` // what to reach, where somebody measured it before
}

// Run measures everything.
func Run(ctx context.Context, o Options) error {
	if o.For == 0 {
		o.For = 3 * time.Second
	}
	if err := withNode(ctx, "", func(n *node.Node) error { return gates(ctx, n, "SQLite", o) }); err != nil {
		return fmt.Errorf("couldn't measure the gate: %w", err)
	}
	if o.Postgres != "" {
		if err := withNode(ctx, o.Postgres, func(n *node.Node) error { return gates(ctx, n, "PostgreSQL", o) }); err != nil {
			return fmt.Errorf("couldn't measure the gate on PostgreSQL: %w", err)
		}
	}
	for _, engine := range []struct{ name, address string }{{"SQLite", ""}, {"PostgreSQL", o.Postgres}} {
		if engine.name == "PostgreSQL" && engine.address == "" {
			continue
		}
		if err := withNode(ctx, engine.address, func(n *node.Node) error { return desks(ctx, n, engine.name, o) }); err != nil {
			return fmt.Errorf("couldn't measure Desk on %s: %w", engine.name, err)
		}
	}
	if err := withNode(ctx, "", func(n *node.Node) error { return directory(ctx, n, o) }); err != nil {
		return fmt.Errorf("couldn't measure a large directory: %w", err)
	}
	if err := withNode(ctx, "", func(n *node.Node) error { return mails(ctx, n, o) }); err != nil {
		return fmt.Errorf("couldn't measure mail: %w", err)
	}
	return nil
}

// withNode serves a node in a directory of its own while f runs.
func withNode(ctx context.Context, postgres string, f func(*node.Node) error) (err error) {
	dir, err := os.MkdirTemp("", "postern-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	cfg := node.DefaultConfig()
	cfg.Data, cfg.Hostname, cfg.Domains, cfg.Mail.Outbound = filepath.Join(dir, "data"), "mx.bench.example", []string{"bench.example"}, "hold"
	off := false
	cfg.Mail.Check = &off
	for _, a := range []*string{&cfg.Listen.SMTP, &cfg.Listen.Submission, &cfg.Listen.IMAP, &cfg.Listen.Mail, &cfg.Listen.Desk, &cfg.Listen.Response, &cfg.Listen.View, &cfg.Listen.Ledger} {
		*a = "127.0.0.1:0"
	}
	if postgres != "" {
		drop, err := database(ctx, postgres, &cfg)
		if err != nil {
			return err
		}
		defer drop()
	}
	policy := policy.Standing() // no bound stops the measuring, and no proof that grows old
	n, err := node.Listen(ctx, cfg, node.Options{Cost: password.Cheap(), Policy: &policy})
	if err != nil {
		return err
	}
	serving, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- n.Serve(serving) }()
	err = f(n)
	stop()
	return errors.Join(err, <-ended, n.Close())
}

func percentile(all []time.Duration, p int) float64 {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return float64(all[len(all)*p/100].Microseconds()) / 1000
}
