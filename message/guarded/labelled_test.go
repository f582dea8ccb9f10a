package guarded

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postern-mail/postern/message"
)

// labelled is one line of testdata/labelled.txt, which was written before the
// rules of shapes were and without a look at the others' words: "+" or "-",
// what it is, its subject, its text. Every second line is held out: the rules
// were made looking at the others alone.
type labelled struct {
	lang, kind, subject string
	want, held          bool
	raw                 []byte
}

func readLabelled(t *testing.T) (all []labelled) {
	t.Helper()
	file, err := os.ReadFile("testdata/labelled.txt")
	if err != nil {
		t.Fatal(err)
	}
	lang, n := "", 0
	for line := range strings.Lines(string(file)) {
		line = strings.TrimRight(line, "\n")
		if l, ok := strings.CutPrefix(line, "= "); ok {
			lang, n = l, 0
			continue
		}
		cols := strings.SplitN(line, " | ", 3)
		if len(cols) != 3 {
			t.Fatalf("a line of %d columns: %q", len(cols), line)
		}
		sign, kind, _ := strings.Cut(cols[0], " ")
		// Who sent it tells nothing here: it is the same for all.
		d := message.Draft{From: message.ParseAddresses("Firm <post@firm.example>")[0], To: message.ParseAddresses("ana@outlook.example"), Subject: cols[1], MessageID: "1@firm.example",
			Date: time.Date(2026, 5, 14, 9, 0, 0, 0, time.UTC)}
		if strings.HasPrefix(cols[2], "<") {
			d.HTML = "<html><body>" + cols[2] + "</body></html>"
		} else {
			d.Plain = cols[2] + "\n"
		}
		raw, err := d.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, labelled{lang: lang, kind: kind, subject: cols[1], want: sign == "+", held: n%2 == 1, raw: raw})
		n++
	}
	return all
}

type tally struct{ found, missed, vain, left int }

func (s *tally) add(want, got bool) {
	switch {
	case want && got:
		s.found++
	case want:
		s.missed++
	case got:
		s.vain++
	default:
		s.left++
	}
}

func (s *tally) recall() float64    { return float64(s.found) / float64(max(s.found+s.missed, 1)) }
func (s *tally) precision() float64 { return float64(s.found) / float64(max(s.found+s.vain, 1)) }
func (s *tally) String() string {
	return fmt.Sprintf("recall %.3f precision %.3f (%d found, %d missed, %d in vain, %d rightly left)", s.recall(), s.precision(), s.found, s.missed, s.vain, s.left)
}

// TestLabelled measures, and fails when a change makes it worse than what
// docs/guarded.md says.
func TestLabelled(t *testing.T) {
	by := map[string]*tally{}
	of := func(name string) *tally {
		if by[name] == nil {
			by[name] = &tally{}
		}
		return by[name]
	}
	all := readLabelled(t)
	if len(all) < 300 {
		t.Fatalf("%d messages", len(all))
	}
	for _, c := range all {
		m, err := message.Parse(c.raw)
		if err != nil {
			t.Fatal(err)
		}
		got, why := Judge(m, m.Body(c.raw))
		part := "dev"
		if c.held {
			part = "held out"
		}
		of(part).add(c.want, got)
		of(part+" "+c.lang).add(c.want, got)
		if got != c.want && !c.held {
			t.Logf("%s %s %q: guarded %v %s, want %v", c.lang, c.kind, c.subject, got, why, c.want)
		}
	}
	for _, part := range []string{"dev", "held out"} {
		for _, lang := range []string{"", " en", " fr", " de", " es"} {
			t.Logf("%s%s: %v", part, lang, by[part+lang])
		}
	}
	if s := by["held out"]; s.recall() < leastRecall || s.precision() < leastPrecision {
		t.Errorf("held out: %v", s)
	}
}

const (
	leastRecall    = 0.80
	leastPrecision = 0.80
)

// TestCorpus says which messages of a corpus are guarded: below
// POSTERN_TEST_CORPUS, or the few of the message room's own testdata.
func TestCorpus(t *testing.T) {
	dir := os.Getenv("POSTERN_TEST_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "testdata", "mail")
	}
	n, masked := 0, 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if ext := filepath.Ext(path); err != nil || !d.Type().IsRegular() || ext != ".txt" && ext != ".eml" {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		m, err := message.Parse(raw)
		if err != nil {
			return err
		}
		n++
		b := m.Body(raw)
		if yes, why := Judge(m, b); yes {
			masked++
			by := "shape"
			if phrase, _ := byPhrase(m, b); phrase {
				by = "phrase"
			}
			t.Logf("%s: guarded for its %s by %s: %q", filepath.Base(path), why, by, m.Envelope.Subject)
		}
		return nil
	})
	if err != nil || n == 0 {
		t.Fatalf("%d messages below %s: %v", n, dir, err)
	}
	t.Logf("guarded: %d of %d", masked, n)
	if n > 100 && masked > n/20 {
		t.Errorf("%d of %d messages are guarded: more than one in twenty", masked, n)
	}
}

func FuzzJudge(f *testing.F) {
	f.Add("Your code", "482913 is your code")
	f.Add("Mot de passe oublié", "https://a.example/reset/4f9d8a7b6c5e")
	f.Fuzz(func(t *testing.T, subject, text string) {
		m := &message.Message{Envelope: message.Envelope{Subject: subject}}
		yes, why := Judge(m, message.Body{Plain: text, HTML: text})
		if yes != (why != "") {
			t.Fatalf("%v for %q", yes, why)
		}
	})
}

// TestPhrasesAlone is what the older rules find of the set: they were made by
// another hand before it, so for them all of it is held out.
func TestPhrasesAlone(t *testing.T) {
	var all tally
	for _, c := range readLabelled(t) {
		m, err := message.Parse(c.raw)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := byPhrase(m, m.Body(c.raw))
		all.add(c.want, got)
	}
	t.Logf("phrases alone, all: %v", &all)
	if all.precision() < 0.9 {
		t.Errorf("phrases alone: %v", &all)
	}
}

func TestOtherLanguages(t *testing.T) {
	for _, c := range []struct {
		subject, text string
		want          bool
	}{
		{"Codice di verifica", "Il codice è 482913. Scade tra 10 minuti.", true},
		{"Reimposta la password", "https://id.example/reset/4f9d8a7b6c5e", true},
		{"Verificatiecode", "Voer 482913 in om in te loggen.", true},
		{"Wachtwoord opnieuw instellen", "https://id.example/reset/4f9d8a7b6c5e", true},
		{"Código de acesso", "Digite 482913 para entrar.", true},
		{"Redefinir senha", "https://id.example/reset/4f9d8a7b6c5e", true},
		{"Ricetta", "250 g di farina, 3 uova, 20 minuti.", false},
		{"Recept", "250 g bloem, 3 eieren, 20 minuten.", false},
	} {
		m := &message.Message{Envelope: message.Envelope{Subject: c.subject}}
		if got, why := Judge(m, message.Body{Plain: c.text}); got != c.want {
			t.Errorf("%q: guarded %v %s", c.subject, got, why)
		}
	}
}
