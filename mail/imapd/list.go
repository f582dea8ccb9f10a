package imapd

import (
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"github.com/postern-mail/postern/mail/internal/store"
)

// roles are the special-use attributes (RFC 6154, 2).
var roles = map[string]imap.MailboxAttr{
	store.RoleSent: imap.MailboxAttrSent, store.RoleDrafts: imap.MailboxAttrDrafts, store.RoleJunk: imap.MailboxAttrJunk,
	store.RoleTrash: imap.MailboxAttrTrash, store.RoleArchive: imap.MailboxAttrArchive,
}

// List answers LIST and LSUB (RFC 9051, 6.3.9; RFC 5258).
func (s *session) List(w *imapserver.ListWriter, ref string, patterns []string, o *imap.ListOptions) error {
	if len(patterns) == 0 { // the hierarchy's delimiter is asked for
		return w.WriteList(&imap.ListData{Attrs: []imap.MailboxAttr{imap.MailboxAttrNoSelect}, Delim: '/'})
	}
	all, err := s.server.store.Mailboxes(s.ctx, s.account)
	if err != nil {
		return s.refusal(err)
	}
	slices.SortFunc(all, func(a, b store.Mailbox) int { return strings.Compare(a.Name, b.Name) })
	for i, m := range all {
		if o.SelectSubscribed && !m.Subscribed || o.SelectSpecialUse && roles[m.Role] == "" {
			continue
		}
		if !slices.ContainsFunc(patterns, func(p string) bool { return matches(m.Name, ref, p) }) {
			continue
		}
		data := &imap.ListData{Delim: '/', Mailbox: m.Name, Attrs: []imap.MailboxAttr{imap.MailboxAttrHasNoChildren}}
		// Sorted by name, a mailbox's first child is not always its neighbour
		// ("a", "a b", "a/c").
		if slices.ContainsFunc(all[i+1:], func(c store.Mailbox) bool { return strings.HasPrefix(c.Name, m.Name+"/") }) {
			data.Attrs[0] = imap.MailboxAttrHasChildren
		}
		if m.Subscribed && (o.ReturnSubscribed || o.SelectSubscribed) {
			data.Attrs = append(data.Attrs, imap.MailboxAttrSubscribed)
		}
		if role := roles[m.Role]; role != "" {
			data.Attrs = append(data.Attrs, role)
		}
		if o.ReturnStatus != nil {
			data.Status = statusOf(m, o.ReturnStatus)
		}
		if err := w.WriteList(data); err != nil {
			return err
		}
	}
	return nil
}

// matches compares a name with a pattern: "*" stands for anything, "%" for
// anything within a level (RFC 9051, 6.3.9). The time it takes is bounded by
// the product of their lengths, whatever the pattern.
func matches(name, ref, pattern string) bool {
	if rest, absolute := strings.CutPrefix(pattern, "/"); absolute {
		pattern = rest
	} else if ref != "" {
		pattern = strings.TrimSuffix(ref, "/") + "/" + pattern
	}
	if len(pattern) >= 5 && strings.EqualFold(pattern[:5], "INBOX") && (len(pattern) == 5 || pattern[5] == '/') {
		pattern = "INBOX" + pattern[5:]
	}
	// reach[i] says that name[:i] matches the pattern so far.
	reach := make([]bool, len(name)+1)
	reach[0] = true
	for p := range len(pattern) {
		switch c := pattern[p]; c {
		case '*', '%':
			for i := range len(name) {
				reach[i+1] = reach[i+1] || reach[i] && (c == '*' || name[i] != '/')
			}
		default:
			for i := len(name); i > 0; i-- {
				reach[i] = reach[i-1] && name[i-1] == c
			}
			reach[0] = false
		}
	}
	return reach[len(name)]
}

// Status answers STATUS (RFC 9051, 6.3.11).
func (s *session) Status(name string, o *imap.StatusOptions) (*imap.StatusData, error) {
	m, err := s.server.store.MailboxByName(s.ctx, s.account, name)
	if err != nil {
		return nil, s.refusal(err)
	}
	d := statusOf(m, o)
	limit := s.AppendLimit()
	d.AppendLimit = &limit
	return d, nil
}

func statusOf(m store.Mailbox, o *imap.StatusOptions) *imap.StatusData {
	d := &imap.StatusData{Mailbox: m.Name}
	number := func(want bool, n int) *uint32 {
		if !want {
			return nil
		}
		v := uint32(n)
		return &v
	}
	d.NumMessages, d.NumUnseen, d.NumDeleted = number(o.NumMessages, m.Total), number(o.NumUnseen, m.Unseen), number(o.NumDeleted, m.Deleted)
	d.NumRecent = number(o.NumRecent, 0) // no \Recent: RFC 9051 has dropped it
	if o.UIDNext {
		d.UIDNext = imap.UID(m.UIDNext)
	}
	if o.UIDValidity {
		d.UIDValidity = m.UIDValidity
	}
	if o.Size {
		d.Size = &m.Bytes
	}
	if o.HighestModSeq {
		d.HighestModSeq = uint64(m.HighestModSeq)
	}
	return d
}
