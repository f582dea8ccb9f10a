package web

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/gate/policy"
	"github.com/postern-mail/postern/staff"
)

// TestOneFieldOpensAlone: what is opened is that field of that message and
// nothing else, and it is a disclosure of its own.
func TestOneFieldOpensAlone(t *testing.T) {
	h := newHouse(t, policy.Default(), false)
	nadia, grace := h.hire("nadia", "provider", staff.Agent), h.hire("grace", "provider", staff.Approver)
	nadia.signIn()
	grace.signIn()
	request := nadia.post("/cases/"+string(h.kase.ID)+"/ask", "tier", "envelope", "reason", "customer-support", "sentence", "x", "minutes", "15", "messages", string(h.ids[0])).leadsTo(t, "/requests/")
	grace.post("/approvals/"+strings.TrimPrefix(request, "/requests/"), "answer", "approve").leadsTo(t, "/approvals")
	grant, _ := nadia.get(request).Find("a[data-grant]").Attr("href")
	one := grant + "/messages/" + string(h.ids[0]) + "/show"

	p := nadia.post(one, "field", "subject").is(t, 200)
	if got := p.Find("[data-field=subject]").Text(); got != subject {
		t.Errorf("the subject opens as %q", got)
	}
	if strings.Contains(p.body, sender) || p.Find("svg.watermark").Length() != 1 || p.Find(".countdown").Length() == 0 || p.header.Get("Refresh") == "" {
		t.Error("the page shows more than its field, or lacks its watermark or its end")
	}
	if back, _ := p.Find(".actions a").Attr("href"); back != grant+"#m-"+string(h.ids[0]) {
		t.Errorf("the way back is %q", back)
	}
	if p := nadia.post(one, "field", "from").is(t, 200); !strings.Contains(p.Find("[data-field=from]").Text(), sender) || strings.Contains(p.body, subject) {
		t.Error("the sender does not open, or not alone")
	}
	looks, err := h.gate.Looks(context.Background(), h.kase.Account, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	count := map[postern.Field]int{}
	for _, l := range looks {
		count[l.Fields]++
	}
	if count[postern.FieldSubject] != 1 || count[postern.FieldFrom] != 1 {
		t.Errorf("the ledger has %v", count)
	}
	nadia.post(one, "field", "body").is(t, 422)
	nadia.post(one).is(t, 422)
	nadia.post(grant+"/messages/"+string(h.ids[1])+"/show", "field", "subject").refusedWith(t, gate.RefusedOutsideScope)
	grace.post(one, "field", "subject").refusedWith(t, gate.RefusedOtherSession)
	nadia.post(grant+"/close").is(t, 303)
	nadia.post(one, "field", "subject").refusedWith(t, gate.RefusedGrantEnded)
}

func TestProveAgain(t *testing.T) {
	get := httptest.NewRequest("GET", "/grants/g1/messages/m1?tier=attachment", nil)
	post := httptest.NewRequest("POST", "/grants/g1/messages/m1/show", nil)
	post.SetPathValue("id", "g1")
	for _, c := range []struct{ got, want string }{
		{proveAgain(get, "gate.refused.budget"), ""},
		{proveAgain(get, "gate.refused.reauthenticate"), "/prove?then=%2Fgrants%2Fg1%2Fmessages%2Fm1%3Ftier%3Dattachment"},
		{proveAgain(post, "gate.refused.reauthenticate"), "/prove?then=%2Fgrants%2Fg1"},
	} {
		if c.got != c.want {
			t.Errorf("leads to %q, want %q", c.got, c.want)
		}
	}
}
