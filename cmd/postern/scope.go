package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/node"
)

type scopeCmd struct {
	configFlag
	Credential []string `help:"A credential's id, or a member's login." placeholder:"ID|LOGIN"`
	Session    []string `help:"One sign-in." placeholder:"ID"`
	Since      string   `help:"From this time on, 2026-05-14 or 2026-05-14T09:30:00Z." placeholder:"TIME"`
	Until      string   `help:"Before this time." placeholder:"TIME"`
}

func (scopeCmd) Help() string {
	return `Example:

  postern scope --credential bo@helpline.example --since 2026-01-01 --until 2026-03-29

An exact query on the ledger, not an estimate: each row is one account, how deep, how many messages, when. Nothing is told to anybody.`
}

func (c *scopeCmd) Run(ctx context.Context, o out) error {
	cfg, err := node.LoadConfig(c.Config)
	if err != nil {
		return err
	}
	in := node.ScopeIn{Credentials: c.Credential, Sessions: c.Session}
	if in.Since, err = instant(c.Since); err != nil {
		return err
	}
	if in.Until, err = instant(c.Until); err != nil {
		return err
	}
	var s node.ScopeOut
	if err := node.Call(ctx, cfg, "scope", in, &s, nil); err != nil {
		return err
	}
	return o.print(c.JSON, s, func(w io.Writer) {
		t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
		fmt.Fprintln(t, "ACCOUNT\tDEEPEST\tMESSAGES\tDISCLOSURES\tFIRST\tLAST\tCERTAINTY")
		for _, e := range s.Exposures {
			fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%s\t%s\t%s\n", e.Account, e.Tier, e.Messages, e.Disclosures, e.First.UTC().Format(time.RFC3339), e.Last.UTC().Format(time.RFC3339), e.Certainty)
		}
		t.Flush()
		fmt.Fprintf(w, "%d accounts, %d messages, %d disclosures\n", len(s.Exposures), s.Messages, s.Disclosures)
	})
}

func instant(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, &postern.Error{Kind: postern.Invalid, Text: fmt.Sprintf("%q is no time: write 2026-05-14 or 2026-05-14T09:30:00Z", s)}
}
