package verify

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/postern-mail/postern/ledger/verify/wording"
)

// Report is what a check found. Its Text is for people, its fields for machines.
type Report struct {
	// Subject is what was checked: "checkpoint", "inclusion", "consistency" or "record".
	Subject string  `json:"subject"`
	Verdict Verdict `json:"verdict"`
	// Why is empty when the verdict is Verified; Detail is in English, for specialists.
	Why    Why    `json:"why,omitempty"`
	Detail string `json:"detail,omitempty"`
	// Says is the finding in whole sentences.
	Says []Sentence `json:"says,omitempty"`
	// Facts are what the file says; believe them only when the verdict is Verified.
	Facts []Fact `json:"facts"`
	// Rests says that the verdict rests on what docs/ledger-format.md names, which the text prints.
	Rests bool `json:"rests,omitempty"`
	// Limits names what the check does not show.
	Limits []string `json:"limits"`
}

// Sentence is one of the format's sentences, with what stands in its places.
type Sentence struct {
	Name string   `json:"name"`
	Args []string `json:"args"`
}

// Fact is one thing that was read; Name is stable, for machines.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func newReport(subject string) *Report { return &Report{Subject: subject, Verdict: Verified} }

func (r *Report) fact(name, value string) { r.Facts = append(r.Facts, Fact{name, value}) }
func (r *Report) limit(keys ...string)    { r.Limits = append(r.Limits, keys...) }

// refuse takes the outcome of a check, nil when it passed. The first refusal decides.
func (r *Report) refuse(err error) Report {
	var no *Refusal
	switch {
	case err == nil || r.Verdict != Verified:
	case errors.As(err, &no):
		r.Verdict, r.Why, r.Detail = no.Verdict(), no.Why, no.Err.Error()
	default: // an error without a reason must never pass for a success
		r.Verdict, r.Why, r.Detail = Refuted, WhyFormat, err.Error()
	}
	return *r
}

func (r *Report) done() Report { return *r }

// Text returns the report for people, in French for "fr" and in English for any other language. What the
// check does not show is always part of it.
func (r Report) Text(lang string) string {
	say := func(name string) string { return wording.Say(lang, name) }
	var b strings.Builder
	colon := ":"
	if lang == "fr" {
		colon = "\u00a0:" // French sets a no-break space before it
	}
	fmt.Fprintf(&b, "%s%s %s\n", say("subject."+r.Subject), colon, say("verdict."+r.Verdict.String()))
	if r.Why != "" {
		fmt.Fprintf(&b, "  %s (%s)\n", say("why."+string(r.Why)), r.Detail)
	}
	for _, s := range r.Sentences(lang) {
		fmt.Fprintf(&b, "  %s\n", s)
	}
	width := 0
	for _, f := range r.Facts {
		width = max(width, len([]rune(say("fact."+f.Name))))
	}
	for _, f := range r.Facts {
		fmt.Fprintf(&b, "  %-*s  %s\n", width, say("fact."+f.Name), f.Value)
	}
	if r.Rests {
		fmt.Fprintf(&b, "%s\n", say("rests"))
	}
	fmt.Fprintf(&b, "%s\n", say("limit.limits"))
	for _, l := range r.Not(lang) {
		fmt.Fprintf(&b, "  - %s\n", l)
	}
	return b.String()
}

// Sentences returns the finding in whole sentences of a language.
func (r Report) Sentences(lang string) (list []string) {
	for _, s := range r.Says {
		args := make([]any, len(s.Args))
		for i, a := range s.Args {
			args[i] = word(a, lang)
		}
		list = append(list, fmt.Sprintf(wording.Say(lang, "says."+s.Name), args...))
	}
	return list
}

// Not returns what the check does not show, in a language.
func (r Report) Not(lang string) (list []string) {
	for _, l := range r.Limits {
		list = append(list, wording.Say(lang, "limit."+l))
	}
	return list
}

// word is a tier's name in the language; anything else stays as it is.
func word(value, lang string) string {
	if i := slices.Index(tierNames[:], value); i >= 0 && lang == "fr" {
		return tiersFR[i]
	}
	return value
}

var tiersFR = [Tiers]string{"compte", "trajet", "enveloppe", "contenu", "pièces jointes"}
