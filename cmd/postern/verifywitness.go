package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/ledger/verify/cosigner"
	"github.com/postern-mail/postern/ledger/verify/mirror"
)

type verifyMirror struct {
	whom
	Place  string        `arg:"" help:"The log: a URL, or a folder with a copy of it."`
	Folder string        `arg:"" help:"Where the copy goes: any web server can serve it."`
	Every  time.Duration `help:"Go on, and bring the copy up to date so often." placeholder:"1m"`
}

func (verifyMirror) Help() string {
	return `Example:

  postern verify mirror https://ledger.example.org log --policy policy.txt --every 5m

Each leaf and hash is checked against the checkpoint before it is written, the checkpoint is written last, and nothing is written over.
Exit status: 0 the copy is whole, 1 the log is refuted, 2 could not.`
}

func (c *verifyMirror) Run(ctx context.Context, o out) error {
	log, err := c.log(c.Place)
	if err != nil {
		return err
	}
	to, err := mirror.Folder(c.Folder)
	if err != nil {
		return unable{err}
	}
	return again(ctx, o, c.Every, func(ctx context.Context) error { return copyLog(ctx, o, log, to) })
}

// log opens a log and says whom to believe.
func (w whom) log(place string) (l mirror.Log, err error) {
	if l.Policy, err = w.policy(); err != nil {
		return l, unable{err}
	}
	if l.Source, err = mirror.Open(place); err != nil {
		return l, unable{err}
	}
	return l, nil
}

// copyLog brings a copy up to date, and says so when it has grown.
func copyLog(ctx context.Context, o out, log mirror.Log, to mirror.Target) error {
	report, end := progress(o, "leaves")
	head, err := log.Copy(ctx, to, report)
	end()
	if err != nil {
		return online(o, err)
	}
	fmt.Fprintf(o.Stdout, "%s: %d leaves copied, root %s\n", head.Origin, head.Size, head.Root)
	return nil
}

// online tells a log that lies from one that could not be read.
func online(o out, err error) error {
	var no *verify.Refusal
	switch {
	case errors.As(err, &no) && no.Verdict() == verify.Refuted, errors.Is(err, mirror.ErrRefuted):
		fmt.Fprintln(o.Stderr, "postern:", err)
		return status(exitRefused)
	}
	return unable{err}
}

