package staff

import (
	"context"
	"strings"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

// storedKey is a passkey with its owner.
type storedKey struct {
	id   postern.CredentialID
	m    Member
	keys []webauthn.Credential // the one
}

// storeKey writes a registered passkey, column by column: the library's own
// form may change with its version.
func (d *Directory) storeKey(tx *db.Tx, id postern.CredentialID, staff postern.StaffID, k *webauthn.Credential, label string) error {
	transports := make([]string, len(k.Transport))
	for i, t := range k.Transport {
		transports[i] = string(t)
	}
	n, err := tx.Exec(`INSERT INTO staff_credential (id, staff, kind, label, created, key_id, public_key, attestation, aaguid, transports,
			sign_count, backup_eligible, backed_up)
		VALUES (?1, ?2, 'passkey', ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT (key_id) DO NOTHING`,
		id, staff, label, millis(d.now()), k.ID, k.PublicKey, k.AttestationFormat, k.Authenticator.AAGUID, strings.Join(transports, " "),
		int64(k.Authenticator.SignCount), bit(k.Flags.BackupEligible), bit(k.Flags.BackupState))
	if err == nil && n == 0 {
		err = &postern.Error{Kind: postern.Conflict, Key: "staff.conflict.passkey", Text: "this passkey is registered already"}
	}
	return err
}

// used writes what a sign-in changed. Of two answers at one count, one is a copy.
func (d *Directory) used(tx *db.Tx, id postern.CredentialID, k *webauthn.Credential) error {
	n, err := tx.Exec("UPDATE staff_credential SET sign_count = ?2, backed_up = ?3 WHERE id = ?1 AND (sign_count < ?2 OR ?2 = 0 AND sign_count = 0)",
		id, int64(k.Authenticator.SignCount), bit(k.Flags.BackupState))
	if err == nil && n == 0 {
		err = denied(KeyCloned, "the passkey's counter went backwards: there may be a copy of it")
	}
	return err
}

// keyOf finds the passkey of an answer.
func (d *Directory) keyOf(ctx context.Context, keyID []byte, from From) (k storedKey, err error) {
	err = d.db.View(ctx, func(tx *db.Tx) error {
		if err := unblocked(tx, from); err != nil {
			return err
		}
		k.keys, err = keysOf(tx, "c.key_id = ?1", keyID, &k)
		return err
	})
	if err == nil && len(k.keys) == 0 {
		err = errNotAccepted(notFound("staff.unknown.passkey", "there is no such passkey"))
	}
	return k, err
}

func keysOf(tx *db.Tx, where string, arg any, owner *storedKey) (keys []webauthn.Credential, err error) {
	err = tx.Rows(`SELECT c.id, c.key_id, c.public_key, c.attestation, c.aaguid, c.transports, c.sign_count, c.backup_eligible, c.backed_up,
			m.id, m.login, m.name, m.organisation
		FROM staff_credential c JOIN staff_member m ON m.id = c.staff WHERE c.kind = 'passkey' AND `+where, db.Args(arg), func(row db.Scanner) error {
		var o storedKey
		var k webauthn.Credential
		var transports string
		var count, eligible, backed int64
		if err := row.Scan(&o.id, &k.ID, &k.PublicKey, &k.AttestationFormat, &k.Authenticator.AAGUID, &transports, &count, &eligible, &backed,
			&o.m.ID, &o.m.Login, &o.m.Name, &o.m.Organisation); err != nil {
			return err
		}
		for _, t := range strings.Fields(transports) {
			k.Transport = append(k.Transport, protocol.AuthenticatorTransport(t))
		}
		k.Authenticator.SignCount = uint32(count)
		k.Flags = webauthn.CredentialFlags{UserPresent: true, UserVerified: true, BackupEligible: eligible == 1, BackupState: backed == 1}
		keys = append(keys, k)
		if owner != nil {
			*owner = o
		}
		return nil
	})
	return keys, err
}
