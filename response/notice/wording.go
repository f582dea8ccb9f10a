package notice

import (
	"embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/postern-mail/postern"
)

// The notices' words stand in en.txt and fr.txt, whole sentences
// in their order, so that whoever answers for them can read them there. Rules
// for changing them: the first line says whether and how the reader is
// affected; no link, ever; no "may" where the ledger knows; at most three things
// to do; the two files say the same.
//
//go:embed en.txt fr.txt
var files embed.FS

// Locales lists the languages of notices.
var Locales = [...]string{"fr", "en"}

var wordings = map[string]*template.Template{
	"en": template.Must(template.New("en.txt").Funcs(phrases("en")).ParseFS(files, "en.txt")),
	"fr": template.Must(template.New("fr.txt").Funcs(phrases("fr")).ParseFS(files, "fr.txt")),
}

// Word gives a notice's subject and text in a language. Invalid when the facts
// lack a field that the words need: the error names it.
func Word(f Facts, locale string) (subject, text string, err error) {
	if err := f.whole(); err != nil {
		return "", "", err
	}
	t := wordings[locale]
	if t == nil {
		t = wordings["en"]
	}
	var b strings.Builder
	if err := t.ExecuteTemplate(&b, "subject", f); err != nil {
		return "", "", fmt.Errorf("couldn't word the notice: %w", err)
	}
	subject = capital(strings.TrimSpace(b.String()))
	b.Reset()
	if err := t.ExecuteTemplate(&b, "text", f); err != nil {
		return "", "", fmt.Errorf("couldn't word the notice: %w", err)
	}
	return subject, strings.TrimSpace(b.String()) + "\n", nil
}

func capital(s string) string {
	first, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[n:]
}

func phrases(lang string) template.FuncMap {
	return template.FuncMap{
		"when":   func(t time.Time) string { return when(lang, t) },
		"date":   func(t time.Time) string { return date(lang, t) },
		"fields": func(f postern.Field) string { return list(lang, fieldWords(lang, f)) },
		"names": func(all []Employer) string {
			names := make([]string, len(all))
			for i, e := range all {
				names[i] = e.Name
			}
			return list(lang, names)
		},
		"external": func(all []Employer) bool {
			return slices.ContainsFunc(all, func(e Employer) bool { return e.External })
		},
		"tier": func(t postern.Tier) string { return t.String() },
		"messages": func(n int) string {
			if n == 1 {
				return "1 message"
			}
			return number(lang, n) + " messages"
		},
		"number": func(n int) string { return number(lang, n) },
	}
}

func number(lang string, n int) string {
	s := strconv.Itoa(n)
	sep := ","
	if lang == "fr" {
		sep = "\u202f" // narrow no-break space
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + sep + s[i:]
	}
	return s
}

var months = map[string][]string{
	"en": {"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"},
	"fr": {"janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"},
}

func date(lang string, t time.Time) string {
	t = t.UTC()
	day := strconv.Itoa(t.Day())
	if lang == "fr" && t.Day() == 1 {
		day = "1er"
	}
	return day + " " + months[lang][t.Month()-1] + " " + strconv.Itoa(t.Year())
}

// when is exact to the minute. The reader's own zone is not known here.
func when(lang string, t time.Time) string {
	t = t.UTC()
	if lang == "fr" {
		return fmt.Sprintf("%s à %d\u00a0h\u00a0%02d (UTC)", date(lang, t), t.Hour(), t.Minute())
	}
	return fmt.Sprintf("%s at %02d:%02d (UTC)", date(lang, t), t.Hour(), t.Minute())
}

var fieldNames = []struct {
	bit    postern.Field
	en, fr string
}{
	{postern.FieldFrom, "sender", "l'expéditeur"},
	{postern.FieldTo, "recipients", "les destinataires"},
	{postern.FieldSubject, "subject", "l'objet"},
	{postern.FieldDate, "date", "la date"},
	{postern.FieldSize, "size", "la taille"},
	{postern.FieldFromMasked, "senders without the part before the @", "les expéditeurs sans ce qui précède l'arobase"},
	{postern.FieldToMasked, "recipients without the part before the @", "les destinataires sans ce qui précède l'arobase"},
	{postern.FieldSubjectMasked, "subject without its numbers", "l'objet sans ses chiffres"},
	{postern.FieldRuleTargets, "what the rules that sort its mail do", "ce que font les règles qui trient son courrier"},
	{postern.FieldStatus, "whether it is open, and since when", "s'il est ouvert, et depuis quand"},
	{postern.FieldQuota, "how full it is", "la place utilisée"},
	{postern.FieldSignIns, "when and from what kind of network it was signed in to", "quand et depuis quel type de réseau on s'y est connecté"},
	{postern.FieldQueue, "how many messages wait to go out", "le nombre de messages en attente d'envoi"},
	{postern.FieldRules, "whether mail is forwarded", "si le courrier est transféré"},
}

func fieldWords(lang string, f postern.Field) (words []string) {
	for _, n := range fieldNames {
		if f&n.bit == 0 {
			continue
		}
		if lang == "fr" {
			words = append(words, n.fr)
		} else {
			words = append(words, n.en)
		}
	}
	return words
}

// list joins words as a sentence does.
func list(lang string, words []string) string {
	and := " and "
	if lang == "fr" {
		and = " et "
	}
	switch n := len(words); n {
	case 0:
		return ""
	case 1:
		return words[0]
	default:
		return strings.Join(words[:n-1], ", ") + and + words[n-1]
	}
}
