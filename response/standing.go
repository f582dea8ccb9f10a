package response

import (
	"context"
	"fmt"
	"slices"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate"
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

// touching gives the containments that ended what a selector names, and those
// that were made for the incident.
func touching(all []gate.Containment, ours []Containment, s Selector) (touch []gate.Containment) {
	for _, c := range all {
		named := slices.ContainsFunc(ours, func(o Containment) bool { return o.Gate == c.ID })
		switch c.Kind {
		case gate.KindCredential:
			named = named || slices.Contains(s.Credentials, postern.CredentialID(c.Subject))
		case gate.KindSession:
			named = named || slices.Contains(s.Sessions, postern.SessionID(c.Subject))
		case gate.KindNetwork:
			named = named || slices.Contains(s.Networks, c.Subject)
		}
		if named {
			touch = append(touch, c)
		}
	}
	return touch
}
