package message

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func read(t testing.TB, name string) (*Message, []byte) {
	t.Helper()
	raw, err := os.ReadFile("testdata/mail/" + name)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return m, raw
}

func kindsOf(m *Message) (kinds []string) {
	for _, r := range m.Repairs {
		kinds = append(kinds, r.Kind)
	}
	return kinds
}

func TestParseAlternative(t *testing.T) {
	m, raw := read(t, "alternative.eml")
	if len(m.Repairs) > 0 {
		t.Errorf("repairs of a correct message: %v", m.Repairs)
	}
	var tree []string
	var walk func(p *Part)
	walk = func(p *Part) {
		tree = append(tree, fmt.Sprintf("%s %s/%s %d", p.Path, p.Type, p.Subtype, p.Lines))
		for _, c := range p.Parts {
			walk(c)
		}
	}
	walk(m.Root)
	want := []string{" multipart/mixed 24", "1 multipart/alternative 11", "1.1 text/plain 1", "1.2 text/html 0", "2 image/png 0"}
	if !slices.Equal(tree, want) {
		t.Errorf("got %q, want %q", tree, want)
	}
	b := m.Body(raw)
	if b.Plain != "Ten € off today" || b.HTML != `<p>Ten € off <a href="https://shop.example">today</a></p>` {
		t.Errorf("plain %q, html %q", b.Plain, b.HTML)
	}
	if want := []Attachment{{Path: "2", Name: "prière 2.png", Type: "image/png", Size: 8}}; !slices.Equal(b.Attachments, want) {
		t.Errorf("got %+v, want %+v", b.Attachments, want)
	}
	if got, cut := m.PartAt("2").Decoded(raw, 4); string(got) != "\x89PNG" || !cut {
		t.Errorf("got %q, %v", got, cut)
	}
	if got := m.Body(raw).SearchText(1000); got != "Ten € off today\nprière 2.png" {
		t.Errorf("search text %q", got)
	}
	for _, path := range []string{"3", "1.3", "1.1.1", "x", "0", "1.", "-1"} {
		if p := m.PartAt(path); p != nil {
			t.Errorf("PartAt(%q) is %q", path, p.Path)
		}
	}
}

func TestParseForwarded(t *testing.T) {
	m, raw := read(t, "forwarded.eml")
	inner := m.PartAt("2").Message
	if inner == nil || inner.Envelope.Subject != "inner" || inner.Root.Path != "" {
		t.Fatalf("the attached message is %+v", inner)
	}
	for path, want := range map[string]string{"1": "See below", "2.1": "one", "2.2": "<p>two</p>"} {
		if got := m.PartAt(path).Text(raw, 100); got != want {
			t.Errorf("part %s is %q, want %q", path, got, want)
		}
	}
	if got := inner.Body(raw).Plain; got != "one" {
		t.Errorf("the attached message says %q", got)
	}
	if got := m.Body(raw).Preview(); got != "See below" {
		t.Errorf("preview %q", got)
	}
}

func TestParseBroken(t *testing.T) {
	m, raw := read(t, "broken.eml")
	want := []string{BareLF, NUL, JunkHeaderLine, BadDate, BadEncoding, MissingBoundary}
	if got := kindsOf(m); !slices.Equal(got, want) {
		t.Errorf("repairs %v, want %v", got, want)
	}
	if got := m.Body(raw).Plain; got != "no delimiter at all\n" {
		t.Errorf("body %q", got)
	}
	var to []string
	for _, a := range m.Envelope.To {
		to = append(to, a.Addr())
	}
	if want := []string{"a@b.example", "c@d.example", "e@f.example", "g@h.example"}; !slices.Equal(to, want) {
		t.Errorf("to %v, want %v", to, want)
	}
	if m.Envelope.From[0].Addr() != "eve@msn.example" || m.Envelope.Subject != "nul   here" {
		t.Errorf("from %+v, subject %q", m.Envelope.From, m.Envelope.Subject)
	}
}

func TestParseCharsets(t *testing.T) {
	for _, c := range []struct{ file, subject, from, text, repair string }{
		{"latin1-header.eml", "Réunion", "André", "Café à 14 h.\n", EightBitHeader},
		{"mbox-from.eml", "Café ☕", "", "hello", MboxFromLine},
		{"unknown-charset.eml", "s", "", "naïve\n", BadCharset},
	} {
		m, raw := read(t, c.file)
		if m.Envelope.Subject != c.subject || m.Envelope.From[0].Name != c.from || m.Root.Text(raw, 100) != c.text || !m.Repaired(c.repair) {
			t.Errorf("%s: %q from %q: %q, repairs %v", c.file, m.Envelope.Subject, m.Envelope.From[0].Name, m.Root.Text(raw, 100), kindsOf(m))
		}
	}
	m, err := Parse([]byte("Subject: \xcf\xf0\xe8\xe2\xe5\xf2\nContent-Type: text/plain; charset=windows-1251\n\n\xcf\xf0"))
	if err != nil || m.Envelope.Subject != "Привет" {
		t.Errorf("an 8-bit header in the charset of its message: %+v, %v", m, err)
	}
}

