package message

import (
	"strconv"
	"strings"
	"time"
)

// ParseDate reads the date of a header (RFC 5322, 3.3 and 4.3) and what programs write in its place: asctime, missing weekdays
// and zones, two-digit years, ISO 8601. ok is false when there is no day, month and year to be had.
func ParseDate(s string) (t time.Time, ok bool) {
	s = strings.TrimSpace(s)
	if len(s) > 200 {
		return time.Time{}, false
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02"} {
		if len(s) >= 10 && s[4] == '-' {
			if t, err := time.Parse(layout, s); err == nil {
				return t, true
			}
		}
	}
	day, year, month := 0, -1, time.Month(0)
	var clock [3]int
	zone, haveZone := 0, false
	sc := scanner{s: s}
	text := []byte(sc.until("")) // without comments
	for i, c := range text {
		if c == ',' || c == '\t' || c == '-' && i > 0 && text[i-1] != ' ' { // "28-Mar-2019"
			text[i] = ' '
		}
	}
	for _, word := range strings.Fields(string(text)) {
		n, err := strconv.Atoi(word)
		digits := err == nil && word[0] >= '0' && word[0] <= '9'
		switch {
		case strings.Contains(word, ":"):
			if clock, ok = parseClock(word); !ok {
				return time.Time{}, false
			}
		case (word[0] == '+' || word[0] == '-') && err == nil && len(word) == 5:
			n = max(n, -n)
			zone, haveZone = (n/100*60+n%100)*60, n%100 < 60 && n/100 < 24
			if word[0] == '-' {
				zone = -zone
			}
			if !haveZone {
				zone = 0
			}
		case digits && day == 0 && len(word) <= 2:
			day = n
		case digits && year < 0 && len(word) <= 4 && len(word) >= 2:
			year = n
		case digits:
		case month == 0 && monthOf(word) != 0:
			month = monthOf(word)
		case !haveZone:
			if off, known := zones[strings.ToUpper(word)]; known {
				zone, haveZone = off*3600, true
			}
		}
	}
	switch { // RFC 5322, 4.3
	case year >= 0 && year < 50:
		year += 2000
	case year >= 50 && year < 1000:
		year += 1900
	}
	if month == 0 || year < 1900 || year > 9999 || day < 1 || day > 31 {
		return time.Time{}, false
	}
	loc := time.UTC
	if zone != 0 {
		loc = time.FixedZone("", zone)
	}
	t = time.Date(year, month, day, clock[0], clock[1], clock[2], 0, loc)
	return t, t.Day() == day && t.UTC().Year() <= 9999
}

func parseClock(s string) (clock [3]int, ok bool) {
	s, _, _ = strings.Cut(s, ".")
	for i, part := range strings.Split(s, ":") {
		n, err := strconv.Atoi(part)
		if err != nil || i > 2 || n < 0 || n > 60 {
			return clock, false
		}
		clock[i] = n
	}
	return clock, clock[0] < 24 && clock[1] < 60
}

func monthOf(s string) time.Month {
	if len(s) < 3 {
		return 0
	}
	if i := strings.Index("janfebmaraprmayjunjulaugsepoctnovdec", strings.ToLower(s[:3])); i >= 0 && i%3 == 0 {
		return time.Month(i/3 + 1)
	}
	return 0
}

// zones are the names of RFC 5322, 4.3 and the European ones that are seen; every other name counts as UTC.
var zones = map[string]int{
	"UT": 0, "UTC": 0, "GMT": 0, "Z": 0, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
	"WET": 0, "WEST": 1, "BST": 1, "CET": 1, "CEST": 2, "MET": 1, "MEST": 2, "EET": 2, "EEST": 3,
}
