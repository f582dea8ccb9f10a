package desk

import (
	"slices"
	"strings"

	"github.com/postern-mail/postern"
)

// The words of a trace that have a sentence of their own, each with what
// somebody must do about it: results of SPF, DKIM, DMARC and ARC (RFC 8601,
// 2.7), why a message is in Junk, what a rule did with it.
var verdictWords = map[string][]string{
	"spf":     {"pass", "fail", "softfail", "neutral", "none", "temperror", "permerror"},
	"dkim":    {"pass", "fail", "none", "temperror", "permerror"},
	"dmarc":   {"pass", "fail", "none", "temperror", "permerror"},
	"arc":     {"pass", "fail", "none"},
	"junk":    {"reject", "quarantine", "authors"},
	"rule":    {"filed", "junk", "trash"},
	"forward": {"sent", "loop"},
}

// statusWords are the enhanced status codes with a sentence of their own, by
// subject and detail (RFC 3463, and the IANA registry of RFC 5248).
var statusWords = []string{"1.1", "1.2", "1.3", "1.6", "1.8", "1.10", "2.1", "2.2", "2.3", "2.4", "3.1", "3.2", "3.4", "4.1", "4.2", "4.3", "4.4", "4.6", "4.7",
	"5.3", "6.0", "6.7", "7.0", "7.1", "7.8", "7.20", "7.23", "7.25", "7.26", "7.27"}

// Keys of explanations begin with these; "desk.status.class-4" and -5 say whether
// it is tried again.
const (
	verdictKey = "desk.verdict."
	statusKey  = "desk.status."
)

// ExplanationKeys lists every sentence that Explain can give.
func ExplanationKeys() (keys []string) {
	for name, words := range verdictWords {
		for _, w := range words {
			keys = append(keys, verdictKey+name+"-"+w)
		}
	}
	for _, s := range statusWords {
		keys = append(keys, statusKey+s)
	}
	keys = append(keys, statusKey+"class-4", statusKey+"class-5", statusKey+"other")
	slices.Sort(keys)
	return keys
}

// Explain puts a step of a message's way into words for people: its verdicts,
// why it is in Junk, what the other server's answer means.
func Explain(e postern.TraceEvent) (list []Finding) {
	for _, w := range strings.Fields(e.Verdicts) {
		name, word, ok := strings.Cut(w, "=")
		if !ok || !slices.Contains(verdictWords[name], word) {
			continue
		}
		severity := Note
		switch {
		case word == "pass":
			severity = Good
		case name == "junk" || name == "rule" && word != "filed" || word == "fail" || word == "loop":
			severity = Warning
		}
		list = append(list, Finding{Key: verdictKey + name + "-" + word, Severity: severity})
	}
	if e.Event != "refused" && e.Event != "bounced" && e.Event != "deferred" {
		return list
	}
	class, status := enhanced(e.Detail)
	if class == "" {
		return list
	}
	key, severity := statusKey+"other", Problem
	if slices.Contains(statusWords, status) {
		key = statusKey + status
	}
	if class == "4" {
		severity = Warning
	}
	return append(list, Finding{Key: key, Severity: severity}, Finding{Key: statusKey + "class-" + class, Severity: Note})
}

// enhanced finds the status code of RFC 3463 in a reply: "5.1.1" is class 5 and
// status 1.1. Of a bare reply code the class is known alone.
func enhanced(detail string) (class, status string) {
	for _, w := range strings.Fields(detail) {
		first, rest, ok := strings.Cut(w, ".")
		subject, detail, two := strings.Cut(rest, ".")
		if ok && two && (first == "4" || first == "5") && digits(subject) && digits(detail) {
			return first, subject + "." + detail
		}
		if class == "" && len(w) == 3 && digits(w) && (w[0] == '4' || w[0] == '5') {
			class = w[:1]
		}
	}
	return class, ""
}

func digits(s string) bool {
	return s != "" && len(s) <= 3 && strings.Trim(s, "0123456789") == ""
}
