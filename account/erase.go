package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

// Erasure is an account's that is to be erased.
type Erasure struct {
	Account    postern.AccountID
	Asked, Due time.Time
	ByOwner    bool // the customer asked; else the provider did
}

// AskErasure has an account erased at a time, unless it is taken back before.
// Asking again moves the time.
func (a *Accounts) AskErasure(ctx context.Context, id postern.AccountID, due time.Time, byOwner bool) (Erasure, error) {
	e := Erasure{id, a.now(), due, byOwner}
	owner := 0
	if byOwner {
		owner = 1
	}
	err := a.db.Update(ctx, func(tx *db.Tx) error {
		var n int64
		if err := tx.Row("SELECT count(*) FROM account_account WHERE id = ?1", db.Args(id), &n); err != nil {
			return err
		}
		if n == 0 {
			return &postern.Error{Kind: postern.NotFound, Text: "there is no such account"}
		}
		_, err := tx.Exec(`INSERT INTO account_erasure (account, asked, due, owner) VALUES (?1, ?2, ?3, ?4)
			ON CONFLICT (account) DO UPDATE SET asked = excluded.asked, due = excluded.due, owner = excluded.owner`, id, millis(e.Asked), millis(due), owner)
		return err
	})
	return e, err
}

// CancelErasure keeps an account that was to be erased. NotFound when it was not.
func (a *Accounts) CancelErasure(ctx context.Context, id postern.AccountID) error {
	return a.db.Update(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec("DELETE FROM account_erasure WHERE account = ?1", id)
		if err == nil && n == 0 {
			err = &postern.Error{Kind: postern.NotFound, Text: "this account is not to be erased"}
		}
		return err
	})
}

// ErasureOf says whether an account is to be erased.
func (a *Accounts) ErasureOf(ctx context.Context, id postern.AccountID) (e Erasure, ok bool, err error) {
	all, err := a.erasures(ctx, "account = ?1", id)
	if err != nil || len(all) == 0 {
		return e, false, err
	}
	return all[0], true, nil
}

// Erasures lists what is to be erased, the next first: those that are due by a
// time, or all for a zero time.
func (a *Accounts) Erasures(ctx context.Context, by time.Time) ([]Erasure, error) {
	if by.IsZero() {
		return a.erasures(ctx, "1 = 1")
	}
	return a.erasures(ctx, "due <= ?1", millis(by))
}

func (a *Accounts) erasures(ctx context.Context, where string, args ...any) (all []Erasure, err error) {
	err = a.db.View(ctx, func(tx *db.Tx) error {
		return tx.Rows("SELECT account, asked, due, owner FROM account_erasure WHERE "+where+" ORDER BY due, account", args, func(row db.Scanner) error {
			var e Erasure
			var asked, due, owner int64
			if err := row.Scan(&e.Account, &asked, &due, &owner); err != nil {
				return err
			}
			e.Asked, e.Due, e.ByOwner = moment(asked), moment(due), owner == 1
			all = append(all, e)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't read who is to be erased: %w", err)
	}
	return all, nil
}

// Forget removes an account and everything of it in this room, last of all the
// request to do so. An account that is gone already is no error.
func (a *Accounts) Forget(ctx context.Context, id postern.AccountID) error {
	if id == "" {
		return errors.New("to forget needs an account")
	}
	return a.db.Update(ctx, func(tx *db.Tx) error {
		for _, table := range []string{"account_app_password", "account_session", "account_sign_in", "account_erasure"} {
			if _, err := tx.Exec("DELETE FROM "+table+" WHERE account = ?1", id); err != nil {
				return err
			}
		}
		_, err := tx.Exec("DELETE FROM account_account WHERE id = ?1", id)
		return err
	})
}
