package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/ledger/auditor"
	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/node"
)

type auditCmd struct {
	configFlag
	Sample     int    `help:"How many leaves are drawn and opened." default:"300"`
	Checkpoint string `help:"A checkpoint from which the leaves are drawn, later than what is to be audited; without one, the newest." placeholder:"FILE"`
	Policy     string `help:"Whom you believe; without one, the provider's own suggestion." placeholder:"FILE"`
	Out        string `help:"A folder that gets each opened record as a proof file, for postern verify record elsewhere." placeholder:"FOLDER"`
	Language   string `help:"en or fr." enum:"en,fr" default:"en"`
}

func (auditCmd) Help() string {
	return `Example:

  curl -O https://ledger.example.org/checkpoint
  postern audit --sample 300 --checkpoint checkpoint --policy policy.txt

Draws leaves that the provider could not know beforehand, opens the records behind them, and holds record, salt, VRF proof, number and month's tally
against the tables (docs/audit.md). Bring the checkpoint and the policy yourself. What is opened names accounts and staff by pseudonyms, never by addresses.
Exit status: 0 verified, 1 refuted, 2 cannot tell.`
}

func (c *auditCmd) Run(ctx context.Context, o out) error {
	cfg, err := node.LoadConfig(c.Config)
	if err != nil {
		return unable{err}
	}
	in := auditor.Question{Sample: c.Sample, Keep: c.Out != ""}
	for _, f := range []struct {
		name string
		to   *[]byte
	}{{c.Checkpoint, &in.Checkpoint}, {c.Policy, &in.Policy}} {
		if f.name == "" {
			continue
		}
		if *f.to, err = os.ReadFile(f.name); err != nil {
			return unable{err}
		}
		if len(*f.to) > verify.MaxProofFile {
			return unable{&postern.Error{Kind: postern.Invalid, Text: f.name + " is too large to be what it should be"}}
		}
	}
	var found auditor.Answer
	report, end := progress(o, "leaves")
	err = node.Call(ctx, cfg, "audit", in, &found, report)
	end()
	if err != nil {
		return unable{err}
	}
	for index, file := range found.Records {
		if err := os.MkdirAll(c.Out, 0o700); err != nil {
			return unable{err}
		}
		if err := os.WriteFile(filepath.Join(c.Out, fmt.Sprintf("%d.proof", index)), file, 0o600); err != nil {
			return unable{err}
		}
	}
	found.Records = nil
	if err := o.print(c.JSON, found, func(w io.Writer) { fmt.Fprint(w, found.Report.Text(c.Language)) }); err != nil {
		return err
	}
	if found.Verdict != verify.Verified {
		return status(exitRefused)
	}
	return nil
}
