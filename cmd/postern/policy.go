package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate/policy"
	"github.com/postern-mail/postern/node"
)

type policyCmd struct {
	Check   policyCheck   `cmd:"" help:"Check a policy file."`
	Explain policyExplain `cmd:"" help:"Say in plain words what a policy means."`
	Diff    policyDiff    `cmd:"" help:"Say what became stricter and what looser."`
	Replay  policyReplay  `cmd:"" help:"Run the ledger's history under another policy."`
}

func (policyCmd) Help() string {
	return `Example:

  postern policy check new.toml
  postern policy diff default new.toml --no-looser
  postern policy replay --policy new.toml --since 2026-01-01

A policy is a file (docs/policy.md) or a name: strict, default or standing.`
}

// readPolicy gives a policy of the house or a file's.
func readPolicy(word string) (p policy.Policy, text []byte, err error) {
	if p, ok := policy.Named(word); ok {
		return p, nil, nil
	}
	if text, err = os.ReadFile(word); err != nil {
		return p, nil, fmt.Errorf("there is no policy %q: strict, default, standing, or a file: %w", word, err)
	}
	if p, err = policy.Parse(text); err != nil {
		return p, nil, fmt.Errorf("%s: %w", word, err)
	}
	return p, text, nil
}

type policyCheck struct {
	File string `arg:"" help:"The policy file."`
	JSON bool   `name:"json" help:"Answer in JSON."`
}

func (policyCheck) Help() string { return "Example:\n\n  postern policy check new.toml" }

func (c *policyCheck) Run(o out) error {
	p, _, err := readPolicy(c.File)
	if postern.KindOf(err) == postern.Invalid && c.JSON {
		if err := o.print(true, map[string]any{"ok": false, "error": err.Error()}, nil); err != nil {
			return err
		}
		return status(exitRefused)
	}
	if err != nil {
		return err
	}
	return o.print(c.JSON, map[string]any{"ok": true, "name": p.Name}, func(w io.Writer) { fmt.Fprintf(w, "the policy %q is in order\n", p.Name) })
}

type policyExplain struct {
	Policy string `arg:"" optional:"" default:"default" help:"A file, strict, default or standing."`
	Lang   string `help:"en or fr." enum:"en,fr" default:"en"`
	JSON   bool   `name:"json" help:"Answer in JSON."`
}

func (policyExplain) Help() string { return "Example:\n\n  postern policy explain strict --lang fr" }

func (c *policyExplain) Run(o out) error {
	p, _, err := readPolicy(c.Policy)
	if err != nil {
		return err
	}
	return o.print(c.JSON, p.Explain(c.Lang), func(w io.Writer) { fmt.Fprint(w, p.Text(c.Lang)) })
}

type policyDiff struct {
	Old      string `arg:"" help:"A file, strict, default or standing."`
	New      string `arg:"" help:"Another."`
	NoLooser bool   `help:"Exit with 1 if anything got looser."`
	JSON     bool   `name:"json" help:"Answer in JSON."`
}

func (policyDiff) Help() string {
	return "Example:\n\n  postern policy diff default new.toml --no-looser"
}

func (c *policyDiff) Run(o out) error {
	before, _, err := readPolicy(c.Old)
	if err != nil {
		return err
	}
	after, _, err := readPolicy(c.New)
	if err != nil {
		return err
	}
	all := policy.Diff(before, after)
	err = o.print(c.JSON, all, func(w io.Writer) {
		if len(all) == 0 {
			fmt.Fprintln(w, "they say the same")
		}
		t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
		for _, d := range all {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s -> %s\n", d.Way, d.Where, d.Key, d.Old, d.New)
		}
		t.Flush()
	})
	if err == nil && c.NoLooser && slices.ContainsFunc(all, func(d policy.Difference) bool { return d.Way == policy.Looser }) {
		return status(exitRefused)
	}
	return err
}

type policyReplay struct {
	configFlag
	Policy string `required:"" help:"A file, strict, default or standing." placeholder:"POLICY"`
	Since  string `help:"From this time on, 2026-05-14 or 2026-05-14T09:30:00Z." placeholder:"TIME"`
	Until  string `help:"Before this time." placeholder:"TIME"`
}

func (policyReplay) Help() string {
	return `Example:

  postern policy replay --policy new.toml --since 2026-01-01

Says what would have been allowed, delayed and refused, and what the ledger cannot tell. It changes nothing.`
}

func (c *policyReplay) Run(ctx context.Context, o out) error {
	_, text, err := readPolicy(c.Policy)
	if err != nil {
		return err
	}
	in := node.ReplayIn{Text: string(text)}
	if text == nil {
		in.Name = c.Policy
	}
	if in.Since, err = instant(c.Since); err != nil {
		return err
	}
	if in.Until, err = instant(c.Until); err != nil {
		return err
	}
	cfg, err := node.LoadConfig(c.Config)
	if err != nil {
		return err
	}
	report, end := progress(o, "replaying")
	var r policy.Report
	err = node.Call(ctx, cfg, "policy.replay", in, &r, report)
	end()
	if err != nil {
		return err
	}
	return o.print(c.JSON, r, func(w io.Writer) { printReplay(w, r) })
}

func printReplay(w io.Writer, r policy.Report) {
	fmt.Fprintf(w, "%d entries under the policy %q, %d of which no policy decides\n", r.Entries, r.Policy, r.Others)
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	row := func(what string, c policy.Count) {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\n", what, c.Total, c.Allowed, c.Delayed, c.Refused, c.Unknown)
	}
	fmt.Fprintln(t, "\tTOTAL\tALLOWED\tDELAYED\tREFUSED\tUNKNOWN")
	for _, k := range []struct {
		what string
		t    policy.Tally
	}{{"disclosures", r.Disclosures}, {"grants", r.Grants}, {"requests that waited", r.Requests}, {"refusals", r.Refusals}} {
		row(k.what, k.t.Count)
		for _, name := range slices.Sorted(maps.Keys(k.t.Tiers)) {
			row("  tier "+name, *k.t.Tiers[name])
		}
		for _, id := range slices.Sorted(maps.Keys(k.t.Organisations)) {
			row("  organisation "+string(id), *k.t.Organisations[id])
		}
		for _, id := range slices.Sorted(maps.Keys(k.t.Staff)) {
			row("  staff "+cmp.Or(string(id), "not named"), *k.t.Staff[id])
		}
	}
	t.Flush()
	fmt.Fprintf(w, "%d disclosures would have been masked first, %d would have asked for a fresh proof\n", r.Masked, r.Proofs)
	for _, k := range []policy.Tally{r.Disclosures, r.Grants} {
		for _, e := range k.Examples {
			fmt.Fprintf(w, "%s: %s, at ledger position %d, tier %s, %s\n", e.Outcome, e.Why, e.Position, e.Tier, e.At.UTC().Format(time.RFC3339))
		}
	}
}
