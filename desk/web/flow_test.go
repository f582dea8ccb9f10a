package web

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/desk"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/gate/policy"
	"github.com/postern-mail/postern/staff"
)

// TestStory goes through a case as a browser without scripts does: diagnosis,
// trace, refused, asked, approved, shown, asked deeper, agreed by the customer,
// shown, closed.
func TestStory(t *testing.T) {
	for _, lang := range []string{"en", "fr"} {
		t.Run(lang, func(t *testing.T) {
			h := newHouse(t, policy.Default(), false)
			h.locale = lang
			nadia, grace := h.hire("nadia", "provider", staff.Agent), h.hire("grace", "provider", staff.Approver)
			nadia.signIn()
			grace.signIn()
			base := "/cases/" + string(h.kase.ID)

			if href, _ := nadia.get("/cases").is(t, 200).Find("a[data-case]").Attr("href"); href != base {
				t.Fatalf("the queue leads to %q", href)
			}
			k := nadia.get(base).is(t, 200)
			if n := k.Find(".rung").Length(); n != 5 {
				t.Errorf("the ladder has %d rungs", n)
			}
			if !strings.Contains(k.body, "Je ne reçois plus rien") {
				t.Error("the case does not show the customer's words")
			}
			nadia.post(base+"/assign", "me", "1").leadsTo(t, base)
			nadia.post(base+"/note", "text", "look at the trace").leadsTo(t, base)
			nadia.post(base+"/reply", "text", "Je regarde.").leadsTo(t, base)
			nadia.post(base+"/reply", "text", " ").is(t, 422)

			// Diagnosis and trace need the case alone.
			d := nadia.get(base+"/diagnosis").is(t, 200)
			if d.Find("[data-account]").Length() != 1 || d.Find(".alert").Length() == 0 || d.Find("svg.watermark").Length() != 1 {
				t.Error("the diagnosis lacks its account, its findings or its watermark")
			}
			if d.header.Get("Refresh") == "" {
				t.Error("without scripts the diagnosis would stay after its grant")
			}
			nadia.get(base+"/trace?query="+url.QueryEscape("nonsense")).is(t, 422)
			tr := nadia.get(base+"/trace?query="+url.QueryEscape(sender)).is(t, 200)
			if tr.Find("tbody tr").Length() != 3 || strings.Contains(tr.body, subject) {
				t.Error("the trace shows too little or too much")
			}

			// Envelopes need a second person.
			nadia.get(base+"/ask?tier=envelope").is(t, 200)
			nadia.post(base+"/ask", "tier", "envelope", "reason", "customer-support", "sentence", "", "minutes", "15", "mailbox", "INBOX").is(t, 422)
			nadia.post(base+"/ask", "tier", "envelope", "reason", "customer-support", "sentence", "x", "minutes", "15", "mailbox", "INBOX", "since", "soon").is(t, 422)
			request := nadia.post(base+"/ask", "tier", "envelope", "reason", "customer-support", "sentence", "Looking for the bank's letter.", "minutes", "15", "mailbox", "INBOX",
				"since", h.clock.now().AddDate(0, 0, -1).Format("2006-01-02")).leadsTo(t, "/requests/")
			w := nadia.get(request).is(t, 200)
			if got, _ := w.Find("[data-status]").Attr("data-status"); got != "waiting" || w.header.Get("Refresh") == "" {
				t.Errorf("a waiting request is %q and refreshes %q", got, w.header.Get("Refresh"))
			}
			if strings.Contains(w.body, "2 envelopes") || strings.Contains(w.body, "2 enveloppes") {
				t.Error("the asker learns how many messages a mailbox has")
			}
			// Neither oneself nor by address.
			id := strings.TrimPrefix(request, "/requests/")
			nadia.get("/approvals").refusedWith(t, gate.RefusedNotApprover)
			nadia.post("/approvals/"+id, "answer", "approve").refusedWith(t, gate.RefusedNotApprover)
			grace.get(request).is(t, 404)

			list := grace.get("/approvals").is(t, 200)
			if href, _ := list.Find("[data-request] a").Attr("href"); href != "/approvals/"+id {
				t.Fatalf("the approvals lead to %q", href)
			}
			a := grace.get("/approvals/"+id).is(t, 200)
			for _, words := range []string{"Je ne reçois plus rien", "Looking for the bank", map[string]string{"en": "2 envelopes", "fr": "2 enveloppes"}[lang]} {
				if !strings.Contains(a.body, words) {
					t.Errorf("the approver does not see %q", words)
				}
			}
			grace.post("/approvals/"+id, "answer", "refuse", "sentence", "").is(t, 422)
			grace.post("/approvals/"+id, "answer", "approve", "tier", "content").is(t, 422)
			// What cannot be read is never taken for "all of it".
			for _, less := range [][2]string{{"most", "two"}, {"most", "0"}, {"most", "-1"}, {"minutes", "short"}, {"minutes", "0"}} {
				grace.post("/approvals/"+id, "answer", "approve", less[0], less[1]).is(t, 422)
			}
			grace.post("/approvals/"+id, "answer", "approve", "tier", "envelope", "minutes", "5").leadsTo(t, "/approvals")
			grace.get("/approvals/"+id).is(t, 409)

			w = nadia.get(request).is(t, 200)
			href, _ := w.Find("a[data-grant]").Attr("href")
			g := nadia.get(href).is(t, 200)
			if g.Find("tr[data-message]").Length() != 2 || strings.Contains(g.body, subject) || strings.Contains(g.body, secret) {
				t.Errorf("the envelopes show too little or too much: %s", g.Find("tbody").Text())
			}
			// What is masked opens field by field, as the form beside it says.
			form := g.Find("tr[data-message=\"" + string(h.ids[0]) + "\"] form:has(input[value=subject])")
			action, _ := form.Attr("action")
			if f := nadia.post(action, "field", "subject").is(t, 200); f.Find("[data-field]").Text() != subject {
				t.Errorf("a field opens as %q", f.Find("[data-field]").Text())
			}
			// The text is locked, and the refusal offers to ask for that message.
			locked := nadia.get(href+"/messages/"+string(h.ids[0])).refusedWith(t, gate.RefusedDeeperTier)
			if got, _ := locked.Find("form input[name=messages]").Attr("value"); got != string(h.ids[0]) {
				t.Errorf("the refusal offers to ask for %q", got)
			}
			nadia.get(href+"/messages/"+string(h.ids[2])).refusedWith(t, gate.RefusedDeeperTier)

			// The customer agrees to one message, with attachments.
			request = nadia.post(base+"/ask", "tier", "attachment", "reason", "customer-support", "sentence", "To read it with you.", "minutes", "15", "messages", string(h.ids[0])).leadsTo(t, "/requests/")
			grace.get("/approvals/"+strings.TrimPrefix(request, "/requests/")).is(t, 200)
			grace.post("/approvals/"+strings.TrimPrefix(request, "/requests/"), "answer", "approve").refusedWith(t, gate.RefusedCustomerOnly)
			if _, err := h.gate.Consent(context.Background(), h.kase.Account, postern.RequestID(strings.TrimPrefix(request, "/requests/")), gate.Narrow{}); err != nil {
				t.Fatal(err)
			}
			href, _ = nadia.get(request).Find("a[data-grant]").Attr("href")
			one := href + "/messages/" + string(h.ids[0])
			m := nadia.get(one).is(t, 200)
			if m.Find("[data-body]").Text() != secret || m.Find("svg.watermark").Length() != 1 || m.Find(".countdown").Length() == 0 {
				t.Errorf("the message shows %q", m.Find("[data-body]").Text())
			}
			if strings.Contains(m.body, "relevé.html") {
				t.Error("the text shows attachments")
			}
			m = nadia.get(one+"?tier=attachment").is(t, 200)
			file, _ := m.Find("a[download]").First().Attr("href")
			f := nadia.get(file).is(t, 200)
			if f.body != "<script>1</script>" || f.header.Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(f.header.Get("Content-Disposition"), "attachment") {
				t.Errorf("the attachment came as %v", f.header)
			}
			if f := nadia.get(one+"/source").is(t, 200); f.body != "Subject: raw\r\n\r\n" {
				t.Errorf("the source is %q", f.body)
			}
			nadia.get(one+"/attachments/7").is(t, 404)

			// Somebody else's access is nobody's way in.
			grace.get(href).refusedWith(t, gate.RefusedOtherSession)

			nadia.get("/grants").is(t, 200)
			nadia.post(href+"/close").leadsTo(t, base)
			nadia.get(one).refusedWith(t, gate.RefusedGrantEnded)
			nadia.get("/history").is(t, 200)
			nadia.post(base+"/close").leadsTo(t, base)
			nadia.post(base+"/ask", "tier", "envelope", "reason", "customer-support", "sentence", "x", "minutes", "5", "mailbox", "INBOX").refusedWith(t, gate.RefusedCaseClosed)
			nadia.post(base+"/reopen").leadsTo(t, base)
			nadia.post("/sign-out").leadsTo(t, "/sign-in")
			nadia.get(base).leadsTo(t, "/sign-in")
		})
	}
}

