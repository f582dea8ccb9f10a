package web

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/message"
)

// The HTML of a message is shown in a sandboxed frame of an origin that has no
// cookie and runs no script. Whoever is signed in to the face gets its address,
// a ticket: account, message, whether remote pictures may load, and until when,
// under a MAC. It is worth ten minutes and one message.

const ticketLife = 10 * time.Minute

// ticket: 16 bytes account, 16 bytes message, 8 bytes end and the flag in its
// lowest bit, 32 bytes HMAC-SHA-256 over "view" and what stands before.
func (w *Web) ticket(acc postern.AccountID, id postern.MessageID, remote bool) string {
	var b []byte
	for _, s := range []string{string(acc), string(id)} {
		raw, err := hex.DecodeString(s)
		if err != nil || len(raw) != 16 {
			return "none" // opens nothing
		}
		b = append(b, raw...)
	}
	end := uint64(w.Now().Add(ticketLife).Unix()) << 1
	if remote {
		end |= 1
	}
	b = binary.BigEndian.AppendUint64(b, end)
	return base64.RawURLEncoding.EncodeToString(append(b, w.mac(b)...))
}

func (w *Web) mac(b []byte) []byte {
	h := hmac.New(sha256.New, w.ViewKey)
	h.Write([]byte("view"))
	h.Write(b)
	return h.Sum(nil)
}

func (w *Web) openTicket(text string) (acc postern.AccountID, id postern.MessageID, remote, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) != 72 || !hmac.Equal(b[40:], w.mac(b[:40])) {
		return "", "", false, false
	}
	end := binary.BigEndian.Uint64(b[32:40])
	if w.Now().Unix() > int64(end>>1) {
		return "", "", false, false
	}
	return postern.AccountID(hex.EncodeToString(b[:16])), postern.MessageID(hex.EncodeToString(b[16:32])), end&1 == 1, true
}

var viewPage = template.Must(template.New("view").Parse(`<!doctype html><html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer"><title>{{.Title}}</title><link rel="stylesheet" href="/view.css"></head><body>{{.HTML}}</body></html>`))

// viewCSS gives mail the ground it was written for: white, whatever the theme.
const viewCSS = `:root{color-scheme:light;background:#fff;color:#17191d;font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}body{margin:0;padding:16px;overflow-wrap:break-word}img{max-width:100%;height:auto}table{max-width:100%}pre{white-space:pre-wrap}a{color:#2457c5}blockquote{margin-left:0;padding-left:12px;border-left:3px solid #e0e3e8;color:#575d67}.link-host{margin-left:.25em;color:#575d67;font-size:.8em}.link-host::before{content:"("}.link-host::after{content:")"}`

// View is the handler of the origin that shows message HTML.
func (w *Web) View() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /view.css", func(rw http.ResponseWriter, r *http.Request) {
		w.viewHeaders(rw, false)
		rw.Header().Set("Content-Type", "text/css; charset=utf-8")
		rw.Header().Set("Cache-Control", "public, max-age=3600")
		rw.Write([]byte(viewCSS))
	})
	m.HandleFunc("GET /v/{ticket}/{$}", w.viewHTML)
	m.HandleFunc("GET /v/{ticket}/cid/{cid}", w.viewPicture)
	return m
}

// viewHeaders. Inline style attributes are the sender's and have been through
// message.SafeHTML; everything that could run, send or navigate is shut off,
// whatever the sandbox of the frame says.
func (w *Web) viewHeaders(rw http.ResponseWriter, remote bool) {
	pictures := "img-src data: " + w.ViewOrigin
	if remote {
		pictures += " https: http:"
	}
	h := rw.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; "+pictures+"; style-src-elem "+w.ViewOrigin+"; style-src-attr 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors "+w.Origin+"; sandbox allow-popups allow-popups-to-escape-sandbox")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin") // the frame's own origin is opaque
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
}

// ticketed gives the message a ticket is for.
func (w *Web) ticketed(rw http.ResponseWriter, r *http.Request) (m *message.Message, raw []byte, remote, ok bool) {
	acc, id, remote, ok := w.openTicket(r.PathValue("ticket"))
	w.viewHeaders(rw, remote)
	if !ok {
		http.NotFound(rw, r)
		return nil, nil, false, false
	}
	_, raw, err := w.store.Message(r.Context(), acc, id)
	if err == nil {
		m, err = message.Parse(raw)
	}
	if err != nil {
		if postern.KindOf(err) != postern.NotFound {
			w.fault(r, err)
		}
		http.NotFound(rw, r)
		return nil, nil, false, false
	}
	return m, raw, remote, true
}

func (w *Web) viewHTML(rw http.ResponseWriter, r *http.Request) {
	m, raw, remote, ok := w.ticketed(rw, r)
	if !ok {
		return
	}
	safe := message.SafeHTML(m.Body(raw).HTML, message.HTMLOptions{Remote: remote, CID: func(id string) string { return "cid/" + url.PathEscape(id) }})
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	// This is the one place where a sender's HTML becomes ours: SafeHTML made it.
	err := viewPage.Execute(rw, struct {
		Title string
		HTML  template.HTML
	}{m.Envelope.Subject, template.HTML(safe.HTML)})
	if err != nil {
		w.fault(r, err)
	}
}

// pictures are the types that a message's own parts may be shown as. SVG is a
// document, not a picture, and is not among them.
var pictures = []string{"image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/bmp"}

const maxPicture = 16 << 20

func (w *Web) viewPicture(rw http.ResponseWriter, r *http.Request) {
	m, raw, _, ok := w.ticketed(rw, r)
	if !ok {
		return
	}
	want := r.PathValue("cid")
	for _, a := range m.Body(raw).Attachments {
		if strings.Trim(a.ContentID, "<>") != want {
			continue
		}
		part := m.PartAt(a.Path)
		for _, kind := range pictures {
			if part != nil && a.Type == kind {
				b, _ := part.Decoded(raw, maxPicture)
				rw.Header().Set("Content-Type", kind)
				rw.Write(b)
				return
			}
		}
	}
	http.NotFound(rw, r)
}
