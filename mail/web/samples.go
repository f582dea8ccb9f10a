package web

import (
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/account"
	"github.com/postern-mail/postern/mail/internal/store"
	"github.com/postern-mail/postern/ui"
)

// Samples are this face's pages with invented people, in every state that looks
// different. Tests render them in both languages; Storybook shows them.
func Samples(now time.Time) []ui.Sample {
	s := sampler{now}
	page := func(title string, data any, more ...func(*ui.Page)) ui.Page {
		p := ui.Page{Title: title, Data: data, User: &ui.User{Name: "Ana Lima", Detail: "ana@outlook.example"}, Search: &ui.Search{Action: "/search", Label: "search.label"}}
		for _, m := range more {
			m(&p)
		}
		p.Nav = nav("/looked", p.Nav, s.boxes(), 1, 1)
		return p
	}
	in := func(href string) func(*ui.Page) {
		return func(p *ui.Page) { p.Nav, p.Wide = []ui.NavItem{{Href: href}}, true }
	}
	wrong := func(field, text string) func(*ui.Page) {
		return func(p *ui.Page) { p.Errors = []ui.Problem{{Field: field, Text: text}} }
	}
	samples := []ui.Sample{
		{Name: "sign-in", Page: "sign-in", Of: ui.Page{Title: "sign-in", Data: signInView{Provider: "Outlook"}}},
		{Name: "sign-in-wrong", Page: "sign-in", Of: ui.Page{Title: "sign-in", Errors: []ui.Problem{{Field: "address", Text: "account.refused.wrong"}}, Data: signInView{Provider: "Outlook", Address: "ana@outlook.example", Problem: "…", Return: "/looked"}}},
		{Name: "sign-in-demo", Page: "sign-in", Of: ui.Page{Title: "sign-in", Data: signInView{Provider: "Outlook", People: []account.Account{s.ana(), {ID: "b", Name: "Émile Roux", Address: "emile@msn.example"}}}}},
		{Name: "inbox", Page: "list", Of: page("role.inbox", s.inbox(), in("/mailbox/inbox"), func(p *ui.Page) {
			p.Alerts = []ui.Alert{{Kind: "ok", Text: "done.archive", Args: []any{"n", 2}, Undo: &ui.Undo{Action: "/act", Values: map[string][]string{"do": {"move"}}}}}
		})},
		{Name: "empty", Page: "list", Of: page("role.archive", listView{Name: "role.archive", Role: store.RoleArchive}, in("/mailbox/archive"))},
		{Name: "trash", Page: "list", Of: page("role.trash", s.list(store.RoleTrash), in("/mailbox/trash"))},
		{Name: "junk", Page: "list", Of: page("role.junk", s.list(store.RoleJunk), in("/mailbox/junk"))},
		{Name: "search", Page: "list", Of: page("search.title", s.search(), in("/search"))},
		{Name: "search-empty", Page: "list", Of: page("search.title", listView{Name: "search.title", Query: "zzz", Chips: chips("zzz is:unread")}, in("/search"))},
		{Name: "message", Page: "message", Of: page("Your invoice for November", s.message("html"), in("/mailbox/inbox"))},
		{Name: "message-plain", Page: "message", Of: page("Your invoice for November", s.message("plain"), in("/mailbox/inbox"))},
		{Name: "message-headers", Page: "message", Of: page("Your invoice for November", s.message("headers"), in("/mailbox/inbox"))},
		{Name: "message-broken", Page: "message", Of: page("message.no-subject", s.broken(), in("/mailbox/junk"))},
	}
	samples = append(samples,
		ui.Sample{Name: "compose", Page: "compose", Of: page("compose.title", composeView{To: "claire@msn.example", Subject: "Re: Dinner on Friday?", Text: "\n\n> Eight o’clock?", Reply: "1", Cancel: "/message/1"})},
		ui.Sample{Name: "compose-wrong", Page: "compose", Of: page("compose.title", composeView{To: "claire", ToError: "…", Cancel: "/mailbox/inbox"}, wrong("to", "compose.to.error"))})
	samples = append(samples, s.help(page, wrong)...)
	samples = append(samples, s.consents(page, wrong)...)
	samples = append(samples, s.looks(page)...)
	return append(samples, s.settings(page, wrong)...)
}

type sampler struct{ now time.Time }

type pager = func(title string, data any, more ...func(*ui.Page)) ui.Page

type wronger = func(field, text string) func(*ui.Page)

func (s sampler) ago(d time.Duration) time.Time { return s.now.Add(-d) }

func (s sampler) ana() account.Account {
	return account.Account{ID: "a", Name: "Ana Lima", Address: "ana@outlook.example", Locale: "fr", Created: s.ago(3 * 365 * 24 * time.Hour)}
}

func (s sampler) boxes() []store.Mailbox {
	var all []store.Mailbox
	for _, role := range []string{store.RoleInbox, store.RoleDrafts, store.RoleSent, store.RoleArchive, store.RoleJunk, store.RoleTrash} {
		all = append(all, store.Mailbox{ID: postern.MailboxID(role), Name: role, Role: role, Unseen: 3})
	}
	return append(all, store.Mailbox{ID: "f1", Name: "Famille"}, store.Mailbox{ID: "f2", Name: "Famille/Vacances", Unseen: 12})
}

