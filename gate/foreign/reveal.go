package foreign

import (
	"context"
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/ledger"
)

// The fields by what must be read for them.
const (
	accountFields  = postern.FieldStatus | postern.FieldQuota | postern.FieldSignIns | postern.FieldQueue | postern.FieldRules | postern.FieldRuleTargets
	untold         = postern.FieldSignIns | postern.FieldQueue | postern.FieldRules | postern.FieldRuleTargets
	maskedFields   = postern.FieldFromMasked | postern.FieldToMasked | postern.FieldSubjectMasked
	envelopeFields = postern.FieldMailboxes | postern.FieldFrom | postern.FieldTo | postern.FieldSubject | postern.FieldDate | postern.FieldSize | maskedFields
	bytesFields    = postern.FieldBody | postern.FieldAttachments | postern.FieldSource
)

const (
	// maxRevealed bounds the messages whose bytes one receipt gives, together.
	maxRevealed = 128 << 20
	// maxHead is how much of a message is read for its envelope, and to tell
	// whether it is guarded: codes stand near the top.
	maxHead = 512 << 10
)

// Reveal gives exactly the fields that the receipt names of exactly its
// messages, once: what it used up is written down first. It is Denied for a
// receipt that is forged, over, used, or names a message that the account does
// not have now.
func (m *Mailboxes) Reveal(ctx context.Context, r ledger.Receipt) (postern.Shown, error) {
	if err := r.Verify(m.ReceiptKey, m.Now()); err != nil {
		return postern.Shown{}, err
	}
	if err := m.spend(ctx, r.Disclosure); err != nil {
		return postern.Shown{}, err
	}
	var shown postern.Shown
	who, err := m.with(ctx, r.Account, func(ctx context.Context, l *link) (err error) {
		shown, err = m.reveal(l, r)
		return err
	})
	if err != nil {
		return postern.Shown{}, err
	}
	if shown.Account != nil && r.Fields&postern.FieldStatus != 0 {
		shown.Account.Address, shown.Account.Status, shown.Account.Locale, shown.Account.Created = who.Address, who.Status, who.Locale, who.Created
	}
	return shown, nil
}

func (m *Mailboxes) reveal(l *link, r ledger.Receipt) (shown postern.Shown, err error) {
	items, err := m.receiptItems(l, r)
	if err != nil {
		return shown, err
	}
	if r.Fields&accountFields != 0 {
		if shown.Account, err = l.account(r.Fields); err != nil {
			return shown, err
		}
	}
	if r.Fields&postern.FieldMailboxes != 0 {
		boxes, err := l.boxes()
		if err != nil {
			return shown, err
		}
		for _, b := range boxes {
			shown.Mailboxes = append(shown.Mailboxes, b.shown)
		}
	}
	if r.Fields&(postern.FieldTrace|envelopeFields|bytesFields) == 0 {
		return shown, nil
	}
	open := ""
	for _, it := range items {
		if open != it.box.name {
			if _, err := l.examine(it.box.name); err != nil {
				return shown, err
			}
			open = it.box.name
		}
		raw, err := l.bytes(it, r.Fields&bytesFields != 0)
		if err != nil {
			return shown, err
		}
		v, err := newView(it, raw, r)
		if err != nil {
			return shown, err
		}
		if r.Fields&postern.FieldTrace != 0 {
			shown.Trace = append(shown.Trace, v.trace())
		}
		if r.Fields&(envelopeFields|bytesFields) != 0 {
			shown.Messages = append(shown.Messages, v.shown())
		}
	}
	return shown, nil
}

// receiptItems finds the receipt's messages, in its order, and makes sure that
// they are not too much for one answer.
func (m *Mailboxes) receiptItems(l *link, r ledger.Receipt) ([]item, error) {
	there, err := m.existing(l, r.Account, r.Messages)
	if err != nil {
		return nil, err
	}
	items := make([]item, 0, len(r.Messages))
	total, head := int64(0), int64(0)
	for _, id := range r.Messages {
		i := slices.IndexFunc(there, func(it item) bool { return it.id == id })
		if i < 0 {
			// Another's message, one that is gone and one that was moved look the same.
			return nil, &postern.Error{Kind: postern.Denied, Key: "mail.receipt.message", Text: "the receipt names a message that the account does not have"}
		}
		items = append(items, there[i])
		total += there[i].size
		head += min(there[i].size, maxHead)
	}
	if r.Fields&bytesFields != 0 {
		head = total
	}
	if head > maxRevealed {
		return nil, &postern.Error{Kind: postern.Invalid, Key: "mail.receipt.large", Text: "the messages are too large to be shown at once: ask for fewer"}
	}
	l.conn.left.Add(head + head/8 + int64(len(items))<<10) // TLS and the answers' own words
	return items, nil
}

// bytes reads a message without marking it as read (RFC 9051, 6.4.5: PEEK).
func (l *link) bytes(it item, whole bool) ([]byte, error) {
	section := &imap.FetchItemBodySection{Peek: true}
	most := it.size
	if !whole && it.size > maxHead {
		section.Partial = &imap.SectionPartial{Size: maxHead}
		most = maxHead
	}
	c := l.client.Fetch(imap.UIDSetNum(it.uid), &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{section}})
	list, err := c.Collect()
	if err != nil {
		return nil, l.failed("read a message", err)
	}
	i := slices.IndexFunc(list, func(d *imapclient.FetchMessageBuffer) bool { return d.UID == it.uid && len(d.BodySection) == 1 })
	if i < 0 {
		return nil, &postern.Error{Kind: postern.Denied, Key: "mail.receipt.message", Text: "the message went away while it was read"}
	}
	raw := list[i].BodySection[0].Bytes
	if int64(len(raw)) > most {
		return nil, unavailable("couldn't read a message", errTooMuch)
	}
	return raw, nil
}

// account is what the server tells of the account; the rest it does not know.
func (l *link) account(fields postern.Field) (*postern.ShownAccount, error) {
	s := &postern.ShownAccount{Unknown: fields & untold}
	if fields&postern.FieldQuota == 0 {
		return s, nil
	}
	boxes, err := l.boxes()
	if err != nil {
		return nil, err
	}
	for _, b := range boxes {
		d, err := l.client.Status(b.name, &imap.StatusOptions{NumMessages: true}).Wait()
		if err != nil {
			return nil, l.failed("count messages", err)
		}
		if d.NumMessages != nil {
			s.Messages += int(*d.NumMessages)
		}
	}
	if !l.client.Caps().Has(imap.CapQuota) {
		return s, nil
	}
	roots, err := l.client.GetQuotaRoot("INBOX").Wait()
	if err != nil {
		return nil, l.failed("ask for the quota", err)
	}
	for _, root := range roots {
		if r, ok := root.Resources[imap.QuotaResourceStorage]; ok { // RFC 9208, 5.1: KiB
			s.UsedBytes, s.QuotaBytes = r.Usage<<10, r.Limit<<10
		}
	}
	return s, nil
}

// known is the earliest time a message can have.
func known(t time.Time) bool { return t.Year() > 1970 }
