package guarded

import (
	"regexp"
	"strings"

	"github.com/postern-mail/postern/message"
)

// class is a set of what a word may speak of.
type class uint16

const (
	coded  class = 1 << iota // a code by name: "code", "PIN", "digits"
	asks                     // to be typed somewhere
	access                   // getting in, proving who one is, agreeing to something
	pass                     // a password
	fresh                    // new, for now, forgotten
	brief                    // once, or for a time
	other                    // numbers of another kind: orders, parcels, errors, vouchers
)

// shapeText is how much of a text is looked at word by word.
const shapeText = 4 << 10

// A text of more than longText is a letter or a newsletter, or a code with much
// small print below: there the code stands within the top.
const (
	longText = 1500
	top      = 800
)

// spot is a word that has a class.
type spot struct {
	at int
	of class
}

// byShape knows no sentences. It looks for something that lets somebody in (a
// code, a link with a token, a password) in the company of words that speak of
// getting in, whatever their order: senders word such mail in ways that nobody
// can list.
func byShape(m *message.Message, b message.Body) (bool, string) {
	if m.Header.Has("List-Id") || m.Header.Has("List-Post") {
		return false, ""
	}
	g := newSignals(m.Envelope.Subject, b.Plain)
	end := min(len(g.lower), g.subject+shapeText)
	g.all, g.lower = g.all[:end], g.lower[:end]
	spots := spotsOf(g.lower)
	subject := classes(spots, 0, g.subject)
	everywhere := classes(spots, 0, end)
	reply := m.Header.Has("In-Reply-To") || replyWords.MatchString(g.lower[:g.subject])
	switch {
	case reply:
		// What people quote to each other is not what a machine sent.
		return false, ""
	case subject&(pass|fresh) == pass|fresh && everywhere&other == 0, everywhere&other == 0 && passwordIs.MatchString(g.lower):
		return true, "password"
	case linkIn(&g, b, spots, subject, everywhere):
		return true, "reset"
	case codeIn(&g, spots, subject):
		return true, "code"
	}
	return false, ""
}

// passwordIs is a password, or a PIN, said in a text: with a digit or a sign, or
// it is a word like any other.
var passwordIs = regexp.MustCompile(`(?:^|[^a-z])(?:password|passphrase|mot de passe|passwort|kennwort|contrasena|wachtwoord|senha|pin) ?(?:[:=]|is|es|est|ist|lautet) ?[^ ]*[0-9!$][^ ]*`)

// candidate is what may be a code, in the text before its letters were lowered.
var candidate = regexp.MustCompile(`\b(?:[0-9]{4,9}|[0-9]{2,4}(?:[ -][0-9]{2,4}){1,3}|[0-9](?: [0-9]){3,8}|[A-Z0-9]{4,6}(?:-[A-Z0-9]{2,6}){0,4}|[A-Z0-9]{5,10})\b`)

// boxed are digits that stand apart from each other.
var boxed = regexp.MustCompile(`^[0-9](?: [0-9]){3,}$`)

// codeIn says whether a code stands where the words around it, or those of the
// subject, speak of getting in.
func codeIn(g *signals, spots []spot, subject class) bool {
	long := len(g.lower)-g.subject > longText
	for _, at := range candidate.FindAllStringIndex(g.all, 50) {
		token := g.all[at[0]:at[1]]
		if !isCandidate(g.all, token, at) {
			continue
		}
		near := subject | classes(spots, at[0]-110, at[1]+90)
		n := 0
		for _, c := range []class{coded, asks, access, brief} {
			if near&c != 0 {
				n++
			}
		}
		if boxed.MatchString(token) {
			n++ // a digit in each cell of a row, as nothing else is set
		}
		switch {
		case long && (at[0]-g.subject > top || n < 3):
			// A newsletter has all these words somewhere; a code stands near the top.
		case n >= 4 && subject&other == 0, n >= 2 && near&other == 0:
			return true
		case n > 0 && near&other == 0 && len(strings.TrimSpace(g.all[g.subject:])) <= 2*len(token):
			return true // nothing but a code
		}
	}
	return false
}

