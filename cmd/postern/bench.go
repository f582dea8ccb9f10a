package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/postern-mail/postern/node/bench"
)

type benchCmd struct {
	Postgres string        `help:"A superuser's postgres:// address: measures the gate there too, in a database of its own." placeholder:"URL"`
	Engine   []string      `help:"Measure on these alone: sqlite, postgres." placeholder:"ENGINE"`
	For      time.Duration `help:"How long each rate is measured." default:"3s"`
	Only     []string      `help:"Measure these alone: gate, reveal, desk, contain, directory, mail, notices, ledger, statement." placeholder:"PART"`
	Leaves   int           `help:"The size of the log that is measured." default:"50000"`
	People   int           `help:"How many are told of an incident." default:"20000"`
	JSON     bool          `name:"json" help:"Answer in JSON."`
}

func (benchCmd) Help() string {
	return "Example:\n\n  postern bench --postgres 'postgres://postgres@/postgres?host=/run/postgresql'\n\nWorks in a temporary directory with every fsync of a real Postern. Machines differ and are noisy: compare ratios, on one machine, in one run."
}

func (c *benchCmd) Run(ctx context.Context, o out) error {
	figures := []bench.Figure{}
	err := bench.Run(ctx, bench.Options{Postgres: c.Postgres, Engines: c.Engine, For: c.For, Only: c.Only, Leaves: c.Leaves, People: c.People, Each: func(f bench.Figure) {
		figures = append(figures, f)
		if c.JSON {
			return
		}
		fmt.Fprintf(o.Stdout, "%-64s %10.0f %s", f.Name, f.Value, f.Unit)
		if f.P50 > 0 {
			fmt.Fprintf(o.Stdout, ", p50 %.2f ms", f.P50)
		}
		if f.P95 > 0 {
			fmt.Fprintf(o.Stdout, ", p95 %.2f ms", f.P95)
		}
		if f.P99 > 0 {
			fmt.Fprintf(o.Stdout, ", p99 %.2f ms", f.P99)
		}
		if f.Bar != "" {
			fmt.Fprintf(o.Stdout, "   [%s]", f.Bar)
		}
		fmt.Fprintln(o.Stdout)
	}})
	if err != nil || !c.JSON {
		return err
	}
	return o.print(true, figures, func(io.Writer) {})
}
