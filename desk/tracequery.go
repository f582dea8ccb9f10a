package desk

import (
	"strings"
	"time"

	"github.com/postern-mail/postern"
)

// named is what a customer named, as it was understood: a sender, a recipient,
// a Message-ID, or nothing but a time.
type named struct {
	kind, name   string // "from", "to", "id", or "" for a time alone
	since, until time.Time
}

// aloneMost is the longest time that may be traced without a name.
const aloneMost = 48 * time.Hour

// phrases are the times that people say, in the languages of the faces.
var phrases = []struct {
	words        string
	since, until int // hours from midnight
}{
	{"this morning", 0, 12}, {"ce matin", 0, 12}, {"yesterday", -24, 0}, {"hier", -24, 0}, {"today", 0, 24}, {"aujourd’hui", 0, 24}, {"aujourd'hui", 0, 24},
}

// parseTrace reads what an agent types: a name (see traceQuery), a time
// ("this morning", "since:2026-05-14", "until:2026-05-15"), or both.
func parseTrace(typed string, now time.Time, zone *time.Location) (n named, err error) {
	rest := strings.TrimSpace(typed)
	local := now.In(zone)
	midnight := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, zone)
	for _, p := range phrases {
		if lower := strings.ToLower(rest); strings.HasSuffix(lower, p.words) && len(lower) == len(rest) {
			n.since, n.until = midnight.Add(time.Duration(p.since)*time.Hour), midnight.Add(time.Duration(p.until)*time.Hour)
			rest = strings.TrimSpace(rest[:len(rest)-len(p.words)])
			break
		}
	}
	var words []string
	for _, w := range strings.Fields(rest) {
		field, value, _ := strings.Cut(w, ":")
		switch strings.ToLower(field) {
		case "since":
			n.since, err = time.ParseInLocation("2006-01-02", value, zone)
		case "until": // the day included
			n.until, err = time.ParseInLocation("2006-01-02", value, zone)
			n.until = n.until.AddDate(0, 0, 1)
		default:
			words = append(words, w)
		}
		if err != nil {
			return n, invalid("desk.invalid.date", "write a date as 2026-05-14")
		}
	}
	if len(words) > 0 {
		clean, err := traceQuery(strings.Join(words, " "))
		if err != nil {
			return n, err
		}
		n.kind, n.name, _ = strings.Cut(clean, ":")
	}
	if n.until.IsZero() && !n.since.IsZero() && n.kind == "" {
		n.until = now
	}
	switch {
	case n.kind == "" && n.since.IsZero():
		return n, invalid("desk.invalid.trace", "name a sender (ana@bank.example, bank.example) or a Message-ID (<x@y>)")
	case !n.until.IsZero() && !n.since.Before(n.until):
		return n, invalid("desk.invalid.trace-time", "the time ends before it begins")
	case n.kind == "" && n.until.Sub(n.since) > aloneMost:
		return n, invalid("desk.invalid.trace-long", "without a sender, trace two days at most")
	}
	return n, nil
}

// scope is what the gate is asked for. Its search for a time alone is by day;
// since and until narrow it.
func (n named) scope() postern.Scope {
	s := postern.Scope{Query: n.kind + ":" + n.name, Since: n.since, Until: n.until}
	if n.kind == "" {
		s.Query = "after:" + n.since.AddDate(0, 0, -1).Format("2006-01-02")
	}
	return s
}

// query is how it was understood, for the page.
func (n named) query() string {
	if n.kind == "" {
		return ""
	}
	return n.kind + ":" + n.name
}

// keeps says that a row is about what was named. A stored message was found by
// the name itself.
func (n named) keeps(e postern.TraceEvent) bool {
	if !n.since.IsZero() && e.At.Before(n.since) || !n.until.IsZero() && !e.At.Before(n.until) {
		return false
	}
	if e.Message != "" {
		return true
	}
	switch n.kind {
	case "from":
		return sent(e.Sender, n.name)
	case "to":
		for _, to := range recipients(e) {
			if sent(to, n.name) {
				return true
			}
		}
		return false
	case "id":
		return false
	}
	return true
}

// mask takes away what the customer did not name: recipients of other mail, and
// of a time alone the senders' local parts.
func (n named) mask(e postern.TraceEvent) postern.TraceEvent {
	for rest, ok := strings.CutPrefix(e.Detail, "to="); ok; rest, ok = strings.CutPrefix(e.Detail, "to=") {
		_, e.Detail, _ = strings.Cut(rest, " ")
	}
	if n.kind == "" && e.Sender != "" {
		e.Sender = "•••" + e.Sender[max(0, strings.LastIndexByte(e.Sender, '@')):]
	}
	return e
}

// recipients are those that a row's detail begins with.
func recipients(e postern.TraceEvent) (list []string) {
	for _, w := range strings.Fields(e.Detail) {
		to, ok := strings.CutPrefix(w, "to=")
		if !ok {
			break
		}
		list = append(list, to)
	}
	return list
}
