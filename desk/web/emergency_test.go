package web

import (
	"strings"
	"testing"

	"github.com/postern-mail/postern/gate/policy"
	"github.com/postern-mail/postern/staff"
)

// TestEmergency goes through a legal hold, an emergency with two approvers, and
// the history that shows both the request and what was done.
func TestEmergency(t *testing.T) {
	h := newHouse(t, policy.Default(), false)
	nadia, grace := h.hire("nadia", "provider", staff.Agent), h.hire("grace", "provider", staff.Approver)
	rosa, aude := h.hire("rosa", "provider", staff.Responder), h.hire("aude", "provider", staff.Auditor)
	for _, p := range []*person{nadia, grace, rosa, aude} {
		p.signIn()
	}
	day := h.clock.now().AddDate(0, 1, 0).Format("2006-01-02")
	grace.post("/holds", "address", "ana@outlook.example", "until", "2020-01-01", "authority", "Court", "reference", "7").is(t, 422)
	grace.post("/holds", "address", "ana@outlook.example", "until", day, "authority", "Court", "reference", "7").leadsTo(t, "/holds")
	id, _ := grace.get("/holds").is(t, 200).Find("[data-hold]").Attr("data-hold")
	rosa.post("/holds/"+id+"/confirm").leadsTo(t, "/holds")
	nadia.get("/holds").is(t, 403)

	page := nadia.get("/emergency?case="+string(h.kase.ID)).is(t, 200)
	if !strings.Contains(page.body, "without the customer") || strings.Contains(page.body, `value="customer-support"`) {
		t.Error("the form does not say what it is")
	}
	nadia.post("/emergency", "case", string(h.kase.ID), "tier", "content", "reason", "customer-support", "sentence", "x", "minutes", "15", "mailbox", "INBOX").is(t, 422)
	made := nadia.post("/emergency", "case", string(h.kase.ID), "tier", "content", "reason", "third-party-legal-request", "sentence", "The court asks.", "minutes", "15", "mailbox", "INBOX")
	request := strings.TrimPrefix(made.header.Get("Location"), "/requests/")
	if len(request) != 32 {
		t.Fatalf("asking leads to %q: %s", made.header.Get("Location"), made.Find("main").Text())
	}
	grace.post("/approvals/"+request, "answer", "approve", "most", "1").leadsTo(t, "/approvals")
	if second := rosa.get("/approvals/"+request).is(t, 200); !strings.Contains(second.body, "1 of 2 agreed") || !strings.Contains(second.body, "Emergency") {
		t.Error("the second approver does not see the first, or that it is an emergency")
	}
	rosa.post("/approvals/"+request, "answer", "approve").leadsTo(t, "/approvals")
	grant, _ := nadia.get("/requests/"+request).is(t, 200).Find("[data-grant]").Attr("data-grant")
	nadia.get("/grants/"+grant).is(t, 200)
	if n := len(h.told.all); n != 0 {
		t.Errorf("a hold runs, and the customer was told %d times", n)
	}

	all := aude.get("/history?words=court&outcome=granted&name=nadia&tier=content&address=ana@outlook.example").is(t, 200)
	if n := all.Find("tr[data-entry]").Length(); n != 1 || !strings.Contains(all.body, "1 message") {
		t.Errorf("the history has %d entries", n)
	}
	if n := nadia.get("/history").is(t, 200).Find("tr[data-entry]").Length(); n != 1 {
		t.Errorf("the agent reads %d entries of their own", n)
	}
	aude.get("/history?after=x").is(t, 422)
}
