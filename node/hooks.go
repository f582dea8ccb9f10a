package node

import (
	"context"
	"net/http"

	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/desk/hooks"
)

// hooks opens what ticket systems talk to. Of the mail plane it learns whose
// account an address is, and how to greet them.
func (n *Node) hooks(ctx context.Context, h *db.Handle) (*hooks.Hooks, error) {
	return hooks.Open(ctx, hooks.Parts{DB: h, Desk: n.Desk, Cases: n.Cases, Staff: n.Staff, Now: n.now, Log: n.log,
		Find: func(ctx context.Context, address string) (hooks.Customer, error) {
			a, err := n.Accounts.ByAddress(ctx, address)
			return hooks.Customer{Account: a.ID, Name: a.Name, Locale: a.Locale}, err
		}})
}

// hooked puts the inbound hooks beside the face: they are signed, and no browser
// sends them, so the face's checks of origins are not theirs.
func (n *Node) hooked(face http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /hooks/in/{id}", n.Hooks.Handler())
	mux.Handle("/", face)
	return mux
}
