package foreign

import (
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/emersion/go-imap/v2"

	"github.com/postern-mail/postern"
)

const (
	maxQuery = 1000 // bytes
	maxTerms = 20
	// minName is the shortest part of an address that is searched for: a letter
	// would find everybody.
	minName = 3
)

// parseQuery reads the search of a scope, all of whose terms must hold:
//
//	from:bank.example to:"ana" id:<x@y> before:2026-03-01 after:2026-02-01
//	older_than:7d newer_than:2m
//
// A bare address or Message-ID is what it looks like. The search is made before
// anybody agreed to anything, and how many messages it finds is an answer by
// itself: it may name who, which and when, never words of a subject or a text.
func parseQuery(s string, now time.Time) (imap.SearchCriteria, error) {
	var c imap.SearchCriteria
	wrong := &postern.Error{Kind: postern.Invalid, Key: "mail.scope-words", Text: "name a sender, a recipient, a Message-ID or dates, such as from:bank.example or id:<x@y>; words of the text are not searched for others"}
	if s = strings.TrimSpace(s); len(s) > maxQuery || strings.ContainsFunc(s, unicode.IsControl) {
		return c, wrong
	}
	if !strings.ContainsAny(s, " :\"") || strings.HasPrefix(s, "<") {
		switch {
		case strings.HasPrefix(s, "<"):
			s = "id:" + s
		case strings.ContainsAny(s, "@."):
			s = "from:" + s
		}
	}
	terms := 0
	for s != "" {
		name, rest, ok := strings.Cut(s, ":")
		if terms++; !ok || terms > maxTerms {
			return c, wrong
		}
		var value string
		if after, quoted := strings.CutPrefix(rest, `"`); quoted {
			value, rest, _ = strings.Cut(after, `"`)
		} else {
			value, rest, _ = strings.Cut(rest, " ")
		}
		s = strings.TrimSpace(rest)
		value = strings.TrimSpace(value)
		switch strings.ToLower(name) {
		case "from", "to":
			if len([]rune(value)) < minName {
				return c, wrong
			}
			c.Header = append(c.Header, imap.SearchCriteriaHeaderField{Key: strings.ToUpper(name[:1]) + strings.ToLower(name[1:]), Value: value})
		case "id":
			if value = strings.Trim(value, "<>"); len(value) < minName {
				return c, wrong
			}
			c.Header = append(c.Header, imap.SearchCriteriaHeaderField{Key: "Message-ID", Value: "<" + value + ">"})
		case "before", "after":
			day, err := time.Parse(time.DateOnly, strings.ReplaceAll(value, "/", "-"))
			if err != nil {
				return c, wrong
			}
			if strings.EqualFold(name, "before") {
				c.And(&imap.SearchCriteria{Before: day})
			} else {
				c.And(&imap.SearchCriteria{Since: day})
			}
		case "older_than", "newer_than":
			days, ok := daysOf(value)
			if !ok {
				return c, wrong
			}
			if strings.EqualFold(name, "older_than") {
				c.And(&imap.SearchCriteria{Before: now.AddDate(0, 0, -days)})
			} else {
				c.And(&imap.SearchCriteria{Since: now.AddDate(0, 0, -days)})
			}
		default:
			return c, wrong
		}
	}
	if terms == 0 {
		return c, wrong
	}
	return c, nil
}

// daysOf reads "7d", "2w", "3m" or "1y".
func daysOf(s string) (int, bool) {
	if len(s) < 2 || len(s) > 5 {
		return 0, false
	}
	n, err := strconv.ParseUint(s[:len(s)-1], 10, 16)
	each := map[byte]int{'d': 1, 'w': 7, 'm': 30, 'y': 365}[s[len(s)-1]]
	return int(n) * each, err == nil && each > 0
}
