package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/mail/internal/store"
)

func threads(t *testing.T, h House) {
	acc := account()
	put := func(fields ...string) string { return h.put(t, acc, "INBOX", mailOf(fields...)).Thread }
	root := put("From: a@x.example", "Message-ID: <root@x>", "Subject: Plans")
	// In this order: the last thread with a subject is the one a reply joins.
	for _, c := range []struct {
		what   string
		fields []string
		same   bool
	}{
		{"In-Reply-To", []string{"Message-ID: <r1@x>", "In-Reply-To: <root@x>", "Subject: other words"}, true},
		{"References", []string{"Message-ID: <r2@x>", "References: <unknown@x> <root@x>", "Subject: more"}, true},
		{"the same subject as a reply", []string{"Message-ID: <r3@x>", "Subject: RE: [list] plans"}, true},
		{"the same subject, no reply", []string{"Message-ID: <r4@x>", "Subject: Plans"}, false},
		{"a reply to the newer of two", []string{"Message-ID: <r6@x>", "Subject: Re: Plans"}, false},
		{"a forward of the subject", []string{"Message-ID: <r5@x>", "Subject: Fwd: more"}, false},
		{"no fields", []string{"X: y"}, false},
		{"References to something else", []string{"References: <else@x>", "Subject: else"}, false},
		{"an empty subject after a reply", []string{"Subject: Re:"}, false},
	} {
		if got := put(c.fields...) == root; got != c.same {
			t.Errorf("%s: in the thread %v, want %v", c.what, got, c.same)
		}
	}
	// A reply that comes before what it answers.
	child := put("Message-ID: <child@y>", "In-Reply-To: <parent@y>", "Subject: late")
	same(t, "a parent that comes late", put("Message-ID: <parent@y>", "Subject: earlier"), child)
	items, err := h.Thread(ctx, acc, child)
	ok(t, err)
	same(t, "thread", []string{items[0].Subject, items[1].Subject}, []string{"late", "earlier"})
	if _, err := h.Thread(ctx, acc, "zz"); postern.KindOf(err) != postern.NotFound {
		t.Errorf("a thread that is none: %v", err)
	}
}

func pages(t *testing.T, h House) {
	acc := account()
	inbox := h.box(t, acc, "INBOX")
	var in []store.AppendIn
	for n := range 25 {
		// Arrival order is not date order, and some share a moment.
		in = append(in, store.AppendIn{Mailbox: inbox.ID, Raw: letter(n), Internal: Now.Add(time.Duration((n*7)%20) * time.Minute)})
	}
	_, err := h.AppendMany(ctx, acc, in)
	ok(t, err)
	for _, c := range []struct {
		filter store.Filter
		want   int
	}{
		{store.Filter{Mailbox: inbox.ID, Limit: 7}, 25},
		{store.Filter{Limit: 7}, 25},
		{store.Filter{Limit: 25}, 25},
		{store.Filter{Limit: 10, Query: "number"}, 25},
		{store.Filter{Mailbox: h.box(t, acc, "Sent").ID}, 0},
	} {
		var all []store.Item
		for f := c.filter; ; {
			items, next, err := h.Page(ctx, acc, f)
			ok(t, err)
			if f.Limit > 0 && len(items) > f.Limit {
				t.Fatalf("a page of %d", len(items))
			}
			all = append(all, items...)
			if f.Before = next; next == "" {
				break
			}
		}
		uids := map[uint32]bool{}
		for i, it := range all {
			uids[it.UID] = true
			if i > 0 && it.Internal.After(all[i-1].Internal) {
				t.Errorf("%+v: item %d is newer than the one before", c.filter, i)
			}
		}
		same(t, fmt.Sprint(c.filter), []int{len(all), len(uids)}, []int{c.want, c.want})
	}
	for _, cursor := range []string{"x", "1.2.3", "..", "1." + postern.NewID() + ".-1", strings.Repeat("9", 40) + "." + postern.NewID() + ".1"} {
		_, _, err := h.Page(ctx, acc, store.Filter{Before: cursor})
		wantKind(t, err, postern.Invalid)
	}
}

