package message

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"strings"
	"time"
	"unicode/utf8"
)

// A Draft is a message to be written: a notice, a reply, a bounce. Bytes gives the same bytes for the same draft.
type Draft struct {
	From                 Address
	To, Cc               []Address
	Subject              string
	Date                 time.Time // the caller's clock
	MessageID, InReplyTo string    // with or without angle brackets
	Plain, HTML          string    // either or both; line ends as they come
	Attachments          []File
	Header               [][2]string // more fields, name and value, after the others
}

// A File is an attachment of a draft.
type File struct {
	Name      string
	Type      string // "image/png"; "" for application/octet-stream
	Data      []byte
	ContentID string // set for a picture that the HTML shows by cid:
}

// ErrInjection is the refusal of a header value that would start another line (CR, LF) or holds NUL.
var ErrInjection = errors.New("a header value holds a line end or a zero byte")

// Bytes writes the message with CRLF line ends. It refuses a draft without sender or date, an invalid field name, and any CR, LF
// or NUL in what goes into the header.
func (d Draft) Bytes() ([]byte, error) {
	if d.From.Addr() == "" {
		return nil, errors.New("the draft has no sender")
	}
	if d.Date.IsZero() {
		return nil, errors.New("the draft has no date")
	}
	var w fieldWriter
	w.addresses("From", d.From)
	w.addresses("To", d.To...)
	w.addresses("Cc", d.Cc...)
	w.text("Subject", d.Subject)
	w.raw("Date", d.Date.Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	w.id("Message-ID", d.MessageID)
	w.id("In-Reply-To", d.InReplyTo)
	for _, f := range d.Header {
		if fieldColon([]byte(f[0]+":")) != len(f[0]) || !isToken(f[0]) {
			return nil, fmt.Errorf("the field name %q is not valid", f[0])
		}
		w.text(f[0], f[1])
	}
	w.raw("MIME-Version", "1.0")
	body, err := d.body()
	if err != nil {
		return nil, err
	}
	if w.err != nil {
		return nil, w.err
	}
	body.write(&w.buf)
	return w.buf.Bytes(), nil
}

// body nests mixed(alternative(plain, related(html, pictures)), files), leaving out what is not needed.
func (d Draft) body() (entity, error) {
	var forms, pictures, files []entity
	for _, f := range d.Attachments {
		e, err := f.entity()
		if err != nil {
			return entity{}, err
		}
		if f.ContentID != "" && d.HTML != "" {
			pictures = append(pictures, e)
		} else {
			files = append(files, e)
		}
	}
	if d.Plain != "" || d.HTML == "" {
		forms = append(forms, textEntity("plain", d.Plain))
	}
	if d.HTML != "" {
		forms = append(forms, multipart("related", append([]entity{textEntity("html", d.HTML)}, pictures...)))
	}
	return multipart("mixed", append([]entity{multipart("alternative", forms)}, files...)), nil
}

// An entity is a MIME part with its encoded body.
type entity struct {
	fields [][2]string
	body   []byte
}

func (e entity) write(w *bytes.Buffer) {
	for _, f := range e.fields {
		fmt.Fprintf(w, "%s: %s\r\n", f[0], f[1])
	}
	w.WriteString("\r\n")
	w.Write(e.body)
}

// multipart joins parts; one part stays what it is. The boundary is made from the content, so that it is the same each time. It
// holds "=_", which neither quoted-printable nor base64 can produce (RFC 2045, 6.7).
func multipart(subtype string, parts []entity) entity {
	if len(parts) == 1 {
		return parts[0]
	}
	h := sha256.New()
	h.Write([]byte(subtype))
	var written [][]byte
	for _, p := range parts {
		var b bytes.Buffer
		p.write(&b)
		written = append(written, b.Bytes())
		fmt.Fprintf(h, "%d\n", b.Len())
		h.Write(b.Bytes())
	}
	boundary := fmt.Sprintf("=_%x", h.Sum(nil)[:16])
	var body bytes.Buffer
	for _, b := range written {
		body.WriteString("--" + boundary + "\r\n")
		body.Write(b)
		body.WriteString("\r\n")
	}
	body.WriteString("--" + boundary + "--\r\n")
	return entity{[][2]string{{"Content-Type", fmt.Sprintf("multipart/%s;\r\n boundary=%q", subtype, boundary)}}, body.Bytes()}
}

func textEntity(subtype, text string) entity {
	text = strings.ReplaceAll(cleanText(strings.ToValidUTF8(text, "\uFFFD")), "\n", "\r\n")
	if !strings.HasSuffix(text, "\r\n") {
		text += "\r\n"
	}
	var b bytes.Buffer
	q := quotedprintable.NewWriter(&b)
	// Writes to a buffer do not fail.
	_, _ = q.Write([]byte(text))
	_ = q.Close()
	// A line of "From " would be quoted by an mbox on its way and break a signature (RFC 2049, 3).
	body := bytes.ReplaceAll(b.Bytes(), []byte("\r\nFrom "), []byte("\r\n=46rom "))
	if bytes.HasPrefix(body, []byte("From ")) {
		body = append([]byte("=46"), body[1:]...)
	}
	return entity{[][2]string{{"Content-Type", "text/" + subtype + "; charset=utf-8"}, {"Content-Transfer-Encoding", "quoted-printable"}}, body}
}

func (f File) entity() (entity, error) {
	typ := f.Type
	if typ == "" {
		typ = "application/octet-stream"
	}
	main, sub, _ := strings.Cut(typ, "/")
	if !isToken(main) || !isToken(sub) || main == "multipart" || main == "message" {
		return entity{}, fmt.Errorf("the type of an attachment, %q, cannot be sent", f.Type)
	}
	if unsafeValue(f.Name) || unsafeValue(f.ContentID) || strings.ContainsAny(f.ContentID, "<> ") {
		return entity{}, fmt.Errorf("couldn't attach a file: %w", ErrInjection)
	}
	e := entity{fields: [][2]string{{"Content-Type", typ}, {"Content-Transfer-Encoding", "base64"}}}
	disposition := "attachment"
	if f.ContentID != "" {
		disposition = "inline"
		e.fields = append(e.fields, [2]string{"Content-ID", "<" + f.ContentID + ">"})
	}
	if name := cleanName(f.Name); name != "" {
		disposition = mime.FormatMediaType(disposition, map[string]string{"filename": name}) // RFC 2231 when not ASCII
	}
	e.fields = append(e.fields, [2]string{"Content-Disposition", disposition})
	enc := base64.StdEncoding.EncodeToString(f.Data)
	var b bytes.Buffer
	for len(enc) > 76 {
		b.WriteString(enc[:76] + "\r\n")
		enc = enc[76:]
	}
	b.WriteString(enc + "\r\n")
	e.body = b.Bytes()
	return e, nil
}

// A fieldWriter writes folded header fields and keeps the first error.
type fieldWriter struct {
	buf bytes.Buffer
	err error
}

func unsafeValue(s string) bool { return strings.ContainsAny(s, "\r\n\x00") || !utf8.ValidString(s) }

func (w *fieldWriter) raw(name, value string) {
	if unsafeValue(value) {
		if w.err == nil {
			w.err = fmt.Errorf("couldn't write %s: %w", name, ErrInjection)
		}
		return
	}
	w.buf.WriteString(name + ": ")
	width := len(name) + 2
	for i, word := range strings.Split(value, " ") { // folds at spaces, before 78 columns where it can (RFC 5322, 2.1.1)
		if i > 0 {
			if width+1+len(word) > 76 && word != "" && strings.Trim(value, " ") == value {
				w.buf.WriteString("\r\n")
				width = 0
			}
			w.buf.WriteByte(' ')
			width++
		}
		w.buf.WriteString(word)
		width += len(word)
	}
	w.buf.WriteString("\r\n")
}

func (w *fieldWriter) text(name, value string) {
	if !unsafeValue(value) {
		value = strings.ReplaceAll(value, "\t", " ")
		if strings.Contains(value, "=?") || tooLong(value) {
			// QEncoding leaves printable ASCII alone; B does not, and a word that looks encoded must not be decoded by others.
			value = bWords(value)
		} else {
			value = mime.QEncoding.Encode("utf-8", value)
		}
	}
	w.raw(name, value)
}

// tooLong says whether a word could not be folded into a line of 998 bytes (RFC 5322, 2.1.1).
func tooLong(s string) bool {
	for word := range strings.SplitSeq(s, " ") {
		if len(word) > 900 {
			return true
		}
	}
	return false
}

func bWords(s string) string {
	var words []string
	for s != "" {
		n := len(wholeRunes([]byte(s[:min(len(s), 45)])))
		words = append(words, "=?utf-8?B?"+base64.StdEncoding.EncodeToString([]byte(s[:n]))+"?=")
		s = s[n:]
	}
	return strings.Join(words, " ")
}

func (w *fieldWriter) addresses(name string, list ...Address) {
	var out []string
	for _, a := range list {
		if unsafeValue(a.Name) || unsafeValue(a.Mailbox) || unsafeValue(a.Host) || strings.ContainsAny(a.Host, "<>, ;\"()@") {
			w.raw(name, "\n")
			return
		}
		if s := a.String(); s != "" {
			out = append(out, s)
		}
	}
	if len(out) > 0 {
		w.raw(name, strings.Join(out, ", "))
	}
}

func (w *fieldWriter) id(name, id string) {
	if id = strings.Trim(id, "<>"); id == "" {
		return
	}
	if strings.ContainsAny(id, "<> \t") {
		id = "\n"
	}
	w.raw(name, "<"+id+">")
}
