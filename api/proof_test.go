package api_test

import (
	"context"
	"testing"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/gate/policy"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/testkit"
)

// TestContentWantsAPerson: a token cannot prove that somebody is there, however
// young it is. Where the policy wants that, its request is refused before the
// customer is asked; where the policy says that tokens may, it is shown.
func TestContentWantsAPerson(t *testing.T) {
	for _, c := range []struct {
		name   string
		policy policy.Policy
		may    bool
	}{{"default", policy.Default(), false}, {"tokens = true", forPrograms(), true}} {
		t.Run(c.name, func(t *testing.T) {
			n := testkit.Start(t, testkit.Options{Policy: &c.policy})
			w := &world{t: t, n: n, http: testkit.Client(t), base: n.Origins().Desk}
			a, m := w.customer()
			agent, _ := w.token(staff.Agent, "cases:read", "cases:write", "gate:ask", "gate:reveal")
			id := str(t, w.must(201, agent, "POST", "/api/v1/cases", map[string]any{"address": "ana@example.org", "subject": "Where is it?", "text": "Please look."}), "id")
			for _, tier := range []string{"content", "attachment"} {
				status, q := w.do(agent, "POST", "/api/v1/requests", map[string]any{"case": id, "account": a, "tier": tier, "messages": []any{m}, "reason": "customer-support", "sentence": "To read it."})
				if !c.may {
					if status != 403 || q["type"] != "urn:postern:"+gate.RefusedReauth {
						t.Errorf("%s is refused with %d as %v", tier, status, q)
					}
					continue
				}
				if status != 201 {
					t.Fatalf("%s: %d: %v", tier, status, q)
				}
				g, err := n.Gate.Consent(context.Background(), a, postern.RequestID(str(t, q, "id")), gate.Narrow{})
				if err != nil {
					t.Fatal(err)
				}
				w.must(200, agent, "POST", "/api/v1/grants/"+string(g.ID)+"/reveal", map[string]any{"tier": tier, "messages": []any{m}})
			}
			waiting, err := n.Gate.WaitingFor(context.Background(), a)
			if err != nil || len(waiting) != 0 {
				t.Errorf("the customer is asked %v, %v", waiting, err)
			}
		})
	}
}
