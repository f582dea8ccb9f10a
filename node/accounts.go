package node

import (
	"context"

	"github.com/postern-mail/postern/account"
)

// CreateAccount makes an account and its number in the ledger, so that its
// customer can note the number on the first day: a statement is worth more when
// the number on it was known before anybody had a reason to look.
func (n *Node) CreateAccount(ctx context.Context, a account.New) (account.Account, error) {
	made, err := n.Accounts.Create(ctx, a)
	if err != nil {
		return made, err
	}
	if _, err := n.Ledger.Number(ctx, made.ID); err != nil {
		// The account is there; the number is made when it is first asked for.
		n.log.Warn("a new account has no number in the ledger yet", "err", err)
	}
	return made, nil
}
