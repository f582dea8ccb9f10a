package message

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bullets stand for what is masked; how long it was is not told.
const Bullets = "•••"

// mixedAtLeast is from how many letters and digits together a word of both is
// masked whole: shorter ones ("mp3", "4x4") are words, longer ones ("x7k2q9")
// are codes, of which the letters alone would still be most.
const mixedAtLeast = 6

// MaskedAddress is an address without its name and local part. It keeps a host that is one and nothing else: what stands behind
// the @ of a broken header may be anything.
func MaskedAddress(a Address) string {
	if !isHost(a.Host) {
		return Bullets
	}
	return Bullets + "@" + a.Host
}

func isHost(s string) bool {
	for _, r := range s {
		if r != '.' && r != '-' && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return false
		}
	}
	return strings.Contains(s, ".") && utf8.ValidString(s)
}

// MaskedSubject is a subject without its digits, of whatever script, without
// the local parts of addresses, and without words of letters and digits that
// are codes by their look.
func MaskedSubject(s string) string {
	words := strings.FieldsFunc(s, unicode.IsSpace)
	var b strings.Builder
	rest := s
	for _, w := range words {
		at := strings.Index(rest, w)
		b.WriteString(rest[:at]) // the white space as it stands
		b.WriteString(maskedWord(w))
		rest = rest[at+len(w):]
	}
	b.WriteString(rest)
	return b.String()
}

// maskedWord masks one word. The local part goes with all that stands before
// the @, brackets and quotes included: what is a local part is not decided here.
func maskedWord(w string) string {
	if at := strings.LastIndexByte(w, '@'); at >= 0 {
		return Bullets + "@" + maskedDigits(w[at+1:])
	}
	var b strings.Builder
	for len(w) > 0 {
		n := strings.IndexFunc(w, func(r rune) bool { return !inCode(r) })
		switch {
		case n < 0:
			n = len(w)
		case n == 0:
			_, n = utf8.DecodeRuneInString(w)
			b.WriteString(w[:n])
			w = w[n:]
			continue
		}
		if isCode(w[:n]) {
			b.WriteString(Bullets + Bullets)
		} else {
			b.WriteString(maskedDigits(w[:n]))
		}
		w = w[n:]
	}
	return b.String()
}

// inCode: format characters are invisible, and often inside a code on purpose.
func inCode(r rune) bool {
	return unicode.In(r, unicode.L, unicode.N, unicode.M, unicode.Cf) || r == '-' || r == '_'
}

// isCode says whether a run has a part of letters and digits at once and is
// long enough. Parts that are all letters or all digits ("order-2026") are a
// word and a number.
func isCode(run string) bool {
	size := 0
	mixed := false
	for part := range strings.FieldsFuncSeq(run, func(r rune) bool { return r == '-' || r == '_' }) {
		letters, digits := false, false
		for _, r := range part {
			letter, digit := unicode.IsLetter(r), unicode.IsNumber(r)
			letters, digits = letters || letter, digits || digit
			if letter || digit {
				size++
			}
		}
		mixed = mixed || letters && digits
	}
	return mixed && size >= mixedAtLeast
}

func maskedDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsNumber(r) {
			return '•'
		}
		return r
	}, s)
}
