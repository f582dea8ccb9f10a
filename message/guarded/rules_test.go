package guarded

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/postern-mail/postern/message"
)

type guardedCase struct {
	want            bool
	lang, from, sub string
	raw             []byte
}

// guardedCases reads testdata/guarded.txt: "=== yes|no lang | from | subject", header fields of lists, the text.
func guardedCases(t *testing.T) (cases []guardedCase) {
	t.Helper()
	file, err := os.ReadFile("testdata/guarded.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range strings.Split("\n"+string(file), "\n=== ")[1:] {
		head, text, _ := strings.Cut(block, "\n")
		cols := strings.Split(head, " | ")
		verdict, lang, _ := strings.Cut(cols[0], " ")
		d := message.Draft{From: message.ParseAddresses(cols[1])[0], To: []message.Address{{Mailbox: "ana", Host: "outlook.example"}}, Subject: cols[2],
			Date: time.Date(2019, 3, 28, 9, 0, 0, 0, time.UTC), MessageID: "1@a.example"}
		for strings.HasPrefix(text, "List-") {
			var line string
			line, text, _ = strings.Cut(text, "\n")
			name, value, _ := strings.Cut(line, ": ")
			d.Header = append(d.Header, [2]string{name, value})
		}
		d.Plain = text
		// Every second message comes as HTML alone, as such mail often does.
		if len(cases)%2 == 1 {
			d.Plain, d.HTML = "", "<html><body><p>"+strings.ReplaceAll(text, "\n", "<br>\n")+"</p></body></html>"
		}
		raw, err := d.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		cases = append(cases, guardedCase{verdict == "yes", lang, cols[1], cols[2], raw})
	}
	return cases
}

func TestGuarded(t *testing.T) {
	type tally struct{ tp, fp, fn, tn int }
	by := map[string]*tally{}
	for _, lang := range []string{"all", "fr", "en", "de", "es"} {
		by[lang] = &tally{}
	}
	for _, c := range guardedCases(t) {
		m, err := message.Parse(c.raw)
		if err != nil {
			t.Fatal(err)
		}
		got, why := Judge(m, m.Body(c.raw))
		if got != (why != "") {
			t.Errorf("%s: %v with the reason %q", c.sub, got, why)
		}
		for _, s := range []*tally{by["all"], by[c.lang]} {
			switch {
			case got && c.want:
				s.tp++
			case got:
				s.fp++
			case c.want:
				s.fn++
			default:
				s.tn++
			}
		}
		if got != c.want {
			t.Logf("%s %q from %s: guarded %v %s, want %v", c.lang, c.sub, c.from, got, why, c.want)
		}
	}
	for _, lang := range []string{"all", "fr", "en", "de", "es"} {
		s := by[lang]
		recall, precision := float64(s.tp)/float64(s.tp+s.fn), float64(s.tp)/float64(max(s.tp+s.fp, 1))
		line := fmt.Sprintf("guarded %s: recall %.3f precision %.3f (%d found, %d missed, %d in vain, %d rightly left)", lang, recall, precision, s.tp, s.fn, s.fp, s.tn)
		t.Log(line)
		if lang == "all" && (recall < 0.95 || precision < 0.95) {
			t.Error(line)
		}
	}
}
