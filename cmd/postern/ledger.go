package main

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/ledger/export"
	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/ledger/verify/mirror"
	"github.com/postern-mail/postern/node"
)

type ledgerCmd struct {
	Export ledgerExport `cmd:"" help:"Keep a copy of the public log in a folder or an object store, to be served without us."`
}

type ledgerExport struct {
	Config   string        `help:"The config file." default:"postern.toml" placeholder:"FILE"`
	To       string        `help:"A folder, or s3://bucket/prefix." required:"" placeholder:"PLACE"`
	From     string        `help:"The log's address; without one, this Postern's own by the config." placeholder:"URL"`
	Endpoint string        `help:"The object store's address, for one that is not Amazon's." placeholder:"URL"`
	Every    time.Duration `help:"Go on, and bring the copy up to date so often." placeholder:"1m"`
}

func (ledgerExport) Help() string {
	return `Example:

  postern ledger export --to /var/www/ledger --every 1m
  AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… postern ledger export --to s3://our-ledger --endpoint https://s3.example.org

Any web server serves the copy (docs/static-export.md). Bundles and tiles are written first and the checkpoint last; nothing is written over.
Exit status: 0 the copy is whole, 1 the log is refuted, 2 could not.`
}

func (c *ledgerExport) Run(ctx context.Context, o out) error {
	if c.From == "" {
		cfg, err := node.LoadConfig(c.Config)
		if err != nil {
			return unable{err}
		}
		if c.From = cfg.Origins.Ledger; cfg.Listen.Ledger != "" {
			c.From = "http://" + cfg.Listen.Ledger
		}
		if c.From == "" {
			return unable{&postern.Error{Kind: postern.Invalid, Text: "the config has no listener for the ledger: name the log's address with --from"}}
		}
	}
	source, err := mirror.Open(c.From)
	if err != nil {
		return unable{err}
	}
	to, err := export.Open(c.To, c.Endpoint)
	if err != nil {
		return unable{err}
	}
	return again(ctx, o, c.Every, func(ctx context.Context) error {
		// It is our own log: its own word says who it is.
		text, err := source.Get(ctx, "policy", verify.MaxProofFile)
		if err != nil {
			return unable{err}
		}
		policy, err := verify.ParsePolicy(text)
		if err != nil {
			return unable{err}
		}
		for _, name := range []string{"log.vkey", "policy"} {
			b, err := source.Get(ctx, name, verify.MaxProofFile)
			if err != nil {
				return unable{err}
			}
			have, err := to.Get(ctx, name, verify.MaxProofFile)
			if err == nil && string(have) == string(b) {
				continue
			}
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return unable{err}
			}
			if err := to.Put(ctx, name, b); err != nil {
				return unable{err}
			}
		}
		return copyLog(ctx, o, mirror.Log{Source: source, Policy: policy}, to)
	})
}
