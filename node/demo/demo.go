// Package demo starts a whole Postern on loopback with invented people and
// real-looking mail.
//
// What it keeps: nothing; the node's data is in the directory it is given, with
// a config beside it so that the command line finds the running demo.
//
// Trust: it is the only holder of one-click sign-in, which it passes to node as
// a value; no config, flag or variable reaches it. Everything it stores is
// invented (RFC 2606 names) and may be read by anybody.
package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/postern-mail/postern/gate/policy"
	"github.com/postern-mail/postern/node"
	"github.com/postern-mail/postern/password"
	"github.com/postern-mail/postern/staff"
)

// Options are what a caller may choose.
type Options struct {
	Dir    string // the data directory
	Ports  bool   // any free ports, instead of the usual ones where they are free
	LogTo  io.Writer
	Policy *policy.Policy
}

// Open starts the demo's node with its people in it; Serve it next.
func Open(ctx context.Context, o Options) (*node.Node, error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	cfg := node.DefaultConfig()
	cfg.Data = dir
	cfg.Provider = "Outlook Example"
	cfg.Hostname = "mx.outlook.example"
	cfg.Domains = []string{"outlook.example", "hotmail.example", "msn.example"}
	cfg.Ledger.Publish.Duration = 0 // a proof at once: nobody waits a minute in a demo
	cfg.Mail.Outbound = "hold"      // nothing leaves this machine
	off := false
	cfg.Mail.Check = &off // .example has no DNS to ask
	for _, address := range []*string{&cfg.Listen.SMTP, &cfg.Listen.Submission, &cfg.Listen.IMAP, &cfg.Listen.Mail, &cfg.Listen.Desk, &cfg.Listen.Response, &cfg.Listen.View, &cfg.Listen.Ledger} {
		if o.Ports || !free(*address) {
			*address = "127.0.0.1:0"
		}
	}
	w, err := startWitness(dir)
	if err != nil {
		return nil, fmt.Errorf("couldn't start the demo's witness: %w", err)
	}
	cfg.Ledger.Witnesses = w.policy
	options := node.Options{LogTo: o.LogTo, Demo: staff.NewDemoToken(), Policy: o.Policy, Cost: password.Cheap()} // everybody knows these passwords
	n, err := w.open(ctx, cfg, options)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("couldn't fill the demo: %w", err), w.close())
	}
	if err := writeConfig(n.Config(), filepath.Join(dir, "postern.toml")); err != nil {
		n.Close()
		return nil, err
	}
	return n, nil
}

func free(address string) bool {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return false
	}
	l.Close()
	return true
}

func writeConfig(cfg node.Config, file string) error {
	var b bytes.Buffer
	b.WriteString("# Written by postern demo, so that the other commands find it.\n")
	if err := toml.NewEncoder(&b).Encode(cfg); err != nil {
		return err
	}
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		return fmt.Errorf("couldn't write the demo's config: %w", err)
	}
	return nil
}

// Story prints the addresses and the six steps.
func Story(w io.Writer, n *node.Node, config string) {
	o := n.Origins()
	var other []string
	for _, a := range n.Addresses() {
		if !strings.HasPrefix(a.URL, "http") {
			other = append(other, strings.TrimPrefix(a.URL, strings.ToLower(a.Name)+"://")+" "+a.Name)
		}
	}
	fmt.Fprintf(w, `
Postern is up, with invented people and invented mail. One click signs you in.

  Mail      %s   the customers: Ana, Tom, Lucie, Sam
  Desk      %s   the agents Bo and Nadia; the approver Grace
  Response  %s   the responders Idris and Mei
  Ledger    %s/checkpoint

The story, in six steps:

  1. Refused   In Desk, sign in as Bo and open Ana's case. Try to read her messages: the gate says no.
  2. Asked     There, ask for the content of her INBOX: a reason, a sentence, a few minutes.
  3. Agreed    In Mail, sign in as Ana. She sees who asks, why, and which messages; she agrees to one of them.
  4. Shown     Back in Desk, Bo reads that one message, under a countdown and his own name.
  5. Seen      In Mail, Ana opens "Who looked": Bo, Helpline Partners, that message, that minute, that reason.
  6. Verified  There, "Check it yourself" gives a proof file. Check it, offline:

     postern verify record access.proof --policy '%s'

  And for everybody else: sign in as Tom, "Who looked", "Get a signed statement". The file is checked the same way:

     postern verify non-access statement.proof --policy '%[5]s'

And then, if Bo's password were stolen:  postern contain --config %[6]s --credential bo@helpline.example

Mail clients: %[7]s (user ana@outlook.example, password %[8]s)
A browser that does not know .localhost names reaches the same pages at 127.0.0.1 and the same ports.
Ctrl-C ends it.
`, o.Mail, o.Desk, o.Response, o.Ledger, n.Config().Ledger.Witnesses, config, strings.Join(other, ", "), Password)
}
