package staff

import (
	"io"
	"log/slog"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/db/open"
	"github.com/postern-mail/postern/password"
	"github.com/postern-mail/postern/testkit/engine"
)

// clock is a settable time.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// house is a directory with two organisations and some members.
type house struct {
	*Directory
	clock *clock
	h     *db.Handle
}

const (
	origin    = "https://desk.example"
	home      = "203.0.113.0/24"
	elsewhere = "198.51.100.0/24"
)

func newHouse(t testing.TB, h *db.Handle, more ...func(*Parts)) *house {
	t.Helper()
	c := &clock{t: time.Date(2026, 5, 14, 9, 0, 0, 0, time.UTC)}
	p := Parts{DB: h, Now: c.now, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), RPID: "desk.example", RPName: "Desk", Origins: []string{origin}, Cost: password.Cheap()}
	for _, f := range more {
		f(&p)
	}
	d, err := Open(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []Organisation{{ID: "provider", Name: "Outlook Example", Kind: "provider"}, {ID: "helpline", Name: "Helpline", Kind: "outsourcer"}} {
		if err := d.CreateOrganisation(t.Context(), o); err != nil && postern.KindOf(err) != postern.Conflict {
			t.Fatal(err)
		}
	}
	return &house{d, c, h}
}

// each runs f on every engine with a fresh house.
func each(t *testing.T, f func(t *testing.T, h *house)) {
	t.Helper()
	engine.Each(t, func(t *testing.T, o engine.Open) { f(t, newHouse(t, o(open.Staff))) })
}

// hire makes a member who has a password and an authenticator.
type hired struct {
	Member
	credential postern.CredentialID
	secret     string
}

const pass = "a pass phrase"

func (h *house) hire(t testing.TB, login string, o postern.OrganisationID, roles ...Role) hired {
	t.Helper()
	if len(roles) == 0 {
		roles = []Role{Agent}
	}
	m, err := h.CreateMember(t.Context(), NewMember{Login: login, Name: "Somebody " + login, Locale: "fr", Organisation: o, Roles: roles})
	if err != nil {
		t.Fatal(err)
	}
	c, otpauth, err := h.SetPassword(t.Context(), m.ID, pass)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(otpauth)
	if err != nil {
		t.Fatal(err)
	}
	return hired{m, c, u.Query().Get("secret")}
}

// code gives the authenticator's digits.
func (h *house) code(t testing.TB, w hired) string {
	t.Helper()
	code, err := totp.GenerateCode(w.secret, h.clock.now())
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// signIn signs in with a fresh code.
func (h *house) signIn(t testing.TB, w hired, from From) (string, Session) {
	t.Helper()
	h.clock.pass(totpPeriod * time.Second)
	token, s, err := h.SignInPassword(t.Context(), w.Login, pass, h.code(t, w), from)
	if err != nil {
		t.Fatal(err)
	}
	return token, s
}

// alive asks as the gate does.
func (h *house) aliveErr(t testing.TB, id postern.SessionID) error {
	t.Helper()
	return h.h.Update(t.Context(), func(tx *db.Tx) error {
		if err := tx.LockShared(containment); err != nil {
			return err
		}
		_, err := h.Alive(tx, id)
		return err
	})
}

// contain runs f as the gate does.
func (h *house) contain(t testing.TB, f func(tx *db.Tx) ([]postern.SessionID, error)) (ended []postern.SessionID) {
	t.Helper()
	err := h.h.Update(t.Context(), func(tx *db.Tx) (err error) {
		if err := tx.Lock(containment); err != nil {
			return err
		}
		ended, err = f(tx)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return ended
}

func wantKey(t testing.TB, err error, key string) {
	t.Helper()
	if got := postern.KeyOf(err); got != key {
		t.Errorf("refused with %q (%v), want %q", got, err, key)
	}
}
