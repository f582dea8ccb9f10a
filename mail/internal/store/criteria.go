package store

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/mail/internal/codec"
	"github.com/postern-mail/postern/mail/internal/query"
	"github.com/postern-mail/postern/message"
)

// maxCriteria bounds the conditions of one SEARCH.
const maxCriteria = 200

// SearchUIDs gives the UIDs that meet the criteria, in order.
func (s *Store) SearchUIDs(ctx context.Context, id postern.AccountID, mailbox postern.MailboxID, c Criteria) ([]uint32, error) {
	acc, err := key(id)
	if err != nil {
		return nil, err
	}
	m, err := s.MailboxByID(ctx, id, mailbox)
	if err != nil {
		return nil, err
	}
	e := evaluation{s: s, ctx: ctx, id: id, greatest: m.UIDNext - 1, texts: map[textTerm][]uint32{}}
	if err := e.plan(&c, 0); err != nil {
		return nil, err
	}
	if err := e.askIndex(acc, mailbox); err != nil {
		return nil, err
	}
	set := c.UIDs
	if set == nil {
		set = All()
	}
	// Words that must be there in any case say where to look at all.
	for field, list := range map[string][]string{"body": c.Body, "": c.Text} {
		for _, text := range list {
			if found, asked := e.texts[textTerm{field, query.Words(text), true}]; asked && c.UIDs == nil {
				set = setOf(found)
			}
		}
	}
	var uids []uint32
	err = s.Items(ctx, id, mailbox, set, e.need, func(it *Item) error {
		e.raw = nil
		ok, err := e.meets(&c, it)
		if ok {
			uids = append(uids, it.UID)
		}
		return err
	})
	return uids, err
}

// evaluation is one SEARCH: words are looked up in the index first, all else is
// decided on the rows.
type evaluation struct {
	s        *Store
	ctx      context.Context
	id       postern.AccountID
	greatest uint32 // UID
	need     Need
	count    int
	texts    map[textTerm][]uint32 // UIDs in order
	raw      *message.Message      // of the item at hand, when a header had to be read
}

