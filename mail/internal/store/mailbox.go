package store

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"strings"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

const mailboxColumns = "id, name, role, validity, uid_next, modseq, total, unseen, deleted, bytes, subscribed"

func scanMailbox(row db.Scanner) (Mailbox, error) {
	var m Mailbox
	var id []byte
	var subscribed int64
	err := row.Scan(&id, &m.Name, &m.Role, &m.UIDValidity, &m.UIDNext, &m.HighestModSeq, &m.Total, &m.Unseen, &m.Deleted, &m.Bytes, &subscribed)
	m.ID, m.Subscribed = postern.MailboxID(hex.EncodeToString(id)), subscribed != 0
	return m, err
}

func insertMailbox(tx *db.Tx, acc, id []byte, name, role string, validity int64) error {
	return tx.ExecOne("INSERT INTO mail_mailbox (account, id, name, role, validity, uid_next, modseq, total, unseen, deleted, bytes, subscribed) VALUES (?1, ?2, ?3, ?4, ?5, 1, 1, 0, 0, 0, 0, 1)",
		acc, id, name, role, validity)
}

// Mailboxes lists an account's mailboxes, those with a role first, then by
// name. At first use it makes the six with roles.
func (s *Store) Mailboxes(ctx context.Context, id postern.AccountID) ([]Mailbox, error) {
	acc, err := key(id)
	if err != nil {
		return nil, err
	}
	read := func() (list []Mailbox, err error) {
		err = s.db.View(ctx, func(tx *db.Tx) error {
			list, err = mailboxes(tx, acc)
			return err
		})
		return list, err
	}
	list, err := read()
	if err == nil && len(list) == 0 {
		err = s.db.Update(ctx, func(tx *db.Tx) error { return s.first(tx, acc) })
		if err == nil {
			list, err = read()
		}
	}
	slices.SortFunc(list, func(a, b Mailbox) int {
		return cmp.Or(cmp.Compare(roleOrder(a.Role), roleOrder(b.Role)), strings.Compare(a.Name, b.Name))
	})
	return list, err
}

func mailboxes(tx *db.Tx, acc []byte) (list []Mailbox, err error) {
	err = tx.Rows("SELECT "+mailboxColumns+" FROM mail_mailbox WHERE account = ?1", db.Args(acc), func(row db.Scanner) error {
		m, err := scanMailbox(row)
		list = append(list, m)
		return err
	})
	return list, err
}

func roleOrder(role string) int {
	i := slices.IndexFunc(firstMailboxes, func(f struct{ role, name string }) bool { return f.role == role })
	if i < 0 {
		return len(firstMailboxes)
	}
	return i
}

// MailboxByName finds one; NotFound.
func (s *Store) MailboxByName(ctx context.Context, id postern.AccountID, name string) (Mailbox, error) {
	name, err := cleanMailboxName(name)
	if err != nil {
		return Mailbox{}, notFound("there is no mailbox of that name")
	}
	return s.find(ctx, id, func(m Mailbox) bool { return m.Name == name })
}

// MailboxByRole finds one; NotFound for a word that is no role.
func (s *Store) MailboxByRole(ctx context.Context, id postern.AccountID, role string) (Mailbox, error) {
	return s.find(ctx, id, func(m Mailbox) bool { return m.Role == role && role != "" })
}

// MailboxByID finds one; NotFound.
func (s *Store) MailboxByID(ctx context.Context, id postern.AccountID, mb postern.MailboxID) (Mailbox, error) {
	acc, err := key(id)
	if err != nil {
		return Mailbox{}, err
	}
	var m Mailbox
	err = s.db.View(ctx, func(tx *db.Tx) error {
		m, err = mailboxOf(tx, acc, mb)
		return err
	})
	return m, err
}

func (s *Store) find(ctx context.Context, id postern.AccountID, is func(Mailbox) bool) (Mailbox, error) {
	list, err := s.Mailboxes(ctx, id)
	if err != nil {
		return Mailbox{}, err
	}
	if i := slices.IndexFunc(list, is); i >= 0 {
		return list[i], nil
	}
	return Mailbox{}, notFound("there is no such mailbox")
}

// mailboxOf reads a mailbox inside a transaction.
func mailboxOf(tx *db.Tx, acc []byte, id postern.MailboxID) (Mailbox, error) {
	mb, err := key(id)
	if err != nil {
		return Mailbox{}, err
	}
	return oneMailbox(tx, "id = ?2", acc, mb)
}

func oneMailbox(tx *db.Tx, where string, args ...any) (m Mailbox, err error) {
	found := false
	err = tx.Rows("SELECT "+mailboxColumns+" FROM mail_mailbox WHERE account = ?1 AND "+where, args, func(row db.Scanner) error {
		found = true
		m, err = scanMailbox(row)
		return err
	})
	if err == nil && !found {
		err = notFound("there is no such mailbox")
	}
	return m, err
}

// Create makes a mailbox and the levels above it (RFC 9051, 6.3.4); Conflict
// when it is there.
func (s *Store) Create(ctx context.Context, id postern.AccountID, name string) (Mailbox, error) {
	name, err := cleanMailboxName(name)
	if err != nil {
		return Mailbox{}, err
	}
	var made Mailbox
	err = s.db.Update(ctx, func(tx *db.Tx) error {
		st, err := s.change(tx, id)
		if err != nil {
			return err
		}
		if err := s.create(tx, st, name); err != nil {
			return err
		}
		made, err = oneMailbox(tx, "name = ?2", st.acc, name)
		return err
	})
	return made, err
}

