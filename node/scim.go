package node

import (
	"context"
	"net/http"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/staff/scim"
)

// directories is the API by which companies' directories keep their staff. It
// stands beside the Desk: programs bring no cookie, so the face's guards against
// foreign pages are none of theirs.
func (n *Node) directories() (http.Handler, error) {
	return scim.New(scim.Parts{Staff: n.Staff, Origin: n.origins.Desk, Log: n.log, Left: n.left})
}

// left ends what hangs on the sessions of a member who has left: grants and
// requests, deliveries and open pages.
func (n *Node) left(ctx context.Context, member postern.StaffID) error {
	sessions, err := n.Staff.SessionsOf(ctx, member)
	if err != nil {
		return err
	}
	return n.Gate.EndSessions(ctx, sessions...)
}
