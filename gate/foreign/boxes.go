package foreign

import (
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"
)

const maxBoxes = 2000

// box is one mailbox of the account.
type box struct {
	name  string // the server's
	shown string // people's: without what the server has before the name of each
	role  string // "inbox", "junk" or ""
}

// find gives the mailbox that people call by a name, as they see it or as the
// server has it.
func find(boxes []box, name string) (box, bool) {
	for _, is := range []func(box) bool{
		func(b box) bool { return b.shown == name || b.role == "inbox" && strings.EqualFold(name, "INBOX") },
		func(b box) bool { return b.name == name },
	} {
		if i := slices.IndexFunc(boxes, is); i >= 0 {
			return boxes[i], true
		}
	}
	return box{}, false
}

// boxes lists the account's own mailboxes. What others share with it is another
// account's, and so left out.
func (l *link) boxes() ([]box, error) {
	var options *imap.ListOptions
	caps := l.client.Caps()
	if caps.Has(imap.CapListExtended) && caps.Has(imap.CapSpecialUse) {
		options = &imap.ListOptions{ReturnSpecialUse: true}
	}
	var spaces imap.NamespaceData
	if caps.Has(imap.CapNamespace) {
		d, err := l.client.Namespace().Wait()
		if err != nil {
			return nil, l.failed("ask which mailboxes are the account's own", err)
		}
		spaces = *d
	}
	list, err := l.client.List("", "*", options).Collect()
	if err != nil {
		return nil, l.failed("list the mailboxes", err)
	}
	var all []box
	for _, d := range list {
		attribute := func(names ...imap.MailboxAttr) bool {
			return slices.ContainsFunc(d.Attrs, func(a imap.MailboxAttr) bool {
				return slices.ContainsFunc(names, func(n imap.MailboxAttr) bool { return strings.EqualFold(string(a), string(n)) })
			})
		}
		// \All and \Flagged show messages of other mailboxes a second time.
		if attribute(imap.MailboxAttrNoSelect, imap.MailboxAttrNonExistent, imap.MailboxAttrAll, imap.MailboxAttrFlagged) ||
			!own(spaces, d.Mailbox) || len(all) == maxBoxes {
			continue
		}
		b := box{name: d.Mailbox, shown: shownName(spaces, d.Mailbox)}
		switch {
		case isInbox(d.Mailbox):
			b.name, b.shown, b.role = "INBOX", "INBOX", "inbox"
		case attribute(imap.MailboxAttrJunk):
			b.role = "junk"
		}
		all = append(all, b)
	}
	return all, nil
}

func isInbox(name string) bool { return strings.EqualFold(name, "INBOX") } // RFC 9051, 5.1

// own says whether a mailbox is the account's (RFC 2342): the longest prefix
// decides, because Cyrus without altnamespace has "INBOX." for one's own, "user."
// for others' and "" for what is shared. Of two alike the stricter counts.
func own(spaces imap.NamespaceData, name string) bool {
	if isInbox(name) {
		return true
	}
	longest := func(list ...imap.NamespaceDescriptor) int {
		most := -1
		for _, d := range list {
			if strings.HasPrefix(name, d.Prefix) {
				most = max(most, len(d.Prefix))
			}
		}
		return most
	}
	others := longest(slices.Concat(spaces.Other, spaces.Shared)...)
	return others < 0 || longest(spaces.Personal...) > others
}

// shownName leaves out the prefix of one's own mailboxes, "INBOX." as a rule: the
// customer's program does as well. With several, names would be alike.
func shownName(spaces imap.NamespaceData, name string) string {
	if len(spaces.Personal) == 1 {
		if rest, ok := strings.CutPrefix(name, spaces.Personal[0].Prefix); ok && rest != "" && !isInbox(rest) {
			return rest
		}
	}
	return name
}
