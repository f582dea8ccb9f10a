// Package account is the directory of customers and their ways in: addresses,
// passwords, app passwords, sessions, the history of sign-ins.
//
// What it keeps: the tables account_* of the mail plane. A session's token and
// an app password, random both, are kept as SHA-256; a password as argon2id.
//
// Trust: it decides who is a customer and who is signed in. It knows nothing of
// staff: no member of staff can sign in here, and no table joins the two. It
// must never log an address, a token or a secret.
package account

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/password"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Parts is what Accounts are made of.
type Parts struct {
	DB  *db.Handle // the mail plane
	Now func() time.Time
	Log *slog.Logger

	// Cost of a password's hash; zero means full.
	Cost password.Cost
}

// Accounts is the open room. It is safe for concurrent use.
type Accounts struct {
	db     *db.Handle
	now    func() time.Time
	log    *slog.Logger
	hasher *password.Hasher
}

// Open migrates the tables and gives the directory.
func Open(ctx context.Context, p Parts) (*Accounts, error) {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	if err := p.DB.Migrate(ctx, "account", sub); err != nil {
		return nil, err
	}
	return &Accounts{db: p.DB, now: p.Now, log: p.Log, hasher: password.New(p.Cost)}, nil
}

// The standings of an account.
const (
	Active = "active"
	Frozen = "frozen" // no sign-in; mail is still accepted and kept
)

// Account is a customer's account.
type Account struct {
	ID         postern.AccountID
	Address    string // folded: "ana@outlook.example"
	Name       string
	Locale     string // "fr" or "en"
	Status     string // Active or Frozen
	Created    time.Time
	QuotaBytes int64
}

// New is what Create needs. Without a Password nobody can sign in yet.
type New struct {
	Address, Name, Locale, Password string
	QuotaBytes                      int64 // 0: DefaultQuota
}

// DefaultQuota is what an account may hold unless it is told otherwise.
const DefaultQuota = 15 << 30

// Create adds an account, and hosts its domain if that is new: Invalid, or
// Conflict when the address is taken.
func (a *Accounts) Create(ctx context.Context, n New) (Account, error) {
	address, domain, err := Fold(n.Address)
	if err != nil {
		return Account{}, err
	}
	if n.Locale == "" {
		n.Locale = "en"
	}
	if n.QuotaBytes == 0 {
		n.QuotaBytes = DefaultQuota
	}
	acc := Account{ID: postern.AccountID(postern.NewID()), Address: address, Name: strings.TrimSpace(n.Name), Locale: n.Locale,
		Status: Active, Created: moment(millis(a.now())), QuotaBytes: n.QuotaBytes}
	switch {
	case len(acc.Name) > 200:
		return Account{}, invalid("account.invalid.name", "a name has at most 200 bytes")
	case acc.Locale != "fr" && acc.Locale != "en":
		return Account{}, invalid("account.invalid.locale", "a locale is \"fr\" or \"en\"")
	case acc.QuotaBytes < 0:
		return Account{}, invalid("account.invalid.quota", "a quota is a number of bytes above zero")
	}
	hash := ""
	if n.Password != "" {
		if hash, err = a.hash(ctx, n.Password); err != nil {
			return Account{}, err
		}
	}
	err = a.db.Update(ctx, func(tx *db.Tx) error {
		if err := addDomain(tx, domain, a.now()); err != nil {
			return err
		}
		n, err := tx.Exec(`INSERT INTO account_account (id, address, name, locale, status, created, quota_bytes, password_hash)
			VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (address) DO NOTHING`,
			acc.ID, acc.Address, acc.Name, acc.Locale, acc.Status, millis(acc.Created), acc.QuotaBytes, hash)
		if err == nil && n == 0 {
			err = &postern.Error{Kind: postern.Conflict, Key: "account.conflict.address", Text: "there is an account with this address already"}
		}
		return err
	})
	if err != nil {
		return Account{}, err
	}
	return acc, nil
}

const columns = "id, address, name, locale, status, created, quota_bytes"

func scan(row db.Scanner, more ...any) (acc Account, err error) {
	var created int64
	err = row.Scan(append([]any{&acc.ID, &acc.Address, &acc.Name, &acc.Locale, &acc.Status, &created, &acc.QuotaBytes}, more...)...)
	acc.Created = moment(created)
	return acc, err
}

// ByID gives an account: NotFound when there is none.
func (a *Accounts) ByID(ctx context.Context, id postern.AccountID) (Account, error) {
	return a.one(ctx, "SELECT "+columns+" FROM account_account WHERE id = ?1", string(id))
}

