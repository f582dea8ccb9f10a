package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/postern-mail/postern/ledger/keyring"
	"github.com/postern-mail/postern/node"
)

type keysCmd struct {
	Show    keysShow    `cmd:"" help:"Say which keys the ledger has, and where they are. Prints no secret."`
	Encrypt keysEncrypt `cmd:"" help:"Put the secret keys into one encrypted file."`
	Decrypt keysDecrypt `cmd:"" help:"Put them back into plain files."`
	Rotate  keysRotate  `cmd:"" help:"Give the log, the VRF or the receipts a new key."`
	Retire  keysRetire  `cmd:"" help:"End the signing by the log's earlier keys."`
}

func (keysCmd) Help() string {
	return "Example:\n\n  postern keys rotate log\n\nA change is used from the next start on, and stands in the ledger. docs/keys.md says when to change what."
}

const nextStart = "It is used from the next start on: restart Postern."

type keysShow struct{ configFlag }

func (keysShow) Help() string { return "Example:\n\n  postern keys show" }

func (c *keysShow) Run(ctx context.Context, o out) error {
	cfg, err := node.LoadConfig(c.Config)
	if err != nil {
		return err
	}
	list, err := keyring.Show(ctx, cfg.KeySource())
	if err != nil {
		return err
	}
	return o.print(c.JSON, list, func(w io.Writer) {
		for _, k := range list {
			fmt.Fprintf(w, "%-8s %-20s %s\n", k.Key, k.State, k.Where)
			if k.Public != "" {
				fmt.Fprintf(w, "%-8s %s\n", "", k.Public)
			}
		}
	})
}

type keysEncrypt struct{ configFlag }

func (keysEncrypt) Help() string {
	return "Example:\n\n  age-keygen -o /etc/postern/keys.identity     # or one line with a passphrase\n  postern keys encrypt\n\nNeeds [keys] identity in the config. The plain files are removed once the encrypted one has been read again; what stood\nin them can still be in backups and on the disk: change the keys afterwards if that matters."
}

func (c *keysEncrypt) Run(ctx context.Context, o out) error {
	return keysDone(c.configFlag, o, "The secret keys are in keys.age now, and nowhere else in the key directory.", func(s keyring.Source) error { return keyring.Encrypt(ctx, s) })
}

type keysDecrypt struct{ configFlag }

func (keysDecrypt) Help() string { return "Example:\n\n  postern keys decrypt" }

func (c *keysDecrypt) Run(ctx context.Context, o out) error {
	return keysDone(c.configFlag, o, "The keys are in plain files now, which their owner alone may read.", func(s keyring.Source) error { return keyring.Decrypt(ctx, s) })
}

func keysDone(c configFlag, o out, words string, f func(keyring.Source) error) error {
	cfg, err := node.LoadConfig(c.Config)
	if err != nil {
		return err
	}
	if err := f(cfg.KeySource()); err != nil {
		return err
	}
	return o.print(c.JSON, map[string]string{"done": words}, func(w io.Writer) { fmt.Fprintln(w, words) })
}

type keysRotate struct {
	configFlag
	Key    string `arg:"" enum:"log,vrf,receipt" help:"log, vrf or receipt."`
	Public string `help:"For log: the new key is one that [keys] sign holds; this file has its public half (PEM)." type:"existingfile"`
}

func (keysRotate) Help() string {
	return "Examples:\n\n  postern keys rotate log\n  postern keys rotate log --public hsm.pem\n\nThe log's old key signs beside the new one until `postern keys retire`, so that nobody who has the old key is cut off."
}

func (c *keysRotate) Run(ctx context.Context, o out) error {
	cfg, err := node.LoadConfig(c.Config)
	if err != nil {
		return err
	}
	var done keyring.Change
	switch s := cfg.KeySource(); c.Key {
	case "log":
		done, err = keyring.RotateLog(ctx, s, c.Public)
	case "vrf":
		done, err = keyring.RotateVRF(ctx, s, time.Now())
	case "receipt":
		done, err = keyring.RotateReceipt(ctx, s)
	}
	if err != nil {
		return err
	}
	return o.print(c.JSON, done, func(w io.Writer) {
		switch c.Key {
		case "log":
			fmt.Fprintf(w, "The log's key %s takes over from %s, which goes on signing beside it.\n\n  %s\n\n%s\n", done.Now, done.Before, done.Public, nextStart)
			fmt.Fprintln(w, strings.TrimSpace(`
Then:
  1. give this verifier key to your auditors and witnesses (postern keys show prints it again);
  2. when they have it: postern keys retire, and restart.`))
			if c.Public != "" {
				fmt.Fprintln(w, "  Before the restart, name the program in the config: [keys] sign = [\"…\"]")
			}
		case "vrf":
			fmt.Fprintf(w, "A new VRF key takes over with %s. Keep the old ones: they prove the months before.\n%s\n", done.Now, nextStart)
		default:
			fmt.Fprintf(w, "Receipts have a new key.\n%s\n", nextStart)
		}
	})
}

type keysRetire struct{ configFlag }

func (keysRetire) Help() string {
	return "Example:\n\n  postern keys retire\n\nWhat the earlier keys signed stays good. Readers who have no newer key can check nothing newer."
}

func (c *keysRetire) Run(ctx context.Context, o out) error {
	cfg, err := node.LoadConfig(c.Config)
	if err != nil {
		return err
	}
	done, err := keyring.Retire(ctx, cfg.KeySource())
	if err != nil {
		return err
	}
	return o.print(c.JSON, done, func(w io.Writer) {
		fmt.Fprintf(w, "The log is signed by %s alone.\n%s\n", done.Now, nextStart)
	})
}
