package node

import (
	"context"
	"errors"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger"
)

// EraseIn asks to erase a person.
type EraseIn struct {
	Address string `json:"address"`
	Now     bool   `json:"now"`    // without the time to take it back
	Cancel  bool   `json:"cancel"` // takes it back
}

// EraseOut says what becomes of it. Account is what an erased person is asked
// about by.
type EraseOut struct {
	Account postern.AccountID `json:"account"`
	Address string            `json:"address"`
	Due     time.Time         `json:"due,omitzero"`
	ByOwner bool              `json:"by_owner"`
	Erased  bool              `json:"erased"`
}

func eraseAccount(ctx context.Context, n *Node, in EraseIn, _ report) (EraseOut, error) {
	a, err := n.Accounts.ByAddress(ctx, in.Address)
	if err != nil {
		return EraseOut{}, err
	}
	out := EraseOut{Account: a.ID, Address: a.Address}
	if in.Cancel {
		return out, n.Accounts.CancelErasure(ctx, a.ID)
	}
	due := n.now()
	if !in.Now {
		due = due.Add(n.cfg.Mail.EraseAfter.Duration)
	}
	e, err := n.Accounts.AskErasure(ctx, a.ID, due, false)
	if err != nil {
		return out, err
	}
	if out.Due = e.Due; in.Now {
		out.Erased = true
		return out, n.erase(ctx, a.ID)
	}
	return out, nil
}

func listErasures(ctx context.Context, n *Node, _ struct{}, _ report) ([]EraseOut, error) {
	all, err := n.Accounts.Erasures(ctx, time.Time{})
	if err != nil {
		return nil, err
	}
	list := []EraseOut{}
	for _, e := range all {
		a, err := n.Accounts.ByID(ctx, e.Account)
		if err != nil && postern.KindOf(err) != postern.NotFound {
			return nil, err
		}
		list = append(list, EraseOut{Account: e.Account, Address: a.Address, Due: e.Due, ByOwner: e.ByOwner})
	}
	return list, nil
}

// erase removes a person from every plane (GDPR Art. 17). Each step may be done
// again: killed at any moment, the request is still there and is worked through
// once more, and its own row goes last. Conflict while a legal hold runs.
func (n *Node) erase(ctx context.Context, id postern.AccountID) error {
	if err := n.Gate.EndAccount(ctx, id); err != nil {
		return err
	}
	if err := n.Mail.Freeze(ctx, id, true); err != nil && postern.KindOf(err) != postern.NotFound {
		return err
	}
	// The staff plane forgets in one transaction, the secret that links the
	// account's leaves among it.
	err := n.Ledger.DB.Update(ctx, func(tx *db.Tx) error {
		if err := n.History.Forget(tx, id); err != nil {
			return err
		}
		cases, err := n.Cases.Forget(tx, id)
		if err != nil {
			return err
		}
		if err := n.Hooks.Forget(tx, cases); err != nil {
			return err
		}
		return n.Ledger.Erase(tx, id)
	})
	if err != nil {
		return err
	}
	if err := n.Response.Forget(ctx, id); err != nil {
		return err
	}
	if err := n.Queue.Forget(ctx, id); err != nil {
		return err
	}
	if err := n.Mail.Erase(ctx, id); err != nil {
		return err
	}
	if err := n.Accounts.Forget(ctx, id); err != nil {
		return err
	}
	n.log.Info("an account was erased", "account", id)
	return nil
}

// tidyEvery is how often due erasures and old records are looked for.
const tidyEvery = 10 * time.Minute

// tidy erases who is due and destroys records past their time, until ctx ends.
func (n *Node) tidy(ctx context.Context) error {
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	for {
		if err := n.Tidy(ctx); err != nil && ctx.Err() == nil {
			n.log.Error("couldn't erase what is due; it will be tried again", "err", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Tidy erases who is due now, and destroys records past their time.
func (n *Node) Tidy(ctx context.Context) error {
	due, err := n.Accounts.Erasures(ctx, n.now())
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range due {
		if err := n.erase(ctx, e.Account); err != nil && postern.KeyOf(err) != "gate.conflict.held" {
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, n.retire(ctx))...)
}

// retire destroys records that are older than the config keeps them, but not of
// accounts over which a legal hold runs.
func (n *Node) retire(ctx context.Context) error {
	keep := n.cfg.Ledger.KeepRecords.Duration
	if keep == 0 {
		return nil
	}
	held, err := n.Gate.HeldAccounts(ctx)
	if err != nil {
		return err
	}
	total, err := n.Ledger.Retire(ctx, n.now().Add(-keep), held)
	if total > 0 {
		n.log.Info("records past their time were destroyed", "records", total)
	}
	return err
}

// erased gives the answer about a person who was erased: by the identifier that
// `postern account erase` printed, for nothing else is known of them.
func (n *Node) erasedStatement(ctx context.Context, id postern.AccountID, w ledger.Window) (ledger.Statement, bool, error) {
	_, gone, err := n.Ledger.Erased(ctx, id)
	if err != nil || !gone {
		return ledger.Statement{}, false, nil
	}
	s, err := n.Ledger.Statement(ctx, id, "", w)
	return s, true, err
}

// Erasure says whether the account is to be erased.
func (h help) Erasure(ctx context.Context, id postern.AccountID) (due time.Time, ok bool, err error) {
	e, ok, err := h.n.Accounts.ErasureOf(ctx, id)
	return e.Due, ok, err
}

// AskErasure has the account erased when the time to take it back is over.
func (h help) AskErasure(ctx context.Context, id postern.AccountID) (time.Time, error) {
	e, err := h.n.Accounts.AskErasure(ctx, id, h.n.now().Add(h.n.cfg.Mail.EraseAfter.Duration), true)
	return e.Due, err
}

// CancelErasure takes it back.
func (h help) CancelErasure(ctx context.Context, id postern.AccountID) error {
	return h.n.Accounts.CancelErasure(ctx, id)
}
