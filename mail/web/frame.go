package web

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/mail/internal/store"
	"github.com/postern-mail/postern/ui"
)

// flash is what one page tells the next: what was done, and how to undo it. It
// rests for a minute in a cookie and names nothing but identifiers.
type flash struct {
	Text string            `json:"t"`           // a key
	N    int               `json:"n,omitempty"` // how many
	Kind string            `json:"k,omitempty"`
	Undo map[string]string `json:"u,omitempty"` // fields of POST /act
	IDs  []string          `json:"i,omitempty"`
}

func (w *Web) setFlash(v *visit, f flash) {
	text, err := json.Marshal(f)
	if err != nil || len(text) > 2500 { // of a hundred messages the undo is too long for a cookie
		f.Undo, f.IDs = nil, nil
		text, _ = json.Marshal(f)
	}
	w.ui.SetSecret(v, v.Request, "flash", base64.RawURLEncoding.EncodeToString(text), w.Now().Add(time.Minute))
}

func (w *Web) takeFlash(v *visit) (alerts []ui.Alert) {
	secret := w.ui.Secret(v.Request, "flash")
	if secret == "" {
		return nil
	}
	w.ui.DropSecret(v, v.Request, "flash")
	text, err := base64.RawURLEncoding.DecodeString(secret)
	var f flash
	if err != nil || json.Unmarshal(text, &f) != nil || !strings.HasPrefix(f.Text, "done.") || !w.ui.Words().Has(v.lang, f.Text) {
		return nil
	}
	a := ui.Alert{Kind: "ok", Text: w.ui.Words().TN(v.lang, f.Text, f.N)}
	if f.Kind == "warn" {
		a.Kind = f.Kind
	}
	if len(f.Undo) > 0 {
		values := url.Values{"return": {v.URL.RequestURI()}}
		for k, s := range f.Undo {
			values.Set(k, s)
		}
		for _, id := range f.IDs {
			values.Add("item", id)
		}
		a.Undo = &ui.Undo{Action: "/act", Values: values}
	}
	return []ui.Alert{a}
}

// frame adds what stands around every page. The side bar's counts are a help,
// so a failure to read them shows the page without.
func (w *Web) frame(v *visit, p ui.Page) ui.Page {
	p.User = &ui.User{Name: displayName(v.account.Name, v.account.Address), Detail: v.account.Address}
	if p.Search == nil {
		p.Search = &ui.Search{Action: "/search", Label: "search.label"}
	}
	p.Alerts = append(w.takeFlash(v), p.Alerts...)
	boxes, err := w.store.Mailboxes(v.ctx(), v.account.ID)
	if err != nil {
		w.fault(v.Request, err)
	}
	requests, err := w.Help.Waiting(v.ctx(), v.account.ID)
	if err != nil {
		w.fault(v.Request, err)
	}
	notices, err := w.Help.Notices(v.ctx(), v.account.ID)
	if err != nil {
		w.fault(v.Request, err)
	}
	p.Nav = nav(v.URL.Path, p.Nav, boxes, len(requests), len(notices))
	return p
}

var roleIcons = map[string]string{store.RoleInbox: "inbox", store.RoleDrafts: "file-pen", store.RoleSent: "send", store.RoleArchive: "archive", store.RoleJunk: "octagon-alert", store.RoleTrash: "trash-2"}

var roleKeys = map[string]string{store.RoleInbox: "g i", store.RoleArchive: "g a", store.RoleSent: "g s", store.RoleDrafts: "g d"}

// nav is the side bar. A page that is inside a mailbox says so in here by an
// item of Nav whose address is the mailbox's.
func nav(path string, within []ui.NavItem, boxes []store.Mailbox, requests, notices int) (items []ui.NavItem) {
	if len(within) > 0 {
		path = within[0].Href
	}
	for _, b := range boxes {
		n := ui.NavItem{Text: boxName(b), Href: boxHref(b), Icon: "folder", Count: b.Unseen}
		if b.Role != "" {
			n.Icon, n.Key = roleIcons[b.Role], roleKeys[b.Role]
		} else {
			n.Group = "nav.mailboxes"
			n.Indent = min(3, strings.Count(b.Name, "/"))
		}
		if b.Role == store.RoleSent || b.Role == store.RoleDrafts || b.Role == store.RoleTrash {
			n.Count = 0
		}
		n.Current = path == n.Href
		items = append(items, n)
	}
	for _, n := range []ui.NavItem{
		{Text: "looked.title", Href: "/looked", Icon: "eye", Key: "g w"},
		{Text: "consent.title", Href: "/consent", Icon: "shield-check", Count: requests},
		{Text: "help.title", Href: "/help", Icon: "life-buoy", Key: "g h"},
		{Text: "notices.title", Href: "/notices", Icon: "bell", Count: notices},
		{Text: "settings.title", Href: "/settings", Icon: "settings"},
	} {
		n.Group = "nav.account"
		n.Current = path == n.Href || strings.HasPrefix(path, n.Href+"/") || n.Href == "/looked" && path == "/statement"
		items = append(items, n)
	}
	return items
}

// boxName is a mailbox as people read it: a key for those with a role, the last
// level of the name for the others.
func boxName(b store.Mailbox) string {
	if b.Role != "" {
		return "role." + b.Role
	}
	return b.Name[strings.LastIndexByte(b.Name, '/')+1:]
}

func boxHref(b store.Mailbox) string {
	if b.Role != "" {
		return "/mailbox/" + b.Role
	}
	return "/mailbox/" + string(b.ID)
}

func displayName(name, address string) string {
	if strings.TrimSpace(name) != "" {
		return name
	}
	return address
}

// box finds a mailbox by what stands in an address: a role, or an identifier.
func (w *Web) box(v *visit, name string) (store.Mailbox, error) {
	if _, ok := roleIcons[name]; ok {
		return w.store.MailboxByRole(v.ctx(), v.account.ID, name)
	}
	return w.store.MailboxByID(v.ctx(), v.account.ID, postern.MailboxID(name))
}
