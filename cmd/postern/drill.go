package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/postern-mail/postern/drill"
)

type drillCmd struct {
	Scenario string `arg:"" optional:"" default:"redmond-2019" help:"What to rehearse: redmond-2019."`
	Policy   string `help:"strict, default, standing (2019: every agent may open everything, nobody asks), or a policy file." default:"default" placeholder:"POLICY"`
	Seed     int64  `help:"The same seed gives the same people, mail and thief." default:"1"`
	Accounts int    `help:"How many invented accounts." default:"1000"`
	Agents   int    `help:"How many agents." default:"40"`
	JSON     bool   `name:"json" help:"Print the scorecard in JSON."`
}

func (drillCmd) Help() string {
	return `Example:

  postern drill redmond-2019 --policy standing --seed 7

Everything is invented, in a temporary directory. The thief comes over HTTP and keeps its own record; the scorecard compares.
Exit status 1 when the scope missed something, or the contained credential saw anything more.`
}

func (c *drillCmd) Run(ctx context.Context, o out) error {
	policy := c.Policy
	if policy != "default" && policy != "strict" && policy != "standing" {
		if _, err := os.Stat(policy); err != nil {
			return fmt.Errorf("there is no policy %q: strict, default, standing, or a file: %w", policy, err)
		}
		var err error
		if policy, err = filepath.Abs(policy); err != nil {
			return err
		}
	}
	bars := map[string]func(int64, int64){}
	end := func() {}
	card, err := drill.Run(ctx, drill.Options{Scenario: c.Scenario, Policy: policy, Seed: c.Seed, Accounts: c.Accounts, Agents: c.Agents, Progress: func(what string, done, total int) {
		report, ok := bars[what]
		if !ok {
			end()
			report, end = progress(o, what)
			bars[what] = report
		}
		report(int64(done), int64(total))
	}})
	end()
	if err != nil {
		return err
	}
	if err := o.print(c.JSON, card, func(w io.Writer) { printCard(w, card) }); err != nil {
		return err
	}
	if card.Missed > 0 || card.Contain.DisclosuresAfter > 0 {
		return status(exitRefused)
	}
	return nil
}

func printCard(w io.Writer, c drill.Scorecard) {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	line := func(what, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", what, fmt.Sprintf(format, args...)) }
	line("drill", "%s, policy %s, seed %d", c.Scenario, c.Policy, c.Seed)
	line("the thief saw", "subjects of %d accounts, bodies of %d (%d messages), in %d attempts of which %d gave nothing",
		c.Thief.AccountsEnvelope, c.Thief.AccountsContent, c.Thief.MessagesContent, c.Thief.Attempts, c.Thief.Refused)
	line("the scope names", "subjects of %d accounts, bodies of %d (%d messages)", c.Found.AccountsEnvelope, c.Found.AccountsContent, c.Found.MessagesContent)
	line("missed, extra", "%d, %d (account, tier, message)", c.Missed, c.Extra)
	line("noticed", "%s after the first sign-in, by %s", (time.Duration(c.Detect.Seconds) * time.Second).String(), c.Detect.By)
	line("ended", "in %.0f ms; %d disclosures after it", c.Contain.MS, c.Contain.DisclosuresAfter)
	line("measured", "in %.0f ms", c.Scope.MS)
	line("told", "%d of %d people, %d twice, %d wrongly; %d in French, %d in English", c.Notices.Sent, c.Notices.Due, c.Notices.Twice, c.Notices.Wrong, c.Notices.Languages["fr"], c.Notices.Languages["en"])
	line("the agents", "%d cases, %d of them waited for a yes, %d false alerts", c.Agents.Cases, c.Agents.Delayed, c.Agents.FalseAlerts)
	line("the ledger", "%d leaves, verified: %v", c.Ledger.Leaves, c.Ledger.Verified)
	t.Flush()
}
