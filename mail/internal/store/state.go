package store

import (
	"context"
	"errors"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

// The mailboxes every account has, in the order lists show them.
var firstMailboxes = []struct{ role, name string }{
	{RoleInbox, "INBOX"}, {RoleDrafts, "Drafts"}, {RoleSent, "Sent"},
	{RoleArchive, "Archive"}, {RoleJunk, "Junk"}, {RoleTrash, "Trash"},
}

// state is an account's row, locked by the transaction that holds it.
type state struct {
	acc      []byte
	id       postern.AccountID
	number   int64
	nextSeq  int64
	validity int64
	used     int64
	messages int64
}

// change begins every change of an account's mail: it takes the account's row,
// so that changes of one account follow one another, and MODSEQs and UIDs
// become visible in the order they were given. Several accounts are taken in
// the order of their keys. It is also the first write of the transaction, which
// in SQLite sets the savepoint; until then a statement must not write through
// Tx.Row. Watchers wake after the commit.
func (s *Store) change(tx *db.Tx, id postern.AccountID) (*state, error) {
	acc, err := key(id)
	if err != nil {
		return nil, err
	}
	const take = "UPDATE mail_state SET change = change + 1 WHERE account = ?1"
	n, err := tx.Exec(take, acc)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		if err := s.first(tx, acc); err != nil {
			return nil, err
		}
		if err := tx.ExecOne(take, acc); err != nil {
			return nil, err
		}
	}
	st := &state{acc: acc, id: id}
	err = tx.Row("SELECT number, next_seq, validity, used_bytes, messages FROM mail_state WHERE account = ?1", db.Args(acc),
		&st.number, &st.nextSeq, &st.validity, &st.used, &st.messages)
	if err != nil {
		return nil, err
	}
	tx.AfterCommit(func() { s.watch.wake(id) })
	return st, nil
}

// first makes an account's row and mailboxes; somebody else may be doing so.
func (s *Store) first(tx *db.Tx, acc []byte) error {
	number := int64(0)
	if tx.Engine() == db.SQLite {
		// mail_message.num is a key of the whole file there.
		if err := tx.Row("SELECT COALESCE(MAX(number), 0) + 1 FROM mail_state", nil, &number); err != nil {
			return err
		}
	}
	validity := s.now().Unix()
	n, err := tx.Exec("INSERT INTO mail_state VALUES (?1, ?2, 1, ?3, 0, 0, 0) ON CONFLICT (account) DO NOTHING",
		acc, number, validity+int64(len(firstMailboxes)))
	if err != nil || n == 0 {
		return err
	}
	for i, m := range firstMailboxes {
		if err := insertMailbox(tx, acc, newKey(), m.name, m.role, validity+int64(i)); err != nil {
			return err
		}
	}
	return nil
}

// nextValidity gives a UIDVALIDITY that no mailbox of the account ever had, so
// that a name that is deleted and made again is another mailbox to every client
// (RFC 9051, 2.3.1.1).
func (st *state) nextValidity(tx *db.Tx, now time.Time) (int64, error) {
	st.validity = max(st.validity+1, now.Unix())
	return st.validity, tx.ExecOne("UPDATE mail_state SET validity = ?2 WHERE account = ?1", st.acc, st.validity)
}

// Usage gives what an account keeps.
func (s *Store) Usage(ctx context.Context, id postern.AccountID) (Usage, error) {
	acc, err := key(id)
	if err != nil {
		return Usage{}, err
	}
	var u Usage
	err = s.db.View(ctx, func(tx *db.Tx) error {
		return tx.Row("SELECT used_bytes, messages FROM mail_state WHERE account = ?1", db.Args(acc), &u.Bytes, &u.Messages)
	})
	if err != nil && !errors.Is(err, db.ErrNoRows) {
		return Usage{}, err
	}
	u.QuotaBytes, err = s.quotaOf(ctx, id)
	return u, err
}

func (s *Store) quotaOf(ctx context.Context, id postern.AccountID) (int64, error) {
	if s.quota == nil {
		return 0, nil
	}
	return s.quota(ctx, id)
}
