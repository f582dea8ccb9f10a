package staff

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/staff/throttle"
)

// Proving again: a session says who signed in this morning, and not who sits
// there now. What a policy keeps for people who are there asks for the passkey,
// or the password and a code, once more, and for those of the session's own
// member.

// BeginProof opens a ceremony in which a session's member shows a passkey of
// theirs: options is the JSON for navigator.credentials.get. It writes nothing.
func (d *Directory) BeginProof(ctx context.Context, s Session) (options []byte, state string, err error) {
	if d.party == nil {
		return nil, "", errNoPasskeys
	}
	p, err := d.prover(ctx, s)
	if err != nil {
		return nil, "", err
	}
	if len(p.keys) == 0 {
		return nil, "", errNotAccepted(notFound("staff.unknown.passkey", "the member has no passkey"))
	}
	assertion, data, err := d.party.BeginLogin(p, webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return nil, "", fmt.Errorf("couldn't begin the proof: %w", err)
	}
	return d.hand(assertion, ceremony{Kind: "prove", Staff: s.Staff, Session: s.ID, Expires: millis(d.now().Add(CeremonyLife)), Data: *data})
}

// prover is a session's member with the passkeys that count.
func (d *Directory) prover(ctx context.Context, s Session) (p person, err error) {
	err = d.db.View(ctx, func(tx *db.Tx) error {
		if _, err := d.alive(tx, "s.id = ?1", s.ID); err != nil {
			return err
		}
		if p.m, err = memberIn(tx, s.Staff); err != nil {
			return err
		}
		p.keys, err = keysOf(tx, "c.ended_at IS NULL AND c.staff = ?1", s.Staff, nil)
		return err
	})
	return p, err
}

// FinishProof takes the browser's answer for the session that began the
// ceremony; another's is refused.
func (d *Directory) FinishProof(ctx context.Context, s Session, state string, body []byte, from From) error {
	if d.party == nil {
		return errNoPasskeys
	}
	c, err := d.unseal(state, "prove")
	if err != nil {
		return err
	}
	if c.Session != s.ID || c.Staff != s.Staff {
		return errCeremony
	}
	if len(body) > maxBody {
		return errNotAccepted(errors.New("the answer is too long"))
	}
	answer, err := protocol.ParseCredentialRequestResponseBytes(body)
	if err != nil {
		return errNotAccepted(err)
	}
	from = from.bounded()
	p, err := d.prover(ctx, s)
	if err != nil {
		return err
	}
	stored, err := d.keyOf(ctx, answer.RawID, from)
	if err != nil {
		return err
	}
	e := d.proofEvent(s, from, methodPasskey, resultWrong)
	e.Credential = stored.id
	key, err := d.party.ValidateLogin(p, c.Data, answer)
	if err != nil || stored.m.ID != s.Staff {
		return errors.Join(errNotAccepted(err), d.note(ctx, e))
	}
	if key.Authenticator.CloneWarning {
		e.Result = resultCloned
		return errors.Join(denied(KeyCloned, "the passkey's counter went backwards: there may be a copy of it"), d.note(ctx, e))
	}
	return d.db.Update(ctx, func(tx *db.Tx) error {
		if err := d.answered(tx, c); err != nil {
			return err
		}
		if err := d.used(tx, stored.id, key); err != nil {
			return err
		}
		e.Result = resultProved
		return d.proved(tx, s, e)
	})
}

// ProvePassword is the fallback: the password and a fresh code of the session's
// member. Guesses are counted with those at the sign-in.
func (d *Directory) ProvePassword(ctx context.Context, s Session, pass, code string, from From) error {
	from = from.bounded()
	turn, err := d.hasher.Turn(ctx)
	if err != nil {
		return fmt.Errorf("couldn't check the proof: %w", err)
	}
	defer turn.End()
	subjects := throttle.Of(s.Login, from.Network)
	p, err := d.passwordOf(ctx, s.Login, subjects, from)
	if err != nil {
		return err
	}
	e := d.proofEvent(s, from, methodPassword, resultWrong)
	right := turn.Verify(p.hash, bounded(pass))
	step, match := matchCode(p.secret, code, d.now())
	if !right || !match || p.staff != s.Staff {
		return d.refuse(ctx, subjects, e)
	}
	e.Credential = p.id
	replayed := false
	err = d.db.Update(ctx, func(tx *db.Tx) error {
		var only, ended int64
		if err := tx.Row(`SELECT o.passkey_only, CASE WHEN c.ended_at IS NULL THEN 0 ELSE 1 END
			FROM staff_organisation o, staff_credential c WHERE o.id = ?1 AND c.id = ?2`, db.Args(s.Organisation, p.id), &only, &ended); err != nil {
			return err
		}
		switch {
		case only == 1:
			return denied(KeyPasskeyOnly, "the organisation takes passkeys alone")
		case ended == 1:
			return denied(KeyCredentialEnded, "the credential was ended")
		}
		n, err := tx.Exec("UPDATE staff_credential SET totp_step = ?2 WHERE id = ?1 AND totp_step < ?2", p.id, step)
		if err != nil {
			return err
		}
		if replayed = n == 0; replayed {
			return nil
		}
		e.Result = resultProved
		if err := d.proved(tx, s, e); err != nil {
			return err
		}
		return subjects.Succeeded(tx)
	})
	if err == nil && replayed {
		e.Result = resultReplayed
		return d.refuse(ctx, subjects, e)
	}
	return err
}

// Prove takes the word of whoever clicks: in the demo alone.
func (m *Demo) Prove(ctx context.Context, s Session, from From) error {
	return m.d.db.Update(ctx, func(tx *db.Tx) error {
		return m.d.proved(tx, s, m.d.proofEvent(s, from.bounded(), methodDemo, resultProved))
	})
}

// proved writes that a session's member is there.
func (d *Directory) proved(tx *db.Tx, s Session, e Event) error {
	if err := tx.LockShared(containment); err != nil {
		return err
	}
	if _, err := d.alive(tx, "s.id = ?1", s.ID); err != nil {
		return err
	}
	if err := tx.ExecOne("UPDATE staff_session SET proved = ?2 WHERE id = ?1", s.ID, millis(d.now())); err != nil {
		return err
	}
	return d.event(tx, e)
}

func (d *Directory) proofEvent(s Session, from From, method, result string) Event {
	return Event{At: d.now(), Staff: s.Staff, Organisation: s.Organisation, Credential: s.Credential, Session: s.ID,
		Network: from.Network, Agent: from.Agent, Method: method, Result: result}
}
