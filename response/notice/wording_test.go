package notice_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/response/notice"
)

// shapes are what can have been shown of one account.
func shapes() map[string]notice.Seen {
	at := time.Date(2026, 5, 1, 9, 5, 0, 0, time.UTC)
	envelope := postern.FieldFrom | postern.FieldTo | postern.FieldSubject | postern.FieldDate | postern.FieldSize
	look := func(tier postern.Tier, n int) []notice.Look { return []notice.Look{{At: at, Tier: tier, Messages: n}} }
	many := notice.Seen{Deepest: postern.TierContent, Listed: 1400, Envelope: envelope, Bodies: 1250, Certainty: "shown", More: 1238, First: at, Last: at.Add(48 * time.Hour)}
	for range notice.MaxLooks {
		many.Looks = append(many.Looks, look(postern.TierContent, 1)...)
	}
	return map[string]notice.Seen{
		"the account":   {Deepest: postern.TierAccount, Account: postern.FieldQuota | postern.FieldSignIns, Certainty: "shown", Looks: look(postern.TierAccount, 0), Last: at},
		"a trace":       {Deepest: postern.TierTrace, AnyTrace: true, Traced: 2, Certainty: "shown", Looks: look(postern.TierTrace, 2), Last: at},
		"mailbox names": {Deepest: postern.TierEnvelope, Mailboxes: true, Certainty: "shown", Looks: look(postern.TierEnvelope, 0), Last: at},
		"one in a list": {Deepest: postern.TierEnvelope, Listed: 1, Envelope: postern.FieldSubject, Certainty: "shown", Looks: look(postern.TierEnvelope, 1), Last: at},
		"a list":        {Deepest: postern.TierEnvelope, Listed: 12, Envelope: envelope, Mailboxes: true, Certainty: "shown", Looks: look(postern.TierEnvelope, 12), Last: at},
		"one text":      {Deepest: postern.TierContent, Listed: 1, Envelope: envelope, Bodies: 1, Certainty: "shown", Looks: look(postern.TierContent, 1), Last: at},
		"many texts":    many,
		"attachments":   {Deepest: postern.TierAttachment, Attachments: 2, Certainty: "shown", Looks: look(postern.TierAttachment, 2), Last: at},
		"a source":      {Deepest: postern.TierAttachment, Sources: 1, Bodies: 1, Attachments: 1, Certainty: "shown", Looks: look(postern.TierAttachment, 1), Last: at},
		"reset mail":    {Deepest: postern.TierEnvelope, Listed: 12, Envelope: envelope, Guarded: 2, Certainty: "shown", Looks: look(postern.TierEnvelope, 12), Last: at},
		"an open reset": {Deepest: postern.TierContent, Listed: 1, Bodies: 1, Envelope: envelope, Guarded: 1, Certainty: "shown", Looks: look(postern.TierContent, 1), Last: at},
		"an assumption": {Deepest: postern.TierContent, Bodies: 400, Certainty: "assumed", Looks: look(postern.TierContent, 400), Last: at},
		"a hole":        {Deepest: postern.TierContent, Bodies: 400, Certainty: "gap", Looks: look(postern.TierContent, 400), Last: at},
	}
}

// TestEveryNotice words every shape of facts in both languages and holds the
// result to the rules of a good notice.
func TestEveryNotice(t *testing.T) {
	at := time.Date(2026, 5, 16, 10, 2, 0, 0, time.UTC)
	for name, seen := range shapes() {
		for _, kind := range []string{notice.First, notice.Correction, notice.Withdrawn} {
			for _, cause := range []string{notice.CauseUnknown, notice.CauseStolen, notice.CauseInsider} {
				for _, ended := range []bool{true, false} {
					f := notice.Facts{Provider: "Outlook Example", Address: "ana@outlook.example", Code: "4F7K", Number: 3, Version: 1, Made: at, Kind: kind, Cause: cause, Seen: seen,
						Employer: []notice.Employer{{Name: "Helpline", External: ended}}}
					if ended {
						f.Ended, f.Since, f.Until = at, at.Add(-time.Hour*24*90), at
					}
					if kind != notice.First {
						f.Before, f.ToldAt = &seen, at.Add(-24*time.Hour)
					}
					for _, locale := range notice.Locales {
						t.Run(fmt.Sprintf("%s, %s, %s, ended %v, %s", name, kind, cause, ended, locale), func(t *testing.T) { hold(t, f, locale) })
					}
				}
			}
		}
	}
}

