package staff

import (
	"encoding/json"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/postern-mail/postern"
)

// ceremony is an open passkey ceremony. It travels through the browser under a
// MAC, so that asking for a challenge writes nothing; that an answer is taken
// once only is written when it is taken (staff_answered).
type ceremony struct {
	Kind    string               `json:"kind"` // "register" or "login"
	Staff   postern.StaffID      `json:"staff,omitempty"`
	Invite  []byte               `json:"invite,omitempty"` // the token's hash
	Session postern.SessionID    `json:"session,omitempty"`
	Expires int64                `json:"expires"`
	Data    webauthn.SessionData `json:"data"`
}

// CeremonyLife is how long a person may take over it.
const CeremonyLife = 5 * time.Minute

// maxState and maxBody bound what a browser may hand in.
const (
	maxState = 8 << 10
	maxBody  = 64 << 10
)

var errCeremony = invalid("staff.invalid.ceremony", "this attempt is too old or was changed on the way: start again")

func (d *Directory) seal(c ceremony) (string, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	return d.Seal("ceremony", text), nil
}

func (d *Directory) unseal(state, kind string) (c ceremony, err error) {
	text, ok := d.Unseal("ceremony", state)
	if !ok {
		return c, errCeremony
	}
	if err := json.Unmarshal(text, &c); err != nil || c.Kind != kind || millis(d.now()) >= c.Expires {
		return ceremony{}, errCeremony
	}
	return c, nil
}