// ByAddress gives an account by address, whatever its case.
func (a *Accounts) ByAddress(ctx context.Context, address string) (Account, error) {
	folded, _, err := Fold(address)
	if err != nil {
		return Account{}, errUnknown
	}
	return a.one(ctx, "SELECT "+columns+" FROM account_account WHERE address = ?1", folded)
}

var errUnknown = &postern.Error{Kind: postern.NotFound, Key: "account.unknown", Text: "there is no such account"}

func (a *Accounts) one(ctx context.Context, query, arg string) (acc Account, err error) {
	all, err := a.list(ctx, query, arg)
	if err == nil && len(all) == 0 {
		err = errUnknown
	}
	if err != nil {
		return Account{}, err
	}
	return all[0], nil
}

// List gives accounts in the order of their addresses, those after one; ""
// begins.
func (a *Accounts) List(ctx context.Context, after string, limit int) ([]Account, error) {
	return a.list(ctx, "SELECT "+columns+" FROM account_account WHERE address > ?1 ORDER BY address LIMIT ?2", after, limit)
}

func (a *Accounts) list(ctx context.Context, query string, args ...any) (all []Account, err error) {
	err = a.db.View(ctx, func(tx *db.Tx) error {
		return tx.Rows(query, args, func(row db.Scanner) error {
			acc, err := scan(row)
			all = append(all, acc)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't read accounts: %w", err)
	}
	return all, nil
}

// SetStatus freezes an account or makes it active. Sessions of a frozen account
// do not count while it is.
func (a *Accounts) SetStatus(ctx context.Context, id postern.AccountID, status string) error {
	if status != Active && status != Frozen {
		return invalid("account.invalid.status", "a status is \"active\" or \"frozen\"")
	}
	return a.change(ctx, "UPDATE account_account SET status = ?2 WHERE id = ?1", id, status)
}

// SetLocale changes the customer's language.
func (a *Accounts) SetLocale(ctx context.Context, id postern.AccountID, locale string) error {
	if locale != "fr" && locale != "en" {
		return invalid("account.invalid.locale", "a locale is \"fr\" or \"en\"")
	}
	return a.change(ctx, "UPDATE account_account SET locale = ?2 WHERE id = ?1", id, locale)
}

func (a *Accounts) change(ctx context.Context, query string, id postern.AccountID, arg any) error {
	return a.db.Update(ctx, func(tx *db.Tx) error { return changeIn(tx, query, id, arg) })
}

func changeIn(tx *db.Tx, query string, id postern.AccountID, arg any) error {
	n, err := tx.Exec(query, id, arg)
	if err == nil && n == 0 {
		err = errUnknown
	}
	return err
}

// SetPassword changes the password and ends every session of the account: who
// changes it because somebody else knows it wants that one out too. App
// passwords stay.
func (a *Accounts) SetPassword(ctx context.Context, id postern.AccountID, pass string) error {
	hash, err := a.hash(ctx, pass)
	if err != nil {
		return err
	}
	return a.db.Update(ctx, func(tx *db.Tx) error {
		if err := changeIn(tx, "UPDATE account_account SET password_hash = ?2 WHERE id = ?1", id, hash); err != nil {
			return err
		}
		_, err := tx.Exec("UPDATE account_session SET ended_at = ?2 WHERE account = ?1 AND ended_at IS NULL", id, millis(a.now()))
		return err
	})
}

func (a *Accounts) hash(ctx context.Context, pass string) (string, error) {
	switch password.Check(pass) {
	case password.TooShort:
		return "", invalid("account.invalid.password-short", fmt.Sprintf("a password has at least %d characters", password.MinCharacters))
	case password.TooLong:
		return "", invalid("account.invalid.password-long", fmt.Sprintf("a password has at most %d bytes", password.MaxBytes))
	case password.NotText:
		return "", invalid("account.invalid.password-text", "a password is text in UTF-8")
	}
	hash, err := a.hasher.Hash(ctx, pass)
	if err != nil {
		return "", fmt.Errorf("couldn't hash the password: %w", err)
	}
	return hash, nil
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

func invalid(key, text string) error {
	return &postern.Error{Kind: postern.Invalid, Key: key, Text: text}
}

func denied(key, text string) error {
	return &postern.Error{Kind: postern.Denied, Key: key, Text: text}
}

// isDenied says whether err is a refusal rather than a failure.
func isDenied(err error) bool {
	var e *postern.Error
	return errors.As(err, &e) && e.Kind == postern.Denied
}
