package web

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/desk"
	"github.com/postern-mail/postern/gate/policy"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/ui"
)

func checklistSamples() []ui.Sample {
	tracing := sampleReveal
	tracing.Grant.Tier = postern.TierTrace
	var complaints []ui.NavItem
	for _, c := range desk.Complaints {
		complaints = append(complaints, ui.NavItem{Text: "desk.complaint." + c.ID, Href: "/x", Current: c.ID == desk.NotArriving})
	}
	warn := []sentence{{"warn", "triangle-alert", "SPF : le domaine de l’expéditeur n’autorise pas ce serveur."}}
	sources := desk.GroupSignIns([]postern.SignIn{{At: noon, Protocol: "imap", Network: "198.51.100.0/24", Result: "wrong-password"}, {At: noon.Add(-time.Hour), Protocol: "imap", Network: "198.51.100.0/24", Result: "ok"}})
	return []ui.Sample{
		sample("checklist-choose", "checklist", checklistData{revealed: revealed{Case: &sampleCase}, Complaints: complaints}),
		revealing("checklist", "checklist", checklistData{revealed: tracing, Complaints: complaints, Complaint: desk.NotArriving, Names: "sender", Query: "bank.example", Lang: "fr",
			Checks:  []checkedLine{{Key: "desk.check.quota", Badge: "desk.checked.ok", Kind: "ok"}, {Key: "desk.check.junk", Badge: "desk.checked.problem", Kind: "danger", Evidence: warn}, {Key: "desk.check.door", Badge: "desk.checked.unknown", Kind: "info"}},
			Replies: []string{"Le message est dans vos indésirables."}}),
		revealing("trace-words", "trace", traceData{revealed: tracing, Query: "bank.example", Asked: true, Words: warn, Events: []postern.TraceEvent{{At: noon, Event: "deferred", Sender: "ana@outlook.example", Detail: "mx.bank.example 451 4.4.1 no server"}}}),
		revealing("diagnosis-sources", "diagnosis", diagnosisData{revealed: sampleReveal, Account: postern.ShownAccount{Status: "active", Created: noon, Filters: 2, Bounced: 1}, Sources: sources}),
	}
}

// TestChecklist answers a complaint from the account, then with a name from the
// trace, and puts a reply into the box: two disclosures, no message opened.
func TestChecklist(t *testing.T) {
	for _, lang := range []string{"en", "fr"} {
		t.Run(lang, func(t *testing.T) {
			h := newHouse(t, policy.Default(), false)
			h.locale = lang
			nadia := h.hire("nadia", "provider", staff.Agent)
			nadia.signIn()
			base := "/cases/" + string(h.kase.ID)
			if href, _ := nadia.get(base).is(t, 200).Find("a[href$='/checklist']").Attr("href"); href != base+"/checklist" {
				t.Errorf("the case leads to %q", href)
			}
			if n := nadia.get(base+"/checklist").is(t, 200).Find("a[href*='complaint=']").Length(); n != 10 {
				t.Errorf("%d complaints", n)
			}
			c := nadia.get(base+"/checklist?complaint=not-arriving").is(t, 200)
			if c.Find("[data-state='desk.checked.unknown']").Length() == 0 || c.Find("svg.watermark").Length() != 1 {
				t.Error("without a name some checks are not known, and the page has a watermark")
			}
			nadia.get(base+"/checklist?complaint=not-arriving&query=nonsense").is(t, 422)
			nadia.get(base+"/checklist?complaint=toothache").is(t, 404)
			c = nadia.get(base+"/checklist?complaint=not-arriving&query="+url.QueryEscape(sender)).is(t, 200)
			if c.Find("[data-state='desk.checked.unknown']").Length() != 0 || strings.Contains(c.body, subject) {
				t.Error("with a name every check is answered, and no subject is shown")
			}
			text, _ := c.Find("form[action$='/suggest'] input[name=text]").First().Attr("value")
			if k := nadia.post(base+"/checklist/suggest", "text", text).is(t, 200); text == "" || k.Find("textarea[name=text]").Text() != text {
				t.Errorf("the reply box holds %q, want %q", k.Find("textarea").Text(), text)
			}
		})
	}
}
