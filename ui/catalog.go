package ui

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

// Languages lists the languages the pages speak; the first is the fallback.
var Languages = []string{"en", "fr"}

// Catalog holds the sentences of every language. A value in a locale file is a
// string, or an object of the plural forms that CLDR names for the language:
//
//	"inbox.title": "Inbox of {name}",
//	"inbox.unread": {"one": "{n} unread message", "other": "{n} unread messages"}
type Catalog struct {
	words map[string]map[string]entry
}

type entry struct {
	text  string
	forms map[string]string
}

// NewCatalog reads ui's own locales and each of over on top, in order.
func NewCatalog(over ...fs.FS) (*Catalog, error) {
	c := &Catalog{words: map[string]map[string]entry{}}
	for _, lang := range Languages {
		c.words[lang] = map[string]entry{}
		for _, name := range []string{"locales/" + lang + ".json", "locales/errors." + lang + ".json"} {
			text, err := fs.ReadFile(own, name)
			if err != nil {
				return nil, fmt.Errorf("couldn't read the words: %w", err)
			}
			if err := c.read(lang, name, text); err != nil {
				return nil, err
			}
		}
		for _, fsys := range over {
			if fsys == nil {
				continue
			}
			text, err := localeFile(fsys, lang)
			if err != nil {
				return nil, err
			}
			if err := c.read(lang, lang+".json", text); err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}

// localeFile finds a locale whether the face embedded the folder or its files.
func localeFile(fsys fs.FS, lang string) ([]byte, error) {
	text, err := fs.ReadFile(fsys, lang+".json")
	if errors.Is(err, fs.ErrNotExist) {
		text, err = fs.ReadFile(fsys, "locales/"+lang+".json")
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read the words of %s: %w", lang, err)
	}
	return text, nil
}

func (c *Catalog) read(lang, name string, text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	var raw map[string]json.RawMessage
	if err := d.Decode(&raw); err != nil {
		return fmt.Errorf("couldn't read the words in %s: %w", name, err)
	}
	for key, value := range raw {
		var e entry
		if err := json.Unmarshal(value, &e.text); err != nil {
			if err := json.Unmarshal(value, &e.forms); err != nil {
				return fmt.Errorf("couldn't read the words in %s: %q is neither a string nor plural forms", name, key)
			}
		}
		e.text = typeset(lang, e.text)
		for form, s := range e.forms {
			e.forms[form] = typeset(lang, s)
		}
		c.words[lang][key] = e
	}
	return nil
}

// Has says whether a language has a sentence.
func (c *Catalog) Has(lang, key string) bool { _, ok := c.words[lang][key]; return ok }

// T gives the sentence of a key with its named placeholders filled: "name",
// "Ana". A key that is missing is given back, so that a page shows what lacks.
func (c *Catalog) T(lang, key string, pairs ...any) string {
	e, ok := c.words[lang][key]
	if !ok {
		return key
	}
	s := e.text
	if e.forms != nil {
		s = e.forms["other"]
	}
	return fill(lang, s, pairs)
}

// TN gives the form of a key's sentence that n needs; "{n}" stands for n.
func (c *Catalog) TN(lang, key string, n int, pairs ...any) string {
	e, ok := c.words[lang][key]
	if !ok {
		return key
	}
	s := e.text
	if e.forms != nil {
		if s = e.forms[form(lang, n)]; s == "" {
			s = e.forms["other"]
		}
		if zero := e.forms["zero"]; n == 0 && zero != "" {
			s = zero
		}
	}
	return fill(lang, s, append([]any{"n", n}, pairs...))
}

// Text gives the sentence of a key, or the text itself when it is no key.
func (c *Catalog) Text(lang, keyOrText string, pairs ...any) string {
	if c.Has(lang, keyOrText) {
		return c.T(lang, keyOrText, pairs...)
	}
	return keyOrText
}

// form names the CLDR plural form of an integer.
func form(lang string, n int) string {
	if n < 0 {
		n = -n
	}
	switch plural.Cardinal.MatchPlural(language.Make(lang), n, 0, 0, 0, 0) {
	case plural.One:
		return "one"
	case plural.Many:
		return "many"
	}
	return "other"
}

func fill(lang, s string, pairs []any) string {
	if len(pairs) < 2 || !strings.Contains(s, "{") {
		return s
	}
	var with []string
	for i := 0; i+1 < len(pairs); i += 2 {
		with = append(with, "{"+fmt.Sprint(pairs[i])+"}", spell(lang, pairs[i+1]))
	}
	return strings.NewReplacer(with...).Replace(s)
}

func spell(lang string, v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int:
		return number(lang, int64(v))
	case int64:
		return number(lang, v)
	case fmt.Stringer:
		return v.String()
	}
	return fmt.Sprint(v)
}

// number groups digits by three from five digits on: 12 400 in French (narrow
// no-break spaces), 12,400 in English. Four digits stay together: 2026.
func number(lang string, n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "−", s[1:]
	}
	if len(s) < 5 {
		return sign + s
	}
	sep := ","
	if lang == "fr" {
		sep = "\u202f"
	}
	var parts []string
	for len(s) > 3 {
		parts, s = append([]string{s[len(s)-3:]}, parts...), s[:len(s)-3]
	}
	return sign + strings.Join(append([]string{s}, parts...), sep)
}
