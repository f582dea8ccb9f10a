package store

import (
	"context"
	"errors"
	"io"

	"github.com/postern-mail/postern"
)

// Store is the customers' mail.
type Store struct{ p Parts }

var errPending = errors.New("not built yet")

func hasFlag([]string, string) bool { return false }

// Open makes the tables.
func Open(ctx context.Context, p Parts) (*Store, error) { return &Store{p}, nil }

// Mailboxes lists an account's mailboxes, those with a role first, then by
// name. At first use it makes the six with roles.
func (s *Store) Mailboxes(ctx context.Context, acc postern.AccountID) ([]Mailbox, error) {
	return nil, errPending
}

// MailboxByName, MailboxByRole and MailboxByID find one; NotFound.
func (s *Store) MailboxByName(ctx context.Context, acc postern.AccountID, name string) (Mailbox, error) {
	return Mailbox{}, errPending
}
func (s *Store) MailboxByRole(ctx context.Context, acc postern.AccountID, role string) (Mailbox, error) {
	return Mailbox{}, errPending
}
func (s *Store) MailboxByID(ctx context.Context, acc postern.AccountID, id postern.MailboxID) (Mailbox, error) {
	return Mailbox{}, errPending
}

// Create makes a mailbox and the levels above it; Conflict when it is there.
func (s *Store) Create(ctx context.Context, acc postern.AccountID, name string) (Mailbox, error) {
	return Mailbox{}, errPending
}

// Rename moves a mailbox and those below it. INBOX's messages move to a new
// mailbox instead (RFC 9051, 6.3.6).
func (s *Store) Rename(ctx context.Context, acc postern.AccountID, from, to string) error {
	return errPending
}

// Delete removes a mailbox with its messages. Those with roles stay: Invalid.
func (s *Store) Delete(ctx context.Context, acc postern.AccountID, name string) error {
	return errPending
}

// Subscribe sets or unsets.
func (s *Store) Subscribe(ctx context.Context, acc postern.AccountID, name string, on bool) error {
	return errPending
}

// Append keeps one message, durable when it returns.
func (s *Store) Append(ctx context.Context, acc postern.AccountID, in AppendIn) (Item, error) {
	return Item{}, errPending
}

// AppendMany keeps all or none, in one transaction.
func (s *Store) AppendMany(ctx context.Context, acc postern.AccountID, in []AppendIn) ([]Item, error) {
	return nil, errPending
}

// Deliver keeps the same message for several accounts, all or none.
func (s *Store) Deliver(ctx context.Context, to []postern.AccountID, in AppendIn) ([]Item, error) {
	return nil, errPending
}

// UIDs lists a mailbox's UIDs in order, for sequence numbers.
func (s *Store) UIDs(ctx context.Context, acc postern.AccountID, mb postern.MailboxID) ([]uint32, error) {
	return nil, errPending
}

// Items calls each for the items of a set in order of UID. No transaction is
// open meanwhile, so each may take its time; the Item is its own only until it
// returns.
func (s *Store) Items(ctx context.Context, acc postern.AccountID, mb postern.MailboxID, set UIDSet, need Need, each func(*Item) error) error {
	return errPending
}

// Changed is Items for those whose MODSEQ is greater than since.
func (s *Store) Changed(ctx context.Context, acc postern.AccountID, mb postern.MailboxID, set UIDSet, since int64, need Need, each func(*Item) error) error {
	return errPending
}

// Vanished gives the UIDs expunged since a MODSEQ (RFC 7162, 3.2.5).
func (s *Store) Vanished(ctx context.Context, acc postern.AccountID, mb postern.MailboxID, since int64) (UIDSet, error) {
	return nil, errPending
}

// Page gives a page of a mailbox or a search, newest first, with Summary; next
// is "" at the end.
func (s *Store) Page(ctx context.Context, acc postern.AccountID, f Filter) (items []Item, next string, err error) {
	return nil, "", errPending
}

// Thread gives a thread's items, oldest first, with Summary.
func (s *Store) Thread(ctx context.Context, acc postern.AccountID, thread string) ([]Item, error) {
	return nil, errPending
}

// Places gives the mailboxes a message lies in, as items with need; NotFound.
func (s *Store) Places(ctx context.Context, acc postern.AccountID, id postern.MessageID, need Need) ([]Item, error) {
	return nil, errPending
}

// Message gives a message with everything, and its bytes; NotFound.
func (s *Store) Message(ctx context.Context, acc postern.AccountID, id postern.MessageID) (Item, []byte, error) {
	return Item{}, nil, errPending
}

// OpenRaw opens the bytes; NotFound.
func (s *Store) OpenRaw(ctx context.Context, acc postern.AccountID, id postern.MessageID) (io.ReadSeekCloser, error) {
	return nil, errPending
}

// SetFlags changes flags and gives the items that changed, and the UIDs left
// alone because their MODSEQ is greater than unchangedSince; -1 for no bound.
func (s *Store) SetFlags(ctx context.Context, acc postern.AccountID, mb postern.MailboxID, set UIDSet, op FlagOp, flags []string, unchangedSince int64) (changed []Item, modified []uint32, err error) {
	return nil, nil, errPending
}

// Copy and Move put messages into another mailbox (RFC 9051, 6.4.7 and 6.4.8).
func (s *Store) Copy(ctx context.Context, acc postern.AccountID, from postern.MailboxID, set UIDSet, to postern.MailboxID) (Copied, error) {
	return Copied{}, errPending
}
func (s *Store) Move(ctx context.Context, acc postern.AccountID, from postern.MailboxID, set UIDSet, to postern.MailboxID) (Copied, error) {
	return Copied{}, errPending
}

// Expunge removes for good what has \Deleted in a set, nil for the whole
// mailbox, and gives the UIDs.
func (s *Store) Expunge(ctx context.Context, acc postern.AccountID, mb postern.MailboxID, set UIDSet) ([]uint32, error) {
	return nil, errPending
}

// Remove is Expunge whatever the flags.
func (s *Store) Remove(ctx context.Context, acc postern.AccountID, mb postern.MailboxID, set UIDSet) ([]uint32, error) {
	return nil, errPending
}

// SearchUIDs gives the UIDs that meet the criteria, in order.
func (s *Store) SearchUIDs(ctx context.Context, acc postern.AccountID, mb postern.MailboxID, c Criteria) ([]uint32, error) {
	return nil, errPending
}

// Usage gives what an account keeps.
func (s *Store) Usage(ctx context.Context, acc postern.AccountID) (Usage, error) {
	return Usage{}, errPending
}

// Trace writes a row; Traces reads them, newest first, by sender address or
// Message-ID field or MessageID, "" for all.
func (s *Store) Trace(ctx context.Context, acc postern.AccountID, t Trace) error { return errPending }
func (s *Store) Traces(ctx context.Context, acc postern.AccountID, about string, limit int) ([]postern.TraceEvent, error) {
	return nil, errPending
}

// Watch wakes its channel after each change of an account's mail. stop once.
func (s *Store) Watch(acc postern.AccountID) (<-chan struct{}, func()) { return nil, func() {} }
