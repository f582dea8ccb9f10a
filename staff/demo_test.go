package staff

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/db/open"
	"github.com/postern-mail/postern/testkit/engine"
)

func TestDemoSignsIn(t *testing.T) {
	engine.Each(t, func(t *testing.T, o engine.Open) {
		h := newHouse(t, o(open.Staff), func(p *Parts) { p.Demo = NewDemoToken() })
		noor, err := h.CreateMember(t.Context(), NewMember{Login: "noor", Name: "Noor", Locale: "fr", Organisation: "provider", Roles: []Role{Agent}})
		if err != nil {
			t.Fatal(err)
		}
		token, s, err := h.Demo().SignInAs(t.Context(), noor.ID, From{Network: home})
		if err != nil {
			t.Fatal(err)
		}
		_, again, err := h.Demo().SignInAs(t.Context(), noor.ID, From{Network: home})
		if err != nil || again.Credential != s.Credential || again.ID == s.ID {
			t.Errorf("the second click: %+v, %v", again, err)
		}
		if got, err := h.SessionOf(t.Context(), token); err != nil || got.Staff != noor.ID {
			t.Errorf("SessionOf = %+v, %v", got, err)
		}
		h.contain(t, func(tx *db.Tx) ([]postern.SessionID, error) { return h.EndCredential(tx, s.Credential, h.clock.now()) })
		_, _, err = h.Demo().SignInAs(t.Context(), noor.ID, From{Network: home})
		wantKey(t, err, KeyCredentialEnded)
	})
}

func TestNoDemoWithoutAToken(t *testing.T) {
	handle := engine.SQLite(t)(open.Staff)
	if h := newHouse(t, handle); h.Demo() != nil {
		t.Error("one-click sign-in without a token")
	}
	if _, err := Open(t.Context(), Parts{DB: handle, Now: (&clock{}).now, Demo: &DemoToken{}}); err == nil {
		t.Error("a token that NewDemoToken did not make is taken")
	}
}

// TestDemoTokenHasOneMaker reads the tree: only node's demo may make the token.
func TestDemoTokenHasOneMaker(t *testing.T) {
	root := ".."
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != root || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !strings.Contains(string(text), "NewDemoToken") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, text, 0)
		if err != nil {
			return nil // not this test's business
		}
		uses := false
		ast.Inspect(file, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && id.Name == "NewDemoToken" {
				uses = true
			}
			return true
		})
		rel, _ := filepath.Rel(root, path)
		switch filepath.ToSlash(rel) {
		case "staff/demo.go", "node/demo/demo.go":
		default:
			if uses {
				t.Errorf("%s makes a demo token: only node/demo may", rel)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
