package store

import (
	"slices"
	"strings"
)

// The bits of mail_placement.flags. They are stored: never change them.
const (
	bitSeen = 1 << iota
	bitAnswered
	bitFlagged
	bitDeleted
	bitDraft
	systemBits = iota
)

var systemFlags = [systemBits]string{Seen, Answered, Flagged, Deleted, Draft}

// flagLists holds every combination of system flags, so that reading a row
// without keywords makes no list of its own.
var flagLists = func() (lists [1 << systemBits][]string) {
	for bits := range lists {
		lists[bits] = []string{}
		for i, name := range systemFlags {
			if bits&(1<<i) != 0 {
				lists[bits] = append(lists[bits], name)
			}
		}
		lists[bits] = slices.Clip(lists[bits])
	}
	return lists
}()

// Limits of a message's keywords.
const (
	maxKeywords = 64
	maxKeyword  = 100 // bytes
)

// flagSet is a message's flags as they are stored: bits, and keywords in order
// joined by spaces. Keywords keep the case they were first given in; which of
// two spellings counts is folded (RFC 9051, 2.3.2).
type flagSet struct {
	bits     int64
	keywords string
}

func (f flagSet) list() []string {
	system := flagLists[f.bits&(1<<systemBits-1)]
	if f.keywords == "" {
		return system
	}
	return append(system, strings.Fields(f.keywords)...)
}

// parseFlags reads a client's list. \Recent is read over: RFC 9051 has none.
func parseFlags(list []string) (flagSet, error) {
	var f flagSet
	var words []string
next:
	for _, name := range list {
		for i, system := range systemFlags {
			if strings.EqualFold(name, system) {
				f.bits |= 1 << i
				continue next
			}
		}
		switch {
		case strings.EqualFold(name, `\Recent`):
			continue
		case !isKeyword(name):
			return f, invalid("mail.flag-invalid", "a flag is a word of letters, digits and signs such as $ or -, at most %d bytes", maxKeyword)
		}
		words = addWord(words, name)
	}
	if len(words) > maxKeywords {
		return f, invalid("mail.flag-invalid", "a message has at most %d keywords", maxKeywords)
	}
	f.keywords = strings.Join(words, " ")
	return f, nil
}

// isKeyword is RFC 9051's flag-keyword, an atom.
func isKeyword(s string) bool {
	if s == "" || len(s) > maxKeyword {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`(){%*"\]`, c) >= 0 {
			return false
		}
	}
	return true
}

func addWord(words []string, w string) []string {
	i, found := slices.BinarySearchFunc(words, w, foldCompare)
	if found {
		return words
	}
	return slices.Insert(words, i, w)
}

func foldCompare(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) }

// apply gives the flags after an operation.
func (f flagSet) apply(op FlagOp, arg flagSet) flagSet {
	switch op {
	case Add:
		f.bits |= arg.bits
		if arg.keywords != "" {
			words := strings.Fields(f.keywords)
			for w := range strings.FieldsSeq(arg.keywords) {
				words = addWord(words, w)
			}
			f.keywords = strings.Join(words[:min(len(words), maxKeywords)], " ")
		}
	case Remove:
		f.bits &^= arg.bits
		if arg.keywords != "" && f.keywords != "" {
			gone := strings.Fields(arg.keywords)
			words := slices.DeleteFunc(strings.Fields(f.keywords), func(w string) bool {
				_, found := slices.BinarySearchFunc(gone, w, foldCompare)
				return found
			})
			f.keywords = strings.Join(words, " ")
		}
	case Replace:
		f = arg
	}
	return f
}

func hasFlag(list []string, flag string) bool {
	return slices.ContainsFunc(list, func(f string) bool { return strings.EqualFold(f, flag) })
}
