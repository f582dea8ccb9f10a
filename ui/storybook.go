package ui

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Sample is one page with data made up for it. A face lists its samples once;
// its tests render them in both languages, and a browser test opens them.
type Sample struct {
	Name string // "case-locked": unique, and part of the address
	Page string // the template
	Path string // the address it would have; "" means "/"
	Of   Page
}

// Storybook shows samples: "/" lists them and "/NAME" is one of them.
func (u *UI) Storybook(samples []Sample) http.Handler {
	type line struct{ Name, Href string }
	return u.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/")
		if name == "" {
			var lines []line
			for _, s := range samples {
				lines = append(lines, line{s.Name, "/" + s.Name})
			}
			u.Page(w, r, http.StatusOK, "storybook", Page{Title: "storybook.title", Data: lines})
			return
		}
		for _, s := range samples {
			if s.Name == name {
				u.Page(w, r, http.StatusOK, s.Page, s.Of)
				return
			}
		}
		http.NotFound(w, r)
	}))
}

// CheckSamples renders every sample in every language and hands the page to
// check, which a face's test fills with htmlcheck.Check.
func (u *UI) CheckSamples(samples []Sample, check func(name, lang string, page []byte)) error {
	seen := map[string]bool{}
	used := map[string]bool{}
	for _, s := range samples {
		if seen[s.Name] {
			return fmt.Errorf("two samples are called %q", s.Name)
		}
		seen[s.Name], used[s.Page] = true, true
		for _, lang := range Languages {
			path := s.Path
			if path == "" {
				path = "/"
			}
			r, err := http.NewRequest(http.MethodGet, path, nil)
			if err != nil {
				return fmt.Errorf("the sample %q has no good address: %w", s.Name, err)
			}
			r.Header.Set("Accept-Language", lang)
			page, err := u.render(r, s.Page, s.Of)
			if err != nil {
				return fmt.Errorf("the sample %q in %s: %w", s.Name, lang, err)
			}
			check(s.Name, lang, page)
		}
	}
	for page := range u.pages[Languages[0]] {
		if !used[page] && !slices.Contains([]string{"storybook", "error", "device", "prove"}, page) {
			return fmt.Errorf("the page %q has no sample", page)
		}
	}
	return nil
}
