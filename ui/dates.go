package ui

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

var months = map[string][12]string{
	"en": {"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"},
	"fr": {"janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"},
}

var shortMonths = map[string][12]string{
	"en": {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"},
	"fr": {"janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."},
}

// Clock is a time of day: "14:05", "14 h 05".
func Clock(lang string, t time.Time) string {
	if lang == "fr" {
		return t.Format("15\u00a0h\u00a004")
	}
	return t.Format("15:04")
}

// Day is a date: "23 November 2026", "1er novembre 2026".
func Day(lang string, t time.Time) string {
	return dayOfMonth(lang, t) + "\u00a0" + months[lang][t.Month()-1] + " " + strconv.Itoa(t.Year())
}

func dayOfMonth(lang string, t time.Time) string {
	if lang == "fr" && t.Day() == 1 {
		return "1er"
	}
	return strconv.Itoa(t.Day())
}

// DateTime is both: "23 November 2026, 14:05", "23 novembre 2026 à 14 h 05".
func DateTime(lang string, t time.Time) string {
	if lang == "fr" {
		return Day(lang, t) + " à\u00a0" + Clock(lang, t)
	}
	return Day(lang, t) + ", " + Clock(lang, t)
}

// Brief is the date of a list: the time today, else the day, else with its year.
func Brief(lang string, t, now time.Time) string {
	switch y, d := t.Year(), t.YearDay(); {
	case y == now.Year() && d == now.YearDay():
		return Clock(lang, t)
	case y == now.Year():
		return dayOfMonth(lang, t) + "\u00a0" + shortMonths[lang][t.Month()-1]
	}
	return dayOfMonth(lang, t) + "\u00a0" + shortMonths[lang][t.Month()-1] + "\u00a0" + strconv.Itoa(t.Year())
}

// Bytes is a size in the SI units people see elsewhere: "14 kB", "1.2 MB",
// "1,2 Mo".
func Bytes(lang string, n int64) string {
	units := []string{"B", "kB", "MB", "GB", "TB"}
	if lang == "fr" {
		units = []string{"o", "ko", "Mo", "Go", "To"}
	}
	f, i := float64(n), 0
	for f >= 999.5 && i < len(units)-1 {
		f, i = f/1000, i+1
	}
	s := strconv.FormatFloat(f, 'f', 0, 64)
	if i > 0 && f < 9.95 {
		s = strings.TrimSuffix(strconv.FormatFloat(math.Round(f*10)/10, 'f', 1, 64), ".0")
	}
	if lang == "fr" {
		s = strings.Replace(s, ".", ",", 1)
	}
	return s + "\u00a0" + units[i]
}

// Duration is a length of time in the largest unit that says it, and the next:
// "30 minutes", "1 hour 20 minutes", "2 days".
func (c *Catalog) Duration(lang string, d time.Duration) string {
	if d < 0 {
		d = -d
	}
	days, hours, minutes, seconds := int(d/(24*time.Hour)), int(d/time.Hour)%24, int(d/time.Minute)%60, int(d/time.Second)%60
	join := func(a string, n int, key string) string {
		if n == 0 {
			return a
		}
		return a + " " + c.TN(lang, key, n)
	}
	switch {
	case days > 0:
		return join(c.TN(lang, "unit.days", days), hours, "unit.hours")
	case hours > 0:
		return join(c.TN(lang, "unit.hours", hours), minutes, "unit.minutes")
	case minutes >= 5 || (minutes > 0 && seconds == 0):
		return c.TN(lang, "unit.minutes", minutes)
	case minutes > 0:
		return join(c.TN(lang, "unit.minutes", minutes), seconds, "unit.seconds")
	}
	return c.TN(lang, "unit.seconds", seconds)
}

// Ago is how long before now: "just now", "12 minutes ago", else the date.
func (c *Catalog) Ago(lang string, t, now time.Time) string {
	switch d := now.Sub(t); {
	case d < 0:
		return DateTime(lang, t)
	case d < time.Minute:
		return c.T(lang, "time.now")
	case d < time.Hour:
		return c.T(lang, "time.ago", "time", c.TN(lang, "unit.minutes", int(d/time.Minute)))
	case d < 24*time.Hour:
		return c.T(lang, "time.ago", "time", c.TN(lang, "unit.hours", int(d/time.Hour)))
	case d < 7*24*time.Hour:
		return c.T(lang, "time.ago", "time", c.TN(lang, "unit.days", int(d/(24*time.Hour))))
	}
	return Day(lang, t)
}

// timeOf reads what a template passes as a time.
func timeOf(v any) (time.Time, error) {
	switch v := v.(type) {
	case time.Time:
		return v, nil
	case *time.Time:
		if v != nil {
			return *v, nil
		}
		return time.Time{}, nil
	}
	return time.Time{}, fmt.Errorf("%T is no time", v)
}
