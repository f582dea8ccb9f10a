// Package bench measures a Postern on this machine: the gate's transaction, Desk
// and its reveals over HTTP, containment beside them, a large directory, mail in
// over SMTP, a mailbox listed over IMAP, a log of a million leaves. The figures of
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
	"strconv"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate/policy"
	"github.com/postern-mail/postern/node"
	"github.com/postern-mail/postern/password"
)

// Options choose what is measured.
type Options struct {
	// Postgres is a superuser's address; "" measures SQLite alone.
	Postgres string
	// Engines chooses where: "sqlite", "postgres"; none are all there are.
	Engines []string
	// For is how long each rate is measured; 0 means 3 s.
	For time.Duration
	// Only chooses what is measured: "gate", "reveal", "desk", "contain",
	// "directory", "mail", "notices", "ledger", "statement"; none are all.
	Only []string
	// Leaves is the size of the log that "ledger" and "statement" measure; 0 means 50,000.
	Leaves int
	// People is how many are told of an incident; 0 means 20,000.
	People int
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
	if o.People == 0 {
		o.People = 20_000
	}
	if o.Leaves == 0 {
		o.Leaves = 50_000
	}
	engines, err := o.engines()
	if err != nil {
		return err
	}
	for _, part := range []struct {
		names []string
		both  bool // measured on each engine
		run   func(context.Context, *node.Node, string, Options) error
	}{
		{[]string{"gate"}, true, gates},
		{[]string{"reveal", "desk", "contain"}, true, desks},
		{[]string{"directory"}, false, directory},
		{[]string{"mail"}, false, mails},
		{[]string{"notices"}, false, notices},
	} {
		if !slices.ContainsFunc(part.names, o.wants) {
			continue
		}
		for _, e := range engines {
			if e.address != "" && !part.both {
				continue
			}
			if err := withNode(ctx, e.address, func(n *node.Node) error { return part.run(ctx, n, e.name, o) }); err != nil {
				return fmt.Errorf("couldn't measure %s on %s: %w", strings.Join(part.names, ", "), e.name, err)
			}
		}
	}
	if o.wants("ledger") {
		for _, e := range engines {
			if err := ledgers(ctx, e.name, e.address, o); err != nil {
				return fmt.Errorf("couldn't measure the ledger on %s: %w", e.name, err)
			}
		}
	}
	if o.wants("statement") {
		for _, e := range engines {
			if err := statementPage(ctx, e.name, e.address, o); err != nil {
				return fmt.Errorf("couldn't measure the statement page on %s: %w", e.name, err)
			}
		}
	}
	return nil
}

// engine is where something is measured; address is a superuser's of PostgreSQL, "" SQLite's.
type engine struct{ name, address string }

func (o Options) engines() ([]engine, error) {
	chosen := o.Engines
	if len(chosen) == 0 {
		chosen = []string{"sqlite"}
		if o.Postgres != "" {
			chosen = append(chosen, "postgres")
		}
	}
	list := []engine{}
	for _, name := range chosen {
		switch {
		case name == "sqlite":
			list = append(list, engine{"SQLite", ""})
		case name == "postgres" && o.Postgres != "":
			list = append(list, engine{"PostgreSQL", o.Postgres})
		case name == "postgres":
			return nil, &postern.Error{Kind: postern.Invalid, Text: "PostgreSQL can't be measured without its address: write --postgres postgres://superuser@host:port/postgres"}
		default:
			return nil, &postern.Error{Kind: postern.Invalid, Text: "there is no engine " + strconv.Quote(name) + ": write sqlite or postgres"}
		}
	}
	return list, nil
}

func (o Options) wants(part string) bool { return len(o.Only) == 0 || slices.Contains(o.Only, part) }

// withNode serves a node in a directory of its own while f runs.
func withNode(ctx context.Context, postgres string, f func(*node.Node) error) error {
	return withNodeAt(ctx, postgres, node.Options{}, f)
}

// withNodeAt is withNode with a clock of the caller's.
func withNodeAt(ctx context.Context, postgres string, o node.Options, f func(*node.Node) error) (err error) {
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
	o.Cost, o.Policy = password.Cheap(), &policy
	n, err := node.Listen(ctx, cfg, o)
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
