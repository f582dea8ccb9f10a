package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/postern-mail/postern/node"
	"github.com/postern-mail/postern/node/detection"
)

type detectCmd struct {
	Rules    detectRulesCmd    `cmd:"" help:"List the rules in force."`
	Check    detectCheckCmd    `cmd:"" help:"Check rules of your own: what is not understood is refused, with the line."`
	Backtest detectBacktestCmd `cmd:"" help:"Judge the past by rules, and raise nothing."`
}

type detectRulesCmd struct{ configFlag }

func (detectRulesCmd) Help() string { return "Example:\n\n  postern detect rules" }

func (c *detectRulesCmd) Run(ctx context.Context, o out) error {
	cfg, err := node.LoadConfig(c.Config)
	if err != nil {
		return err
	}
	var rules []detection.RuleOut
	if err := node.Call(ctx, cfg, "detect.rules", struct{}{}, &rules, nil); err != nil {
		return err
	}
	return o.print(c.JSON, rules, func(w io.Writer) { printRules(w, rules) })
}

func printRules(w io.Writer, rules []detection.RuleOut) {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for _, r := range rules {
		fmt.Fprintf(t, "%s\t%s\t%s\t%.12s\n", r.Name, r.Level, r.Title, r.Version)
	}
	t.Flush()
}

type detectCheckCmd struct {
	Files []string `arg:"" help:"Rule files." placeholder:"FILE"`
	JSON  bool     `name:"json" help:"Answer in JSON."`
}

func (detectCheckCmd) Help() string {
	return "Example:\n\n  postern detect check rules/*.yml\n\nThe rules may use those of the pack. Needs no running Postern. Exit status 1 when a rule is refused."
}

func (c *detectCheckCmd) Run(_ context.Context, o out) error {
	texts, err := ruleTexts(c.Files)
	if err != nil {
		return err
	}
	rules, err := detection.CheckRules(texts)
	if err != nil {
		return err
	}
	return o.print(c.JSON, rules, func(w io.Writer) { printRules(w, rules) })
}

type detectBacktestCmd struct {
	configFlag
	Rules []string      `help:"Files of rules to judge by, which may use the pack's; without, the rules in force." placeholder:"FILE"`
	Since time.Duration `help:"How far back." default:"720h"`
}

func (detectBacktestCmd) Help() string {
	return "Example:\n\n  postern detect backtest --rules new.yml --since 720h\n\nReads the sign-ins and the ledger from then on and says what would have raised alerts, about whom. It raises none."
}

func (c *detectBacktestCmd) Run(ctx context.Context, o out) error {
	cfg, err := node.LoadConfig(c.Config)
	if err != nil {
		return err
	}
	texts, err := ruleTexts(c.Rules)
	if err != nil {
		return err
	}
	report, end := progress(o, "acts")
	defer end()
	var t detection.BacktestOut
	if err := node.Call(ctx, cfg, "detect.backtest", detection.BacktestIn{Rules: texts, Since: c.Since.String()}, &t, report); err != nil {
		return err
	}
	end()
	return o.print(c.JSON, t, func(w io.Writer) {
		tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
		for _, m := range t.Matches {
			against := ""
			if m.Team != "" {
				against = fmt.Sprintf(" (%s: usually %d)", m.Team, m.Usual)
			}
			fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%d of %d%s\t%d acts\n", m.First.Format("2006-01-02 15:04"), m.Severity, m.Rule, m.Name, m.Value, m.Limit, against, m.Count)
		}
		tw.Flush()
		fmt.Fprintf(w, "%d acts since %s by %d rules in %.1f s: %d alerts\n", t.Acts, t.Since.Format("2006-01-02 15:04"), t.Rules, t.Seconds, len(t.Matches))
	})
}

// ruleTexts reads files by their names: errors of rules name them.
func ruleTexts(files []string) (texts []detection.RuleFile, err error) {
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return nil, fmt.Errorf("couldn't read a rule: %w", err)
		}
		texts = append(texts, detection.RuleFile{Name: filepath.Base(f), Text: string(text)})
	}
	return texts, nil
}
