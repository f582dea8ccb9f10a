package check

import (
	"fmt"
	"strings"
)

// field is the Authentication-Results field (RFC 8601), its CRLF included, to
// be set before a message's own header.
func (k *look) field(authserv string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Authentication-Results: %s;\r\n\tspf=%s", value(authserv), k.spf)
	if k.sender == "" {
		fmt.Fprintf(&b, " smtp.helo=%s", value(k.helo))
	} else {
		fmt.Fprintf(&b, " smtp.mailfrom=%s", value(k.spfDomain))
	}
	if len(k.signatures) == 0 {
		fmt.Fprintf(&b, ";\r\n\tdkim=%s", k.dkim)
	}
	for _, s := range k.signatures {
		fmt.Fprintf(&b, ";\r\n\tdkim=%s header.d=%s", s.result, value(s.domain))
	}
	fmt.Fprintf(&b, ";\r\n\tdmarc=%s", k.dmarc)
	if k.from != "" {
		fmt.Fprintf(&b, " header.from=%s", value(k.from))
	}
	return b.String() + "\r\n"
}

// value writes what a stranger chose so that it cannot end the field or start
// another: a token as it is, anything else quoted (RFC 2045, 5.1).
func value(s string) string {
	if len(s) > 255 {
		s = s[:255]
	}
	token := s != ""
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`()<>@,;:\"/[]?=`, c) >= 0 {
			token = false
		}
	}
	if token {
		return s
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(s) {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c >= 0x7f:
			b.WriteByte('?')
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
