package hours_test

import (
	"testing"
	"time"

	"github.com/postern-mail/postern/staff/hours"
)

func TestHours(t *testing.T) {
	h, err := hours.Parse("Mon-Fri 08:00-18:00,  Fri 22:00-06:00, sat 09:00-12:30 Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ at, until string }{
		"a Monday in summer, 09:00 there":  {"2026-06-15T07:00:00Z", "2026-06-15T16:00:00Z"},
		"a Monday in summer, 07:59 there":  {"2026-06-15T05:59:00Z", ""},
		"a Monday in winter, 08:00 there":  {"2026-01-05T07:00:00Z", "2026-01-05T17:00:00Z"},
		"the end is not in it":             {"2026-06-15T16:00:00Z", ""},
		"a Friday night":                   {"2026-06-19T21:00:00Z", "2026-06-20T04:00:00Z"},
		"the Saturday after it, 02:00":     {"2026-06-20T00:00:00Z", "2026-06-20T04:00:00Z"},
		"Saturday 12:00":                   {"2026-06-20T10:00:00Z", "2026-06-20T10:30:00Z"},
		"Sunday":                           {"2026-06-21T10:00:00Z", ""},
		"before midnight of Monday there":  {"2026-06-14T22:30:00Z", ""},
		"the night the clock goes forward": {"2026-03-27T23:00:00Z", "2026-03-28T05:00:00Z"},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		until, open := h.Open(at)
		if open != (c.until != "") || open && until.Format(time.RFC3339) != c.until {
			t.Errorf("%s: open %t until %s, want %q", name, open, until.Format(time.RFC3339), c.until)
		}
	}
	if until, open := (hours.Hours{}).Open(time.Now()); !open || !until.IsZero() {
		t.Errorf("no hours: open %t until %s", open, until)
	}
}

func TestHoursOverTheWeek(t *testing.T) {
	h, err := hours.Parse("Sat 22:00-06:00")
	if err != nil {
		t.Fatal(err)
	}
	if until, open := h.Open(time.Date(2026, 6, 21, 3, 0, 0, 0, time.UTC)); !open || !until.Equal(time.Date(2026, 6, 21, 6, 0, 0, 0, time.UTC)) {
		t.Errorf("Sunday 03:00: open %t until %s", open, until)
	}
	if _, err := hours.Parse("Fri-Mon 10:00-11:00"); err != nil {
		t.Error("days over the week's end:", err)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{"always", "Mon", "Mon 8-18", "Mon 08:00", "Mon 08:00-08:00", "Mon 24:00-25:00", "Mon 08:60-09:00", "Mon-Foo 08:00-18:00",
		"Mon 08:00-18:00 Mars/Olympus", "Mon 08:00-18:00 Local", "Mon 08:00-18:00,", "Mon 08:00-18:00 UTC Tue 08:00-18:00"} {
		if h, err := hours.Parse(text); err == nil {
			t.Errorf("%q was read as %q", text, h)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("Mon-Fri 08:00-18:00, Sat 09:00-12:30 Europe/Paris")
	f.Add("Fri 22:00-06:00")
	f.Fuzz(func(t *testing.T, text string) {
		h, err := hours.Parse(text)
		if err != nil {
			return
		}
		again, err := hours.Parse(h.String())
		if err != nil || again.String() != h.String() {
			t.Fatalf("%q was read, and %q was not: %v", text, h, err)
		}
		at := time.Date(2026, 6, 15, 9, 0, 0, 0, time.UTC)
		if until, open := h.Open(at); open && !h.Always() && !until.After(at) {
			t.Fatalf("%q is open at %s until %s", h, at, until)
		}
	})
}