func (s sampler) lines() []line {
	id := func(n string) string { return "/message/" + n }
	return []line{
		{Href: id("1"), Item: "in:1", Who: "Claire Martin", Subject: "Dinner on Friday?", Preview: "We thought of eight o’clock at ours; bring nothing but yourselves.", At: s.ago(12 * time.Minute), Unread: true, Flagged: true, Box: "role.inbox"},
		{Href: id("2"), Item: "in:2", Who: "Northwind Power", Subject: "Your invoice for November", Preview: "Hello Ana, the invoice 2026-11-4471 is attached. It will be collected on 1 December.", At: s.ago(3 * time.Hour), Unread: true, Attached: true, Box: "role.inbox"},
		{Href: id("3"), Item: "in:3", Who: "Fabrikam Bank", Subject: "Your sign-in code", Preview: "Enter this code within ten minutes. Never give it to anybody.", At: s.ago(5 * time.Hour), Guarded: true, Box: "role.inbox"},
		{Href: id("4"), Item: "in:4", Who: "accounts@paypa1.example", Subject: "Your account is limited, act now", Preview: "Dear customer, click here to restore access within 24 hours.", At: s.ago(30 * time.Hour), Unread: true, Warn: true, Box: "role.junk"},
		{Href: id("5"), Item: "in:5", Who: "Bibliothèque municipale de Saint-Étienne-du-Rouvray", Subject: "Rappel : trois documents à rendre avant la fin de la semaine prochaine", Preview: "Bonjour, les documents suivants sont à rendre : « Les Années », « La Vie mode d’emploi », « Un roi sans divertissement ».", At: s.ago(72 * time.Hour), Box: "Famille"},
		{Href: id("6"), Item: "in:6", Who: "Émile Roux", At: s.ago(400 * 24 * time.Hour), Preview: "Sent from my phone", Box: "role.archive"},
	}
}

func (s sampler) moves() []ui.Option {
	return []ui.Option{{Value: "archive", Text: "Archive"}, {Value: "f1", Text: "Famille"}, {Value: "f2", Text: "Famille/Vacances"}}
}

func (s sampler) inbox() listView {
	v := s.list(store.RoleInbox)
	for i := range v.Lines {
		v.Lines[i].Box = ""
	}
	return v
}

func (s sampler) list(role string) listView {
	return listView{Name: "role." + role, Role: role, Lines: s.lines(), Moves: s.moves(), Total: 1284, Unseen: 3, Older: "/mailbox/" + role + "?before=x", First: "/mailbox/" + role, Here: "/mailbox/" + role, CanWrite: true}
}

func (s sampler) search() listView {
	q := `from:northwind has:attachment "november invoice"`
	return listView{Name: "search.title", Query: q, Chips: chips(q), Lines: s.lines()[:4], Moves: s.moves(), Older: "/search?q=x&before=y", Here: "/search?q=x"}
}

func (s sampler) message(show string) messageView {
	return messageView{ID: "00000000000000000000000000000002", Item: "in:2", Box: "role.inbox", BoxHref: "/mailbox/inbox", Role: store.RoleInbox, Subject: "Your invoice for November",
		From: []person{{"Northwind Power", "billing@northwind.example"}}, To: []person{{"Ana Lima", "ana@outlook.example"}}, Cc: []person{{"", "home@outlook.example"}}, ReplyTo: []person{{"", "noreply@northwind.example"}},
		At: s.ago(3 * time.Hour), Size: 48_120, Flagged: true, Guard: "sign-in", Verdicts: verdicts("spf=pass dkim=pass dmarc=pass"),
		Attachments: []attachmentView{{"invoice-2026-11.pdf", "application/pdf", "/message/2/attachment/2", 38_400}, {"Conditions générales de vente applicables à partir du 1er janvier 2027.pdf", "application/pdf", "/message/2/attachment/3", 1_200_000}},
		Show:        show, HasHTML: true, CanReply: true, Frame: "http://view.localhost/v/none/", Tall: "medium", Blocked: 3, Misleading: 1, Moves: s.moves(), Thread: s.lines()[:2],
		Plain:   paragraphs("Hello Ana,\n\nthe invoice 2026-11-4471 is attached; it stands at https://northwind.example/invoices/4471 too.\nIt will be collected on 1 December.\n\n> On 2 November, Ana wrote:\n> Could you send invoices by mail?\n\nNorthwind Power"),
		Headers: []headerLine{{"Received", "from mx.northwind.example (mx.northwind.example [192.0.2.4])\r\n\tby mx.outlook.example with ESMTPS; Mon, 23 Nov 2026 11:04:10 +0000"}, {"From", "Northwind Power <billing@northwind.example>"}, {"Subject", "Your invoice for November"}}}
}

func (s sampler) broken() messageView {
	return messageView{ID: "00000000000000000000000000000004", Item: "j:4", Box: "role.junk", BoxHref: "/mailbox/junk", Role: store.RoleJunk, At: s.ago(time.Hour), Show: "plain", Truncated: true, Repairs: []string{"nul"}, Verdicts: verdicts("spf=fail dkim=fail dmarc=fail"), Moves: s.moves()}
}

func (s sampler) shares() []shareLine {
	var out []shareLine
	for i, l := range s.lines()[:3] {
		out = append(out, shareLine{line: l, ID: postern.MessageID("0000000000000000000000000000000" + string(rune('1'+i))), Checked: true})
	}
	return append(out, shareLine{ID: "0000000000000000000000000000000f", Gone: true})
}
