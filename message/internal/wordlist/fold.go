package wordlist

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// AppendFolded takes accents and odd signs away from at most limit bytes of s and joins white space, so that words can be written
// plainly. What it appends is ASCII.
func AppendFolded(out []byte, s string, limit int) []byte {
	s = s[:min(len(s), limit)]
	space := false
	put := func(c byte) {
		if space {
			out = append(out, ' ')
			space = false
		}
		out = append(out, c)
	}
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			i++
			if c <= ' ' || c == 0x7f {
				space = true
			} else {
				put(c)
			}
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 && !utf8.FullRuneInString(s[i:]) {
			break // the limit cut a character
		}
		if r >= 0x3400 && r < 0xf900 { // scripts without letters of ours
			i += size
			put('?')
			continue
		}
		plain := norm.NFKD.PropertiesString(s[i:]).Decomposition()
		i += size
		if plain == nil {
			foldRune(r, &space, put)
			continue
		}
		for len(plain) > 0 {
			r, size := utf8.DecodeRune(plain)
			plain = plain[size:]
			foldRune(r, &space, put)
		}
	}
	return out
}

func foldRune(r rune, space *bool, put func(byte)) {
	switch {
	case unicode.IsSpace(r) || unicode.IsControl(r):
		*space = true
	case r >= 0x300 && r < 0x370, unicode.Is(unicode.Mn, r), unicode.Is(unicode.Cf, r):
	case r == '\u2019' || r == '\u2018' || r == '\u02bc':
		put('\'')
	case r >= '\u2010' && r <= '\u2015':
		put('-')
	case r == 'ß':
		put('s')
		put('s')
	case r < utf8.RuneSelf:
		put(byte(r))
	default:
		put('?')
	}
}
