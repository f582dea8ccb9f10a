package foreign

import (
	"slices"
	"strings"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/message"
	"github.com/postern-mail/postern/message/guarded"
)

// view is one message on its way into an answer.
type view struct {
	item
	raw    []byte
	read   *message.Message
	body   message.Body
	masked bool // guarded, and the customer did not agree to it
	fields postern.Field
}

func newView(it item, raw []byte, r ledger.Receipt) (view, error) {
	v := view{item: it, raw: raw, fields: r.Fields}
	var err error
	if v.read, err = message.Parse(raw); err != nil {
		return v, err
	}
	v.body = v.read.Body(raw)
	is, _ := guarded.Judge(v.read, v.body)
	v.masked = is && !r.Consented
	return v, nil
}

// trace is what another server tells of a message's way: when it came, from
// whom, and whether it lies in Junk. The rest stands in that server's logs.
func (v view) trace() postern.TraceEvent {
	e := postern.TraceEvent{At: v.arrived, Message: v.id, Event: "delivered"}
	switch v.box.role {
	case "inbox":
		e.Mailbox = "INBOX"
	case "junk":
		e.Event, e.Mailbox = "junked", "Junk"
	}
	if !v.masked {
		// RFC 5321, 4.4: the last server writes the envelope's sender there.
		e.Sender = strings.Trim(strings.TrimSpace(v.read.Header.Get("Return-Path")), "<>")
		e.Detail = "the mail server tells when the message was stored; its way there is not known to it"
	}
	return e
}

// shown gives the fields of the receipt; where both views of one are named, the
// whole one.
func (v view) shown() postern.ShownMessage {
	s := postern.ShownMessage{ID: v.id}
	if v.masked {
		s.Masked = true
		return s
	}
	s.Given = v.fields & (envelopeFields | bytesFields)
	for masked, whole := range map[postern.Field]postern.Field{postern.FieldFromMasked: postern.FieldFrom, postern.FieldToMasked: postern.FieldTo, postern.FieldSubjectMasked: postern.FieldSubject} {
		if s.Given&whole != 0 {
			s.Given &^= masked
		}
	}
	has := func(f postern.Field) bool { return s.Given&f != 0 }
	e := v.read.Envelope
	if has(postern.FieldMailboxes) {
		s.Mailbox = v.box.shown
	}
	s.From = addresses(has(postern.FieldFrom), has(postern.FieldFromMasked), e.From, e.Sender, e.ReplyTo)
	s.To = addresses(has(postern.FieldTo), has(postern.FieldToMasked), e.To, e.Cc)
	switch {
	case has(postern.FieldSubject):
		s.Subject = e.Subject
	case has(postern.FieldSubjectMasked):
		s.Subject = message.MaskedSubject(e.Subject)
	}
	if has(postern.FieldDate) {
		if s.Date = e.Date; !known(e.Date) {
			s.Date = v.arrived
		}
	}
	if has(postern.FieldSize) {
		s.Size = v.size
	}
	if has(postern.FieldSource) {
		s.Source = v.raw
	}
	if has(postern.FieldBody) {
		s.Plain, s.HTML = v.body.Plain, v.body.HTML
	}
	if has(postern.FieldAttachments) {
		for _, a := range v.body.Attachments {
			one := postern.ShownAttachment{Name: a.Name, Type: a.Type}
			if p := v.read.PartAt(a.Path); p != nil {
				// Decoding never makes more than it was given.
				one.Bytes, _ = p.Decoded(v.raw, len(v.raw))
			}
			s.Attachments = append(s.Attachments, one)
		}
	}
	return s
}

// addresses lists each once: as people read them, or masked.
func addresses(whole, masked bool, lists ...[]message.Address) []string {
	if !whole && !masked {
		return nil
	}
	var seen, out []string
	for _, a := range slices.Concat(lists...) {
		s := a.Addr()
		key := s
		if whole && a.Name != "" {
			s = a.Name + " <" + s + ">"
			key = s
		}
		if slices.Contains(seen, key) {
			continue
		}
		seen = append(seen, key)
		if !whole {
			s = message.MaskedAddress(a)
		}
		out = append(out, s)
	}
	return out
}
