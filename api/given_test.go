package api_test

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/staff"
)

// TestAnOutsourcersToken sees what its organisation was given, by every address
// of a case.
func TestAnOutsourcersToken(t *testing.T) {
	w := newWorld(t)
	account, message := w.customer()
	scopes := []string{"cases:read", "cases:write", "account:read", "gate:ask", "gate:approve", "gate:reveal", "gate:history"}
	helpline := staff.Organisation{ID: "helpline", Name: "Helpline", Kind: "outsourcer"}
	noor, _ := w.token(staff.Agent, scopes...)
	bo, of := w.tokenOf(helpline, staff.Agent, scopes...)
	olga, _ := w.tokenOf(helpline, staff.Approver, scopes...)
	open := func(by, subject string) (id string, number float64) {
		k := w.must(201, by, "POST", "/api/v1/cases", map[string]any{"address": "ana@example.org", "subject": subject, "text": "Please.", "external": "T-" + subject})
		return str(t, k, "id"), k["number"].(float64)
	}
	own, ownNumber := open(noor, "provider")
	theirs, _ := open(bo, "theirs")
	none := postern.NewID()

	if k := w.must(200, bo, "GET", "/api/v1/cases/"+theirs, nil); k["organisation"] != "helpline" || k["outside"] != true {
		t.Errorf("what it opened is %v", k)
	}
	for _, path := range []string{"/api/v1/cases", "/api/v1/cases?sort=due", "/api/v1/cases?q=ana@example.org"} {
		if all := things(t, w.must(200, bo, "GET", path, nil)); len(all) != 1 || all[0]["id"] != theirs {
			t.Errorf("%s lists %v", path, all)
		}
	}
	for _, q := range []string{"q=provider", "q=T-provider", "q=" + fmt.Sprint(ownNumber), "organisation=provider"} {
		if n := w.must(200, bo, "GET", "/api/v1/cases/count?"+q, nil)["count"]; n != 0.0 {
			t.Errorf("%s counts %v", q, n)
		}
	}
	text := map[string]any{"text": "x"}
	for _, act := range []struct {
		method, path string
		body         any
	}{
		{"GET", "", nil}, {"POST", "/reply", text}, {"POST", "/note", text}, {"POST", "/close", nil}, {"POST", "/reopen", nil}, {"POST", "/assign", map[string]any{"to": of.Staff}},
		{"PATCH", "", map[string]any{"priority": "high"}}, {"POST", "/hand-over", map[string]any{"to": of.Staff, "why": "x"}}, {"POST", "/organisation", map[string]any{"to": "helpline"}},
		{"POST", "/merge", map[string]any{"into": 1}}, {"POST", "/unmerge", nil}, {"POST", "/diagnosis", nil}, {"POST", "/trace", map[string]any{"query": "bank.example"}},
		{"POST", "/checklist", map[string]any{"complaint": "mailbox-full"}},
	} {
		status, out := w.do(bo, act.method, "/api/v1/cases/"+own+act.path, act.body)
		no, other := w.do(bo, act.method, "/api/v1/cases/"+none+act.path, act.body)
		if status != 404 || no != 404 || !reflect.DeepEqual(out, other) {
			t.Errorf("%s %q: %d %v, and of none %d %v", act.method, act.path, status, out, no, other)
		}
	}
	ask := map[string]any{"case": own, "account": account, "tier": "envelope", "messages": []postern.MessageID{message}, "reason": "customer-support", "sentence": "To look."}
	status, out := w.do(bo, "POST", "/api/v1/requests", ask)
	ask["case"] = none
	if no, other := w.do(bo, "POST", "/api/v1/requests", ask); status != 403 || no != 403 || !reflect.DeepEqual(out, other) {
		t.Errorf("asked: %d %v, and for none %d %v", status, out, no, other)
	}
	if tried := things(t, w.must(200, olga, "GET", "/api/v1/history?outcome=denied", nil)); len(tried) != 2 {
		t.Errorf("tried, and written down: %v", tried)
	}

	// The provider's requests are not an outsourcer's approver's to read.
	ask["case"] = own
	q := w.must(201, noor, "POST", "/api/v1/requests", ask)
	if all := things(t, w.must(200, olga, "GET", "/api/v1/approvals", nil)); len(all) != 0 {
		t.Errorf("an outsourcer's approver is shown %v", all)
	}
	w.must(404, olga, "GET", "/api/v1/approvals/"+str(t, q, "id"), nil)
	for _, one := range things(t, w.must(200, olga, "GET", "/api/v1/history", nil)) {
		if r, ok := one["request"].(map[string]any); ok && r["case"] == own {
			t.Errorf("an outsourcer's approver reads the provider's history: %v", one)
		}
	}

	// Given, it is theirs, and a grant of theirs ends when it is taken back.
	w.must(204, noor, "POST", "/api/v1/cases/"+own+"/organisation", map[string]any{"to": "helpline"})
	w.must(200, bo, "POST", "/api/v1/cases/"+own+"/diagnosis", nil)
	if live := things(t, w.must(200, bo, "GET", "/api/v1/grants?live=true", nil)); len(live) != 1 {
		t.Fatalf("%d grants", len(live))
	}
	w.must(204, noor, "POST", "/api/v1/cases/"+own+"/organisation", map[string]any{"to": "provider"})
	if live := things(t, w.must(200, bo, "GET", "/api/v1/grants?live=true", nil)); len(live) != 0 {
		t.Errorf("taken back, %d grants are alive", len(live))
	}
	w.must(404, bo, "GET", "/api/v1/cases/"+own, nil)
}
