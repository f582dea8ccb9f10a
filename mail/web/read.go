package web

import (
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/mail/internal/store"
	"github.com/postern-mail/postern/message"
	"github.com/postern-mail/postern/ui"
)

type messageView struct {
	ID          postern.MessageID
	Item        string
	Box         string // key or text
	BoxHref     string
	Role        string
	Subject     string
	From        []person
	To, Cc      []person
	ReplyTo     []person // where it differs from From
	At          time.Time
	Size        int64
	Unread      bool
	Flagged     bool
	Guard       string
	Verdicts    []verdict
	Attachments []attachmentView
	Show        string // "html", "plain", "headers"
	HasHTML     bool
	Plain       []paragraph
	Truncated   bool
	Headers     []headerLine
	Frame       string // address of the message's HTML
	Tall        string
	Blocked     int
	Misleading  int
	Remote      bool
	Repairs     []string
	Moves       []ui.Option
	Thread      []line
	CanReply    bool
}

type person struct{ Name, Address string }

type verdict struct{ Text, Kind string } // Text: a key

type attachmentView struct {
	Name, Type, Href string
	Size             int64
}

type headerLine struct{ Name, Value string }

// paragraph is a run of plain text: quoted or not, in pieces that are links or not.
type paragraph struct {
	Quoted bool
	Pieces []piece
}

type piece struct{ Text, Href string }

// message shows one message, and the rest of its conversation below.
func (w *Web) message(v *visit) error {
	id := postern.MessageID(v.PathValue("id"))
	it, raw, err := w.store.Message(v.ctx(), v.account.ID, id)
	if err != nil {
		return err
	}
	// Of the mailboxes it lies in, the one the reader came from.
	if in := v.FormValue("in"); in != "" {
		places, err := w.store.Places(v.ctx(), v.account.ID, id, store.Identity)
		if err != nil {
			return err
		}
		for _, p := range places {
			if string(p.Mailbox) == in {
				it.Mailbox, it.UID, it.Flags = p.Mailbox, p.UID, p.Flags
			}
		}
	}
	box, err := w.store.MailboxByID(v.ctx(), v.account.ID, it.Mailbox)
	if err != nil {
		return err
	}
	m, err := message.Parse(raw)
	if err != nil {
		return err
	}
	data := w.messageData(v, it, box, m, raw)
	if err := w.surround(v, &data, it); err != nil {
		return err
	}
	if !it.Has(store.Seen) && v.Request.Header.Get("Sec-Purpose") == "" {
		if _, _, err := w.store.SetFlags(v.ctx(), v.account.ID, it.Mailbox, store.UIDs(it.UID), store.Add, []string{store.Seen}, -1); err != nil {
			w.fault(v.Request, err) // it is shown all the same
		}
	}
	title := data.Subject
	if title == "" {
		title = "message.no-subject"
	}
	return w.show(v, http.StatusOK, "message", ui.Page{Title: title, Data: data, Nav: []ui.NavItem{{Href: boxHref(box)}}, Wide: true})
}

func (w *Web) messageData(v *visit, it store.Item, box store.Mailbox, m *message.Message, raw []byte) messageView {
	e := m.Envelope
	body := m.Body(raw)
	d := messageView{ID: it.ID, Item: itemName(it), Box: boxName(box), BoxHref: boxHref(box), Role: box.Role,
		Subject: e.Subject, From: persons(e.From), To: persons(e.To), Cc: persons(e.Cc), At: e.Date, Size: it.Size,
		Unread: !it.Has(store.Seen), Flagged: it.Has(store.Flagged), Guard: it.Guard, Verdicts: verdicts(it.Verdicts), HasHTML: body.HTML != "", Truncated: body.Truncated}
	if d.At.IsZero() {
		d.At = it.Internal
	}
	if r := persons(e.ReplyTo); len(r) > 0 && (len(d.From) == 0 || r[0].Address != d.From[0].Address) {
		d.ReplyTo = r
	}
	for _, a := range body.Attachments {
		name := a.Name
		if name == "" {
			name = w.t(v, "message.attachment.nameless")
		}
		d.Attachments = append(d.Attachments, attachmentView{Name: name, Type: a.Type, Size: int64(a.Size), Href: "/message/" + string(it.ID) + "/attachment/" + partName(a.Path)})
	}
	d.CanReply = w.Submit != nil && box.Role != store.RoleDrafts
	d.Show = v.FormValue("show")
	if d.Show != "plain" && d.Show != "headers" {
		d.Show = "plain"
		if d.HasHTML && w.ViewOrigin != "" {
			d.Show = "html"
		}
	}
	switch d.Show {
	case "headers":
		for _, f := range m.Header.Fields() {
			d.Headers = append(d.Headers, headerLine{f.Name, strings.ToValidUTF8(strings.TrimSpace(f.Raw), "\uFFFD")})
		}
	case "html":
		d.Remote = v.FormValue("remote") == "1"
		safe := message.SafeHTML(body.HTML, message.HTMLOptions{Remote: d.Remote})
		d.Blocked, d.Misleading, d.Truncated = safe.RemoteBlocked, safe.Misleading, d.Truncated || safe.Truncated
		d.Frame = w.ViewOrigin + "/v/" + w.ticket(v.account.ID, it.ID, d.Remote) + "/"
		d.Tall = height(body.Plain, body.HTML)
	default:
		d.Plain = paragraphs(body.Plain)
	}
	for _, r := range m.Repairs {
		d.Repairs = append(d.Repairs, r.Kind)
	}
	return d
}

