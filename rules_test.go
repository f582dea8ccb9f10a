package postern_test

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
)

// Files past 500 lines need their reason here; past 800 there is none.
var longFiles = map[string]string{}

func TestFilesAreShort(t *testing.T) {
	lines := map[string]int{}
	for dir, files := range goFiles(t) {
		for _, file := range files {
			n := bytes.Count(read(t, file), []byte("\n"))
			if !strings.HasSuffix(file, "_test.go") {
				lines[dir] += n
			}
			switch reason := longFiles[file]; {
			case n > 800:
				t.Errorf("%s has %d lines: split it; none is longer than 800", file, n)
			case n > 500 && reason == "":
				t.Errorf("%s has %d lines: split it, or write the reason in rules_test.go", file, n)
			}
		}
	}
	for dir, n := range lines {
		if n > 3500 {
			t.Errorf("package %s has %d lines: past about 3,000 a room wants a wall", orRoot(dir), n)
		}
	}
}

// sanitised are the only files that may turn text into template.HTML, because
// what they turn has been through message.SafeHTML or is our own sprite.
var sanitised = []string{"ui/", "mail/web/view.go"}

func TestTemplateHTMLOnlyWhereSanitised(t *testing.T) {
	word := regexp.MustCompile(`template\.(HTML|JS|CSS|URL|HTMLAttr|Srcset|JSStr)\b`)
	for _, files := range goFiles(t) {
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") || slices.ContainsFunc(sanitised, func(s string) bool { return strings.HasPrefix(file, s) }) {
				continue
			}
			if m := word.Find(read(t, file)); m != nil {
				t.Errorf("%s uses %s: only %s may", file, m, strings.Join(sanitised, ", "))
			}
		}
	}
}

func TestNoVagueRooms(t *testing.T) {
	for dir := range goFiles(t) {
		if base := path.Base(dir); slices.Contains([]string{"util", "utils", "common", "helper", "helpers", "misc", "base", "core", "lib"}, base) {
			t.Errorf("%s: name a package for what it does", dir)
		}
	}
}

func TestPackageCommentsSayTrust(t *testing.T) {
	for dir, files := range goFiles(t) {
		if dir == "" || strings.HasPrefix(dir, "testkit") || strings.HasSuffix(dir, "test") || strings.HasSuffix(dir, "htmlcheck") || dir == "e2e" {
			continue
		}
		found := false
		for _, file := range files {
			text := read(t, file)
			if before, _, ok := bytes.Cut(text, []byte("\npackage ")); ok && bytes.Contains(before, []byte("Trust:")) {
				found = true
			}
		}
		if !found {
			t.Errorf("%s: the package comment has no Trust paragraph: what it handles and must never touch", dir)
		}
	}
}

func TestDependenciesAreListed(t *testing.T) {
	text := read(t, "docs/dependencies.md")
	mod, err := modfile.Parse("go.mod", read(t, "go.mod"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range mod.Require {
		if !r.Indirect && !bytes.Contains(text, []byte("`"+r.Mod.Path+"`")) {
			t.Errorf("docs/dependencies.md does not say what %s is for, its licence, and why it", r.Mod.Path)
		}
	}
	listed := regexp.MustCompile("(?m)^\\| `([^`]+)`")
	for _, m := range listed.FindAllSubmatch(text, -1) {
		name := string(m[1])
		if strings.Contains(name, ".") && strings.Contains(name, "/") && !bytes.Contains(read(t, "go.mod"), []byte(name)) {
			t.Errorf("docs/dependencies.md lists %s, which go.mod does not have", name)
		}
	}
}

// TestNothingOfTheWorkshop keeps the repository about the product.
func TestNothingOfTheWorkshop(t *testing.T) {
	words := regexp.MustCompile(`(?i)/root/|/work/(main|shared)|/tmp/corpus|\bTODO\b|\bFIXME\b|proxy\.golang\.org|registry\.npmjs\.org`)
	for _, file := range tracked(t) {
		if file == "rules_test.go" || strings.HasPrefix(file, "ui/vendored/") || strings.HasSuffix(file, ".png") {
			continue
		}
		s := bufio.NewScanner(bytes.NewReader(read(t, file)))
		s.Buffer(nil, 16<<20)
		for n := 1; s.Scan(); n++ {
			if m := words.Find(s.Bytes()); m != nil {
				t.Errorf("%s:%d: %q does not belong in the repository", file, n, m)
			}
		}
	}
}

// TestSecretsOfTests keeps keys and databases that a run leaves behind out.
func TestNoLeftovers(t *testing.T) {
	for _, file := range tracked(t) {
		switch path.Ext(file) {
		case ".db", ".pem", ".key", ".log", ".test", ".prof", ".exe":
			t.Errorf("%s is tracked", file)
		}
	}
}

func tracked(t *testing.T) []string {
	t.Helper()
	out, err := exec.Command("git", "ls-files").Output()
	if err != nil {
		// A tree without git, such as the module cache's, has nothing to track.
		t.Logf("no git here: %v", err)
		var all []string
		for _, files := range goFiles(t) {
			all = append(all, files...)
		}
		return all
	}
	var files []string
	for _, file := range strings.Fields(string(out)) {
		if _, err := os.Stat(file); err == nil {
			files = append(files, file)
		}
	}
	return files
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
