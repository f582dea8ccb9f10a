// Command fuzz runs every fuzz target of the module for a moment, one after
// another, and fails when one fails:
//
//	go run ./testkit/fuzz 1000x
//
// A number of inputs is better than a time: when the time ends while a worker
// is busy, go test reports "context deadline exceeded" as a failure
// (golang/go issue 75804).
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
		fmt.Fprintln(os.Stderr, "usage: fuzz COUNTx|DURATION")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "fuzz:", err)
		os.Exit(1)
	}
}

var target = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`)

func run(time string) (err error) {
	targets, packages := map[string][]string{}, []string{}
	err = filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
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
		dir := filepath.Dir(file)
		for _, m := range target.FindAllSubmatch(text, -1) {
			if targets[dir] == nil {
				packages = append(packages, dir)
			}
			targets[dir] = append(targets[dir], string(m[1]))
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(packages) == 0 {
		return errors.New("no fuzz target found: run it at the top of the module")
	}
	work, err := os.MkdirTemp("", "postern-fuzz-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	var failed error
	for i, dir := range packages {
		// Built once for all targets of a package, instrumented by -fuzz.
		binary := filepath.Join(work, fmt.Sprintf("p%d.test", i))
		if out, err := exec.Command("go", "test", "-c", "-fuzz", "^"+targets[dir][0]+"$", "-o", binary, "./"+dir).CombinedOutput(); err != nil {
			failed = errors.Join(failed, fmt.Errorf("couldn't build %s: %w\n%s", dir, err, out))
			continue
		}
		for _, name := range targets[dir] {
			cmd := exec.Command(binary, "-test.run", "^$", "-test.fuzz", "^"+name+"$", "-test.fuzztime", time, "-test.fuzzminimizetime", "100x",
				"-test.fuzzcachedir", filepath.Join(work, "cache"))
			cmd.Dir = dir // its seeds are in testdata, and so is what it finds
			if out, err := cmd.CombinedOutput(); err != nil {
				failed = errors.Join(failed, fmt.Errorf("%s in %s: %w\n%s", name, dir, err, out))
				continue
			}
			fmt.Printf("ok  \t%s\t%s\n", name, dir)
		}
	}
	return failed
}
