package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"fmt"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

// AppPassword is a password for one program that reads mail, made here and
// shown once.
type AppPassword struct {
	ID                postern.CredentialID
	Label             string
	Created, LastUsed time.Time // LastUsed zero: never
}

// maxAppPasswords bounds what a sign-in has to compare with.
const maxAppPasswords = 50

// NewAppPassword makes one: 20 letters and digits in groups, 100 random bits,
// which need no slow hash.
func (a *Accounts) NewAppPassword(ctx context.Context, id postern.AccountID, label string) (secret string, err error) {
	label = bound(strings.TrimSpace(label), 100)
	if label == "" {
		return "", invalid("account.invalid.label", "name the program that will use it")
	}
	var b [13]byte
	rand.Read(b[:])
	letters := strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]))[:20]
	err = a.db.Update(ctx, func(tx *db.Tx) error {
		var n int
		if err := tx.Row("SELECT count(*) FROM account_app_password WHERE account = ?1 AND revoked_at IS NULL", db.Args(id), &n); err != nil {
			return err
		}
		if n >= maxAppPasswords {
			return &postern.Error{Kind: postern.Conflict, Key: "account.conflict.app-passwords", Text: fmt.Sprintf("there are %d app passwords: revoke one first", n)}
		}
		_, err := tx.Exec("INSERT INTO account_app_password (account, id, label, secret_hash, created) VALUES (?1, ?2, ?3, ?4, ?5)",
			id, postern.NewID(), label, hashOf(letters), millis(a.now()))
		return err
	})
	if err != nil {
		return "", fmt.Errorf("couldn't make an app password: %w", err)
	}
	return strings.Join([]string{letters[:5], letters[5:10], letters[10:15], letters[15:]}, "-"), nil
}

func hashOf(secret string) []byte {
	h := sha256.Sum256([]byte(secret))
	return h[:]
}

// AppPasswords lists those that count, oldest first.
func (a *Accounts) AppPasswords(ctx context.Context, id postern.AccountID) (all []AppPassword, err error) {
	err = a.db.View(ctx, func(tx *db.Tx) error {
		return tx.Rows("SELECT id, label, created, last_used FROM account_app_password WHERE account = ?1 AND revoked_at IS NULL ORDER BY created, id", db.Args(id),
			func(row db.Scanner) error {
				var p AppPassword
				var created int64
				var used *int64
				if err := row.Scan(&p.ID, &p.Label, &created, &used); err != nil {
					return err
				}
				p.Created, p.LastUsed = moment(created), instant(used)
				all = append(all, p)
				return nil
			})
	})
	return all, err
}

// RevokeAppPassword ends one: NotFound when it is not the account's.
func (a *Accounts) RevokeAppPassword(ctx context.Context, id postern.AccountID, app postern.CredentialID) error {
	return a.db.Update(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec("UPDATE account_app_password SET revoked_at = ?3 WHERE account = ?1 AND id = ?2 AND revoked_at IS NULL", id, app, millis(a.now()))
		if err == nil && n == 0 {
			err = &postern.Error{Kind: postern.NotFound, Key: "account.unknown.app-password", Text: "there is no such app password"}
		}
		return err
	})
}

type appHash struct {
	id   string
	hash []byte
}

func appHashes(tx *db.Tx, id postern.AccountID) (all []appHash, err error) {
	err = tx.Rows("SELECT id, secret_hash FROM account_app_password WHERE account = ?1 AND revoked_at IS NULL", db.Args(id), func(row db.Scanner) error {
		var h appHash
		err := row.Scan(&h.id, &h.hash)
		all = append(all, h)
		return err
	})
	return all, err
}

// appPassword says which of the account's app passwords pass is.
func (k known) appPassword(pass string) (id string, ok bool) {
	got := hashOf(compact(pass))
	for _, h := range k.apps {
		if subtle.ConstantTimeCompare(h.hash, got) == 1 {
			id, ok = h.id, true
		}
	}
	return id, ok
}
