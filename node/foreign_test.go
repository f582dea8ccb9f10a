package node_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/pquerna/otp/totp"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/account"
	"github.com/postern-mail/postern/desk"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/gate/gatetest"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/mail"
	"github.com/postern-mail/postern/node"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/testkit"
	"github.com/postern-mail/postern/testkit/cyrus"
	"github.com/postern-mail/postern/testkit/dovecot"
)

// TestOurMailboxes is the conformance of the mail plane, with the receipts of a
// whole Postern.
func TestOurMailboxes(t *testing.T) {
	n := testkit.Start(t, testkit.Options{})
	customer := func(t *testing.T) postern.AccountID {
		a, err := n.Accounts.Create(ctx, account.New{Address: "person" + postern.NewID()[:8] + "@example.org", Name: "Person", Locale: "fr"})
		if err != nil {
			t.Fatal(err)
		}
		return a.ID
	}
	gatetest.Mailboxes(t, func(t *testing.T) gatetest.House {
		return gatetest.House{Mailboxes: n.Mail, Key: n.Ledger.Keys.Receipt, Now: n.Now, Account: customer(t), Other: customer(t), Put: func(t *testing.T, id postern.AccountID, mailbox string, raw []byte) {
			// As mail comes in, so that there is something to trace.
			if mailbox == "INBOX" {
				if err := n.Mail.Deliver(ctx, mail.Delivery{To: []postern.AccountID{id}, Sender: "robot@shop.example", Raw: raw, Remote: "mx.shop.example"}); err != nil {
					t.Fatal(err)
				}
				return
			}
			if _, err := n.Mail.Append(ctx, id, mailbox, raw, nil, n.Now()); err != nil {
				t.Fatal(err)
			}
		}}
	})
}

const ana, bo = "ana@example.org", "bo@example.org"

// another is a mail server that is not ours, with mail for ana and bo.
type another struct {
	put    func(name, mailbox string, raw []byte, at time.Time)
	config func(*node.ForeignConfig)
	after  func() // what the server says of what was done to it
}

// TestTheGateBeforeDovecot walks a case through the gate before a real Dovecot:
// asked, consented, shown on Desk, in the ledger, contained.
func TestTheGateBeforeDovecot(t *testing.T) {
	if !dovecot.Wanted() {
		return
	}
	d := dovecot.Start(t, map[string]string{ana: "a", bo: "b"})
	before(t, dovecot.MasterPassword, another{
		put:    func(name, mailbox string, raw []byte, at time.Time) { d.Put(t, name, mailbox, raw, at) },
		config: func(f *node.ForeignConfig) { f.Server, f.CA, f.Master = d.TLS, d.CA, dovecot.Master },
		after: func() {
			for _, file := range d.Files(t) {
				if _, flags, _ := strings.Cut(file, ":2,"); flags != "" {
					t.Errorf("a message has the flags %q", flags)
				}
			}
			if log := d.Log(t); strings.Contains(log, "flag_change:") || strings.Contains(log, "expunge:") || !strings.Contains(log, "Login: user=<"+ana+">") {
				t.Errorf("Dovecot logged:\n%s", log)
			}
		},
	})
}

// TestTheGateBeforeCyrus walks the same case before a real Cyrus.
func TestTheGateBeforeCyrus(t *testing.T) {
	if !cyrus.Wanted() {
		return
	}
	c := cyrus.Start(t, cyrus.Options{})
	before(t, cyrus.MasterPassword, another{
		put: func(name, mailbox string, raw []byte, at time.Time) { c.Put(t, name, mailbox, raw, at) },
		config: func(f *node.ForeignConfig) {
			f.Server, f.CA, f.Master, f.Login = c.TLS, c.CA, cyrus.Master, "authzid"
		},
		after: func() {
			for _, name := range []string{ana, bo} {
				if all := c.Flags(t, name); len(all) != 2 || !slices.Equal(slices.Concat(all...), []imap.Flag{"\\Recent", "\\Recent"}) {
					t.Errorf("%s has the flags %v", name, all)
				}
			}
		},
	})
}