func (s *Store) create(tx *db.Tx, st *state, name string) error {
	var count int
	if err := tx.Row("SELECT COUNT(*) FROM mail_mailbox WHERE account = ?1", db.Args(st.acc), &count); err != nil {
		return err
	}
	levels := strings.Split(name, "/")
	if count+len(levels) > maxMailboxes {
		return invalid("mail.mailbox-many", "an account has at most %d mailboxes: delete one first", maxMailboxes)
	}
	for i := range levels {
		at := strings.Join(levels[:i+1], "/")
		_, err := oneMailbox(tx, "name = ?2", st.acc, at)
		switch {
		case err == nil && i == len(levels)-1:
			return &postern.Error{Kind: postern.Conflict, Key: "mail.mailbox-exists", Text: "a mailbox of that name is there already"}
		case err == nil:
			continue
		case postern.KindOf(err) != postern.NotFound:
			return err
		}
		validity, err := st.nextValidity(tx, s.now())
		if err != nil {
			return err
		}
		if err := insertMailbox(tx, st.acc, newKey(), at, "", validity); err != nil {
			return err
		}
	}
	return nil
}

// Rename gives a mailbox, and those below it, another name. INBOX stays, empty,
// and its messages move to a new mailbox (RFC 9051, 6.3.6).
func (s *Store) Rename(ctx context.Context, id postern.AccountID, from, to string) error {
	from, err := cleanMailboxName(from)
	if err != nil {
		return notFound("there is no mailbox of that name")
	}
	if to, err = cleanMailboxName(to); err != nil {
		return err
	}
	return s.db.Update(ctx, func(tx *db.Tx) error {
		st, err := s.change(tx, id)
		if err != nil {
			return err
		}
		source, err := oneMailbox(tx, "name = ?2", st.acc, from)
		if err != nil {
			return err
		}
		switch {
		case source.Role == RoleInbox:
			if err := s.create(tx, st, to); err != nil {
				return err
			}
			target, err := oneMailbox(tx, "name = ?2", st.acc, to)
			if err != nil {
				return err
			}
			_, err = s.place(tx, st, source.ID, All(), target.ID, true)
			return err
		case source.Role != "":
			return invalid("mail.mailbox-role", "the mailbox %s has a role and keeps its name", source.Role)
		case to == from || strings.HasPrefix(to, from+"/"):
			return invalid("mail.mailbox-name", "a mailbox cannot move below itself")
		}
		return s.rename(tx, st, from, to)
	})
}

func (s *Store) rename(tx *db.Tx, st *state, from, to string) error {
	list, err := mailboxes(tx, st.acc)
	if err != nil {
		return err
	}
	// The levels above the new name are made; the new name itself must be free.
	if err := s.create(tx, st, to); err != nil {
		return err
	}
	if err := tx.ExecOne("DELETE FROM mail_mailbox WHERE account = ?1 AND name = ?2", st.acc, to); err != nil {
		return err
	}
	for _, m := range list {
		below, ok := strings.CutPrefix(m.Name, from)
		if !ok || below != "" && below[0] != '/' {
			continue
		}
		name, err := cleanMailboxName(to + below)
		if err != nil {
			return err
		}
		mb, err := key(m.ID)
		if err != nil {
			return err
		}
		// UIDs and UIDVALIDITY stay: the name alone changes, and a name that was
		// deleted before had another UIDVALIDITY.
		err = tx.ExecOne("UPDATE mail_mailbox SET name = ?3 WHERE account = ?1 AND id = ?2", st.acc, mb, name)
		if db.IsUnique(err) {
			return &postern.Error{Kind: postern.Conflict, Key: "mail.mailbox-exists", Text: "a mailbox of that name is there already", Err: err}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Delete removes a mailbox with its messages, for good. Mailboxes below it stay
// (RFC 9051, 6.3.5); those with roles cannot be deleted.
func (s *Store) Delete(ctx context.Context, id postern.AccountID, name string) error {
	name, err := cleanMailboxName(name)
	if err != nil {
		return notFound("there is no mailbox of that name")
	}
	return s.db.Update(ctx, func(tx *db.Tx) error {
		st, err := s.change(tx, id)
		if err != nil {
			return err
		}
		m, err := oneMailbox(tx, "name = ?2", st.acc, name)
		if err != nil {
			return err
		}
		if m.Role != "" {
			return invalid("mail.mailbox-role", "the mailbox %s has a role and cannot be deleted", m.Role)
		}
		if _, err := s.expunge(tx, st, m.ID, All(), false); err != nil {
			return err
		}
		mb, err := key(m.ID)
		if err != nil {
			return err
		}
		if _, err := tx.Exec("DELETE FROM mail_expunged WHERE account = ?1 AND mailbox = ?2", st.acc, mb); err != nil {
			return err
		}
		return tx.ExecOne("DELETE FROM mail_mailbox WHERE account = ?1 AND id = ?2", st.acc, mb)
	})
}

// Subscribe sets or unsets what LSUB and LIST (SUBSCRIBED) show.
func (s *Store) Subscribe(ctx context.Context, id postern.AccountID, name string, on bool) error {
	name, err := cleanMailboxName(name)
	if err != nil {
		return notFound("there is no mailbox of that name")
	}
	value := 0
	if on {
		value = 1
	}
	return s.db.Update(ctx, func(tx *db.Tx) error {
		st, err := s.change(tx, id)
		if err != nil {
			return err
		}
		n, err := tx.Exec("UPDATE mail_mailbox SET subscribed = ?3 WHERE account = ?1 AND name = ?2", st.acc, name, value)
		if err == nil && n == 0 {
			err = notFound("there is no mailbox of that name")
		}
		return err
	})
}

// isNone says that a row was not there.
func isNone(err error) bool { return errors.Is(err, db.ErrNoRows) }
