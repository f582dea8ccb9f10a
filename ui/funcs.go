package ui

import (
	"fmt"
	"html/template"
	"net/url"
	"reflect"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/postern-mail/postern"
)

// funcs are what templates can say, in one language:
//
//	t "key" "name" .Name      a sentence with named placeholders
//	tn "key" 3                the plural form for a number
//	text .                    a sentence if it is a key, else the text itself
//	date . / datetime . / clock . / brief . / ago . / iso .   times
//	duration .                a length of time
//	bytes . / number .        amounts
//	icon "inbox"              an icon; it has no name of its own, so set text beside it
//	tier . / tierText .       the name of a tier, and what it shows
//	reason . / fields .       the name of a reason; the names of a set of fields, as a sentence
//	args "name" "to" …        a map, to give a component several values
//	list "a" "b"              a list
//	asset "app.js"            the address of a static file
//	query "/x" "q" .Q         an address with a query
func (u *UI) funcs(lang string) template.FuncMap {
	c := u.words
	at := func(f func(time.Time) string) func(any) (string, error) {
		return func(v any) (string, error) {
			t, err := timeOf(v)
			if err != nil || t.IsZero() {
				return "", err
			}
			return f(t.In(u.zone)), nil
		}
	}
	return template.FuncMap{
		"t":        func(key string, pairs ...any) string { return c.T(lang, key, pairs...) },
		"tn":       func(key string, n any, pairs ...any) string { return c.TN(lang, key, int(integer(n)), pairs...) },
		"text":     func(s string, pairs ...any) string { return c.Text(lang, s, pairs...) },
		"sentence": func(s string, pairs []any) string { return c.Text(lang, s, pairs...) },
		"has":      func(key string) bool { return c.Has(lang, key) },

		"date":     at(func(t time.Time) string { return Day(lang, t) }),
		"datetime": at(func(t time.Time) string { return DateTime(lang, t) }),
		"clock":    at(func(t time.Time) string { return Clock(lang, t) }),
		"brief":    at(func(t time.Time) string { return Brief(lang, t, u.now().In(u.zone)) }),
		"ago":      at(func(t time.Time) string { return c.Ago(lang, t, u.now().In(u.zone)) }),
		"iso":      at(func(t time.Time) string { return t.UTC().Format(time.RFC3339) }),
		"left":     at(func(t time.Time) string { return c.Duration(lang, max(0, t.Sub(u.now()))) }),
		// Whole seconds, from the server's clock, for countdowns.
		"seconds":  func(t time.Time) int64 { return int64(max(0, t.Sub(u.now())) / time.Second) },
		"duration": func(d time.Duration) string { return c.Duration(lang, d) },
		"bytes":    func(n any) string { return Bytes(lang, integer(n)) },
		"number":   func(n any) string { return number(lang, integer(n)) },

		"icon":       u.assets.icon,
		"asset":      u.assets.href,
		"extra":      u.assets.extra,
		"tier":       func(t postern.Tier) string { return c.T(lang, "tier."+t.String()) },
		"tierName":   func(t postern.Tier) string { return c.T(lang, "tier."+t.String()) },
		"tierText":   func(t postern.Tier) string { return c.T(lang, "tier."+t.String()+".text") },
		"reason":     func(r postern.Reason) string { return c.T(lang, "reason."+r.String()) },
		"reasonText": func(name string) string { return c.T(lang, "reason."+name) },
		"fields":     func(f postern.Field) string { return c.Fields(lang, f) },
		"initial":    initial,
		"short":      short,

		"args":  args,
		"list":  func(v ...any) []any { return v },
		"query": query,
		"add":   func(a, b any) int64 { return integer(a) + integer(b) },
		"lang":  func() string { return lang },
		// A tile that holds the text twice, the second time set off.
		"watermarkWidth": func(s string) int { return 120 + 10*utf8.RuneCountInString(s) },
	}
}

// Fields names a set of fields as a list in a sentence: "sender, subject and date".
func (c *Catalog) Fields(lang string, f postern.Field) string {
	var names []string
	for _, n := range f.Names() {
		names = append(names, c.T(lang, "field."+n))
	}
	return c.And(lang, names)
}

// And joins words as a sentence does: "a, b and c".
func (c *Catalog) And(lang string, words []string) string {
	switch len(words) {
	case 0:
		return ""
	case 1:
		return words[0]
	}
	s := words[0]
	for _, w := range words[1 : len(words)-1] {
		s += ", " + w
	}
	return s + c.T(lang, "list.and") + words[len(words)-1]
}

// initial is the first letter of a name, for an avatar.
func initial(name string) string {
	for _, r := range name {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return string(r)
		}
	}
	return ""
}

// short is the head of an identifier, enough to recognise it by.
func short(v any) string {
	s := fmt.Sprint(v)
	if len(s) > 8 {
		return s[:8]
	}
	return s
}

func integer(v any) int64 {
	r := reflect.ValueOf(v)
	switch {
	case !r.IsValid():
		return 0
	case r.CanInt():
		return r.Int()
	case r.CanUint():
		return int64(r.Uint())
	case r.CanFloat():
		return int64(r.Float())
	case r.Kind() == reflect.Slice || r.Kind() == reflect.Map:
		return int64(r.Len())
	}
	return 0
}

func args(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, fmt.Errorf("args needs names and values in pairs, got %d", len(pairs))
	}
	m := make(map[string]any, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("args: %v is no name", pairs[i])
		}
		m[name] = pairs[i+1]
	}
	return m, nil
}

func query(path string, pairs ...any) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if v := fmt.Sprint(pairs[i+1]); v != "" {
			q.Set(fmt.Sprint(pairs[i]), v)
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}
