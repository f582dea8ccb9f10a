package web

import (
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/mail/internal/store"
	"github.com/postern-mail/postern/message"
)

// partName writes a part's number for an address; a message that is one part
// has the number "".
func partName(path string) string {
	if path == "" {
		return "0"
	}
	return path
}

// downloadHeaders say: keep this, do not open it here. Whatever a stranger sent
// is never rendered on this origin, not even by its own address.
func downloadHeaders(rw http.ResponseWriter, name, kind string) {
	h := rw.Header()
	if kind == "" || strings.HasPrefix(kind, "text/") || strings.Contains(kind, "xml") || strings.Contains(kind, "script") {
		kind = "application/octet-stream"
	}
	h.Set("Content-Type", kind)
	disposition := mime.FormatMediaType("attachment", map[string]string{"filename": name}) // RFC 6266, RFC 2231
	if disposition == "" {
		disposition = "attachment"
	}
	h.Set("Content-Disposition", disposition)
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("X-Content-Type-Options", "nosniff")
}

func (w *Web) attachment(v *visit) error {
	_, raw, err := w.store.Message(v.ctx(), v.account.ID, postern.MessageID(v.PathValue("id")))
	if err != nil {
		return err
	}
	m, err := message.Parse(raw)
	if err != nil {
		return err
	}
	for _, a := range m.Body(raw).Attachments {
		if partName(a.Path) != v.PathValue("part") {
			continue
		}
		part := m.PartAt(a.Path)
		if part == nil {
			break
		}
		b, _ := part.Decoded(raw, message.MaxSize)
		name := a.Name
		if name == "" {
			name = w.t(v, "message.attachment.nameless")
		}
		downloadHeaders(v, name, a.Type)
		v.Header().Set("Content-Length", strconv.Itoa(len(b)))
		_, err := v.Write(b)
		return gone(err)
	}
	return &postern.Error{Kind: postern.NotFound, Text: "the message has no such attachment"}
}

// source gives the bytes as they came.
func (w *Web) source(v *visit) error {
	id := postern.MessageID(v.PathValue("id"))
	r, err := w.store.OpenRaw(v.ctx(), v.account.ID, id)
	if err != nil {
		return err
	}
	defer r.Close()
	downloadHeaders(v, string(id)[:8]+".eml", "message/rfc822")
	_, err = io.Copy(v, r)
	return gone(err)
}

// gone drops errors of writing: whoever asked is not there to be told.
func gone(error) error { return nil }

type exportLine struct {
	Name, Href string
	Total      int
	Bytes      int64
}

func (w *Web) exports(v *visit) error {
	boxes, err := w.store.Mailboxes(v.ctx(), v.account.ID)
	if err != nil {
		return err
	}
	var lines []exportLine
	for _, b := range boxes {
		lines = append(lines, exportLine{boxName(b), "/settings/export/" + strings.TrimPrefix(boxHref(b), "/mailbox/"), b.Total, b.Bytes})
	}
	return w.showSettings(v, "settings-export", lines)
}

// export streams a mailbox as an mbox (RFC 4155).
func (w *Web) export(v *visit) error {
	box, err := w.box(v, v.PathValue("mailbox"))
	if err != nil {
		return err
	}
	name := box.Name
	if box.Role == store.RoleInbox {
		name = "inbox"
	}
	downloadHeaders(v, strings.ReplaceAll(name, "/", "-")+".mbox", "application/mbox")
	// A large mailbox takes longer than any page may.
	if err := http.NewResponseController(v.ResponseWriter).SetWriteDeadline(time.Time{}); err != nil {
		w.Log.Debug("mail/web: an export keeps the usual deadline", "error", err)
	}
	if _, err := w.Mail.ExportMBOX(v.ctx(), v.account.ID, box.Name, v.ResponseWriter); err != nil {
		w.fault(v.Request, err)
		panic(http.ErrAbortHandler) // the length was not told, so only a cut connection says that the file is not whole
	}
	return nil
}
