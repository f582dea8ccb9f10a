package imapd

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"strings"
	"sync"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/account"
	"github.com/postern-mail/postern/mail/internal/store"
)

// session is one connection's state. The library runs one command at a time,
// but does not always wait for IDLE to end before the next.
type session struct {
	server *Server
	conn   *imapserver.Conn
	link   *link
	ctx    context.Context
	cancel context.CancelFunc

	account postern.AccountID // "" before sign-in

	turn sync.Mutex  // held by whoever uses what follows
	view *view       // the selected mailbox
	kept imap.UIDSet // of SEARCH RETURN (SAVE)
	raw  []byte      // of the message being fetched
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
	// The library was told the same; a password is worth asking twice.
	if _, begun := s.conn.NetConn().(*tls.Conn); !begun && !s.link.encrypted && !s.link.addr.IsLoopback() {
		return no(imap.ResponseCodePrivacyRequired, "start TLS first: a password in the clear can be read on the way")
	}
	a, err := s.server.Accounts.SignIn(s.ctx, username, password, account.From{Protocol: "imap", Network: s.link.network})
	if err != nil {
		return s.refusal(err)
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
	return s.refusal(err)
}

func (s *session) Delete(name string) error {
	return s.refusal(s.server.store.Delete(s.ctx, s.account, name))
}

func (s *session) Rename(from, to string, _ *imap.RenameOptions) error {
	return s.refusal(s.server.store.Rename(s.ctx, s.account, from, to))
}

func (s *session) Subscribe(name string) error {
	return s.refusal(s.server.store.Subscribe(s.ctx, s.account, name, true))
}

func (s *session) Unsubscribe(name string) error {
	return s.refusal(s.server.store.Subscribe(s.ctx, s.account, name, false))
}

// Append keeps a message (RFC 9051, 6.3.12).
func (s *session) Append(name string, r imap.LiteralReader, o *imap.AppendOptions) (*imap.AppendData, error) {
	m, err := s.target(name)
	if err != nil {
		return nil, err
	}
	// The literal's size was checked against AppendLimit by the library.
	raw, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	it, err := s.server.store.Append(s.ctx, s.account, store.AppendIn{Mailbox: m.ID, Raw: raw, Flags: flagNames(o.Flags), Internal: o.Time})
	if err != nil {
		return nil, s.refusal(err)
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
// (RFC 9051, 7.1). What is nobody's choice is a server's error: the log has it,
// the client has not.
func (s *session) refusal(err error) error {
	if err == nil || isAnswer(err) {
		return err
	}
	var e *postern.Error
	if !errors.As(err, &e) {
		if s.ctx.Err() == nil {
			s.server.Log.Error("an IMAP command failed", "err", err)
		}
		return no(imap.ResponseCodeServerBug, "something went wrong here: try again later")
	}
	if e.Key == "mail.quota-full" {
		return no(imap.ResponseCodeOverQuota, e.Text)
	}
	code, ok := map[postern.Kind]imap.ResponseCode{
		postern.NotFound: imap.ResponseCodeNonExistent, postern.Denied: imap.ResponseCodeAuthenticationFailed, postern.Withheld: imap.ResponseCodeNoPerm,
		postern.Conflict: imap.ResponseCodeAlreadyExists, postern.Invalid: imap.ResponseCodeCannot, postern.Unavailable: imap.ResponseCodeUnavailable,
	}[e.Kind]
	if !ok {
		code = imap.ResponseCodeServerBug
	}
	return no(code, e.Text)
}

func isAnswer(err error) bool {
	var answer *imap.Error
	return errors.As(err, &answer)
}
