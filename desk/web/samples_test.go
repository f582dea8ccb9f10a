package web

import (
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/desk"
	"github.com/postern-mail/postern/desk/hooks"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/gate/history"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/ui"
)

var noon = time.Date(2026, time.May, 16, 12, 0, 0, 0, time.UTC)

const anID = "019e2b7c1a003f2b8c3d1d0e9f8a7b6c"

var (
	sampleCase = desk.Case{ID: anID, Number: 1042, Account: anID, Address: "ana@outlook.example", Name: "Ana Moreau", Locale: "fr", Subject: "Je ne reçois plus les lettres de ma banque",
		Status: desk.StatusOpen, Assignee: anID, AssigneeName: "Nadia Benali", Opened: noon.Add(-26 * time.Hour), Updated: noon.Add(-40 * time.Minute), External: "ZD-88121"}
	sampleGrant = gate.Grant{ID: anID, Case: anID, Account: anID, Tier: postern.TierContent, Messages: []postern.MessageID{anID, anID, anID},
		Reason: postern.ReasonSupport, Sentence: "Vous avez demandé où est passée la lettre de la banque.", From: noon.Add(-3 * time.Minute), Until: noon.Add(12 * time.Minute),
		Staff: anID, StaffName: "Nadia Benali", OrganisationName: "Outlook Example", AgreedBy: gate.ByCustomer, Consented: true}
	sampleRequest = gate.Request{ID: anID, Case: anID, Account: anID, Tier: postern.TierEnvelope, Messages: sampleGrant.Messages, Reason: postern.ReasonSupport,
		Sentence: sampleGrant.Sentence, For: 15 * time.Minute, Staff: "other", StaffName: "Bo Lindqvist", OrganisationName: "Helpline Partners", Asked: noon.Add(-4 * time.Minute), Status: gate.Waiting}
	sampleReveal = revealed{Grant: sampleGrant, Case: &sampleCase, Scope: "3 enveloppes, reçues du 14 mai 2026 au 16 mai 2026", Agreed: "Le client a accepté", Disclosure: anID,
		Script: "/static/x/desk.js", Stream: "/grants/" + anID + "/events", Done: "Cet accès a pris fin."}
	sampleMessages = []postern.ShownMessage{
		{ID: anID, Mailbox: "INBOX", From: []string{"Banque du Sud <contact@banque.example>"}, To: []string{"ana@outlook.example"}, Subject: "Votre relevé de mai", Date: noon.Add(-2 * time.Hour), Size: 18211,
			Plain: "Bonjour,\n\nVotre relevé de mai est disponible.\n\nBanque du Sud", Attachments: []postern.ShownAttachment{{Name: "relevé.pdf", Type: "application/pdf", Bytes: make([]byte, 12000)}, {Type: "image/png"}}},
		{ID: postern.MessageID(anID[:31] + "d"), Masked: true, Date: noon.Add(-3 * time.Hour)},
		{ID: postern.MessageID(anID[:31] + "e"), Mailbox: "Junk", From: []string{"a@b.example"}, To: []string{"ana@outlook.example", "x@y.example"}, Date: noon.Add(-30 * time.Hour), Size: 900},
	}
	sampleMaskedFields = []postern.ShownMessage{
		{ID: anID, Given: postern.FieldFromMasked | postern.FieldToMasked | postern.FieldSubjectMasked, Mailbox: "INBOX", From: []string{"•••@banque.example"}, To: []string{"•••@outlook.example", "•••@famille.example"}, Subject: "Votre relevé de mai ••••", Date: noon.Add(-2 * time.Hour), Size: 18211},
		{ID: postern.MessageID(anID[:31] + "d"), Masked: true, Date: noon.Add(-3 * time.Hour)},
	}
	sampleOptions = []ui.Option{{Value: "envelope", Text: "Enveloppe", Selected: true}, {Value: "content", Text: "Contenu"}}
	sampleAsk     = &askForm{Action: "/cases/" + anID + "/ask", Case: &sampleCase, Address: sampleCase.Address, Tier: postern.TierContent, Tiers: sampleOptions, Reasons: sampleOptions, Minutes: sampleOptions,
		Mailbox: "INBOX", Who: "Seul le client peut accepter."}
	agent     = &ui.User{Name: "Nadia Benali", Detail: "Outlook Example · agent"}
	sampleNav = []ui.NavItem{{Text: "desk.nav.cases", Href: "/cases", Icon: "inbox", Current: true, Key: "g c"}, {Text: "desk.nav.approvals", Href: "/approvals", Icon: "stamp", Count: 3, Key: "g a"}, {Text: "desk.nav.history", Href: "/history", Icon: "history"}}
)