func TestOfferedMessageOpensAtOnce(t *testing.T) {
	h := newHouse(t, policy.Default(), false)
	nadia := h.hire("nadia", "helpline", staff.Agent)
	nadia.signIn()
	h.give("helpline")
	if err := h.gate.Offer(context.Background(), h.kase.Account, h.kase.ID, h.ids[2:], postern.TierContent); err != nil {
		t.Fatal(err)
	}
	form := nadia.get("/cases/"+string(h.kase.ID)).is(t, 200).Find("form[action$='/ask']")
	var pairs []string
	for _, name := range []string{"tier", "reason", "sentence"} {
		v, _ := form.Find("input[name=" + name + "]").Attr("value")
		pairs = append(pairs, name, v)
	}
	to := nadia.post("/cases/"+string(h.kase.ID)+"/ask", pairs...).leadsTo(t, "/grants/")
	// It is guarded, and the customer agreed to this very message.
	if m := nadia.get(to+"/messages/"+string(h.ids[2])).is(t, 200); m.Find("[data-body]").Text() != secret {
		t.Error("the offered message does not open")
	}
}

func TestMaskedIsShownAsMasked(t *testing.T) {
	h := newHouse(t, policy.Default(), false)
	nadia, grace := h.hire("nadia", "provider", staff.Agent), h.hire("grace", "provider", staff.Approver)
	nadia.signIn()
	grace.signIn()
	request := nadia.post("/cases/"+string(h.kase.ID)+"/ask", "tier", "envelope", "reason", "customer-support", "sentence", "x", "minutes", "15", "mailbox", "INBOX").leadsTo(t, "/requests/")
	grace.post("/approvals/"+strings.TrimPrefix(request, "/requests/"), "answer", "approve").leadsTo(t, "/approvals")
	href, _ := nadia.get(request).Find("a[data-grant]").Attr("href")
	g := nadia.get(href).is(t, 200)
	if n := g.Find("tr[data-message]").Length(); n != 3 {
		t.Errorf("%d rows", n)
	}
	if id, _ := g.Find("tr[data-masked]").Attr("data-message"); id != string(h.ids[2]) {
		t.Errorf("masked is %q", id)
	}
}

