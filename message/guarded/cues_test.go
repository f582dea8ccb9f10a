package guarded

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/postern-mail/postern/message"
	"github.com/postern-mail/postern/message/internal/wordlist"
)

// TestCuesMissNothing holds every wordlist to what its pattern finds in the whole text.
func TestCuesMissNothing(t *testing.T) {
	lists := map[string]*wordlist.List{"strong": strongCode, "weak": weakCode, "password": passwordGiven, "reset": resetWords, "sign-in": signInWords,
		"expiry": expiryWords, "secrecy": secrecyWords, "unasked": unaskedWords, "other": otherCodes}
	var texts []string
	var pool []string
	for _, c := range guardedCases(t) {
		m, err := message.Parse(c.raw)
		if err != nil {
			t.Fatal(err)
		}
		g := newSignals(m.Envelope.Subject, m.Body(c.raw).Plain)
		texts = append(texts, g.lower)
		pool = append(pool, strings.Fields(g.lower)...)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		var b strings.Builder
		for range 1 + r.IntN(200) {
			b.WriteString(pool[r.IntN(len(pool))])
			b.WriteString([]string{" ", " ", " ", "", "-", ": "}[r.IntN(6)])
		}
		texts = append(texts, b.String())
	}
	matches := 0
	for _, s := range texts {
		g := signals{all: s, lower: s, cues: allCues.Find(s)}
		for name, w := range lists {
			want := w.Pattern.FindAllStringIndex(s, -1)
			matches += len(want)
			if got := g.has(w, 0, len(s)); got != (len(want) > 0) {
				t.Errorf("%s: found %v, the pattern %d times in %q", name, got, len(want), s)
			}
			if w == passwordGiven {
				continue
			}
			var got [][2]int
			w.Each(s, g.cues.Of(w, 0, len(s)), func(from, to int) bool {
				got = append(got, [2]int{from, to})
				return true
			})
			if len(got) != len(want) {
				t.Errorf("%s: %d matches, want %d in %q", name, len(got), len(want), s)
			}
		}
	}
	if matches < 500 {
		t.Errorf("only %d matches: the test says little", matches)
	}
}

// BenchmarkGuarded reads an ordinary letter of 4 KiB whose words are near those of codes.
func BenchmarkGuarded(b *testing.B) {
	for name, line := range map[string]string{
		"letter":     "All is well here and there, and the important standard is met. ",
		"newsletter": "Do not share the link; the code of the offer is valid for 3 days. ",
		"french":     "Voilà l'été : la procédure déjà présentée n'a pas été oubliée. ",
	} {
		raw := []byte("From: Ana <no-reply@bank.example>\r\nSubject: Report of the week\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + strings.Repeat(line+"\r\n", 62))
		m, err := message.Parse(raw)
		if err != nil {
			b.Fatal(err)
		}
		body := m.Body(raw)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if guarded, _ := Judge(m, body); guarded {
					b.Fatal("it is guarded")
				}
			}
		})
	}
}
