package mail

import (
	"context"
	"slices"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/mail/internal/store"
	"github.com/postern-mail/postern/message"
)

// Find gives the messages that a scope names, newest first, at most 100: their
// identifiers and nothing else. It is what an approver is asked about, so it
// searches by sender, recipient, Message-ID and date, and not by words.
func (m *Mail) Find(ctx context.Context, acc postern.AccountID, scope postern.Scope) ([]postern.MessageID, error) {
	return m.store.Find(ctx, acc, scope)
}

// The fields by what must be read for them.
const (
	envelopeFields = postern.FieldMailboxes | postern.FieldFrom | postern.FieldTo | postern.FieldSubject | postern.FieldDate | postern.FieldSize |
		postern.FieldFromMasked | postern.FieldToMasked | postern.FieldSubjectMasked
	bytesFields = postern.FieldBody | postern.FieldAttachments | postern.FieldSource
)

const (
	// maxRevealed bounds the messages whose bytes one receipt gives, together.
	maxRevealed = 128 << 20
	maxTrace    = 200
)

// Reveal gives exactly the fields that the receipt names of exactly its
// messages, once: what it used up is written down first. Guarded messages are
// given as masked, with nothing but their identifier, unless the customer
// agreed to these very ones; masked views of addresses and subjects are made
// here, so that no other plane is handed what it must not show. It is Denied for a receipt that is forged, over,
// used, or names a message that is not this account's.
func (m *Mail) Reveal(ctx context.Context, r ledger.Receipt) (postern.Shown, error) {
	if err := r.Verify(m.key, m.now()); err != nil {
		return postern.Shown{}, err
	}
	if err := m.store.Spend(ctx, r.Account, r.Disclosure); err != nil {
		return postern.Shown{}, err
	}
	messages, err := m.receiptMessages(ctx, r)
	if err != nil {
		return postern.Shown{}, err
	}
	var shown postern.Shown
	if r.Fields&accountFields != 0 {
		if shown.Account, err = m.revealAccount(ctx, r); err != nil {
			return postern.Shown{}, err
		}
	}
	if r.Fields&postern.FieldTrace != 0 {
		if shown.Trace, err = m.revealTrace(ctx, r, messages); err != nil {
			return postern.Shown{}, err
		}
	}
	names := map[postern.MailboxID]string{}
	if r.Fields&postern.FieldMailboxes != 0 {
		list, err := m.store.Mailboxes(ctx, r.Account)
		if err != nil {
			return postern.Shown{}, err
		}
		for _, mb := range list {
			names[mb.ID] = mb.Name
			shown.Mailboxes = append(shown.Mailboxes, mb.Name)
		}
	}
	if r.Fields&(envelopeFields|bytesFields) != 0 {
		for i := range messages {
			one, err := m.revealMessage(ctx, r, &messages[i], names)
			if err != nil {
				return postern.Shown{}, err
			}
			shown.Messages = append(shown.Messages, one)
		}
	}
	return shown, nil
}

// receiptMessages reads the rows of the receipt's messages, in its order.
func (m *Mail) receiptMessages(ctx context.Context, r ledger.Receipt) ([]store.Item, error) {
	items := make([]store.Item, 0, len(r.Messages))
	total := int64(0)
	for _, id := range r.Messages {
		places, err := m.store.Places(ctx, r.Account, id, store.Identity|store.Envelope)
		if postern.KindOf(err) == postern.NotFound {
			// Another's message and one that is gone look the same from here.
			return nil, &postern.Error{Kind: postern.Denied, Key: "mail.receipt.message", Text: "the receipt names a message that the account does not have", Err: err}
		}
		if err != nil {
			return nil, err
		}
		items = append(items, places[0])
		total += places[0].Size
	}
	if r.Fields&bytesFields != 0 && total > maxRevealed {
		return nil, &postern.Error{Kind: postern.Invalid, Key: "mail.receipt.large", Text: "the messages are too large to be shown at once: ask for fewer"}
	}
	return items, nil
}

