package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/ledger/verify/mirror"
)

// whom is how a command that reads a log is told what to believe.
type whom struct {
	Key    []string `xor:"whom" help:"A log's verifier key, or a file that holds it: believes the log and asks for no witness." placeholder:"KEY"`
	Policy string   `xor:"whom" help:"A file that says which logs and witnesses to believe." placeholder:"FILE"`
}

func (w whom) policy() (verify.Policy, error) {
	return (&verifyOne{Key: w.Key, Policy: w.Policy}).policy()
}

type verifyReplay struct {
	whom
	Place string `arg:"" help:"The log: a URL, or a folder with a copy of it."`
	JSON  bool   `name:"json" help:"Answer in JSON."`
}

func (verifyReplay) Help() string {
	return `Example:

  postern verify replay https://ledger.example.org --policy policy.txt

Reads every leaf from the first on, recomputes the tree and the map of tags, and checks each rule of docs/ledger-format.md.
A proof of non-access rests on somebody doing this: whoever does need not believe anybody else that the map is right.
Exit status: 0 verified, 1 refuted, 2 cannot tell.`
}

// replayed is what a replay found.
type replayed struct {
	Verdict verify.Verdict `json:"verdict"`
	Why     string         `json:"why,omitempty"`
	Origin  string         `json:"origin"`
	Size    int64          `json:"size"`
	Root    string         `json:"root"`
	Epochs  uint64         `json:"epochs"`
	Tags    int            `json:"tags"`
	Months  int            `json:"months"`
	MapRoot string         `json:"map_root"`
	Seconds float64        `json:"seconds"`
}

func (c *verifyReplay) Run(ctx context.Context, o out) error {
	policy, err := c.policy()
	if err != nil {
		return unable{err}
	}
	source, err := mirror.Open(c.Place)
	if err != nil {
		return unable{err}
	}
	log := mirror.Log{Source: source, Policy: policy}
	began := time.Now()
	found := replayed{}
	var r verify.Replayer
	head, _, err := log.Checkpoint(ctx)
	if err == nil {
		found.Origin, found.Size, found.Root = head.Origin, head.Size, head.Root.String()
		report, end := progress(o, "leaves")
		err = log.Replay(ctx, &r, head, report)
		end()
	}
	if err == nil {
		err = r.Settle()
	}
	found.Seconds = time.Since(began).Seconds()
	var no *verify.Refusal
	switch {
	case err == nil:
		found.Epochs, found.Tags, found.Months = r.Epoch().Epoch, r.Tags(), len(r.Series())
		found.MapRoot = fmt.Sprintf("%x", r.Epoch().MapRoot)
	case errors.As(err, &no):
		found.Verdict, found.Why = no.Verdict(), no.Error()
	case errors.Is(err, mirror.ErrRefuted) || errors.Is(err, verify.ErrReplay) || errors.Is(err, verify.ErrDuplicateTag):
		found.Verdict, found.Why = verify.Refuted, err.Error()
	default:
		return unable{&postern.Error{Kind: postern.Unavailable, Text: "couldn't read the whole log, so nothing is known", Err: err}}
	}
	if err := o.print(c.JSON, found, func(w io.Writer) {
		fmt.Fprintf(w, "%s: %s\n", c.Place, found.Verdict)
		if found.Why != "" {
			fmt.Fprintf(w, "  %s\n", found.Why)
			return
		}
		fmt.Fprintf(w, "  log       %s\n  leaves    %d\n  root      %s\n  epochs    %d\n  tags      %d\n  months    %d\n  map root  %s\n  seconds   %.1f\n", found.Origin, found.Size, found.Root, found.Epochs, found.Tags, found.Months, found.MapRoot, found.Seconds)
	}); err != nil {
		return err
	}
	switch found.Verdict {
	case verify.Verified:
		return nil
	case verify.Refuted:
		return status(exitRefused)
	}
	return status(exitFailed)
}
