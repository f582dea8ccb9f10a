package imapd

import (
	"cmp"
	"maps"
	"strings"

	"github.com/emersion/go-imap/v2"

	"github.com/postern-mail/postern/message"
)

// fillEnvelope turns the store's envelope into the library's, in the memory of
// the one before it: a fetch of 10,000 writes them one by one.
func fillEnvelope(to *imap.Envelope, e *message.Envelope) {
	if e == nil {
		*to = imap.Envelope{}
		return
	}
	to.Date, to.Subject, to.MessageID = e.Date, e.Subject, e.MessageID
	to.InReplyTo = to.InReplyTo[:0]
	if e.InReplyTo != "" {
		to.InReplyTo = append(to.InReplyTo, strings.Trim(e.InReplyTo, "<>"))
	}
	to.MessageID = strings.Trim(e.MessageID, "<>")
	fillAddresses(&to.From, e.From)
	fillAddresses(&to.Sender, orElse(e.Sender, e.From))
	fillAddresses(&to.ReplyTo, orElse(e.ReplyTo, e.From))
	fillAddresses(&to.To, e.To)
	fillAddresses(&to.Cc, e.Cc)
	fillAddresses(&to.Bcc, e.Bcc)
}

// orElse: Sender and Reply-To are From's where they are missing (RFC 9051, 7.5.2).
func orElse(list, other []message.Address) []message.Address {
	if len(list) == 0 {
		return other
	}
	return list
}

// missing stands for the half of an address that a message left out.
const missing = "unknown"

func fillAddresses(to *[]imap.Address, list []message.Address) {
	out := (*to)[:0]
	for _, a := range list {
		// NIL, which the library writes for "", would begin or end a group (RFC
		// 9051, 7.5.2).
		out = append(out, imap.Address{Name: a.Name, Mailbox: cmp.Or(a.Mailbox, missing), Host: cmp.Or(a.Host, missing)})
	}
	*to = out
}

// structureOf turns the store's MIME tree into the library's (RFC 9051, 7.5.2,
// BODYSTRUCTURE). Its depth was bounded when the message was parsed.
func structureOf(p *message.Part) imap.BodyStructure {
	if p == nil {
		p = &message.Part{Type: "text", Subtype: "plain", Encoding: "7bit"}
	}
	var disposition *imap.BodyStructureDisposition
	if p.Disposition != "" {
		disposition = &imap.BodyStructureDisposition{Value: p.Disposition, Params: p.DispositionParams}
	}
	if p.Type == "multipart" && len(p.Parts) > 0 {
		m := &imap.BodyStructureMultiPart{Subtype: p.Subtype, Extended: &imap.BodyStructureMultiPartExt{Params: p.Params, Disposition: disposition}}
		for _, c := range p.Parts {
			m.Children = append(m.Children, structureOf(c))
		}
		return m
	}
	s := &imap.BodyStructureSinglePart{Type: p.Type, Subtype: p.Subtype, Params: p.Params, ID: bracketed(p.ID), Description: p.Description, Encoding: p.Encoding,
		Size: uint32(max(p.End-p.BodyStart, 0)), Extended: &imap.BodyStructureSinglePartExt{Disposition: disposition}}
	switch {
	case p.Type == "multipart": // without a part there is no body-type-mpart; the grammar has text for it
		s.Type, s.Subtype, s.Params = "text", "plain", nil
		s.Text = &imap.BodyStructureText{NumLines: int64(p.Lines)}
	case p.Type == "text":
		s.Params = withCharset(p.Params)
		s.Text = &imap.BodyStructureText{NumLines: int64(p.Lines)}
	case p.Is("message", "rfc822") || p.Is("message", "global"):
		if p.Message == nil { // encoded, or not a message after all: its inside is not known
			s.Type, s.Subtype = "application", "octet-stream"
			break
		}
		e := &imap.Envelope{}
		fillEnvelope(e, &p.Message.Envelope)
		s.MessageRFC822 = &imap.BodyStructureMessageRFC822{Envelope: e, BodyStructure: structureOf(p.Message.Root), NumLines: int64(p.Lines)}
	}
	return s
}

// withCharset says the charset that a text has when it names none (RFC 2045,
// 5.2); other servers do, and clients expect it.
func withCharset(params map[string]string) map[string]string {
	if params["charset"] != "" {
		return params
	}
	all := maps.Clone(params)
	if all == nil {
		all = map[string]string{}
	}
	all["charset"] = "us-ascii"
	return all
}

func bracketed(id string) string {
	if id == "" {
		return ""
	}
	return "<" + id + ">"
}