// revealTrace gives the rows of the receipt's messages, and always those of what
// was never stored, such as mail that was refused at the door and mail that went
// out: they have no message by which a receipt could name them or leave them out.
func (m *Mail) revealTrace(ctx context.Context, r ledger.Receipt, messages []store.Item) ([]postern.TraceEvent, error) {
	rows, err := m.store.TracesOf(ctx, r.Account, r.Messages, maxTrace)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		masked := slices.ContainsFunc(messages, func(it store.Item) bool { return it.ID == rows[i].Message && it.Guarded })
		if masked && !r.Consented {
			rows[i].Sender, rows[i].Detail = "", ""
		}
	}
	unstored, err := m.store.Unstored(ctx, r.Account, maxTrace)
	if err != nil {
		return nil, err
	}
	rows = append(rows, unstored...)
	slices.SortStableFunc(rows, func(a, b postern.TraceEvent) int { return b.At.Compare(a.At) })
	return rows, nil
}

func (m *Mail) revealMessage(ctx context.Context, r ledger.Receipt, it *store.Item, mailboxes map[postern.MailboxID]string) (postern.ShownMessage, error) {
	s := postern.ShownMessage{ID: it.ID}
	if it.Guarded && !r.Consented {
		s.Masked = true
		return s, nil
	}
	s.Given = given(r.Fields)
	e := it.Envelope
	s.Mailbox = mailboxes[it.Mailbox]
	switch {
	case s.Given&postern.FieldFrom != 0:
		s.From = addresses(e.From, e.Sender, e.ReplyTo)
	case s.Given&postern.FieldFromMasked != 0:
		s.From = maskedAddresses(e.From, e.Sender, e.ReplyTo)
	}
	switch {
	case s.Given&postern.FieldTo != 0:
		s.To = addresses(e.To, e.Cc)
	case s.Given&postern.FieldToMasked != 0:
		s.To = maskedAddresses(e.To, e.Cc)
	}
	switch {
	case s.Given&postern.FieldSubject != 0:
		s.Subject = e.Subject
	case s.Given&postern.FieldSubjectMasked != 0:
		s.Subject = message.MaskedSubject(e.Subject)
	}
	if r.Fields&postern.FieldDate != 0 {
		s.Date = shownDate(it)
	}
	if r.Fields&postern.FieldSize != 0 {
		s.Size = it.Size
	}
	if r.Fields&bytesFields == 0 {
		return s, nil
	}
	_, raw, err := m.store.Message(ctx, r.Account, it.ID)
	if err != nil {
		return s, err
	}
	if r.Fields&postern.FieldSource != 0 {
		s.Source = raw
	}
	if r.Fields&(postern.FieldBody|postern.FieldAttachments) == 0 {
		return s, nil
	}
	read, err := message.Parse(raw)
	if err != nil {
		return s, err
	}
	body := read.Body(raw)
	if r.Fields&postern.FieldBody != 0 {
		s.Plain, s.HTML = body.Plain, body.HTML
	}
	if r.Fields&postern.FieldAttachments != 0 {
		for _, a := range body.Attachments {
			one := postern.ShownAttachment{Name: a.Name, Type: a.Type}
			if p := read.PartAt(a.Path); p != nil {
				// Decoding never makes more than it was given.
				one.Bytes, _ = p.Decoded(raw, len(raw))
			}
			s.Attachments = append(s.Attachments, one)
		}
	}
	return s, nil
}

func shownDate(it *store.Item) time.Time {
	if it.Date.IsZero() {
		return it.Internal
	}
	return it.Date
}

// addresses lists each once, as people read them.
func addresses(lists ...[]message.Address) []string {
	var out []string
	for _, list := range lists {
		for _, a := range list {
			s := a.Addr()
			if a.Name != "" {
				s = a.Name + " <" + s + ">"
			}
			if !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	return out
}
