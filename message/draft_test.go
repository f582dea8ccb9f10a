package message

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func draft() Draft {
	return Draft{
		From: Address{"Café du Port", "info", "port.example"}, To: []Address{{"Lima, Ana", "ana", "outlook.example"}}, Cc: []Address{{"", "bob", "hotmail.example"}},
		Subject: "Votre réservation à l'île " + strings.Repeat("très longue ", 20), Date: time.Date(2019, 3, 28, 9, 0, 0, 0, time.UTC), MessageID: "1@port.example", InReplyTo: "<0@outlook.example>",
		Plain: "From here\nà bientôt = 100 %\n.\n", HTML: `<p>à bientôt <img src="cid:logo@port"></p>`,
		Attachments: []File{{"menu été.pdf", "application/pdf", bytes.Repeat([]byte{0, 255}, 100), ""}, {"logo.png", "image/png", []byte("png"), "logo@port"}},
		Header:      [][2]string{{"Auto-Submitted", "auto-generated"}},
	}
}

func TestDraftIsReadBack(t *testing.T) {
	d := draft()
	raw, err := d.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	again, _ := d.Bytes()
	if !bytes.Equal(raw, again) {
		t.Error("the same draft gave other bytes")
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(string(raw), "\r\n"), "\r\n") {
		if len(line) > 150 || strings.ContainsAny(line, "\r\n") || strings.HasPrefix(line, "From ") {
			t.Errorf("the line %q", line)
		}
	}
	m, err := Parse(raw)
	if err != nil || len(m.Repairs) > 0 {
		t.Fatalf("%v, %v", err, m.Repairs)
	}
	e := m.Envelope
	if e.Subject != strings.TrimSpace(d.Subject) || e.From[0] != d.From || e.To[0] != d.To[0] || e.Cc[0] != d.Cc[0] || !e.Date.Equal(d.Date) || e.MessageID != "<1@port.example>" || e.InReplyTo != "<0@outlook.example>" {
		t.Errorf("read back as %+v", e)
	}
	b := m.Body(raw)
	if b.Plain != d.Plain || strings.TrimSpace(b.HTML) != d.HTML || len(b.Attachments) != 2 || b.Attachments[1].Name != "menu été.pdf" || b.Attachments[1].Size != 200 || !b.Attachments[0].Inline {
		t.Errorf("read back as %+v", b)
	}
	if got, _ := m.PartAt(b.Attachments[1].Path).Decoded(raw, 1000); !bytes.Equal(got, d.Attachments[0].Data) {
		t.Errorf("the attachment came back as %q", got)
	}
}

func TestDraftRefusesInjection(t *testing.T) {
	for _, bad := range []string{"x\r\nBcc: eve@msn.example", "x\ny", "x\ry", "x\x00y"} {
		for name, change := range map[string]func(*Draft){
			"subject": func(d *Draft) { d.Subject = bad }, "name": func(d *Draft) { d.From.Name = bad }, "mailbox": func(d *Draft) { d.To[0].Mailbox = bad },
			"host": func(d *Draft) { d.Cc[0].Host = bad }, "id": func(d *Draft) { d.MessageID = bad }, "reply": func(d *Draft) { d.InReplyTo = bad },
			"field": func(d *Draft) { d.Header[0][1] = bad }, "file": func(d *Draft) { d.Attachments[0].Name = bad }, "cid": func(d *Draft) { d.Attachments[1].ContentID = bad },
		} {
			d := draft()
			change(&d)
			if _, err := d.Bytes(); !errors.Is(err, ErrInjection) {
				t.Errorf("%q as %s: %v", bad, name, err)
			}
		}
		d := draft()
		d.Header[0][0] = bad
		if _, err := d.Bytes(); err == nil {
			t.Errorf("%q is a field name", bad)
		}
	}
	for name, change := range map[string]func(*Draft){
		"no sender": func(d *Draft) { d.From = Address{} }, "no date": func(d *Draft) { d.Date = time.Time{} }, "type": func(d *Draft) { d.Attachments[0].Type = "a/b\r\nX: y" },
		"multipart": func(d *Draft) { d.Attachments[0].Type = "multipart/mixed" }, "host with more": func(d *Draft) { d.From.Host = "a>, <eve@msn.example" }, "id with more": func(d *Draft) { d.MessageID = "a> <b" },
	} {
		d := draft()
		change(&d)
		if _, err := d.Bytes(); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func FuzzDraft(f *testing.F) {
	f.Add("Ana", "ana", "réservation", "text\n")
	f.Fuzz(func(t *testing.T, name, mailbox, subject, text string) {
		d := Draft{From: Address{name, mailbox, "outlook.example"}, Subject: subject, Plain: text, HTML: text, Date: time.Unix(1, 0).UTC(), MessageID: "1@x"}
		raw, err := d.Bytes()
		if err != nil {
			return
		}
		m, err := Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		checkMessage(t, m, raw)
		if len(m.Header.Fields()) > 9 || m.Repaired(BareLF) || m.Repaired(JunkHeaderLine) || !utf8.Valid(raw) {
			t.Fatalf("%q", raw)
		}
		want := strings.TrimSpace(plainLine(strings.ReplaceAll(subject, "\t", " ")))
		if got := m.Envelope.Subject; got != want {
			t.Fatalf("the subject %q came back as %q in %q", want, got, raw)
		}
	})
}
