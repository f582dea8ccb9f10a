package web

import (
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/account"
	"github.com/postern-mail/postern/mail/internal/store"
	"github.com/postern-mail/postern/mail/rules"
	"github.com/postern-mail/postern/mail/web/told"
	"github.com/postern-mail/postern/ui"
)

func (s sampler) case1042() HelpCase {
	return HelpCase{Number: 1042, Subject: "An invoice never arrived", Status: "waiting", Opened: s.ago(26 * time.Hour), Updated: s.ago(20 * time.Minute), Assignee: "Paul Girard", Posts: []CasePost{
		{At: s.ago(26 * time.Hour), By: "Ana Lima", Text: "Northwind says that they sent the invoice on Monday.\nI cannot find it anywhere."},
		{At: s.ago(2 * time.Hour), By: "Paul Girard", Staff: true, Text: "It was accepted on Monday at 11:04 and went to Junk, because the sender’s signature was broken. May I look at that one message?"},
		{At: s.ago(time.Hour), By: "Paul Girard", Event: "closed"}, {At: s.ago(30 * time.Minute), By: "Ana Lima", Event: "reopened"},
	}}
}

func (s sampler) help(page pager, wrong wronger) []ui.Sample {
	open := s.case1042()
	closed := open
	closed.Number, closed.Status, closed.Subject = 977, "closed", "Cannot send large attachments"
	return []ui.Sample{
		{Name: "help", Page: "help", Of: page("help.title", []HelpCase{open, closed})},
		{Name: "help-empty", Page: "help", Of: page("help.title", []HelpCase(nil))},
		{Name: "help-new", Page: "help-new", Of: page("help.new", newCaseView{Recent: s.shares()})},
		{Name: "help-new-chosen", Page: "help-new", Of: page("help.new", newCaseView{Subject: "x", Chosen: s.shares(), TextError: "…"}, wrong("text", "help.text.error"))},
		{Name: "help-case", Page: "help-case", Of: page(open.Subject, caseView{HelpCase: open})},
		{Name: "help-case-closed", Page: "help-case", Of: page(closed.Subject, caseView{HelpCase: closed})},
		{Name: "help-share", Page: "help-share", Of: page("share.title", shareView{Message: s.shares()[0], Cases: []HelpCase{open}})},
		{Name: "help-share-guarded", Page: "help-share", Of: page("share.title", shareView{Message: s.shares()[2], Guarded: true})},
	}
}

func (s sampler) consents(page pager, wrong wronger) []ui.Sample {
	ask := ConsentRequest{ID: "r", Case: 1042, Tier: postern.TierContent, Messages: []postern.MessageID{"1", "2", "3", "4"}, Reason: postern.ReasonSupport, Sentence: "To see why the signature of this message was broken, I need its text.", For: 30 * time.Minute, Name: "Paul Girard", Role: "agent", Organisation: "Helpline", Outsourcer: true, Asked: s.ago(4 * time.Minute)}
	minutes := []ui.Option{{Value: "30", Text: "30 min", Selected: true}, {Value: "15", Text: "15 min"}}
	running := permissionView{Permission{ID: "g", Case: 1042, Tier: postern.TierEnvelope, Name: "Paul Girard", Organisation: "Helpline", From: s.ago(time.Minute), Until: s.now.Add(19 * time.Minute), AgreedBy: "customer", Sentence: "To find the message in question."}, s.shares()}
	return []ui.Sample{
		{Name: "consent", Page: "consent", Of: page("consent.title", consentsView{Waiting: []ConsentRequest{ask}, Running: []permissionView{running, {Permission{ID: "h", Case: 1042, Tier: postern.TierContent, Name: "Bo", Organisation: "Outlook", Until: s.now.Add(time.Hour), AgreedBy: "Mona, Ines", Emergency: true}, nil}}, Offers: []offerView{{Offer{ID: "o", Case: 1042, Tier: postern.TierContent, Made: s.ago(time.Hour)}, s.shares()}}, Wishes: []ui.Option{{Value: "ask", Text: "Ask me"}}})},
		{Name: "consent-empty", Page: "consent", Of: page("consent.title", consentsView{})},
		{Name: "consent-one", Page: "consent-one", Of: page("consent.one", consentView{ConsentRequest: ask, Lines: s.shares(), Guarded: true, Minutes: minutes, Tiers: []ui.Option{{Value: "content", Text: "Content"}, {Value: "envelope", Text: "Envelope"}}})},
		{Name: "consent-one-none", Page: "consent-one", Of: page("consent.one", consentView{ConsentRequest: ask, Lines: s.shares(), Minutes: minutes, Error: "…"}, wrong("messages", "consent.none"))},
	}
}

