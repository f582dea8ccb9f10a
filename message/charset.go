package message

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
)

// charsetOf finds the decoder for a MIME charset label, or nil. The WHATWG labels come first because senders write
// "iso-8859-1" and mean windows-1252.
func charsetOf(label string) encoding.Encoding {
	if e, err := htmlindex.Get(label); err == nil {
		if name, err := htmlindex.Name(e); err == nil && name != "replacement" {
			return e
		}
	}
	if e, err := ianaindex.MIME.Encoding(label); err == nil && e != nil {
		return e
	}
	if e, err := ianaindex.IANA.Encoding(label); err == nil && e != nil {
		return e
	}
	// "cp1252", "cp-850", "latin1" with a prefix and the like.
	s := strings.TrimPrefix(strings.TrimPrefix(strings.ToLower(label), "x-"), "cp")
	if s != label && len(s) <= 12 {
		for _, prefix := range []string{"windows-", "ibm"} {
			if e, err := htmlindex.Get(prefix + strings.TrimPrefix(s, "-")); err == nil {
				return e
			}
			if e, err := ianaindex.IANA.Encoding(prefix + strings.TrimPrefix(s, "-")); err == nil && e != nil {
				return e
			}
		}
	}
	return nil
}

func isUTF8(label string) bool {
	return strings.EqualFold(label, "utf-8") || strings.EqualFold(label, "utf8")
}

func isASCII(label string) bool {
	return label == "" || strings.EqualFold(label, "us-ascii") || strings.EqualFold(label, "ascii")
}

// knownCharset says whether text in this charset can be decoded as what it says.
func knownCharset(label string) bool {
	return isASCII(label) || isUTF8(label) || charsetOf(label) != nil
}

// decodeCharset makes valid UTF-8 of b. When the label is unknown, or says ASCII and the bytes do not, it takes b for UTF-8 if it
// is that and for windows-1252 if not, and ok is false if b was no ASCII.
func decodeCharset(label string, b []byte) (s string, ok bool) {
	label = strings.TrimSpace(label)
	if isUTF8(label) {
		if utf8.Valid(b) {
			return string(b), true
		}
		return strings.ToValidUTF8(string(b), "\uFFFD"), false
	}
	if !isASCII(label) {
		if e := charsetOf(label); e != nil {
			if out, err := e.NewDecoder().Bytes(b); err == nil {
				return strings.ToValidUTF8(string(out), "\uFFFD"), true
			}
		}
	}
	if utf8.Valid(b) {
		return string(b), isPlainASCII(b)
	}
	out, err := charmap.Windows1252.NewDecoder().Bytes(b)
	if err != nil {
		return strings.ToValidUTF8(string(b), "\uFFFD"), false
	}
	return strings.ToValidUTF8(string(out), "\uFFFD"), false
}

func isPlainASCII(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

// wholeRunes cuts an incomplete UTF-8 sequence that a size limit left at the end.
func wholeRunes(b []byte) []byte {
	for i := 1; i <= utf8.UTFMax && i <= len(b); i++ {
		if c := b[len(b)-i]; utf8.RuneStart(c) {
			if !utf8.FullRune(b[len(b)-i:]) {
				return b[:len(b)-i]
			}
			break
		}
	}
	return b
}

// cleanText removes NUL, makes every line end one LF, and drops a byte order mark.
func cleanText(s string) string {
	s = strings.TrimPrefix(s, "\uFEFF")
	if strings.ContainsAny(s, "\x00\r") {
		s = strings.NewReplacer("\x00", "", "\r\n", "\n", "\r", "\n").Replace(s)
	}
	return s
}

var utf8BOM = []byte("\xef\xbb\xbf")

// sniffUTF8 says whether the bytes announce themselves as UTF-8 whatever the label says.
func sniffUTF8(b []byte) bool { return bytes.HasPrefix(b, utf8BOM) && utf8.Valid(b) }
