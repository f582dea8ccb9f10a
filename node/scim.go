package node

import (
	"context"
	"net/http"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/staff/scim"
)

// directories is the API by which companies' directories keep their staff. It
// stands beside the Desk: programs bring no cookie, so the face's guards against
// foreign pages are none of theirs.
func (n *Node) directories() (http.Handler, error) {
	return scim.New(scim.Parts{Staff: n.Staff, Origin: n.origins.Desk, Log: n.log, Leaving: n.endSessions})
}

// endSessions ends a member's sessions through the gate, which ends their grants
// and requests and cuts their open pages.
func (n *Node) endSessions(ctx context.Context, member postern.StaffID) error {
	sessions, err := n.Staff.SessionsOf(ctx, member)
	if err != nil {
		return err
	}
	for _, id := range sessions {
		if err := n.Gate.EndSession(ctx, staff.Session{ID: id, Staff: member}); err != nil {
			return err
		}
	}
	return nil
}