func (s sampler) looks(page pager) []ui.Sample {
	first := Look{Seq: 9, Index: 4711, Disclosure: "6f1e0c5b7a9d4e2f8b3c1d0e9f8a7b6c", At: s.ago(50 * time.Minute), Until: s.ago(30 * time.Minute), Tier: postern.TierContent, Fields: postern.FieldFrom | postern.FieldTo | postern.FieldSubject | postern.FieldDate | postern.FieldBody,
		Messages: []postern.MessageID{"1", "2", "3", "4"}, Name: "Paul Girard", Role: "agent", Organisation: "Helpline", Reason: postern.ReasonSupport, Sentence: "To see why the signature of this message was broken.", Case: 1042, AgreedBy: "customer"}
	account1 := Look{Seq: 7, Index: -1, Disclosure: "7f1e0c5b7a9d4e2f8b3c1d0e9f8a7b6c", At: s.ago(2 * time.Hour), Tier: postern.TierAccount, Fields: postern.TierAccount.Fields(), Role: "agent", Organisation: "Helpline", Reason: postern.ReasonSupport, Case: 1042, AgreedBy: "policy"}
	export := Look{Seq: 6, Index: 12, Disclosure: "8f1e0c5b7a9d4e2f8b3c1d0e9f8a7b6c", At: s.ago(3 * time.Hour), Tier: postern.TierAttachment, Fields: postern.FieldSource | postern.FieldMailboxes, Role: "operator", Reason: postern.ReasonService}
	signIns := []lookEntry{
		{At: s.ago(10 * time.Minute), SignIn: &postern.SignIn{At: s.ago(10 * time.Minute), Protocol: "web", Network: "203.0.113.0/24", Result: "ok"}},
		{At: s.ago(time.Hour), SignIn: &postern.SignIn{At: s.ago(time.Hour), Protocol: "imap", Network: "2001:db8:7::/48", Result: "wrong-password"}},
	}
	tabs := []ui.NavItem{{Text: "looked.tab.", Href: "/looked", Current: true}, {Text: "looked.tab.staff", Href: "/looked?only=staff"}, {Text: "looked.tab.you", Href: "/looked?only=you"}}
	entries := []lookEntry{signIns[0], {At: first.At, Look: &first, Lines: s.shares(), More: 3}, signIns[1], {At: account1.At, Look: &account1}, {At: export.At, Look: &export}}
	acts := []lookEntry{
		{At: first.At, Act: &Act{Seq: 9, ID: "a9", Kind: "request", At: first.At, Name: "Paul Girard", Organisation: "Helpline", Case: 1042}},
		{At: first.At, Act: &Act{Seq: 8, ID: "a8", Kind: "consent", At: first.At, You: true, Case: 1042}},
		{At: first.At, Act: &Act{Seq: 7, ID: "a7", Kind: "contain", At: first.At}},
	}
	opened := Record{Index: 4711, Facts: []Fact{{"kind of record", "consent"}, {"time", "2026-05-14 09:30:00 UTC"}}, Not: []string{"who sat at the keyboard"}}
	choices := []ui.Option{{Value: "month", Text: "The last 30 days", Selected: true}, {Value: "dates", Text: "From one day to another"}}
	tiers := []ui.Option{{Value: "envelope", Text: "Envelope: Mailbox names, addresses, subjects, dates, sizes", Selected: true}, {Value: "content", Text: "Content"}}
	asked := statementView{Zone: "UTC", What: "Who wrote to me, about what and when", Answers: "It answers “verified”, with status 0.", Number: "00112233445566778899aabbccddeeff", Began: s.ago(90 * 24 * time.Hour), Till: s.ago(time.Hour), Windows: choices, Tiers: tiers, From: "2026-04-01", Until: "2026-04-30"}
	said := Statement{From: s.ago(30 * 24 * time.Hour), Until: s.ago(time.Hour), Tier: postern.TierEnvelope, Says: []string{"No leaf at positions [120, 4711) carries the tag of a disclosure of this tier or deeper to this account."},
		Rests: "This rests on SHA-256, the uniqueness of the VRF, a quorum of witnesses and the provider's signed statement.", Not: []string{"access that goes round the gate: root, database administrators, backups", "who sat at the keyboard"}}
	none, accessed, erased, edge, unproved := asked, asked, asked, asked, asked
	none.Nobody = true
	none.Statement, none.File, none.Cut = &said, "/statement/statement.proof?from=1", true
	found := said
	found.Count, found.Unwitnessed, found.Says = 1, true, []string{"Disclosure 1 of tier content lies in the window."}
	accessed.Statement, accessed.File, accessed.Looks = &found, none.File, []lookEntry{{At: first.At, Look: &first, Lines: s.shares()}}
	gone, near, word := said, said, said
	gone.Erased, near.Edge, near.Count = s.ago(48*time.Hour), true, 1
	erased.Statement, erased.File = &gone, none.File
	edge.Statement, edge.File = &near, none.File
	unproved.Statement, unproved.File = &word, none.File
	notice := Notice{ID: "n", Version: 1, Code: "4F7K", Kind: "first", At: s.ago(24 * time.Hour), Subject: "Two of your messages were seen by somebody who had no right to", Text: "Your account was affected: subject and text of two of your messages were shown to somebody who used a stolen support credential.\n\nWhat you should do, in this order:\n1. Change the password of your account at Fabrikam Bank.\n2. Expect mail that pretends to come from us. We never ask for your password.", Delivered: true}
	corrected := notice
	corrected.Version, corrected.Kind, corrected.Delivered, corrected.At = 2, "correction", false, s.ago(time.Hour)
	return []ui.Sample{
		{Name: "looked", Page: "looked", Of: page("looked.title", lookedView{Entries: entries, Tabs: tabs, Older: "/looked?before=7"})},
		{Name: "looked-nobody", Page: "looked", Of: page("looked.title", lookedView{Entries: signIns, Tabs: tabs, Nobody: true})},
		{Name: "looked-acts", Page: "looked", Of: page("looked.title", lookedView{Entries: acts, Tabs: tabs})},
		{Name: "check", Page: "check", Of: page("check.title", "log mx.outlook.example/ledger+8c1a7b02+AYq3\nquorum none\n")},
		{Name: "record", Page: "record", Of: page("record.title", recordView{opened, "a9"})},
		{Name: "record-pending", Page: "record", Of: page("record.title", recordView{Record{Index: -1}, "a9"})},
		{Name: "record-destroyed", Page: "record", Of: page("record.title", recordView{Record{Index: -1, Destroyed: true}, "a9"})},
		{Name: "statement", Page: "statement", Of: page("statement.title", asked)},
		{Name: "statement-young", Page: "statement", Of: page("statement.title", statementView{Number: asked.Number, Problem: "Nothing can be proved yet: the ledger is younger than an hour.", Next: "Ask again in an hour."})},
		{Name: "statement-none", Page: "statement", Of: page("statement.title", none)},
		{Name: "statement-accessed", Page: "statement", Of: page("statement.title", accessed)},
		{Name: "statement-erased", Page: "statement", Of: page("statement.title", erased)},
		{Name: "statement-edge", Page: "statement", Of: page("statement.title", edge)},
		{Name: "statement-unproved", Page: "statement", Of: page("statement.title", unproved)},
		{Name: "look", Page: "look", Of: page("look.title", lookView{first, s.shares(), opened})},
		{Name: "look-export", Page: "look", Of: page("look.title", lookView{Look: export, Record: opened})},
		{Name: "look-pending", Page: "look", Of: page("look.title", lookView{Look: account1, Record: Record{Index: -1}})},
		{Name: "notices", Page: "notices", Of: page("notices.title", []Notice{corrected, notice})},
		{Name: "notices-empty", Page: "notices", Of: page("notices.title", []Notice(nil))},
		{Name: "notice", Page: "notice", Of: page(notice.Subject, noticeView{Chosen: told.Chosen{Notice: corrected, Earlier: []Notice{notice}}, Plain: paragraphs(notice.Text), Seen: told.Sample(s.now)})},
		{Name: "notice-old", Page: "notice", Of: page(notice.Subject, noticeView{Chosen: told.Chosen{Notice: notice, Newer: &corrected}, Plain: paragraphs(notice.Text)})},
	}
}

