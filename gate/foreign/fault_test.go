package foreign

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate/gatetest"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/testkit/engine"
)

const masterPassword = "not to be seen"

// memory serves the two people's mailboxes with another library's server, and
// lets a test stand between. twist sees each line of the server's, with its
// line end, and gives what to send instead; nil breaks the connection.
func memory(t *testing.T, twist func(line []byte) []byte) (Server, map[string]*imapmemserver.User) {
	t.Helper()
	mem := imapmemserver.New()
	users := map[string]*imapmemserver.User{}
	for _, address := range both {
		u := imapmemserver.NewUser(address+"*master", masterPassword)
		for _, name := range []string{"INBOX", "Kept"} {
			if err := u.Create(name, nil); err != nil {
				t.Fatal(err)
			}
		}
		mem.AddUser(u)
		users[address] = u
	}
	s := imapserver.New(&imapserver.Options{InsecureAuth: true, Caps: imap.CapSet{imap.CapIMAP4rev1: {}}, Logger: quietLog{},
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return mem.NewSession(), nil, nil
		}})
	behind := listen(t)
	go s.Serve(behind)
	t.Cleanup(func() { s.Close() })
	address := behind.Addr().String()
	if twist != nil {
		before := listen(t)
		go func() {
			for {
				c, err := before.Accept()
				if err != nil {
					return
				}
				go between(c, behind.Addr().String(), twist)
			}
		}()
		address = before.Addr().String()
	}
	return Server{Address: address, TLS: "none", Master: "master", Password: NewSecret(masterPassword), Login: "separator", Separator: "*", Timeout: 3 * time.Second}, users
}

type quietLog struct{}

func (quietLog) Printf(string, ...any) {}

func listen(t *testing.T) net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func between(c net.Conn, address string, twist func([]byte) []byte) {
	defer c.Close()
	s, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer s.Close()
	go func() { io.Copy(s, c); s.Close() }()
	r := bufio.NewReader(s)
	for {
		line, err := r.ReadBytes('\n')
		if err == nil {
			line = twist(line)
		}
		if err != nil || line == nil {
			return
		}
		if _, err := c.Write(line); err != nil {
			return
		}
	}
}

func put(t *testing.T, u *imapmemserver.User, mailbox string, raw []byte) {
	t.Helper()
	if _, err := u.Append(mailbox, literal{bytes.NewReader(raw)}, &imap.AppendOptions{Time: time.Now()}); err != nil {
		t.Fatal(err)
	}
}

type literal struct{ *bytes.Reader }

func (l literal) Size() int64 { return l.Reader.Size() }

// TestAnotherServer is the conformance on a server with IMAP4rev1 and nothing
// more.
func TestAnotherServer(t *testing.T) {
	gatetest.Mailboxes(t, func(t *testing.T) gatetest.House {
		s, users := memory(t, nil)
		m := openOn(t, engine.SQLite(t), both, s)
		return gatetest.House{Mailboxes: m, Key: key, Now: time.Now, Account: ana, Other: bo, Put: func(t *testing.T, a postern.AccountID, mailbox string, raw []byte) {
			put(t, users[both[a]], mailbox, raw)
		}}
	})
}

func receipt(t *testing.T, fields postern.Field, ids ...postern.MessageID) ledger.Receipt {
	return gatetest.House{Key: key, Now: time.Now, Account: ana}.Receipt(t, postern.TierAttachment, fields, ids...)
}

