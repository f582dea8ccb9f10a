package web

import (
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/gate/fields"
	"github.com/postern-mail/postern/response"
	"github.com/postern-mail/postern/response/detect"
	"github.com/postern-mail/postern/response/incident"
	"github.com/postern-mail/postern/response/notify"
	"github.com/postern-mail/postern/response/scope"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/ui"
	"github.com/postern-mail/postern/ui/htmlcheck"
)

var sampleNow = time.Date(2026, 5, 14, 3, 12, 0, 0, time.UTC)

func sampleWeb(t testing.TB) *Web {
	t.Helper()
	w, err := New(Parts{Now: func() time.Time { return sampleNow }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func id(n int) string { return fmt.Sprintf("%08x%024x", uint32(n)*2654435761, n) }

// samples are the face's storybook: each page in the states that matter.
func samples(w *Web) []ui.Sample {
	ago := func(d time.Duration) time.Time { return sampleNow.Add(-d) }
	frame := func(title, path string, data any) ui.Page {
		nav := func(href string) bool { return strings.HasPrefix(path, href) }
		return ui.Page{Title: title, Data: data, User: &ui.User{Name: "Léa Moreau", Detail: "Outlook Example"}, Nav: []ui.NavItem{
			{Text: "nav.alerts", Href: "/alerts", Icon: "siren", Key: "g a", Current: nav("/alerts")}, {Text: "nav.incidents", Href: "/incidents", Icon: "clipboard-list", Key: "g i", Current: nav("/incidents")},
			{Text: "nav.contain", Href: "/contain", Icon: "power-off", Key: "g c"}, {Text: "nav.containments", Href: "/containments", Icon: "shield-off", Key: "g e"}}}
	}
	alert := func(n int, rule string, s incident.Severity, figures map[string]int) detect.Alert {
		return detect.Alert{ID: postern.AlertID(id(n)), Rule: rule, Severity: s, Status: detect.AlertOpen, At: ago(9 * time.Minute), First: ago(20 * time.Minute), Last: ago(2 * time.Minute),
			Count: 14, Staff: postern.StaffID(id(40)), StaffName: "Noor Haddad", Credential: postern.CredentialID(id(50)), Network: "198.51.100.0/24", Figures: figures,
			Sessions: []postern.SessionID{postern.SessionID(id(60)), postern.SessionID(id(61))}}
	}
	alerts := []detect.Alert{
		alert(1, "new-network", incident.High, map[string]int{"value": 1, "limit": 1}),
		alert(2, "fan-out-hour", incident.Medium, map[string]int{"value": 11, "limit": 10}),
		alert(3, "fan-out-day", incident.Medium, map[string]int{"value": 41, "limit": 40}),
		alert(4, "fan-out-week", incident.Medium, map[string]int{"value": 61, "limit": 30, "percentile": 50, "usual": 9, "times": 3, "observations": 812}),
		alert(5, "refusals", incident.Low, map[string]int{"value": 5, "limit": 5}),
		alert(6, "guarded", incident.High, map[string]int{"value": 3, "limit": 3}),
		alert(7, "no-case", incident.High, map[string]int{"value": 1, "limit": 1}),
	}
	catalog := w.ui.Words()
	worded := func(alerts ...detect.Alert) (all []alertWords) {
		for _, a := range alerts {
			all = append(all, wordsOf(catalog, "en", a))
		}
		return all
	}
	in := incident.Incident{ID: postern.IncidentID(id(10)), Number: 7, Title: "Noor's sign-in from a network that is not hers", State: incident.StateOpen, Severity: incident.High,
		Cause: incident.CauseUnknown, Lead: postern.StaffID(id(41)), LeadName: "Léa Moreau", Opened: ago(5 * time.Minute), Aware: ago(9 * time.Minute)}
	path := incidentPath(in.ID)
	later := in
	later.State, later.Cause, later.Contained, later.Scoped = incident.StateScoped, incident.CauseStolen, ago(4*time.Minute), ago(3*time.Minute)
	closed := later
	closed.State, closed.Notified, closed.Closed = incident.StateClosed, ago(2*time.Minute), ago(time.Minute)

	var tasks []incident.Task
	for i, name := range incident.PlannedTasks() {
		tasks = append(tasks, incident.Task{Number: int64(i + 1), Name: name, State: incident.TaskStates[i%len(incident.TaskStates)], Holder: "Max Weber", At: ago(time.Minute)})
	}
	tasks = append(tasks, incident.Task{Number: 9, Text: "Call the outsourcer's manager", State: incident.TaskNotStarted})
	lines := []incident.Line{
		{Kind: incident.LineOpened, Text: in.Title}, {Kind: incident.LineAlert, Facts: map[string]string{"rule": "new-network", "alert": id(1)}},
		{Kind: incident.LineContained, Position: 1234, Text: "It is used from a network that is not hers.", Facts: map[string]string{"kind": "credential", "subject": id(50), "label": "Noor Haddad", "sessions": "2", "grants": "3", "ms": "11"}},
		{Kind: incident.LineNote, Text: "She is on a train to Lyon and has her telephone with her."}, {Kind: incident.LineTask, Facts: map[string]string{"task": "call", "state": "done"}},
		{Kind: incident.LineTask, Facts: map[string]string{"text": "Call the outsourcer", "state": "looked-at"}}, {Kind: incident.LineLead, Facts: map[string]string{"from": "Max", "to": "Léa"}},
		{Kind: incident.LineCause, Facts: map[string]string{"to": "stolen"}, Text: "She was asleep."}, {Kind: incident.LineSeverity, Facts: map[string]string{"from": "medium", "to": "high"}},
		{Kind: incident.LineScoped, Facts: map[string]string{"version": "1", "accounts": "61", "messages": "207", "disclosures": "88", "erased": "2"}},
		{Kind: incident.LineDrafted, Facts: map[string]string{"version": "1", "notices": "61"}}, {Kind: incident.LineSubmitted, Facts: map[string]string{"version": "1"}},
		{Kind: incident.LineReturned, Facts: map[string]string{"version": "1"}, Text: "Say who Helpline is."}, {Kind: incident.LineApproved, Facts: map[string]string{"version": "2"}}, {Kind: incident.LineReleased, Facts: map[string]string{"version": "2"}},
		{Kind: incident.LineSent, Facts: map[string]string{"version": "2", "sent": "60", "failed": "1"}}, {Kind: incident.LineLifted, Position: -1, Text: "She has a new passkey.", Facts: map[string]string{"kind": "credential", "subject": id(50)}},
		{Kind: incident.LineClosed, Text: "Everybody is told."}, {Kind: incident.LineReopened, Text: "Not quite."},
	}
	timeline := func(lang string) (all []ui.Moment) {
		for i, l := range lines {
			l.At = ago(time.Duration(len(lines)-i) * time.Minute)
			if i%3 != 0 {
				l.ActorName = "Léa Moreau"
			}
			all = append(all, w.moment(lang, path, l))
		}
		return all
	}
	look := func(n int, tier postern.Tier, ids int) scope.Exposure {
		e := scope.Exposure{Account: postern.AccountID(id(100 + n)), Tier: tier, First: ago(30 * time.Minute), Last: ago(10 * time.Minute), Certainty: scope.Shown, Fields: tier.Fields(),
			Sessions: []postern.SessionID{postern.SessionID(id(60))}, Disclosures: []scope.ExposedLook{{ID: postern.DisclosureID(id(200 + n)), At: ago(30 * time.Minute), Session: postern.SessionID(id(60)), Messages: ids, Fields: fields.Usual(tier)}}}
		for i := range ids {
			e.Messages = append(e.Messages, scope.ExposedMessage{ID: postern.MessageID(id(300 + i)), Fields: fields.Usual(tier)})
		}
		return e
	}
	exposures := []scope.Exposure{look(1, postern.TierEnvelope, 12), look(1, postern.TierContent, 2), look(2, postern.TierEnvelope, 25), look(3, postern.TierAccount, 0)}
	saved := scope.Scope{Incident: in.ID, Version: 2, Made: ago(3 * time.Minute), MakerName: "Léa Moreau", Exposures: exposures,
		Selector: scope.Selector{Credentials: []postern.CredentialID{postern.CredentialID(id(50))}, Sessions: []postern.SessionID{postern.SessionID(id(60))}, Networks: []string{"198.51.100.0/24"}, Staff: []postern.StaffID{postern.StaffID(id(40))}, Until: sampleNow},
		Totals: scope.Totals{Selected: 90, Disclosures: 88, Erased: 2, Accounts: 61, Messages: 1207, Deepest: map[postern.Tier]int{postern.TierContent: 4, postern.TierEnvelope: 50, postern.TierAccount: 7},
			ByTier: map[postern.Tier]scope.TierTotals{postern.TierContent: {Accounts: 4, Messages: 9, Disclosures: 9}, postern.TierEnvelope: {Accounts: 54, Messages: 1207, Disclosures: 60, Erased: 2}, postern.TierAccount: {Accounts: 19, Disclosures: 19}}}}
	sv := scopeViewOf(saved, path)
	batch := func(state string, counts notify.SendReport) *notify.Batch {
		counts.Languages, counts.Kinds = map[string]int{"fr": 23, "en": 38}, map[string]int{"first": 60, "correction": 1}
		b := &notify.Batch{Incident: in.ID, Version: 2, Scope: 2, State: state, Drafted: ago(2 * time.Minute), DrafterName: "Léa Moreau", Counts: counts}
		if state != notify.BatchDraft && state != notify.BatchSubmitted {
			b.Answered, b.ApproverName = ago(time.Minute), "Ada Lind"
		}
		return b
	}
	ended := []incident.Containment{
		{ID: id(70), Kind: "credential", Subject: id(50), Label: "Noor Haddad", Why: "It is used from a network that is not hers.", ActorName: "Léa Moreau", Asked: ago(4 * time.Minute), Gate: postern.ContainmentID(id(71)), Position: 1234, Sessions: 2, Grants: 3},
		{ID: id(72), Kind: "network", Subject: "198.51.100.0/24", Why: "The thief's.", ActorName: "Léa Moreau", Asked: ago(3 * time.Minute), Gate: postern.ContainmentID(id(73)), Position: -1, Lifted: ago(time.Minute), LiftedBy: "Max Weber", LiftWhy: "It is a railway's."},
		{ID: id(74), Kind: "session", Subject: id(60), Why: "First of all.", ActorName: "Léa Moreau", Asked: ago(5 * time.Minute), Position: -1},
	}
	incidentPage := func(lang string, in incident.Incident, change func(*incidentView)) incidentView {
		v := incidentView{Incident: in, Path: path, Responder: true, Mine: true, Early: in.Aware.Add(incident.EarlyWarning), Authority: in.Aware.Add(incident.Notification), Alerts: worded(alerts[:2]...), Tasks: tasks, Timeline: timeline(lang)}
		change(&v)
		standing := response.Standing{}
		for _, c := range v.Ended {
			standing[[2]string{c.Kind, c.Subject}] = map[bool]string{true: response.AccessEnded, false: response.AccessLifted}[c.Lifted.IsZero()]
		}
		var pointed []detect.Alert
		for _, a := range v.Alerts {
			pointed = append(pointed, a.Alert)
		}
		v.Targets = targetsOf(pointed, standing)
		v.complete()
		return v
	}
	full := func(v *incidentView) {
		v.Ended, v.Scope, v.Batch, v.Approves, v.Mine = ended, sv, batch(notify.BatchSubmitted, notify.SendReport{Due: 61}), true, false
	}
	reach := gate.Reach{Sessions: 2, Members: 1, Grants: 3, Deliveries: 1}
	words := "Un de vos messages a été ouvert avec un accès d'assistance volé. Son texte a pu être lu.\n\nCE QUI A ÉTÉ VU\n\n- Le texte de 1 message.\n"
	notice := func(n int, state, problem string) notify.Notice {
		return notify.Notice{ID: postern.NoticeID(id(400 + n)), Version: 2, Account: postern.AccountID(id(100 + n)), Code: "4F7K", Kind: "first", Locale: []string{"fr", "en"}[n%2], Subject: "1 message de votre boîte a été ouvert avec un accès d'assistance volé", State: state, Problem: problem, At: ago(time.Minute)}
	}
	noticesPage := func(state string, counts notify.SendReport, change func(*noticesView)) noticesView {
		v := noticesView{Incident: later, Path: path, Responder: true, Scoped: true, Contained: true, Batch: batch(state, counts), Languages: []figure{{"in.fr", 23}, {"in.en", 38}}, Kinds: []figure{{"notice.kind.first", 60}, {"notice.kind.correction", 1}},
			Notices: []notify.Notice{notice(1, notify.NoticeSent, ""), notice(2, notify.NoticeDue, notify.ProblemLater), notice(3, notify.NoticeFailed, notify.ProblemGone), notice(4, notify.NoticeFailed, notify.ProblemRefused)},
			Tabs:    []ui.NavItem{{Text: "notice.tab.", Href: path + "/notices", Count: 61, Current: true}, {Text: "notice.tab.failed", Href: path + "/notices?state=failed", Count: 2}}, Older: path + "/notices?after=" + id(104),
			Account: postern.AccountID(id(101)), Preview: []previewView{{notify.Notice{Locale: "fr", Subject: "1 message de votre boîte a été ouvert avec un accès d'assistance volé", Text: words}, 88, true}, {notify.Notice{Locale: "en", Subject: "1 message in your mailbox was opened with a stolen support sign-in", Text: "One of your messages was opened with a stolen support sign-in. The text could be read.\n"}, 51, false}},
			Earlier: []notify.Batch{*batch(notify.BatchDiscarded, notify.SendReport{})}}
		change(&v)
		return v
	}
	keep := func(*noticesView) {}
	member := &memberView{Member: staff.Member{ID: postern.StaffID(id(40)), Name: "Noor Haddad", Login: "noor.h"}, OrganisationName: "Helpline", OrganisationHref: "/contain?kind=organisation&subject=helpline",
		Credentials: []credentialView{{staff.Credential{ID: postern.CredentialID(id(50)), Kind: "passkey", Label: "YubiKey", LastUsed: ago(time.Hour)}, "/contain?kind=credential"}, {staff.Credential{ID: postern.CredentialID(id(51)), Kind: "password", EndedAt: ago(time.Hour)}, "/contain?kind=credential"}},
		Sessions:    []sessionView{{detect.MemberSession{ID: postern.SessionID(id(60)), Network: "198.51.100.0/24", Fresh: true, Shown: 11, Last: ago(time.Minute)}, "/contain?kind=session", "/contain?kind=network"}, {detect.MemberSession{ID: postern.SessionID(id(61)), Last: ago(time.Hour)}, "/contain?kind=session", ""}}}
	evidence := alerts[0]
	evidence.Evidence = []detect.Evidence{{Feed: "staff", Position: 12, At: ago(20 * time.Minute), Kind: "sign-in", Session: postern.SessionID(id(60)), Network: "198.51.100.0/24"}, {Feed: "staff", Position: 13, At: ago(19 * time.Minute), Kind: "moved", Session: postern.SessionID(id(60)), Network: "198.51.100.0/24"},
		{Feed: "ledger", Position: 1201, At: ago(18 * time.Minute), Kind: "shown", Session: postern.SessionID(id(60)), Account: postern.AccountID(id(101)), Tier: postern.TierContent, Messages: 2}, {Feed: "ledger", Position: 1202, At: ago(17 * time.Minute), Kind: "refused", Session: postern.SessionID(id(60))}}
	dismissed := evidence
	dismissed.Status, dismissed.ClosedAt, dismissed.ClosedBy, dismissed.ClosedWhy = detect.AlertDismissed, ago(time.Minute), "Léa Moreau", "Noor is at the other office this week."
	taken := evidence
	taken.Status, taken.Incident = detect.AlertIncident, in.ID
	tabs := []ui.NavItem{{Text: "alert.status.open", Href: "/alerts", Current: true}, {Text: "alert.status.dismissed", Href: "/alerts?status=dismissed"}}
	form := scopeForm{Credentials: []choice{{Value: id(50), Text: "Noor Haddad", Hint: "YubiKey", Checked: true}}, Sessions: []choice{{Value: id(60), Text: "Noor Haddad", Hint: "198.51.100.0/24"}}, Staff: []choice{{Value: id(40), Text: "Noor Haddad"}}, Networks: []choice{{Value: "198.51.100.0/24", Text: "198.51.100.0/24"}}}
	var rows []exposureRow
	for _, e := range exposures {
		rows = append(rows, exposureRow{e, path + "/scope/2/" + string(e.Account)})
	}
	contained := []containmentView{
		{Containment: gate.Containment{ID: postern.ContainmentID(id(71)), Kind: "credential", Why: "It is used from elsewhere.", ByName: "Léa Moreau", At: ago(4 * time.Minute), Position: 1234, SessionsN: 2, Grants: 3, Took: 11 * time.Millisecond}, Thing: "Noor Haddad", CanLift: true, Incident: path, Number: 7},
		{Containment: gate.Containment{ID: postern.ContainmentID(id(73)), Kind: "network", Why: "The thief's.", At: ago(3 * time.Minute), Position: -1, LiftedAt: ago(time.Minute), LiftedBy: "Max Weber", LiftedWhy: "It is a railway's."}, Thing: "198.51.100.0/24"},
	}
	problems := frame("sign-in.title", "/sign-in", signInView{Login: "lea", Next: "/alerts"})
	problems.Errors, problems.User, problems.Nav = []ui.Problem{{Field: "login", Text: "staff.refused.wrong"}}, nil, nil
	demo := ui.Page{Title: "sign-in.title", Data: signInView{Next: "/", Demo: []staff.Member{{ID: postern.StaffID(id(41)), Name: "Léa Moreau", Roles: []staff.Role{staff.Responder}}, {ID: postern.StaffID(id(42)), Name: "Ada Lind", Roles: []staff.Role{staff.Approver, staff.Admin}}}}}
	return []ui.Sample{
		{Name: "sign-in", Page: "sign-in", Path: "/sign-in", Of: problems}, {Name: "sign-in-demo", Page: "sign-in", Path: "/sign-in", Of: demo},
		{Name: "alerts", Page: "alerts", Path: "/alerts", Of: frame("alerts.title", "/alerts", alertsView{Status: "open", Tabs: tabs, Alerts: worded(alerts...), Incidents: []incident.Incident{in, later}, Responder: true})},
		{Name: "alerts-none", Page: "alerts", Path: "/alerts", Of: frame("alerts.title", "/alerts", alertsView{Status: "open", Tabs: tabs, Responder: true})},
		{Name: "alerts-dismissed", Page: "alerts", Path: "/alerts", Of: frame("alerts.title", "/alerts", alertsView{Status: "dismissed", Tabs: tabs, Alerts: worded(dismissed)})},
		{Name: "alert", Page: "alert", Path: "/alerts/x", Of: frame("sign-in from a new network", "/alerts", alertView{alertWords: worded(evidence)[0], Responder: true})},
		{Name: "alert-dismissed", Page: "alert", Path: "/alerts/x", Of: frame("sign-in from a new network", "/alerts", alertView{alertWords: worded(dismissed)[0], Responder: true})},
		{Name: "alert-taken", Page: "alert", Path: "/alerts/x", Of: frame("sign-in from a new network", "/alerts", alertView{alertWords: worded(taken)[0], Responder: true, Number: 7})},
		{Name: "incidents", Page: "incidents", Path: "/incidents", Of: frame("incidents.title", "/incidents", incidentsView{[]incident.Incident{in, later, closed}, true})},
		{Name: "incidents-none", Page: "incidents", Path: "/incidents", Of: frame("incidents.title", "/incidents", incidentsView{Responder: true})},
		{Name: "incident-open", Page: "incident", Path: path, Of: wide(frame("incident.title", path, incidentPage("en", in, func(*incidentView) {})))},
		{Name: "incident-full", Page: "incident", Path: path, Of: wide(frame("incident.title", path, incidentPage("fr", later, full)))},
		{Name: "incident-bare", Page: "incident", Path: path, Of: wide(frame("incident.title", path, incidentPage("en", in, func(v *incidentView) { v.Alerts = nil })))},
		{Name: "incident-closed", Page: "incident", Path: path, Of: wide(frame("incident.title", path, incidentPage("en", closed, full)))},
		{Name: "incident-approver", Page: "incident", Path: path, Of: wide(frame("incident.title", path, incidentPage("en", later, func(v *incidentView) { full(v); v.Responder = false })))},
		{Name: "contain", Page: "contain", Path: "/contain", Of: frame("contain.title", "/contain", containView{Action: "/contain", Members: []ui.Option{{Value: id(40), Text: "Noor Haddad", Selected: true}}, Member: member})},
		{Name: "contain-incident", Page: "contain", Path: path + "/contain", Of: frame("contain.title", path, containView{Action: path + "/contain", Path: path, Incident: &in, Targets: []targetView{{Thing: "Noor Haddad", Href: path + "/contain?kind=credential", Kind: "credential", Reach: reach}}})},
		{Name: "contain-confirm", Page: "contain", Path: path + "/contain", Of: frame("contain.confirm.title", path, containView{Action: path + "/contain", Path: path, Incident: &in, Chosen: &chosenView{target: target{Kind: "credential", Subject: id(50)}, Thing: "Noor Haddad", Reach: reach}})},
		{Name: "contain-session", Page: "contain", Path: "/contain", Of: frame("contain.confirm.title", "/contain", containView{Action: "/contain", Chosen: &chosenView{target: target{Kind: "session", Subject: id(60)}, Thing: "Noor Haddad", Reach: gate.Reach{Sessions: 1}}})},
		{Name: "containments", Page: "containments", Path: "/containments", Of: frame("containments.title", "/containments", containmentsView{contained, true})},
		{Name: "containments-none", Page: "containments", Path: "/containments", Of: frame("containments.title", "/containments", containmentsView{})},
		{Name: "scope", Page: "scope", Path: path + "/scope", Of: wide(frame("scope.heading", path, scopePageView{Incident: later, Path: path, Responder: true, Scope: sv, Versions: []scope.Scope{{Version: 1}, {Version: 2}}, Rows: rows, Older: path + "/scope?after=" + id(103), Form: form}))},
		{Name: "scope-filtered", Page: "scope", Path: path + "/scope", Of: wide(frame("scope.heading", path, scopePageView{Incident: closed, Path: path, Responder: true, Scope: sv, Filter: "scope.filter.deepest", Tier: postern.TierTrace}))},
		{Name: "scope-first", Page: "scope", Path: path + "/scope", Of: wide(frame("scope.heading", path, scopePageView{Incident: in, Path: path, Responder: true, Form: form}))},
		{Name: "exposure", Page: "exposure", Path: path + "/scope/2/" + id(101), Of: wide(frame("exposure.heading", path, exposureView{Incident: later, Path: path, Back: path + "/scope?version=2", Version: 2, Account: postern.AccountID(id(101)), Exposures: exposures[:2], Preview: path + "/notices?account=" + id(101)}))},
		{Name: "notices-first", Page: "notices", Path: path + "/notices", Of: wide(frame("notices.heading", path, noticesView{Incident: in, Path: path, Responder: true, Scoped: true}))},
		{Name: "notices-unscoped", Page: "notices", Path: path + "/notices", Of: wide(frame("notices.heading", path, noticesView{Incident: in, Path: path, Responder: true}))},
		{Name: "notices-draft", Page: "notices", Path: path + "/notices", Of: wide(frame("notices.heading", path, noticesPage(notify.BatchDraft, notify.SendReport{Due: 61}, func(v *noticesView) { v.Drafted = true })))},
		{Name: "notices-approve", Page: "notices", Path: path + "/notices", Of: wide(frame("notices.heading", path, noticesPage(notify.BatchSubmitted, notify.SendReport{Due: 61}, func(v *noticesView) { v.Approves, v.Responder = true, false })))},
		{Name: "notices-returned", Page: "notices", Path: path + "/notices", Of: wide(frame("notices.heading", path, noticesPage(notify.BatchReturned, notify.SendReport{Due: 61}, keep)))},
		{Name: "notices-approved", Page: "notices", Path: path + "/notices", Of: wide(frame("notices.heading", path, noticesPage(notify.BatchApproved, notify.SendReport{Due: 61}, keep)))},
		{Name: "notices-sending", Page: "notices", Path: path + "/notices", Of: wide(frame("notices.heading", path, noticesPage(notify.BatchSending, notify.SendReport{Due: 30, Sending: 1, Sent: 29, Failed: 1}, keep)))},
		{Name: "notices-sent", Page: "notices", Path: path + "/notices", Of: wide(frame("notices.heading", path, noticesPage(notify.BatchSent, notify.SendReport{Sent: 59, Failed: 2}, keep)))},
		{Name: "notices-drafting", Page: "notices", Path: path + "/notices", Of: wide(frame("notices.heading", path, noticesPage(notify.BatchDrafting, notify.SendReport{Due: 30}, func(v *noticesView) { v.Batch.Looked, v.Batch.Affected = 30_000, 1_000_000 })))},
		{Name: "notices-paused", Page: "notices", Path: path + "/notices", Of: wide(frame("notices.heading", path, noticesPage(notify.BatchPaused, notify.SendReport{Due: 99_900, Sent: 99, Failed: 1}, func(v *noticesView) {
			v.Batch.Pause, v.Stats = notify.PauseLook, []stat{statOf("stat.sent", 99, 100_000), statOf("stat.read", 41, 100_000), statOf("stat.unread", 58, 100_000), statOf("follow.called", 3, 100_000)}
		})))},
		{Name: "notices-away", Page: "notices", Path: path + "/notices", Of: wide(frame("notices.heading", path, noticesPage(notify.BatchSending, notify.SendReport{Due: 30, Sent: 31}, func(v *noticesView) {
			v.Batch.Problem, v.Batch.Until = notify.ProblemLater, sampleNow.Add(4*time.Minute)
		})))},
		{Name: "letter", Page: "letter", Path: path + "/notices/" + id(101) + "/letter", Of: frame("letter.link", path, letterView{notify.Notice{Code: "4F7K", Locale: "fr", Subject: "1 message de votre boîte a été ouvert avec un accès d'assistance volé", Text: words}, path, path + "/notices"})},
		{Name: "followup", Page: "followup", Path: path + "/followup", Of: wide(frame("follow.heading", path, followView{Incident: later, Path: path, Responder: true, Days: 7, Choices: notify.FollowStates[:], File: path + "/followup.csv", Older: path + "/followup?after=" + id(3), Forwards: true,
			States: []ui.Option{{Value: "", Text: "All", Selected: true}, {Value: "open", Text: "Not yet tried"}},
			People: []notify.Followup{{Notice: notice(1, notify.NoticeSent, ""), Person: notify.Person{Name: "Ana Lima", Address: "ana@outlook.example", Locale: "fr"}, Forwards: true},
				{Notice: notice(2, notify.NoticeFailed, notify.ProblemRefused), Person: notify.Person{Name: "Björn Andersen-Lindqvist", Address: "bjorn.andersen-lindqvist@hotmail.example", Locale: "en"}, Follow: notify.FollowCalled, Followed: ago(time.Hour), FollowedBy: "Max Weber"},
				{Notice: notice(3, notify.NoticeFailed, notify.ProblemGone), Follow: notify.FollowUnreachable, Followed: ago(time.Hour), FollowedBy: "Max Weber"}}}))},
		{Name: "followup-none", Page: "followup", Path: path + "/followup", Of: wide(frame("follow.heading", path, followView{Incident: later, Path: path, Days: 7}))},
		{Name: "codes", Page: "codes", Path: "/codes", Of: frame("codes.heading", "/codes", codeView{})},
		{Name: "codes-genuine", Page: "codes", Path: "/codes", Of: frame("codes.heading", "/codes", codeView{Address: "ana@outlook.example", Code: "4f7k", Asked: true, Answer: notify.Checked{Genuine: true, Version: 2, Kind: "correction", Notice: notice(1, notify.NoticeSent, "")}})},
		{Name: "codes-unknown", Page: "codes", Path: "/codes", Of: frame("codes.heading", "/codes", codeView{Address: "ana@outlook.example", Code: "XXXX", Asked: true})},
		{Name: "notices-discarded", Page: "notices", Path: path + "/notices", Of: wide(frame("notices.heading", path, noticesPage(notify.BatchDiscarded, notify.SendReport{Due: 61}, keep)))},
	}
}

func wide(p ui.Page) ui.Page {
	p.Wide = true
	return p
}

func TestEveryPageInBothLanguages(t *testing.T) {
	w := sampleWeb(t)
	err := w.ui.CheckSamples(samples(w), func(name, lang string, page []byte) {
		t.Run(name+" "+lang, func(t *testing.T) {
			htmlcheck.Check(t, page)
			for _, wrong := range []string{"&lt;no value&gt;", "<no value>", "ZgotmplZ", "%!"} {
				if strings.Contains(string(page), wrong) {
					t.Errorf("the page has %q", wrong)
				}
			}
		})
	})
	if err != nil {
		t.Error(err)
	}
}

// TestWords holds the catalogues to each other and to the keys that are put
// together in Go and in the templates.
func TestWords(t *testing.T) {
	templates, err := fs.Sub(files, "templates")
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	add := func(prefix string, names ...string) {
		for _, n := range names {
			keys = append(keys, prefix+n)
		}
	}
	add("did.", didWords...)
	for _, rule := range detect.PackNames() {
		add("rule."+rule, "", ".figures", ".why")
	}
	for kind := range lineLooks {
		add("line.", kind)
	}
	for _, name := range incident.PlannedTasks() {
		add("task."+name, "", ".text")
		if _, ok := taskHref[name]; !ok {
			t.Errorf("the task %q leads nowhere", name)
		}
	}
	add("now.", "open", "lifted", "contained", "unknown", "closed")
	add("task.state.", incident.TaskStates[:]...)
	add("state.", incident.States[:]...)
	add("cause.", incident.Causes[:]...)
	for _, kind := range kinds {
		add("", "kind."+kind, "thing."+kind, "contain.does."+kind)
	}
	for _, s := range []incident.Severity{incident.Low, incident.Medium, incident.High} {
		add("severity.", s.String())
	}
	for _, r := range staff.Roles {
		add("role.", string(r))
	}
	add("batch.", notify.BatchDrafting, notify.BatchPaused, notify.BatchDraft, notify.BatchSubmitted, notify.BatchReturned, notify.BatchApproved, notify.BatchSending, notify.BatchSent, notify.BatchDiscarded)
	add("batch.pause.", notify.PauseLook, notify.PauseStopped)
	add("follow.", notify.FollowStates[:]...)
	add("follow.filter.", "", notify.FollowOpen, notify.FollowCalled, notify.FollowWritten, notify.FollowReached, notify.FollowUnreachable)
	add("codes.kind.", notify.NoticeFirst, notify.NoticeCorrection, notify.NoticeWithdrawn)
	add("notice.state.", notify.NoticeDue, notify.NoticeSending, notify.NoticeSent, notify.NoticeFailed)
	add("notice.kind.", notify.NoticeFirst, notify.NoticeCorrection, notify.NoticeWithdrawn)
	add("problem.", notify.ProblemGone, notify.ProblemRefused, notify.ProblemLater)
	add("in.", notify.Locales[:]...)
	add("certainty.", scope.Shown, scope.Assumed, scope.Gap)
	add("alert.is.", detect.AlertOpen, detect.AlertIncident, detect.AlertDismissed, detect.AlertClosed)
	add("alert.status.", detect.AlertOpen, detect.AlertIncident, detect.AlertDismissed, detect.AlertClosed)
	ui.CheckLocales(t, templates, files, keys...)
}
