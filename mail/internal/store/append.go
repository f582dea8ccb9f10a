package store

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/mail/internal/codec"
	"github.com/postern-mail/postern/mail/internal/query"
	"github.com/postern-mail/postern/message"
	"github.com/postern-mail/postern/message/guarded"
)

// Bits of mail_message.bits. They are stored: never change them.
const (
	bitGuarded = 1 << iota
	bitAttachments
)

// ready is a message read and prepared, before any account is chosen.
type ready struct {
	in        AppendIn
	flags     flagSet
	received  time.Time
	bits      int64
	meta      codec.Meta
	metaRow   []byte
	structure []byte
	lineage   lineage
	fields    query.Fields
}

// letter is a ready message for one account: its ID is drawn and its blob put.
type letter struct {
	*ready
	account postern.AccountID
	id      [16]byte
}

// prepare does all the work that needs no transaction.
func (s *Store) prepare(in AppendIn) (*ready, error) {
	flags, err := parseFlags(in.Flags)
	if err != nil {
		return nil, err
	}
	m, err := message.Parse(in.Raw)
	if err != nil {
		return nil, &postern.Error{Kind: postern.Invalid, Key: "mail.message-refused", Text: "the message cannot be kept", Err: err}
	}
	r := &ready{in: in, flags: flags, received: in.Internal}
	if r.received.IsZero() {
		r.received = s.now()
	}
	body := m.Body(in.Raw)
	masked, why := false, ""
	if !in.House { // the house's own opens no doors
		masked, why = guarded.Judge(m, body)
	}
	if masked {
		r.bits |= bitGuarded
	}
	if slices.ContainsFunc(body.Attachments, func(a message.Attachment) bool { return !a.Inline }) {
		r.bits |= bitAttachments
	}
	r.meta = codec.Meta{Guard: why, Verdicts: in.Verdicts, Sender: in.Sender, Preview: body.Preview(), Envelope: m.Envelope}
	r.metaRow = codec.EncodeMeta(&r.meta)
	r.structure = codec.EncodeStructure(m.Root)
	r.lineage = lineageOf(&m.Envelope)
	e := &m.Envelope
	r.fields = query.Fields{
		Subject:    query.Words(e.Subject),
		Sender:     query.Words(codec.AddressText(e.From, e.Sender, e.ReplyTo)),
		Recipients: query.Words(codec.AddressText(e.To, e.Cc, e.Bcc)),
		Body:       query.Words(body.SearchText(query.MaxText)),
	}
	return r, nil
}

// Append keeps one message, durable when it returns.
func (s *Store) Append(ctx context.Context, acc postern.AccountID, in AppendIn) (Item, error) {
	items, err := s.AppendMany(ctx, acc, []AppendIn{in})
	if err != nil {
		return Item{}, err
	}
	return items[0], nil
}

// AppendMany keeps all or none, in one transaction.
func (s *Store) AppendMany(ctx context.Context, acc postern.AccountID, in []AppendIn) ([]Item, error) {
	letters := make([]letter, len(in))
	for i := range in {
		r, err := s.prepare(in[i])
		if err != nil {
			return nil, err
		}
		letters[i] = letter{ready: r, account: acc, id: s.newMessageID()}
	}
	return s.keep(ctx, letters, nil)
}

// Deliver keeps the same message for several accounts, all or none. An account
// that is named twice gets it once. The items are in the order of the accounts'
// identifiers.
func (s *Store) Deliver(ctx context.Context, to []postern.AccountID, in AppendIn) ([]Item, error) {
	return s.DeliverTo(ctx, to, in, nil, nil)
}

// keep puts the blobs and then writes the rows. The order is the promise: a row
// that stands has its bytes, whatever fails when. Bytes without a row are swept
// (see Sweep).
func (s *Store) keep(ctx context.Context, letters []letter, also func(*db.Tx) error) ([]Item, error) {
	quotas := map[postern.AccountID]int64{}
	for _, l := range letters {
		if _, ok := quotas[l.account]; ok || l.in.House {
			continue
		}
		quota, err := s.quotaOf(ctx, l.account)
		if err != nil {
			return nil, err
		}
		quotas[l.account] = quota
	}
	if err := s.putBlobs(ctx, letters); err != nil {
		return nil, err
	}
	var items []Item
	refused := false
	err := s.db.Update(ctx, func(tx *db.Tx) (err error) {
		items, err = s.insertAll(tx, letters, quotas)
		if err == nil && also != nil {
			err = also(tx)
		}
		refused = err != nil
		return err
	})
	if err != nil {
		// When the commit itself failed nobody knows whether the rows stand, and
		// the bytes must not be touched.
		if refused {
			s.dropBlobs(context.WithoutCancel(ctx), letters)
		}
		return nil, err
	}
	return items, nil
}

