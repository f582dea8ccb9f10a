package api_test

import (
	"context"
	"testing"
	"time"

	"github.com/postern-mail/postern/staff"
)

// TestIncident is the way of an incident by programs alone: what was shown to a
// stolen token, ended, scoped, told by two people, and closed.
func TestIncident(t *testing.T) {
	w := newWorld(t)
	a, _ := w.customer()
	thief, stolen := w.token(staff.Agent, "cases:write", "account:read")
	responder, _ := w.token(staff.Responder, "response:read", "response:write", "response:contain")
	second, _ := w.token(staff.Approver, "response:read", "response:write")
	agent, _ := w.token(staff.Agent, "response:read", "response:write")
	k := w.must(201, thief, "POST", "/api/v1/cases", map[string]any{"address": "ana@example.org", "subject": "A parcel", "text": "Please."})
	w.must(200, thief, "POST", "/api/v1/cases/"+str(t, k, "id")+"/diagnosis", nil)
	if _, err := w.n.Ledger.Sequence(context.Background()); err != nil {
		t.Fatal(err)
	}

	w.must(403, agent, "POST", "/api/v1/incidents", map[string]any{"title": "A token on a paste site"})
	i := w.must(201, responder, "POST", "/api/v1/incidents", map[string]any{"title": "A token on a paste site"})
	id := str(t, i, "id")
	path := "/api/v1/incidents/" + id
	for _, read := range []string{path, path + "/scopes", path + "/scope", path + "/batches", path + "/notices", path + "/notices/" + string(a), "/api/v1/alerts/1", "/api/v1/staff/1/sessions"} {
		w.must(403, agent, "GET", read, nil)
	}
	w.must(201, responder, "POST", "/api/v1/containments", map[string]any{"kind": "credential", "subject": stolen.Credential, "why": "It is public.", "incident": id})
	w.must(401, thief, "POST", "/api/v1/cases/"+str(t, k, "id")+"/diagnosis", nil)
	w.must(204, responder, "POST", path+"/note", map[string]any{"text": "The paste is gone."})
	w.must(204, responder, "POST", path+"/tasks", map[string]any{"text": "Write to the paste site"})
	w.must(204, responder, "PUT", path+"/tasks/1", map[string]any{"state": "done"})
	w.must(204, responder, "POST", path+"/lead", nil)
	w.must(204, responder, "PUT", path+"/cause", map[string]any{"cause": "stolen", "why": "The log of the paste site."})
	w.must(204, responder, "PUT", path+"/severity", map[string]any{"severity": "high", "why": "It was public for a day."})

	sc := w.must(201, responder, "POST", path+"/scope", map[string]any{"credentials": []any{stolen.Credential}})
	if totals, _ := sc["totals"].(map[string]any); totals["accounts"] != 1.0 || totals["disclosures"] != 1.0 {
		t.Errorf("the scope is %v", sc)
	}
	page := w.must(200, second, "GET", path+"/scope?limit=1", nil)
	if e := things(t, page); len(e) != 1 || e[0]["account"] != string(a) || e[0]["tier"] != "account" || page["next"] != nil {
		t.Errorf("its exposures are %v", page)
	}
	b := w.must(200, responder, "POST", path+"/notices/draft", nil)
	if b["state"] != "draft" || b["due"] != 1.0 {
		t.Errorf("drafted is %v", b)
	}
	if words := things(t, w.must(200, second, "GET", path+"/notices/"+string(a), nil)); len(words) != 2 || str(t, words[0], "text") == str(t, words[1], "text") {
		t.Errorf("one person is told %v", words)
	}
	w.must(204, responder, "POST", path+"/notices/submit", nil)
	w.must(403, responder, "POST", path+"/notices/approve", nil)
	w.must(409, responder, "POST", path+"/notices/release", nil)
	w.must(204, second, "POST", path+"/notices/approve", nil)
	w.must(403, second, "POST", path+"/notices/release", nil)
	w.must(204, responder, "POST", path+"/notices/release", nil)
	if all := things(t, w.must(200, second, "GET", path+"/notices", nil)); len(all) != 1 || all[0]["account"] != string(a) {
		t.Errorf("the notices are %v", all)
	}
	w.must(204, responder, "POST", path+"/close", map[string]any{"why": "Everybody was told."})
	one := w.must(200, second, "GET", path, nil)
	kinds := map[any]bool{}
	lines, _ := one["timeline"].([]any)
	for _, l := range lines {
		line, _ := l.(map[string]any)
		kinds[line["kind"]] = true
	}
	for _, kind := range []string{"opened", "contained", "note", "task", "cause", "scoped", "drafted", "submitted", "approved", "released", "closed"} {
		if !kinds[kind] {
			t.Errorf("the timeline has no line %q", kind)
		}
	}
	if one["state"] != "closed" || one["cause"] != "stolen" || one["severity"] != "high" {
		t.Errorf("closed, it is %v", one)
	}
}

// TestEmergencyAndHold asks without the customer, with two approvers of whom one
// responds, and holds back what the customer would be told.
func TestEmergencyAndHold(t *testing.T) {
	w := newWorld(t)
	a, m := w.customer()
	agent, _ := w.token(staff.Agent, "gate:ask")
	approver, _ := w.token(staff.Approver, "gate:approve", "gate:hold")
	responder, _ := w.token(staff.Responder, "gate:approve", "gate:hold")
	hold := map[string]any{"account": a, "until": w.n.Now().Add(24 * time.Hour), "authority": "Court of Example", "reference": "7/26"}
	w.must(403, responder, "POST", "/api/v1/holds", hold)
	h := str(t, w.must(201, approver, "POST", "/api/v1/holds", hold), "id")
	w.must(403, approver, "POST", "/api/v1/holds/"+h+"/confirm", nil)
	w.must(204, responder, "POST", "/api/v1/holds/"+h+"/confirm", nil)

	body := map[string]any{"address": "ana@example.org", "tier": "envelope", "messages": []any{m}, "reason": "third-party-legal-request", "sentence": "An order of the court.", "emergency": true}
	w.must(403, approver, "POST", "/api/v1/requests", body)
	q := w.must(201, agent, "POST", "/api/v1/requests", body)
	path := "/api/v1/requests/" + str(t, q, "id")
	if q["account"] != string(a) || q["emergency"] != true || q["approvers"] != 2.0 {
		t.Errorf("the request is %v", q)
	}
	w.must(200, approver, "POST", path+"/approve", map[string]any{})
	waits := w.must(200, responder, "GET", "/api/v1/approvals/"+str(t, q, "id"), nil)
	if agreed, _ := waits["agreements"].([]any); len(agreed) != 1 || waits["status"] != "waiting" {
		t.Errorf("after one yes it is %v", waits)
	}
	if g := w.must(200, responder, "POST", path+"/approve", map[string]any{}); g["emergency"] != true {
		t.Errorf("the grant is %v", g)
	}
	w.must(204, responder, "POST", "/api/v1/holds/"+h+"/end", nil)
	if all := things(t, w.must(200, approver, "GET", "/api/v1/holds", nil)); len(all) != 1 || all[0]["ended"] == nil {
		t.Errorf("the holds are %v", all)
	}
}