// TestApproveLess: the newest one only, for five minutes.
func TestApproveLess(t *testing.T) {
	h := newHouse(t, policy.Default(), false)
	nadia, grace := h.hire("nadia", "provider", staff.Agent), h.hire("grace", "provider", staff.Agent, staff.Approver)
	nadia.signIn()
	grace.signIn()
	ask := func(p *person) string {
		return strings.TrimPrefix(p.post("/cases/"+string(h.kase.ID)+"/ask", "tier", "envelope", "reason", "customer-support", "sentence", "x", "minutes", "15", "mailbox", "INBOX").leadsTo(t, "/requests/"), "/requests/")
	}
	id := ask(nadia)
	grace.post("/approvals/"+id, "answer", "approve", "most", "1", "minutes", "5").leadsTo(t, "/approvals")
	href, _ := nadia.get("/requests/" + id).Find("a[data-grant]").Attr("href")
	if n := nadia.get(href).is(t, 200).Find("tr[data-message]").Length(); n != 1 {
		t.Errorf("%d messages, want the newest", n)
	}
	h.clock.pass(5 * time.Minute)
	nadia.get(href).refusedWith(t, gate.RefusedGrantEnded)

	// Never one's own, and refused with a sentence that the asker reads.
	own := ask(grace)
	grace.get("/approvals/"+own).refusedWith(t, gate.RefusedOwnRequest)
	grace.post("/approvals/"+own, "answer", "approve").refusedWith(t, gate.RefusedOwnRequest)
	id = ask(nadia)
	grace.post("/approvals/"+id, "answer", "refuse", "sentence", "The trace is enough.").leadsTo(t, "/approvals")
	if a := nadia.get("/requests/"+id).is(t, 200); !strings.Contains(a.body, "The trace is enough.") {
		t.Error("the asker does not read why")
	}
	id = ask(nadia)
	nadia.post("/requests/"+id+"/cancel").leadsTo(t, "/requests/"+id)
	grace.post("/approvals/"+id, "answer", "approve").is(t, 409)
}

