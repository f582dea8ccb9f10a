package ui

import (
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"text/template/parse"
	"unicode"

	"golang.org/x/net/html"
)

// TB is what the checks need of a test.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
}

var placeholder = regexp.MustCompile(`\{[a-z]+\}`)

// CheckLocales reports what is missing in a face's words: a key that one
// language lacks, a placeholder that one sentence lacks, a plural form, a key
// that a template names and no catalogue has, and words that stand in a template
// instead of a catalogue. Keys made in Go are passed as also.
func CheckLocales(t TB, templates, locales fs.FS, also ...string) {
	t.Helper()
	c, err := NewCatalog(locales)
	if err != nil {
		t.Errorf("%v", err)
		return
	}
	c.check(t)
	for _, key := range also {
		c.want(t, "a key made in Go", key)
	}
	if templates == nil {
		return
	}
	files, _ := fs.Glob(templates, "*.html")
	if len(files) == 0 {
		t.Errorf("there are no templates to check")
	}
	for _, file := range files {
		text, err := fs.ReadFile(templates, file)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		c.checkTemplate(t, file, string(text))
	}
}

func (c *Catalog) want(t TB, where, key string) {
	for _, lang := range Languages {
		if !c.Has(lang, key) {
			t.Errorf("%s: %q is not in %s.json", where, key, lang)
		}
	}
}

func (c *Catalog) check(t TB) {
	first := c.words[Languages[0]]
	for _, lang := range Languages {
		for key, e := range c.words[lang] {
			if e.text == "" && len(e.forms) == 0 {
				t.Errorf("%s: %q is empty", lang, key)
			}
			if e.forms != nil && (e.forms["one"] == "" || e.forms["other"] == "") {
				t.Errorf("%s: %q needs the plural forms one and other", lang, key)
			}
			f, ok := first[key]
			if !ok {
				t.Errorf("%s: %q is not in %s.json", lang, key, Languages[0])
				continue
			}
			if (f.forms == nil) != (e.forms == nil) {
				t.Errorf("%s: %q has plural forms in one language only", lang, key)
			}
			if a, b := holes(f), holes(e); !slices.Equal(a, b) {
				t.Errorf("%s: %q has the placeholders %v, in %s %v", lang, key, b, Languages[0], a)
			}
		}
	}
	for key := range first {
		for _, lang := range Languages[1:] {
			if !c.Has(lang, key) {
				t.Errorf("%s: %q is missing", lang, key)
			}
		}
	}
}

func holes(e entry) []string {
	s := e.text
	if e.forms != nil {
		s = e.forms["other"]
	}
	return slices.Sorted(maps.Keys(set(placeholder.FindAllString(s, -1))))
}

func set(words []string) map[string]bool {
	m := map[string]bool{}
	for _, w := range words {
		m[w] = true
	}
	return m
}

// checkTemplate walks one file's parse trees.
func (c *Catalog) checkTemplate(t TB, file, text string) {
	tree := parse.New(file)
	tree.Mode = parse.SkipFuncCheck
	trees := map[string]*parse.Tree{}
	if _, err := tree.Parse(text, "", "", trees); err != nil {
		t.Errorf("%v", err)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(trees)) {
		if trees[name].Root == nil {
			continue
		}
		var markup strings.Builder
		c.walk(t, file, trees[name].Root, &markup)
		if strings.HasSuffix(name, "-attrs") { // stands inside a tag
			continue
		}
		for _, w := range literals(markup.String()) {
			t.Errorf("%s: %q stands in the template %q; put it into the catalogues", file, w, name)
		}
	}
}

func (c *Catalog) walk(t TB, file string, n parse.Node, markup *strings.Builder) {
	list := func(l *parse.ListNode) {
		if l != nil {
			for _, k := range l.Nodes {
				c.walk(t, file, k, markup)
			}
		}
	}
	switch n := n.(type) {
	case *parse.ListNode:
		list(n)
	case *parse.TextNode:
		markup.Write(n.Text)
	case *parse.ActionNode:
		markup.WriteString("\x00")
		c.pipe(t, file, n.Pipe)
	case *parse.TemplateNode:
		markup.WriteString("\x00")
		c.pipe(t, file, n.Pipe)
	case *parse.IfNode:
		c.pipe(t, file, n.Pipe)
		list(n.List)
		list(n.ElseList)
	case *parse.RangeNode:
		c.pipe(t, file, n.Pipe)
		list(n.List)
		list(n.ElseList)
	case *parse.WithNode:
		c.pipe(t, file, n.Pipe)
		list(n.List)
		list(n.ElseList)
	}
}

// pipe finds {{t "key"}} and {{tn "key"}}, also inside arguments.
func (c *Catalog) pipe(t TB, file string, p *parse.PipeNode) {
	if p == nil {
		return
	}
	for _, cmd := range p.Cmds {
		if id, ok := cmd.Args[0].(*parse.IdentifierNode); ok && (id.Ident == "t" || id.Ident == "tn") && len(cmd.Args) > 1 {
			if key, ok := cmd.Args[1].(*parse.StringNode); ok {
				c.want(t, file, key.Text)
			}
		}
		for _, arg := range cmd.Args {
			if inner, ok := arg.(*parse.PipeNode); ok {
				c.pipe(t, file, inner)
			}
		}
	}
}

// literals finds words in markup: text, and the attributes that people read.
func literals(markup string) (found []string) {
	word := func(s string) bool {
		letters := 0
		for _, r := range s {
			if unicode.IsLetter(r) {
				letters++
			}
		}
		return letters > 1
	}
	z := html.NewTokenizer(strings.NewReader(markup))
	skip := false
	for {
		switch z.Next() {
		case html.ErrorToken:
			return found
		case html.TextToken:
			if s := strings.TrimSpace(strings.ReplaceAll(string(z.Text()), "\x00", " ")); !skip && word(s) {
				found = append(found, s)
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			tag, more := z.TagName()
			skip = string(tag) == "code" || string(tag) == "kbd"
			for more {
				var key, val []byte
				key, val, more = z.TagAttr()
				switch string(key) {
				case "title", "aria-label", "placeholder", "alt", "data-label", "summary":
					if word(strings.ReplaceAll(string(val), "\x00", "")) {
						found = append(found, fmt.Sprintf("%s=%s", key, val))
					}
				}
			}
		case html.EndTagToken:
			skip = false
		}
	}
}