// isCandidate leaves out years, amounts, times, and numbers behind a # or a
// slash.
func isCandidate(s, token string, at []int) bool {
	if !strings.ContainsAny(token, "0123456789") || yearToken.MatchString(token) {
		return false
	}
	after, before := s[at[1]:], strings.TrimRight(s[:at[0]], " ")
	for _, sign := range []string{"$", "#", "£", "/", ".", ","} {
		if strings.HasSuffix(before, sign) && (sign == "$" || sign == "#" || sign == "£" || strings.HasSuffix(s[:at[0]], sign)) {
			return false
		}
	}
	return !amountAfter.MatchString(after)
}

// wayIn are the words in addresses of pages that let somebody in.
var wayIn = regexp.MustCompile(`(?i)[/=._-](?:reset|recover[a-z]*|forgot[a-z]*|oubli[a-z]*|vergessen|olvid[a-z]*|unlock|verif[a-z-]*|confirm[a-z]*|magic[a-z]*|approve|activat[a-z]*|accept|setup|set-?up|auth|login|log-in|signin|sign-in|password|passwd|email/change|invit[a-z]*)(?:[/?=._-]|$)`)

// secretPart is a path segment or a value of eight signs or more, letters and
// digits mixed.
var secretPart = regexp.MustCompile(`[/=][A-Za-z0-9_.-]{8,}`)

// linkIn says whether a link with a secret leads somebody in.
func linkIn(g *signals, b message.Body, spots []spot, subject, everywhere class) bool {
	short := len(g.lower)-g.subject < 800
	for _, text := range [...]string{b.Plain, b.HTML} {
		text = text[:min(len(text), 64<<10)]
		for range 100 {
			i := strings.Index(text, "://")
			if i < 0 {
				break
			}
			text = text[i+3:]
			end := strings.IndexFunc(text, func(r rune) bool { return r <= ' ' || strings.ContainsRune(`"'<>`, r) })
			if end < 0 {
				end = len(text)
			}
			link := text[:min(end, 2048)]
			text = text[end:]
			if !hasSecret(link) {
				continue
			}
			n := 1
			if wayIn.MatchString(link) {
				n += 2
			}
			said := subject
			if short {
				said = everywhere
			}
			if said&(access|pass) != 0 {
				n++
			}
			if said&(brief|pass) != 0 {
				n++
			}
			if said&other != 0 {
				n--
			}
			if n >= 3 && (short || n >= 4) {
				return true
			}
		}
	}
	return false
}

func hasSecret(link string) bool {
	for _, part := range secretPart.FindAllString(link, 20) {
		if strings.ContainsAny(part, "0123456789") && strings.ContainsFunc(part[1:], func(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }) {
			return true
		}
	}
	return false
}

// classes joins those of the words between two offsets.
func classes(spots []spot, from, to int) (c class) {
	for _, s := range spots {
		if s.at >= from && s.at < to {
			c |= s.of
		}
	}
	return c
}

// spotsOf looks at each word of a folded text once.
func spotsOf(s string) (spots []spot) {
	for at := 0; at < len(s); {
		if !wordByte(s[at]) {
			at++
			continue
		}
		end := at
		for end < len(s) && wordByte(s[end]) {
			end++
		}
		c := classOf(s[at:end])
		if s[at:end] == "passe" && strings.HasSuffix(s[:at], "mot de ") {
			c |= pass
		}
		if c != 0 {
			spots = append(spots, spot{at, c})
		}
		at = end
	}
	return spots
}

func wordByte(c byte) bool { return c >= 'a' && c <= 'z' || c == '2' }

// classOf looks a word up whole, and by its beginnings.
func classOf(word string) class {
	c := wholeWords[word]
	for n := 4; n <= min(len(word), longestStem); n++ {
		c |= stems[word[:n]]
	}
	// German and Dutch write the code at the end of what it is for.
	for _, tail := range [...]string{"code", "codes", "pin", "tan"} {
		if len(word) > len(tail)+3 && strings.HasSuffix(word, tail) && (tail[0] == 'c' || tail[0] == 'p' && strings.HasPrefix(word, "einmal")) {
			c |= coded
		}
	}
	return c
}
