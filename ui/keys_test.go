package ui

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// errorKey is what the Key of a postern.Error looks like: room, what a person
// can do about it, and what it is about.
var errorKey = regexp.MustCompile(`^(?:error\.disk[a-z-]*|(?:account|staff|gate|desk|response)\.(?:refused|invalid|conflict|unknown|unavailable|withheld)(?:\.[a-z0-9-]+)+|(?:mail|ledger|statement)\.[a-z0-9-]+(?:\.[a-z0-9-]+)*)$`)

// Every sentence that an error of any room can ask for is there, in both
// languages: in ui's own words, or in those of a face.
func TestErrorsOfTheWholeTreeAreTranslated(t *testing.T) {
	tree := os.DirFS("..")
	words := map[string]map[string]bool{}
	for _, lang := range Languages {
		words[lang] = map[string]bool{}
		own, err := NewCatalog(nil)
		if err != nil {
			t.Fatal(err)
		}
		for key := range own.words[lang] {
			words[lang][key] = true
		}
		for _, face := range []string{"mail/web", "desk/web", "response/web"} {
			c := &Catalog{words: map[string]map[string]entry{lang: {}}}
			text, err := fs.ReadFile(tree, path.Join(face, "locales", lang+".json"))
			if err != nil {
				t.Fatal(err)
			}
			if err := c.read(lang, face, text); err != nil {
				t.Fatal(err)
			}
			for key := range c.words[lang] {
				words[lang][key] = true
			}
		}
	}
	found := 0
	for _, room := range []string{"account", "blob", "db", "desk", "gate", "ledger", "mail", "response", "staff"} {
		err := fs.WalkDir(tree, room, func(file string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
				return err
			}
			text, err := fs.ReadFile(tree, file)
			if err != nil {
				return err
			}
			f, err := parser.ParseFile(token.NewFileSet(), file, text, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(f, func(n ast.Node) bool {
				lit, ok := n.(*ast.BasicLit)
				if !ok || lit.Kind != token.STRING {
					return true
				}
				key, err := strconv.Unquote(lit.Value)
				if err != nil || !errorKey.MatchString(key) || path.Ext(key) == ".go" || path.Ext(key) == ".proof" {
					return true
				}
				found++
				for _, lang := range Languages {
					if !words[lang][key] {
						t.Errorf("%s: %q has no sentence in %s", file, key, lang)
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found < 100 {
		t.Errorf("found only %d keys: the pattern does not fit them any more", found)
	}
}
