package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/postern-mail/postern/node"
)

type importCmd struct {
	configFlag
	Account string `arg:"" help:"The account's address."`
	Path    string `arg:"" help:"An mbox file, a Maildir, an EML file or a directory of EML files."`
	Mailbox string `help:"All into this mailbox, instead of the archive's folders." placeholder:"NAME"`
	Format  string `help:"auto, mbox, maildir or eml." enum:"auto,mbox,maildir,eml" default:"auto"`
}

func (importCmd) Help() string {
	return "Example:\n\n  postern import ana@example.org ~/Mail/old.mbox --mailbox Archive\n\nPrints how many messages were taken whole, how many had to be repaired for display, and how many were refused and why. The bytes are kept as they are."
}

func (c *importCmd) Run(ctx context.Context, o out) error {
	cfg, err := node.LoadConfig(c.Config)
	if err != nil {
		return err
	}
	path, err := filepath.Abs(c.Path)
	if err != nil {
		return err
	}
	report, end := progress(o, "importing")
	var r node.ImportOut
	err = node.Call(ctx, cfg, "import", node.ImportIn{Account: c.Account, Path: path, Mailbox: c.Mailbox, Format: c.Format}, &r, report)
	end()
	if err != nil {
		return err
	}
	err = o.print(c.JSON, r, func(w io.Writer) {
		fmt.Fprintf(w, "%d taken (%d whole, %d repaired for display), %d refused\n", r.Taken, r.Whole, r.Repaired, r.RefusedTotal())
		for _, list := range []struct {
			title string
			m     map[string]int
		}{{"repaired", r.Repairs}, {"refused", r.Refused}} {
			for _, reason := range sortedByCount(list.m) {
				fmt.Fprintf(w, "  %-9s %6d  %s\n", list.title, list.m[reason], reason)
			}
		}
	})
	if err == nil && r.RefusedTotal() > 0 {
		return status(exitRefused)
	}
	return err
}

func sortedByCount(m map[string]int) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int {
		if m[a] != m[b] {
			return m[b] - m[a]
		}
		if a < b {
			return -1
		}
		return 1
	})
	return keys
}

type exportCmd struct {
	configFlag
	Account string `arg:"" help:"The account's address."`
	Path    string `arg:"" help:"A directory, which is made."`
	Format  string `help:"mbox, maildir or eml." enum:"mbox,maildir,eml" default:"maildir"`
}

func (exportCmd) Help() string {
	return "Example:\n\n  postern export ana@example.org ./ana --format maildir\n\nIt is in the ledger before the first byte, and the customer reads it under Who looked."
}

func (c *exportCmd) Run(ctx context.Context, o out) error {
	cfg, err := node.LoadConfig(c.Config)
	if err != nil {
		return err
	}
	path, err := filepath.Abs(c.Path)
	if err != nil {
		return err
	}
	report, end := progress(o, "exporting")
	var r node.ExportOut
	err = node.Call(ctx, cfg, "export", node.ExportIn{Account: c.Account, Path: path, Format: c.Format}, &r, report)
	end()
	if err != nil {
		return err
	}
	return o.print(c.JSON, r, func(w io.Writer) { fmt.Fprintf(w, "%d messages, %d bytes, in %s\n", r.Messages, r.Bytes, c.Path) })
}
