package staff

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

// Credential is one way in of one member, without its secrets.
type Credential struct {
	ID             postern.CredentialID
	Staff          postern.StaffID
	Kind           string // "passkey", "password", "token", "demo"
	Label          string // the member's own word for a passkey
	Created        time.Time
	LastUsed       time.Time // zero: never
	EndedAt        time.Time // zero: it counts
	BackupEligible bool      // a passkey that may be copied to other devices (WebAuthn Level 3, 6.1.3)
}

// CredentialsOf lists a member's ways in, ended ones too, oldest first.
func (d *Directory) CredentialsOf(ctx context.Context, id postern.StaffID) (all []Credential, err error) {
	err = d.db.View(ctx, func(tx *db.Tx) error {
		return tx.Rows(`SELECT id, staff, kind, label, created, last_used, ended_at, backup_eligible
			FROM staff_credential WHERE staff = ?1 ORDER BY created, id`, db.Args(id), func(row db.Scanner) error {
			var c Credential
			var created, eligible int64
			var used, ended *int64
			if err := row.Scan(&c.ID, &c.Staff, &c.Kind, &c.Label, &created, &used, &ended, &eligible); err != nil {
				return err
			}
			c.Created, c.LastUsed, c.EndedAt, c.BackupEligible = moment(created), instant(used), instant(ended), eligible == 1
			all = append(all, c)
			return nil
		})
	})
	return all, err
}

// InviteLife is how long an invitation waits.
const InviteLife = 72 * time.Hour

var errInvitation = notFound("staff.unknown.invitation", "this invitation was used, is too old or never was")

// Invite makes a token with which a member can register a passkey without being
// signed in, once.
func (d *Directory) Invite(ctx context.Context, id postern.StaffID) (token string, err error) {
	if _, err := d.ByID(ctx, id); err != nil {
		return "", err
	}
	token, kept := newToken()
	err = d.db.Update(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec("INSERT INTO staff_invite (token_hash, staff, expires) VALUES (?1, ?2, ?3)", kept, id, millis(d.now().Add(InviteLife)))
		return err
	})
	if err != nil {
		return "", fmt.Errorf("couldn't invite: %w", err)
	}
	return token, nil
}

// Invited gives the member an invitation is for: NotFound when it was used, is
// too old or never was.
func (d *Directory) Invited(ctx context.Context, token string) (m Member, err error) {
	err = d.db.View(ctx, func(tx *db.Tx) error {
		m, err = d.invited(tx, hashToken(token))
		return err
	})
	return m, err
}

func (d *Directory) invited(tx *db.Tx, tokenHash []byte) (Member, error) {
	var staff postern.StaffID
	err := tx.Row("SELECT staff FROM staff_invite WHERE token_hash = ?1 AND used_at IS NULL AND expires > ?2", db.Args(tokenHash, millis(d.now())), &staff)
	if errors.Is(err, db.ErrNoRows) {
		return Member{}, errInvitation
	}
	if err != nil {
		return Member{}, err
	}
	return memberIn(tx, staff)
}

func memberIn(tx *db.Tx, id postern.StaffID) (m Member, err error) {
	err = tx.Rows("SELECT "+memberColumns+" FROM staff_member WHERE id = ?1 AND status = 'active'", db.Args(id), func(row db.Scanner) error {
		m, err = scanMember(row)
		return err
	})
	if err == nil && m.ID == "" {
		err = denied(KeyLeft, "the member of staff is no longer active")
	}
	return m, err
}
