// Package staff is the directory of the people who work at the desk:
// organisations, members, roles, their ways in, their sessions, and the ending
// of all of these.
//
// What it keeps: the tables staff_* of the staff plane: organisations, members,
// credentials (passkeys, and passwords with TOTP), sessions, the networks they
// were used from, a feed of sign-in events, blocked networks. A session's token
// and an invitation's are kept as SHA-256 only; a password as argon2id. A TOTP
// secret has to be kept as it is: who reads the staff plane's database has the
// second factor of the fallback, and not that of a passkey.
//
// Trust: it decides who is signed in and whether a session still counts
// ([Alive]). It never sees a customer or a message, it cannot grant a reveal,
// and it must never log a login name, a token or a secret.
package staff

import (
	"context"
	"crypto/rand"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/password"
	"github.com/postern-mail/postern/staff/device"
	"github.com/postern-mail/postern/staff/hours"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Hours are when a desk is open.
type Hours = hours.Hours

// ParseHours reads them: "Mon-Fri 08:00-18:00 Europe/Paris".
func ParseHours(text string) (Hours, error) { return hours.Parse(text) }

// How long a session lasts: a shift, and a lunch break. The gate's grants are
// shorter by far.
const (
	SessionLife = 8 * time.Hour
	SessionIdle = 30 * time.Minute
)

// Parts is what a Directory is made of.
type Parts struct {
	DB  *db.Handle // the staff plane
	Now func() time.Time
	Log *slog.Logger

	// RPID, RPName and Origins are the relying party of passkeys (WebAuthn
	// Level 3, 5.4.2): the domain, a name the authenticator shows, and the
	// origins whose pages may ask ("https://desk.example"). Without RPID there
	// are no passkeys.
	RPID, RPName string
	Origins      []string

	// Cost of a password's hash; zero means full.
	Cost password.Cost

	// Demo allows one-click sign-in; see [DemoToken].
	Demo *DemoToken
}

// Directory is the open room. It is safe for concurrent use.
type Directory struct {
	db     *db.Handle
	now    func() time.Time
	log    *slog.Logger
	hasher *password.Hasher
	party  *webauthn.WebAuthn // nil: no passkeys
	key    []byte             // seals open ceremonies
	spent  *device.Spent      // proofs of browsers' keys
	hours  sync.Map           // Hours by their text: as many as organisations have
	demo   bool
}

// Open migrates the tables and gives the directory.
func Open(ctx context.Context, p Parts) (*Directory, error) {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	if err := p.DB.Migrate(ctx, "staff", sub); err != nil {
		return nil, err
	}
	d := &Directory{db: p.DB, now: p.Now, log: p.Log, hasher: password.New(p.Cost), spent: device.NewSpent()}
	if p.Demo != nil {
		if !p.Demo.made {
			return nil, errors.New("a demo token that NewDemoToken did not make")
		}
		d.demo = true
	}
	if p.RPID != "" {
		if d.party, err = party(p); err != nil {
			return nil, fmt.Errorf("couldn't set up passkeys for %s: %w", p.RPID, err)
		}
	}
	if d.key, err = d.sealingKey(ctx); err != nil {
		return nil, err
	}
	return d, nil
}

// sealingKey reads the key that all nodes share, and makes it the first time.
func (d *Directory) sealingKey(ctx context.Context) (key []byte, err error) {
	fresh := make([]byte, 32)
	rand.Read(fresh)
	err = d.db.Update(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec("INSERT INTO staff_key (name, key) VALUES ('ceremony', ?1) ON CONFLICT (name) DO NOTHING", fresh); err != nil {
			return err
		}
		return tx.Row("SELECT key FROM staff_key WHERE name = 'ceremony'", nil, &key)
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't read the ceremony key: %w", err)
	}
	return key, nil
}

func millis(t time.Time) int64 { return t.UnixMilli() }

func moment(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// instant gives the time in a column that may be null: zero for null.
func instant(ms *int64) time.Time {
	if ms == nil {
		return time.Time{}
	}
	return moment(*ms)
}

func denied(key, text string) error {
	return &postern.Error{Kind: postern.Denied, Key: key, Text: text}
}

func invalid(key, text string) error {
	return &postern.Error{Kind: postern.Invalid, Key: key, Text: text}
}

func notFound(key, text string) error {
	return &postern.Error{Kind: postern.NotFound, Key: key, Text: text}
}
