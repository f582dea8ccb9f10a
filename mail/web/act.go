package web

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/mail/internal/store"
	"github.com/postern-mail/postern/ui"
)

// itemName names a message in a mailbox to a form: "MAILBOX:UID".
func itemName(it store.Item) string {
	return string(it.Mailbox) + ":" + strconv.FormatUint(uint64(it.UID), 10)
}

const mostItems = 200 // of one act; a page has 50

// parseItems groups the names of a form by mailbox, in the order they came.
func parseItems(names []string) (order []postern.MailboxID, sets map[postern.MailboxID][]uint32, n int) {
	sets = map[postern.MailboxID][]uint32{}
	for _, name := range names[:min(len(names), mostItems)] {
		box, text, ok := strings.Cut(name, ":")
		uid, err := strconv.ParseUint(text, 10, 32)
		if !ok || err != nil || uid == 0 || slices.Contains(sets[postern.MailboxID(box)], uint32(uid)) {
			continue
		}
		if sets[postern.MailboxID(box)] == nil {
			order = append(order, postern.MailboxID(box))
		}
		sets[postern.MailboxID(box)] = append(sets[postern.MailboxID(box)], uint32(uid))
		n++
	}
	return order, sets, n
}

// address is a path with a query of pairs.
func address(path string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Add(pairs[i], pairs[i+1])
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

var flagActs = map[string]struct {
	op      store.FlagOp
	flag    string
	inverse string
}{
	"read": {store.Add, store.Seen, "unread"}, "unread": {store.Remove, store.Seen, "read"},
	"flag": {store.Add, store.Flagged, "unflag"}, "unflag": {store.Remove, store.Flagged, "flag"},
}

var moveActs = map[string]string{"archive": store.RoleArchive, "delete": store.RoleTrash, "junk": store.RoleJunk, "not-junk": store.RoleInbox}

// act does one thing to the chosen messages and leads back, with the way to
// undo it.
func (w *Web) act(v *visit) error {
	do, back := v.PostFormValue("do"), ui.Local(v.PostFormValue("return"))
	chosen := v.PostForm["item"]
	// "flag MAILBOX:UID" is a button in one row, whatever else is ticked.
	if one, item, ok := strings.Cut(do, " "); ok {
		do, chosen = one, []string{item}
	}
	order, sets, n := parseItems(chosen)
	if n == 0 {
		w.setFlash(v, flash{Text: "done.nothing", Kind: "warn"})
		return v.redirect(back)
	}
	if f, ok := flagActs[do]; ok {
		var names []string
		for _, box := range order {
			changed, _, err := w.store.SetFlags(v.ctx(), v.account.ID, box, store.UIDs(sets[box]...), f.op, []string{f.flag}, -1)
			if err != nil {
				return err
			}
			for _, it := range changed {
				names = append(names, string(box)+":"+strconv.FormatUint(uint64(it.UID), 10))
			}
		}
		w.setFlash(v, flash{Text: "done." + do, N: len(names), Undo: map[string]string{"do": f.inverse}, IDs: names})
		return v.redirect(back)
	}
	if do == "help" {
		return w.actHelp(v, order, sets)
	}
	to, err := w.target(v, do)
	if err != nil {
		return err
	}
	var names []string
	from := postern.MailboxID("")
	for _, box := range order {
		if box == to.ID {
			continue
		}
		moved, err := w.store.Move(v.ctx(), v.account.ID, box, store.UIDs(sets[box]...), to.ID)
		if err != nil {
			return err
		}
		for _, uid := range moved.To {
			names = append(names, string(to.ID)+":"+strconv.FormatUint(uint64(uid), 10))
		}
		from = box
	}
	f := flash{Text: "done.moved", N: len(names)}
	if _, ok := moveActs[do]; ok {
		f.Text = "done." + do
	}
	// Back to one mailbox only: of a search that found messages in several, the
	// undo would not know which came from where.
	if len(order) == 1 && from != "" {
		f.Undo, f.IDs = map[string]string{"do": "move", "to": string(from)}, names
	}
	w.setFlash(v, f)
	return v.redirect(back)
}

func (w *Web) target(v *visit, do string) (store.Mailbox, error) {
	if role, ok := moveActs[do]; ok {
		return w.store.MailboxByRole(v.ctx(), v.account.ID, role)
	}
	if do == "move" {
		return w.box(v, v.PostFormValue("to"))
	}
	return store.Mailbox{}, &postern.Error{Kind: postern.Invalid, Key: "error.invalid.text", Text: "there is no such act"}
}

// actHelp takes the chosen messages to a new case.
func (w *Web) actHelp(v *visit, order []postern.MailboxID, sets map[postern.MailboxID][]uint32) error {
	q := url.Values{}
	for _, box := range order {
		err := w.store.Items(v.ctx(), v.account.ID, box, store.UIDs(sets[box]...), store.Identity, func(it *store.Item) error {
			q.Add("message", string(it.ID))
			return nil
		})
		if err != nil {
			return err
		}
	}
	return v.redirect("/help/new?" + q.Encode())
}
