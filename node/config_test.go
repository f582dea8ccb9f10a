package node

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/postern-mail/postern"
)

var update = flag.Bool("update", false, "write docs/configuration.md")

const minimal = "hostname = \"mx.example.org\"\ndomains = [\"example.org\"]\n"

func TestParseConfig(t *testing.T) {
	for _, c := range []struct{ name, text, says string }{
		{"minimal", minimal, ""},
		{"empty", "", "hostname is missing"},
		{"no domains", `hostname = "mx.example.org"`, "domains is missing"},
		{"unknown key", minimal + "hostnme = \"x\"\n", `did you mean "hostname"`},
		{"unknown key in a table", minimal + "[listen]\nstmp = \"127.0.0.1:25\"\n", `did you mean "listen.smtp"`},
		{"not TOML", "hostname = mx", "line 1"},
		{"wrong type", minimal + "[mail]\nmax_size = \"big\"\n", "can't be read"},
		{"engine", minimal + "[database]\nengine = \"mysql\"\n", `write "sqlite" or "postgres"`},
		{"postgres without addresses", minimal + "[database]\nengine = \"postgres\"\n", "needs mail, staff and response"},
		{"listen", minimal + "[listen]\nsmtp = \"25\"\n", "write an address and a port"},
		{"origin with a path", minimal + "[origins]\ndesk = \"https://example.org/desk\"\n", "what browsers open"},
		{"half of TLS", minimal + "[tls]\ncertificate = \"a.pem\"\n", "go together"},
		{"outbound", minimal + "[mail]\noutbound = \"carrier pigeon\"\n", "smarthost:host:port"},
		{"negative duration", minimal + "[ledger]\npublish = \"-1s\"\n", "can't be"},
		{"level", minimal + "[log]\nlevel = \"loud\"\n", `write "debug"`},
		{"no one-click sign-in by config", minimal + "demo = true\n", `there is no key "demo"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseConfig([]byte(c.text))
			switch {
			case c.says == "" && err != nil:
				t.Fatal(err)
			case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)):
				t.Fatalf("got %v, want %q", err, c.says)
			case c.says != "" && postern.KindOf(err) != postern.Invalid:
				t.Errorf("kind %v", postern.KindOf(err))
			}
		})
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add([]byte(minimal))
	f.Add([]byte(minimal + "[ledger]\npublish = \"90s\"\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ParseConfig(text)
		if err == nil && (c.Hostname == "" || len(c.Domains) == 0) {
			t.Errorf("taken without a name: %+v", c)
		}
	})
}

// TestConfigurationPage holds docs/configuration.md to the comments of the
// structs; -update writes it.
func TestConfigurationPage(t *testing.T) {
	page := configurationPage(t)
	const file = "../docs/configuration.md"
	if *update {
		if err := os.WriteFile(file, page, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, page) {
		t.Errorf("%s is not what the structs say: go test ./node -run TestConfigurationPage -update", file)
	}
}

func configurationPage(t *testing.T) []byte {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "config.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	structs := map[string]*ast.StructType{}
	comments := map[string]string{}
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.TYPE {
			continue
		}
		spec := g.Specs[0].(*ast.TypeSpec)
		if s, ok := spec.Type.(*ast.StructType); ok {
			structs[spec.Name.Name], comments[spec.Name.Name] = s, g.Doc.Text()
		}
	}
	var b bytes.Buffer
	b.WriteString("# Configuration\n\nOne TOML file, `postern.toml`; unknown keys are errors. This page is made from the comments of `node/config.go`.\n")
	defaults := reflect.ValueOf(DefaultConfig())
	var write func(name, prefix string, v reflect.Value)
	write = func(name, prefix string, v reflect.Value) {
		var inner []func()
		for _, field := range structs[name].Fields.List {
			id := field.Names[0].Name
			sf, _ := v.Type().FieldByName(id)
			key := sf.Tag.Get("toml")
			value := v.FieldByName(id)
			if typ, ok := field.Type.(*ast.Ident); ok && structs[typ.Name] != nil && typ.Name != "Duration" {
				inner = append(inner, func() {
					fmt.Fprintf(&b, "\n## [%s]\n\n%s\n", key, text(comments[typ.Name], typ.Name))
					write(typ.Name, key+".", value)
				})
				continue
			}
			fmt.Fprintf(&b, "\n### %s%s\n\n%s\n", prefix, key, text(field.Doc.Text(), id))
			if d := show(value); d != "" {
				fmt.Fprintf(&b, "\nDefault: `%s`\n", d)
			}
		}
		for _, f := range inner {
			f()
		}
	}
	write("Config", "", defaults)
	return b.Bytes()
}

// text drops the Go name with which a comment begins.
func text(comment, name string) string {
	words := strings.Fields(comment)
	if len(words) == 0 {
		return "An address, as above."
	}
	if words[0] == name && len(words) > 1 {
		words = words[1:]
		if slices.Contains([]string{"is", "are", "holds", "says", "names"}, words[0]) {
			words[0] = strings.ToUpper(words[0][:1]) + words[0][1:]
		}
	}
	return strings.Join(words, " ")
}

func show(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case *bool:
		return fmt.Sprint(*x)
	case Duration:
		return x.String()
	case []string:
		return ""
	case string:
		return x
	default:
		if v.IsZero() {
			return ""
		}
		return fmt.Sprint(x)
	}
}
