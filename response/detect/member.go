package detect

import (
	"context"
	"fmt"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
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
func (d *Detector) SessionsOf(ctx context.Context, id postern.StaffID) (all []MemberSession, err error) {
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		all = nil
		return tx.Rows("SELECT session, staff, credential, network, fresh, shown, deepest, last FROM response_session WHERE staff = ?1 ORDER BY last DESC, session LIMIT 20", db.Args(id),
			func(row db.Scanner) error {
				var s MemberSession
				var fresh, last int64
				err := row.Scan(&s.ID, &s.Staff, &s.Credential, &s.Network, &fresh, &s.Shown, &s.Deepest, &last)
				s.Fresh, s.Last = fresh == 1, db.Moment(last)
				all = append(all, s)
				return err
			})
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't read a member's sessions: %w", err)
	}
	return all, nil
}

// SessionsFrom gives the sessions that were ever used from these networks, as
// far as the sign-ins tell up to now.
func (d *Detector) SessionsFrom(ctx context.Context, networks []string) (ids []postern.SessionID, err error) {
	if _, err := d.Tick(ctx); err != nil {
		return nil, err
	}
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		ids = nil
		for _, n := range networks {
			err := tx.Rows("SELECT session FROM response_session_network WHERE network = ?1 ORDER BY session", db.Args(n), func(row db.Scanner) error {
				var id postern.SessionID
				err := row.Scan(&id)
				ids = append(ids, id)
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return ids, err
}
