package node_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/smtp"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/account"
	"github.com/postern-mail/postern/desk"
	"github.com/postern-mail/postern/mail"
	"github.com/postern-mail/postern/mail/rules"
	"github.com/postern-mail/postern/node"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/testkit"
)

const customersPassword = "correct horse battery"

// support is a whole Postern with one agent, and a next server that knows one
// recipient.
type support struct {
	*testing.T
	*node.Node
	agent staff.Session
}

func newSupport(t *testing.T) *support {
	next := nextServer(t)
	h := &support{t, testkit.Start(t, testkit.Options{Config: func(c *node.Config) { c.Mail.Outbound = "smarthost:" + next }}), staff.Session{}}
	ctx := t.Context()
	if _, err := h.Staff.Organisation(ctx, "provider"); err != nil {
		h.ok(h.Staff.CreateOrganisation(ctx, staff.Organisation{ID: "provider", Name: "Example Mail", Kind: "provider"}))
	}
	m, err := h.Staff.CreateMember(ctx, staff.NewMember{Login: "noor", Name: "Noor", Locale: "en", Organisation: "provider", Roles: []staff.Role{staff.Agent}})
	h.ok(err)
	_, otpauth, err := h.Staff.SetPassword(ctx, m.ID, "a pass phrase")
	h.ok(err)
	u, err := url.Parse(otpauth)
	h.ok(err)
	code, err := totp.GenerateCode(u.Query().Get("secret"), time.Now())
	h.ok(err)
	_, h.agent, err = h.Staff.SignInPassword(ctx, "noor", "a pass phrase", code, staff.From{Network: "203.0.113.0/24"})
	h.ok(err)
	return h
}