// TestBrokenServers has the server fail in each way while a message is read:
// nothing is shown, soon, and the error tells neither the password nor what the
// server said.
func TestBrokenServers(t *testing.T) {
	stuck := make(chan struct{})
	t.Cleanup(func() { close(stuck) })
	fetching := func(change func([]byte) []byte) func([]byte) []byte {
		return func(line []byte) []byte {
			if bytes.Contains(line, []byte("BODY[]")) {
				return change(line)
			}
			return line
		}
	}
	for name, twist := range map[string]func([]byte) []byte{
		"NO to the search": func(line []byte) []byte {
			if tag, rest, ok := bytes.Cut(line, []byte(" OK ")); ok && bytes.Contains(rest, []byte("SEARCH")) {
				return []byte(string(tag) + " NO [SERVERBUG] private words\r\n")
			}
			return line
		},
		"BAD to the fetch":           fetching(func([]byte) []byte { return []byte("T1 BAD private words\r\n") }),
		"the end amid a literal":     fetching(func(line []byte) []byte { return append(line, "half a mess"...) }),
		"the end before the literal": fetching(func([]byte) []byte { return nil }),
		"a literal of 8 GiB":         fetching(func([]byte) []byte { return []byte("* 1 FETCH (UID 1 BODY[] {8589934592}\r\n") }),
		"a literal of 9 EiB":         fetching(func([]byte) []byte { return []byte("* 1 FETCH (UID 1 BODY[] {9223372036854775807}\r\n") }),
		"no IMAP":                    func([]byte) []byte { return []byte("HTTP/1.1 400 private words\r\n") },
		"a line without end":         fetching(func([]byte) []byte { return bytes.Repeat([]byte("private words"), 1<<20) }),
		"silence":                    fetching(func([]byte) []byte { <-stuck; return nil }),
		"another message than asked": fetching(func([]byte) []byte { return []byte("* 1 FETCH (UID 77 BODY[] \"private words\")\r\n") }),
		"a message longer than it said": fetching(func([]byte) []byte {
			return []byte("* 1 FETCH (UID 1 BODY[] {900}\r\n" + strings.Repeat("private words", 80))
		}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, users := memory(t, twist)
			s.Timeout = time.Second
			put(t, users[both[ana]], "INBOX", []byte(gatetest.Letter))
			m := openOn(t, engine.SQLite(t), both, s)
			validity := uint32(1) // the library's server begins there
			block, err := m.cipherOf(ana)
			if err != nil {
				t.Fatal(err)
			}
			begun := time.Now()
			_, findErr := m.Find(ctx, ana, postern.Scope{Query: "from:shop.example"})
			shown, err := m.Reveal(ctx, receipt(t, postern.FieldBody|postern.FieldStatus, seal(block, place{hashOf("INBOX"), validity, 1})))
			if name == "NO to the search" {
				if postern.KindOf(findErr) != postern.Unavailable {
					t.Errorf("the search: %v", findErr)
				}
			} else if err == nil || shown.Account != nil || len(shown.Messages) > 0 {
				t.Errorf("revealed with %v, shown %+v", err, shown)
			}
			for _, err := range []error{findErr, err} {
				if text := fmt.Sprint(err); strings.Contains(text, "private words") || strings.Contains(text, masterPassword) {
					t.Errorf("the error tells %q", text)
				}
			}
			if took := time.Since(begun); took > 4*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

// TestTheEndOfARequestBreaksTheConnection: a containment must not wait for a
// slow server.
func TestTheEndOfARequestBreaksTheConnection(t *testing.T) {
	stuck, reading := make(chan struct{}), make(chan struct{}, 9)
	t.Cleanup(func() { close(stuck) })
	s, users := memory(t, func(line []byte) []byte {
		if bytes.Contains(line, []byte("BODY[]")) {
			reading <- struct{}{}
			<-stuck
		}
		return line
	})
	s.Timeout = time.Minute
	put(t, users[both[ana]], "INBOX", []byte(gatetest.Letter))
	m := openOn(t, engine.SQLite(t), both, s)
	ids, err := m.Find(ctx, ana, postern.Scope{Mailbox: "INBOX"})
	if err != nil {
		t.Fatal(err)
	}
	why := errors.New("contained")
	cutting, cut := context.WithCancelCause(ctx)
	go func() { <-reading; cut(why) }()
	if _, err := m.Reveal(cutting, receipt(t, postern.FieldBody, ids...)); !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
}

// TestAnewMailboxHasNewIds: after its mailbox was made anew (UIDVALIDITY), an
// id names nothing, whatever has its UID now.
func TestAnewMailboxHasNewIds(t *testing.T) {
	s, users := memory(t, nil)
	u := users[both[ana]]
	put(t, u, "Kept", []byte(gatetest.Letter))
	m := openOn(t, engine.SQLite(t), both, s)
	old, err := m.Find(ctx, ana, postern.Scope{Mailbox: "Kept"})
	if err != nil || len(old) != 1 {
		t.Fatal(old, err)
	}
	if err := errors.Join(u.Delete("Kept"), u.Create("Kept", nil)); err != nil {
		t.Fatal(err)
	}
	put(t, u, "Kept", []byte(gatetest.Code))
	anew, err := m.Find(ctx, ana, postern.Scope{Mailbox: "Kept"})
	if err != nil || len(anew) != 1 || anew[0] == old[0] {
		t.Fatal(anew, err)
	}
	if _, err := m.Reveal(ctx, receipt(t, postern.FieldBody, old...)); postern.KindOf(err) != postern.Denied {
		t.Errorf("the old id: %v", err)
	}
	if got, err := m.Find(ctx, ana, postern.Scope{Messages: old}); err != nil || len(got) != 0 {
		t.Errorf("the old id is found: %v, %v", got, err)
	}
}

func TestIds(t *testing.T) {
	m := &Mailboxes{Parts: Parts{Secret: [32]byte{1}, ReceiptKey: key.Public().(ed25519.PublicKey)}}
	of := func(id postern.AccountID) func(postern.MessageID) (place, bool) {
		c, err := m.cipherOf(id)
		if err != nil {
			t.Fatal(err)
		}
		return func(id postern.MessageID) (place, bool) { return unseal(c, id) }
	}
	c, err := m.cipherOf(ana)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[postern.MessageID]bool{}
	for i := range uint32(2000) {
		p := place{hashOf("INBOX" + strconv.Itoa(int(i)%3)), 7, i + 1}
		id := seal(c, p)
		if got, ok := of(ana)(id); !ok || got != p || seen[id] || len(id) != 32 {
			t.Fatalf("%v comes back as %v, %v", p, got, ok)
		}
		seen[id] = true
		if _, ok := of(bo)(id); ok {
			t.Fatalf("another account reads %v", p)
		}
	}
	for _, id := range []postern.MessageID{"", "zz", postern.MessageID(strings.Repeat("0", 32)), postern.MessageID(strings.Repeat("g", 32)), postern.MessageID(postern.NewID())} {
		if _, ok := of(ana)(id); ok {
			t.Errorf("%q is an id", id)
		}
	}
}

func TestServerConfig(t *testing.T) {
	good := Server{Address: "imap.example.org:993", TLS: "implicit", Master: "m", Password: NewSecret("p"), Login: "separator", Separator: "*"}
	for name, c := range map[string]struct {
		change func(*Server)
		ok     bool
	}{
		"good":                  {func(*Server) {}, true},
		"authzid needs no sign": {func(s *Server) { s.Login, s.Separator = "authzid", "" }, true},
		"plain on this machine": {func(s *Server) { s.Address, s.TLS = "[::1]:143", "none" }, true},
		"plain on a socket":     {func(s *Server) { s.Address, s.TLS = "unix:/run/imap", "none" }, true},
		"plain elsewhere":       {func(s *Server) { s.TLS = "none" }, false},
		"plain by a name":       {func(s *Server) { s.Address, s.TLS = "localhost.example:143", "none" }, false},
		"TLS on a socket":       {func(s *Server) { s.Address = "unix:/run/imap" }, false},
		"no port":               {func(s *Server) { s.Address = "imap.example.org" }, false},
		"no such TLS":           {func(s *Server) { s.TLS = "" }, false},
		"no such login":         {func(s *Server) { s.Login = "proxy" }, false},
		"two signs":             {func(s *Server) { s.Separator = "**" }, false},
		"no master":             {func(s *Server) { s.Master = "" }, false},
		"a master of two lines": {func(s *Server) { s.Master = "a\r\nb" }, false},
		"no password":           {func(s *Server) { s.Password = Secret{} }, false},
	} {
		s := good
		c.change(&s)
		if err := s.check(); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, text := range []string{fmt.Sprint(good), fmt.Sprintf("%+v %#v %s %v", good, good, good.Password, &good)} {
		if strings.Contains(text, `"p"`) || strings.Contains(text, "{p}") {
			t.Errorf("the password prints: %s", text)
		}
	}
}

// An address with the separator in it would be another's mailbox, or another
// master's.
func TestAddressesThatAreNoUsers(t *testing.T) {
	s, _ := memory(t, nil)
	for _, address := range []string{"ana@outlook.example*root", "", "a\r\nb@x.example", "a\x00b@x.example"} {
		m := openOn(t, engine.SQLite(t), people{ana: address}, s)
		if _, err := m.Find(ctx, ana, postern.Scope{Mailbox: "INBOX"}); postern.KindOf(err) != postern.Denied {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func FuzzQuery(f *testing.F) {
	for _, s := range []string{"from:bank.example", `to:"ana b" id:<x@y>`, "before:2026-03-01 newer_than:2m", "<x@y>", "from:", `from:"`, "a:b:c", "older_than:99999y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := parseQuery(s, time.Date(2026, 3, 28, 0, 0, 0, 0, time.UTC))
		if err != nil && postern.KindOf(err) != postern.Invalid {
			t.Errorf("%q: %v", s, err)
		}
		if len(c.Body)+len(c.Text) > 0 {
			t.Errorf("%q searches the text", s)
		}
		for _, h := range c.Header {
			if strings.ContainsAny(h.Value, "\r\n") || h.Key != "From" && h.Key != "To" && h.Key != "Message-ID" {
				t.Errorf("%q searches %q", s, h)
			}
		}
		if err == nil && len(c.Header) == 0 && c.Since.IsZero() && c.Before.IsZero() {
			t.Errorf("%q names nothing", s)
		}
	})
}
