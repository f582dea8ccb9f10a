package response

import (
	"context"
	"fmt"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/gate"
)

// MemberSession is a session as the feeds tell of it.
type MemberSession struct {
	ID         postern.SessionID
	Staff      postern.StaffID
	Credential postern.CredentialID
	Network    string // the latest new one, else where it was made
	Fresh      bool   // used from a network that was new for its member
	Shown      int    // disclosures
	Deepest    postern.Tier
	Last       time.Time
}

// SessionsOf gives a member's latest sessions, at most 20, so that one can be
// ended by name. Whether they still count is for the gate's Reach to say.
func (r *Response) SessionsOf(ctx context.Context, id postern.StaffID) (all []MemberSession, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		all = nil
		return tx.Rows("SELECT session, staff, credential, network, fresh, shown, deepest, last FROM response_session WHERE staff = ?1 ORDER BY last DESC, session LIMIT 20", db.Args(id),
			func(row db.Scanner) error {
				var s MemberSession
				var fresh, last int64
				err := row.Scan(&s.ID, &s.Staff, &s.Credential, &s.Network, &fresh, &s.Shown, &s.Deepest, &last)
				s.Fresh, s.Last = fresh == 1, moment(last)
				all = append(all, s)
				return err
			})
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't read a member's sessions: %w", err)
	}
	return all, nil
}

// Label says whose a credential or a session is, or what an organisation is
// called: an id tells nobody at three in the morning what was ended.
func (r *Response) Label(ctx context.Context, t gate.Target) (label string, err error) {
	var query string
	switch t.Kind {
	case gate.KindOrganisation:
		all, err := r.staff.Organisations(ctx)
		for _, o := range all {
			if string(o.ID) == t.Subject {
				label = o.Name
			}
		}
		return label, err
	case gate.KindCredential:
		query = "SELECT staff FROM response_session WHERE credential = ?1 LIMIT 1"
	case gate.KindSession:
		query = "SELECT staff FROM response_session WHERE session = ?1 LIMIT 1"
	default:
		return "", nil
	}
	var id postern.StaffID
	err = r.db.View(ctx, func(tx *db.Tx) error {
		return tx.Rows(query, db.Args(t.Subject), func(row db.Scanner) error { return row.Scan(&id) })
	})
	if err != nil || id == "" {
		return "", err
	}
	m, err := r.staff.ByID(ctx, id)
	if isUnknown(err) {
		return "", nil
	}
	return m.Name, err
}
