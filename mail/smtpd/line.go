package smtpd

import (
	"bufio"
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"
)

// Bounds of a command line, its CRLF included. RFC 5321, 4.5.3.1.4, says 512
// and more for each extension; AUTH's answers are the longest (RFC 4954, 4), so
// submission reads more.
const (
	lineMost     = 2048
	lineMostAuth = 12288
)

var (
	errBare = errors.New("a CR or LF stands alone")
	errNUL  = errors.New("a NUL")
	errLong = errors.New("the line is too long")
	errBig  = errors.New("the message is too large")
	errRoom = errors.New("no memory is free for the message")
)

// readCommand reads one line and gives it without its CRLF.
func readCommand(r *bufio.Reader, most int) (string, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > most {
			return "", errLong
		}
		if err == nil {
			break
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return "", err
		}
	}
	body, ok := bytes.CutSuffix(line, []byte("\r\n"))
	switch {
	case !ok, bytes.IndexByte(body, '\r') >= 0:
		return "", errBare
	case bytes.IndexByte(body, 0) >= 0:
		return "", errNUL
	}
	return string(body), nil
}

// readMessage reads up to the line of one dot and takes the doubled dots away
// (RFC 5321, 4.5.2). Only CR LF ends a line, so only CRLF.CRLF ends a message.
//
// The length of a line is bounded by the message's alone: RFC 5321, 4.5.3.1,
// wants no limit where none is needed, and real mail has lines past 998.
//
// Past most bytes, or when room refuses the next ones, it keeps nothing and goes
// on to the end: errBig, errRoom. errBare and errNUL come at once: what follows
// cannot be trusted.
func readMessage(r *bufio.Reader, most int64, room func(n int) bool) (raw []byte, err error) {
	size := int64(0)
	start := true // of a line
	ended := byte(0)
	var drop error
	for {
		part, err := r.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
		full := err != nil // the line goes on
		if bytes.IndexByte(part, 0) >= 0 {
			return nil, errNUL
		}
		if !wellEnded(part, ended, full) {
			return nil, errBare
		}
		ended = part[len(part)-1]
		if start && part[0] == '.' {
			if len(part) == 3 && !full {
				return raw, drop // ".\r\n"
			}
			part = part[1:]
		}
		start = !full
		switch size += int64(len(part)); {
		case drop != nil:
		case size > most:
			drop, raw = errBig, nil
		case !room(len(part)):
			drop, raw = errRoom, nil
		default:
			raw = append(raw, part...)
		}
	}
}

// wellEnded says that a piece of a line has CR and LF only as its end: before
// is the last byte of the piece before it.
func wellEnded(part []byte, before byte, full bool) bool {
	if before == '\r' && part[0] != '\n' {
		return false
	}
	body := part
	if !full {
		body = part[:len(part)-1] // the LF
		if len(body) == 0 {
			return before == '\r'
		}
		if body[len(body)-1] != '\r' {
			return false
		}
		body = body[:len(body)-1]
	} else if body[len(body)-1] == '\r' {
		body = body[:len(body)-1] // the LF may come next
	}
	return bytes.IndexByte(body, '\r') < 0
}

// isHelo says that a name is a domain or an address literal (RFC 5321, 4.1.1.1)
// as far as it matters: printable, without what could break a header.
func isHelo(name string) bool {
	if name == "" || len(name) > 255 {
		return false
	}
	for _, c := range []byte(name) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`()<>@,;\"`, c) >= 0 {
			return false
		}
	}
	return true
}

// pathMost is RFC 5321, 4.5.3.1.3, without the brackets.
const pathMost = 254

// parsePath reads "FROM:<a@b> SIZE=1" after its keyword: the address, "" for
// <>, and the parameters. ok is false for anything else.
func parsePath(arg, keyword string) (address string, params []string, ok bool) {
	if len(arg) < len(keyword) || !strings.EqualFold(arg[:len(keyword)], keyword) {
		return "", nil, false
	}
	rest := strings.TrimLeft(arg[len(keyword):], " ") // many write a space here
	if !strings.HasPrefix(rest, "<") {
		return "", nil, false
	}
	end := closing(rest)
	if end < 0 {
		return "", nil, false
	}
	address, rest = rest[1:end], rest[end+1:]
	if rest != "" && rest[0] != ' ' {
		return "", nil, false
	}
	if strings.HasPrefix(address, "@") { // a source route: ignored (RFC 5321, C)
		_, after, found := strings.Cut(address, ":")
		if !found {
			return "", nil, false
		}
		address = after
		if address == "" {
			return "", nil, false
		}
	}
	if address != "" && !isAddress(address) {
		return "", nil, false
	}
	return address, strings.Fields(rest), true
}

// closing finds the bracket that ends a path, past quoted strings.
func closing(s string) int {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == '>' && !quoted:
			return i
		}
	}
	return -1
}

func isAddress(s string) bool {
	at := strings.LastIndexByte(s, '@')
	if len(s) > pathMost || !utf8.ValidString(s) {
		return false
	}
	if at < 0 {
		return strings.EqualFold(s, "postmaster") // RFC 5321, 4.1.1.3
	}
	local, domain := s[:at], s[at+1:]
	if local == "" || len(local) > 64 || !isHelo(domain) && !isName(domain) {
		return false
	}
	if strings.HasPrefix(local, `"`) {
		return len(local) > 2 && strings.HasSuffix(local, `"`) && isPrintable(local)
	}
	return isName(local)
}

// isName says that s has nothing that needs quotes (RFC 5322, 3.2.3; RFC 6531,
// 3.3, adds the letters of all scripts).
func isName(s string) bool {
	for _, c := range s {
		if c <= ' ' || c == 0x7f || c == 0x85 || strings.ContainsRune(`()<>[]:;@\,"`, c) {
			return false
		}
	}
	return s != ""
}

func isPrintable(s string) bool {
	for _, c := range s {
		if c < ' ' || c == 0x7f {
			return false
		}
	}
	return true
}
