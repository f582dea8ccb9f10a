package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/postern-mail/postern/staff"
)

func things(t *testing.T, m map[string]any) (all []map[string]any) {
	t.Helper()
	items, ok := m["items"].([]any)
	if !ok {
		t.Fatalf("no items in %v", m)
	}
	for _, i := range items {
		one, _ := i.(map[string]any)
		all = append(all, one)
	}
	return all
}

// TestCasework is what a ticket system does with cases besides letters.
func TestCasework(t *testing.T) {
	w := newWorld(t)
	w.customer()
	agent, of := w.token(staff.Agent, "cases:read", "cases:write", "account:read", "tokens:read")
	approver, other := w.token(staff.Approver, "cases:read", "cases:write")
	auditor, _ := w.token(staff.Auditor, "cases:read")
	var ids []string
	var numbers []float64
	for i := range 3 {
		k := w.must(201, agent, "POST", "/api/v1/cases", map[string]any{"address": "ana@example.org", "subject": fmt.Sprintf("Question %d", i), "text": "Please.", "priority": "high"})
		ids, numbers = append(ids, str(t, k, "id")), append(numbers, k["number"].(float64))
	}
	seen := map[string]bool{}
	after := ""
	for range 3 {
		p := w.must(200, agent, "GET", "/api/v1/cases?priority=high&limit=1&after="+after, nil)
		for _, k := range things(t, p) {
			seen[str(t, k, "id")] = true
		}
		after, _ = p["next"].(string)
	}
	if len(seen) != 3 || after != "" {
		t.Errorf("three pages have %d cases, and then %q", len(seen), after)
	}
	if w.must(200, agent, "GET", "/api/v1/cases/count?priority=high&unassigned=true", nil)["count"] != 3.0 {
		t.Error("not three are counted")
	}
	w.must(204, agent, "POST", "/api/v1/views", map[string]any{"name": "Urgent ones", "filter": map[string]any{"priority": "urgent", "sort": "due"}})
	w.must(204, agent, "PATCH", "/api/v1/cases/"+ids[0], map[string]any{"priority": "urgent", "external": "ZD-9"})
	views := things(t, w.must(200, agent, "GET", "/api/v1/views", nil))
	if len(views) != 1 || views[0]["count"] != 1.0 || views[0]["filter"].(map[string]any)["sort"] != "due" {
		t.Fatalf("the views are %v", views)
	}
	w.must(204, agent, "DELETE", "/api/v1/views/"+str(t, views[0], "id"), nil)
	if again := things(t, w.must(200, agent, "GET", "/api/v1/views", nil)); len(again) != 0 {
		t.Errorf("left are %v", again)
	}

	w.must(204, agent, "POST", "/api/v1/cases/"+ids[0]+"/assign", map[string]any{"to": of.Staff})
	w.must(204, agent, "POST", "/api/v1/cases/"+ids[0]+"/hand-over", map[string]any{"to": other.Staff, "why": "My shift ends."})
	w.must(204, agent, "POST", "/api/v1/cases/"+ids[1]+"/organisation", map[string]any{"to": "provider"})
	if k := w.must(200, agent, "GET", "/api/v1/cases/"+ids[0], nil); k["assignee"] != string(other.Staff) || k["handed_why"] != "My shift ends." || k["external"] != "ZD-9" || k["priority"] != "urgent" {
		t.Errorf("handed over, it is %v", k)
	}
	w.must(204, agent, "POST", "/api/v1/cases/"+ids[2]+"/merge", map[string]any{"into": numbers[1]})
	if k := w.must(200, agent, "GET", "/api/v1/cases/"+ids[2], nil); k["merged_into"] != ids[1] {
		t.Errorf("merged, it is %v", k)
	}
	w.must(204, agent, "POST", "/api/v1/cases/"+ids[2]+"/unmerge", nil)

	if out := w.must(403, agent, "POST", "/api/v1/macros", map[string]any{"name": "Hello", "fr": "Bonjour {name}", "en": "Hello {name}"}); out["type"] != "urn:postern:desk.refused.not-manager" {
		t.Errorf("an agent's macro is refused as %v", out)
	}
	w.must(204, approver, "POST", "/api/v1/macros", map[string]any{"name": "Hello", "fr": "Bonjour {name}", "en": "Hello {name}"})
	macros := things(t, w.must(200, agent, "GET", "/api/v1/macros", nil))
	if len(macros) != 1 || macros[0]["fr"] != "Bonjour {name}" {
		t.Fatalf("the macros are %v", macros)
	}
	w.must(403, auditor, "GET", "/api/v1/macros", nil)
	w.must(204, approver, "DELETE", "/api/v1/macros/"+str(t, macros[0], "id"), nil)
	targets := w.must(200, approver, "GET", "/api/v1/targets", nil)
	targets["urgent"] = map[string]any{"reply_minutes": 15, "resolve_minutes": 60}
	w.must(204, approver, "PUT", "/api/v1/targets", targets)
	if now := w.must(200, agent, "GET", "/api/v1/targets", nil); now["urgent"].(map[string]any)["reply_minutes"] != 15.0 {
		t.Errorf("the targets are %v", now)
	}
	w.must(403, agent, "PUT", "/api/v1/targets", targets)

	c := w.must(200, agent, "POST", "/api/v1/cases/"+ids[0]+"/checklist", map[string]any{"complaint": "mailbox-full"})
	if checks, _ := c["checks"].([]any); str(t, c, "disclosure") == "" || len(checks) == 0 {
		t.Errorf("the checklist is %v", c)
	}
	own := things(t, w.must(200, agent, "GET", "/api/v1/tokens", nil))
	if len(own) != 1 || own[0]["this"] != true || own[0]["credential"] != string(of.Credential) {
		t.Errorf("one's own tokens are %v", own)
	}
}

