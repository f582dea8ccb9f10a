package account

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/password"
)

// The keys of sign-in's refusals.
const (
	KeyWrong     = "account.refused.wrong"
	KeyThrottled = "account.refused.throttled"
	KeyFrozen    = "account.refused.frozen"
	KeySignedOut = "account.refused.signed-out"
)

// Results in the history.
const (
	resultOK     = "ok"
	resultWrong  = "wrong-password"
	resultFrozen = "frozen"
)

// SignIn checks an address and a password, or over IMAP and submission an app
// password, and writes the attempt into the account's history. The refusal of a
// guess is one sentence and costs the same for an address that does not exist.
// Attempts that come too soon after failures are refused unlooked-at.
func (a *Accounts) SignIn(ctx context.Context, address, pass string, from From) (Account, error) {
	from = from.bounded()
	folded, _, err := Fold(address)
	if err != nil {
		folded = "" // nobody's; still costs a hash
	}
	if len(pass) > password.MaxBytes {
		pass = ""
	}
	turn, err := a.hasher.Turn(ctx)
	if err != nil {
		return Account{}, fmt.Errorf("couldn't sign in: %w", err)
	}
	defer turn.End()

	subjects := countsOf(folded, from)
	k, err := a.knownBy(ctx, folded, subjects, from)
	if err != nil {
		return Account{}, err
	}
	app, right := "", false
	if from.Protocol != "web" {
		app, right = k.appPassword(pass)
	}
	if !right {
		right = turn.Verify(k.hash, pass)
	}
	result := resultOK
	switch {
	case !right:
		result = resultWrong
	case k.account.Status == Frozen:
		result = resultFrozen
	}
	err = a.db.Update(ctx, func(tx *db.Tx) error {
		if result == resultWrong {
			if err := a.failed(tx, subjects); err != nil {
				return err
			}
		} else if err := a.succeeded(tx, subjects); err != nil {
			return err
		}
		if app != "" && result == resultOK {
			if _, err := tx.Exec("UPDATE account_app_password SET last_used = ?3 WHERE account = ?1 AND id = ?2", k.account.ID, app, millis(a.now())); err != nil {
				return err
			}
		}
		if k.account.ID == "" {
			return nil
		}
		_, err := tx.Exec("INSERT INTO account_sign_in (account, at, id, protocol, network, agent, result) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
			k.account.ID, millis(a.now()), postern.NewID(), from.Protocol, from.Network, from.Agent, result)
		return err
	})
	switch {
	case err != nil:
		return Account{}, fmt.Errorf("couldn't write the sign-in down: %w", err)
	case result == resultWrong:
		return Account{}, denied(KeyWrong, "the address or the password is wrong")
	case result == resultFrozen:
		return Account{}, denied(KeyFrozen, "the account is frozen")
	}
	return k.account, nil
}

// known is what an address is known by; empty for nobody's.
type known struct {
	account Account
	hash    string
	apps    []appHash
}

// knownBy reads it, unless the attempt comes too early.
func (a *Accounts) knownBy(ctx context.Context, address string, subjects counts, from From) (k known, err error) {
	err = a.db.View(ctx, func(tx *db.Tx) error {
		k = known{}
		err := tx.Rows("SELECT "+columns+", password_hash FROM account_account WHERE address = ?1", db.Args(address), func(row db.Scanner) (err error) {
			k.account, err = scan(row, &k.hash)
			return err
		})
		if err != nil {
			return err
		}
		home := 0
		if k.account.ID != "" {
			err := tx.Row("SELECT 1 FROM account_sign_in WHERE account = ?1 AND network = ?2 AND result = 'ok' LIMIT 1", db.Args(k.account.ID, from.Network), &home)
			if err != nil && !errors.Is(err, db.ErrNoRows) {
				return err
			}
			if k.apps, err = appHashes(tx, k.account.ID); err != nil {
				return err
			}
		}
		wait, err := a.wait(tx, subjects, home > 0)
		if err == nil && wait > 0 {
			err = denied(KeyThrottled, "too many failures: wait before the next attempt")
		}
		return err
	})
	if err != nil && !isDenied(err) {
		err = fmt.Errorf("couldn't sign in: %w", err)
	}
	return k, err
}

// SignIns gives an account's latest attempts, newest first.
func (a *Accounts) SignIns(ctx context.Context, id postern.AccountID, limit int) (all []postern.SignIn, err error) {
	return a.SignInsBefore(ctx, id, time.Time{}, limit)
}

// SignInsBefore is SignIns of those before a time; zero means all.
func (a *Accounts) SignInsBefore(ctx context.Context, id postern.AccountID, before time.Time, limit int) (all []postern.SignIn, err error) {
	until := int64(math.MaxInt64)
	if !before.IsZero() {
		until = before.UnixMilli()
	}
	err = a.db.View(ctx, func(tx *db.Tx) error {
		return tx.Rows("SELECT at, protocol, network, result FROM account_sign_in WHERE account = ?1 AND at < ?3 ORDER BY at DESC, id DESC LIMIT ?2", db.Args(id, limit, until),
			func(row db.Scanner) error {
				var s postern.SignIn
				var at int64
				if err := row.Scan(&at, &s.Protocol, &s.Network, &s.Result); err != nil {
					return err
				}
				s.At = moment(at)
				all = append(all, s)
				return nil
			})
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't read the sign-ins: %w", err)
	}
	return all, nil
}

// compact takes the spaces and hyphens out of an app password that was typed as
// it was shown.
func compact(secret string) string {
	return strings.ToLower(strings.NewReplacer(" ", "", "-", "").Replace(secret))
}
