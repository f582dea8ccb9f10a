package web

import (
	"strings"
	"testing"

	"github.com/postern-mail/postern/gate/policy"
)

// TestWork works a case over forms: views, macros, priority, hand-over, merging.
func TestWork(t *testing.T) {
	h := newHouse(t, policy.Default(), false)
	nadia, bo, grace := h.hire("nadia", "provider", "agent"), h.hire("bo", "provider", "agent"), h.hire("grace", "provider", "approver")
	for _, p := range []*person{nadia, bo, grace} {
		p.signIn()
	}
	base := "/cases/" + string(h.kase.ID)
	nadia.get("/setup").is(t, 403)
	grace.post("/setup/macros", "name", "Bonjour", "fr", "Bonjour {name}, dossier {number}.", "en", "Hello {name}.").leadsTo(t, "/setup")
	macro, _ := nadia.get(base).is(t, 200).Find("select[name=macro] option").Attr("value")
	if got := nadia.post(base+"/macro", "macro", macro, "text", "Typed.").is(t, 200).Find("textarea[name=text]").Text(); !strings.HasPrefix(got, "Typed.") || !strings.Contains(got, "Bonjour Ana Moreau, dossier ") {
		t.Errorf("the draft is %q", got)
	}
	nadia.post(base+"/edit", "priority", "urgent", "external", "ZD-9").leadsTo(t, base)
	nadia.post(base+"/note", "text", "Among us.").leadsTo(t, base)
	nadia.post(base+"/assign", "me", "1").leadsTo(t, base)
	nadia.post(base+"/hand-over", "staff", string(bo.m.ID), "why", " ").is(t, 422)
	nadia.post(base+"/hand-over", "staff", string(bo.m.ID), "why", "My shift ends.").leadsTo(t, base)
	now := bo.get(base).is(t, 200)
	if now.Find("[data-note]").Length() != 2 || !strings.Contains(now.Find(".alert").Text(), "My shift ends.") || now.Find("[data-clock]").Length() != 1 {
		t.Errorf("the case's page lacks its notes, its hand-over or its clock: %s", now.Find("main").Text())
	}
	nadia.post(base+"/writing").is(t, 204)
	if got := bo.get(base).Find("#presence").Text(); !strings.Contains(got, nadia.m.Name) {
		t.Errorf("writing: %q", got)
	}
	nadia.post("/views", "name", "Urgent", "filter", "priority=urgent").leadsTo(t, "/cases?priority=urgent")
	if got := nadia.get("/cases?priority=urgent").is(t, 200); got.Find("[data-case]").Length() != 1 || !strings.Contains(got.Find(".chip[aria-current]").Text(), "Urgent") {
		t.Error("the view does not show its case")
	}
	nadia.get("/cases?status=lost").is(t, 422)
	bo.post(base+"/merge", "into", "1").is(t, 422)
}
