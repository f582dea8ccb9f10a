package web

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/gate/policy"
	"github.com/postern-mail/postern/staff"
)

// TestTheTextWantsAProof: under the default policy a message's text is refused a
// quarter of an hour after the last proof; the refusal leads to another proof,
// and the proof back to the text.
func TestTheTextWantsAProof(t *testing.T) {
	for _, demo := range []bool{false, true} {
		t.Run(map[bool]string{false: "password and code", true: "demo"}[demo], func(t *testing.T) {
			h := newHouse(t, policy.Default(), demo)
			nadia := h.hire("nadia", "provider", staff.Agent)
			nadia.signIn()
			request := nadia.post("/cases/"+string(h.kase.ID)+"/ask", "tier", "attachment", "reason", "customer-support", "sentence", "x", "minutes", "30", "messages", string(h.ids[0])).leadsTo(t, "/requests/")
			g, err := h.gate.Consent(context.Background(), h.kase.Account, postern.RequestID(strings.TrimPrefix(request, "/requests/")), gate.Narrow{})
			if err != nil {
				t.Fatal(err)
			}
			list, one := "/grants/"+string(g.ID), "/grants/"+string(g.ID)+"/messages/"+string(h.ids[0])
			nadia.get(one).is(t, 200)
			h.clock.pass(16 * time.Minute)
			nadia.get(list).is(t, 200)
			nadia.get(one+"/source").refusedWith(t, gate.RefusedReauth)
			for _, page := range []string{one, one + "?tier=attachment"} {
				href, _ := nadia.get(page).refusedWith(t, gate.RefusedReauth).Find("main .actions a.primary").Attr("href")
				if href != "/prove?then="+url.QueryEscape(page) {
					t.Fatalf("the way on is %q", href)
				}
				form := nadia.get(href).is(t, 200)
				if then, _ := form.Find("form[action='/prove'] input[name=then]").Attr("value"); then != page {
					t.Errorf("the form leads to %q", then)
				}
			}
			if demo {
				nadia.post("/prove/demo", "then", one).leadsTo(t, one)
			} else {
				code, err := totp.GenerateCode(nadia.secret, h.clock.now())
				if err != nil {
					t.Fatal(err)
				}
				nadia.post("/prove", "password", phrase+".", "code", code, "then", one).is(t, 403)
				nadia.get(one).refusedWith(t, gate.RefusedReauth)
				nadia.post("/prove", "password", phrase, "code", code, "then", one).leadsTo(t, one)
			}
			if got := nadia.get(one).is(t, 200).Find("[data-body]").Text(); got != secret {
				t.Errorf("proved, the text is %q", got)
			}
			nadia.get(one+"?tier=attachment").is(t, 200)
		})
	}
}
