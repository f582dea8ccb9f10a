// Package guarded recognises the messages that staff must not see without their
// owner's word for that very message: those that reset a password, sign somebody
// in, or carry a one-time code. In 2019 these were what the thieves came for.
//
// What it keeps: nothing. Its words are constants, in French, English, German
// and Spanish, and in a smaller number Italian, Dutch and Portuguese.
//
// **Trust:** it reads a message that anybody may have written and gives one word
// about it. A wrong "no" shows a code to staff, so where it is in doubt it says
// yes. It must never pass on a piece of what it read. How often it is wrong is
// measured: docs/guarded.md.
package guarded

import (
	"strings"
	"sync"

	"github.com/postern-mail/postern/message"
	"github.com/postern-mail/postern/message/internal/wordlist"
)

// Judge says whether a message resets a password, signs somebody in or carries a one-time code or a password, and why: the
// reason is "code", "reset", "sign-in" or "password". It weighs words, structure (a code near the words, a link with a token)
// and the sender. It leans towards masking: a message masked in vain costs a question, one shown in vain costs an account.
func Judge(m *message.Message, b message.Body) (bool, string) {
	if yes, why := byPhrase(m, b); yes {
		return yes, why
	}
	return byShape(m, b)
}

// byPhrase knows the sentences that senders of such mail use.
func byPhrase(m *message.Message, b message.Body) (bool, string) {
	g := newSignals(m.Envelope.Subject, b.Plain)
	trust := sync.OnceValue(func() int { return g.circumstances(m) })
	if g.has(passwordGiven, 0, len(g.lower)) && trust() > -3 {
		return true, "password"
	}
	// Without a code, only all that speaks for one together can make up for it.
	if n := g.code(); (n > 0 || g.cues.All(expiryWords, secrecyWords, unaskedWords)) && n+trust() >= 4 {
		return true, "code"
	}
	links := sync.OnceValue(func() bool { return hasTokenLink(b.Plain) || hasTokenLink(b.HTML) })
	for _, c := range []struct {
		words  *wordlist.List
		reason string
	}{{resetWords, "reset"}, {signInWords, "sign-in"}} {
		if n := g.weigh(c.words); n > 0 && links() && n+2+trust() >= 4 {
			return true, c.reason
		}
	}
	return false, ""
}

// guardedText is how much of a text is looked at: codes stand near the top.
const guardedText = 16 << 10

// signals are the folded forms of a message. lower has the offsets of all.
type signals struct {
	all, lower string
	subject    int // where the subject ends
	cues       wordlist.Spots
}

func newSignals(subject, text string) signals {
	var g signals
	b := wordlist.AppendFolded(make([]byte, 0, min(len(subject)+len(text), guardedText)+64), subject, 1000)
	g.subject = len(b)
	b = wordlist.AppendFolded(append(b, '\n'), text, guardedText)
	g.all = string(b)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	g.lower = string(b)
	g.cues = allCues.Find(g.lower)
	return g
}

// has says whether a wordlist is met between two offsets.
func (g signals) has(w *wordlist.List, from, to int) bool {
	return w.Has(g.lower[from:to], g.cues.Of(w, from, to))
}

// circumstances weighs what speaks for a machine that was asked by the receiver, and what speaks against it.
func (g signals) circumstances(m *message.Message) (n int) {
	for _, a := range m.Envelope.From[:min(len(m.Envelope.From), 10)] {
		if robots.MatchString(strings.ToLower(a.Mailbox[:min(len(a.Mailbox), 100)])) {
			n++
			break
		}
	}
	for _, words := range []*wordlist.List{expiryWords, secrecyWords, unaskedWords} {
		if g.has(words, 0, len(g.lower)) {
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
	if h.Has("In-Reply-To") || replyWords.MatchString(g.lower[:g.subject]) {
		n -= 2
	}
	if g.has(otherCodes, 0, len(g.lower)) {
		n -= 3
	}
	return n
}

// code weighs a code that stands near the words for one.
func (g signals) code() int {
	best := 0
	inSubject := sync.OnceValue(func() bool { return g.has(strongCode, 0, g.subject) })
	for _, kind := range []struct {
		words  *wordlist.List
		weight int
	}{{strongCode, 3}, {weakCode, 2}} {
		seen := 0
		kind.words.Each(g.lower, g.cues.Of(kind.words, 0, len(g.lower)), func(from, to int) bool {
			if nearCode(g.all, from, to) {
				w := kind.weight
				if from < g.subject || inSubject() {
					w++
				} else if kind.weight == 3 && from-g.subject < 600 {
					w++ // in the first lines
				}
				best = max(best, w)
			}
			seen++
			return seen < 50
		})
	}
	return best
}

// nearCode says whether a code stands up to 160 bytes after or 60 before the words.
func nearCode(s string, from, to int) bool {
	near := s[max(from-60, 0):from] + " \x00 " + s[to:min(to+160, len(s))]
	if !strings.ContainsAny(near, "0123456789") {
		return false
	}
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

func (g signals) weigh(words *wordlist.List) (n int) {
	if g.has(words, g.subject, len(g.lower)) {
		n++
	}
	if g.has(words, 0, g.subject) {
		n += 2
	}
	return n
}

// hasTokenLink looks at the links of a text one by one: the pattern costs too much for all of it.
func hasTokenLink(s string) bool {
	s = s[:min(len(s), 256<<10)]
	for range 500 {
		i := strings.Index(s, "://")
		if i < 0 {
			return false
		}
		start := max(i-5, 0)
		end := i + 3
		for end < len(s) && end-i < 4096 && s[end] > ' ' && !strings.ContainsRune(`"'<>`, rune(s[end])) {
			end++
		}
		if tokenLink.MatchString(s[start:end]) {
			return true
		}
		s = s[end:]
	}
	return false
}
