// Package node builds a running Postern from its config. It is the only place
// where the planes meet: what one needs of another it declares as an interface
// over the nouns, and node plugs it in.
//
// What it keeps, in the data directory: the lock, the control socket, the
// ledger's keys ("keys"), the planes' SQLite files and the messages ("blobs").
//
// Trust: it holds every handle and every key, and hands each room its own and
// no other. It must do nothing itself with mail or with staff's rights.
package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/postern-mail/postern/account"
	"github.com/postern-mail/postern/blob"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/db/open"
	"github.com/postern-mail/postern/desk"
	"github.com/postern-mail/postern/desk/hooks"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/gate/history"
	"github.com/postern-mail/postern/gate/policy"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/ledger/keyring"
	"github.com/postern-mail/postern/mail"
	"github.com/postern-mail/postern/mail/queue"
	"github.com/postern-mail/postern/node/known"
	"github.com/postern-mail/postern/password"
	"github.com/postern-mail/postern/response"
	"github.com/postern-mail/postern/staff"
)

// Options are what only code may choose: no config reaches them.
type Options struct {
	Now   func() time.Time // nil: time.Now
	LogTo io.Writer        // nil: nothing is logged
	// Demo gives the staff faces and Mail one-click sign-in. A token comes from
	// OpenDemo alone.
	Demo *staff.DemoToken
	// Cost of passwords; zero is full. Tests and drills sign in a lot.
	Cost password.Cost
	// Policy takes the place of the config's.
	Policy *policy.Policy
	// Manual leaves the sequencer and detection to the caller, who runs them by
	// Ledger.Sequence and Response.Tick: a drill decides when its minutes pass.
	Manual bool
}

// Rehearsal are a drill's options: its own clock, cheap passwords, and nothing
// that runs by itself.
func Rehearsal(now func() time.Time) Options {
	return Options{Now: now, Cost: password.Cheap(), Manual: true}
}

// Node is a whole Postern.
type Node struct {
	cfg     Config
	origins OriginsConfig
	opts    Options
	now     func() time.Time
	log     *slog.Logger
	closers []func() error
	sockets *sockets // nil when it does not listen
	control net.Listener

	Accounts *account.Accounts
	Mail     *mail.Mail
	Queue    *queue.Queue
	Staff    *staff.Directory
	Ledger   *ledger.Ledger
	Gate     *gate.Gate
	History  *history.History
	Cases    *desk.Cases
	Desk     *desk.Desk
	Hooks    *hooks.Hooks
	Response *response.Response
}

// Open takes the data directory and opens every room, without listening.
func Open(ctx context.Context, cfg Config, o Options) (*Node, error) {
	return start(ctx, cfg, o, nil)
}

// Listen is Open with the listeners of the config bound: [Node.Serve] follows.
func Listen(ctx context.Context, cfg Config, o Options) (*Node, error) {
	return start(ctx, cfg, o, bind)
}

func start(ctx context.Context, cfg Config, o Options, listen func(Config) (*sockets, error)) (_ *Node, err error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	n := &Node{cfg: cfg, opts: o, now: o.Now, log: logger(cfg, o.LogTo)}
	if n.now == nil {
		n.now = time.Now
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Close())
		}
	}()
	unlock, err := lockDir(cfg.Data)
	if err != nil {
		return nil, err
	}
	n.closers = append(n.closers, func() error { unlock(); return nil })
	if listen != nil {
		if n.sockets, err = listen(cfg); err != nil {
			return nil, err
		}
		n.closers = append(n.closers, n.sockets.close)
	}
	n.origins = n.originsOf()
	if err := n.build(ctx); err != nil || listen == nil {
		return n, err
	}
	if n.control, err = n.listenControl(); err != nil {
		return nil, err
	}
	n.closers = append(n.closers, func() error { n.control.Close(); return nil })
	return n, nil
}