func TestParseLimits(t *testing.T) {
	nest := func(n int, head func(i int) string) []byte {
		var b strings.Builder
		for i := range n {
			b.WriteString(head(i))
		}
		return []byte(b.String() + "x\n")
	}
	for _, c := range []struct {
		name string
		raw  []byte
		want string
	}{
		{"10,000 multiparts in each other", nest(10_000, func(i int) string { return fmt.Sprintf("Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i) }), TooDeep},
		{"one boundary for all", nest(10_000, func(int) string { return "Content-Type: multipart/mixed; boundary=b\n\n--b\n" }), TooDeep},
		{"10,000 messages in each other", nest(10_000, func(int) string { return "Content-Type: message/rfc822\n\n" }), TooDeep},
		{"200,000 parts", append([]byte("Content-Type: multipart/mixed; boundary=b\n\n"), nest(200_000, func(int) string { return "--b\n\nx\n" })...), TooManyParts},
		{"digest of messages", append([]byte("Content-Type: multipart/digest; boundary=b\n\n"), nest(200_000, func(int) string { return "--b\n\nFrom: a@b\n\n" })...), TooManyParts},
		{"fields", append(bytes.Repeat([]byte("X: y\n"), 200_000), '\n'), TooManyFields},
		{"header", append(bytes.Repeat([]byte("X: "+strings.Repeat("y", 5000)+"\n"), 1000), '\n'), HeaderTooLong},
		{"one field", append(bytes.Repeat([]byte("X: y\n yyyyyyy\n"), 200_000), '\n'), TooManyFields},
		{"addresses", []byte("To: " + strings.Repeat("a@b,", 200_000) + "\n\n"), TooManyAddresses},
		{"openings", []byte("To: " + strings.Repeat(`"(<`, 300_000) + "\nSubject: " + strings.Repeat("=?utf-8?q?", 20_000) + "\n\n"), MissingFrom},
		{"delimiters of nobody", append([]byte("Content-Type: multipart/mixed; boundary=b\n\n"), bytes.Repeat([]byte("--c\n"), 500_000)...), MissingBoundary},
		{"parameters", []byte("Content-Type: text/plain" + strings.Repeat("; a*0*=x", 100_000) + "\n\n"), MissingFrom},
	} {
		t.Run(c.name, func(t *testing.T) {
			start := time.Now()
			m, err := Parse(c.raw)
			if err != nil || !m.Repaired(c.want) {
				t.Fatalf("%v, %v", err, m.Repairs)
			}
			checkMessage(t, m, c.raw)
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("%d bytes took %v", len(c.raw), took)
			}
		})
	}
	if _, err := Parse(nil); !errors.Is(err, ErrEmpty) {
		t.Errorf("nothing was parsed: %v", err)
	}
}

func TestDecoded(t *testing.T) {
	for _, c := range []struct{ encoding, in, want string }{
		{"base64", "aGVs\r\nbG8=", "hello"}, {"base64", "aGVsbG8", "hello"}, {"base64", "aGVs*bG8=aGk=", "hellohi"}, {"base64", "aGVs\nbG8=\n\n____\nlist\n", "hello"}, {"base64", "====", ""}, {"base64", "a", ""},
		{"quoted-printable", "a=3Db=\r\nc =\nd  \r\ne=zz=4", "a=bc d\r\ne=zz=4"}, {"quoted-printable", "=", ""},
		{"x-uuencode", "begin 644 x\n%:&5L;&\\\nend\n", "hello"}, {"7bit", "=41", "=41"}, {"klingon", "x", "x"},
	} {
		p := &Part{Encoding: c.encoding, End: len(c.in)}
		if got, cut := p.Decoded([]byte(c.in), 100); string(got) != c.want || cut {
			t.Errorf("%s %q gave %q, %v", c.encoding, c.in, got, cut)
		}
		if got, cut := p.Decoded([]byte(c.in), 2); len(got) > 2 || cut != (len(c.want) > 2) {
			t.Errorf("%s %q cut at 2 gave %q, %v", c.encoding, c.in, got, cut)
		}
	}
	p := &Part{BodyStart: 5, End: 50}
	if got, _ := p.Decoded([]byte("another message"), 10); len(got) > 0 {
		t.Errorf("bytes of another message: %q", got)
	}
}

func TestDecodeWords(t *testing.T) {
	for in, want := range map[string]string{
		"plain": "plain", "=?utf-8?q?caf=C3=A9_au_lait?=": "café au lait", "=?ISO-8859-1?B?6Q==?= x": "é x", "a =?utf-8?q?b?= =?utf-8?q?c?= d": "a bc d",
		"=?utf-8?q?=C3?= =?utf-8?q?=A9?=": "é", "=?utf-8?q?a b?=": "a b", "x=?utf-8?q?y?=z": "xyz", "=?utf-8?q?open": "=?utf-8?q?open", "=?x?y?z?=": "=?x?y?z?=",
		"=?utf-8*en?q?a?=": "a", "=?utf-8?q??=": "", "=?klingon?q?=E9?=": "é", "=?=?utf-8?q?a?=": "=?a",
	} {
		if got := DecodeWords(in); got != want {
			t.Errorf("%q gave %q, want %q", in, got, want)
		}
	}
}

func TestParseAddresses(t *testing.T) {
	for in, want := range map[string]string{
		"ana@outlook.example": "ana@outlook.example", "Ana Lima <ana@outlook.example>": "Ana Lima <ana@outlook.example>", `"Lima, Ana" <ana@outlook.example>`: `"Lima, Ana" <ana@outlook.example>`,
		"ana@outlook.example (Ana Lima)": "Ana Lima <ana@outlook.example>", "<ana@outlook.example>": "ana@outlook.example", "a@b, c@d;e@f": "a@b|c@d|e@f",
		"undisclosed-recipients:;": "", "Team: a@b, C <c@d>;, e@f": "a@b|C <c@d>|e@f", "<@x,@y:a@b>": "a@b", `"a b"@c`: `"a b"@c`, "=?utf-8?q?Andr=C3=A9?= <a@b>": "=?utf-8?q?Andr=C3=A9?= <a@b>",
		"=?utf-8?q?a=2C_b=3Ce=40f=3E?= <c@d>": `"a, b<e@f>" <c@d>`, "root": "root", "": "", ",;,": "", "Ana ana@b": "Ana <ana@b>", "<<a@b>>": "a@b", "a@b <c@d>": `"a@b" <c@d>`, `"x <a@b>`: `"\"x" <a@b>`,
	} {
		var got []string
		for _, a := range ParseAddresses(in) {
			got = append(got, a.String())
		}
		if s := strings.Join(got, "|"); s != want {
			t.Errorf("%q gave %q, want %q", in, s, want)
		}
	}
}

func TestParseDate(t *testing.T) {
	for in, want := range map[string]string{
		"Thu, 28 Mar 2019 09:00:00 +0100": "2019-03-28T08:00:00Z", "28 Mar 19 09:00 EST": "2019-03-28T14:00:00Z", "Thu Mar 28 09:00:00 2019": "2019-03-28T09:00:00Z",
		"Thu, 28 Mar 2019 09:00:00 -0400 (EDT)": "2019-03-28T13:00:00Z", "2019-03-28T09:00:00+01:00": "2019-03-28T08:00:00Z", "28-Mar-2019 09:00:00": "2019-03-28T09:00:00Z",
		"Thu, 28 Mar 99 9:00:00 GMT": "1999-03-28T09:00:00Z", "Sun, 1 Mar 2019": "2019-03-01T00:00:00Z", "Mon, 31 Feb 2019 09:00:00 +0000": "", "yesterday": "", "": "", "28 Mar 2019 99:00": "", "0 Mar 2019": "",
	} {
		got, ok := ParseDate(in)
		if s := got.UTC().Format(time.RFC3339); ok != (want != "") || ok && s != want {
			t.Errorf("%q gave %s, %v, want %s", in, s, ok, want)
		}
	}
}

func TestCleanName(t *testing.T) {
	for in, want := range map[string]string{"a.pdf": "a.pdf", "../../etc/passwd": "passwd", `C:\x\y.doc`: "y.doc", "a\u202egpj.exe": "agpj.exe", "...": "", "a\x00b\n.txt": "ab.txt", strings.Repeat("é", 200) + ".jpeg": strings.Repeat("é", 97) + ".jpeg"} {
		if got := cleanName(in); got != want {
			t.Errorf("%q gave %q, want %q", in, got, want)
		}
	}
}

func TestHTMLText(t *testing.T) {
	in := "<html><head><title>t</title><style>p{}</style></head><body><p>Hello&nbsp;&amp;\n  bye</p><script>x</script><ul><li>one<li>two</ul><pre>a\n  b</pre>x<br>y<table><tr><td>1<td>2</table>"
	if got, want := HTMLText(in), "Hello & bye\n- one\n- two\na\n  b\nx\ny\n1 2"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func BenchmarkParse(b *testing.B) {
	var all [][]byte
	size := 0
	for _, name := range corpus(b) {
		raw, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		all, size = append(all, raw), size+len(raw)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		for _, raw := range all {
			if _, err := Parse(raw); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range corpus(f)[:min(len(corpus(f)), 200)] {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := Parse(raw)
		if err != nil {
			return
		}
		checkMessage(t, m, raw)
	})
}

func FuzzAddress(f *testing.F) {
	f.Add(`"Lima, Ana" <ana@outlook.example>, b@c (d); g: e@f;`)
	f.Fuzz(func(t *testing.T, s string) {
		for _, a := range ParseAddresses(s) {
			if strings.ContainsAny(a.String(), "\r\n\x00") {
				t.Fatalf("%q gave %q", s, a.String())
			}
			// What an address says of itself is read back as one address with the same mailbox.
			if back := ParseAddresses(a.Addr()); a.Host != "" && isDotAtom(a.Host) && isDotAtom(a.Mailbox) && (len(back) != 1 || back[0].Addr() != a.Addr()) {
				t.Fatalf("%q gave %q, which gives %+v", s, a.Addr(), back)
			}
		}
		DecodeWords(s)
		ParseDate(s)
		parseParams(s)
	})
}
