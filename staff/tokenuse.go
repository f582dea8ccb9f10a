package staff

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/staff/secret"
)

// TokenSession gives the session of an API token's secret, which came with a
// request as "Authorization: Bearer" (RFC 6750, 2.1), and notes its use. It is
// Denied as in [Directory.Alive]: what ends a person's access ends a token's.
// The first use, and the first from each other network, is an event.
func (d *Directory) TokenSession(ctx context.Context, bearer string, from From) (s Session, err error) {
	if !secret.Is(bearer) {
		return s, denied(KeySignedOut, "this is no API token")
	}
	from = from.bounded()
	mark, hash := secret.Hash(bearer)
	var touch, first, moved bool
	var id postern.SessionID
	err = d.db.View(ctx, func(tx *db.Tx) error {
		var kept []byte
		var used *int64
		err := tx.Row("SELECT t.session, t.hash, c.last_used FROM staff_token t JOIN staff_credential c ON c.id = t.credential WHERE t.mark = ?1",
			db.Args(mark), &id, &kept, &used)
		if errors.Is(err, db.ErrNoRows) || err == nil && subtle.ConstantTimeCompare(kept, hash) != 1 {
			id = ""
			return denied(KeySignedOut, "there is no such API token")
		}
		if err != nil {
			return err
		}
		if s, err = d.alive(tx, "s.id = ?1", id); err != nil {
			return err
		}
		if err := unblocked(tx, from); err != nil {
			return err
		}
		touch, first = d.now().Sub(instant(used)) >= touchEvery, used == nil
		if from.Network == "" {
			return nil
		}
		var one int
		err = tx.Row("SELECT 1 FROM staff_session_network WHERE session = ?1 AND network = ?2", db.Args(id, from.Network), &one)
		if errors.Is(err, db.ErrNoRows) {
			moved, err = true, nil
		}
		return err
	})
	if refusal(err) != "" && id != "" {
		return Session{}, errors.Join(err, d.refusedToken(ctx, id, from))
	}
	if err != nil {
		return Session{}, err
	}
	if !touch && !moved {
		return s, nil
	}
	err = d.db.Update(ctx, func(tx *db.Tx) error {
		if err := tx.LockShared(containment); err != nil {
			return err
		}
		if _, err := tx.Exec("UPDATE staff_credential SET last_used = ?2 WHERE id = ?1", s.Credential, millis(d.now())); err != nil {
			return err
		}
		if _, err := tx.Exec("UPDATE staff_session SET seen = ?2 WHERE id = ?1 AND seen < ?2", id, millis(d.now())); err != nil {
			return err
		}
		added := int64(0)
		if moved {
			if added, err = tx.Exec("INSERT INTO staff_session_network (session, network, at) VALUES (?1, ?2, ?3) ON CONFLICT (session, network) DO NOTHING",
				id, from.Network, millis(d.now())); err != nil {
				return err
			}
		}
		// The block of a network that is new to the token counts at once.
		if s, err = d.alive(tx, "s.id = ?1", id); err != nil {
			return err
		}
		result := resultMoved
		switch {
		case first:
			result = resultOK
		case added == 0:
			return nil
		}
		return d.event(tx, Event{At: d.now(), Staff: s.Staff, Organisation: s.Organisation, Credential: s.Credential, Session: id,
			Network: from.Network, Agent: from.Agent, Method: methodToken, Result: result})
	})
	if err != nil {
		return Session{}, err
	}
	s.Network, s.Agent = from.Network, from.Agent
	return s, nil
}

// refusedToken writes that somebody holds the secret of a token that was ended,
// once in a minute at most.
func (d *Directory) refusedToken(ctx context.Context, id postern.SessionID, from From) error {
	return d.db.Update(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec("UPDATE staff_token SET refused = ?2 WHERE session = ?1 AND refused <= ?3", id, millis(d.now()), millis(d.now().Add(-touchEvery)))
		if err != nil || n == 0 {
			return err
		}
		e := Event{At: d.now(), Network: from.Network, Agent: from.Agent, Method: methodToken, Result: resultRefused}
		if err := tx.Row("SELECT staff, organisation, credential FROM staff_session WHERE id = ?1", db.Args(id), &e.Staff, &e.Organisation, &e.Credential); err != nil {
			return err
		}
		return d.event(tx, e)
	})
}