func rowOf(q gate.Request, status, answer string) requestRow {
	q.Status, q.Answer = status, answer
	return requestRow{Request: q, Scope: "12 enveloppes, reçues du 14 mai 2026 au 16 mai 2026", Standing: "En attente", Kind: kinds[status], Case: &sampleCase, Href: "/requests/" + anID}
}

func sample(name, page string, data any) ui.Sample {
	return ui.Sample{Name: name, Page: page, Path: "/cases/" + anID, Of: ui.Page{Title: "desk.nav.cases", User: agent, Nav: sampleNav, Data: data}}
}

func revealing(name, page string, data any) ui.Sample {
	s := sample(name, page, data)
	s.Of.Watermark = "Nadia Benali · nadia · 2026-05-16 12:00"
	s.Of.Wide = page == "grant" || page == "trace"
	return s
}

func samples() []ui.Sample {
	deeper := sampleReveal
	rungs := []ui.Rung{
		{Tier: postern.TierAccount, State: "open", Note: "Ce dossier ouvert suffit", Href: "/x", Action: "Diagnostiquer"},
		{Tier: postern.TierTrace, State: "open", Note: "Ce dossier ouvert suffit", Href: "/x", Action: "Suivre un message"},
		{Tier: postern.TierEnvelope, State: "here", Note: "Le client a accepté, jusqu'à 12:12", Href: "/x", Action: "Ouvrir"},
		{Tier: postern.TierContent, State: "asked", Note: "Demandé ; pas encore de réponse", Href: "/x", Action: "Voir"},
		{Tier: postern.TierAttachment, State: "locked", Note: "Seul le client peut accepter", Href: "/x", Action: "Demander"},
	}
	posts := []desk.Post{
		{At: noon.Add(-26 * time.Hour), By: "Ana Moreau", Kind: desk.KindCustomer, Text: "Bonjour,\nje ne reçois plus les lettres de ma banque depuis lundi."},
		{At: noon.Add(-25 * time.Hour), By: "Nadia Benali", Staff: anID, Kind: desk.KindEvent, Text: desk.EventAssigned, Arg: "Nadia Benali"},
		{At: noon.Add(-25 * time.Hour), By: "Nadia Benali", Staff: anID, Kind: desk.KindNote, Text: "Voir le suivi pour banque.example."},
		{At: noon.Add(-24 * time.Hour), By: "Nadia Benali", Staff: anID, Kind: desk.KindReply, Text: "Bonjour, je regarde."},
	}
	closed := sampleCase
	closed.Status = desk.StatusClosed
	merged := closed
	merged.MergedInto, merged.HandedBy, merged.HandedWhy = "b", "Bo Lindqvist", "Mon service finit."
	account := postern.ShownAccount{Address: "ana@outlook.example", Status: "active", Locale: "fr", Created: noon.AddDate(-3, 0, 0), UsedBytes: 14 << 30, QuotaBytes: 15 << 30, Messages: 40211, Forwarding: true, Queued: 2,
		SignIns: []postern.SignIn{{At: noon, Protocol: "web", Network: "203.0.113.0/24", Result: "ok"}, {At: noon, Protocol: "imap", Network: "203.0.113.0/24", Result: "wrong-password"}}}
	findings := []sentence{{"danger", "octagon-alert", "Le compte est plein."}, {"warn", "triangle-alert", "Une règle transfère le courrier."}, {"info", "info", "2 messages attendent."}, {"ok", "circle-check", "Rien d'anormal."}}
	named := *sampleAsk
	named.Messages = []string{anID}
	alone := *sampleAsk
	alone.Case, alone.Action = nil, "/accounts/ask"
	urgent := *sampleAsk
	urgent.Urgent, urgent.Action = true, "/emergency"
	urgentless := alone
	urgentless.Address = ""
	ended := rowOf(sampleRequest, gate.Granted, "")
	list := []ui.Sample{
		{Name: "sign-in", Page: "signin", Path: "/sign-in", Of: ui.Page{Title: "desk.sign-in.title", Data: signInData{Next: "/cases", Demo: []demoPerson{{anID, "Nadia Benali", "Outlook Example · agent"}, {anID, "Bo Lindqvist", "Helpline · agent"}}}}},
		{Name: "sign-in-wrong", Page: "signin", Path: "/sign-in", Of: ui.Page{Title: "desk.sign-in.title", Errors: []ui.Problem{{Field: "login", Text: "staff.refused.wrong"}},
			Data: signInData{Next: "/cases", Login: "nadia", Error: "Faux.", Why: "Votre session a été coupée."}}},
		{Name: "passkey-invited", Page: "passkey", Path: "/invite", Of: ui.Page{Title: "desk.passkey.title", Data: passkeyData{Invited: true}}},
		sample("passkey", "passkey", passkeyData{Created: true, Keys: []staff.Credential{
			{ID: anID, Kind: "passkey", Label: "portable", Created: noon, LastUsed: noon, BackupEligible: true}, {ID: "b", Kind: "password", Created: noon, EndedAt: noon}, {ID: "c", Kind: "demo", Created: noon}}}),
		sample("queue", "cases", queueData{Views: []viewTab{{Text: "À traiter", Href: "/cases", Count: "3", Current: true}, {Text: "En retard", Href: "/cases?late=1", Count: "plus de 1 000"}, {Text: "Banques", Href: "/cases?q=banque", Count: "2", Shared: true}},
			Priorities: sampleOptions, Sorts: sampleOptions, Organisations: sampleOptions, Next: "/cases?after=x", First: "/cases", Manager: true, Kept: map[string]string{"mine": "1"},
			Cases: []caseRow{{sampleCase, caseClock{"late", noon.Add(-time.Hour)}}, {desk.Case{ID: "b", Number: 1041, Subject: "I cannot sign in", Name: "Tom Becker", Address: "tom@hotmail.example", Status: desk.StatusWaiting, Updated: noon}, caseClock{State: "paused"}}, {closed, caseClock{}}}}),
		sample("queue-empty", "cases", queueData{Empty: "desk.queue.empty", Priorities: sampleOptions, Sorts: sampleOptions, Organisations: sampleOptions, Saved: "b"}),
		sample("queue-nothing-found", "cases", queueData{Empty: "desk.queue.empty-search", Query: "x", Priorities: sampleOptions, Sorts: sampleOptions, Organisations: sampleOptions}),
		sample("queue-none-mine", "cases", queueData{Empty: "desk.queue.empty-mine", Priorities: sampleOptions, Sorts: sampleOptions, Organisations: sampleOptions}),
		sample("case", "case", caseData{Case: sampleCase, Posts: posts, Ladder: rungs, Agent: true, Offered: &offered{Tier: postern.TierContent, Count: 1, Sentence: "x"}, Requests: []requestRow{rowOf(sampleRequest, gate.Waiting, "")},
			Members: []ui.Option{{Value: "", Text: "Personne"}, {Value: anID, Text: "Nadia Benali", Selected: true}}, Grants: []gate.Grant{sampleGrant}, Clock: caseClock{"soon", noon.Add(time.Hour)}, Writing: "Bo Lindqvist écrit",
			Macros: sampleOptions, Priorities: sampleOptions, Organisations: sampleOptions}),
		sample("case-closed", "case", caseData{Case: closed, Posts: posts, Closed: true, Agent: true, Draft: "x", Members: sampleOptions, Priorities: sampleOptions, Organisations: sampleOptions}),
		sample("case-merged", "case", caseData{Case: merged, Posts: posts, Closed: true, Agent: true, Undo: true, Members: sampleOptions, Priorities: sampleOptions, Organisations: sampleOptions}),
		sample("hooks", "hooks", hooksData{Secret: "whsec_x", Kinds: sampleOptions, Hooks: []hookRow{{hooks.Hook{ID: anID, Kind: hooks.Zendesk, Label: "Zendesk", URL: "https://x.zendesk.example", IncludeCustomer: true, Private: true}, 2}, {hooks.Hook{ID: "b", Kind: hooks.Standard, Label: "x", Ended: noon}, 0}},
			Last: []hooks.Delivery{{ID: "x", Event: "case.closed", Case: anID, Made: noon, State: hooks.Dead, Problem: "the other system answered 503"}, {ID: "y", Event: "case.opened", Case: anID, Made: noon, State: hooks.Delivered}}}),
		sample("setup", "setup", setupData{Macros: []desk.Macro{{ID: "a", Name: "Bonjour", French: "Bonjour {name}", English: "Hello {name}"}}, Hours: "Mon-Fri 08:00-18:00 Europe/Paris", Targets: []targetRow{{"urgent", "1h", "8h"}, {"normal", "8h", "72h"}}}),
		revealing("diagnosis", "diagnosis", diagnosisData{revealed: sampleReveal, Account: account, Findings: findings, Percent: 93}),
		sample("trace-form", "trace", traceData{revealed: revealed{Case: &sampleCase}, Problem: "Nommez un expéditeur."}),
		revealing("trace", "trace", traceData{revealed: deeper, Query: "from:banque.example", Asked: true, Findings: findings[:1], Events: []postern.TraceEvent{
			{At: noon, Message: anID, Event: "junked", Sender: "contact@banque.example", Verdicts: "spf=pass dkim=fail dmarc=fail", Mailbox: "Junk"}, {At: noon, Event: "refused", Sender: "x@banque.example", Detail: "550 5.7.1"}}}),
		sample("ask", "ask", sampleAsk),
		sample("ask-named", "ask", &named),
		sample("refused", "refused", refusal{Key: gate.RefusedBudget, Text: "Vous avez atteint la limite.", Title: "desk.refused.title", Back: "/cases"}),
		sample("withheld", "refused", refusal{Key: gate.RefusedDeeperTier, Text: "L'accès ne va pas jusque-là.", Title: "desk.withheld.title", Ask: &named, Back: "/cases/" + anID}),
		sample("request-waiting", "request", requestData{requestRow: rowOf(sampleRequest, gate.Waiting, ""), Self: "/requests/" + anID}),
		sample("request-granted", "request", requestData{requestRow: ended, Live: true, Self: "/requests/" + anID}),
		sample("request-over", "request", requestData{requestRow: ended, Self: "/requests/" + anID}),
		sample("request-offer", "request", requestData{requestRow: ended, Offer: true, Self: "/requests/" + anID}),
		sample("request-refused", "request", requestData{requestRow: rowOf(sampleRequest, gate.Refused, "Le suivi suffit."), Self: "/requests/" + anID}),
		sample("request-expired", "request", requestData{requestRow: rowOf(sampleRequest, gate.Expired, ""), Self: "/requests/" + anID}),
		revealing("grant", "grant", grantData{revealed: sampleReveal, Messages: envelopeRows(sampleMessages), Content: true, Masked: 1}),
		revealing("grant-envelopes", "grant", grantData{revealed: sampleReveal, Messages: envelopeRows(sampleMessages)}),
		revealing("grant-masked", "grant", grantData{revealed: sampleReveal, Messages: envelopeRows(sampleMaskedFields)}),
		revealing("field", "field", fieldData{revealed: sampleReveal, Message: sampleMessages[0], Name: "subject", Values: []string{"Votre relevé de mai"}, Content: true}),
		revealing("field-from", "field", fieldData{revealed: sampleReveal, Message: sampleMessages[0], Name: "from", Values: sampleMessages[0].From}),
		revealing("field-guarded", "field", fieldData{revealed: sampleReveal, Message: sampleMessages[1], Name: "subject"}),
		sample("refused-prove", "refused", refusal{Key: "gate.refused.reauthenticate", Text: "Prouvez encore une fois qui vous êtes.", Title: "desk.refused.title", Prove: "/prove?then=%2Fcases", Back: "/cases"}),
		revealing("message", "message", messageData{revealed: sampleReveal, Message: sampleMessages[0], CanDeep: true, Text: sampleMessages[0].Plain}),
		revealing("message-attachments", "message", messageData{revealed: sampleReveal, Message: sampleMessages[0], Deeper: true}),
		revealing("message-masked", "message", messageData{revealed: sampleReveal, Message: sampleMessages[1]}),
		sample("grants", "grants", grantsData{[]grantRow{{Grant: sampleGrant, Scope: "Texte de 3 messages", Agreed: "Le client a accepté", Case: &sampleCase}}}),
		sample("grants-none", "grants", grantsData{}),
		sample("approvals", "approvals", approvalsData{[]requestRow{rowOf(sampleRequest, gate.Waiting, ""), rowOf(gate.Request{ID: "b", Tier: postern.TierEnvelope, Asked: noon}, gate.Waiting, "")}}),
		sample("approvals-none", "approvals", approvalsData{}),
		sample("approval", "approval", approvalData{requestRow: rowOf(sampleRequest, gate.Waiting, ""), Words: posts[0].Text, WordsAt: noon, Flags: findings[1:2], Tiers: sampleOptions, Minutes: sampleOptions}),
		sample("approval-empty", "approval", approvalData{requestRow: requestRow{Request: sampleRequest, Case: &sampleCase}, Tiers: sampleOptions, Minutes: sampleOptions}),
		sample("history", "history", historyData{All: true, Tiers: sampleOptions, Reasons: sampleOptions, Outcomes: sampleOptions, Next: "/history?after=1-x", First: "/history", Entries: []historyRow{
			{Entry: history.Entry{Cursor: "1-a", Request: &ended.Request, Grant: &sampleGrant, More: true, Done: []history.Done{{ID: anID, At: noon, Tier: postern.TierEnvelope, Fields: postern.FieldFromMasked | postern.FieldDate, Messages: sampleGrant.Messages}}}, Row: &ended, Case: &sampleCase},
			{Entry: history.Entry{Cursor: "1-b", Refusal: &history.Refusal{At: noon, What: "reveal", Key: gate.RefusedBudget, StaffName: "Bo Lindqvist"}}, Text: "Limite atteinte.", What: "a voulu ouvrir"}}}),
		sample("emergency", "emergency", emergencyData{Ask: &urgent, Address: urgent.Address}),
		sample("emergency-first", "emergency", emergencyData{Ask: &urgentless}),
		sample("holds", "holds", holdsData{Approver: true, Responder: true, Holds: []holdRow{
			{Hold: gate.Hold{ID: anID, Account: anID, Until: noon.AddDate(0, 3, 0), Authority: "Tribunal judiciaire de Lyon", Reference: "26/01234", Made: noon, MadeName: "Mona", Confirmed: noon, ConfirmedName: "Inès"}, State: "running"},
			{Hold: gate.Hold{ID: "b", Account: anID, Until: noon.AddDate(0, 1, 0), Authority: "Parquet", Reference: "7", Made: noon, MadeName: "Mona"}, State: "proposed"},
			{Hold: gate.Hold{ID: "c", Account: anID, Until: noon, Authority: "Parquet", Reference: "6", Made: noon, MadeName: "Mona"}, State: "over"}}}),
		sample("holds-none", "holds", holdsData{}),
		sample("history-none", "history", historyData{}),
		sample("accounts", "accounts", accountsData{Address: "ana@outlook.example", Allowed: true, Ask: &alone}),
		sample("accounts-denied", "accounts", accountsData{}),
	}
	list = append(list, checklistSamples()...)
	for i := range list {
		if list[i].Page == "approval" || list[i].Page == "approvals" {
			list[i].Of.User = &ui.User{Name: "Grace Whitfield", Detail: "Outlook Example · approver"}
		}
	}
	return list
}
