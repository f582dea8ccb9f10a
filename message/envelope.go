package message

import (
	"strings"
	"time"
)

// An Envelope is what lists and searches show of a message, and what ENVELOPE answers (RFC 9051, 7.5.2). Sender and ReplyTo are
// From when the message does not name them. Group names are not kept: their members are.
type Envelope struct {
	Date                               time.Time // zero when there is none to be read
	Subject                            string
	From, Sender, ReplyTo, To, Cc, Bcc []Address
	InReplyTo, MessageID               string   // with their angle brackets
	References                         []string // the same, oldest first
}

// maxReferences bounds the thread that one message can claim.
const maxReferences = 1000

func (w *walker) envelope(h Header, p *Part) Envelope {
	e := Envelope{Subject: h.Get("Subject"), MessageID: firstID(h.Get("Message-ID")), InReplyTo: firstID(h.Get("In-Reply-To"))}
	if h.Has("Date") {
		var ok bool
		if e.Date, ok = ParseDate(h.Get("Date")); !ok {
			e.Date = time.Time{}
			w.repair(BadDate, p)
		}
	}
	for _, f := range []struct {
		name string
		list *[]Address
	}{{"From", &e.From}, {"Sender", &e.Sender}, {"Reply-To", &e.ReplyTo}, {"To", &e.To}, {"Cc", &e.Cc}, {"Bcc", &e.Bcc}} {
		if !h.Has(f.name) {
			continue
		}
		list, cut := parseAddresses(h.text(h.Raw(f.name)))
		if cut {
			w.repair(TooManyAddresses, p)
		}
		*f.list = list
	}
	if len(e.From) == 0 {
		w.repair(MissingFrom, p)
	}
	if len(e.Sender) == 0 {
		e.Sender = e.From
	}
	if len(e.ReplyTo) == 0 {
		e.ReplyTo = e.From
	}
	if h.Has("References") {
		e.References = idsOf(h.text(h.Raw("References")))
	}
	for _, name := range []string{"From", "Sender", "Subject", "Date", "Message-ID", "To", "Cc", "Reply-To", "Content-Type"} {
		if h.count(name) > 1 {
			w.repair(DuplicateField, p)
		}
	}
	return e
}

// firstID is the first "<…>" of a Message-ID or In-Reply-To field, or the bare word that some programs write.
func firstID(s string) string {
	if ids := idsOf(s); len(ids) > 0 {
		return ids[0]
	}
	if word, _, _ := strings.Cut(s, " "); word != "" && !strings.ContainsAny(word, "<>\"(),") && strings.Contains(word, "@") {
		return "<" + word + ">"
	}
	return ""
}

func idsOf(s string) (ids []string) {
	for len(ids) < maxReferences {
		open := strings.IndexByte(s, '<')
		if open < 0 {
			break
		}
		s = s[open:]
		end := strings.IndexByte(s, '>')
		if end < 0 {
			break
		}
		id := strings.Map(func(r rune) rune {
			if r <= ' ' || r == 0x7f {
				return -1
			}
			return r
		}, s[:end+1])
		if len(id) > 2 {
			ids = append(ids, plainLine(id))
		}
		s = s[end+1:]
	}
	return ids
}