func hold(t *testing.T, f notice.Facts, locale string) {
	t.Helper()
	subject, text, err := notice.Word(f, locale)
	if err != nil {
		t.Fatal(err)
	}
	lower := strings.ToLower(subject + "\n" + text)
	for _, never := range []string{"http", "www.", "<", "may have", "might", "perhaps", "pourrait", "peut-être", "{{", "<no value>", "  ", "..", "\n\n\n", ", .", " ,"} {
		if strings.Contains(lower, never) {
			t.Errorf("%q in:\n%s\n\n%s", never, subject, text)
		}
	}
	things := 0
	for _, n := range []string{"\n1. ", "\n2. ", "\n3. ", "\n4. "} {
		things += strings.Count(text, n)
	}
	if things < 1 || things > 3 {
		t.Errorf("%d things to do:\n%s", things, text)
	}
	if ease := notice.Ease(text, locale); ease < 60 {
		t.Errorf("reading ease %d:\n%s", ease, text)
	}
	if length := notice.Length(text, locale); length > 20 {
		t.Errorf("%.1f words in a sentence:\n%s", length, text)
	}
	plain(t, f, text, locale)
	if strings.Count(text, f.Code) < 2 || len(subject) > 150 || strings.Contains(subject, "\n") || subject[0] < 'A' && subject[0] > '9' {
		t.Errorf("subject %q", subject)
	}
	claims := map[string][]string{"en": {"We ended this access", "We are sure."}, "fr": {"Nous avons coupé cet accès", "Oui. Notre système"}}[locale]
	told := f.Kind != notice.Withdrawn
	if got := strings.Contains(text, claims[0]); got != (told && !f.Ended.IsZero()) {
		t.Errorf("claims that the access is ended: %v", got)
	}
	if got := strings.Contains(text, claims[1]); got != (told && f.Seen.Certainty == "shown") {
		t.Errorf("claims to be sure: %v", got)
	}
	if first, _, _ := strings.Cut(text, "\n"); f.Kind != notice.First && !strings.Contains(subject, "Correction") || len(first) < 30 {
		t.Errorf("subject %q, first line %q", subject, first)
	}
}

// sections are a notice's headings, in the order in which they always stand.
var sections = map[string][]string{
	"en": {"WHAT WE TOLD YOU THEN", "WHAT WE TOLD YOU BEFORE", "WHY WE KNOW BETTER NOW", "WHAT WAS SEEN", "WHEN", "WHO DID IT", "HOW SURE WE ARE", "WHAT THIS MAKES POSSIBLE", "WHAT YOU CAN DO NOW", "HOW TO CHECK THAT THIS IS FROM US"},
	"fr": {"CE QUE NOUS VOUS AVIONS DIT", "POURQUOI NOUS EN SAVONS PLUS", "CE QUI A ÉTÉ VU", "QUAND", "PAR QUI", "SOMMES-NOUS SÛRS ?", "CE QUE CELA PERMET", "CE QUE VOUS POUVEZ FAIRE MAINTENANT", "VÉRIFIER QUE CET AVIS VIENT DE NOUS"},
}

// hedges are words by which a notice says less than is known. Where it is not
// known, a notice says so in its section on how sure it is, and there alone.
var hedges = map[string]*regexp.Regexp{
	"en": regexp.MustCompile(`\b(may|might|maybe|perhaps|possibly|potentially|apparently)\b`),
	"fr": regexp.MustCompile(`\b(peut-être|pourrait|pourraient|éventuellement|potentiellement|apparemment|semblerait)\b`),
}

