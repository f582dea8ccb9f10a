package foreign

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate/gatetest"
	"github.com/postern-mail/postern/testkit/cyrus"
	"github.com/postern-mail/postern/testkit/engine"
)

// TestCyrus is the conformance of a real Cyrus in each way of naming mailboxes,
// of TLS, and of letting the master user in: to read alone, or with all that the
// customer may. With POSTERN_TEST_CYRUS it runs.
func TestCyrus(t *testing.T) {
	type way struct {
		options cyrus.Options
		reach   func(*cyrus.Server, *Server)
	}
	ways := map[string]way{}
	if cyrus.Wanted() {
		ways["Debian's names, implicit TLS"] = way{cyrus.Options{}, func(c *cyrus.Server, s *Server) { s.Address, s.TLS = c.TLS, "implicit" }}
		ways["alternative names, STARTTLS"] = way{cyrus.Options{Namespace: "alternative"}, func(c *cyrus.Server, s *Server) { s.TLS = "starttls" }}
		ways["users without a domain, a master that could write"] = way{cyrus.Options{LocalParts: true}, func(c *cyrus.Server, s *Server) { s.Address, s.LocalPart = c.Writable, true }}
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			crowd := people{}
			for i := range 20 {
				crowd[postern.AccountID(postern.NewID())] = fmt.Sprintf("person%d@outlook.example", i)
			}
			ids := slices.Collect(maps.Keys(crowd))
			c := cyrus.Start(t, way.options)
			s := Server{Address: c.Plain, TLS: "none", Master: cyrus.Master, Password: NewSecret(cyrus.MasterPassword), Login: "authzid", Roots: roots(t, c.CA)}
			way.reach(c, &s)
			user := func(id postern.AccountID) string {
				if s.LocalPart {
					local, _, _ := strings.Cut(crowd[id], "@")
					return local
				}
				return crowd[id]
			}
			m := openOn(t, engine.SQLite(t), crowd, s)
			if err := m.Check(ctx, crowd[ids[0]]); err != nil {
				t.Fatal(err)
			}
			kept := map[postern.AccountID]int{}
			put := func(t *testing.T, id postern.AccountID, mailbox string, raw []byte) {
				c.Put(t, user(id), mailbox, raw, time.Now())
				kept[id]++
			}
			next := func() (a, b postern.AccountID) {
				a, b = ids[0], ids[1]
				ids = ids[2:]
				return a, b
			}
			gatetest.Mailboxes(t, func(t *testing.T) gatetest.House {
				a, b := next()
				return gatetest.House{Mailboxes: m, Key: key, Now: time.Now, Account: a, Other: b, Put: put}
			})

			sharing, reading := next()
			put(t, sharing, "INBOX", []byte(gatetest.Letter))
			put(t, sharing, "Kept", []byte(gatetest.Letter))
			put(t, reading, "INBOX", []byte(gatetest.Code))
			for _, mailbox := range []string{"INBOX", "Kept"} {
				c.Share(t, user(sharing), mailbox, user(reading))
			}
			sharedIsAnothers(t, c, m, user(sharing), user(reading), reading)
			unchanged(t, c, user, kept)
			wrongMasters(t, s, crowd)
			if s.Address != c.Writable {
				refusesChanges(t, c, user(reading))
			}
		})
	}
}

// sharedIsAnothers: the account has its own mailboxes under the customer's names
// for them, and none of those that another opened to it, which the server lists.
func sharedIsAnothers(t *testing.T, c *cyrus.Server, m *Mailboxes, owner, user string, id postern.AccountID) {
	t.Helper()
	listed := 0
	asMaster(t, c, user, func(client *imapclient.Client) {
		list, err := client.List("", "*", nil).Collect()
		if err != nil {
			t.Fatal(err)
		}
		listed = len(list)
	})
	shown, err := m.Reveal(ctx, gatetest.House{Key: key, Now: time.Now, Account: id}.Receipt(t, postern.TierEnvelope, postern.FieldMailboxes|postern.FieldQuota))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"INBOX", "Junk"}; !slices.Equal(shown.Mailboxes, want) || listed != len(want)+2 || shown.Account.Messages != 1 || shown.Account.QuotaBytes != 10<<20 {
		t.Errorf("mailboxes %v of %d, want %v; account %+v", shown.Mailboxes, listed, want, shown.Account)
	}
	if found, err := m.Find(ctx, id, postern.Scope{Query: "from:shop.example"}); err != nil || len(found) > 0 {
		t.Errorf("of what is shared %v is found, %v", found, err)
	}
	if found, err := m.Find(ctx, id, postern.Scope{Mailbox: c.Named("Junk")}); err != nil || len(found) > 0 {
		t.Errorf("Junk by the server's name: %v, %v", found, err)
	}
	owner, _, _ = strings.Cut(owner, "@")
	for _, mailbox := range []string{"user." + owner, "Other Users/" + owner} {
		if _, err := m.Find(ctx, id, postern.Scope{Mailbox: mailbox}); postern.KindOf(err) != postern.NotFound {
			t.Errorf("%s: %v", mailbox, err)
		}
	}
}

