package detect

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/response/incident"
)

func TestJudge(t *testing.T) {
	at := time.Date(2026, 5, 14, 9, 0, 0, 0, time.UTC)
	shown := act{kind: kindShown, at: at, tier: postern.TierEnvelope, hasCase: true}
	peers := []int{8, 10, 12, 9, 11}
	for _, c := range []struct {
		name  string
		rules Rules
		act   act
		fig   figures
		want  map[string]incident.Severity
	}{
		{"an ordinary look", Rules{}, shown, figures{hour: 3, day: 9, week: 20, peers: peers, sessionShown: 3}, nil},
		{"one below the hour", Rules{}, shown, figures{hour: 9, day: 9, week: 9, peers: peers}, nil},
		{"the hour", Rules{}, shown, figures{hour: 10, day: 10, week: 10, peers: peers}, map[string]incident.Severity{RuleFanOutHour: incident.Medium}},
		{"twice the hour", Rules{}, shown, figures{hour: 20, day: 20, week: 20, peers: peers}, map[string]incident.Severity{RuleFanOutHour: incident.High}},
		{"the day, slowly", Rules{}, shown, figures{hour: 2, day: 40, week: 29, peers: peers}, map[string]incident.Severity{RuleFanOutDay: incident.Medium}},
		{"the week, more slowly", Rules{}, shown, figures{hour: 1, day: 9, week: 31, peers: peers}, map[string]incident.Severity{RuleFanOutWeek: incident.Medium}},
		{"the week among busy colleagues", Rules{}, shown, figures{hour: 1, day: 9, week: 31, peers: []int{30, 31, 32, 33, 34}}, nil},
		{"the week with too few colleagues", Rules{}, shown, figures{hour: 1, day: 9, week: 31, peers: []int{1, 1, 1, 1}}, nil},
		{"a quiet week", Rules{}, shown, figures{hour: 1, day: 9, week: 29, peers: []int{1, 1, 1, 1, 1}}, nil},
		{"the account tier reaches nobody's mail", Rules{}, act{kind: kindShown, at: at, tier: postern.TierAccount, hasCase: true}, figures{hour: 50, day: 50, week: 50, peers: peers}, nil},
		{"switched off", Rules{AccountsPerHour: -1}, shown, figures{hour: 99, day: 9, week: 9}, nil},
		{"other numbers", Rules{AccountsPerHour: 3}, shown, figures{hour: 3, day: 3, week: 3}, map[string]incident.Severity{RuleFanOutHour: incident.Medium}},

		{"a known network", Rules{}, act{kind: kindSignIn, at: at}, figures{}, nil},
		{"a new network", Rules{}, act{kind: kindSignIn, at: at, fresh: true}, figures{freshSession: true}, map[string]incident.Severity{RuleNewNetwork: incident.Low}},
		{"a new network, then an account", Rules{}, act{kind: kindShown, at: at, tier: postern.TierAccount, hasCase: true}, figures{freshSession: true, sessionShown: 1, sessionDeepest: postern.TierAccount}, map[string]incident.Severity{RuleNewNetwork: incident.Medium}},
		{"a new network, then mail", Rules{}, shown, figures{freshSession: true, sessionShown: 2, sessionDeepest: postern.TierEnvelope}, map[string]incident.Severity{RuleNewNetwork: incident.High}},
		{"mail, then the sign-in is read", Rules{}, act{kind: kindSignIn, at: at, fresh: true}, figures{freshSession: true, sessionShown: 1, sessionDeepest: postern.TierContent}, map[string]incident.Severity{RuleNewNetwork: incident.High}},

		{"refusals", Rules{}, act{kind: kindRefused, at: at}, figures{refusals: 4, refusalsSince: at.Add(-time.Minute)}, nil},
		{"refusals in a row", Rules{}, act{kind: kindRefused, at: at}, figures{refusals: 5, refusalsSince: at.Add(-time.Minute)}, map[string]incident.Severity{RuleRefusals: incident.Medium}},
		{"refusals over days", Rules{}, act{kind: kindRefused, at: at}, figures{refusals: 5, refusalsSince: at.Add(-2 * time.Hour)}, nil},

		{"guarded mail", Rules{}, shown, figures{guarded: 3}, map[string]incident.Severity{RuleGuarded: incident.High}},
		{"two guarded messages", Rules{}, shown, figures{guarded: 2}, nil},
		{"a cookie without the browser's key", Rules{}, act{kind: kindDevice, at: at}, figures{}, map[string]incident.Severity{RuleDevice: incident.High}},
		{"a reload past the worker", Rules{}, act{kind: kindMissing, at: at}, figures{}, map[string]incident.Severity{RuleDevice: incident.Low}},
		{"keys that nobody asks for", Rules{Device: -1}, act{kind: kindDevice, at: at}, figures{}, nil},
		{"no case", Rules{}, act{kind: kindShown, at: at, tier: postern.TierContent}, figures{}, map[string]incident.Severity{RuleNoCase: incident.High}},
		{"no case where none is wanted", Rules{NoCase: -1}, act{kind: kindShown, at: at, tier: postern.TierContent}, figures{}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := map[string]incident.Severity{}
			for _, f := range c.rules.withDefaults().judge(c.act, c.fig) {
				got[f.rule] = f.severity
				if !slices.Contains(RuleNames[:], f.rule) {
					t.Errorf("%q is not among the rules' names", f.rule)
				}
			}
			if c.want == nil {
				c.want = map[string]incident.Severity{}
			}
			if !maps.Equal(got, c.want) {
				t.Errorf("fired %v, want %v", got, c.want)
			}
		})
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		of   []int
		want int
	}{{nil, 0}, {[]int{4}, 4}, {[]int{9, 1, 5}, 5}, {[]int{4, 1, 3, 2}, 2}} {
		if got := median(c.of); got != c.want {
			t.Errorf("median(%v) = %d, want %d", c.of, got, c.want)
		}
	}
}