// TestStanding: under the policy of 2019 an agent opens anybody, without a case.
func TestStanding(t *testing.T) {
	h := newHouse(t, policy.Standing(), false)
	thief := h.hire("thief", "helpline", staff.Agent)
	thief.signIn()
	thief.get("/accounts?address=ana@outlook.example").is(t, 200)
	ask := []string{"address", "ana@outlook.example", "tier", "attachment", "reason", "customer-support", "sentence", "x", "minutes", "60", "mailbox", "INBOX"}
	to := thief.post("/accounts/ask", ask...).leadsTo(t, "/grants/")
	rows := thief.get(to).is(t, 200).Find("tr[data-message]")
	if rows.Length() != 3 {
		t.Errorf("%d rows", rows.Length())
	}
	if m := thief.get(to+"/messages/"+string(h.ids[0])).is(t, 200); m.Find("[data-body]").Text() != secret {
		t.Error("no text")
	}
	thief.get("/accounts?address=nobody@outlook.example").is(t, 404)
}

func TestWithoutACaseNothingIsSaid(t *testing.T) {
	h := newHouse(t, policy.Default(), false)
	thief := h.hire("thief", "helpline", staff.Agent)
	thief.signIn()
	thief.get("/accounts").is(t, 200)
	a := thief.get("/accounts?address=ana@outlook.example").refusedWith(t, gate.RefusedNoCase)
	b := thief.get("/accounts?address=nobody@outlook.example").refusedWith(t, gate.RefusedNoCase)
	if a.Find("main").Text() != b.Find("main").Text() {
		t.Error("the refusal tells which addresses exist")
	}
	for _, address := range []string{"ana@outlook.example", "nobody@outlook.example"} {
		thief.post("/accounts/ask", "address", address, "tier", "envelope", "reason", "customer-support", "sentence", "x", "minutes", "60", "mailbox", "INBOX").refusedWith(t, gate.RefusedNoCase)
	}
}

// TestStreamsEnd: what is open hears of the end at once.
func TestStreamsEnd(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(h *house, s postern.SessionID, g gate.Grant) error
		path func(g gate.Grant) string
	}{
		{"grant withdrawn", func(h *house, _ postern.SessionID, g gate.Grant) error {
			return h.gate.Withdraw(context.Background(), h.kase.Account, g.ID)
		}, func(g gate.Grant) string { return "/grants/" + string(g.ID) + "/events" }},
		{"session contained", contain, func(g gate.Grant) string { return "/grants/" + string(g.ID) + "/events" }},
		{"session contained, any page", contain, func(gate.Grant) string { return "/events" }},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHouse(t, policy.Default(), false)
			nadia := h.hire("nadia", "provider", staff.Agent)
			nadia.signIn()
			if err := h.gate.Offer(context.Background(), h.kase.Account, h.kase.ID, h.ids[:1], postern.TierContent); err != nil {
				t.Fatal(err)
			}
			to := nadia.post("/cases/"+string(h.kase.ID)+"/ask", "tier", "content", "reason", "customer-support", "sentence", "x").leadsTo(t, "/grants/")
			g, err := h.gate.Grant(context.Background(), postern.GrantID(strings.TrimPrefix(to, "/grants/")))
			if err != nil {
				t.Fatal(err)
			}
			a, err := nadia.client.Get(h.server.URL + test.path(g))
			if err != nil {
				t.Fatal(err)
			}
			defer a.Body.Close()
			in := bufio.NewReader(a.Body)
			if line, err := in.ReadString('\n'); err != nil || line != ": open\n" {
				t.Fatalf("the stream began with %q, %v", line, err)
			}
			if err := test.end(h, g.Session, g); err != nil {
				t.Fatal(err)
			}
			rest, err := io.ReadAll(in)
			if err != nil || !strings.Contains(string(rest), "event: ended\ndata: ") {
				t.Errorf("the stream ended with %q, %v", rest, err)
			}
			// And nothing more is shown.
			if m := nadia.get(to + "/messages/" + string(h.ids[0])); m.status == http.StatusOK || strings.Contains(m.body, secret) {
				t.Errorf("after the end: status %d", m.status)
			}
		})
	}
}

func contain(h *house, s postern.SessionID, _ gate.Grant) error {
	_, err := h.gate.Contain(context.Background(), gate.Actor{Name: "operator"}, gate.Target{Kind: gate.KindSession, Subject: string(s), Why: "test"})
	return err
}

