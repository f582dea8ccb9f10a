package ui

import (
	"math"
	"regexp"
	"strconv"
	"testing"
)

var (
	block  = regexp.MustCompile(`(?s)(:root[^{]*)\{(.*?)\n?\}`)
	both   = regexp.MustCompile(`--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);`)
	single = regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6});`)
)

// tokens reads the colours of one face, for light and dark.
func tokens(t *testing.T, face Face) [2]map[string]string {
	t.Helper()
	css, err := own.ReadFile("static/tokens.css")
	if err != nil {
		t.Fatal(err)
	}
	found := [2]map[string]string{{}, {}}
	for _, b := range block.FindAllStringSubmatch(string(css), -1) {
		if sel := regexp.MustCompile(`\s+$`).ReplaceAllString(b[1], ""); sel != ":root" && sel != `:root[data-face="`+string(face)+`"]` {
			continue
		}
		for _, m := range both.FindAllStringSubmatch(b[2], -1) {
			found[0][m[1]], found[1][m[1]] = m[2], m[3]
		}
		for _, m := range single.FindAllStringSubmatch(b[2], -1) {
			found[0][m[1]], found[1][m[1]] = m[2], m[2]
		}
	}
	return found
}

// luminance is WCAG 2.2's relative luminance of "#rrggbb".
func luminance(hex string) float64 {
	channel := func(s string) float64 {
		n, _ := strconv.ParseUint(s, 16, 8)
		c := float64(n) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*channel(hex[1:3]) + 0.7152*channel(hex[3:5]) + 0.0722*channel(hex[5:7])
}

func contrast(a, b string) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// WCAG 2.2, 1.4.3 (text 4.5:1) and 1.4.11 (edges of controls 3:1).
func TestContrast(t *testing.T) {
	grounds := []string{"ground", "surface", "raised", "sunken"}
	type pair struct {
		front, back string
		least       float64
	}
	var pairs []pair
	for _, g := range grounds {
		for _, f := range []string{"text", "muted", "accent", "accent-strong", "danger"} {
			pairs = append(pairs, pair{f, g, 4.5})
		}
	}
	for _, s := range []string{"ok", "warn", "danger", "info"} {
		pairs = append(pairs, pair{s, s + "-soft", 4.5}, pair{"text", s + "-soft", 4.5}, pair{"muted", s + "-soft", 4.5}, pair{s, "surface", 4.5})
	}
	pairs = append(pairs, pair{"on-accent", "accent", 4.5}, pair{"on-accent", "accent-strong", 4.5}, pair{"on-band", "band", 4.5},
		pair{"accent-strong", "accent-soft", 4.5}, pair{"accent", "accent-soft", 4.5}, pair{"text", "accent-soft", 4.5}, pair{"muted", "accent-soft", 4.5},
		pair{"edge", "surface", 3}, pair{"edge", "raised", 3}, pair{"edge", "ground", 3})
	for _, face := range []Face{Mail, Desk, Response} {
		for i, theme := range []string{"light", "dark"} {
			colours := tokens(t, face)[i]
			for _, p := range pairs {
				front, back := colours[p.front], colours[p.back]
				if front == "" || back == "" {
					t.Fatalf("there is no token %s or %s", p.front, p.back)
				}
				if got := contrast(front, back); got < p.least {
					t.Errorf("%s, %s: %s on %s is %.2f:1, less than %.1f", face, theme, p.front, p.back, got, p.least)
				}
			}
		}
	}
}
