package staff

import (
	"context"
	"errors"
	"fmt"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

// DemoToken is the permission to sign anybody in with one click. It has no
// exported field and no method, so that nothing which reads text can make one:
// no TOML key, flag, environment variable or JSON body ends in a valid token.
// Only [NewDemoToken] does, and only node/demo, which fills a Postern with
// invented people on loopback, calls it; a test of this package reads the tree
// and fails on a second caller. A "demo = true" in a config would be the 2019
// breach as a feature: one line, and every agent is everybody.
type DemoToken struct{ made bool }

// NewDemoToken makes a token. Only node/demo may call it.
func NewDemoToken() *DemoToken { return &DemoToken{made: true} }

// Demo signs people in without a credential of theirs.
type Demo struct{ d *Directory }

// Demo gives the one-click sign-in, nil unless Parts had a token.
func (d *Directory) Demo() *Demo {
	if !d.demo {
		return nil
	}
	return &Demo{d}
}

// SignInAs signs a member in. The session hangs on a credential of kind "demo",
// which can be contained like any other.
func (m *Demo) SignInAs(ctx context.Context, id postern.StaffID, from From) (token string, s Session, err error) {
	token, fresh := newToken()
	err = m.d.db.Update(ctx, func(tx *db.Tx) error {
		var c postern.CredentialID
		err := tx.Row("SELECT id FROM staff_credential WHERE staff = ?1 AND kind = 'demo' ORDER BY created LIMIT 1", db.Args(id), &c)
		if errors.Is(err, db.ErrNoRows) {
			c = postern.CredentialID(postern.NewID())
			_, err = tx.Exec("INSERT INTO staff_credential (id, staff, kind, label, created) VALUES (?1, ?2, 'demo', '', ?3)", c, id, millis(m.d.now()))
		}
		if err != nil {
			return err
		}
		s, err = m.d.begin(tx, fresh, c, from, methodDemo)
		return err
	})
	if err != nil {
		if refusal(err) == "" {
			err = fmt.Errorf("couldn't sign in for the demo: %w", err)
		}
		return "", Session{}, err
	}
	return token, s, nil
}
