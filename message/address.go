package message

import (
	"mime"
	"strings"
	"unicode/utf8"
)

// An Address is one mailbox (RFC 5322, 3.4): "Ana Lima" <ana@outlook.example>. All three are decoded, valid UTF-8 without
// control characters. Host is "" when the message named only a local user.
type Address struct{ Name, Mailbox, Host string }

// Addr is "ana@outlook.example", quoted where RFC 5322, 3.2.4 wants it, or "" if there is no mailbox.
func (a Address) Addr() string {
	local := a.Mailbox
	if local == "" && a.Host == "" {
		return ""
	}
	if !isDotAtom(local) {
		local = quote(local)
	}
	if a.Host == "" {
		return local
	}
	return local + "@" + a.Host
}

// String is the address as a header carries it, the name encoded if it is not ASCII (RFC 2047).
func (a Address) String() string {
	addr := a.Addr()
	if a.Name == "" {
		return addr
	}
	return encodePhrase(a.Name) + " <" + addr + ">"
}

func encodePhrase(s string) string {
	s = plainLine(s)
	if !isPlainASCII([]byte(s)) || strings.Contains(s, "=?") {
		return mime.QEncoding.Encode("utf-8", s)
	}
	for _, word := range strings.Split(s, " ") {
		if !isAtom(word) {
			return quote(s)
		}
	}
	return s
}

func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\r", "", "\n", "", "\x00", "").Replace(s) + `"`
}

// isAtom is RFC 5322, 3.2.3 with the UTF-8 of RFC 6532.
func isAtom(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c == 0x7f || strings.IndexByte(`()<>[]:;@\,."`, c) >= 0 {
			return false
		}
	}
	return s != ""
}

func isDotAtom(s string) bool {
	for part := range strings.SplitSeq(s, ".") {
		if !isAtom(part) {
			return false
		}
	}
	return true
}

// ParseAddresses reads an address list as a header carries it, tolerantly: semicolons between addresses, missing brackets and
// unclosed quotes are read over. Groups (RFC 5322, 3.4) give their members; an empty group gives nothing. It is never an error.
func ParseAddresses(s string) []Address {
	list, _ := parseAddresses(s)
	return list
}

func parseAddresses(s string) (list []Address, cut bool) {
	if !utf8.ValidString(s) {
		s, _ = decodeCharset("", []byte(s))
	}
	r := addressReader{scanner: scanner{s: s}}
	for r.more() {
		if len(list) >= MaxAddresses {
			return list, true
		}
		if a, ok := r.next(); ok {
			list = append(list, a)
		}
	}
	return list, false
}

type addressReader struct {
	scanner
	noQuotes bool // a quote was never closed: quotes are text from now on
	noAngles bool // the same for "<"
}

// next reads up to the comma, semicolon or group colon that ends one address.
func (r *addressReader) next() (Address, bool) {
	var phrase strings.Builder
	comment, route := "", ""
	bracketed := false
	for r.more() {
		switch c := r.s[r.i]; {
		case c == '"' && !r.noQuotes:
			start := r.i
			if text, ok := r.closed('"', '"'); ok {
				if r.peek() == '@' && !bracketed { // a quoted local part
					route, bracketed = text+r.until(",;<(\" \t"), true
					continue
				}
				phrase.WriteString(text)
				continue
			}
			r.i, r.noQuotes = start, true
			continue
		case c == '(' && !r.unclosed:
			if text, ok := r.comment(); ok {
				comment = text
			}
			continue
		case c == '<' && !r.noAngles:
			start := r.i
			if text, ok := r.closed('<', '>'); ok {
				route, bracketed = text, true
				continue
			}
			r.i, r.noAngles = start, true
			continue
		case c == '>':
			r.i++ // closes nothing
		case c == ':' && !bracketed && !strings.Contains(phrase.String(), "@"):
			r.i++ // the name of a group
			return Address{}, false
		case c == ',' || c == ';':
			r.i++
			return address(phrase.String(), comment, route, bracketed)
		default:
			phrase.WriteByte(c)
			r.i++
		}
	}
	return address(phrase.String(), comment, route, bracketed)
}

// closed reads from an opening to a closing byte, undoing backslashes in quotes; inside "<>" a quoted local part keeps its
// quotes for splitAddr.
func (r *addressReader) closed(open, end byte) (string, bool) {
	var out []byte
	inQuotes := false
	for i := r.i + 1; i < len(r.s); i++ {
		c := r.s[i]
		switch {
		case c == '\\' && i+1 < len(r.s) && (open == '"' || inQuotes):
			i++
			out = append(out, r.s[i])
		case c == '"' && open == '<':
			inQuotes = !inQuotes
		case c == end && !inQuotes:
			r.i = i + 1
			return string(out), true
		case c == '<' && open == '<' && !inQuotes:
			out = out[:0] // "<<ana@outlook.example>"
		default:
			out = append(out, c)
		}
	}
	return "", false
}

func address(phrase, comment, route string, bracketed bool) (Address, bool) {
	name := strings.Join(strings.Fields(phrase), " ")
	addr := route
	if !bracketed {
		addr, name = name, strings.Join(strings.Fields(comment), " ")
		// "Ana ana@outlook.example": the last word is the address.
		if i := strings.LastIndexByte(addr, ' '); i >= 0 && strings.Contains(addr[i:], "@") {
			name, addr = addr[:i], addr[i+1:]
		}
	} else if name == "" {
		name = strings.Join(strings.Fields(comment), " ")
	}
	addr = strings.Join(strings.Fields(plainLine(addr)), " ")
	if strings.HasPrefix(addr, "@") { // a source route (RFC 5322, 4.4)
		if i := strings.LastIndexByte(addr, ':'); i >= 0 {
			addr = addr[i+1:]
		}
	}
	addr = strings.TrimPrefix(addr, "mailto:")
	a := Address{Name: strings.TrimSpace(plainLine(DecodeWords(name)))}
	if i := strings.LastIndexByte(addr, '@'); i >= 0 {
		a.Mailbox, a.Host = strings.TrimSpace(addr[:i]), strings.TrimRight(strings.TrimSpace(addr[i+1:]), ".")
	} else {
		a.Mailbox = DecodeWords(addr)
	}
	a.Mailbox, a.Host = plainLine(a.Mailbox), plainLine(a.Host)
	return a, a != Address{}
}