// build opens the rooms in the order they stand on each other.
func (n *Node) build(ctx context.Context) error {
	handles := map[open.Plane]*db.Handle{}
	for _, p := range open.Planes {
		h, err := n.handle(ctx, p)
		if err != nil {
			return err
		}
		n.closers = append(n.closers, h.Close)
		handles[p] = h
	}
	keys, err := keyring.Load(ctx, n.cfg.KeySource())
	if err != nil {
		return err
	}
	blobs, err := blob.OpenDisk(filepath.Join(n.cfg.Data, "blobs"))
	if err != nil {
		return err
	}

	if n.Accounts, err = account.Open(ctx, account.Parts{DB: handles[open.Mail], Now: n.now, Log: n.log, Cost: n.opts.Cost}); err != nil {
		return err
	}
	for _, d := range n.cfg.Domains {
		if err := n.Accounts.AddDomain(ctx, d); err != nil {
			return err
		}
	}
	n.Mail, err = mail.Open(ctx, mail.Parts{DB: handles[open.Mail], Blobs: blobs, Accounts: n.Accounts, ReceiptKey: keys.ReceiptPublic(), Now: n.now, Log: n.log})
	if err != nil {
		return err
	}
	if n.Queue, err = n.queue(ctx, handles[open.Mail]); err != nil {
		return err
	}

	n.Staff, err = staff.Open(ctx, staff.Parts{DB: handles[open.Staff], Now: n.now, Log: n.log, RPID: relyingParty(n.origins), RPName: n.cfg.Provider,
		Origins: []string{n.origins.Desk, n.origins.Response}, Cost: n.opts.Cost, Demo: n.opts.Demo})
	if err != nil {
		return err
	}
	publish := n.cfg.Ledger.Publish.Duration
	if publish == 0 {
		publish = -1 // at once
	}
	witnesses, err := n.witnesses()
	if err != nil {
		return err
	}
	n.Ledger, err = ledger.Open(ctx, ledger.Parts{DB: handles[open.Staff], Keys: keys, Origin: n.cfg.Ledger.Origin, Node: nodeName(), Now: n.now, Log: n.log,
		Publish: publish, Witnesses: witnesses, Heartbeat: n.cfg.Ledger.Heartbeat.Duration})
	if err != nil {
		return err
	}
	if n.Cases, err = desk.OpenCases(ctx, desk.CasesParts{DB: handles[open.Staff], Now: n.now}); err != nil {
		return err
	}
	policy, err := n.policy()
	if err != nil {
		return err
	}
	mailboxes, err := n.mailboxes(ctx, handles[open.Mail], keys)
	if err != nil {
		return err
	}
	n.Gate, err = gate.Open(ctx, gate.Parts{DB: handles[open.Staff], Ledger: n.Ledger, Staff: n.Staff, Mailboxes: mailboxes, Cases: n.Cases, Policy: policy, Teller: teller{n}, Now: n.now, Log: n.log, Node: nodeName()})
	if err != nil {
		return err
	}
	n.History = history.New(history.Parts{DB: handles[open.Staff], Gate: n.Gate, Ledger: n.Ledger, Staff: n.Staff})
	n.Desk, err = desk.Open(ctx, desk.Parts{Cases: n.Cases, Gate: n.Gate, Staff: n.Staff, Now: n.now, Log: n.log, Post: post{n}})
	if err != nil {
		return err
	}
	if n.Hooks, err = n.hooks(ctx, handles[open.Staff]); err != nil {
		return err
	}

	settings, err := n.cfg.Detect.settings()
	if err != nil {
		return err
	}
	facts := known.New(known.Parts{Accounts: n.Accounts, Staff: n.Staff, Cases: n.Cases, Guarded: n.Mail.Guarded, Honey: n.cfg.Detect.Honey, VIP: n.cfg.Detect.VIP})
	n.Response, err = response.Open(ctx, response.Parts{DB: handles[open.Response], Ledger: n.Ledger, Gate: n.Gate, Staff: n.Staff, Controls: n.readers(), Now: n.now, Log: n.log, Provider: n.cfg.Provider, Detect: settings, Knows: facts})
	return err
}

func (n *Node) handle(ctx context.Context, p open.Plane) (*db.Handle, error) {
	if n.cfg.Database.Engine == "sqlite" {
		return open.SQLite(ctx, n.cfg.Data, p)
	}
	address := map[open.Plane]string{open.Mail: n.cfg.Database.Mail, open.Staff: n.cfg.Database.Staff, open.Response: n.cfg.Database.Response}[p]
	return open.PostgreSQL(ctx, address, p, n.cfg.Database.Connections)
}

func (n *Node) policy() (policy.Policy, error) {
	if n.opts.Policy != nil {
		return *n.opts.Policy, nil
	}
	if p, ok := policy.Named(n.cfg.Gate.Policy); ok {
		return p, nil
	}
	text, err := os.ReadFile(n.cfg.Gate.Policy)
	if err != nil {
		return policy.Policy{}, fmt.Errorf("couldn't read the policy: %w", err)
	}
	p, err := policy.Parse(text)
	if err != nil {
		return p, fmt.Errorf("%s: %w", n.cfg.Gate.Policy, err)
	}
	return p, nil
}

// Close ends every room, the newest first.
func (n *Node) Close() error {
	var errs []error
	for i := len(n.closers) - 1; i >= 0; i-- {
		errs = append(errs, n.closers[i]())
	}
	n.closers = nil
	return errors.Join(errs...)
}

// Also has something closed with the node, before its rooms.
func (n *Node) Also(close func() error) { n.closers = append(n.closers, close) }

// Config is the config it runs with, the ports it was given filled in.
func (n *Node) Config() Config { return n.cfg }

// LogKey is the ledger's verifier key: what an auditor believes.
func (n *Node) LogKey() string { return n.Ledger.Keys.LogPublic }

// nodeName is this machine's in the ledger's records.
func nodeName() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "node"
	}
	short := make([]byte, 0, 32)
	for i := 0; i < len(name) && len(short) < 32 && name[i] != '.'; i++ {
		if c := name[i]; c > 0x20 && c < 0x7f {
			short = append(short, c)
		}
	}
	if len(short) == 0 {
		return "node"
	}
	return string(short)
}

func logger(cfg Config, to io.Writer) *slog.Logger {
	if to == nil {
		return slog.New(slog.DiscardHandler)
	}
	var level slog.Level
	_ = level.UnmarshalText([]byte(cfg.Log.Level)) // checked with the config
	if cfg.Log.JSON {
		return slog.New(slog.NewJSONHandler(to, &slog.HandlerOptions{Level: level}))
	}
	return slog.New(slog.NewTextHandler(to, &slog.HandlerOptions{Level: level}))
}

// Now is the clock that every room reads.
func (n *Node) Now() time.Time { return n.now() }
