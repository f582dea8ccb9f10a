package drill_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/postern-mail/postern/drill"
)

// TestNothingIsMissed rehearses small worlds with several seeds. The thief's own
// record and the scope must agree, whatever the policy.
func TestNothingIsMissed(t *testing.T) {
	for _, policy := range []string{"default", "standing"} {
		for seed := int64(1); seed <= 3; seed++ {
			t.Run(fmt.Sprintf("%s/%d", policy, seed), func(t *testing.T) {
				t.Parallel()
				c, err := drill.Run(context.Background(), drill.Options{Scenario: "redmond-2019", Policy: policy, Seed: seed, Accounts: 150, Agents: 8})
				if err != nil {
					t.Fatal(err)
				}
				t.Logf("%+v", c)
				if c.Missed != 0 {
					t.Errorf("%d things that the thief received are not named", c.Missed)
				}
				if c.Contain.DisclosuresAfter != 0 {
					t.Errorf("%d disclosures after the containment", c.Contain.DisclosuresAfter)
				}
				n := c.Notices
				if n.Sent != n.Due || n.Twice != 0 || n.Wrong != 0 || n.Languages["fr"]+n.Languages["en"] != n.Sent {
					t.Errorf("notices: %+v", n)
				}
				if c.Detect.By == "" || c.Thief.Attempts == 0 || !c.Ledger.Verified {
					t.Errorf("the drill did not happen: %+v", c)
				}
				if policy == "standing" && c.Thief.AccountsEnvelope == 0 {
					t.Error("under the standing policy the thief saw nothing: the drill measures nothing")
				}
			})
		}
	}
}

// TestSameSeedSameDrill holds that a seed fixes everything but the machine's
// own milliseconds.
func TestSameSeedSameDrill(t *testing.T) {
	o := drill.Options{Scenario: "redmond-2019", Policy: "default", Seed: 7, Accounts: 60, Agents: 5}
	cards := make([]drill.Scorecard, 2)
	for i := range cards {
		c, err := drill.Run(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		c.Contain.MS, c.Scope.MS = 0, 0
		cards[i] = c
	}
	if a, b := fmt.Sprintf("%+v", cards[0]), fmt.Sprintf("%+v", cards[1]); a != b {
		t.Errorf("two runs of one seed:\n%s\n%s", a, b)
	}
}
