// Command postern is the one binary: a mail service whose support desk reaches
// a mailbox only through a gate, and the tool with which a breach is ended,
// measured, told and proved. See `postern --help`.
//
// What it keeps: nothing; each subcommand hands its flags to node, drill or
// ledger/verify.
//
// Trust: it reads the config and, for some commands, the files named on the
// command line, as the user who runs it. Passwords come from the terminal or
// standard input, never from a flag that other users could read.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/postern-mail/postern"
)

// cli is every subcommand; each has its own file.
type cli struct {
	Demo       demoCmd       `cmd:"" help:"Start a whole Postern with invented people and mail, on this machine alone."`
	Quickstart quickstartCmd `cmd:"" help:"Write a config and keys for a domain, and print what to do next."`
	Serve      serveCmd      `cmd:"" help:"Run Postern."`
	Account    accountCmd    `cmd:"" help:"Add, list and freeze customers' accounts."`
	Staff      staffCmd      `cmd:"" help:"Add and list organisations and staff."`
	Import     importCmd     `cmd:"" help:"Take mail from an mbox file, a Maildir or EML files."`
	Export     exportCmd     `cmd:"" help:"Give an account's mail back, byte for byte."`
	Contain    containCmd    `cmd:"" help:"End the access of a credential, session, grant, network or organisation, now."`
	Notice     noticeCmd     `cmd:"" help:"Say how far the notices of an incident came, check a code, list whom to follow up."`
	Scope      scopeCmd      `cmd:"" help:"Say exactly what was shown, of whom, to whom, and when."`
	Statement  statementCmd  `cmd:"" help:"Prove to a customer that nobody looked, or who did."`
	Verify     verifyCmd     `cmd:"" help:"Check a proof file, offline, or a whole log."`
	Audit      auditCmd      `cmd:"" help:"Open leaves of the log at random and hold them against the tables."`
	Ledger     ledgerCmd     `cmd:"" help:"Publish the log elsewhere."`
	Keys       keysCmd       `cmd:"" help:"Show, encrypt and change the ledger's keys."`
	Detect     detectCmd     `cmd:"" help:"Rules that notice a stolen credential: list, check, try on the past."`
	Drill      drillCmd      `cmd:"" help:"Rehearse a breach and print the scorecard."`
	Policy     policyCmd     `cmd:"" help:"Check, explain and compare policies, and replay history under one."`
	Bench      benchCmd      `cmd:"" help:"Measure this machine."`
	Completion completionCmd `cmd:"" help:"Print a completion script for bash, zsh or fish."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
}

// out is where a command writes: answers to Stdout, everything else to Stderr.
type out struct {
	Stdout, Stderr io.Writer
	Stdin          io.Reader
}

// Exit statuses (DESIGN.md, 5).
const (
	exitOK      = 0
	exitRefused = 1 // or refuted
	exitFailed  = 2 // could not
)

// status is an error that has been printed already.
type status int

func (s status) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], out{os.Stdout, os.Stderr, os.Stdin}))
}

func run(ctx context.Context, args []string, o out) int {
	var c cli
	done := -1
	parser, err := kong.New(&c, kong.Name("postern"),
		kong.Description("A mail service whose support desk cannot become the breach, and the tool that ends, measures, tells and proves one."),
		kong.Writers(o.Stdout, o.Stderr),
		kong.Exit(func(code int) { done = code; panic(errExit) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(o), kong.Bind(&c))
	if err != nil {
		fmt.Fprintln(o.Stderr, "postern:", err)
		return exitFailed
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	err = parsed(parser, args, &done)
	var s status
	switch {
	case done >= 0:
		return done
	case err == nil:
		return exitOK
	case errors.As(err, &s):
		return int(s)
	case errors.Is(err, context.Canceled):
		return exitFailed
	}
	fmt.Fprintln(o.Stderr, "postern:", err)
	var usage *kong.ParseError
	if errors.As(err, &usage) {
		fmt.Fprintln(o.Stderr, "Try `postern --help`, or `postern COMMAND --help` for one command with an example.")
		return exitFailed
	}
	var u unable
	if errors.As(err, &u) {
		return exitFailed
	}
	switch postern.KindOf(err) {
	case postern.Denied, postern.Withheld, postern.NotFound, postern.Conflict, postern.Invalid:
		return exitRefused
	}
	return exitFailed
}

var errExit = errors.New("kong has printed its help")

// parsed runs the command; kong ends --help by its exit function, which this
// turns into a return.
func parsed(p *kong.Kong, args []string, done *int) (err error) {
	defer func() {
		if r := recover(); r != nil && r != any(errExit) {
			panic(r)
		}
	}()
	k, err := p.Parse(args)
	if err != nil {
		return err
	}
	return k.Run()
}

// print writes a command's answer: as JSON, or by text.
func (o out) print(asJSON bool, v any, text func(w io.Writer)) error {
	if !asJSON {
		text(o.Stdout)
		return nil
	}
	e := json.NewEncoder(o.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
