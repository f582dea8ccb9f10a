package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"strings"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/mail/internal/codec"
	"github.com/postern-mail/postern/message"
)

// chunk is how many items are read in one transaction before they are given
// out: a slow reader of them must not hold a database connection.
const chunk = 256

const (
	placementColumns = "p.uid, p.modseq, p.flags, p.keywords, p.received, p.size"
	messageJoin      = " JOIN mail_message m ON m.account = p.account AND m.num = p.num"
)

// columns says what is read for a need, and from where, with the mailbox when
// the items are of several.
func (s *Store) columns(need Need, mailbox bool) string {
	c := "SELECT " + placementColumns
	if mailbox {
		c += ", p.mailbox"
	}
	if need == 0 {
		return c + " FROM mail_placement p"
	}
	return c + messageColumns(need) + " FROM mail_placement p" + s.join()
}

func messageColumns(need Need) string {
	c := ", m.id, m.thread, m.bits"
	if need&(Summary|Envelope) != 0 {
		c += ", m.meta"
	}
	if need&Structure != 0 {
		c += ", m.structure"
	}
	return c
}

// fromMessages is columns for those who know the message and want its places.
// SQLite has no statistics to see which way round is short, so it is told: the
// order of the loops is the order of writing, and num, which is unique in its
// file, is the only way in; with the account beside it the planner would read
// all of the account's placements.
func (s *Store) fromMessages(need Need) string {
	from := " FROM mail_message m JOIN mail_placement p ON p.account = m.account AND p.num = m.num"
	if s.db.Engine() == db.SQLite {
		from = " FROM mail_message m CROSS JOIN mail_placement p ON p.num = m.num"
	}
	return "SELECT " + placementColumns + ", p.mailbox" + messageColumns(need) + from
}

// join goes from placements to messages. In SQLite num alone is the key.
func (s *Store) join() string {
	if s.db.Engine() == db.SQLite {
		return " JOIN mail_message m ON m.num = p.num"
	}
	return messageJoin
}

// itemScanner reads rows of columns into items without making more garbage
// than the items are.
type itemScanner struct {
	need             Need
	mailboxes        bool // the rows name their mailbox
	mailbox          sql.RawBytes
	uid              int64
	flags            flagSet
	received         int64
	bits             int64
	id, thread       sql.RawBytes
	metaB, structure sql.RawBytes
	meta             codec.Meta
	lastFlags        flagSet
	lastList         []string
	dest             []any
}

func (sc *itemScanner) scan(row db.Scanner, it *Item) error {
	if sc.dest == nil {
		sc.dest = []any{&sc.uid, nil, &sc.flags.bits, &sc.flags.keywords, &sc.received, nil}
		if sc.mailboxes {
			sc.dest = append(sc.dest, &sc.mailbox)
		}
		if sc.need != 0 {
			sc.dest = append(sc.dest, &sc.id, &sc.thread, &sc.bits)
		}
		if sc.need&(Summary|Envelope) != 0 {
			sc.dest = append(sc.dest, &sc.metaB)
		}
		if sc.need&Structure != 0 {
			sc.dest = append(sc.dest, &sc.structure)
		}
	}
	mailbox := it.Mailbox
	*it = Item{Mailbox: mailbox}
	sc.dest[1], sc.dest[5] = &it.ModSeq, &it.Size
	if err := row.Scan(sc.dest...); err != nil {
		return err
	}
	it.UID = uint32(sc.uid)
	if sc.mailboxes {
		it.Mailbox = postern.MailboxID(hex.EncodeToString(sc.mailbox))
	}
	it.Internal = fromMillis(sc.received)
	if sc.lastList == nil || sc.flags != sc.lastFlags {
		sc.lastFlags, sc.lastList = sc.flags, sc.flags.list()
	}
	it.Flags = sc.lastList
	if sc.need == 0 {
		return nil
	}
	both := hex.AppendEncode(hex.AppendEncode(make([]byte, 0, 64), sc.id), sc.thread)
	text := string(both)
	it.ID, it.Thread = postern.MessageID(text[:2*len(sc.id)]), text[2*len(sc.id):]
	it.setBits(sc.bits)
	if sc.need&(Summary|Envelope) != 0 {
		sc.meta = codec.Meta{}
		if err := codec.DecodeMeta(sc.metaB, &sc.meta); err != nil {
			return err
		}
		it.setMeta(&sc.meta, sc.need)
	}
	if sc.need&Structure != 0 {
		root, err := codec.DecodeStructure(sc.structure)
		if err != nil {
			return err
		}
		it.Structure = root
	}
	return nil
}

func (it *Item) setBits(bits int64) {
	it.Guarded, it.Attachments = bits&bitGuarded != 0, bits&bitAttachments != 0
}