// unchanged: every message is there, without a flag, and still \Recent: nobody
// opened its mailbox but to look.
func unchanged(t *testing.T, c *cyrus.Server, user func(postern.AccountID) string, kept map[postern.AccountID]int) {
	t.Helper()
	if len(kept) == 0 {
		t.Error("nothing was kept")
	}
	for id, count := range kept {
		all := c.Flags(t, user(id))
		if len(all) < count {
			t.Errorf("%d messages of %d", len(all), count)
		}
		for _, flags := range all {
			if !slices.Equal(flags, []imap.Flag{"\\Recent"}) {
				t.Errorf("a message has the flags %v", flags)
			}
		}
	}
}

func wrongMasters(t *testing.T, s Server, crowd people) {
	t.Helper()
	for name, with := range map[string]func(*Server){
		"a wrong password":            func(s *Server) { s.Password = NewSecret("wrong") },
		"a master who is none":        func(s *Server) { s.Master = "nobody" },
		"a user who may not be proxy": func(s *Server) { s.Master = "feeder" },
	} {
		bad := s
		with(&bad)
		err := openOn(t, engine.SQLite(t), crowd, bad).Check(ctx, anybody(crowd))
		if err == nil || !strings.Contains(err.Error(), "sign in as the master user") || strings.Contains(err.Error(), bad.Password.text) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func asMaster(t *testing.T, c *cyrus.Server, user string, f func(*imapclient.Client)) {
	t.Helper()
	client, err := imapclient.DialInsecure(c.Plain, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.Authenticate(sasl.NewPlainClient(user, cyrus.Master, cyrus.MasterPassword)); err != nil {
		t.Fatal(err)
	}
	f(client)
}

// refusesChanges: whoever has the master password can read through this service,
// and change nothing, as docs/dovecot.md says.
func refusesChanges(t *testing.T, c *cyrus.Server, user string) {
	t.Helper()
	asMaster(t, c, user, func(client *imapclient.Client) {
		if _, err := client.Select("INBOX", nil).Wait(); err != nil {
			t.Fatal(err)
		}
		for what, err := range map[string]error{
			"a flag":      client.Store(imap.SeqSetNum(1), &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagSeen}}, nil).Close(),
			"a mailbox":   client.Create(c.Named("New"), nil).Wait(),
			"a deletion":  client.Delete(c.Named("Junk")).Wait(),
			"a rename":    client.Rename(c.Named("Junk"), c.Named("New"), nil).Wait(),
			"a right":     client.SetACL("INBOX", "person0", imap.RightModificationReplace, imap.RightSet("lr")).Wait(),
			"an expunge":  client.Expunge().Close(),
			"a copy":      second(client.Copy(imap.SeqSetNum(1), c.Named("Junk")).Wait()),
			"a move":      second(client.Move(imap.SeqSetNum(1), c.Named("Junk")).Wait()),
			"a quota":     client.SetQuota("user.person0", map[imap.QuotaResourceType]int64{imap.QuotaResourceStorage: 1}).Wait(),
			"its listing": client.Subscribe("INBOX").Wait(),
		} {
			if err == nil {
				t.Errorf("%s can be changed by the master user", what)
			}
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestOwnMailboxes(t *testing.T) {
	space := func(prefixes ...string) (list []imap.NamespaceDescriptor) {
		for _, p := range prefixes {
			list = append(list, imap.NamespaceDescriptor{Prefix: p})
		}
		return list
	}
	var (
		none        = imap.NamespaceData{}
		dovecot     = imap.NamespaceData{Personal: space(""), Shared: space("shared/")}
		old         = imap.NamespaceData{Personal: space("INBOX."), Other: space("user."), Shared: space("")}
		alternative = imap.NamespaceData{Personal: space(""), Other: space("Other Users/"), Shared: space("Shared Folders/")}
		alike       = imap.NamespaceData{Personal: space(""), Shared: space("")}
		two         = imap.NamespaceData{Personal: space("INBOX.", "Mail."), Other: space("user.")}
	)
	for _, c := range []struct {
		spaces imap.NamespaceData
		name   string
		own    bool
		shown  string
	}{
		{none, "Kept", true, "Kept"},
		{dovecot, "Kept", true, "Kept"},
		{dovecot, "shared/Kept", false, "shared/Kept"},
		{old, "INBOX", true, "INBOX"},
		{old, "INBOX.Kept", true, "Kept"},
		{old, "INBOX.Kept.Old", true, "Kept.Old"},
		{old, "INBOX.Inbox", true, "INBOX.Inbox"},
		{old, "user.bo", false, "user.bo"},
		{old, "announcements", false, "announcements"},
		{alternative, "inbox", true, "inbox"},
		{alternative, "Kept", true, "Kept"},
		{alternative, "Other Users/bo/Kept", false, "Other Users/bo/Kept"},
		{alternative, "Shared Folders/news", false, "Shared Folders/news"},
		{alike, "INBOX", true, "INBOX"},
		{alike, "Kept", false, "Kept"},
		{two, "Mail.Kept", true, "Mail.Kept"},
		{two, "user.bo", false, "user.bo"},
	} {
		if is, shown := own(c.spaces, c.name), shownName(c.spaces, c.name); is != c.own || shown != c.shown {
			t.Errorf("%+v: %q is own %v, shown as %q; want %v, %q", c.spaces, c.name, is, shown, c.own, c.shown)
		}
	}
}
