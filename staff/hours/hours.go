// Package hours reads and answers the times of a week in which a desk is open.
//
// What it keeps: nothing.
//
// Trust: it decides whether it is night; it sees no clock but the one it is asked
// with, and no person.
package hours

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postern-mail/postern"
)

// Hours are the times of a week in which a desk is open, as people write them:
//
//	Mon-Fri 08:00-18:00, Sat 09:00-12:30 Europe/Paris
//
// A span may go over midnight ("Fri 22:00-06:00" ends on Saturday). Without a
// zone it is UTC. The zero Hours are always.
type Hours struct {
	text  string
	zone  *time.Location
	spans []span
}

// span is minutes since Sunday 00:00, local time; until may reach into the next
// week.
type span struct{ from, until int }

var days = [...]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// Parse reads what Hours documents: Invalid otherwise.
func Parse(text string) (Hours, error) {
	h := Hours{text: strings.Join(strings.Fields(text), " "), zone: time.UTC}
	if h.text == "" {
		return Hours{}, nil
	}
	if len(h.text) > 200 {
		return Hours{}, invalid("staff.invalid.hours", "the hours are longer than 200 letters")
	}
	wrong := func(part string) error {
		return invalid("staff.invalid.hours", fmt.Sprintf("%q are no hours: write them like \"Mon-Fri 08:00-18:00, Sat 09:00-12:30 Europe/Paris\"", part))
	}
	parts := strings.Split(h.text, ",")
	last := strings.Fields(parts[len(parts)-1])
	if len(last) == 3 {
		zone, err := time.LoadLocation(last[2])
		if err != nil || last[2] == "Local" {
			return Hours{}, invalid("staff.invalid.hours", fmt.Sprintf("there is no time zone %q: write one like Europe/Paris", last[2]))
		}
		h.zone = zone
		parts[len(parts)-1] = last[0] + " " + last[1]
	}
	for _, part := range parts {
		words := strings.Fields(part)
		if len(words) != 2 {
			return Hours{}, wrong(part)
		}
		first, end, ranged := strings.Cut(strings.ToLower(words[0]), "-")
		if !ranged {
			end = first
		}
		from, until := slices.Index(days[:], first), slices.Index(days[:], end)
		opens, closes, ok := strings.Cut(words[1], "-")
		a, okA := minute(opens)
		b, okB := minute(closes)
		if from < 0 || until < 0 || !ok || !okA || !okB || a == b || a == 24*60 {
			return Hours{}, wrong(part)
		}
		if b < a {
			b += 24 * 60
		}
		for d := from; ; d = (d + 1) % 7 {
			h.spans = append(h.spans, span{d*24*60 + a, d*24*60 + b})
			if d == until {
				break
			}
		}
	}
	return h, nil
}

// minute reads "08:30" as minutes since midnight, up to 24:00.
func minute(s string) (int, bool) {
	if len(s) != 5 || s[2] != ':' {
		return 0, false
	}
	for _, i := range [...]int{0, 1, 3, 4} {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	hour, min := int(s[0]-'0')*10+int(s[1]-'0'), int(s[3]-'0')*10+int(s[4]-'0')
	if min > 59 || hour > 24 || (hour == 24 && min > 0) {
		return 0, false
	}
	return hour*60 + min, true
}

const week = 7 * 24 * 60

// Open says whether the desk is open at a time, and until when. The zero Hours
// are open without end, and then until is zero.
func (h Hours) Open(at time.Time) (until time.Time, open bool) {
	if len(h.spans) == 0 {
		return time.Time{}, true
	}
	local := at.In(h.zone)
	now := int(local.Weekday())*24*60 + local.Hour()*60 + local.Minute()
	for _, s := range h.spans {
		for _, m := range [...]int{now, now + week} {
			if m < s.from || m >= s.until {
				continue
			}
			// By the calendar and not by adding hours: the clock may change on
			// the way.
			end := time.Date(local.Year(), local.Month(), local.Day(), 0, local.Hour()*60+local.Minute()+s.until-m, 0, 0, h.zone)
			if end.After(until) {
				until = end
			}
			open = true
		}
	}
	return until.UTC(), open
}

// Always says whether there is nothing to keep to.
func (h Hours) Always() bool { return len(h.spans) == 0 }

// String gives them as they were written.
func (h Hours) String() string { return h.text }

// UnmarshalText reads them from a policy file.
func (h *Hours) UnmarshalText(text []byte) (err error) {
	*h, err = Parse(string(text))
	return err
}

// MarshalText is the inverse of UnmarshalText.
func (h Hours) MarshalText() ([]byte, error) { return []byte(h.text), nil }

func invalid(key, text string) error {
	return &postern.Error{Kind: postern.Invalid, Key: key, Text: text}
}
