package notice

import (
	"strings"
	"unicode"
)

// Ease is the reading ease of a plain text, about 0 (a contract) to 100 (a
// children's book); 60 is plain. English by Flesch (1948), French by Kandel and
// Moles (1958), who fitted Flesch's formula to French. It is a hint for whoever
// writes, not a verdict.
func Ease(text, locale string) int {
	words, sentences, syllables := measure(text, locale)
	if words == 0 || sentences == 0 {
		return 0
	}
	perSentence, perWord := float64(words)/float64(sentences), float64(syllables)/float64(words)
	ease := 206.835 - 1.015*perSentence - 84.6*perWord
	if locale == "fr" {
		ease = 207 - 1.015*perSentence - 73.6*perWord
	}
	return int(max(0, min(100, ease)))
}

// Length is the number of words in a sentence, on average.
func Length(text, locale string) float64 {
	words, sentences, _ := measure(text, locale)
	if sentences == 0 {
		return 0
	}
	return float64(words) / float64(sentences)
}

func measure(text, locale string) (words, sentences, syllables int) {
	for line := range strings.Lines(text) {
		n := 0
		for _, w := range strings.FieldsFunc(line, func(r rune) bool { return !unicode.IsLetter(r) && r != '\'' && r != '-' }) {
			if s := syllablesOf(w, locale); s > 0 {
				n++
				syllables += s
			}
		}
		words += n
		// A line without a full stop, such as a heading, is a sentence too.
		if n > 0 {
			sentences += max(1, strings.Count(line, ". ")+strings.Count(line, "? ")+strings.Count(line, ".\n")+strings.Count(line, "?\n"))
		}
	}
	return words, sentences, syllables
}

// syllablesOf counts groups of vowels, without a silent e at the end.
func syllablesOf(word, locale string) (n int) {
	vowels := "aeiouyàâäéèêëîïôöùûüœæ"
	word = strings.ToLower(word)
	inside := false
	for _, r := range word {
		is := strings.ContainsRune(vowels, r)
		if is && !inside {
			n++
		}
		inside = is
	}
	if n > 1 {
		for _, silent := range map[string][]string{"en": {"e", "ed", "es"}, "fr": {"e", "es", "ent"}}[locale] {
			if strings.HasSuffix(word, silent) && !strings.HasSuffix(word, "le") {
				return n - 1
			}
		}
	}
	return n
}
