package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/postern-mail/postern/node"
)

type staffToken struct {
	New  tokenNew  `cmd:"" help:"Make an API token of a member, and print its secret, once."`
	List tokenList `cmd:"" help:"List API tokens, with their last use."`
	End  tokenEnd  `cmd:"" help:"End an API token, at once."`
}

type tokenNew struct {
	configFlag
	Login string   `arg:"" help:"The member whose token it is: it may never do more than they may, and ends with them."`
	Label string   `required:"" help:"What it is for, like \"Zendesk\"."`
	Scope []string `required:"" help:"What it may do: cases:read, cases:write, account:read, gate:ask, gate:approve, gate:reveal, gate:hold, gate:history, response:read, response:write, response:contain, ledger:read, tokens:read, scim."`
	Days  int      `help:"How long it lives, at most 365." default:"90"`
}

func (tokenNew) Help() string {
	return "Example:\n\n  postern staff token new directory@example.org --label 'Entra ID' --scope scim --days 180\n\nThe secret starts with pst_. Who finds one ends it with `postern staff token end SECRET`."
}

func (c *tokenNew) Run(ctx context.Context, o out) error {
	cfg, err := node.LoadConfig(c.Config)
	if err != nil {
		return err
	}
	var t node.TokenOut
	in := node.TokenIn{Login: c.Login, Label: c.Label, Scopes: c.Scope, Days: c.Days}
	if err := node.Call(ctx, cfg, "staff.token.new", in, &t, nil); err != nil {
		return err
	}
	return o.print(c.JSON, t, func(w io.Writer) {
		fmt.Fprintf(w, "%s\n", t.Secret)
		fmt.Fprintf(o.Stderr, "This secret is shown once. Token %s of %s may %s until %s.\n", t.Mark, t.Login, strings.Join(t.Scopes, ", "), t.Expires.Format(time.RFC3339))
	})
}

type tokenList struct {
	configFlag
	Login string `arg:"" optional:"" help:"A member; without one, everybody's."`
}

func (tokenList) Help() string { return "Example:\n\n  postern staff token list" }

func (c *tokenList) Run(ctx context.Context, o out) error {
	cfg, err := node.LoadConfig(c.Config)
	if err != nil {
		return err
	}
	var list []node.TokenOut
	if err := node.Call(ctx, cfg, "staff.token.list", node.TokenIn{Login: c.Login}, &list, nil); err != nil {
		return err
	}
	return o.print(c.JSON, list, func(w io.Writer) {
		t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
		fmt.Fprintln(t, "MARK\tMEMBER\tLABEL\tSCOPES\tEXPIRES\tLAST USED\tENDED\tMADE BY\tCREDENTIAL")
		for _, x := range list {
			by := x.MadeBy
			if by == "" {
				by = "operator"
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", x.Mark, x.Login, x.Label, strings.Join(x.Scopes, ","), day(x.Expires), day(x.LastUsed), day(x.Ended), by, x.Credential)
		}
		t.Flush()
	})
}

func day(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Format(time.DateOnly)
}

type tokenEnd struct {
	configFlag
	Token string `arg:"" help:"Its mark, its credential, or the secret itself; - reads it from standard input."`
}

func (tokenEnd) Help() string { return "Example:\n\n  postern staff token end 4f1c09a2b7d35e68" }

func (c *tokenEnd) Run(ctx context.Context, o out) error {
	cfg, err := node.LoadConfig(c.Config)
	if err != nil {
		return err
	}
	name := c.Token
	if name == "-" {
		text, err := io.ReadAll(io.LimitReader(o.Stdin, 200))
		if err != nil {
			return fmt.Errorf("couldn't read the token: %w", err)
		}
		name = strings.TrimSpace(string(text))
	}
	var t node.TokenOut
	if err := node.Call(ctx, cfg, "staff.token.end", node.TokenIn{Token: name}, &t, nil); err != nil {
		return err
	}
	return o.print(c.JSON, t, func(w io.Writer) { fmt.Fprintf(w, "ended %s\n", t.Credential) })
}
