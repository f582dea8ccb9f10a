package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/desk"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/node"
	"github.com/postern-mail/postern/staff"
)

// pastDays is how long the demo's provider has been there: a statement needs a
// time that lies an hour back.
const pastDays = 45

// visit is something that support did in the past.
type visit struct {
	daysAgo                      int
	agent, customer              string
	subject, text, why, answered string
}

var visits = []visit{
	{38, "nadia@staff.outlook.example", "tom@hotmail.example", "Is my mailbox full?", "My brother says that his mail to me came back. Is there still room?",
		"To see whether there is room in the mailbox.", "There is plenty of room, and nothing came back here in the last week. Your brother's letter had a wrong address in it."},
	{12, "nadia@staff.outlook.example", "sam@outlook.example", "Signed in from somewhere else?", "I have a feeling that somebody else was in my account last night.",
		"To see from where the account was signed in to.", "Every sign-in of last week came from your own network. You can see them yourself under Who looked."},
}

// past lives through the weeks before today with a clock of its own.
func (w *witness) past(ctx context.Context, cfg node.Config, o node.Options, c cast) (err error) {
	now := time.Now()
	o.Now, o.Manual, o.LogTo = w.clock, true, io.Discard
	w.set(now.AddDate(0, 0, -pastDays))
	n, err := node.Open(ctx, cfg, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	if err := w.watch(n); err != nil {
		return err
	}
	if err := people(ctx, n, c); err != nil {
		return err
	}
	for day := pastDays; day >= 0; day-- {
		at := now.AddDate(0, 0, -day)
		w.set(at)
		if err := publish(ctx, n); err != nil { // without a witness of today nothing is shown
			return err
		}
		for _, v := range visits {
			if v.daysAgo != day {
				continue
			}
			if err := w.visit(ctx, n, v); err != nil {
				return fmt.Errorf("%d days ago: %w", day, err)
			}
		}
		for _, q := range questions {
			if q.daysAgo != day {
				continue
			}
			if err := w.ask(ctx, n, q); err != nil {
				return fmt.Errorf("%d days ago: %w", day, err)
			}
		}
		if day > 0 && day%8 == 3 {
			if err := signIns(ctx, n); err != nil {
				return err
			}
		}
		if err := publish(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// publish brings the ledger to its witness, as a running Postern does by itself.
func publish(ctx context.Context, n *node.Node) error {
	if _, err := n.Ledger.Sequence(ctx); err != nil {
		return err
	}
	return n.Ledger.Cosign(ctx)
}

// visit is one case, from the customer's question to its answer.
func (w *witness) visit(ctx context.Context, n *node.Node, v visit) error {
	a, err := n.Accounts.ByAddress(ctx, v.customer)
	if err != nil {
		return err
	}
	opened, err := n.Cases.OpenCase(ctx, desk.NewCase{Account: a.ID, Address: a.Address, Name: a.Name, Locale: a.Locale, Subject: v.subject, Text: v.text})
	if err != nil {
		return err
	}
	agent, err := n.Staff.ByLogin(ctx, v.agent)
	if err != nil {
		return err
	}
	w.set(w.clock().Add(10 * time.Minute))
	_, s, err := n.Staff.Demo().SignInAs(ctx, agent.ID, staff.From{Network: "127.0.0.0/24", Agent: "Mozilla/5.0 (demo)"})
	if err != nil {
		return err
	}
	r, err := n.Gate.Ask(ctx, s, gate.Ask{Case: opened.ID, Account: a.ID, Tier: postern.TierAccount, Reason: postern.ReasonSupport, Sentence: v.why, For: 10 * time.Minute})
	if err != nil {
		return err
	}
	shown, err := n.Gate.Reveal(ctx, s, gate.Want{Grant: r.Grant, Tier: postern.TierAccount})
	if err != nil {
		return err
	}
	shown.Done()
	if err := n.Desk.Reply(ctx, s, opened.ID, v.answered); err != nil {
		return err
	}
	return n.Desk.Close(ctx, s, opened.ID)
}