// putters bounds how many blobs are written at once.
const putters = 8

func (s *Store) putBlobs(ctx context.Context, letters []letter) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(putters)
	for _, l := range letters {
		acc, err := key(l.account)
		if err != nil {
			return err
		}
		g.Go(func() error { return s.blobs.Put(gctx, blobName(acc, l.id[:]), l.in.Raw) })
	}
	if err := g.Wait(); err != nil {
		s.dropBlobs(context.WithoutCancel(ctx), letters)
		return fmt.Errorf("couldn't keep the message's bytes: %w", err)
	}
	return nil
}

// dropBlobs tries to undo putBlobs; what it cannot is swept later.
func (s *Store) dropBlobs(ctx context.Context, letters []letter) {
	for _, l := range letters {
		acc, err := key(l.account)
		if err == nil {
			err = s.blobs.Delete(ctx, blobName(acc, l.id[:]))
		}
		if err != nil {
			s.log.Warn("couldn't delete the bytes of a message that was not kept", "err", err)
		}
	}
}

// insertAll writes the rows; letters of one account stand together.
func (s *Store) insertAll(tx *db.Tx, letters []letter, quotas map[postern.AccountID]int64) ([]Item, error) {
	items := make([]Item, 0, len(letters))
	for len(letters) > 0 {
		id := letters[0].account
		n := 1
		for n < len(letters) && letters[n].account == id {
			n++
		}
		st, err := s.change(tx, id)
		if err != nil {
			return nil, err
		}
		boxes := map[string]*box{}
		for _, l := range letters[:n] {
			if held, err := l.held(tx, st); err != nil {
				return nil, err
			} else if held {
				continue
			}
			st.used += int64(len(l.in.Raw))
			st.messages++
			if quota := quotas[id]; quota > 0 && st.used > quota {
				return nil, &postern.Error{Kind: postern.Unavailable, Key: "mail.quota-full", Text: "the mailbox is full: its owner must delete something first"}
			}
			b, err := openBox(tx, st, boxes, l.in)
			if err != nil {
				return nil, err
			}
			it, err := s.insert(tx, st, b, l)
			if err != nil {
				return nil, err
			}
			items = append(items, it)
		}
		for _, name := range slices.Sorted(maps.Keys(boxes)) {
			if err := boxes[name].save(tx, st); err != nil {
				return nil, err
			}
		}
		if err := st.save(tx); err != nil {
			return nil, err
		}
		letters = letters[n:]
	}
	return items, nil
}

func (st *state) save(tx *db.Tx) error {
	return tx.ExecOne("UPDATE mail_state SET next_seq = ?2, used_bytes = ?3, messages = ?4 WHERE account = ?1", st.acc, st.nextSeq, st.used, st.messages)
}

// box is a mailbox that is being changed: its counters are written once.
type box struct {
	Mailbox
	key []byte
}

// openBox finds where a message goes, once for each mailbox of a batch.
func openBox(tx *db.Tx, st *state, open map[string]*box, in AppendIn) (*box, error) {
	name := "id " + string(in.Mailbox)
	if in.Mailbox == "" {
		name = "role " + in.Role
	}
	if b := open[name]; b != nil {
		return b, nil
	}
	var m Mailbox
	var err error
	switch {
	case in.Mailbox != "":
		m, err = mailboxOf(tx, st.acc, in.Mailbox)
	case in.Role != "":
		m, err = oneMailbox(tx, "role = ?2", st.acc, in.Role)
	default:
		err = notFound("there is no such mailbox")
	}
	if err != nil {
		return nil, err
	}
	// The same mailbox by ID and by role is one.
	for _, b := range open {
		if b.ID == m.ID {
			open[name] = b
			return b, nil
		}
	}
	mb, err := key(m.ID)
	if err != nil {
		return nil, err
	}
	open[name] = &box{Mailbox: m, key: mb}
	return open[name], nil
}