func (it *Item) setMeta(m *codec.Meta, need Need) {
	it.Guard, it.Verdicts, it.Sender, it.Date = m.Guard, m.Verdicts, m.Sender, m.Envelope.Date
	if need&Summary != 0 {
		it.From, it.To, it.Subject, it.Preview = names(m.Envelope.From), names(m.Envelope.To), m.Envelope.Subject, m.Preview
	}
	if need&Envelope != 0 {
		e := m.Envelope
		it.Envelope = &e
	}
}

// names writes addresses for a list.
func names(list []message.Address) string {
	if len(list) == 1 {
		return displayName(list[0])
	}
	var b strings.Builder
	for i, a := range list {
		if i == 10 {
			b.WriteString(", …")
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(displayName(a))
	}
	return b.String()
}

func displayName(a message.Address) string {
	if a.Name != "" {
		return a.Name
	}
	return a.Addr()
}

// Items calls each for the items of a set in order of UID. No transaction is
// open meanwhile, so each may take its time; the Item is its own only until it
// returns.
func (s *Store) Items(ctx context.Context, acc postern.AccountID, mb postern.MailboxID, set UIDSet, need Need, each func(*Item) error) error {
	return s.items(ctx, acc, mb, set, 0, need, each)
}

// Changed is Items for those whose MODSEQ is greater than since (CHANGEDSINCE,
// RFC 7162, 3.1.4).
func (s *Store) Changed(ctx context.Context, acc postern.AccountID, mb postern.MailboxID, set UIDSet, since int64, need Need, each func(*Item) error) error {
	return s.items(ctx, acc, mb, set, max(since, 0), need, each)
}

func (s *Store) items(ctx context.Context, id postern.AccountID, mailbox postern.MailboxID, set UIDSet, since int64, need Need, each func(*Item) error) error {
	acc, err := key(id)
	if err != nil {
		return err
	}
	mb, err := key(mailbox)
	if err != nil {
		return err
	}
	r := reading{query: s.columns(need, false) + " WHERE p.account = ?1 AND p.mailbox = ?2 AND p.uid >= ?3 AND p.uid <= ?4", acc: acc, mb: mb}
	if since > 0 {
		r.query += " AND p.modseq > ?6"
		r.since = []any{since}
	}
	r.query += " ORDER BY p.uid LIMIT ?5"
	r.scanner.need = need
	r.items = make([]Item, 0, chunk)
	for first := true; first || len(r.left) > 0; first = false {
		err := s.db.View(ctx, func(tx *db.Tx) error {
			if first {
				m, err := mailboxOf(tx, acc, mailbox)
				if err != nil {
					return err
				}
				r.set = set.resolve(m.UIDNext - 1)
				r.left = r.set.spans()
				r.mailbox = m.ID
			}
			return r.chunk(tx)
		})
		if err != nil {
			return err
		}
		for i := range r.items {
			if err := each(&r.items[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// reading is how far Items has come.
type reading struct {
	query   string
	acc, mb []byte
	since   []any
	mailbox postern.MailboxID
	set     UIDSet // all that is wanted
	left    UIDSet // the spans still to be read
	scanner itemScanner
	items   []Item // of this chunk
}

// chunk reads on until it has enough.
func (r *reading) chunk(tx *db.Tx) error {
	r.items = r.items[:0]
	for len(r.left) > 0 && len(r.items) < chunk {
		span := &r.left[0]
		limit := chunk - len(r.items)
		rows, last := 0, uint32(0)
		args := append(db.Args(r.acc, r.mb, int64(span.First), int64(span.Last), limit), r.since...)
		err := tx.Rows(r.query, args, func(row db.Scanner) error {
			n := len(r.items)
			r.items = append(r.items, Item{Mailbox: r.mailbox})
			if err := r.scanner.scan(row, &r.items[n]); err != nil {
				return err
			}
			rows, last = rows+1, r.items[n].UID
			if !r.set.has(last) {
				r.items = r.items[:n]
			}
			return nil
		})
		if err != nil {
			return err
		}
		if rows < limit || last == span.Last {
			r.left = r.left[1:]
			continue
		}
		span.First = last + 1
	}
	return nil
}

// UIDs lists a mailbox's UIDs in order, for sequence numbers.
func (s *Store) UIDs(ctx context.Context, id postern.AccountID, mailbox postern.MailboxID) ([]uint32, error) {
	acc, err := key(id)
	if err != nil {
		return nil, err
	}
	var uids []uint32
	err = s.db.View(ctx, func(tx *db.Tx) error {
		m, err := mailboxOf(tx, acc, mailbox)
		if err != nil {
			return err
		}
		mb, err := key(m.ID)
		if err != nil {
			return err
		}
		uids = make([]uint32, 0, m.Total)
		return tx.Rows("SELECT uid FROM mail_placement WHERE account = ?1 AND mailbox = ?2 ORDER BY uid", db.Args(acc, mb), func(row db.Scanner) error {
			var uid int64
			err := row.Scan(&uid)
			uids = append(uids, uint32(uid))
			return err
		})
	})
	return uids, err
}
