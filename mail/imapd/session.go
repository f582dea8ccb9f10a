package imapd

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/account"
	"github.com/postern-mail/postern/mail/internal/store"
)

// session is one connection's state. The library runs one command at a time.
type session struct {
	server *Server
	conn   *imapserver.Conn
	link   *link
	ctx    context.Context
	cancel context.CancelFunc

	account postern.AccountID // "" before sign-in
	view    *view             // the selected mailbox
}

var _ imapserver.SessionIMAP4rev2 = (*session)(nil)
var _ imapserver.SessionAppendLimit = (*session)(nil)

func (s *session) Close() error {
	s.cancel()
	return nil
}

// Login checks a password (RFC 9051, 6.2.3). On a plain connection it is taken
// from this machine alone.
func (s *session) Login(username, password string) error {
	if _, encrypted := s.conn.NetConn().(*tls.Conn); !encrypted && !s.link.addr.IsLoopback() {
		return no(imap.ResponseCodePrivacyRequired, "start TLS first: a password in the clear can be read on the way")
	}
	a, err := s.server.Accounts.SignIn(s.ctx, username, password, account.From{Protocol: "imap", Network: s.link.network})
	if err != nil {
		return refusal(err)
	}
	s.account = a.ID
	s.link.signedIn()
	return nil
}

// AppendLimit is RFC 7889's.
func (s *session) AppendLimit() uint32 { return uint32(min(s.server.MaxSize, 1<<31)) }

// Namespace is RFC 2342's: one personal namespace, "/" between levels.
func (s *session) Namespace() (*imap.NamespaceData, error) {
	return &imap.NamespaceData{Personal: []imap.NamespaceDescriptor{{Delim: '/'}}}, nil
}

func (s *session) Create(name string, _ *imap.CreateOptions) error {
	_, err := s.server.store.Create(s.ctx, s.account, strings.TrimSuffix(name, "/"))
	return refusal(err)
}

func (s *session) Delete(name string) error {
	return refusal(s.server.store.Delete(s.ctx, s.account, name))
}

func (s *session) Rename(from, to string, _ *imap.RenameOptions) error {
	return refusal(s.server.store.Rename(s.ctx, s.account, from, to))
}

func (s *session) Subscribe(name string) error {
	return refusal(s.server.store.Subscribe(s.ctx, s.account, name, true))
}

func (s *session) Unsubscribe(name string) error {
	return refusal(s.server.store.Subscribe(s.ctx, s.account, name, false))
}

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
		return refusal(err)
	}
	slices.SortFunc(all, func(a, b store.Mailbox) int { return strings.Compare(a.Name, b.Name) })
	for i, m := range all {
		if o.SelectSubscribed && !m.Subscribed || o.SelectSpecialUse && roles[m.Role] == "" {
			continue
		}
		if !slices.ContainsFunc(patterns, func(p string) bool { return imapserver.MatchList(m.Name, '/', ref, p) }) {
			continue
		}
		data := &imap.ListData{Delim: '/', Mailbox: m.Name, Attrs: []imap.MailboxAttr{imap.MailboxAttrHasNoChildren}}
		// Sorted by name, a mailbox's first child is not always its neighbour
		// ("a", "a b", "a/c").
		if slices.ContainsFunc(all[i+1:], func(c store.Mailbox) bool { return strings.HasPrefix(c.Name, m.Name+"/") }) {
			data.Attrs[0] = imap.MailboxAttrHasChildren
		}
		if m.Subscribed {
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

// Status answers STATUS (RFC 9051, 6.3.11).
func (s *session) Status(name string, o *imap.StatusOptions) (*imap.StatusData, error) {
	m, err := s.server.store.MailboxByName(s.ctx, s.account, name)
	if err != nil {
		return nil, refusal(err)
	}
	return statusOf(m, o), nil
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

// Append keeps a message (RFC 9051, 6.3.12).
func (s *session) Append(name string, r imap.LiteralReader, o *imap.AppendOptions) (*imap.AppendData, error) {
	m, err := s.server.store.MailboxByName(s.ctx, s.account, name)
	if postern.KindOf(err) == postern.NotFound {
		return nil, no(imap.ResponseCodeTryCreate, "there is no such mailbox: create it first")
	}
	if err != nil {
		return nil, refusal(err)
	}
	// The literal's size was checked against AppendLimit by the library.
	raw, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	it, err := s.server.store.Append(s.ctx, s.account, store.AppendIn{Mailbox: m.ID, Raw: raw, Flags: flagNames(o.Flags), Internal: o.Time})
	if err != nil {
		return nil, refusal(err)
	}
	return &imap.AppendData{UIDValidity: m.UIDValidity, UID: imap.UID(it.UID)}, nil
}

func flagNames(flags []imap.Flag) []string {
	names := make([]string, len(flags))
	for i, f := range flags {
		names[i] = string(f)
	}
	return names
}

func no(code imap.ResponseCode, text string) error {
	return &imap.Error{Type: imap.StatusResponseTypeNo, Code: code, Text: text}
}

// refusal turns a room's error into a NO with the code that clients act on
// (RFC 9051, 7.1). What is nobody's choice is a server's error, and its text
// stays here.
func refusal(err error) error {
	if err == nil {
		return nil
	}
	var e *postern.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Kind {
	case postern.NotFound:
		return no(imap.ResponseCodeNonExistent, e.Text)
	case postern.Denied, postern.Withheld:
		return no(imap.ResponseCodeAuthenticationFailed, e.Text)
	case postern.Conflict:
		return no(imap.ResponseCodeAlreadyExists, e.Text)
	case postern.Unavailable:
		return no(imap.ResponseCodeUnavailable, e.Text)
	case postern.Invalid:
		if strings.Contains(e.Key, "quota") {
			return no(imap.ResponseCodeOverQuota, e.Text)
		}
		return no(imap.ResponseCodeCannot, e.Text)
	}
	return err
}