// again runs f once, or for ever: then a failure to read is told and passes, and
// a log that is refuted ends it.
func again(ctx context.Context, o out, every time.Duration, f func(context.Context) error) error {
	if every <= 0 {
		return f(ctx)
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		err := f(ctx)
		var u unable
		switch {
		case err == nil:
		case errors.As(err, &u) && ctx.Err() == nil:
			fmt.Fprintf(o.Stderr, "%s couldn't, and try again in %s: %v\n", time.Now().UTC().Format(time.RFC3339), every, err)
		default:
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

type verifyWatch struct {
	whom
	Place string        `arg:"" help:"The log: a URL, or a folder with a copy of it."`
	State string        `help:"The file that remembers the last checkpoint." default:"watched.checkpoint" placeholder:"FILE"`
	Every time.Duration `help:"Go on, and look so often." placeholder:"1m"`
	Stale time.Duration `help:"How old the last quorum of witnesses may be; without witnesses nothing tells a quiet log from one that stopped." default:"2h"`
}

func (verifyWatch) Help() string {
	return `Example:

  postern verify watch https://ledger.example.org --policy policy.txt --every 1m

Looks whether the log only grows: the checkpoint is signed and cosigned as the policy asks, and holds all of the last one that was seen here.
Keep the file with the last checkpoint: if the log ever shows another history, both together are the evidence. It can't say whose account a
leaf is about: nobody can but its holder. Exit status: 0 all is well, 1 the log contradicts itself, 2 cannot tell: it could not be read, shows
less than before, or lacks a fresh quorum of witnesses.`
}

func (c *verifyWatch) Run(ctx context.Context, o out) error {
	log, err := c.log(c.Place)
	if err != nil {
		return err
	}
	return again(ctx, o, c.Every, func(ctx context.Context) error { return c.look(ctx, o, log) })
}

func (c *verifyWatch) look(ctx context.Context, o out, log mirror.Log) error {
	head, signed, err := log.Checkpoint(ctx)
	var no *verify.Refusal
	if errors.As(err, &no) && no.Why == verify.WhyWitness { // too few this time says nothing against the log
		return unable{err}
	}
	if err != nil {
		return online(o, err)
	}
	last, err := os.ReadFile(c.State)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return unable{err}
	}
	var old verify.Checkpoint
	if last != nil {
		if old, err = log.Policy.Open(last); err != nil {
			return unable{&postern.Error{Kind: postern.Invalid, Text: c.State + " is no checkpoint of this log: name another file with --state", Err: err}}
		}
		if err := log.Follows(ctx, old, head); err != nil {
			if errors.Is(err, mirror.ErrRefuted) {
				evidence := c.State + ".contradiction"
				if err := replaceFile(evidence, signed); err != nil {
					return unable{err}
				}
				fmt.Fprintf(o.Stderr, "postern: %v\nKeep %s and %s: together they are evidence.\n", err, c.State, evidence)
				return status(exitRefused)
			}
			return unable{err}
		}
	}
	if head.Size != old.Size || last == nil {
		if err := replaceFile(c.State, signed); err != nil {
			return unable{err}
		}
		fmt.Fprintf(o.Stdout, "%s %s: %d leaves, root %s\n", time.Now().UTC().Format(time.RFC3339), head.Origin, head.Size, head.Root)
	}
	if at, ok := log.Held(signed); ok && time.Since(at) > c.Stale {
		return unable{&postern.Error{Kind: postern.Unavailable, Text: fmt.Sprintf("no quorum of witnesses has cosigned the log for %s", time.Since(at).Truncate(time.Minute))}}
	}
	return nil
}

// replaceFile puts a file in place whole.
func replaceFile(file string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(file), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

type verifyCosign struct {
	Policy string `help:"A file with the logs to cosign: a line \"log KEY URL\" each." required:"" placeholder:"FILE"`
	Name   string `help:"The witness' name, \"example.org/witness\": makes its key when there is none yet." placeholder:"NAME"`
	State  string `help:"The folder with the key and what was cosigned. Never restore it from a backup, and never run two witnesses on copies of it: lost, the key must be given up." default:"witness" placeholder:"FOLDER"`
	Listen string `help:"The address to listen at; put a web server with TLS before it." default:"127.0.0.1:7380" placeholder:"ADDRESS"`
}

func (verifyCosign) Help() string {
	return `Example:

  postern verify cosign --policy logs.txt --name auditor.example.org/witness

Is a witness (c2sp.org/tlog-witness) that also replays: it reads every new leaf and recomputes the tree and the map of tags before it cosigns.
Its key may stand in a provider's policy as "witness" and in the line "map". The verifier key is printed at the start.`
}

func (c *verifyCosign) Run(ctx context.Context, o out) error {
	policy, err := whom{Policy: c.Policy}.policy()
	if err != nil {
		return unable{err}
	}
	if err := os.MkdirAll(c.State, 0o700); err != nil {
		return unable{err}
	}
	key, made, err := cosigner.LoadKey(filepath.Join(c.State, "witness.key"), c.Name)
	if err != nil {
		return unable{err}
	}
	if made {
		fmt.Fprintf(o.Stdout, "Made the key of a new witness in %s.\n", filepath.Join(c.State, "witness.key"))
	}
	logs, err := toCosign(policy)
	if err != nil {
		return unable{err}
	}
	s, err := cosigner.Open(cosigner.Parts{Key: key, Dir: c.State, Logs: logs, Now: time.Now, Log: slog.New(slog.NewTextHandler(o.Stderr, nil))})
	if err != nil {
		return unable{err}
	}
	defer s.Close()
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return unable{fmt.Errorf("couldn't listen: %w", err)}
	}
	fmt.Fprintf(o.Stdout, "A line for policies:\n\n  witness NAME %s http://%s\n\nListening; Ctrl-C ends it.\n", key.VerifierKey(), l.Addr())
	server := &http.Server{Handler: s, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 20 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	drained := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(drained)
		late, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = server.Shutdown(late)
	})
	err = server.Serve(l)
	if stop() { // it ended by itself
		return unable{err}
	}
	<-drained // a line that is signed is still sent
	return nil
}

// toCosign gives each log of a policy with all its keys.
func toCosign(policy verify.Policy) (logs []cosigner.Log, err error) {
	at := map[string]int{}
	for i, k := range policy.Logs {
		n, known := at[k.Name()]
		if !known {
			n = len(logs)
			at[k.Name()] = n
			logs = append(logs, cosigner.Log{})
		}
		logs[n].Policy.Logs = append(logs[n].Policy.Logs, k)
		if i < len(policy.URLs) && policy.URLs[i] != "" && logs[n].Source == nil {
			if logs[n].Source, err = mirror.Open(policy.URLs[i]); err != nil {
				return nil, err
			}
		}
	}
	for _, l := range logs {
		if l.Source == nil {
			return nil, &postern.Error{Kind: postern.Invalid, Text: fmt.Sprintf("the policy does not say where the leaves of %s are read: write its URL behind its key", l.Policy.Logs[0].Name())}
		}
	}
	if len(logs) == 0 {
		return nil, &postern.Error{Kind: postern.Invalid, Text: "the policy names no log to cosign"}
	}
	return logs, nil
}
