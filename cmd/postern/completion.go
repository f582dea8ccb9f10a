package main

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

func (completionCmd) Help() string {
	return "Example:\n\n  postern completion bash > /etc/bash_completion.d/postern"
}

// Run prints a script that completes commands and flags.
func (c *completionCmd) Run(o out, k *kong.Context) error {
	if c.Shell == "fish" {
		for path, n := range commands(k.Model.Node, "") {
			under := "__fish_use_subcommand"
			if path != "" {
				under = "__fish_seen_subcommand_from " + path[strings.LastIndex(path, " ")+1:]
			}
			for _, child := range n.Children {
				fmt.Fprintf(o.Stdout, "complete -c postern -f -n '%s' -a %s -d '%s'\n", under, child.Name, strings.ReplaceAll(child.Help, "'", ""))
			}
			for _, f := range n.Flags {
				fmt.Fprintf(o.Stdout, "complete -c postern -n '%s' -l %s -d '%s'\n", under, f.Name, strings.ReplaceAll(f.Help, "'", ""))
			}
		}
		return nil
	}
	if c.Shell == "zsh" {
		fmt.Fprintln(o.Stdout, "autoload -U +X bashcompinit && bashcompinit")
	}
	fmt.Fprintln(o.Stdout, "_postern() {\n\tlocal path=\"\" w\n\tfor w in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do case \"$w\" in -*) ;; *) path=\"$path $w\" ;; esac; done\n\tcase \"$path\" in")
	for path, n := range commands(k.Model.Node, "") {
		var words []string
		for _, child := range n.Children {
			words = append(words, child.Name)
		}
		for _, f := range n.Flags {
			words = append(words, "--"+f.Name)
		}
		pattern := `""`
		if path != "" {
			pattern = `" ` + path + `"*`
		}
		fmt.Fprintf(o.Stdout, "\t%s) COMPREPLY=($(compgen -o default -W \"%s\" -- \"${COMP_WORDS[COMP_CWORD]}\")) ;;\n", pattern, strings.Join(words, " "))
	}
	_, err := fmt.Fprintln(o.Stdout, "\tesac\n}\ncomplete -F _postern postern")
	return err
}

// commands walks every command, the deepest first, so that a shell's patterns
// meet the longer path before the shorter.
func commands(n *kong.Node, path string) func(yield func(string, *kong.Node) bool) {
	return func(yield func(string, *kong.Node) bool) {
		var walk func(n *kong.Node, path string) bool
		walk = func(n *kong.Node, path string) bool {
			for _, child := range n.Children {
				if !walk(child, strings.TrimSpace(path+" "+child.Name)) {
					return false
				}
			}
			return yield(path, n)
		}
		walk(n, path)
	}
}
