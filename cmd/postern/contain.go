package main

import (
	"context"
	"fmt"
	"io"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/node"
)

// configFlag is how a command finds its Postern.
type configFlag struct {
	Config string `help:"The config file." default:"postern.toml" placeholder:"FILE"`
	JSON   bool   `name:"json" help:"Answer in JSON."`
}

type containCmd struct {
	configFlag
	Credential   string `xor:"what" required:"" help:"A credential's id, or a member's login: all their credentials." placeholder:"ID|LOGIN"`
	Session      string `xor:"what" required:"" help:"One sign-in." placeholder:"ID"`
	Grant        string `xor:"what" required:"" help:"One permission." placeholder:"ID"`
	Network      string `xor:"what" required:"" help:"A /24 or /48: every session from it, and no new one." placeholder:"PREFIX"`
	Organisation string `xor:"what" required:"" help:"Everybody an organisation employs." placeholder:"ID"`
	Device       string `xor:"what" required:"" help:"A browser's key, by its thumbprint." placeholder:"ID"`
	AllSupport   bool   `xor:"what" required:"" help:"All support power: no grant lives or is made. Two responders let it in again."`
	Why          string `help:"A sentence for the ledger and the timeline." default:"contained from the command line"`
	DryRun       bool   `help:"Say what would end, and end nothing."`
}

func (containCmd) Help() string {
	return `Example:

  postern contain --credential bo@helpline.example --why "password seen on a paste site"

Prints what was ended, the ledger position after which no disclosure by it stands, and the time it took. Undo it in Response, with a reason.`
}

func (c *containCmd) Run(ctx context.Context, o out) error {
	cfg, err := node.LoadConfig(c.Config)
	if err != nil {
		return err
	}
	desk := ""
	if c.AllSupport {
		desk = "all"
	}
	in := node.ContainIn{Why: c.Why, DryRun: c.DryRun}
	for _, k := range []struct{ kind, subject string }{{"credential", c.Credential}, {"session", c.Session}, {"grant", c.Grant}, {"network", c.Network}, {"organisation", c.Organisation}, {"device", c.Device}, {"desk", desk}} {
		if k.subject != "" {
			in.Kind, in.Subject = k.kind, k.subject
		}
	}
	var result node.ContainOut
	if err := node.Call(ctx, cfg, "contain", in, &result, nil); err != nil {
		return err
	}
	err = o.print(c.JSON, result, func(w io.Writer) {
		if c.DryRun {
			fmt.Fprintf(w, "would end %d %s and %d %s\n", result.Sessions, plural(result.Sessions, "session"), result.Grants, plural(result.Grants, "grant"))
			return
		}
		for _, e := range result.Ended {
			fmt.Fprintf(w, "contained %s %s at ledger position %d: %d %s and %d %s ended, in %.0f ms\n", e.Kind, e.Subject, e.Position,
				e.Sessions, plural(e.Sessions, "session"), e.Grants, plural(e.Grants, "grant"), e.MS)
		}
	})
	if err == nil && !c.DryRun && len(result.Ended) == 0 {
		return &postern.Error{Kind: postern.NotFound, Text: "nothing was there to end"}
	}
	return err
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}
