package staff

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/password"
	"github.com/postern-mail/postern/staff/throttle"
)

// SetPassword gives a member the fallback way in: a password and a TOTP secret
// (RFC 6238), together one credential, in place of any earlier one, whose
// sessions end. The otpauth: URL goes to the member's authenticator, once.
func (d *Directory) SetPassword(ctx context.Context, id postern.StaffID, pass string) (c postern.CredentialID, otpauth string, err error) {
	if err := passwordFlaw(pass); err != nil {
		return "", "", err
	}
	m, err := d.ByID(ctx, id)
	if err != nil {
		return "", "", err
	}
	hash, err := d.hasher.Hash(ctx, pass)
	if err != nil {
		return "", "", fmt.Errorf("couldn't hash the password: %w", err)
	}
	key, err := totp.Generate(totp.GenerateOpts{Issuer: "Postern", AccountName: m.Login, SecretSize: 20})
	if err != nil {
		return "", "", fmt.Errorf("couldn't make a TOTP secret: %w", err)
	}
	c = postern.CredentialID(postern.NewID())
	err = d.db.Update(ctx, func(tx *db.Tx) error {
		if err := tx.Lock(containment); err != nil {
			return err
		}
		// The old row stays, for the ledger's sake; lifting a containment from
		// it must not bring the old password back.
		if _, err := tx.Exec(`UPDATE staff_credential SET ended_at = COALESCE(ended_at, ?2), password_hash = NULL, totp_secret = NULL
			WHERE staff = ?1 AND kind = 'password'`, id, millis(d.now())); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO staff_credential (id, staff, kind, label, created, password_hash, totp_secret)
			VALUES (?1, ?2, 'password', '', ?3, ?4, ?5)`, c, id, millis(d.now()), hash, key.Secret())
		return err
	})
	if err != nil {
		return "", "", fmt.Errorf("couldn't set the password: %w", err)
	}
	return c, key.URL(), nil
}

func passwordFlaw(pass string) error {
	switch password.Check(pass) {
	case password.TooShort:
		return invalid("staff.invalid.password-short", fmt.Sprintf("a password has at least %d characters", password.MinCharacters))
	case password.TooLong:
		return invalid("staff.invalid.password-long", fmt.Sprintf("a password has at most %d bytes", password.MaxBytes))
	case password.NotText:
		return invalid("staff.invalid.password-text", "a password is text in UTF-8")
	}
	return nil
}

// The keys of sign-in's refusals; Alive's may follow a right password.
const (
	KeyWrong     = "staff.refused.wrong"
	KeyThrottled = "staff.refused.throttled"
)

// SignInPassword signs in with the fallback. Every refusal of a guess is one
// sentence, whatever of the three was wrong, and costs the same for a login
// that does not exist.
func (d *Directory) SignInPassword(ctx context.Context, login, pass, code string, from From) (token string, s Session, err error) {
	// First, so that a proof which does not count costs no code and no guess.
	if from, err = d.proven(from); err != nil {
		return "", Session{}, err
	}
	login = strings.ToLower(strings.TrimSpace(login))
	if !loginForm.MatchString(login) {
		login = "" // no member's; still costs a hash
	}
	pass = bounded(pass)
	turn, err := d.hasher.Turn(ctx)
	if err != nil {
		return "", Session{}, fmt.Errorf("couldn't sign in: %w", err)
	}
	defer turn.End()

	subjects := throttle.Of(login, from.Network)
	p, err := d.passwordOf(ctx, login, subjects, from)
	if err != nil {
		return "", Session{}, err
	}
	right := turn.Verify(p.hash, pass)
	step, match := matchCode(p.secret, code, d.now())
	if !right || !match {
		return "", Session{}, d.refuse(ctx, subjects, p.event(from, d.now(), resultWrong))
	}
	token, fresh := newToken()
	replayed := false
	err = d.db.Update(ctx, func(tx *db.Tx) error {
		replayed = false
		// RFC 6238, 5.2: a code is taken once. The step only rises.
		n, err := tx.Exec("UPDATE staff_credential SET totp_step = ?2 WHERE id = ?1 AND totp_step < ?2", p.id, step)
		if err != nil {
			return err
		}
		if replayed = n == 0; replayed {
			return nil
		}
		if s, err = d.begin(tx, fresh, p.id, from, methodPassword); err != nil {
			return err
		}
		return subjects.Succeeded(tx)
	})
	switch {
	case err == nil && replayed:
		return "", Session{}, d.refuse(ctx, subjects, p.event(from, d.now(), resultReplayed))
	case refusal(err) != "":
		return "", Session{}, errors.Join(err, d.note(ctx, p.event(from, d.now(), resultRefused)))
	case err != nil:
		return "", Session{}, fmt.Errorf("couldn't sign in: %w", err)
	}
	return token, s, nil
}

// bounded gives the password, or one that is nobody's for one too long.
func bounded(pass string) string {
	if len(pass) > password.MaxBytes {
		return ""
	}
	return pass
}

// passwordRow is what a login's password credential holds; empty for none.
type passwordRow struct {
	id           postern.CredentialID
	staff        postern.StaffID
	organisation postern.OrganisationID
	hash, secret string
}

func (p passwordRow) event(from From, at time.Time, result string) Event {
	return Event{At: at, Staff: p.staff, Organisation: p.organisation, Credential: p.id, Network: from.Network, Agent: from.Agent,
		Method: methodPassword, Result: result}
}

// passwordOf reads the login's credential, unless the attempt comes too early
// or from a blocked network.
func (d *Directory) passwordOf(ctx context.Context, login string, subjects throttle.Counts, from From) (p passwordRow, err error) {
	err = d.db.View(ctx, func(tx *db.Tx) error {
		var known int
		err := tx.Row(`SELECT c.id, m.id, m.organisation, COALESCE(c.password_hash, ''), COALESCE(c.totp_secret, ''),
			(SELECT count(*) FROM staff_network_known k WHERE k.staff = m.id AND k.network = ?2)
			FROM staff_member m JOIN staff_credential c ON c.staff = m.id
			WHERE m.login = ?1 AND c.kind = 'password' AND c.password_hash IS NOT NULL`, db.Args(login, from.Network),
			&p.id, &p.staff, &p.organisation, &p.hash, &p.secret, &known)
		if err != nil && !errors.Is(err, db.ErrNoRows) {
			return err
		}
		if err := unblocked(tx, from); err != nil {
			return err
		}
		wait, err := subjects.Wait(tx, d.now(), known > 0)
		if err == nil && wait > 0 {
			err = denied(KeyThrottled, "too many failures: wait before the next attempt")
		}
		return err
	})
	return p, err
}

func unblocked(tx *db.Tx, from From) error {
	var one int
	err := tx.Row("SELECT 1 FROM staff_network_block WHERE network = ?1", db.Args(from.Network), &one)
	if errors.Is(err, db.ErrNoRows) {
		return deviceUnblocked(tx, from.key)
	}
	if err != nil {
		return err
	}
	return denied(KeyNetworkBlocked, "the network is blocked")
}

func deviceUnblocked(tx *db.Tx, key string) error {
	if key == "" {
		return nil
	}
	var one int
	err := tx.Row("SELECT 1 FROM staff_device_block WHERE device = ?1", db.Args(key), &one)
	if errors.Is(err, db.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return denied(KeyDeviceBlocked, "this browser's key is blocked")
}

// refuse counts a failure, writes the event and gives the one sentence.
func (d *Directory) refuse(ctx context.Context, subjects throttle.Counts, e Event) error {
	err := d.db.Update(ctx, func(tx *db.Tx) error {
		if err := subjects.Failed(tx, d.now()); err != nil {
			return err
		}
		return d.event(tx, e)
	})
	if err != nil {
		return fmt.Errorf("couldn't write the failure down: %w", err)
	}
	return denied(KeyWrong, "the login, the password or the code is wrong")
}

// note writes an event on its own.
func (d *Directory) note(ctx context.Context, e Event) error {
	return d.db.Update(ctx, func(tx *db.Tx) error { return d.event(tx, e) })
}

const totpPeriod = 30 // seconds, RFC 6238, 5.2

// nobodysSecret is computed with where there is none, to take the same time.
const nobodysSecret = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// matchCode compares code with those of the step before, this one and the next,
// all three in the same time, and gives the step it belongs to.
func matchCode(secret, code string, now time.Time) (step int64, ok bool) {
	known := secret != ""
	if !known {
		secret = nobodysSecret
	}
	code = strings.ReplaceAll(strings.TrimSpace(code), " ", "")
	current := now.Unix() / totpPeriod
	for s := current - 1; s <= current+1; s++ {
		want, err := hotp.GenerateCodeCustom(secret, uint64(s), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err != nil {
			return 0, false
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			step, ok = s, true
		}
	}
	return step, ok && known
}