func TestContainedSessionIsToldWhy(t *testing.T) {
	h := newHouse(t, policy.Default(), false)
	nadia := h.hire("nadia", "provider", staff.Agent)
	nadia.signIn()
	c, err := h.staff.CredentialsOf(context.Background(), nadia.m.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.gate.Contain(context.Background(), gate.Actor{Name: "operator"}, gate.Target{Kind: gate.KindCredential, Subject: string(c[0].ID), Why: "stolen"}); err != nil {
		t.Fatal(err)
	}
	to := nadia.get("/cases/"+string(h.kase.ID)).leadsTo(t, "/sign-in?")
	if p := nadia.get(to).is(t, 200); !strings.Contains(p.body, "This way to sign in was ended.") {
		t.Error("the sign-in page does not say why")
	}
}

func TestSignInPages(t *testing.T) {
	h := newHouse(t, policy.Default(), false)
	nadia := h.hire("nadia", "provider", staff.Agent)
	nadia.post("/sign-in", "login", "nadia", "password", phrase, "code", "000000").is(t, 403) // no page was opened before: the same-site cookie is missing
	nadia.get("/sign-in")
	a := nadia.post("/sign-in", "login", "nadia", "password", "not that", "code", "000000").is(t, 403)
	if a.Find("#login-error").Length() != 1 || a.Find("#summary").Length() != 1 {
		t.Error("the page does not say what was wrong")
	}
	if v, _ := a.Find("#password").Attr("value"); v != "" {
		t.Error("the password comes back in the page")
	}
	nadia.post("/sign-in/demo", "staff", string(nadia.m.ID)).is(t, 404)
	if p := nadia.post("/sign-in/passkey/begin").is(t, 200); !strings.Contains(p.body, `"rpId":"localhost"`) || !strings.Contains(p.body, `"userVerification":"required"`) {
		t.Errorf("the challenge is %s", p.body)
	}
	if p := nadia.post("/sign-in/passkey").is(t, 422); !strings.Contains(p.body, "This attempt is too old.") {
		t.Errorf("an empty answer: %s", p.body)
	}
	nadia.post("/passkey/begin").is(t, 403)
	nadia.get("/passkey").leadsTo(t, "/sign-in?next=%2Fpasskey")
	if p := nadia.post("/passkey/begin", "invite", "nonsense").is(t, 404); strings.Contains(p.body, "challenge") {
		t.Errorf("nobody was invited: %s", p.body)
	}
	token, err := h.staff.Invite(context.Background(), nadia.m.ID)
	if err != nil {
		t.Fatal(err)
	}
	nadia.get("/invite").is(t, 200)
	if p := nadia.post("/passkey/begin", "invite", token).is(t, 200); !strings.Contains(p.body, nadia.m.Name) {
		t.Errorf("the invitation is nobody's: %s", p.body)
	}
	nadia.post("/passkey", "invite", token).is(t, 422)
	nadia.signIn()
	nadia.get("/passkey").is(t, 200)
	nadia.get("/").leadsTo(t, "/cases")
	nadia.get("/nowhere").is(t, 404)
	nadia.get("/cases/nonsense").is(t, 404)
	nadia.get("/grants/nonsense").is(t, 404)
	for _, q := range []string{"?status=closed", "?mine=1", "?q=banque", "?q=%231"} {
		nadia.get("/cases"+q).is(t, 200)
	}
	nadia.get("/cases?status=odd").is(t, 422)
}

func TestDemoButtons(t *testing.T) {
	h := newHouse(t, policy.Default(), true)
	nadia := h.hire("nadia", "provider", staff.Agent)
	h.hire("idris", "provider", staff.Responder)
	p := nadia.get("/sign-in").is(t, 200)
	if n := p.Find("button[data-demo]").Length(); n != 1 {
		t.Errorf("%d buttons, want that of the one whose work is here", n)
	}
	nadia.post("/sign-in/demo", "staff", string(nadia.m.ID)).leadsTo(t, "/cases")
	nadia.get("/cases").is(t, 200)
}

func TestOnlyStaffOfTheDesk(t *testing.T) {
	h := newHouse(t, policy.Default(), false)
	idris := h.hire("idris", "provider", staff.Responder)
	idris.signIn()
	idris.get("/cases").refusedWith(t, "desk.refused.not-agent")
	idris.get("/cases/"+string(h.kase.ID)+"/diagnosis").is(t, 403)
	if _, err := h.cases.Of(context.Background(), h.kase.Account); err != nil {
		t.Fatal(err)
	}
	if h.kase.Status != desk.StatusOpen {
		t.Error("the case changed")
	}
}