func (h *support) ok(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// nextServer speaks as much SMTP as a relay needs. It knows bo, and nobody else.
func nextServer(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				fmt.Fprint(c, "220 next.example\r\n")
				lines := bufio.NewScanner(c)
				inData := false
				for lines.Scan() {
					verb := strings.ToUpper(strings.Fields(lines.Text() + " .")[0])
					switch {
					case inData && lines.Text() != ".":
						continue
					case inData:
						inData = false
						fmt.Fprint(c, "250 2.0.0 taken\r\n")
					case verb == "RCPT" && !strings.Contains(lines.Text(), "bo@"):
						fmt.Fprint(c, "550 5.1.1 no such user\r\n")
					case verb == "DATA":
						inData = true
						fmt.Fprint(c, "354 go on\r\n")
					case verb == "QUIT":
						fmt.Fprint(c, "221 bye\r\n")
						return
					default:
						fmt.Fprint(c, "250 2.0.0 fine\r\n")
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

func (h *support) customer(name string, quota int64) account.Account {
	h.Helper()
	a, err := h.Accounts.Create(h.Context(), account.New{Address: name + "@example.org", Name: name, Locale: "fr", Password: customersPassword, QuotaBytes: quota})
	h.ok(err)
	return a
}

// send delivers over SMTP as a stranger's server does.
func (h *support) send(to account.Account, from, header string) error {
	h.Helper()
	for _, a := range h.Addresses() {
		if address, ok := strings.CutPrefix(a.URL, "smtp://"); ok {
			return smtp.SendMail(address, nil, from, []string{to.Address}, []byte(header+"From: <"+from+">\r\nTo: <"+to.Address+">\r\nSubject: Bonjour\r\nMessage-ID: <"+postern.NewID()+"@bank.example>\r\n\r\nBonjour\r\n"))
		}
	}
	h.Fatal("there is no SMTP listener")
	return nil
}

// write sends a customer's own mail and waits until the queue is done with it.
func (h *support) write(from account.Account, to string) {
	h.Helper()
	h.ok(h.Queue.Submit(h.Context(), from.ID, from.Address, []string{to}, []byte("From: <"+from.Address+">\r\nTo: <"+to+">\r\nSubject: Bonjour\r\n\r\nBonjour\r\n")))
	ctx, cancel := context.WithTimeout(h.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		n, err := h.Queue.Waiting(ctx, from.ID)
		h.ok(err)
		if n == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			h.Fatal("the queue did not finish")
		}
	}
}

func (h *support) signIn(a account.Account, protocol, network, password string) {
	_, err := h.Accounts.SignIn(h.Context(), a.Address, password, account.From{Protocol: protocol, Network: network})
	if err != nil && postern.KindOf(err) != postern.Denied {
		h.Fatal(err)
	}
}

func (h *support) rule(a account.Account, action rules.Action) {
	h.Helper()
	_, err := h.Mail.Rules().Add(h.Context(), a, rules.Rule{Conditions: []rules.Condition{{Field: rules.From, Way: rules.Contains, Value: "bank"}}, Actions: []rules.Action{action}},
		rules.Proof{Password: customersPassword, From: account.From{Protocol: "web", Network: home}})
	h.ok(err)
}

const (
	home     = "198.51.100.0/24"
	stranger = "192.0.2.0/24"
)

// TestTenComplaints is the table of docs/diagnosis.md: each complaint is brought
// about by real mail and real sign-ins, and answered at the tier that the table
// names. No message is opened for any of them.
func TestTenComplaints(t *testing.T) {
	h := newSupport(t)
	for _, one := range []struct {
		complaint, name string
		tier            postern.Tier
		quota           int64
		happens         func(account.Account)
		found           string // the check that is wrong
		evidence        string // one of its findings
	}{
		{desk.NotArriving, "bank.example", postern.TierTrace, 0, func(a account.Account) {
			if err := h.send(a, "news@bank.example", strings.Repeat("Received: by a loop\r\n", 120)); err == nil {
				t.Error("the loop was let in")
			}
		}, "door", desk.FoundTurned},
		{desk.OthersJunk, "to:nobody@elsewhere.example", postern.TierTrace, 0, func(a account.Account) { h.write(a, "nobody@elsewhere.example") }, "sent", desk.FoundBounced},
		{desk.CannotSignIn, "", postern.TierAccount, 0, func(a account.Account) { h.ok(h.Mail.Freeze(t.Context(), a.ID, true)) }, "frozen", desk.FoundFrozen},
		{desk.PhoneAsks, "", postern.TierAccount, 0, func(a account.Account) {
			h.signIn(a, "web", home, customersPassword)
			for range 3 {
				h.signIn(a, "imap", home, "last year's")
			}
		}, "saved-password", desk.FoundSavedWrong},
		{desk.MailboxFull, "", postern.TierAccount, 10_000, func(a account.Account) {
			h.ok(h.send(a, "news@bank.example", "X-Filler: "+strings.Repeat("x ", 4650)+"\r\n"))
			if err := h.send(a, "news@bank.example", "X-Filler: "+strings.Repeat("x ", 4650)+"\r\n"); err == nil {
				t.Error("the full mailbox took more")
			}
		}, "quota", desk.FoundQuotaHigh},
		{desk.CameBack, "to:nobody@elsewhere.example", postern.TierTrace, 0, func(a account.Account) { h.write(a, "nobody@elsewhere.example") }, "returned", "desk.status.1.1"},
		{desk.SomebodyElse, "", postern.TierAccount, 0, func(a account.Account) {
			h.signIn(a, "web", home, customersPassword)
			h.signIn(a, "imap", stranger, customersPassword)
		}, "new-network", desk.FoundStranger},
		{desk.Vanished, "bank.example", postern.TierTrace, 0, func(a account.Account) {
			h.rule(a, rules.Action{Kind: rules.Delete})
			h.ok(h.send(a, "news@bank.example", ""))
		}, "rules", "desk.verdict.rule-trash"},
		{desk.TooMuchSpam, "bank.example", postern.TierTrace, 0, func(a account.Account) {
			h.ok(h.Mail.Deliver(t.Context(), mail.Delivery{To: []postern.AccountID{a.ID}, Sender: "win@bank.example", Verdicts: "spf=fail dkim=none dmarc=none", Remote: "192.0.2.7",
				Raw: []byte("From: <win@bank.example>\r\nSubject: Win\r\n\r\nWin\r\n")}))
		}, "verdicts", "desk.verdict.spf-fail"},
		{desk.CodesLate, "bank.example this morning", postern.TierTrace, 0, func(a account.Account) {
			h.ok(h.Mail.Deliver(t.Context(), mail.Delivery{To: []postern.AccountID{a.ID}, Sender: "codes@bank.example", Verdicts: "spf=fail dkim=fail dmarc=fail junk=reject", Remote: "192.0.2.7", Junk: true,
				Raw: []byte("From: <codes@bank.example>\r\nSubject: Your verification code\r\n\r\nYour code is 482913.\r\n")}))
		}, "junk", "desk.verdict.junk-reject"},
	} {
		t.Run(one.complaint, func(t *testing.T) {
			ctx := t.Context()
			a := h.customer(one.complaint, one.quota)
			k, err := h.Cases.OpenCase(ctx, desk.NewCase{Account: a.ID, Address: a.Address, Name: a.Name, Locale: "fr", Subject: one.complaint, Text: "Aidez-moi."})
			if err != nil {
				t.Fatal(err)
			}
			one.happens(a)
			name := one.name
			if strings.HasSuffix(name, " this morning") && time.Now().UTC().Hour() >= 12 {
				name = strings.TrimSuffix(name, "this morning") + "today"
			}
			list, err := h.Desk.Check(ctx, h.agent, k.ID, one.complaint, name)
			if err != nil {
				t.Fatal(err)
			}
			list.Delivery.Done()
			said := false
			for _, c := range list.Checks {
				if one.tier == postern.TierTrace && c.State == desk.Unknown {
					t.Errorf("%s is not known", c.Key)
				}
				if c.Key != "desk.check."+one.found {
					continue
				}
				for _, f := range c.Evidence {
					said = said || f.Key == one.evidence
				}
				if c.State != desk.Wrong || !said {
					t.Errorf("%s is %s with %+v, want %s", c.Key, c.State, c.Evidence, one.evidence)
				}
			}
			if !said {
				t.Errorf("the checks were %+v", list.Checks)
			}
			if len(list.Replies) < 2 || list.Replies[0] == "" {
				t.Errorf("replies %v", list.Replies)
			}
			looks, err := h.Gate.Looks(ctx, a.ID, 0, 0)
			if err != nil || len(looks) != 1 || looks[0].Tier != one.tier {
				t.Errorf("looks %+v, %v; want one at %s", looks, err, one.tier)
			}
		})
	}
}

// TestForwardingAcrossHouses sends mail on to another house and ends a circle
// of two customers who forward to each other.
func TestForwardingAcrossHouses(t *testing.T) {
	h := newSupport(t)
	ana, eve, away := h.customer("ana", 0), h.customer("eve", 0), h.customer("away", 0)
	h.rule(ana, rules.Action{Kind: rules.Forward, Target: eve.Address, Keep: true})
	h.rule(eve, rules.Action{Kind: rules.Forward, Target: ana.Address, Keep: true})
	h.rule(away, rules.Action{Kind: rules.Forward, Target: "bo@elsewhere.example"})
	h.ok(h.send(ana, "news@bank.example", ""))
	h.ok(h.send(away, "news@bank.example", ""))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	count := func(a account.Account, mailbox string) int {
		ids, err := h.Mail.Find(ctx, a.ID, postern.Scope{Mailbox: mailbox})
		h.ok(err)
		return len(ids)
	}
	waiting := func() (n int) {
		for _, a := range []account.Account{ana, eve, away} {
			w, err := h.Queue.Waiting(ctx, a.ID)
			h.ok(err)
			n += w
		}
		return n
	}
	// Each has the notice; ana the letter and its way back from eve.
	for waiting() > 0 || count(ana, "INBOX") < 3 || count(eve, "INBOX") < 2 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("ana has %d, eve %d, waiting %d", count(ana, "INBOX"), count(eve, "INBOX"), waiting())
		}
	}
	if count(ana, "INBOX") != 3 || count(eve, "INBOX") != 2 || count(away, "INBOX") != 1 || count(away, "Trash") != 1 {
		t.Errorf("ana has %d, eve %d, away %d and %d in Trash", count(ana, "INBOX"), count(eve, "INBOX"), count(away, "INBOX"), count(away, "Trash"))
	}
}
