package htmlcheck

import (
	"strings"
	"testing"
)

const good = `<!doctype html><html lang="en"><head><title>A</title></head><body><main><h1>A</h1>%</main></body></html>`

func TestProblems(t *testing.T) {
	tests := []struct{ name, body, want string }{
		{"nothing", `<p>x</p>`, ""},
		{"label", `<input name="a" id="a">`, "has no label"},
		{"labelled", `<label for="a">A</label><input name="a" id="a">`, ""},
		{"name of a control", `<label>A<input id="a"></label>`, "has no name"},
		{"image", `<img src="a.png">`, "no alt"},
		{"inline handler", `<a href="/" onclick="x()">a</a>`, "script attribute onclick"},
		{"htmx handler", `<a href="/" hx-on:click="x()">a</a>`, "script attribute hx-on:click"},
		{"inline style", `<p style="color:red">a</p>`, "style attribute"},
		{"inline script", `<script>x()</script>`, "script in the page"},
		{"script address", `<a href="javascript:x()">a</a>`, "javascript:"},
		{"same id twice", `<p id="a">a</p><p id="a">b</p>`, `"a" stands 2 times`},
		{"lost reference", `<p aria-describedby="b">a</p>`, `names the id "b"`},
		{"lost anchor", `<a href="#b">a</a>`, "leads to #b"},
		{"second h1", `<h1>B</h1>`, "2 h1"},
		{"missing level", `<h3>B</h3>`, "a level is missing"},
		{"levels", `<h2>B</h2><h3>C</h3><h2>D</h2>`, ""},
		{"empty link", `<a href="/"><svg aria-hidden="true"><title>x</title></svg></a>`, "without words"},
		{"named by an attribute", `<a href="/" aria-label="Home"></a>`, ""},
		{"frame", `<iframe src="/x" title="t"></iframe>`, "not sandboxed"},
		{"open element", `<div><p>x</p>`, "closes nothing"},
		{"nameless nav", `<nav><a href="/">a</a></nav>`, "has no name"},
		{"list", `<ul><p>x</p></ul>`, "no list item"},
		{"table", `<table><tr><td>x</td></tr></table>`, "no header cells"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			found := strings.Join(Problems([]byte(strings.Replace(good, "%", tt.body, 1))), "\n")
			if tt.want == "" && found != "" {
				t.Errorf("found %s", found)
			}
			if !strings.Contains(found, tt.want) {
				t.Errorf("found %q, want %q", found, tt.want)
			}
		})
	}
}

func TestNoPage(t *testing.T) {
	found := strings.Join(Problems([]byte(`<p>x</p>`)), "\n")
	for _, want := range []string{"doctype", "no language", "no title", "0 h1", "0 main"} {
		if !strings.Contains(found, want) {
			t.Errorf("found %q, want %q", found, want)
		}
	}
}
