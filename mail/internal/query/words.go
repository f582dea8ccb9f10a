package query

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Both engines are given words, not text, so that both find the same: letters
// and digits in lower case, accents taken off, each sign of a script that
// writes without spaces a word of its own.

const (
	MaxWord = 64        // bytes; the rest of a longer word is not looked at
	MaxText = 128 << 10 // bytes of a message that are indexed
)

// Fields are what a message is found by, as words joined by single spaces.
type Fields struct{ Subject, Sender, Recipients, Body string }

// Words folds a text into its words, joined by spaces.
func Words(text string) string {
	if !isASCII(text) {
		text = norm.NFKD.String(strings.ToValidUTF8(text, " "))
	}
	out := make([]byte, 0, len(text)+1)
	size := 0 // of the word that is being written
	space := func() {
		if size > 0 {
			out = append(out, ' ')
			size = 0
		}
	}
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			i++
			switch {
			case c >= 'A' && c <= 'Z':
				c += 'a' - 'A'
			case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			default:
				space()
				continue
			}
			if size < MaxWord {
				out = append(out, c)
				size++
			}
			continue
		}
		r, n := utf8.DecodeRuneInString(text[i:])
		i += n
		switch {
		case unicode.Is(unicode.Mn, r):
			continue // an accent, now apart from its letter
		case !unicode.IsLetter(r) && !unicode.IsNumber(r):
			space()
		case spaceless(r):
			space()
			out = utf8.AppendRune(out, r)
			size = n
			space()
		case size+utf8.UTFMax <= MaxWord:
			before := len(out)
			out = utf8.AppendRune(out, unicode.ToLower(r))
			size += len(out) - before
		default:
			size = MaxWord
		}
	}
	return strings.TrimSuffix(string(out), " ")
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// spaceless is true of scripts that put no spaces between words.
func spaceless(r rune) bool {
	return r >= 0x0e00 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

// PostgreSQL bounds what a tsvector holds (its manual, 12.11).
const (
	maxPosition  = 16383
	maxPositions = 200 // of one word; 256 is the end
)

// TSVector writes the fields as PostgreSQL's tsvector literal: A for the
// subject, B for who sent it, C for who got it, D for the text. account stands
// in it as a word that no text can hold.
func (f Fields) TSVector(account []byte) string {
	places := map[string][]byte{}
	counts := map[string]int{}
	at := 0
	for i, text := range []string{f.Subject, f.Sender, f.Recipients, f.Body} {
		for word := range strings.FieldsSeq(text) {
			at = min(at+1, maxPosition)
			if counts[word]++; counts[word] > maxPositions {
				continue
			}
			b := places[word]
			if len(b) > 0 {
				b = append(b, ',')
			}
			places[word] = append(strconv.AppendInt(b, int64(at), 10), "ABCD"[i])
		}
		at += 10 // a phrase does not run from one field into the next
	}
	words := make([]string, 0, len(places))
	for word := range places {
		words = append(words, word)
	}
	slices.Sort(words)
	var out strings.Builder
	out.WriteString(AccountWord(account))
	for _, word := range words {
		out.WriteString(" '")
		out.WriteString(word) // letters and digits: nothing to escape
		out.WriteString("':")
		out.Write(places[word])
	}
	return out.String()
}

// AccountWord is the word that every message of an account has in PostgreSQL's
// index, so that a search reads that account's postings alone.
func AccountWord(acc []byte) string { return "'=" + hex.EncodeToString(acc) + "'" }
