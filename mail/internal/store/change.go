package store

import (
	"context"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

// placement is a row of mail_placement.
type placement struct {
	uid      uint32
	num      int64
	modseq   int64
	flags    flagSet
	received int64
	size     int64
}

const placementRow = "SELECT p.uid, p.num, p.modseq, p.flags, p.keywords, p.received, p.size"

func (p *placement) dest() []any {
	return []any{&p.uid, &p.num, &p.modseq, &p.flags.bits, &p.flags.keywords, &p.received, &p.size}
}

// placements reads those of a set, in order.
func (b *box) placements(tx *db.Tx, st *state, set UIDSet, where string) (list []placement, err error) {
	wanted := set.resolve(b.UIDNext - 1)
	for _, r := range wanted.spans() {
		err := tx.Rows(placementRow+" FROM mail_placement p WHERE p.account = ?1 AND p.mailbox = ?2 AND p.uid >= ?3 AND p.uid <= ?4"+where+" ORDER BY p.uid",
			db.Args(st.acc, b.key, int64(r.First), int64(r.Last)), func(row db.Scanner) error {
				var p placement
				if err := row.Scan(p.dest()...); err != nil {
					return err
				}
				if wanted.has(p.uid) {
					list = append(list, p)
				}
				return nil
			})
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// boxOf opens a mailbox for a change.
func boxOf(tx *db.Tx, st *state, id postern.MailboxID) (*box, error) {
	return openBox(tx, st, map[string]*box{}, AppendIn{Mailbox: id})
}

// SetFlags changes the flags of a set and gives the items it applied to as they
// are now, without message data, and the UIDs it left alone because their
// MODSEQ is greater than unchangedSince (RFC 7162, 3.1.3); -1 for no bound.
// Items whose flags were so already keep their MODSEQ.
func (s *Store) SetFlags(ctx context.Context, id postern.AccountID, mailbox postern.MailboxID, set UIDSet, op FlagOp, flags []string, unchangedSince int64) (changed []Item, modified []uint32, err error) {
	arg, err := parseFlags(flags)
	if err != nil {
		return nil, nil, err
	}
	err = s.db.Update(ctx, func(tx *db.Tx) error {
		changed, modified = nil, nil
		st, err := s.change(tx, id)
		if err != nil {
			return err
		}
		b, err := boxOf(tx, st, mailbox)
		if err != nil {
			return err
		}
		list, err := b.placements(tx, st, set, "")
		if err != nil {
			return err
		}
		modseq, written := b.HighestModSeq+1, false
		for _, p := range list {
			if unchangedSince >= 0 && p.modseq > unchangedSince {
				modified = append(modified, p.uid)
				continue
			}
			if now := p.flags.apply(op, arg); now != p.flags {
				size := p.size
				b.count(-1, p.flags.bits, size)
				b.count(1, now.bits, size)
				p.flags, p.modseq, written = now, modseq, true
				err := tx.ExecOne("UPDATE mail_placement SET flags = ?4, keywords = ?5, modseq = ?6 WHERE account = ?1 AND mailbox = ?2 AND uid = ?3",
					st.acc, b.key, int64(p.uid), now.bits, now.keywords, modseq)
				if err != nil {
					return err
				}
			}
			changed = append(changed, Item{Mailbox: b.ID, UID: p.uid, Flags: p.flags.list(), ModSeq: p.modseq, Internal: fromMillis(p.received), Size: p.size})
		}
		if !written {
			return nil
		}
		b.HighestModSeq = modseq
		return b.save(tx, st)
	})
	if err != nil {
		return nil, nil, err
	}
	return changed, modified, nil
}

// Copy puts messages into another mailbox as well, with their flags and dates
// (RFC 9051, 6.4.7).
func (s *Store) Copy(ctx context.Context, id postern.AccountID, from postern.MailboxID, set UIDSet, to postern.MailboxID) (Copied, error) {
	return s.copyOrMove(ctx, id, from, set, to, false)
}

// Move puts messages into another mailbox instead, all or none (RFC 9051, 6.4.8).
func (s *Store) Move(ctx context.Context, id postern.AccountID, from postern.MailboxID, set UIDSet, to postern.MailboxID) (Copied, error) {
	return s.copyOrMove(ctx, id, from, set, to, true)
}

func (s *Store) copyOrMove(ctx context.Context, id postern.AccountID, from postern.MailboxID, set UIDSet, to postern.MailboxID, move bool) (c Copied, err error) {
	err = s.db.Update(ctx, func(tx *db.Tx) error {
		st, err := s.change(tx, id)
		if err != nil {
			return err
		}
		c, err = s.place(tx, st, from, set, to, move)
		return err
	})
	if err != nil {
		return Copied{}, err
	}
	return c, nil
}

func (s *Store) place(tx *db.Tx, st *state, from postern.MailboxID, set UIDSet, to postern.MailboxID, move bool) (Copied, error) {
	boxes := map[string]*box{}
	source, err := openBox(tx, st, boxes, AppendIn{Mailbox: from})
	if err != nil {
		return Copied{}, err
	}
	target, err := openBox(tx, st, boxes, AppendIn{Mailbox: to})
	if err != nil {
		return Copied{}, err
	}
	list, err := source.placements(tx, st, set, "")
	if err != nil || len(list) == 0 {
		return Copied{UIDValidity: target.UIDValidity}, err
	}
	c := Copied{UIDValidity: target.UIDValidity}
	for _, p := range list {
		uid, modseq, err := target.nextUID()
		if err != nil {
			return Copied{}, err
		}
		if err := insertPlacement(tx, st, target, uid, p.num, modseq, p.flags, p.received, p.size); err != nil {
			return Copied{}, err
		}
		if !move {
			if err := tx.ExecOne("UPDATE mail_message SET places = places + 1 WHERE account = ?1 AND num = ?2", st.acc, p.num); err != nil {
				return Copied{}, err
			}
		}
		c.From, c.To = append(c.From, p.uid), append(c.To, uid)
	}
	if move {
		if err := source.vanish(tx, st, list); err != nil {
			return Copied{}, err
		}
		if err := source.save(tx, st); err != nil {
			return Copied{}, err
		}
	}
	return c, target.save(tx, st)
}

// vanish takes placements out of a mailbox and remembers their UIDs; what
// becomes of the messages is the caller's.
func (b *box) vanish(tx *db.Tx, st *state, list []placement) error {
	uids := make([]uint32, len(list))
	for i, p := range list {
		uids[i] = p.uid
		b.count(-1, p.flags.bits, p.size)
		if err := tx.ExecOne("DELETE FROM mail_placement WHERE account = ?1 AND mailbox = ?2 AND uid = ?3", st.acc, b.key, int64(p.uid)); err != nil {
			return err
		}
	}
	b.HighestModSeq++
	return tx.ExecOne("INSERT INTO mail_expunged (account, mailbox, modseq, uids) VALUES (?1, ?2, ?3, ?4)",
		st.acc, b.key, b.HighestModSeq, setOf(uids).String())
}

// Expunge removes for good what has \Deleted in a set, nil for the whole
// mailbox, and gives the UIDs.
func (s *Store) Expunge(ctx context.Context, id postern.AccountID, mailbox postern.MailboxID, set UIDSet) ([]uint32, error) {
	if set == nil {
		set = All()
	}
	return s.expungeNow(ctx, id, mailbox, set, true)
}

// Remove is Expunge whatever the flags.
func (s *Store) Remove(ctx context.Context, id postern.AccountID, mailbox postern.MailboxID, set UIDSet) ([]uint32, error) {
	return s.expungeNow(ctx, id, mailbox, set, false)
}

func (s *Store) expungeNow(ctx context.Context, id postern.AccountID, mailbox postern.MailboxID, set UIDSet, onlyDeleted bool) (uids []uint32, err error) {
	err = s.db.Update(ctx, func(tx *db.Tx) error {
		st, err := s.change(tx, id)
		if err != nil {
			return err
		}
		uids, err = s.expunge(tx, st, mailbox, set, onlyDeleted)
		return err
	})
	if err != nil {
		return nil, err
	}
	return uids, nil
}

func (s *Store) expunge(tx *db.Tx, st *state, mailbox postern.MailboxID, set UIDSet, onlyDeleted bool) ([]uint32, error) {
	b, err := boxOf(tx, st, mailbox)
	if err != nil {
		return nil, err
	}
	where := ""
	if onlyDeleted {
		where = " AND p.flags & 8 <> 0" // bitDeleted
	}
	list, err := b.placements(tx, st, set, where)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	if err := b.vanish(tx, st, list); err != nil {
		return nil, err
	}
	if err := b.save(tx, st); err != nil {
		return nil, err
	}
	uids := make([]uint32, len(list))
	for i, p := range list {
		uids[i] = p.uid
		if err := s.forget(tx, st, p); err != nil {
			return nil, err
		}
	}
	return uids, st.save(tx)
}

// forget takes one placement from a message, and the message with its last.
func (s *Store) forget(tx *db.Tx, st *state, p placement) error {
	if err := tx.ExecOne("UPDATE mail_message SET places = places - 1 WHERE account = ?1 AND num = ?2", st.acc, p.num); err != nil {
		return err
	}
	n, err := tx.Exec("INSERT INTO mail_doomed (account, id, at) SELECT account, id, ?3 FROM mail_message WHERE account = ?1 AND num = ?2 AND places = 0",
		st.acc, p.num, millis(s.now()))
	if err != nil || n == 0 {
		return err
	}
	if err := tx.ExecOne("DELETE FROM mail_message WHERE account = ?1 AND num = ?2", st.acc, p.num); err != nil {
		return err
	}
	if tx.Engine() == db.SQLite {
		if _, err := tx.Exec("DELETE FROM mail_fts WHERE rowid = ?1", p.num); err != nil {
			return err
		}
	}
	st.used -= p.size
	st.messages--
	tx.AfterCommit(s.sweepSoon)
	return nil
}

// Vanished gives the UIDs expunged since a MODSEQ (RFC 7162, 3.2.5).
func (s *Store) Vanished(ctx context.Context, id postern.AccountID, mailbox postern.MailboxID, since int64) (UIDSet, error) {
	acc, err := key(id)
	if err != nil {
		return nil, err
	}
	mb, err := key(mailbox)
	if err != nil {
		return nil, err
	}
	var all UIDSet
	err = s.db.View(ctx, func(tx *db.Tx) error {
		if _, err := mailboxOf(tx, acc, mailbox); err != nil {
			return err
		}
		return tx.Rows("SELECT uids FROM mail_expunged WHERE account = ?1 AND mailbox = ?2 AND modseq > ?3", db.Args(acc, mb, since), func(row db.Scanner) error {
			var text string
			if err := row.Scan(&text); err != nil {
				return err
			}
			set, err := parseSet(text)
			all = append(all, set...)
			return err
		})
	})
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return all.clean(), nil
}
