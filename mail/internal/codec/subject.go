package codec

import "strings"

// BaseSubject takes off what replies, forwarding and lists put before a subject
// (RFC 5256, 2.1), and says whether one of them was a reply's.
func BaseSubject(s string) (base string, reply bool) {
	s = strings.ToLower(strings.Join(strings.Fields(s), " "))
	for {
		if strings.HasPrefix(s, "[") {
			if i := strings.IndexByte(s, ']'); i > 0 && i < len(s)-1 {
				s = strings.TrimSpace(s[i+1:])
				continue
			}
		}
		word, rest, ok := strings.Cut(s, ":")
		if !ok {
			return s, reply
		}
		if i := strings.IndexByte(word, '['); i > 0 && strings.HasSuffix(word, "]") { // "re[2]:"
			word = word[:i]
		}
		switch strings.TrimSpace(word) {
		case "re", "aw", "sv", "antw", "rép", "rif", "odp":
			reply = true
		case "fw", "fwd", "tr", "wg", "vs", "enc":
		default:
			return s, reply
		}
		s = strings.TrimSpace(rest)
	}
}