// plain holds a notice to its sections, in their order, and to words that do not
// hedge.
func plain(t *testing.T, f notice.Facts, text, locale string) {
	t.Helper()
	at, found := -1, 0
	section := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(strings.ReplaceAll(line, "\u00a0", " "))
		if i := slices.Index(sections[locale], line); i >= 0 {
			if i <= at {
				t.Errorf("%q stands too late", line)
			}
			at, section = i, line
			found++
		} else if line != "" && line == strings.ToUpper(line) && strings.ContainsAny(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") {
			t.Errorf("%q is no section that is known", line)
		}
		if word := hedges[locale].FindString(line); word != "" && !strings.HasPrefix(section, "HOW SURE") && !strings.HasPrefix(section, "SOMMES-NOUS") {
			t.Errorf("%q: %s", word, line)
		}
	}
	if want := map[string]int{notice.First: 7, notice.Correction: 8, notice.Withdrawn: 4}[f.Kind]; found != want {
		t.Errorf("%d sections, want %d:\n%s", found, want, text)
	}
	if advice := map[string]string{"en": "lists the services", "fr": "liste des services"}[locale]; f.Kind != notice.Withdrawn && strings.Contains(text, advice) != (f.Seen.Guarded > 0) {
		t.Errorf("the services to secure first, for %d messages:\n%s", f.Seen.Guarded, text)
	}
}

// TestAMissingFieldIsNamed takes each field away that a notice cannot do without.
func TestAMissingFieldIsNamed(t *testing.T) {
	at := time.Date(2026, 5, 16, 10, 2, 0, 0, time.UTC)
	seen := shapes()["a list"]
	whole := notice.Facts{Provider: "Outlook Example", Address: "ana@outlook.example", Code: "4F7K", Number: 3, Version: 1, Made: at, Kind: notice.Correction, Cause: notice.CauseStolen, Seen: seen, Before: &seen, ToldAt: at}
	if _, _, err := notice.Word(whole, "en"); err != nil {
		t.Fatal(err)
	}
	for name, without := range map[string]func(*notice.Facts){
		"Provider": func(f *notice.Facts) { f.Provider = "" }, "Address": func(f *notice.Facts) { f.Address = "" }, "Code": func(f *notice.Facts) { f.Code = "" },
		"Number": func(f *notice.Facts) { f.Number = 0 }, "Version": func(f *notice.Facts) { f.Version = 0 }, "Made": func(f *notice.Facts) { f.Made = time.Time{} },
		"Kind": func(f *notice.Facts) { f.Kind = "" }, "Cause": func(f *notice.Facts) { f.Cause = "" }, "Seen": func(f *notice.Facts) { f.Seen.Looks = nil },
		"Certainty": func(f *notice.Facts) { f.Seen.Certainty = "" }, "Before": func(f *notice.Facts) { f.Before = nil }, "ToldAt": func(f *notice.Facts) { f.ToldAt = time.Time{} },
	} {
		t.Run(name, func(t *testing.T) {
			f := whole
			without(&f)
			_, _, err := notice.Word(f, "en")
			if postern.KindOf(err) != postern.Invalid || postern.KeyOf(err) != "response.invalid.field-"+strings.ToLower(name) || !strings.Contains(err.Error(), name) {
				t.Errorf("without %s: %v", name, err)
			}
		})
	}
}

func TestEase(t *testing.T) {
	plain := "Give nobody a code. We never ask for one. Type the name of the site.\n"
	legal := "Notwithstanding the aforementioned considerations, unauthorised individuals may potentially have accessed certain categories of information associated with your account, including but not limited to correspondence metadata.\n"
	if p, l := notice.Ease(plain, "en"), notice.Ease(legal, "en"); p < 80 || l > 20 {
		t.Errorf("plain %d, legal %d", p, l)
	}
	simple := "Ne donnez le code à personne. Nous ne le demandons jamais.\n"
	heavy := "Nonobstant les considérations susmentionnées, des individus non autorisés auraient potentiellement consulté certaines catégories d'informations personnelles associées à votre compte utilisateur.\n"
	if p, l := notice.Ease(simple, "fr"), notice.Ease(heavy, "fr"); p < 70 || l > 30 {
		t.Errorf("simple %d, lourd %d", p, l)
	}
	if notice.Ease("", "en") != 0 || notice.Ease("12 % !\n", "fr") != 0 {
		t.Error("no words have an ease")
	}
}