// corpus is a few messages to be found, by a word that stands for each.
func corpus(t *testing.T, h House) (postern.AccountID, map[string]store.Item) {
	acc := account()
	items := map[string]store.Item{}
	put := func(name, mailbox string, at time.Time, flags []string, raw []byte) {
		it, err := h.Append(ctx, acc, store.AppendIn{Mailbox: h.box(t, acc, mailbox).ID, Raw: raw, Internal: at, Flags: flags})
		ok(t, err)
		items[name] = it
	}
	put("facture", "INBOX", Now.AddDate(0, 0, -2), nil, mailOf("From: Élodie Müller <elodie@bank.example>", "To: bo@outlook.example", "Cc: Zoë <zoe@x.example>",
		"Subject: Votre facture d'été", "Date: Thu, 26 Mar 2026 23:30:00 -0500", "Message-ID: <f1@bank.example>", "List-Id: <news.bank.example>", "Bonjour, la facture 4711 est prête. Déjà payée ?"))
	put("order", "INBOX", Now.AddDate(0, -2, 0), []string{store.Seen, store.Flagged}, mailOf("From: shop@shop.example", "To: bo@outlook.example",
		"Subject: Your order", "Date: Wed, 28 Jan 2026 10:00:00 +0000", "Message-ID: <o1@shop.example>", "the order number is 4711 and it is on its way"))
	put("photo", "Archive", Now.AddDate(-1, 0, 0), []string{store.Seen, store.Answered}, []byte("From: ana@outlook.example\r\nTo: bo@outlook.example\r\nSubject: photo\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nlook at this\r\n--b\r\nContent-Type: image/png; name=beach.png\r\nContent-Disposition: attachment; filename=beach.png\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--b--\r\n"))
	put("japan", "INBOX", Now.AddDate(0, 0, -1), nil, mailOf("From: taro@jp.example", "Subject: =?utf-8?B?5p2x5Lqs44Gn44GZ?=", "Content-Type: text/plain; charset=utf-8", "京都も東京都です"))
	put("spam", "Junk", Now, nil, mailOf("From: shop@spam.example", "Subject: order now", "order order order"))
	big := append(mailOf("From: big@x.example", "Subject: big"), []byte(strings.Repeat("filler ", 5000))...)
	put("big", "Sent", Now.AddDate(0, 0, -3), []string{store.Seen, store.Draft}, big)
	return acc, items
}

func searches(t *testing.T, h House) {
	acc, items := corpus(t, h)
	for _, c := range []struct{ query, want string }{
		{"facture", "facture"},
		{"FACTURE", "facture"},
		{"factu", "facture"},
		{`"factu"`, ""},
		{"ete", "facture"},
		{"deja payee", "facture"},
		{"4711", "facture order"},
		{`"order number"`, "order"},
		{`"number order"`, ""},
		{"order", "order"},
		{"order in:anywhere", "order spam"},
		{"in:junk", "spam"},
		{"in:Archive", "photo"},
		{"in:nowhere", ""},
		{"from:elodie", "facture"},
		{"from:elodie@bank.example", "facture"},
		{"from:bank.example", "facture"},
		{"from:bo", ""},
		{"to:zoe", "facture"},
		{"cc:zoe", "facture"},
		{"to:bo", "facture order photo"},
		{"subject:order", "order"},
		{"subject:4711", ""},
		{`subject:"your order"`, "order"},
		{"4711 -facture", "order"},
		{"-from:bank.example in:inbox", "japan order"},
		{"has:attachment", "photo"},
		{"beach", "photo"},
		{"is:unread", "facture japan"},
		{"is:read", "big order photo"},
		{"is:starred", "order"},
		{"is:answered", "photo"},
		{"is:draft", "big"},
		{"-is:unread in:inbox", "order"},
		{"before:2026-01-01", "photo"},
		{"after:2026/03/26", "facture japan"},
		{"older_than:30d", "order photo"},
		{"newer_than:2d", "facture japan"},
		{"larger:10k", "big"},
		{"smaller:10k in:sent", ""},
		{"東京", "japan"},
		{"京都", "japan"},
		{"都京", ""},
		{"id:<f1@bank.example>", "facture"},
		{"rfc822msgid:f1@bank.example", "facture"},
		{"beach OR facture", "facture photo"},
		{"4711 facture OR order", "facture order"},
		{"has:attachment OR is:starred", "order photo"},
		{"", "big facture japan order photo"},
		{"!!! ???", "big facture japan order photo"},
		{"nothing:here", ""},
		{"before:yesterday", ""},
		{`' OR 1=1 --`, ""},
		{`") OR "*`, ""}, // the phrase "or"
	} {
		got, _, err := h.Page(ctx, acc, store.Filter{Query: c.query})
		if err != nil {
			t.Errorf("%s: %v", c.query, err)
			continue
		}
		if names := namesOf(items, got); names != c.want {
			t.Errorf("%s: found %q, want %q", c.query, names, c.want)
		}
	}
}

