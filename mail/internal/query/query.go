// Package query turns what people type into a search box, and what messages say,
// into the same words.
//
// What it keeps: nothing.
//
// Trust: it handles the text of all customers' mail in memory, and queries that
// strangers wrote. Its words are letters and digits alone, so that they can
// stand in either engine's search language. It must not know where the index is.
package query

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits of a search query: what is beyond them is not looked at.
const (
	maxQuery = 1000 // bytes
	MaxTerms = 40
)

// A Query is what Parse understood: all of its terms must hold.
type Query struct {
	Terms []Term
	// Anywhere says that Junk and Trash are searched too; In names mailboxes.
	Anywhere bool
	In       []string // names or roles, lower case
}

// A Term is one condition, or with Or several of which one must hold.
type Term struct {
	Not bool
	Or  []Term
	// Field is "" for any text, "from", "to", "subject"; "is", "has", "id";
	// "before", "after", "older", "newer"; "larger", "smaller".
	Field  string
	Text   string // folded words for text fields, the value for the others
	Prefix bool   // the last word may go on
	Number int64  // bytes of larger and smaller, milliseconds of dates, or of ages
}

// Parse reads a search as people type it:
//
//	invoice "order 4711" from:ana to:bank.example subject:(not needed) -draft
//	is:unread is:read is:starred is:answered is:guarded has:attachment
//	before:2026-03-01 after:2026/02/01 older_than:7d newer_than:2m
//	larger:5M smaller:100k in:archive in:anywhere id:<x@y> a OR b
//
// A word is found by its beginning, a phrase in quotes exactly. It is never an
// error: an operator it does not know, or a value it cannot read, is text.
func Parse(s string) Query {
	if len(s) > maxQuery {
		s = s[:maxQuery]
		for len(s) > 0 && !utf8.ValidString(s[len(s)-1:]) && !utf8.RuneStart(s[len(s)-1]) {
			s = s[:len(s)-1]
		}
	}
	s = strings.ToValidUTF8(s, " ")
	var q Query
	or := false
	for n := 0; n < MaxTerms; n++ {
		w, rest, ok := nextWord(s)
		if !ok {
			break
		}
		s = rest
		if w.text == "OR" && !w.quoted && w.field == "" && !w.not && len(q.Terms) > 0 {
			or = true
			continue
		}
		if w.field == "in" && !w.not && q.in(w.text) {
			continue
		}
		t, ok := w.term()
		if !ok {
			continue
		}
		if or {
			last := &q.Terms[len(q.Terms)-1]
			if last.Or == nil {
				*last = Term{Or: []Term{*last}}
			}
			last.Or = append(last.Or, t)
		} else {
			q.Terms = append(q.Terms, t)
		}
		or = false
	}
	return q
}

// word is one piece of a query as it was typed.
type word struct {
	not, quoted bool
	field, text string
}

// nextWord takes a piece from the front: -field:"text".
func nextWord(s string) (w word, rest string, ok bool) {
	s = strings.TrimLeftFunc(s, unicode.IsSpace)
	if s == "" {
		return w, "", false
	}
	if len(s) > 1 && s[0] == '-' {
		w.not, s = true, s[1:]
	}
	if i := strings.IndexFunc(s, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}); i > 0 && s[i] == ':' {
		if field := strings.ToLower(s[:i]); isOperator(field) {
			w.field, s = field, s[i+1:]
		}
	}
	if strings.HasPrefix(s, `"`) {
		w.quoted = true
		text, rest, _ := strings.Cut(s[1:], `"`) // an unclosed quote ends with the query
		w.text = text
		return w, rest, true
	}
	end := strings.IndexFunc(s, unicode.IsSpace)
	if end < 0 {
		end = len(s)
	}
	w.text = s[:end]
	return w, s[end:], true
}

func isOperator(field string) bool {
	switch field {
	case "from", "to", "cc", "subject", "is", "has", "in", "id", "rfc822msgid",
		"before", "after", "older", "newer", "older_than", "newer_than", "larger", "smaller":
		return true
	}
	return false
}

func (q *Query) in(text string) bool {
	text = strings.ToLower(text)
	if text == "anywhere" || text == "all" {
		q.Anywhere = true
		return true
	}
	if text == "" {
		return false
	}
	q.In = append(q.In, text)
	return true
}

// term reads a piece; not ok for one that says nothing.
func (w word) term() (Term, bool) {
	t := Term{Not: w.not, Field: w.field}
	value := strings.ToLower(w.text)
	ok := false
	switch w.field {
	case "is":
		if value == "flagged" || value == "important" {
			value = "starred"
		}
		t.Text, ok = value, value == "unread" || value == "read" || value == "starred" || value == "answered" || value == "guarded" || value == "draft"
	case "has":
		t.Text, ok = "attachment", strings.HasPrefix(value, "attach")
	case "id", "rfc822msgid":
		t.Field, t.Text, ok = "id", strings.Trim(w.text, "<> "), strings.Trim(w.text, "<> ") != ""
	case "before", "older":
		t.Field = "before"
		t.Number, ok = parseDay(value)
	case "after", "newer":
		t.Field = "after"
		t.Number, ok = parseDay(value)
	case "older_than", "newer_than":
		t.Field = strings.TrimSuffix(w.field, "_than")
		t.Number, ok = parseAge(value)
	case "larger", "smaller":
		t.Number, ok = parseSize(value)
	case "from", "to", "subject":
		ok = true
	case "cc":
		t.Field, ok = "to", true
	}
	if !ok {
		// Not understood: "foo:bar" is looked for as it stands.
		t.Field = ""
		if w.field != "" {
			w.text = w.field + " " + w.text
		}
	}
	switch t.Field {
	case "", "from", "to", "subject":
		t.Text, t.Prefix = Words(w.text), !w.quoted
		return t, t.Text != ""
	}
	return t, true
}

// parseDay reads 2026-03-01 or 2026/3/1, UTC.
func parseDay(s string) (int64, bool) {
	for _, layout := range []string{"2006-1-2", "2006/1/2"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UnixMilli(), true
		}
	}
	return 0, false
}

// parseAge reads 12h, 7d, 3w, 2m, 1y.
func parseAge(s string) (int64, bool) {
	if s == "" {
		return 0, false
	}
	n, err := strconv.ParseUint(s[:len(s)-1], 10, 16)
	unit := map[byte]time.Duration{'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour, 'm': 30 * 24 * time.Hour, 'y': 365 * 24 * time.Hour}[s[len(s)-1]]
	if err != nil || unit == 0 || n > 20000 {
		return 0, false
	}
	return int64(n) * unit.Milliseconds(), true
}

// parseSize reads 100, 100k, 5M.
func parseSize(s string) (int64, bool) {
	factor := int64(1)
	s = strings.TrimSuffix(s, "b")
	switch {
	case strings.HasSuffix(s, "k"):
		factor = 1 << 10
	case strings.HasSuffix(s, "m"):
		factor = 1 << 20
	}
	if factor > 1 {
		s = s[:len(s)-1]
	}
	n, err := strconv.ParseUint(s, 10, 31)
	return int64(n) * factor, err == nil
}
