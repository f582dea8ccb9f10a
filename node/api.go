package node

import (
	"context"
	"net/http"

	"github.com/postern-mail/postern/api"
)

// api serves the acts of Desk and Response for programs, on the Desk's origin.
func (n *Node) api() http.Handler {
	return api.New(api.Parts{Staff: n.Staff, Desk: n.Desk, Cases: n.Cases, Gate: n.Gate, Response: n.Response, Ledger: n.Ledger, History: n.History, Log: n.log,
		Customer: func(ctx context.Context, address string) (api.Customer, error) {
			a, err := n.Accounts.ByAddress(ctx, address)
			return api.Customer{Account: a.ID, Address: a.Address, Name: a.Name, Locale: a.Locale}, err
		}})
}
