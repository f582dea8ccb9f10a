package notice_test

import (
	"fmt"
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
