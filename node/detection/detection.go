// Package detection is what the command line asks of the rules: which are in
// force, whether others are understood, and what they would have found.
//
// It keeps nothing.
//
// Trust: it names members of staff, and accounts not at all.
package detection

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/response/detect"
	"github.com/postern-mail/postern/response/sigma"
	"github.com/postern-mail/postern/staff"
)

// RuleFile is a file of rules.
type RuleFile struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// RuleOut is a rule.
type RuleOut struct {
	Name    string `json:"name"`
	Level   string `json:"level"`
	Title   string `json:"title"`
	Version string `json:"version"`
}

// BacktestIn asks what rules would have found.
type BacktestIn struct {
	Rules []RuleFile `json:"rules"`
	Since string     `json:"since"` // how long ago
}

// BacktestOut is what they would have.
type BacktestOut struct {
	Since   time.Time     `json:"since"`
	Rules   int           `json:"rules"`
	Acts    int64         `json:"acts"`
	Seconds float64       `json:"seconds"`
	Dropped int64         `json:"dropped"`
	Matches []BacktestHit `json:"matches"`
}

// BacktestHit is one alert that would have been.
type BacktestHit struct {
	Rule     string    `json:"rule"`
	Severity string    `json:"severity"`
	Subject  string    `json:"subject"`
	Name     string    `json:"name"` // the member's, or the subject
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
	Count    int       `json:"count"`
	Value    int64     `json:"value"`
	Limit    int64     `json:"limit"`
	Team     string    `json:"team,omitempty"`
	Usual    int64     `json:"usual,omitempty"`
	Version  string    `json:"version"`
}

// CheckRules says which rules files hold, with the pack beside them: an error
// names the file and the line.
func CheckRules(files []RuleFile) ([]RuleOut, error) {
	own, err := parse(files)
	if err != nil {
		return nil, err
	}
	found, err := detect.Check(own)
	if err != nil {
		return nil, refusedRule(err)
	}
	return rulesOut(found), nil
}

func refusedRule(err error) error {
	return &postern.Error{Kind: postern.Denied, Text: err.Error(), Err: err}
}

func parse(files []RuleFile) (docs []sigma.Document, err error) {
	for _, f := range files {
		more, err := sigma.Parse(f.Name, []byte(f.Text))
		if err != nil {
			return nil, refusedRule(err)
		}
		docs = append(docs, more...)
	}
	return docs, nil
}

func rulesOut(rules []*sigma.Rule) []RuleOut {
	out := make([]RuleOut, len(rules))
	for i, r := range rules {
		out[i] = RuleOut{r.Name, r.Level.String(), r.Title, r.Version}
	}
	return out
}

// List gives the rules in force.
func List(d *detect.Detector) ([]RuleOut, error) {
	rules, err := d.Rules()
	return rulesOut(rules), err
}

// Backtest judges the past by rules, and raises nothing.
func Backtest(ctx context.Context, d *detect.Detector, members *staff.Directory, in BacktestIn, progress func(acts int64)) (out BacktestOut, err error) {
	ago, err := time.ParseDuration(in.Since)
	if err != nil || ago <= 0 {
		return out, &postern.Error{Kind: postern.Invalid, Text: fmt.Sprintf("since is %q: write how long ago, like 720h", in.Since)}
	}
	docs, err := parse(in.Rules)
	if err != nil {
		return out, err
	}
	t, err := d.Backtest(ctx, docs, d.Now().Add(-ago), progress)
	var wrong *sigma.Error
	if errors.As(err, &wrong) {
		return out, refusedRule(err)
	}
	if err != nil {
		return out, err
	}
	out = BacktestOut{Since: t.Since, Rules: t.Rules, Acts: t.Acts, Seconds: t.Took.Seconds(), Dropped: t.Dropped, Matches: []BacktestHit{}}
	for _, m := range t.Matches {
		hit := BacktestHit{Rule: m.Rule, Severity: m.Severity.String(), Subject: m.Subject, Name: m.Subject, First: m.First, Last: m.Last, Count: m.Count, Value: m.Value,
			Limit: m.Limit, Team: m.Team, Usual: m.Usual, Version: m.Version}
		if who, err := members.ByID(ctx, postern.StaffID(m.Subject)); err == nil {
			hit.Name = who.Name
		}
		out.Matches = append(out.Matches, hit)
	}
	return out, nil
}
