package response

import (
	"context"
	"fmt"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/response/refuse"
)

// How access stands, as far as the gate's containments tell.
const (
	AccessOpen   = "open"   // nobody ended it
	AccessEnded  = "ended"  // ended, and in force
	AccessLifted = "lifted" // ended, and let in again since
)

// Standing says of anything that can be ended how it stands, by its kind and
// subject. It asks the gate, not the incidents: access is ended on the command
// line too, and in other incidents.
type Standing map[[2]string]string

// Of gives how one thing stands.
func (s Standing) Of(kind, subject string) string {
	if how := s[[2]string{kind, subject}]; how != "" {
		return how
	}
	return AccessOpen
}

// Standing reads how everything stands.
func (r *Response) Standing(ctx context.Context) (Standing, error) {
	all, err := r.gate.Containments(ctx)
	if err != nil {
		return nil, fmt.Errorf("couldn't read what was ended: %w", err)
	}
	return standingOf(all), nil
}

func standingOf(all []gate.Containment) Standing {
	s := Standing{}
	for _, c := range all {
		key := [2]string{c.Kind, c.Subject}
		switch {
		case c.LiftedAt.IsZero():
			s[key] = AccessEnded // one that holds is enough
		case s[key] == "":
			s[key] = AccessLifted
		}
	}
	return s
}

// Label says whose a credential or a session is, or what an organisation is
// called: an id tells nobody at three in the morning what was ender.
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
	if refuse.IsUnknown(err) {
		return "", nil
	}
	return m.Name, err
}
