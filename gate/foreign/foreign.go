// Package foreign puts the gate before a mail server that is not ours: it is
// gate.Mailboxes over IMAP with a master user (Dovecot, Cyrus), so that a
// provider who keeps their servers has the same tiers, consent, ledger and Desk.
//
// It opens mailboxes with EXAMINE and reads with BODY.PEEK alone (RFC 9051,
// 6.3.3 and 6.4.5), so that no flag changes and no customer finds a message
// read that they did not read.
//
// # What it keeps
//
// One table in the mail plane, foreign_spent: the receipts that were used.
// Nothing of a customer is stored, not even which messages there are: a
// message's id is its mailbox, UIDVALIDITY and UID, enciphered under a key of
// the account's own.
//
// Trust: it holds the master password, with which every mailbox of that server
// can be read; only the package's own dialing reads it, and no error, log line
// or printed value has it. It handles whatever the server sends, which strangers
// wrote, within bounds of bytes and time; of the server's answers no text goes
// into an error. It must give nothing without a receipt, and never change a
// mailbox.
package foreign

import (
	"context"
	"crypto/ed25519"
	"embed"
	"errors"
	"io/fs"
	"log/slog"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/gate"
)

//go:embed migrations/*.sql
var migrations embed.FS

var _ gate.Mailboxes = (*Mailboxes)(nil)

// Person is what the directory of accounts, which stays ours, says of one.
type Person struct {
	Address string // "ana@outlook.example": the name that the server knows, too
	Status  string // "active", "frozen"
	Locale  string
	Created time.Time
}

// Accounts is what the package needs of the directory: NotFound for an account
// that is not there.
type Accounts interface {
	Person(context.Context, postern.AccountID) (Person, error)
}

// Parts is what Mailboxes are made of.
type Parts struct {
	DB         *db.Handle // the mail plane
	Accounts   Accounts
	ReceiptKey ed25519.PublicKey // whose receipts are believed
	Secret     [32]byte          // under which ids are made: whoever has it can make ids, and still needs a receipt for them
	Server     Server
	Now        func() time.Time
	Log        *slog.Logger
}

// Mailboxes are the customers' on the other server. It is safe for concurrent
// use.
type Mailboxes struct {
	Parts
	pool *pool
}

// Open migrates the table and gives the Mailboxes. It connects to nobody:
// [Mailboxes.Check] does.
func Open(ctx context.Context, p Parts) (*Mailboxes, error) {
	if p.DB == nil || p.Accounts == nil || len(p.ReceiptKey) != ed25519.PublicKeySize || p.Secret == [32]byte{} || p.Now == nil || p.Log == nil {
		return nil, errors.New("the foreign mailboxes lack a part")
	}
	if err := p.Server.check(); err != nil {
		return nil, err
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	if err := p.DB.Migrate(ctx, "foreign", files); err != nil {
		return nil, err
	}
	return &Mailboxes{Parts: p, pool: newPool(p.Server)}, nil
}

// Close ends the idle connections.
func (m *Mailboxes) Close() error {
	m.pool.close()
	return nil
}

// with runs f on a connection that is signed in to the account.
func (m *Mailboxes) with(ctx context.Context, id postern.AccountID, f func(context.Context, *link) error) (Person, error) {
	who, err := m.Accounts.Person(ctx, id)
	if err != nil {
		return who, err
	}
	return who, m.pool.with(ctx, who.Address, f)
}

// spentFor is how long a used receipt is remembered. It is refused by its
// deadline after seconds; the rest is for clocks that jump back.
const spentFor = 30 * 24 * time.Hour

// spend writes down, durably, that a receipt is used: Denied when it was.
func (m *Mailboxes) spend(ctx context.Context, d postern.DisclosureID) error {
	return m.DB.Update(ctx, func(tx *db.Tx) error {
		now := m.Now()
		if _, err := tx.Exec("DELETE FROM foreign_spent WHERE at < ?1", now.Add(-spentFor).UnixMilli()); err != nil {
			return err
		}
		n, err := tx.Exec("INSERT INTO foreign_spent (disclosure, at) VALUES (?1, ?2) ON CONFLICT (disclosure) DO NOTHING", string(d), now.UnixMilli())
		if err == nil && n == 0 {
			err = &postern.Error{Kind: postern.Denied, Key: "mail.receipt.spent", Text: "the receipt was used already"}
		}
		return err
	})
}
