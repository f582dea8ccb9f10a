package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/node"
)

type quickstartCmd struct {
	configFlag
	Address string `arg:"" help:"Your address at the domain to host, like you@example.org."`
}

func (quickstartCmd) Help() string {
	return "Example:\n\n  postern quickstart you@example.org\n\nWrites postern.toml and the ledger's keys, and prints the DNS records and the next steps. An existing config is checked and left as it is."
}

func (c *quickstartCmd) Run(ctx context.Context, o out) error {
	at := strings.LastIndexByte(c.Address, '@')
	if at < 1 || at == len(c.Address)-1 || strings.ContainsAny(c.Address, " \t") {
		return &postern.Error{Kind: postern.Invalid, Text: fmt.Sprintf("%q is no mail address: write you@example.org", c.Address)}
	}
	q, err := node.Quickstart(ctx, c.Config, c.Address[at+1:])
	if err != nil {
		return err
	}
	return o.print(c.JSON, q, func(w io.Writer) {
		if q.Written {
			fmt.Fprintf(w, "Wrote %s.\n\n", c.Config)
		} else {
			fmt.Fprintf(w, "%s is there already and in order.\n\n", c.Config)
		}
		fmt.Fprintln(w, "DNS records to publish:")
		for _, r := range q.Records {
			fmt.Fprintf(w, "  %s\n", r)
		}
		fmt.Fprintf(w, "\nThe ledger's verifier key, to publish where auditors find it:\n  %s\n\nNext:\n", q.LogKey)
		for i, s := range []string{
			"postern staff organisation provider --name 'Your name' --kind provider --config " + c.Config,
			"postern staff add you@" + q.Domain + " --name 'Your name' --role admin --role responder --config " + c.Config,
			"postern account add " + c.Address + " --config " + c.Config,
			"postern serve --config " + c.Config,
		} {
			fmt.Fprintf(w, "  %d. %s\n", i+1, s)
		}
		fmt.Fprintln(w, "\nAll listeners are on loopback until you change them: put a proxy with TLS before the faces, and a certificate in [tls] for SMTP and IMAP.")
	})
}
