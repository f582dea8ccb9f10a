package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/node"
)

type statementCmd struct {
	configFlag
	Address string `arg:"" help:"The customer's address; of a person who was erased, the identifier that postern account erase printed."`
	Since   string `help:"The window's first moment; without one, as far back as can be proved." placeholder:"TIME"`
	Until   string `help:"Its end, at least an hour ago; without one, the latest that can be proved." placeholder:"TIME"`
	Tier    string `help:"How deep an access counts: account, trace, envelope, content or attachment, and what is deeper." default:"envelope"`
	Out     string `help:"Where the file goes; - for standard output." default:"statement.proof" placeholder:"FILE"`
	Force   bool   `help:"Overwrite the file."`
}

func (statementCmd) Help() string {
	return `Example:

  postern statement ana@example.org --since 2026-01-01 --until 2026-04-01 --tier content

Writes a file that the customer can check without us: postern verify non-access statement.proof --policy policy.txt
(docs/statements.md). Where there was access, the file opens the records of exactly those accesses: it is for the customer alone.
Exit status: 0 nobody looked, 1 somebody did, 2 no statement could be made.`
}

func (c *statementCmd) Run(ctx context.Context, o out) error {
	cfg, err := node.LoadConfig(c.Config)
	if err != nil {
		return err
	}
	in := node.StatementIn{Address: c.Address, Tier: c.Tier}
	if in.From, err = instant(c.Since); err != nil {
		return err
	}
	if in.Until, err = instant(c.Until); err != nil {
		return err
	}
	var s node.StatementOut
	if err := node.Call(ctx, cfg, "statement", in, &s, nil); err != nil {
		return unable{err}
	}
	if err := c.write(o, s.File); err != nil {
		return unable{err}
	}
	to := o
	if c.Out == "-" {
		to.Stdout = o.Stderr // the file has standard output
	}
	s.File = nil
	err = to.print(c.JSON, s, func(w io.Writer) {
		kind := "non-access"
		if !s.Erased.IsZero() {
			kind = "statement"
		}
		span := fmt.Sprintf("from %s until %s", s.From.Format(time.RFC3339), s.Until.Format(time.RFC3339))
		if !s.Erased.IsZero() {
			fmt.Fprintf(w, "Erased on %s: nothing of this person can be opened or proved any more.\n", s.Erased.UTC().Format(time.RFC3339))
		} else if s.Count == 0 {
			fmt.Fprintf(w, "Nobody looked at %s, at tier %s or deeper, %s.\n", s.Address, s.Tier, span)
		} else {
			fmt.Fprintf(w, "%d accesses to %s at tier %s or deeper, %s.\n", s.Count, s.Address, s.Tier, span)
		}
		if s.Number != "" {
			fmt.Fprintf(w, "Number in the ledger: %s\n", s.Number)
		}
		if c.Out != "-" {
			fmt.Fprintf(w, "Wrote %s (%d bytes). Check it: postern verify %s %s --policy policy.txt\n", c.Out, s.Size, kind, c.Out)
		}
	})
	if err == nil && s.Count > 0 {
		return status(exitRefused)
	}
	return err
}

// unable is an error after which nothing is known, whatever its kind: 1 is an
// answer here.
type unable struct{ error }

func (u unable) Unwrap() error { return u.error }

func (c *statementCmd) write(o out, file []byte) error {
	if c.Out == "-" {
		_, err := o.Stdout.Write(file)
		return err
	}
	how := os.O_CREATE | os.O_WRONLY | os.O_EXCL
	if c.Force {
		how = os.O_CREATE | os.O_WRONLY | os.O_TRUNC
	}
	f, err := os.OpenFile(c.Out, how, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return &postern.Error{Kind: postern.Conflict, Text: c.Out + " is there already: name another with --out, or overwrite it with --force"}
	}
	if err != nil {
		return fmt.Errorf("couldn't write the statement: %w", err)
	}
	_, err = f.Write(file)
	return errors.Join(err, f.Close())
}
