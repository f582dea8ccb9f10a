package check

import (
	"fmt"
	"strings"
)

// Field is the Authentication-Results field (RFC 8601), its CRLF included, to
// be set before a message's own header.
func (c *Checker) Field(in In, r Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Authentication-Results: %s;\r\n\tspf=%s", value(c.hostname), r.SPF)
	if in.Sender == "" {
		fmt.Fprintf(&b, " smtp.helo=%s", value(in.Helo))
	} else {
		fmt.Fprintf(&b, " smtp.mailfrom=%s", value(r.SPFDomain))
	}
	if len(r.Signatures) == 0 {
		fmt.Fprintf(&b, ";\r\n\tdkim=%s", r.DKIM)
	}
	for _, s := range r.Signatures {
		fmt.Fprintf(&b, ";\r\n\tdkim=%s header.d=%s", s.Result, value(s.Domain))
	}
	fmt.Fprintf(&b, ";\r\n\tdmarc=%s", r.DMARC)
	if r.From != "" {
		fmt.Fprintf(&b, " header.from=%s", value(r.From))
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
