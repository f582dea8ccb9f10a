// Package mail is the customer's plane: it takes mail in, keeps it, and shows a
// piece of it to support only against a receipt.
//
// What it keeps: the mailboxes and messages of mail/internal/store, which is
// where the tables are named.
//
// Trust: it handles all mail of all customers. Its own rooms (mail/smtpd,
// mail/imapd, mail/web, mail/queue) reach the store; nobody else can. For the
// rest of the house [Mail.Reveal] is the only way to a byte of it, and Reveal
// believes one thing: a receipt signed with the ledger's key. It does not know
// who is asking, and must never import staff, desk, gate or response.
package mail

import (
	"context"
	"crypto/ed25519"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/account"
	"github.com/postern-mail/postern/blob"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/mail/internal/store"
	"github.com/postern-mail/postern/mail/rules"
)

// Parts are what Mail is made of.
type Parts struct {
	DB         *db.Handle // the mail plane's
	Blobs      blob.Store
	Accounts   *account.Accounts
	ReceiptKey ed25519.PublicKey // whose receipts Reveal believes
	Now        func() time.Time
	Log        *slog.Logger
}

// Mail is the customer's plane.
type Mail struct {
	db       *db.Handle
	store    *store.Store
	accounts *account.Accounts
	key      ed25519.PublicKey
	now      func() time.Time
	log      *slog.Logger
	queue    atomic.Pointer[Queue]
	rules    *rules.Rules
}

// A Queue says how many messages of an account wait to go out, and takes what
// an account's rules forward. mail/queue is one.
type Queue interface {
	Waiting(ctx context.Context, acc postern.AccountID) (int, error)
	// Forward queues a message for recipients of any house, in tx.
	Forward(tx *db.Tx, from postern.AccountID, sender string, recipients []string, raw []byte) error
}

// Open makes the tables where they are missing.
func Open(ctx context.Context, p Parts) (*Mail, error) {
	if len(p.ReceiptKey) != ed25519.PublicKeySize {
		return nil, errors.New("the mail plane needs the public key of the ledger's receipts")
	}
	m := &Mail{db: p.DB, accounts: p.Accounts, key: p.ReceiptKey, now: p.Now, log: p.Log}
	s, err := store.Open(ctx, store.Parts{DB: p.DB, Blobs: p.Blobs, Now: p.Now, Log: p.Log, Quota: m.quota})
	if err != nil {
		return nil, err
	}
	m.store = s
	m.rules, err = rules.Open(ctx, rules.Parts{DB: p.DB, Accounts: p.Accounts, Tell: m.tellForwarding, Now: p.Now})
	if err != nil {
		return nil, err
	}
	return m, nil
}

func (m *Mail) quota(ctx context.Context, acc postern.AccountID) (int64, error) {
	a, err := m.accounts.ByID(ctx, acc)
	return a.QuotaBytes, err
}

// Store is the mailboxes, for the rooms under mail/: nobody else can import its
// type.
func (m *Mail) Store() *store.Store { return m.store }

// Rules are what customers have done with their mail as it arrives.
func (m *Mail) Rules() *rules.Rules { return m.rules }

// SetQueue names the queue that Reveal counts; without one it counts 0.
func (m *Mail) SetQueue(q Queue) { m.queue.Store(&q) }

// Run tidies until ctx ends: bytes of messages that are gone, and watchers of
// other processes' changes.
func (m *Mail) Run(ctx context.Context) error { return m.store.Run(ctx) }

// Freeze ends or restores an account's ways in. Mail still arrives and is kept.
func (m *Mail) Freeze(ctx context.Context, acc postern.AccountID, frozen bool) error {
	status := account.Active
	if frozen {
		status = account.Frozen
	}
	return m.accounts.SetStatus(ctx, acc, status)
}

// Delivery is a message for customers of this house.
type Delivery struct {
	To       []postern.AccountID
	Sender   string // of SMTP's MAIL FROM; "" for bounces
	Raw      []byte
	Verdicts string // "spf=pass dkim=fail dmarc=fail"
	Junk     bool
	Remote   string // the server it came from, for the trace
	Event    string // of the trace; "" for delivered or junked
}

// Append keeps one message in a mailbox, which is made if need be. A zero time
// is now.
func (m *Mail) Append(ctx context.Context, acc postern.AccountID, mailbox string, raw []byte, flags []string, internal time.Time) (postern.MessageID, error) {
	mb, err := m.mailbox(ctx, acc, mailbox)
	if err != nil {
		return "", err
	}
	it, err := m.store.Append(ctx, acc, store.AppendIn{Mailbox: mb, Raw: raw, Flags: flags, Internal: internal})
	return it.ID, err
}

func (m *Mail) mailbox(ctx context.Context, acc postern.AccountID, name string) (postern.MailboxID, error) {
	mb, err := m.store.MailboxByName(ctx, acc, name)
	if postern.KindOf(err) == postern.NotFound {
		mb, err = m.store.Create(ctx, acc, name)
		if postern.KindOf(err) == postern.Conflict { // somebody else made it just now
			mb, err = m.store.MailboxByName(ctx, acc, name)
		}
	}
	return mb.ID, err
}
