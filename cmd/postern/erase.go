package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/postern-mail/postern/node"
)

type accountErase struct {
	configFlag
	Address string `arg:"" help:"The person's address."`
	Now     bool   `help:"At once, without the time to take it back. It can't be undone."`
	Cancel  bool   `help:"Take it back."`
}

func (accountErase) Help() string {
	return `Example:

  postern account erase ana@example.org
  postern account erase ana@example.org --cancel

Removes the person's mail, sign-ins, cases' words and notices, and the one row that links them to their entries in the ledger (GDPR Art. 17; docs/erasure.md).
What staff did stays provable, of nobody. Keep the identifier that is printed: the answer "erased on …" is made for it (postern statement IDENTIFIER).`
}

func (c *accountErase) Run(ctx context.Context, o out) error {
	cfg, err := node.LoadConfig(c.Config)
	if err != nil {
		return err
	}
	var e node.EraseOut
	if err := node.Call(ctx, cfg, "account.erase", node.EraseIn{Address: c.Address, Now: c.Now, Cancel: c.Cancel}, &e, nil); err != nil {
		return err
	}
	return o.print(c.JSON, e, func(w io.Writer) {
		switch {
		case c.Cancel:
			fmt.Fprintf(w, "%s is kept.\n", e.Address)
		case e.Erased:
			fmt.Fprintf(w, "Erased. Identifier: %s\n", e.Account)
		default:
			fmt.Fprintf(w, "%s will be erased on %s; until then it can be taken back with --cancel. Identifier: %s\n", e.Address, e.Due.UTC().Format(time.RFC1123), e.Account)
		}
	})
}

type accountErasures struct{ configFlag }

func (c *accountErasures) Run(ctx context.Context, o out) error {
	cfg, err := node.LoadConfig(c.Config)
	if err != nil {
		return err
	}
	var list []node.EraseOut
	if err := node.Call(ctx, cfg, "account.erasures", struct{}{}, &list, nil); err != nil {
		return err
	}
	return o.print(c.JSON, list, func(w io.Writer) {
		if len(list) == 0 {
			fmt.Fprintln(w, "Nobody is to be erased.")
			return
		}
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, e := range list {
			by := "the provider"
			if e.ByOwner {
				by = "the customer"
			}
			fmt.Fprintf(t, "%s\t%s\tasked by %s\n", e.Due.UTC().Format(time.RFC3339), e.Address, by)
		}
		t.Flush()
	})
}
