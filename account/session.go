package account

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

// How long a customer stays signed in to the Mail face.
const (
	SessionLife = 30 * 24 * time.Hour
	SessionIdle = 7 * 24 * time.Hour
	touchEvery  = 5 * time.Minute // how often a session's last use is written
)

// Session is one sign-in to the Mail face.
type Session struct {
	ID                     string
	Account                postern.AccountID
	Network, Agent         string
	Created, Seen, Expires time.Time
}

// StartSession makes a session for an account that has just signed in. The
// token is the account's ID and 32 random bytes: the ID says in which part of a
// distributed database to look, the bytes are the secret.
func (a *Accounts) StartSession(ctx context.Context, id postern.AccountID, from From) (token string, s Session, err error) {
	from = from.bounded()
	var b [32]byte
	rand.Read(b[:])
	token = string(id) + "." + base64.RawURLEncoding.EncodeToString(b[:])
	now := moment(millis(a.now()))
	s = Session{ID: postern.NewID(), Account: id, Network: from.Network, Agent: from.Agent, Created: now, Seen: now, Expires: now.Add(SessionLife)}
	err = a.db.Update(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO account_session (account, id, token_hash, network, agent, created, expires, seen)
			VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?6)`, id, s.ID, hashOf(token), s.Network, s.Agent, millis(s.Created), millis(s.Expires))
		return err
	})
	if err != nil {
		return "", Session{}, fmt.Errorf("couldn't start a session: %w", err)
	}
	return token, s, nil
}

var errSignedOut = denied(KeySignedOut, "there is no such session, or it is over")

const sessionColumns = "s.id, s.account, s.network, s.agent, s.created, s.seen, s.expires"

func sessionInto(s *Session, created, seen, expires *int64) []any {
	return []any{&s.ID, &s.Account, &s.Network, &s.Agent, created, seen, expires}
}

// SessionOf gives the account and session of a cookie's token and notes its
// use: Denied when it has ended, is too old, was idle for too long, or the
// account is frozen.
func (a *Accounts) SessionOf(ctx context.Context, token string) (Account, Session, error) {
	id, _, ok := strings.Cut(token, ".")
	if !ok || len(token) > 100 {
		return Account{}, Session{}, errSignedOut
	}
	var s Session
	var acc Account
	now := a.now()
	err := a.db.View(ctx, func(tx *db.Tx) error {
		s = Session{}
		return tx.Rows(`SELECT a.id, a.address, a.name, a.locale, a.status, a.created, a.quota_bytes, `+sessionColumns+`
			FROM account_session s JOIN account_account a ON a.id = s.account
			WHERE s.account = ?1 AND s.token_hash = ?2 AND s.ended_at IS NULL AND s.expires > ?3 AND s.seen > ?4`,
			db.Args(id, hashOf(token), millis(now), millis(now.Add(-SessionIdle))), func(row db.Scanner) (err error) {
				var created, seen, expires int64
				acc, err = scan(row, sessionInto(&s, &created, &seen, &expires)...)
				s.Created, s.Seen, s.Expires = moment(created), moment(seen), moment(expires)
				return err
			})
	})
	switch {
	case err != nil:
		return Account{}, Session{}, fmt.Errorf("couldn't read the session: %w", err)
	case s.ID == "":
		return Account{}, Session{}, errSignedOut
	case acc.Status != Active:
		return Account{}, Session{}, denied(KeyFrozen, "the account is frozen")
	case now.Sub(s.Seen) < touchEvery:
		return acc, s, nil
	}
	err = a.db.Update(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec("UPDATE account_session SET seen = ?3 WHERE account = ?1 AND id = ?2 AND seen < ?3", s.Account, s.ID, millis(now))
		return err
	})
	if err != nil {
		return Account{}, Session{}, fmt.Errorf("couldn't note the session's use: %w", err)
	}
	return acc, s, nil
}

// EndSession ends one session of the account: NotFound when it is not the
// account's. To end it twice is no error.
func (a *Accounts) EndSession(ctx context.Context, id postern.AccountID, session string) error {
	return a.db.Update(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec("UPDATE account_session SET ended_at = COALESCE(ended_at, ?3) WHERE account = ?1 AND id = ?2", id, session, millis(a.now()))
		if err == nil && n == 0 {
			err = &postern.Error{Kind: postern.NotFound, Key: "account.unknown.session", Text: "there is no such session"}
		}
		return err
	})
}

// Sessions lists an account's sessions that count, latest used first.
func (a *Accounts) Sessions(ctx context.Context, id postern.AccountID) (all []Session, err error) {
	now := a.now()
	err = a.db.View(ctx, func(tx *db.Tx) error {
		return tx.Rows("SELECT "+sessionColumns+" FROM account_session s WHERE s.account = ?1 AND s.ended_at IS NULL AND s.expires > ?2 AND s.seen > ?3 ORDER BY s.seen DESC, s.id",
			db.Args(id, millis(now), millis(now.Add(-SessionIdle))), func(row db.Scanner) error {
				var s Session
				var created, seen, expires int64
				err := row.Scan(sessionInto(&s, &created, &seen, &expires)...)
				s.Created, s.Seen, s.Expires = moment(created), moment(seen), moment(expires)
				all = append(all, s)
				return err
			})
	})
	return all, err
}