// nextUID takes a UID and the MODSEQ that goes with it.
func (b *box) nextUID() (uid uint32, modseq int64, err error) {
	if b.UIDNext == 1<<32-1 {
		return 0, 0, invalid("mail.mailbox-full", "the mailbox has used up its message numbers: move the messages to a new one")
	}
	uid = b.UIDNext
	b.UIDNext++
	b.HighestModSeq++
	return uid, b.HighestModSeq, nil
}

// count adds a message with these flags, or takes it away with sign -1.
func (b *box) count(sign int, flags, size int64) {
	b.Total += sign
	b.Bytes += int64(sign) * size
	if flags&bitSeen == 0 {
		b.Unseen += sign
	}
	if flags&bitDeleted != 0 {
		b.Deleted += sign
	}
}

func (b *box) save(tx *db.Tx, st *state) error {
	return tx.ExecOne("UPDATE mail_mailbox SET uid_next = ?3, modseq = ?4, total = ?5, unseen = ?6, deleted = ?7, bytes = ?8 WHERE account = ?1 AND id = ?2",
		st.acc, b.key, int64(b.UIDNext), b.HighestModSeq, b.Total, b.Unseen, b.Deleted, b.Bytes)
}

// insert writes one message's rows.
func (s *Store) insert(tx *db.Tx, st *state, b *box, l letter) (Item, error) {
	if st.nextSeq >= 1<<32 {
		return Item{}, invalid("mail.account-full", "the account has used up its message numbers")
	}
	num := st.number<<32 | st.nextSeq
	st.nextSeq++
	uid, modseq, err := b.nextUID()
	if err != nil {
		return Item{}, err
	}
	thread, err := l.lineage.thread(tx, st.acc, l.received)
	if err != nil {
		return Item{}, err
	}
	size, received := int64(len(l.in.Raw)), millis(l.received)
	args := db.Args(num, st.acc, l.id[:], received, size, l.bits, thread, nullable(l.lineage.own), l.metaRow, l.structure)
	const columns = "INSERT INTO mail_message (num, account, id, received, size, bits, thread, mid, places, meta, structure"
	if tx.Engine() == db.PostgreSQL {
		err = tx.ExecOne(columns+", search) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 1, ?9, ?10, CAST(CAST(?11 AS text) AS tsvector))",
			append(args, l.fields.TSVector(st.acc))...)
	} else {
		err = tx.ExecOne(columns+") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 1, ?9, ?10)", args...)
		if err == nil {
			_, err = tx.Exec("INSERT INTO mail_fts (rowid, subject, sender, recipients, body) VALUES (?1, ?2, ?3, ?4, ?5)",
				num, l.fields.Subject, l.fields.Sender, l.fields.Recipients, l.fields.Body)
		}
	}
	if err != nil {
		return Item{}, err
	}
	if err := insertPlacement(tx, st, b, uid, num, modseq, l.flags, received, size); err != nil {
		return Item{}, err
	}
	if l.in.Event != "" {
		where := ""
		switch b.Role {
		case RoleInbox:
			where = "INBOX"
		case RoleJunk:
			where = "Junk"
		}
		err := s.trace(tx, st.acc, traceRow{message: l.id[:], mid: l.lineage.own, event: l.in.Event,
			sender: l.in.Sender, verdicts: l.in.Verdicts, mailbox: where, detail: l.in.Detail})
		if err != nil {
			return Item{}, err
		}
	}
	it := Item{Mailbox: b.ID, UID: uid, ID: postern.MessageID(hex.EncodeToString(l.id[:])), Flags: l.flags.list(), ModSeq: modseq,
		Internal: fromMillis(received), Size: size, Thread: hex.EncodeToString(thread)}
	it.setBits(l.bits)
	it.setMeta(&l.meta, Summary|Envelope)
	return it, nil
}

func insertPlacement(tx *db.Tx, st *state, b *box, uid uint32, num, modseq int64, flags flagSet, received, size int64) error {
	b.count(1, flags.bits, size)
	return tx.ExecOne("INSERT INTO mail_placement (account, mailbox, uid, num, modseq, flags, keywords, received, size) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
		st.acc, b.key, int64(uid), num, modseq, flags.bits, flags.keywords, received, size)
}

// nullable gives NULL for nil, which a driver would write as empty bytes.
func nullable(b []byte) any {
	if b == nil {
		return nil
	}
	return bytes.Clone(b)
}
