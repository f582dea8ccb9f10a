package postern_test

import (
	"path"
	"regexp"
	"strings"
	"testing"
)

// TestTheGatesManual holds the table of docs/gate.md to the tree: each path has a
// test that exists, or says that nothing closes it and what shows its use.
func TestTheGatesManual(t *testing.T) {
	_, table, ok := strings.Cut(string(read(t, "docs/gate.md")), "## Every path")
	if !ok {
		t.Fatal(`docs/gate.md has no section "Every path"`)
	}
	defined := map[string]bool{}
	for _, file := range tracked(t) {
		if !strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, m := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`).FindAllStringSubmatch(string(read(t, file)), -1) {
			defined[path.Dir(file)+"::"+m[1]] = true
		}
	}
	named := regexp.MustCompile("`([a-z0-9/.]+::\\w+)`")
	for _, m := range named.FindAllStringSubmatch(table, -1) {
		if !defined[m[1]] {
			t.Errorf("docs/gate.md names the test %s, which is not there", m[1])
		}
	}
	rows := 0
	for _, line := range strings.Split(table, "\n") {
		cells := strings.Split(strings.Trim(line, "|"), "|")
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| path |") {
			continue
		}
		rows++
		if len(cells) != 4 {
			t.Errorf("%d cells: %s", len(cells), line)
			continue
		}
		open := strings.Contains(cells[1], "**nothing**")
		if !open && !named.MatchString(cells[2]) || open && strings.TrimSpace(cells[3]) == "" {
			t.Errorf("neither a test nor what detects it: %s", line)
		}
	}
	if rows < 40 {
		t.Errorf("the table has %d rows", rows)
	}
}

// TestNoDebugging: what shows a process's memory over HTTP shows mail.
func TestNoDebugging(t *testing.T) {
	for _, file := range tracked(t) {
		if strings.HasSuffix(file, ".go") && !strings.HasSuffix(file, "_test.go") {
			for _, bad := range []string{`"net/http/pprof"`, `"expvar"`} {
				if strings.Contains(string(read(t, file)), bad) {
					t.Errorf("%s imports %s", file, bad)
				}
			}
		}
	}
}
