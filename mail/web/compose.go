package web

import (
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/mail/internal/store"
	"github.com/postern-mail/postern/message"
	"github.com/postern-mail/postern/ui"
)

const (
	mostRecipients = 100
	maxLetter      = 500_000 // bytes of text
)

type composeView struct {
	To, Cc, Subject, Text string
	Reply                 postern.MessageID
	ToError, TextError    string
	Cancel                string
}

// compose is an empty letter, or with reply= the answer to one.
func (w *Web) compose(v *visit) error {
	data := composeView{To: v.FormValue("to"), Cancel: "/mailbox/inbox"}
	if id := postern.MessageID(v.FormValue("reply")); id != "" {
		_, raw, err := w.store.Message(v.ctx(), v.account.ID, id)
		if err != nil {
			return err
		}
		m, err := message.Parse(raw)
		if err != nil {
			return err
		}
		data.Reply, data.Cancel = id, "/message/"+string(id)
		data.To = addresses(m.Envelope.ReplyTo)
		if v.FormValue("all") == "1" {
			var others []message.Address
			for _, a := range append(append([]message.Address{}, m.Envelope.To...), m.Envelope.Cc...) {
				if !strings.EqualFold(a.Addr(), v.account.Address) {
					others = append(others, a)
				}
			}
			data.Cc = addresses(others)
		}
		data.Subject = replySubject(m.Envelope.Subject)
		data.Text = w.quote(v, m, raw)
	}
	return w.showCompose(v, http.StatusOK, data)
}

func (w *Web) showCompose(v *visit, status int, data composeView, problems ...ui.Problem) error {
	return w.show(v, status, "compose", ui.Page{Title: "compose.title", Data: data, Errors: problems})
}

func addresses(list []message.Address) string {
	var all []string
	for _, a := range list {
		all = append(all, a.Addr())
	}
	return strings.Join(all, ", ")
}

func replySubject(s string) string {
	if len(s) >= 3 && strings.EqualFold(s[:3], "re:") {
		return s
	}
	return "Re: " + s
}

// quote puts the text answered to below, each line behind ">" (RFC 3676, 4.5).
func (w *Web) quote(v *visit, m *message.Message, raw []byte) string {
	var b strings.Builder
	who := addresses(m.Envelope.From)
	if len(m.Envelope.From) > 0 && m.Envelope.From[0].Name != "" {
		who = m.Envelope.From[0].Name
	}
	b.WriteString("\n\n" + w.t(v, "compose.wrote", "date", ui.DateTime(v.lang, m.Envelope.Date.In(w.zone())), "name", who) + "\n")
	text := m.Body(raw).Plain
	for n := 20_000; len(text) > n; n-- { // a long letter is not quoted in full
		if utf8.RuneStart(text[n]) {
			text = text[:n]
		}
	}
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n "), "\n") {
		if strings.HasPrefix(line, ">") {
			b.WriteString(">" + line + "\n")
		} else {
			b.WriteString("> " + line + "\n")
		}
	}
	return b.String()
}

// send hands the letter over and keeps a copy in Sent. Handing over comes first:
// a copy that is missing is a lesser loss than a letter that only seems sent.
func (w *Web) send(v *visit) error {
	data := composeView{To: v.PostFormValue("to"), Cc: v.PostFormValue("cc"), Subject: strings.TrimSpace(v.PostFormValue("subject")), Text: v.PostFormValue("text"), Reply: postern.MessageID(v.PostFormValue("reply")), Cancel: "/mailbox/inbox"}
	to, cc := message.ParseAddresses(data.To), message.ParseAddresses(data.Cc)
	rcpts, ok := recipients(to, cc)
	if !ok {
		data.ToError = w.t(v, "compose.to.error")
		return w.showCompose(v, http.StatusUnprocessableEntity, data, ui.Problem{Field: "to", Text: data.ToError})
	}
	if strings.TrimSpace(data.Text) == "" || len(data.Text) > maxLetter {
		data.TextError = w.t(v, "compose.text.error")
		return w.showCompose(v, http.StatusUnprocessableEntity, data, ui.Problem{Field: "text", Text: data.TextError})
	}
	at := strings.LastIndexByte(v.account.Address, '@')
	d := message.Draft{From: message.Address{Name: v.account.Name, Mailbox: v.account.Address[:at], Host: v.account.Address[at+1:]}, To: to, Cc: cc,
		Subject: strings.Join(strings.Fields(data.Subject), " "), Date: w.Now(), MessageID: "<" + postern.NewID() + "@" + v.account.Address[at+1:] + ">", Plain: strings.ReplaceAll(data.Text, "\r\n", "\n")}
	if data.Reply != "" {
		if err := w.inReply(v, &d, data.Reply); err != nil {
			return err
		}
	}
	raw, err := d.Bytes()
	if err != nil {
		return &postern.Error{Kind: postern.Invalid, Text: "couldn't write the message", Err: err}
	}
	if err := w.Submit(v.ctx(), v.account.ID, v.account.Address, rcpts, raw); err != nil {
		if k := postern.KindOf(err); k != postern.NotFound && k != postern.Invalid {
			return err
		}
		data.ToError = w.t(v, "compose.to.unknown")
		return w.showCompose(v, http.StatusUnprocessableEntity, data, ui.Problem{Field: "to", Text: data.ToError})
	}
	f := flash{Text: "done.sent"}
	if _, err := w.store.Append(v.ctx(), v.account.ID, store.AppendIn{Role: store.RoleSent, Raw: raw, Flags: []string{store.Seen}}); err != nil {
		w.fault(v.Request, err)
		f = flash{Text: "done.sent-only", Kind: "warn"}
	}
	w.setFlash(v, f)
	return v.redirect("/mailbox/inbox")
}

// inReply joins the answer to its conversation (RFC 5322, 3.6.4) and marks what
// it answers.
func (w *Web) inReply(v *visit, d *message.Draft, id postern.MessageID) error {
	it, raw, err := w.store.Message(v.ctx(), v.account.ID, id)
	if err != nil {
		return err
	}
	m, err := message.Parse(raw)
	if err != nil {
		return err
	}
	if e := m.Envelope; e.MessageID != "" {
		d.InReplyTo = e.MessageID
		refs := append(e.References, e.MessageID)
		d.Header = append(d.Header, [2]string{"References", strings.Join(refs[max(0, len(refs)-20):], " ")})
	}
	_, _, err = w.store.SetFlags(v.ctx(), v.account.ID, it.Mailbox, store.UIDs(it.UID), store.Add, []string{store.Answered}, -1)
	return err
}

// recipients gives the envelope's addresses, each once; false when there are
// none, too many, or one that cannot be sent to.
func recipients(lists ...[]message.Address) (out []string, ok bool) {
	seen := map[string]bool{}
	for _, list := range lists {
		for _, a := range list {
			if a.Mailbox == "" || a.Host == "" {
				return nil, false
			}
			if addr := a.Addr(); !seen[strings.ToLower(addr)] {
				seen[strings.ToLower(addr)] = true
				out = append(out, addr)
			}
		}
	}
	return out, len(out) > 0 && len(out) <= mostRecipients
}