func namesOf(items map[string]store.Item, got []store.Item) string {
	var names []string
	for name, it := range items {
		if slices.ContainsFunc(got, func(g store.Item) bool { return g.ID == it.ID }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func criteria(t *testing.T, h House) {
	acc, items := corpus(t, h)
	inbox := h.box(t, acc, "INBOX").ID
	header := func(name, value string) store.Criteria {
		return store.Criteria{Header: []store.HeaderField{{Name: name, Value: value}}}
	}
	day := func(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 15, 0, 0, 0, time.UTC) }
	for name, c := range map[string]struct {
		criteria store.Criteria
		want     string
	}{
		"all":              {store.Criteria{}, "facture japan order"},
		"unseen":           {store.Criteria{NotFlags: []string{store.Seen}}, "facture japan"},
		"flagged":          {store.Criteria{Flags: []string{`\flagged`}}, "order"},
		"uid":              {store.Criteria{UIDs: store.UIDs(2)}, "order"},
		"uid star":         {store.Criteria{UIDs: store.UIDSet{{First: 0, Last: 0}}}, "japan"},
		"uid star in not":  {store.Criteria{Not: []store.Criteria{{UIDs: store.UIDSet{{First: 9, Last: 0}}}}}, "facture order"},
		"since":            {store.Criteria{Since: day(2026, 3, 26)}, "facture japan"},
		"before":           {store.Criteria{Before: day(2026, 3, 27)}, "facture order"},
		"sent since":       {store.Criteria{SentSince: day(2026, 3, 26)}, "facture"},
		"sent before":      {store.Criteria{SentBefore: day(2026, 3, 27)}, "facture order"},
		"subject":          {header("Subject", "ORDER"), "order"},
		"subject inside":   {header("subject", "rde"), "order"},
		"from accents":     {header("From", "élodie"), "facture"},
		"cc":               {header("Cc", "zoe@"), "facture"},
		"any subject":      {header("Subject", ""), "facture japan order"},
		"a stored header":  {header("List-Id", "news.bank"), "facture"},
		"header is there":  {header("List-Id", ""), "facture"},
		"header is absent": {header("X-Nothing", ""), ""},
		"message id":       {header("Message-ID", "<o1@shop.example>"), "order"},
		"body":             {store.Criteria{Body: []string{"prête"}}, "facture"},
		"body phrase":      {store.Criteria{Body: []string{"order number"}}, "order"},
		"body not subject": {store.Criteria{Body: []string{"votre"}}, ""},
		"text":             {store.Criteria{Text: []string{"votre"}}, "facture"},
		"text both":        {store.Criteria{Text: []string{"4711", "order"}}, "order"},
		"text empty":       {store.Criteria{Text: []string{""}}, "facture japan order"},
		"text no word":     {store.Criteria{Text: []string{"%%"}}, ""},
		"larger":           {store.Criteria{Larger: 1 << 20}, ""},
		"smaller":          {store.Criteria{Smaller: 1 << 20}, "facture japan order"},
		"not":              {store.Criteria{Not: []store.Criteria{header("Subject", "order")}}, "facture japan"},
		"or":               {store.Criteria{Or: [][2]store.Criteria{{header("Subject", "order"), {Text: []string{"東京"}}}}}, "japan order"},
		"modseq":           {store.Criteria{ModSeq: items["order"].ModSeq}, "japan order"},
	} {
		uids, err := h.SearchUIDs(ctx, acc, inbox, c.criteria)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := h.all(t, acc, inbox, store.UIDs(uids...), store.Identity)
		if names := namesOf(items, got); names != c.want {
			t.Errorf("%s: found %q, want %q", name, names, c.want)
		}
	}
	deep := store.Criteria{}
	for range 100 {
		deep = store.Criteria{Not: []store.Criteria{deep}}
	}
	_, err := h.SearchUIDs(ctx, acc, inbox, deep)
	wantKind(t, err, postern.Invalid)
}

func scopes(t *testing.T, h House) {
	acc, items := corpus(t, h)
	find := func(scope postern.Scope) (string, error) {
		ids, err := h.Find(ctx, acc, scope)
		var got []store.Item
		for _, id := range ids {
			got = append(got, store.Item{ID: id})
		}
		return namesOf(items, got), err
	}
	for name, c := range map[string]struct {
		scope postern.Scope
		want  string
	}{
		"messages":       {postern.Scope{Messages: []postern.MessageID{items["spam"].ID, items["photo"].ID, postern.MessageID(postern.NewID())}}, "photo spam"},
		"mailbox":        {postern.Scope{Mailbox: "inbox"}, "facture japan order"},
		"mailbox, since": {postern.Scope{Mailbox: "INBOX", Since: Now.AddDate(0, 0, -1)}, "japan"},
		"mailbox, until": {postern.Scope{Mailbox: "INBOX", Until: Now.AddDate(0, 0, -1)}, "facture order"},
		"newest":         {postern.Scope{Mailbox: "INBOX", Limit: 1}, "japan"},
		"from":           {postern.Scope{Query: "from:shop"}, "order spam"},
		"bare address":   {postern.Scope{Query: "shop@spam.example"}, "spam"},
		"bare id":        {postern.Scope{Query: "<f1@bank.example>"}, "facture"},
		"dates":          {postern.Scope{Query: "from:shop before:2026-03-01"}, "order"},
		"nobody":         {postern.Scope{Query: "from:nobody"}, ""},
	} {
		if got, err := find(c.scope); err != nil || got != c.want {
			t.Errorf("%s: %q, %v, want %q", name, got, err, c.want)
		}
	}
	for name, c := range map[string]struct {
		scope postern.Scope
		kind  postern.Kind
	}{
		"empty":       {postern.Scope{}, postern.Invalid},
		"words":       {postern.Scope{Query: "facture"}, postern.Invalid},
		"subject":     {postern.Scope{Query: "subject:facture"}, postern.Invalid},
		"guarded":     {postern.Scope{Query: "is:guarded"}, postern.Invalid},
		"hidden word": {postern.Scope{Query: "from:shop OR facture"}, postern.Invalid},
		"no mailbox":  {postern.Scope{Mailbox: "Nowhere"}, postern.NotFound},
		"no word":     {postern.Scope{Query: "  "}, postern.Invalid},
	} {
		if _, err := find(c.scope); postern.KindOf(err) != c.kind {
			t.Errorf("%s: %v, want kind %d", name, err, c.kind)
		}
	}
	got, err := h.Find(ctx, acc, postern.Scope{Mailbox: "INBOX"})
	ok(t, err)
	if !slices.Equal(got, []postern.MessageID{items["japan"].ID, items["facture"].ID, items["order"].ID}) {
		t.Errorf("not newest first: %v", got)
	}
}
