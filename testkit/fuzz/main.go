// Command fuzz runs every fuzz target of the module for a moment, one after
// another, and fails when one fails:
//
//	go run ./testkit/fuzz 3s
//
// What it keeps: nothing; go test writes a failing input to the package's
// testdata, to be committed with its fix.
//
// Trust: it runs this module's own tests.
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: fuzz DURATION")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "fuzz:", err)
		os.Exit(1)
	}
}

var target = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`)

func run(time string) error {
	var failed error
	ran := 0
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && file != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(file, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		for _, m := range target.FindAllSubmatch(text, -1) {
			ran++
			cmd := exec.Command("go", "test", "-run", "^$", "-fuzz", "^"+string(m[1])+"$", "-fuzztime", time, "./"+filepath.Dir(file))
			out, err := cmd.CombinedOutput()
			if err != nil {
				failed = errors.Join(failed, fmt.Errorf("%s in %s: %w\n%s", m[1], file, err, out))
				continue
			}
			fmt.Printf("ok  \t%s\t%s\n", m[1], file)
		}
		return nil
	})
	if ran == 0 {
		return errors.New("no fuzz target found: run it at the top of the module")
	}
	return errors.Join(err, failed)
}