func (s sampler) settings(page pager, wrong wronger) []ui.Sample {
	languages := []ui.Option{{Value: "fr", Text: "Français", Selected: true}, {Value: "en", Text: "English"}}
	sessions := []sessionLine{{account.Session{ID: "1", Network: "203.0.113.0/24", Agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", Created: s.ago(50 * time.Hour), Seen: s.now}, "Firefox, Linux", true}, {account.Session{ID: "2", Network: "2001:db8:7::/48", Agent: "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X)", Created: s.ago(400 * time.Hour), Seen: s.ago(3 * time.Hour)}, "Safari, iPhone", false}}
	apps := []account.AppPassword{{ID: "p", Label: "Thunderbird at home", Created: s.ago(900 * time.Hour), LastUsed: s.ago(time.Hour)}, {ID: "q", Label: "Old phone", Created: s.ago(9000 * time.Hour)}}
	exports := []exportLine{{"role.inbox", "/settings/export/inbox", 1284, 210_000_000}, {"Vacances", "/settings/export/f2", 0, 0}}
	return []ui.Sample{
		{Name: "settings", Page: "settings", Of: page("settings.tab", settingsOf("settings", generalView{s.ana(), store.Usage{Bytes: 4_200_000_000, Messages: 18_412, QuotaBytes: 15 << 30}, languages, "00112233445566778899aabbccddeeff"}))},
		{Name: "settings-password", Page: "settings-password", Of: page("settings-password.tab", settingsOf("settings-password", passwordView{OldError: "…"}), wrong("old", "settings-password.old.error"))},
		{Name: "settings-not-me", Page: "settings-password", Of: page("settings-password.tab", settingsOf("settings-password", passwordView{NotMe: true}))},
		{Name: "settings-sessions", Page: "settings-sessions", Of: page("settings-sessions.tab", settingsOf("settings-sessions", sessions))},
		{Name: "settings-apps", Page: "settings-apps", Of: page("settings-apps.tab", settingsOf("settings-apps", appsView{Apps: apps, Secret: "k7f2-9mqe-xw31-p0az-v8tj", Label: "Thunderbird"}))},
		{Name: "settings-apps-none", Page: "settings-apps", Of: page("settings-apps.tab", settingsOf("settings-apps", appsView{}))},
		{Name: "settings-rules", Page: "settings-rules", Of: page("settings-rules.tab", settingsOf("settings-rules", s.rules()))},
		{Name: "settings-rules-wrong", Page: "settings-rules", Of: page("settings-rules.tab", settingsOf("settings-rules", rulesView{Form: ruleForm{Forward: "ana@", AddressError: "…", PassFail: "…", Problem: "…"}}), wrong("forward", "rules.invalid.address"))},
		{Name: "settings-erase", Page: "settings-erase", Of: page("settings-erase.tab", settingsOf("settings-erase", eraseView{}))},
		{Name: "settings-erase-asked", Page: "settings-erase", Of: page("settings-erase.tab", settingsOf("settings-erase", eraseView{Due: s.now.AddDate(0, 0, 30)}))},
		{Name: "settings-export", Page: "settings-export", Of: page("settings-export.tab", settingsOf("settings-export", exports))},
	}
}

func (s sampler) rules() rulesView {
	some := []ui.Option{{Value: "from", Text: "Expéditeur", Selected: true}, {Value: "subject", Text: "Objet"}}
	return rulesView{Tried: true, Tally: 3, Looked: 50, Form: ruleForm{Match: some, Places: some, Keep: true, Rows: []conditionRow{{1, some, some, "bank.example"}, {2, some, some, ""}}},
		Rules: []ruleLine{
			{Rule: rules.Rule{ID: "1", Active: true}, Place: 1, First: true, When: []string{"Expéditeur contient « bank.example »", "Objet contient « relevé »"}, Does: []string{"Ranger dans Banque", "Marquer comme lu"}},
			{Rule: rules.Rule{ID: "2", Active: true, Actions: []rules.Action{{Kind: rules.Forward}}}, Place: 2, When: []string{"Objet contient « facture »"}, Does: []string{"Transférer à ana.bureau@fabrikam-conseil-et-associes.example"}},
			{Rule: rules.Rule{ID: "3"}, Place: 3, Last: true, NeedsProof: true, When: []string{"Liste de diffusion est « news.shop.example »"}, Does: []string{"Mettre à la corbeille"}},
		}}
}