// Tokens lists API tokens, ended ones too, the newest first: a member's, or
// with an empty id everybody's.
func (d *Directory) Tokens(ctx context.Context, id postern.StaffID) (all []Token, err error) {
	err = d.db.View(ctx, func(tx *db.Tx) error {
		return tx.Rows(`SELECT c.id, s.id, c.staff, c.label, t.scopes, t.mark, t.made_by, c.created, s.expires, c.last_used, COALESCE(c.ended_at, s.ended_at)
			FROM staff_token t JOIN staff_credential c ON c.id = t.credential JOIN staff_session s ON s.id = t.session
			WHERE ?1 = '' OR c.staff = ?1 ORDER BY c.created DESC, c.id`, db.Args(string(id)), func(row db.Scanner) error {
			var t Token
			var scopes string
			var created, expires int64
			var used, ended *int64
			if err := row.Scan(&t.Credential, &t.Session, &t.Staff, &t.Label, &scopes, &t.Mark, &t.MadeBy, &created, &expires, &used, &ended); err != nil {
				return err
			}
			t.Scopes, t.Created, t.Expires = strings.Fields(scopes), moment(created), moment(expires)
			t.LastUsed, t.EndedAt = instant(used), instant(ended)
			all = append(all, t)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't list the API tokens: %w", err)
	}
	return all, nil
}

// EndToken ends a token for good, by its credential's id, its mark, or its
// secret, and gives the sessions that counted until now. It is no containment:
// it accuses nobody, and the ledger does not tell of it.
func (d *Directory) EndToken(ctx context.Context, name string) (t Token, ended []postern.SessionID, err error) {
	if secret.Is(name) {
		name, _ = secret.Hash(name)
	}
	err = d.db.Update(ctx, func(tx *db.Tx) error {
		if err := tx.Lock(containment); err != nil {
			return err
		}
		var id postern.CredentialID
		err := tx.Row("SELECT credential FROM staff_token WHERE credential = ?1 OR mark = ?1", db.Args(name), &id)
		if errors.Is(err, db.ErrNoRows) {
			return notFound("staff.unknown.token", "there is no such API token: `postern staff token list` names them")
		}
		if err != nil {
			return err
		}
		now := d.now()
		if ended, err = d.EndCredential(tx, id, now); err != nil {
			return err
		}
		e := Event{At: now, Credential: id, Method: methodToken, Result: resultEnded}
		if err := tx.Row("SELECT s.staff, s.organisation, s.id FROM staff_session s JOIN staff_token t ON t.session = s.id WHERE t.credential = ?1",
			db.Args(id), &e.Staff, &e.Organisation, &e.Session); err != nil {
			return err
		}
		t = Token{Credential: id, Session: e.Session, Staff: e.Staff, EndedAt: now}
		return d.event(tx, e)
	})
	return t, ended, err
}

// endTokensMadeWith ends the API tokens that were made with a credential: a
// thief may have made them to stay.
func (d *Directory) endTokensMadeWith(tx *db.Tx, id postern.CredentialID, at int64) error {
	_, err := tx.Exec(`UPDATE staff_credential SET ended_at = COALESCE(ended_at, ?2)
		WHERE id IN (SELECT credential FROM staff_token WHERE made_with = ?1)`, id, at)
	return err
}

// endTokensMadeBy ends the API tokens that a member made for others, each with
// an event: somebody will miss it.
func (d *Directory) endTokensMadeBy(tx *db.Tx, id postern.StaffID, at time.Time) error {
	var ended []Event
	err := tx.Rows(`SELECT s.staff, s.organisation, s.credential, s.id FROM staff_session s JOIN staff_token t ON t.session = s.id JOIN staff_credential c ON c.id = t.credential
		WHERE t.made_by = ?1 AND c.staff <> ?1 AND c.ended_at IS NULL AND s.ended_at IS NULL AND s.expires > ?2 ORDER BY s.id`, db.Args(id, millis(at)), func(row db.Scanner) error {
		e := Event{At: at, Method: methodToken, Result: resultEnded}
		err := row.Scan(&e.Staff, &e.Organisation, &e.Credential, &e.Session)
		ended = append(ended, e)
		return err
	})
	if err != nil {
		return err
	}
	if _, err := tx.Exec(`UPDATE staff_credential SET ended_at = COALESCE(ended_at, ?2)
		WHERE id IN (SELECT credential FROM staff_token WHERE made_by = ?1)`, id, millis(at)); err != nil {
		return err
	}
	for _, e := range ended {
		if err := d.event(tx, e); err != nil {
			return err
		}
	}
	return nil
}
