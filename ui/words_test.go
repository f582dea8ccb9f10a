package ui

import (
	"testing"
	"time"
)

func TestDates(t *testing.T) {
	early := time.Date(2026, time.November, 1, 9, 7, 0, 0, time.UTC)
	tests := []struct{ name, got, want string }{
		{"en", DateTime("en", noon), "23\u00a0November 2026, 14:05"},
		{"fr", DateTime("fr", noon), "23\u00a0novembre 2026 à\u00a014\u00a0h\u00a005"},
		{"the first", Day("fr", early), "1er\u00a0novembre 2026"},
		{"today", Brief("fr", noon, noon), "14\u00a0h\u00a005"},
		{"this year", Brief("en", early, noon), "1\u00a0Nov"},
		{"another year", Brief("fr", early, noon.AddDate(1, 0, 0)), "1er\u00a0nov.\u00a02026"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.got != tt.want {
				t.Errorf("got %q, want %q", tt.got, tt.want)
			}
		})
	}
}

func TestAmounts(t *testing.T) {
	c, err := NewCatalog(nil)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, got, want string }{
		{"bytes", Bytes("en", 999), "999\u00a0B"},
		{"kilobytes", Bytes("fr", 1234), "1,2\u00a0ko"},
		{"round up to the next unit", Bytes("en", 999_999), "1\u00a0MB"},
		{"gigabytes", Bytes("fr", 15_000_000_000), "15\u00a0Go"},
		{"four digits", number("en", 2026), "2026"},
		{"five digits", number("en", 12400), "12,400"},
		{"million", number("fr", 1234567), "1\u202f234\u202f567"},
		{"negative", number("en", -12400), "−12,400"},
		{"one", c.TN("en", "unit.minutes", 1), "1 minute"},
		{"none, English", c.TN("en", "unit.minutes", 0), "0 minutes"},
		{"none, French", c.TN("fr", "unit.minutes", 0), "0 minute"},
		{"two", c.TN("fr", "unit.hours", 2), "2 heures"},
		{"duration", c.Duration("en", 80*time.Minute), "1 hour 20 minutes"},
		{"short", c.Duration("fr", 90*time.Second), "1 minute 30 secondes"},
		{"ago", c.Ago("fr", noon.Add(-12*time.Minute), noon), "il y a 12 minutes"},
		{"long ago", c.Ago("en", noon.AddDate(0, -1, 0), noon), "23\u00a0October 2026"},
		{"and", c.And("fr", []string{"a", "b", "c"}), "a, b et c"},
		{"a key that is not there", c.T("en", "no.such.key"), "no.such.key"},
		{"a value that looks like a placeholder", c.T("en", "time.ago", "time", "{time}"), "{time} ago"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.got != tt.want {
				t.Errorf("got %q, want %q", tt.got, tt.want)
			}
		})
	}
}

func TestTypeset(t *testing.T) {
	for in, want := range map[string]string{
		"Qui a lu : « l'objet » ?": "Qui a lu\u00a0: «\u00a0l’objet\u00a0»\u202f?",
		"Attention ! 6 % ; rien":   "Attention\u202f! 6\u202f%\u202f; rien",
	} {
		if got := typeset("fr", in); got != want {
			t.Errorf("typeset(%q) = %q, want %q", in, got, want)
		}
	}
}