// surround adds the mailboxes to move to and the rest of the conversation.
func (w *Web) surround(v *visit, d *messageView, it store.Item) error {
	boxes, err := w.store.Mailboxes(v.ctx(), v.account.ID)
	if err != nil {
		return err
	}
	names := map[string]string{}
	for _, b := range boxes {
		names[string(b.ID)] = boxName(b)
		if b.ID != it.Mailbox && b.Role != store.RoleDrafts && b.Role != store.RoleSent {
			d.Moves = append(d.Moves, ui.Option{Value: string(b.ID), Text: w.ui.Words().Text(v.lang, boxName(b))})
		}
	}
	thread, err := w.store.Thread(v.ctx(), v.account.ID, it.Thread)
	if err != nil {
		return err
	}
	seen := map[postern.MessageID]bool{it.ID: true}
	for _, o := range thread {
		if !seen[o.ID] {
			seen[o.ID] = true
			l := lineOf(o, names[string(o.Mailbox)])
			l.Who = o.From
			d.Thread = append(d.Thread, l)
		}
	}
	return nil
}

// height is a guess of how much room a message's HTML needs: a frame without
// scripts cannot say.
func height(plain, html string) string {
	lines := strings.Count(plain, "\n") + len(plain)/90 + 8*strings.Count(html, "<img")
	switch {
	case lines < 12:
		return "short"
	case lines < 28:
		return "medium"
	}
	return "tall"
}

func persons(list []message.Address) (out []person) {
	for _, a := range list {
		out = append(out, person{a.Name, a.Addr()})
	}
	return out
}

// verdicts are the door's findings in words. What is not known is not said.
func verdicts(s string) (out []verdict) {
	found := map[string]string{}
	for _, f := range strings.Fields(s) {
		if name, result, ok := strings.Cut(f, "="); ok {
			found[name] = result
		}
	}
	switch {
	case found["dmarc"] == "pass":
		out = append(out, verdict{"verdict.sender.pass", "ok"})
	case found["dmarc"] == "fail":
		out = append(out, verdict{"verdict.sender.fail", "danger"})
	case found["dkim"] == "pass" || found["spf"] == "pass":
		out = append(out, verdict{"verdict.server.pass", "info"})
	case len(found) > 0:
		out = append(out, verdict{"verdict.sender.unknown", "warn"})
	}
	if found["dkim"] == "fail" {
		out = append(out, verdict{"verdict.dkim.fail", "warn"})
	}
	if found["spf"] == "fail" {
		out = append(out, verdict{"verdict.spf.fail", "warn"})
	}
	if found["lookalike"] != "" && found["lookalike"] != "none" {
		out = append(out, verdict{"verdict.lookalike", "danger"})
	}
	return out
}

var link = regexp.MustCompile(`https?://[^\s<>"'\x{a0}]+`)

const maxPieces = 4000 // links of one text; the rest stays text

// paragraphs prepares plain text: runs of quoted lines set apart, addresses made
// links. The page escapes every piece.
func paragraphs(text string) (out []paragraph) {
	left := maxPieces
	for _, run := range runs(text) {
		p := paragraph{Quoted: run.quoted}
		rest := run.text
		for left > 0 {
			at := link.FindStringIndex(rest)
			if at == nil {
				break
			}
			end := at[0] + len(strings.TrimRight(rest[at[0]:at[1]], `.,;:!?)]}»`))
			if at[0] > 0 {
				p.Pieces = append(p.Pieces, piece{Text: rest[:at[0]]})
			}
			p.Pieces = append(p.Pieces, piece{Text: rest[at[0]:end], Href: rest[at[0]:end]})
			rest = rest[end:]
			left--
		}
		if rest != "" {
			p.Pieces = append(p.Pieces, piece{Text: rest})
		}
		out = append(out, p)
	}
	return out
}

type textRun struct {
	quoted bool
	text   string
}

func runs(text string) (out []textRun) {
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n\r\t "), "\n") {
		quoted := strings.HasPrefix(line, ">")
		if len(out) == 0 || out[len(out)-1].quoted != quoted {
			out = append(out, textRun{quoted: quoted})
			out[len(out)-1].text = line
			continue
		}
		out[len(out)-1].text += "\n" + line
	}
	return out
}
