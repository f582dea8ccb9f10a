package ui

import "strings"

// In French a narrow no-break space stands before ; ! ? and a no-break space
// before : and inside « »; in both languages the apostrophe is ’. Locale files
// are typed with plain spaces and straight apostrophes; pages never show them.
// (Lexique des règles typographiques en usage à l’Imprimerie nationale.)
var french = strings.NewReplacer(" ;", "\u202f;", " !", "\u202f!", " ?", "\u202f?", " :", "\u00a0:", "« ", "«\u00a0", " »", "\u00a0»", " %", "\u202f%", " €", "\u00a0€", "'", "’")

var english = strings.NewReplacer("'", "’")

func typeset(lang, s string) string {
	if lang == "fr" {
		return french.Replace(s)
	}
	return english.Replace(s)
}