// plan finds out what the criteria need to know.
func (e *evaluation) plan(c *Criteria, depth int) error {
	e.count++
	if e.count += len(c.Header) + len(c.Body) + len(c.Text); e.count > maxCriteria || depth > 50 {
		return invalid("mail.search-long", "the search has more than %d conditions: ask for less at once", maxCriteria)
	}
	if len(c.Header) > 0 || !c.SentSince.IsZero() || !c.SentBefore.IsZero() {
		e.need |= Envelope
	}
	for field, list := range map[string][]string{"body": c.Body, "": c.Text} {
		for _, text := range list {
			if words := query.Words(text); words != "" {
				e.texts[textTerm{field, words, true}] = nil
			}
		}
	}
	for i := range c.Not {
		if err := e.plan(&c.Not[i], depth+1); err != nil {
			return err
		}
	}
	for i := range c.Or {
		for j := range c.Or[i] {
			if err := e.plan(&c.Or[i][j], depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *evaluation) askIndex(acc []byte, mailbox postern.MailboxID) error {
	if len(e.texts) == 0 {
		return nil
	}
	mb, err := key(mailbox)
	if err != nil {
		return err
	}
	return e.s.db.View(e.ctx, func(tx *db.Tx) error {
		for text := range e.texts {
			st := statement{engine: tx.Engine(), acc: acc, args: db.Args(acc, mb)}
			if err := st.scope(tx); err != nil {
				return err
			}
			uids := []uint32{}
			err := tx.Rows("SELECT p.uid FROM mail_placement p"+e.s.join()+" WHERE p.account = ?1 AND p.mailbox = ?2 AND "+st.match(text)+" ORDER BY p.uid", st.args, func(row db.Scanner) error {
				var uid int64
				err := row.Scan(&uid)
				uids = append(uids, uint32(uid))
				return err
			})
			if err != nil {
				return err
			}
			e.texts[text] = uids
		}
		return nil
	})
}

func (e *evaluation) meets(c *Criteria, it *Item) (bool, error) {
	switch {
	case c.UIDs != nil && !c.UIDs.resolve(e.greatest).has(it.UID),
		!c.Since.IsZero() && it.Internal.Before(day(c.Since)),
		!c.Before.IsZero() && !it.Internal.Before(day(c.Before)),
		c.Larger > 0 && it.Size <= c.Larger,
		c.Smaller > 0 && it.Size >= c.Smaller,
		c.ModSeq > 0 && it.ModSeq < c.ModSeq:
		return false, nil
	}
	for _, f := range c.Flags {
		if !hasFlag(it.Flags, f) {
			return false, nil
		}
	}
	for _, f := range c.NotFlags {
		if hasFlag(it.Flags, f) {
			return false, nil
		}
	}
	if !c.SentSince.IsZero() && (it.Date.IsZero() || wallDay(it.Date).Before(day(c.SentSince))) {
		return false, nil
	}
	if !c.SentBefore.IsZero() && (it.Date.IsZero() || !wallDay(it.Date).Before(day(c.SentBefore))) {
		return false, nil
	}
	for field, list := range map[string][]string{"body": c.Body, "": c.Text} {
		for _, text := range list {
			words := query.Words(text)
			if words == "" && text == "" {
				continue // the empty string is in every text
			}
			if _, found := slices.BinarySearch(e.texts[textTerm{field, words, true}], it.UID); !found {
				return false, nil
			}
		}
	}
	for _, h := range c.Header {
		if ok, err := e.hasHeader(h, it); !ok || err != nil {
			return false, err
		}
	}
	for i := range c.Not {
		if ok, err := e.meets(&c.Not[i], it); ok || err != nil {
			return false, err
		}
	}
	for i := range c.Or {
		ok, err := e.meets(&c.Or[i][0], it)
		if err == nil && !ok {
			ok, err = e.meets(&c.Or[i][1], it)
		}
		if !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

// day is the day a SEARCH date names, time and zone disregarded (RFC 9051, 6.4.4).
func day(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}

// wallDay is the day in the zone of the sender.
func wallDay(t time.Time) time.Time { return day(t) }

// hasHeader compares without case. What ENVELOPE holds is in the row; for other
// fields the message's own header is read.
func (e *evaluation) hasHeader(h HeaderField, it *Item) (bool, error) {
	v := it.Envelope
	var values []string
	switch strings.ToLower(h.Name) {
	case "subject":
		values = nonEmpty(v.Subject)
	case "from":
		values = addressValues(v.From)
	case "to":
		values = addressValues(v.To)
	case "cc":
		values = addressValues(v.Cc)
	case "bcc":
		values = addressValues(v.Bcc)
	case "message-id":
		values = nonEmpty(v.MessageID)
	case "in-reply-to":
		values = nonEmpty(v.InReplyTo)
	default:
		m, err := e.read(it)
		if err != nil {
			return false, err
		}
		values = m.Header.All(h.Name)
	}
	needle := strings.ToLower(h.Value)
	return slices.ContainsFunc(values, func(s string) bool { return strings.Contains(strings.ToLower(s), needle) }), nil
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

func addressValues(list []message.Address) []string {
	if len(list) == 0 {
		return nil
	}
	return []string{codec.AddressText(list)}
}

// read parses the bytes of the item at hand, once.
func (e *evaluation) read(it *Item) (*message.Message, error) {
	if e.raw != nil {
		return e.raw, nil
	}
	f, err := e.s.OpenRaw(e.ctx, e.id, it.ID)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head, err := io.ReadAll(io.LimitReader(f, message.MaxHeader))
	if err != nil {
		return nil, fmt.Errorf("couldn't read the message's bytes: %w", err)
	}
	e.raw, err = message.Parse(head)
	return e.raw, err
}
