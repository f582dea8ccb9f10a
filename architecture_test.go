package postern_test

import (
	"regexp"
	"strings"
	"testing"
)

// TestArchitectureNamesEveryPackage holds ARCHITECTURE.md to the tree.
func TestArchitectureNamesEveryPackage(t *testing.T) {
	text := string(read(t, "ARCHITECTURE.md"))
	tour, _, ok := strings.Cut(text, "## Who may import whom")
	if !ok {
		t.Fatal(`ARCHITECTURE.md has no section "Who may import whom"`)
	}
	named := map[string]bool{}
	for _, m := range regexp.MustCompile("`([a-z0-9/]+)`").FindAllStringSubmatch(tour, -1) {
		named[m[1]] = true
	}
	packages := goFiles(t)
	for dir := range packages {
		if dir == "" {
			dir = "postern"
		}
		if !named[dir] {
			t.Errorf("ARCHITECTURE.md does not name %s", dir)
		}
	}
	for _, m := range regexp.MustCompile("(?m)^- .*$").FindAllString(tour, -1) {
		head, _, _ := strings.Cut(m, "—")
		for _, n := range regexp.MustCompile("`([a-z0-9/]+)`").FindAllStringSubmatch(head, -1) {
			if _, ok := packages[n[1]]; !ok && n[1] != "postern" {
				t.Errorf("ARCHITECTURE.md names %s, which is gone", n[1])
			}
		}
	}
}

// TestLinksInDocs follows every relative link of the Markdown files.
func TestLinksInDocs(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	for _, file := range tracked(t) {
		if !strings.HasSuffix(file, ".md") || strings.Contains(file, "vendored") {
			continue
		}
		dir := ""
		if i := strings.LastIndex(file, "/"); i >= 0 {
			dir = file[:i+1]
		}
		for _, m := range link.FindAllStringSubmatch(string(read(t, file)), -1) {
			if !exists(dir + m[1]) {
				t.Errorf("%s links to %s, which is not there", file, m[1])
			}
		}
	}
}
