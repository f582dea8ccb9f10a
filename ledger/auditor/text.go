package auditor

import (
	"fmt"
	"strings"

	"github.com/postern-mail/postern/ledger/verify"
)

// Verdict is verified when nothing was found, and refuted otherwise.
func (r Report) Verdict() verify.Verdict {
	if len(r.Findings) > 0 {
		return verify.Refuted
	}
	return verify.Verified
}

var words = map[string]map[string]string{
	"en": {
		"verified": "verified", "refuted": "refuted",
		"log": "log", "size": "checkpoint", "size.of": "%d leaves, root %s", "drawn": "drawn", "disclosures": "disclosures opened", "controls": "controls opened",
		"own": "leaves of the log's own", "erased": "erased, not to be opened", "tallies": "months whose numbers add up", "leaf": "leaf %d", "found": "What does not hold:",
		"not": "This does not show:",
		"limits": "  - what was not drawn: of a log with one false leaf in a hundred, 300 leaves miss it once in twenty times\n" +
			"  - that every act of staff was written down at all\n" +
			"  - the map's roots: postern verify replay does\n",
	},
	"fr": {
		"verified": "vérifié", "refuted": "réfuté",
		"log": "journal", "size": "point de contrôle", "size.of": "%d feuilles, racine %s", "drawn": "tirées", "disclosures": "divulgations ouvertes", "controls": "actes ouverts",
		"own": "feuilles propres au journal", "erased": "effacées, impossibles à ouvrir", "tallies": "mois dont les numéros concordent", "leaf": "feuille %d", "found": "Ce qui ne tient pas :",
		"not": "Ceci ne montre pas :",
		"limits": "  - ce qui n'a pas été tiré : si une feuille sur cent est fausse, 300 feuilles la manquent une fois sur vingt\n" +
			"  - que tout acte du personnel a bien été inscrit\n" +
			"  - les racines de la carte : postern verify replay le fait\n",
	},
}

// Text is the report in words, in English or French.
func (r Report) Text(lang string) string {
	w := words[lang]
	if w == nil {
		w = words["en"]
	}
	var b strings.Builder
	fmt.Fprintf(&b, "audit: %s\n", w[r.Verdict().String()])
	line := func(name, value string) { fmt.Fprintf(&b, "  %-36s %s\n", w[name], value) }
	line("log", r.Origin)
	line("size", fmt.Sprintf(w["size.of"], r.Size, r.Root))
	for _, c := range []struct {
		name string
		n    int
	}{{"drawn", r.Drawn}, {"disclosures", r.Disclosures}, {"controls", r.Controls}, {"own", r.Own}, {"erased", r.Erased}, {"tallies", r.Tallies}} {
		line(c.name, fmt.Sprint(c.n))
	}
	if len(r.Findings) > 0 {
		fmt.Fprintf(&b, "%s\n", w["found"])
		for _, f := range r.Findings {
			if f.Index >= 0 {
				fmt.Fprintf(&b, "  - "+w["leaf"]+": ", f.Index)
			} else {
				b.WriteString("  - ")
			}
			fmt.Fprintln(&b, f.What)
		}
	}
	fmt.Fprintf(&b, "%s\n%s", w["not"], w["limits"])
	return b.String()
}
