package web

import (
	"strings"
	"testing"
	"time"

	"github.com/postern-mail/postern"
)

// A ticket that we did not write opens nothing.
func FuzzTicket(f *testing.F) {
	w := &Web{Parts: Parts{ViewKey: []byte("0123456789abcdef0123456789abcdef"), Now: func() time.Time { return noon }}}
	own := w.ticket(postern.AccountID(strings.Repeat("ab", 16)), postern.MessageID(strings.Repeat("cd", 16)), true)
	f.Add(own)
	f.Add(own[:len(own)-1])
	f.Add("none")
	f.Fuzz(func(t *testing.T, s string) {
		if _, _, _, ok := w.openTicket(s); ok && s != own {
			t.Errorf("%q was taken", s)
		}
	})
}

// Plain text is shown whole, and leads only to http and https.
func FuzzPlainText(f *testing.F) {
	f.Add("Hello\n> quoted https://a.example/).\n\nhttp://b.example")
	f.Add("javascript:alert(1) https://")
	f.Fuzz(func(t *testing.T, s string) {
		var b strings.Builder
		for i, p := range paragraphs(s) {
			if i > 0 {
				b.WriteString("\n")
			}
			for _, piece := range p.Pieces {
				b.WriteString(piece.Text)
				if piece.Href != "" && !strings.HasPrefix(piece.Href, "https://") && !strings.HasPrefix(piece.Href, "http://") {
					t.Errorf("a link leads to %q", piece.Href)
				}
			}
		}
		if got, want := b.String(), strings.TrimRight(s, "\n\r\t "); got != want {
			t.Errorf("%q became %q", want, got)
		}
	})
}

// Chips never lose a part of the query that they do not name.
func FuzzChips(f *testing.F) {
	f.Add(`from:ana has:attachment "two words" subject:(a b)`)
	f.Add(`"`)
	f.Fuzz(func(t *testing.T, s string) {
		words := queryWords(s)
		if got, want := strings.ReplaceAll(strings.Join(words, ""), " ", ""), strings.ReplaceAll(s, " ", ""); got != strings.ToValidUTF8(want, "\uFFFD") && got != want && !strings.Contains(got, "\uFFFD") {
			t.Errorf("%q became %q", want, got)
		}
		for _, c := range chips(s) {
			if !strings.HasPrefix(c.Href, "/") {
				t.Errorf("a chip leads to %q", c.Href)
			}
		}
	})
}
