package node

import (
	"context"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/ledger"
)

// StatementIn asks whether staff looked at an account. Zero times mean the widest
// window that can be proved.
type StatementIn struct {
	Address string    `json:"address"`
	From    time.Time `json:"from"`
	Until   time.Time `json:"until"`
	Tier    string    `json:"tier"`
}

// StatementOut is the answer, with the file that proves it.
type StatementOut struct {
	Address string    `json:"address"`
	Number  string    `json:"number"`
	Finding string    `json:"finding"`
	Count   int       `json:"count"`
	From    time.Time `json:"from"`
	Until   time.Time `json:"until"`
	Tier    string    `json:"tier"`
	Issued  time.Time `json:"issued"`
	Erased  time.Time `json:"erased,omitzero"`
	Size    int       `json:"size"` // of the file, in bytes
	File    []byte    `json:"file"`
}

// statement is the ledger's, except for a month with an access that a legal hold
// keeps the customer from hearing of: a statement can't leave it out, so there is
// none until the hold ends.
func (n *Node) statement(ctx context.Context, id postern.AccountID, name string, w ledger.Window) (ledger.Statement, error) {
	kept, err := n.Gate.KeptBack(ctx, id)
	if err != nil {
		return ledger.Statement{}, err
	}
	for grant := range kept {
		for before := int64(0); ; {
			found, err := n.Ledger.Find(ctx, ledger.Filter{Account: id, Grant: grant, DisclosuresOnly: true, Before: before})
			if err != nil {
				return ledger.Statement{}, err
			}
			if len(found) == 0 {
				break
			}
			for _, e := range found {
				before = e.Seq
				at := e.Disclosure.At.UTC()
				month := time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC)
				if w.From.Before(month.AddDate(0, 1, 0)) && w.Until.After(month) {
					return ledger.Statement{}, &postern.Error{Kind: postern.Unavailable, Key: "statement.not-now", Text: "this window can't be proved at present: ask again later, or for other months"}
				}
			}
		}
	}
	return n.Ledger.Statement(ctx, id, name, w)
}

func makeStatement(ctx context.Context, n *Node, in StatementIn, _ report) (StatementOut, error) {
	a, known := n.Accounts.ByAddress(ctx, in.Address)
	tier := postern.TierAccount
	for tier <= postern.TierAttachment && tier.String() != in.Tier {
		tier++
	}
	if tier > postern.TierAttachment {
		return StatementOut{}, invalid("%q is no tier: account, trace, envelope, content or attachment", in.Tier)
	}
	w := ledger.Window{From: in.From, Until: in.Until, Tier: tier}
	if w.From.IsZero() || w.Until.IsZero() {
		from, until, err := n.Ledger.Provable(ctx)
		if err != nil {
			return StatementOut{}, err
		}
		if w.From.IsZero() {
			w.From = from
		}
		if w.Until.IsZero() {
			w.Until = until
		}
	}
	if known != nil {
		s, gone, err := n.erasedStatement(ctx, postern.AccountID(in.Address), w)
		if !gone {
			err = known
		}
		return StatementOut{Address: in.Address, Finding: s.Finding, From: w.From, Until: w.Until, Tier: tier.String(), Issued: s.Issued, Erased: s.Erased, Size: len(s.File), File: s.File}, err
	}
	s, err := n.statement(ctx, a.ID, a.Address, w)
	if err != nil {
		return StatementOut{}, err
	}
	return StatementOut{Address: a.Address, Number: s.Number, Finding: s.Finding, Count: s.Count, From: s.Window.From, Until: s.Window.Until, Tier: tier.String(),
		Issued: s.Issued, Size: len(s.File), File: s.File}, nil
}
