package wordlist

import (
	"regexp"
	"strings"
	"testing"
)

func TestFold(t *testing.T) {
	for in, want := range map[string]string{
		"Réinitialisez  votre\r\nmot de passe": "Reinitialisez votre mot de passe",
		"Sécurité \u2013 l\u2019accès":         "Securite - l'acces",
		"Bestätigungscode Straße":              "Bestatigungscode Strasse",
		"co\u200bde ﬁn １２３":                    "code fin 123",
		"日本 код":                               "?? ???",
		" a\u00a0\x00b ":                       " a b",
		"cut é":                                "cut",
	} {
		limit := len(in)
		if in == "cut é" {
			limit--
		}
		if got := string(AppendFolded(nil, in, limit)); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestHas(t *testing.T) {
	tan := &List{Bit: 1, Pattern: regexp.MustCompile(`(?:^|[^a-z])(?:tan|one code)(?:[^a-z]|$)`), Cues: []string{"tan", "code"}, Reach: 10}
	other := &List{Bit: 2, Pattern: regexp.MustCompile(`link`), Cues: []string{"link"}, Reach: 5}
	table := NewTable(tan, other)
	for s, want := range map[string]int{
		"": 0, "tan": 1, "important standard": 0, "a tan, one code. tan": 3, "one codes": 0, "stone code": 0, "xone code": 0, "ta": 0,
		strings.Repeat("standing ", 50) + "tan " + strings.Repeat("outstanding ", 50): 1,
	} {
		spots, n := table.Find(s), 0
		tan.Each(s, spots.Of(tan, 0, len(s)), func(from, to int) bool {
			n++
			return true
		})
		if has := tan.Has(s, spots.Of(tan, 0, len(s))); n != want || has != (want > 0) {
			t.Errorf("%.40q: %d, %v, want %d", s, n, has, want)
		}
		if spots.All(tan, other) {
			t.Errorf("%.40q has no link", s)
		}
	}
}
