package message

import (
	"sort"
	"strconv"
	"strings"
)

// maxParams bounds the parameters of one field.
const maxParams = 200

// parseParams reads "value; name=value; …" (RFC 2045, 5.1) with the continuations and charsets of RFC 2231. The value and the
// names come in lower case. It is tolerant: comments, missing semicolons after a quoted value and unclosed quotes are read over.
func parseParams(s string) (value string, params map[string]string) {
	sc := scanner{s: s}
	value = strings.ToLower(strings.TrimSpace(sc.until(";")))
	raw := map[string]string{}
	for n := 0; sc.more() && n < maxParams; n++ {
		sc.skip("; \t")
		name := strings.ToLower(strings.TrimSpace(sc.until("=;")))
		if !sc.eat('=') {
			continue
		}
		sc.skip(" \t")
		var v string
		if sc.peek() == '"' {
			v = sc.quoted()
		} else {
			v = strings.TrimSpace(sc.until(";"))
		}
		if _, twice := raw[name]; isToken(name) && !twice {
			raw[name] = v
		}
	}
	if len(raw) == 0 {
		return value, nil
	}
	return value, joinContinuations(raw)
}

// joinContinuations undoes RFC 2231: "name*0", "name*1*", "name*". An extended value wins over a plain one of the same name.
func joinContinuations(raw map[string]string) map[string]string {
	out := make(map[string]string, len(raw))
	type piece struct {
		n        int
		extended bool
		text     string
	}
	pieces := map[string][]piece{}
	for name, v := range raw {
		base, rest, starred := strings.Cut(name, "*")
		if !starred {
			if _, ok := out[name]; !ok {
				out[name] = plainLine(DecodeWords(v))
			}
			continue
		}
		p := piece{text: v, extended: rest == "" || strings.HasSuffix(rest, "*")}
		if num := strings.TrimSuffix(rest, "*"); num != "" {
			n, err := strconv.Atoi(num)
			if err != nil || n < 0 {
				continue
			}
			p.n = n
		}
		pieces[base] = append(pieces[base], p)
	}
	for base, ps := range pieces {
		sort.Slice(ps, func(i, j int) bool { return ps[i].n < ps[j].n })
		charset := ""
		var b []byte
		for i, p := range ps {
			if i == 0 && p.extended {
				if cs, after, ok := strings.Cut(p.text, "'"); ok {
					if _, text, ok := strings.Cut(after, "'"); ok {
						charset, p.text = cs, text
					}
				}
			}
			if p.extended {
				b = append(b, percentDecode(p.text)...)
			} else {
				b = append(b, p.text...)
			}
		}
		text, _ := decodeCharset(charset, b)
		out[base] = plainLine(text)
	}
	return out
}

func percentDecode(s string) []byte {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && unhex(s[i+1]) >= 0 && unhex(s[i+2]) >= 0 {
			out = append(out, byte(unhex(s[i+1])<<4|unhex(s[i+2])))
			i += 2
			continue
		}
		out = append(out, s[i])
	}
	return out
}

// A scanner reads a structured field (RFC 5322, 3.2) from left to right.
type scanner struct {
	s        string
	i        int
	unclosed bool // a comment was never closed: parentheses are text from now on
}

func (sc *scanner) more() bool { return sc.i < len(sc.s) }

func (sc *scanner) peek() byte {
	if sc.more() {
		return sc.s[sc.i]
	}
	return 0
}

func (sc *scanner) eat(c byte) bool {
	if sc.peek() == c && sc.more() {
		sc.i++
		return true
	}
	return false
}

func (sc *scanner) skip(set string) {
	for sc.more() && strings.IndexByte(set, sc.s[sc.i]) >= 0 {
		sc.i++
	}
}

// until reads to one of the stop bytes, which stays, and drops comments.
func (sc *scanner) until(stop string) string {
	var out []byte
	for sc.more() && strings.IndexByte(stop, sc.s[sc.i]) < 0 {
		if sc.s[sc.i] == '(' && !sc.unclosed {
			if _, ok := sc.comment(); ok {
				continue
			}
		}
		out = append(out, sc.s[sc.i])
		sc.i++
	}
	return string(out)
}

// comment reads a nested comment at a "(". If it never ends, nothing is read and no later one is tried.
func (sc *scanner) comment() (string, bool) {
	var out []byte
	depth := 0
	for i := sc.i; i < len(sc.s); i++ {
		c := sc.s[i]
		switch {
		case c == '\\' && i+1 < len(sc.s):
			i++
			out = append(out, sc.s[i])
			continue
		case c == '(':
			depth++
			if depth == 1 {
				continue
			}
		case c == ')':
			depth--
			if depth == 0 {
				sc.i = i + 1
				return string(out), true
			}
		}
		out = append(out, c)
	}
	sc.unclosed = true
	return "", false
}

// quoted reads a quoted string at a '"', to its end or to the end of the field.
func (sc *scanner) quoted() string {
	var out []byte
	for sc.i++; sc.more(); sc.i++ {
		switch c := sc.s[sc.i]; {
		case c == '\\' && sc.i+1 < len(sc.s):
			sc.i++
			out = append(out, sc.s[sc.i])
		case c == '"':
			sc.i++
			return string(out)
		default:
			out = append(out, c)
		}
	}
	return string(out)
}