func before(t *testing.T, masterPassword string, server another) {
	t.Helper()
	for _, address := range []string{ana, bo} {
		server.put(address, "INBOX", []byte(gatetest.Letter), time.Now())
		server.put(address, "INBOX", []byte(gatetest.Code), time.Now().Add(-time.Hour))
	}
	password := filepath.Join(t.TempDir(), "master")
	if err := os.WriteFile(password, []byte(masterPassword+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	n := testkit.Start(t, testkit.Options{Config: func(c *node.Config) {
		server.config(&c.Gate.Foreign)
		c.Gate.Foreign.PasswordFile = password
	}})
	customer, err := n.Accounts.Create(ctx, account.New{Address: ana, Name: "Ana", Locale: "fr"})
	if err != nil {
		t.Fatal(err)
	}
	other, err := n.Accounts.Create(ctx, account.New{Address: bo, Name: "Bo", Locale: "en"})
	if err != nil {
		t.Fatal(err)
	}
	session, browser := agent(t, n)
	c, err := n.Cases.OpenCase(ctx, desk.NewCase{Account: customer.ID, Address: ana, Name: "Ana", Locale: "fr", Subject: "An order", Text: "Where is it?"})
	if err != nil {
		t.Fatal(err)
	}
	r, err := n.Gate.Ask(ctx, session, gate.Ask{Case: c.ID, Account: customer.ID, Tier: postern.TierContent, Scope: postern.Scope{Query: "from:shop.example"}, Reason: postern.ReasonSupport, Sentence: "To see the order", For: 10 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	g, err := n.Gate.Consent(ctx, customer.ID, r.ID, gate.Narrow{})
	if err != nil || len(g.Messages) != 1 {
		t.Fatalf("the grant has the messages %v, %v", g.Messages, err)
	}

	page := func() (int, string) {
		res, err := browser.Get(n.Origins().Desk + "/grants/" + string(g.ID) + "/messages/" + string(g.Messages[0]))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(b)
	}
	if status, text := page(); status != http.StatusOK || !strings.Contains(text, "Your order 4711") {
		t.Fatalf("Desk answers %d without the message: %s", status, text)
	}
	found, err := n.Ledger.Find(ctx, ledger.Filter{Account: customer.ID, DisclosuresOnly: true})
	if err != nil || len(found) == 0 || found[0].Disclosure.Tier != postern.TierContent || found[0].Disclosure.Session != session.ID {
		t.Fatalf("the ledger has %+v, %v", found, err)
	}
	looks, err := n.Gate.Looks(ctx, customer.ID, 0, 10)
	if err != nil || len(looks) == 0 {
		t.Errorf("the customer sees %v, %v", looks, err)
	}

	// What the grant does not cover: a deeper tier, and another's message.
	if _, err := n.Gate.Reveal(ctx, session, gate.Want{Grant: g.ID, Tier: postern.TierAttachment, Messages: g.Messages}); postern.KindOf(err) == postern.KindOther {
		t.Errorf("a deeper tier: %v", err)
	}
	theirs, err := n.Gate.Ask(ctx, session, gate.Ask{Case: c.ID, Account: other.ID, Tier: postern.TierContent, Scope: postern.Scope{Mailbox: "INBOX"}, Reason: postern.ReasonSupport, Sentence: "Another's", For: time.Minute})
	if err == nil {
		t.Errorf("another account's request stands: %+v", theirs)
	}

	if _, err := n.Gate.Contain(ctx, gate.Actor{Name: "operator"}, gate.Target{Kind: "session", Subject: string(session.ID), Why: "seen elsewhere"}); err != nil {
		t.Fatal(err)
	}
	if status, text := page(); strings.Contains(text, "4711") {
		t.Errorf("after containment Desk answers %d with the message", status)
	}
	if _, err := n.Gate.Reveal(ctx, session, gate.Want{Grant: g.ID, Tier: postern.TierContent, Messages: g.Messages}); err == nil {
		t.Error("after containment the gate reveals")
	}

	server.after()
}

// agent signs one in, by code and as a browser.
func agent(t *testing.T, n *node.Node) (staff.Session, *http.Client) {
	t.Helper()
	if err := n.Staff.CreateOrganisation(ctx, staff.Organisation{ID: "provider", Name: "Provider", Kind: "provider"}); err != nil {
		t.Fatal(err)
	}
	m, err := n.Staff.CreateMember(ctx, staff.NewMember{Login: "bea@provider.example", Name: "Bea", Locale: "en", Organisation: "provider", Roles: []staff.Role{staff.Agent}})
	if err != nil {
		t.Fatal(err)
	}
	_, otp, err := n.Staff.SetPassword(ctx, m.ID, "a password of bea")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(otp)
	if err != nil {
		t.Fatal(err)
	}
	code, err := totp.GenerateCode(u.Query().Get("secret"), n.Now())
	if err != nil {
		t.Fatal(err)
	}
	token, s, err := n.Staff.SignInPassword(ctx, m.Login, "a password of bea", code, staff.From{Network: "127.0.0.0/24", Agent: "Go-http-client/1.1"})
	if err != nil {
		t.Fatal(err)
	}
	client := testkit.Client(t)
	origin, err := url.Parse(n.Origins().Desk)
	if err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	jar.SetCookies(origin, []*http.Cookie{{Name: "postern-desk-session", Value: token, Path: "/"}})
	client.Jar = jar
	return s, client
}

// TestAMailServerThatIsAway does not keep Postern from starting, and its
// password is nowhere to be read.
func TestAMailServerThatIsAway(t *testing.T) {
	cfg := bare(t)
	file := filepath.Join(cfg.Data, "master")
	if err := os.WriteFile(file, []byte("a secret word\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := &cfg.Gate.Foreign
	f.Server, f.TLS, f.Master, f.PasswordFile = "127.0.0.1:1", "none", "postern", file
	var log bytes.Buffer
	n, err := node.Open(ctx, cfg, node.Options{LogTo: &log})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "nothing can be shown") || strings.Contains(log.String(), "secret word") {
		t.Errorf("logged %s", log.String())
	}
	for what, change := range map[string]func(){
		"a file that others read": func() { os.Chmod(file, 0o644) },
		"plain text to elsewhere": func() { os.Chmod(file, 0o600); f.Server = "imap.example.org:143" },
		"no file":                 func() { f.PasswordFile += "x" },
	} {
		change()
		if n, err := node.Open(ctx, cfg, node.Options{}); err == nil {
			n.Close()
			t.Errorf("%s: it starts", what)
		} else if !strings.Contains(err.Error(), "gate.foreign") {
			t.Errorf("%s: %v", what, err)
		}
	}
}
