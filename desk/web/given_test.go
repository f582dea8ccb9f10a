package web

import (
	"strings"
	"testing"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate/policy"
	"github.com/postern-mail/postern/staff"
)

// TestAnOutsourcersPages show the cases given to it, and of every other what they
// show of none.
func TestAnOutsourcersPages(t *testing.T) {
	h := newHouse(t, policy.Default(), false)
	nadia, bo, olga := h.hire("nadia", "provider", staff.Agent), h.hire("bo", "helpline", staff.Agent), h.hire("olga", "helpline", staff.Approver)
	for _, p := range []*person{nadia, bo, olga} {
		p.signIn()
	}
	base := "/cases/" + string(h.kase.ID)
	none := "/cases/" + postern.NewID()
	asked := nadia.post(base+"/ask", "tier", "envelope", "reason", "customer-support", "sentence", "To find it.", "minutes", "15", "mailbox", "INBOX").leadsTo(t, "/requests/")

	same := func(a, b page) {
		t.Helper()
		if a.status != 404 || b.status != 404 || strings.ReplaceAll(a.body, string(h.kase.ID), "") != strings.ReplaceAll(b.body, strings.TrimPrefix(none, "/cases/"), "") {
			t.Errorf("a case of others is %d, and none is %d", a.status, b.status)
		}
	}
	for _, path := range []string{"", "/ask", "/diagnosis", "/trace", "/trace?q=bank.example", "/checklist"} {
		same(bo.get(base+path), bo.get(none+path))
	}
	for path, form := range map[string][]string{"/reply": {"text", "x"}, "/note": {"text", "x"}, "/close": nil, "/assign": {"me", "1"}, "/organisation": {"organisation", "helpline"}, "/writing": nil,
		"/hand-over": {"staff", string(bo.m.ID), "why", "x"}, "/merge": {"into", "1"}, "/edit": {"priority", "high"},
		"/ask": {"tier", "envelope", "reason", "customer-support", "sentence", "x", "minutes", "15", "mailbox", "INBOX"}} {
		same(bo.post(base+path, form...), bo.post(none+path, form...))
	}
	for _, path := range []string{"/cases", "/cases?q=lettre", "/cases?q=ana@outlook.example", "/cases?outside=1"} {
		if q := bo.get(path).is(t, 200); strings.Contains(q.body, h.kase.Subject) || strings.Contains(q.body, string(h.kase.ID)) {
			t.Errorf("%s lists a case of others", path)
		}
	}
	if a := olga.get("/approvals").is(t, 200); a.Find("[data-request]").Length() != 0 {
		t.Error("an outsourcer's approver reads the provider's requests")
	}
	olga.get("/approvals/"+strings.TrimPrefix(asked, "/requests/")).is(t, 404)

	nadia.post(base+"/organisation", "organisation", "helpline").leadsTo(t, base)
	c := bo.get(base).is(t, 200)
	if n := c.Find("select[name=staff] option[value='" + string(nadia.m.ID) + "']").Length(); n != 0 {
		t.Error("an outsourcer may hand over to the provider's people")
	}
	if n := c.Find("select[name=organisation] option").Length(); n != 3 { // nobody, its own, the provider
		t.Errorf("it may give the case to %d", n)
	}
	bo.get(base+"/diagnosis").is(t, 200)
	waiting := bo.post(base+"/ask", "tier", "envelope", "reason", "customer-support", "sentence", "To find it.", "minutes", "15", "mailbox", "INBOX").leadsTo(t, "/requests/")
	bo.post(base+"/organisation", "organisation", "provider").leadsTo(t, "/cases")
	bo.get(base).is(t, 404)
	// What one asked oneself stays to be read, without the case.
	if r := bo.get(waiting).is(t, 200); strings.Contains(r.body, h.kase.Subject) {
		t.Error("a request of before names the case")
	}
	bo.get("/history").is(t, 200)
}
