package codec

import (
	"testing"

	"github.com/postern-mail/postern/message"
)

// FuzzCodec reads damaged rows without harm, and what it writes it reads.
func FuzzCodec(f *testing.F) {
	for _, raw := range []string{
		"From: a@x.example\r\nTo: b@x.example\r\nDate: Thu, 26 Mar 2026 10:00:00 +0130\r\nReferences: <a@b> <c@d>\r\n\r\nx",
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\nSender: s@x\r\nFrom: f@x\r\n\r\ny\r\n--b\r\n\r\n--b--",
	} {
		m, err := message.Parse([]byte(raw))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(EncodeMeta(&Meta{"code", "spf=pass", "a@x", "x", m.Envelope}), EncodeStructure(m.Root), []byte(raw))
	}
	f.Fuzz(func(t *testing.T, row, structure, raw []byte) {
		var m Meta
		_ = DecodeMeta(row, &m)
		_, _ = DecodeStructure(structure)
		read, err := message.Parse(raw)
		if err != nil {
			return
		}
		in := Meta{"reset", string(row), "s", "p", read.Envelope}
		var out Meta
		if err := DecodeMeta(EncodeMeta(&in), &out); err != nil {
			t.Fatal(err)
		}
		if !out.Envelope.Date.Equal(in.Envelope.Date) {
			t.Fatalf("date %v became %v", in.Envelope.Date, out.Envelope.Date)
		}
		out.Envelope.Date = in.Envelope.Date
		if !equalMeta(in, out) {
			t.Fatalf("wrote %+v\nread  %+v", in, out)
		}
		b := EncodeStructure(read.Root)
		root, err := DecodeStructure(b)
		if err != nil {
			t.Fatal(err)
		}
		if string(EncodeStructure(root)) != string(b) {
			t.Fatal("a structure that was read is written otherwise")
		}
	})
}

// equalMeta takes nil and empty lists for the same.
func equalMeta(a, b Meta) bool { return string(EncodeMeta(&a)) == string(EncodeMeta(&b)) }
