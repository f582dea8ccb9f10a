package message

import (
	"encoding/base64"
	"strings"
)

// maxCharsetName bounds the charset label of an encoded word; the longest registered one has 45 bytes.
const maxCharsetName = 64

// DecodeWords decodes the encoded words of RFC 2047 in s, tolerantly: words that touch other text, hold spaces or split a
// character between them are decoded too. What is no encoded word stays as it is.
func DecodeWords(s string) string {
	if !strings.Contains(s, "=?") {
		return s
	}
	var out strings.Builder
	var pending []byte // bytes of adjacent words in one charset: a character may be split between two words
	charset := ""
	flush := func() {
		if len(pending) > 0 {
			text, _ := decodeCharset(charset, pending)
			out.WriteString(text)
			pending = nil
		}
	}
	for s != "" {
		i := strings.Index(s, "=?")
		if i < 0 {
			break
		}
		cs, data, rest, ok := encodedWord(s[i:])
		if !ok {
			flush()
			out.WriteString(s[:i+2])
			s = s[i+2:]
			continue
		}
		if gap := s[:i]; pending == nil || strings.TrimLeft(gap, " \t\r\n") != "" {
			flush()
			out.WriteString(gap) // white space between two words is no text (RFC 2047, 6.2)
		}
		if !strings.EqualFold(cs, charset) {
			flush()
			charset = cs
		}
		if pending == nil {
			pending = []byte{}
		}
		pending = append(pending, data...)
		s = rest
	}
	flush()
	out.WriteString(s)
	return out.String()
}

// encodedWord reads "=?charset?encoding?text?=" at the start of s.
func encodedWord(s string) (charset string, data []byte, rest string, ok bool) {
	body := s[2:]
	q := strings.IndexByte(body[:min(len(body), maxCharsetName)], '?')
	if q <= 0 || len(body) < q+3 || body[q+2] != '?' {
		return "", nil, "", false
	}
	charset, enc, text := body[:q], body[q+1], body[q+3:]
	charset, _, _ = strings.Cut(charset, "*") // RFC 2231, 5: language
	if strings.ContainsAny(charset, " \t\r\n<>@\"") {
		return "", nil, "", false
	}
	// RFC 2047 ends a word after 75 bytes; programs that forget to fold write longer ones. The bound keeps a header full of
	// openings without an end from being searched to its end for each.
	end := strings.Index(text[:min(len(text), 16<<10)], "?=")
	if end < 0 {
		return "", nil, "", false
	}
	text, rest = text[:end], text[end+2:]
	switch enc {
	case 'q', 'Q':
		return charset, qWord(text), rest, true
	case 'b', 'B':
		b, _ := decodeBase64([]byte(text), base64.StdEncoding.DecodedLen(len(text))+3)
		return charset, b, rest, true
	}
	return "", nil, "", false
}

// qWord decodes the "Q" encoding (RFC 2047, 4.2).
func qWord(s string) []byte {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '_':
			out = append(out, ' ')
		case c == '=' && i+2 < len(s) && unhex(s[i+1]) >= 0 && unhex(s[i+2]) >= 0:
			out = append(out, byte(unhex(s[i+1])<<4|unhex(s[i+2])))
			i += 2
		default:
			out = append(out, c)
		}
	}
	return out
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
