package staff

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
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
	return base64.RawURLEncoding.EncodeToString(text) + "." + base64.RawURLEncoding.EncodeToString(d.mac(text)), nil
}

func (d *Directory) unseal(state, kind string) (c ceremony, err error) {
	// encoding/base64 skips line breaks even when it is strict.
	if len(state) > maxState || strings.ContainsAny(state, "\r\n") {
		return c, errCeremony
	}
	text64, mac64, _ := strings.Cut(state, ".")
	text, err := base64.RawURLEncoding.Strict().DecodeString(text64)
	if err != nil {
		return c, errCeremony
	}
	mac, err := base64.RawURLEncoding.Strict().DecodeString(mac64)
	if err != nil || !hmac.Equal(mac, d.mac(text)) {
		return c, errCeremony
	}
	if err := json.Unmarshal(text, &c); err != nil || c.Kind != kind || millis(d.now()) >= c.Expires {
		return ceremony{}, errCeremony
	}
	return c, nil
}

func (d *Directory) mac(text []byte) []byte {
	h := hmac.New(sha256.New, d.key)
	h.Write([]byte("postern staff ceremony\x00"))
	h.Write(text)
	return h.Sum(nil)
}