// TestFieldByField opens what the policy masks, one field of one message at a
// time, and reads it again in the history and in the ledger.
func TestFieldByField(t *testing.T) {
	w := newWorld(t)
	a, m := w.customer()
	agent, _ := w.token(staff.Agent, "cases:write", "gate:ask", "gate:reveal", "gate:history")
	stranger, _ := w.token(staff.Agent, "gate:ask", "gate:history")
	approver, _ := w.token(staff.Approver, "gate:approve")
	auditor, _ := w.token(staff.Auditor, "gate:history", "ledger:read")
	k := w.must(201, agent, "POST", "/api/v1/cases", map[string]any{"address": "ana@example.org", "subject": "A parcel", "text": "Please."})
	q := w.must(201, agent, "POST", "/api/v1/requests", map[string]any{"case": k["id"], "account": a, "tier": "envelope", "messages": []any{m}, "reason": "customer-support", "sentence": "To find it.", "once": true})
	request := "/api/v1/requests/" + str(t, q, "id")
	if one := w.must(200, agent, "GET", request, nil); one["once"] != true || one["status"] != "waiting" {
		t.Errorf("the request is %v", one)
	}
	w.must(404, stranger, "GET", request, nil)
	if one := w.must(200, approver, "GET", "/api/v1/approvals/"+str(t, q, "id"), nil); one["sentence"] != "To find it." {
		t.Errorf("its approver reads %v", one)
	}
	g := w.must(200, approver, "POST", request+"/approve", map[string]any{"seconds": 300})
	grant := "/api/v1/grants/" + str(t, g, "id")
	if one := w.must(200, agent, "GET", grant, nil); one["once"] != true {
		t.Errorf("the grant is %v", one)
	}
	w.must(404, stranger, "GET", grant, nil)

	shown := func(body map[string]any) string {
		text, err := json.Marshal(w.must(200, agent, "POST", grant+"/reveal", body))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if masked := w.must(403, agent, "POST", grant+"/reveal", map[string]any{"tier": "envelope", "messages": []any{m}, "fields": []string{"subject", "from"}}); masked["type"] != "urn:postern:gate.refused.masked" {
		t.Errorf("two fields at once are refused as %v", masked)
	}
	one := shown(map[string]any{"tier": "envelope", "messages": []any{m}, "fields": []string{"subject"}})
	if !strings.Contains(one, "Order 4711 of May") || strings.Contains(one, "orders@shop.example") {
		t.Errorf("its subject by itself is %s", one)
	}

	ctx := context.Background()
	if _, err := w.n.Ledger.Sequence(ctx); err != nil {
		t.Fatal(err)
	}
	past := things(t, w.must(200, auditor, "GET", "/api/v1/history?outcome=granted&account="+string(a), nil))
	if len(past) != 1 {
		t.Fatalf("the history is %v", past)
	}
	done, _ := past[0]["done"].([]any)
	if len(done) != 1 {
		t.Fatalf("done was %v", done)
	}
	first, _ := done[0].(map[string]any)
	if refused := things(t, w.must(200, auditor, "GET", "/api/v1/history?outcome=denied", nil)); len(refused) != 1 || refused[0]["refusal"].(map[string]any)["key"] != "gate.refused.masked" {
		t.Errorf("refused was %v", refused)
	}
	if others := things(t, w.must(200, stranger, "GET", "/api/v1/history", nil)); len(others) != 0 {
		t.Errorf("an agent reads of others: %v", others)
	}
	proof := "/api/v1/disclosures/" + str(t, first, "disclosure") + "/proof"
	if p := w.must(200, auditor, "GET", proof, nil); str(t, p, "inclusion") == "" || str(t, p, "record") == "" {
		t.Errorf("its proof is %v", p)
	}
	if p := w.must(200, auditor, "GET", "/api/v1/policy?language=fr", nil); p["name"] != "default" || !strings.Contains(str(t, p, "text"), "Accès d'urgence") {
		t.Errorf("the policy is %v", p)
	}
}
