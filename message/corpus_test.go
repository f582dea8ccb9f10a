package message

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// corpus is every .txt and .eml file below POSTERN_TEST_CORPUS, or the small one of testdata when that is not set.
func corpus(tb testing.TB) (names []string) {
	tb.Helper()
	dir := os.Getenv("POSTERN_TEST_CORPUS")
	if dir == "" {
		dir = filepath.Join("testdata", "mail")
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if ext := filepath.Ext(path); err == nil && d.Type().IsRegular() && (ext == ".txt" || ext == ".eml") {
			names = append(names, path)
		}
		return err
	})
	if err != nil || len(names) == 0 {
		tb.Fatalf("no messages below %s: %v", dir, err)
	}
	return names
}

// TestCorpus reads real mail: all of it is read, all that is shown is valid, all HTML comes out safe.
func TestCorpus(t *testing.T) {
	kinds := map[string]int{}
	whole, repaired, html, blocked, misleading := 0, 0, 0, 0, 0
	names := corpus(t)
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		m, err := Parse(raw)
		if err != nil {
			t.Errorf("%s was refused: %v", name, err)
			continue
		}
		checkMessage(t, m, raw)
		b := m.Body(raw)
		if b.HTML != "" {
			html++
			safe := SafeHTML(b.HTML, HTMLOptions{})
			checkSafe(t, safe.HTML, false)
			blocked, misleading = blocked+safe.RemoteBlocked, misleading+safe.Misleading
		}
		seen := false
		for _, r := range m.Repairs {
			kinds[r.Kind]++
			seen = seen || r.Kind != BareLF
		}
		if seen {
			repaired++
		} else {
			whole++
		}
		if t.Failed() {
			t.Fatalf("%s broke a rule", name)
		}
	}
	t.Logf("%d messages: %d whole (but for bare LF), %d repaired, 0 refused; %d with HTML, %d remote references blocked, %d misleading links",
		len(names), whole, repaired, html, blocked, misleading)
	for _, k := range slices.Sorted(keysOf(kinds)) {
		t.Logf("  %-20s %d", k, kinds[k])
	}
}

func keysOf(m map[string]int) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// checkMessage asserts what holds for every message.
func checkMessage(t testing.TB, m *Message, raw []byte) {
	t.Helper()
	var all []string
	add := func(e Envelope) {
		all = append(all, e.Subject, e.InReplyTo, e.MessageID)
		all = append(all, e.References...)
		for _, list := range [][]Address{e.From, e.Sender, e.ReplyTo, e.To, e.Cc, e.Bcc} {
			for _, a := range list {
				all = append(all, a.Name, a.Mailbox, a.Host)
			}
		}
	}
	seen := map[string]bool{}
	parts := 0
	var walk func(p *Part, from, to, depth int)
	walk = func(p *Part, from, to, depth int) {
		parts++
		if depth > MaxDepth+1 || p.HeaderStart < from || p.BodyStart < p.HeaderStart || p.End < p.BodyStart || p.End > to {
			t.Fatalf("part %q at depth %d: header %d, body %d, end %d inside %d to %d", p.Path, depth, p.HeaderStart, p.BodyStart, p.End, from, to)
		}
		if p.Path != "" {
			if seen[p.Path] {
				t.Fatalf("two parts have the number %s", p.Path)
			}
			seen[p.Path] = true
			if parts < 200 && m.PartAt(p.Path) != p {
				t.Fatalf("PartAt(%q) finds another part", p.Path)
			}
		}
		if p.Type == "multipart" && len(p.Parts) == 0 {
			t.Fatalf("the multipart %q has no parts", p.Path)
		}
		all = append(all, p.Type, p.Subtype, p.ID, p.Description, p.Encoding, p.Disposition, p.Filename)
		for k, v := range p.Params {
			all = append(all, k, v)
		}
		for _, f := range p.Header.Fields() {
			if string(raw[f.Start:f.End]) == "" || f.End > p.BodyStart {
				t.Fatalf("the field %s of part %q stands at %d to %d", f.Name, p.Path, f.Start, f.End)
			}
		}
		at := p.BodyStart
		for _, c := range p.Parts {
			walk(c, at, p.End, depth+1)
			at = c.End
		}
		if p.Message != nil {
			add(p.Message.Envelope)
			walk(p.Message.Root, p.BodyStart, p.End, depth+1)
		}
	}
	add(m.Envelope)
	walk(m.Root, 0, len(raw), 0)
	if parts > MaxParts+1 {
		t.Fatalf("%d parts", parts)
	}
	for _, s := range all {
		if !utf8.ValidString(s) || strings.ContainsAny(s, "\x00\r\n") {
			t.Fatalf("%q is no clean string", s)
		}
	}
	b := m.Body(raw)
	for _, s := range []string{b.Plain, b.HTML, m.Body(raw).SearchText(10_000), m.Body(raw).Preview()} {
		if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
			t.Fatalf("%.200q is no clean text", s)
		}
	}
	if n := utf8.RuneCountInString(m.Body(raw).Preview()); n > previewRunes+1 {
		t.Fatalf("a preview of %d runes", n)
	}
}
