package web

import (
	"net/http"
	"strings"
	"time"

	"github.com/postern-mail/postern/mail/internal/store"
	"github.com/postern-mail/postern/ui"
)

const perPage = 50

// listView is a page of messages: of a mailbox or of a search.
type listView struct {
	Name     string // key or text
	Query    string
	Chips    []chip
	Lines    []line
	Older    string
	First    string // the beginning of the list, on later pages
	Moves    []ui.Option
	Role     string
	Total    int
	Unseen   int
	Here     string
	CanWrite bool
}

// chip is one part of a query, or one that could be added.
type chip struct {
	Text, Href, Label string
	On                bool
}

type line struct {
	Href, Item                         string // Item names mailbox and UID to POST /act
	Who, Subject, Preview              string
	At                                 time.Time
	Unread, Flagged, Attached, Guarded bool
	Warn                               bool // the door could not tell that the sender is who it says
	Box                                string
}

func (w *Web) home(v *visit) error { return v.redirect("/mailbox/inbox") }

func (w *Web) mailbox(v *visit) error {
	box, err := w.box(v, v.PathValue("mailbox"))
	if err != nil {
		return err
	}
	before := v.FormValue("before")
	items, next, err := w.store.Page(v.ctx(), v.account.ID, store.Filter{Mailbox: box.ID, Before: before, Limit: perPage})
	if err != nil {
		return err
	}
	data, err := w.list(v, items, next, boxHref(box), nil)
	if err != nil {
		return err
	}
	data.Name, data.Role, data.Total, data.Unseen = boxName(box), box.Role, box.Total, box.Unseen
	return w.show(v, http.StatusOK, "list", ui.Page{Title: data.Name, Data: data, Wide: true, Nav: []ui.NavItem{{Href: boxHref(box)}}})
}

func (w *Web) search(v *visit) error {
	q := strings.TrimSpace(v.FormValue("q"))
	if q == "" {
		return v.redirect("/mailbox/inbox")
	}
	items, next, err := w.store.Page(v.ctx(), v.account.ID, store.Filter{Query: q, Before: v.FormValue("before"), Limit: perPage})
	if err != nil {
		return err
	}
	data, err := w.list(v, items, next, "/search", []string{"q", q})
	if err != nil {
		return err
	}
	data.Name, data.Query, data.Chips = "search.title", q, chips(q)
	return w.show(v, http.StatusOK, "list", ui.Page{Title: "search.title", Data: data, Wide: true, Search: &ui.Search{Action: "/search", Value: q, Label: "search.label"}})
}

// list makes the lines. next and the addresses of pages are made of path and
// the pairs of its query.
func (w *Web) list(v *visit, items []store.Item, next, path string, pairs []string) (listView, error) {
	data := listView{Here: v.URL.RequestURI(), CanWrite: w.Submit != nil}
	boxes, err := w.store.Mailboxes(v.ctx(), v.account.ID)
	if err != nil {
		return data, err
	}
	names := map[string]string{}
	for _, b := range boxes {
		names[string(b.ID)] = boxName(b)
		if b.Role != store.RoleDrafts && b.Role != store.RoleSent && boxHref(b) != path {
			data.Moves = append(data.Moves, ui.Option{Value: string(b.ID), Text: w.ui.Words().Text(v.lang, boxName(b))})
		}
	}
	for _, it := range items {
		data.Lines = append(data.Lines, lineOf(it, names[string(it.Mailbox)]))
	}
	if path != "/search" {
		for i := range data.Lines {
			data.Lines[i].Box = ""
		}
	}
	if next != "" {
		data.Older = address(path, append(pairs, "before", next)...)
	}
	if v.FormValue("before") != "" {
		data.First = address(path, pairs...)
	}
	return data, nil
}

func lineOf(it store.Item, box string) line {
	who := it.From
	if box == "role."+store.RoleSent || box == "role."+store.RoleDrafts {
		who = it.To
	}
	at := it.Internal
	return line{Href: "/message/" + string(it.ID), Item: itemName(it), Who: who, Subject: it.Subject, Preview: it.Preview, At: at, Box: box,
		Unread: !it.Has(store.Seen), Flagged: it.Has(store.Flagged), Attached: it.Attachments, Guarded: it.Guarded, Warn: strings.Contains(it.Verdicts, "dmarc=fail")}
}

// operators are what a search can be narrowed by with one click.
var operators = []string{"is:unread", "has:attachment", "is:starred", "newer_than:7d", "in:anywhere"}

// chips shows what a query is made of, each part with the way to leave it out,
// and the operators it could be narrowed by.
func chips(q string) (list []chip) {
	words := queryWords(q)
	for i, word := range words {
		if !strings.Contains(word, ":") {
			continue
		}
		rest := append(append([]string{}, words[:i]...), words[i+1:]...)
		c := chip{Text: word, On: true, Href: "/mailbox/inbox"}
		if len(rest) > 0 {
			c.Href = address("/search", "q", strings.Join(rest, " "))
		}
		list = append(list, c)
	}
	for _, op := range operators {
		if !strings.Contains(" "+q+" ", " "+op+" ") {
			list = append(list, chip{Text: op, Href: address("/search", "q", q+" "+op), Label: "search." + strings.NewReplacer(":", "-", "_", "-").Replace(op)})
		}
	}
	return list
}

// queryWords splits a query at spaces, but not inside quotes or parentheses.
func queryWords(q string) (words []string) {
	var word strings.Builder
	quoted, depth := false, 0
	for _, r := range q {
		switch {
		case r == '"':
			quoted = !quoted
		case r == '(' && !quoted:
			depth++
		case r == ')' && !quoted && depth > 0:
			depth--
		case r == ' ' && !quoted && depth == 0:
			if word.Len() > 0 {
				words = append(words, word.String())
				word.Reset()
			}
			continue
		}
		word.WriteRune(r)
	}
	if word.Len() > 0 {
		words = append(words, word.String())
	}
	return words
}
