package message

import (
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Guarded says whether the message resets a password, signs somebody in or carries a one-time code or a password, and why: the
// reason is "code", "reset", "sign-in" or "password". It weighs words (French, English, German, Spanish), structure (a code near
// the words, a link with a token) and the sender. It leans towards masking: a message masked in vain costs a question, one shown
// in vain costs an account.
func (m *Message) Guarded(raw []byte) (bool, string) {
	b := m.Body(raw)
	g := signals{
		subject: fold(m.Envelope.Subject, 1000),
		text:    fold(b.Plain, guardedText),
		links:   tokenLink.MatchString(b.Plain[:min(len(b.Plain), 256<<10)]) || tokenLink.MatchString(b.HTML[:min(len(b.HTML), 256<<10)]),
	}
	g.all = g.subject + "\n" + g.text
	g.lower = strings.ToLower(g.all)
	trust := g.circumstances(m)
	if passwordGiven.MatchString(g.lower) && trust > -3 {
		return true, "password"
	}
	if g.code()+trust >= 4 {
		return true, "code"
	}
	if n := g.weigh(resetWords); n > 0 && g.links && n+2+trust >= 4 {
		return true, "reset"
	}
	if n := g.weigh(signInWords); n > 0 && g.links && n+2+trust >= 4 {
		return true, "sign-in"
	}
	return false, ""
}

// guardedText is how much of a text is looked at: codes stand near the top.
const guardedText = 16 << 10

// signals are the folded forms of a message. lower has the offsets of all.
type signals struct {
	subject, text, all, lower string
	links                     bool // a link with something in it that only its receiver knows
}

// circumstances weighs what speaks for a machine that was asked by the receiver, and what speaks against it.
func (g signals) circumstances(m *Message) (n int) {
	for _, a := range m.Envelope.From {
		if robots.MatchString(strings.ToLower(a.Mailbox)) {
			n++
			break
		}
	}
	for _, words := range []*regexp.Regexp{expiryWords, secrecyWords, unaskedWords} {
		if words.MatchString(g.lower) {
			n++
		}
	}
	h := m.Header
	switch {
	case h.Has("List-Id"), h.Has("List-Post"):
		n -= 3
	case h.Has("List-Unsubscribe"):
		n--
	}
	if h.Has("In-Reply-To") || replyWords.MatchString(g.subject) {
		n -= 2
	}
	if otherCodes.MatchString(g.lower) {
		n -= 3
	}
	return n
}

// code weighs a code that stands near the words for one.
func (g signals) code() int {
	best := 0
	for words, weight := range map[*regexp.Regexp]int{strongCode: 3, weakCode: 2} {
		for _, at := range words.FindAllStringIndex(g.lower, 50) {
			if !nearCode(g.all, at[0], at[1]) {
				continue
			}
			w := weight
			if at[0] < len(g.subject) || strongCode.MatchString(strings.ToLower(g.subject)) {
				w++
			} else if weight == 3 && at[0]-len(g.subject) < 600 {
				w++ // in the first lines
			}
			best = max(best, w)
		}
	}
	return best
}

// nearCode says whether a code stands up to 160 bytes after or 60 before the words.
func nearCode(s string, from, to int) bool {
	near := s[max(from-60, 0):from] + " \x00 " + s[to:min(to+160, len(s))]
	for _, at := range codeToken.FindAllStringIndex(near, -1) {
		token := near[at[0]:at[1]]
		if !strings.ContainsAny(token, "0123456789") || yearToken.MatchString(token) {
			continue
		}
		after, before := near[at[1]:], strings.TrimRight(near[:at[0]], " ")
		if amountAfter.MatchString(after) || strings.HasSuffix(before, "$") || strings.HasSuffix(before, "#") || strings.HasSuffix(near[:at[0]], "/") {
			continue
		}
		return true
	}
	return false
}

func (g signals) weigh(words *regexp.Regexp) (n int) {
	if words.MatchString(strings.ToLower(g.text)) {
		n++
	}
	if words.MatchString(strings.ToLower(g.subject)) {
		n += 2
	}
	return n
}

// fold takes accents and odd signs away and joins white space, so that the words below can be written plainly.
func fold(s string, limit int) string {
	s = norm.NFKD.String(string(wholeRunes([]byte(s[:min(len(s), limit)]))))
	var out strings.Builder
	space := false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r):
			space = true
			continue
		case unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Cf, r):
			continue
		case r == '\u2019' || r == '\u2018' || r == '\u02bc':
			r = '\''
		case r >= '\u2010' && r <= '\u2015':
			r = '-'
		case r == 'ß':
			out.WriteByte('s')
			r = 's'
		case r > 0x7f:
			// One byte for each, so that lower case has the same offsets.
			r = '?'
		}
		if space {
			out.WriteByte(' ')
			space = false
		}
		out.WriteRune(r)
	}
	return out.String()
}
