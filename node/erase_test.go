package node_test

import (
	"bytes"
	"context"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/desk"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/node"
	"github.com/postern-mail/postern/password"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/testkit"
	"github.com/pquerna/otp/totp"
)

// marks are what nobody else has: wherever one is found, something is left of
// the person.
const (
	goneAddress = "zephyrine@example.org"
	goneName    = "Zephyrine Quillfeather"
	goneSubject = "Quixotic wombat invoice"
	goneBody    = "jabberwocky-in-the-body"
	goneCase    = "My kaleidoscope is missing"
	goneFolder  = "Xylophones"
	goneRefused = "because of the marmalade"
)

// A person is erased from every plane: nothing of them is in any file of the
// data directory, the log replays, old proofs hold, others keep their mail.
func TestErasureLeavesNoTrace(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	var now atomic.Int64
	now.Store(time.Date(2026, 5, 14, 9, 0, 0, 0, time.UTC).UnixMilli())
	clock := func() time.Time { return time.UnixMilli(now.Load()).UTC() }
	cfg := node.DefaultConfig()
	cfg.Data, cfg.Hostname, cfg.Domains, cfg.Mail.Outbound = dir, "mx.example.org", []string{"example.org"}, "hold"
	open := func() *node.Node {
		t.Helper()
		n, err := node.Open(ctx, cfg, node.Options{Now: clock, Cost: password.Cheap(), Manual: true})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	n := open()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var gone, ben node.AccountOut
	ok(n.Do(ctx, "account.add", node.AccountIn{Address: goneAddress, Name: goneName, Locale: "fr", Password: "correct horse battery"}, &gone))
	ok(n.Do(ctx, "account.add", node.AccountIn{Address: "ben@example.org", Name: "Ben", Locale: "en", Password: "correct horse battery"}, &ben))
	letter := func(to string) []byte {
		return []byte("From: Shop <shop@shop.example>\r\nTo: " + to + "\r\nSubject: " + goneSubject + "\r\nMessage-ID: <1@shop.example>\r\n\r\n" + goneBody + "\r\n")
	}
	for i := range 30 {
		_, err := n.Mail.Append(ctx, gone.ID, []string{"INBOX", goneFolder}[i%2], letter(goneAddress), nil, clock())
		ok(err)
	}
	_, err := n.Mail.Append(ctx, ben.ID, "INBOX", []byte("From: a@b.example\r\nTo: ben@example.org\r\nSubject: Ben keeps this\r\n\r\nplatypus\r\n"), nil, clock())
	ok(err)
	c, err := n.Cases.OpenCase(ctx, desk.NewCase{Account: gone.ID, Address: goneAddress, Name: goneName, Locale: "fr", Subject: goneCase, Text: goneCase + "\n" + goneBody})
	ok(err)
	ok(n.Cases.CustomerReply(ctx, gone.ID, c.ID, goneRefused))
	later := func(d time.Duration) {
		t.Helper()
		now.Add(d.Milliseconds())
		_, err := n.Ledger.Sequence(ctx)
		ok(err)
	}
	later(time.Hour)
	ok(lookedAt(ctx, n, gone.ID))
	for range 4 {
		later(time.Hour)
		ok(lookedAt(ctx, n, ben.ID))
	}
	later(time.Hour)
	var before node.StatementOut
	ok(n.Do(ctx, "statement", node.StatementIn{Address: goneAddress, Tier: "envelope"}, &before))
	policy, err := verify.ParsePolicy(n.Ledger.PolicyFile())
	ok(err)
	number := before.Number
	if before.Count != 1 || number == "" {
		t.Fatalf("%d accesses, number %q", before.Count, number)
	}

	// Asked for, taken back, asked for again.
	var out node.EraseOut
	ok(n.Do(ctx, "account.erase", node.EraseIn{Address: goneAddress}, &out))
	if out.Erased || !out.Due.Equal(clock().Add(30*24*time.Hour)) {
		t.Fatalf("%+v", out)
	}
	ok(n.Do(ctx, "account.erase", node.EraseIn{Address: goneAddress, Cancel: true}, nil))
	if err := n.Do(ctx, "account.erase", node.EraseIn{Address: goneAddress, Cancel: true}, nil); postern.KindOf(err) != postern.NotFound {
		t.Errorf("taken back twice: %v", err)
	}
	ok(n.Do(ctx, "account.erase", node.EraseIn{Address: goneAddress}, &out))
	ok(n.Tidy(ctx))
	if _, err := n.Accounts.ByAddress(ctx, goneAddress); err != nil {
		t.Fatal("erased before its time")
	}
	later(30 * 24 * time.Hour)
	ok(n.Tidy(ctx))
	ok(n.Tidy(ctx)) // again is no error
	if _, err := n.Accounts.ByAddress(ctx, goneAddress); postern.KindOf(err) != postern.NotFound {
		t.Errorf("%v", err)
	}

	// The log is whole, and proofs that were given out hold.
	sum, err := n.Ledger.Verify(ctx)
	if err != nil || sum.Erased == 0 {
		t.Errorf("%+v, %v", sum, err)
	}
	if r := verify.CheckNonAccessFile(before.File, policy); r.Why != verify.WhyAccessed {
		t.Error(r.Text("en"))
	}
	var after node.StatementOut
	ok(n.Do(ctx, "statement", node.StatementIn{Address: string(out.Account), Tier: "envelope"}, &after))
	if r := verify.CheckStatementFile(after.File, policy); after.Finding != verify.FindingErased || after.Erased.IsZero() || r.Why != verify.WhyErased {
		t.Errorf("%s at %v: %s", after.Finding, after.Erased, r.Text("en"))
	}
	if bytes.Contains(after.File, []byte(number)) {
		t.Error("the answer names the number that was erased")
	}
	var other node.StatementOut
	ok(n.Do(ctx, "statement", node.StatementIn{Address: "ben@example.org", Tier: "envelope"}, &other))
	if r := verify.CheckNonAccessFile(other.File, policy); r.Why != verify.WhyAccessed || other.Count != 4 {
		t.Errorf("Ben's: %s", r.Text("en"))
	}
	ok(n.Close())

	marks := []string{goneAddress, "zephyrine", goneName, "Quillfeather", goneSubject, "wombat", goneBody, "jabberwocky", goneCase, "kaleidoscope", goneFolder, goneRefused, "marmalade"}
	files, kept := 0, false
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		low := bytes.ToLower(b)
		for _, m := range marks {
			if i := bytes.Index(low, []byte(strings.ToLower(m))); i >= 0 {
				t.Errorf("%s has %q: …%q…", filepath.Base(path), m, b[max(0, i-40):min(len(b), i+60)])
			}
		}
		kept = kept || bytes.Contains(low, []byte("platypus"))
		return nil
	})
	if err != nil || files < 5 || !kept {
		t.Errorf("%d files, Ben's mail is there: %v, %v", files, kept, err)
	}
	n = open() // and it starts again
	ok(n.Close())
}

// lookedAt writes down that somebody saw something of an account.
func lookedAt(ctx context.Context, n *node.Node, id postern.AccountID) error {
	return n.Ledger.DB.Update(ctx, func(tx *db.Tx) error {
		_, err := n.Ledger.Disclose(tx, ledger.Disclosure{Account: id, Tier: postern.TierContent, At: n.Now(), Reason: postern.ReasonSupport, Fields: postern.FieldBody})
		return err
	})
}

// holdOver makes a legal hold over an account, and gives what ends it.
func holdOver(t *testing.T, n *node.Node, id postern.AccountID) (end func()) {
	t.Helper()
	ctx := context.Background()
	hire := func(login string, role staff.Role) staff.Session {
		t.Helper()
		m, err := n.Staff.CreateMember(ctx, staff.NewMember{Login: login, Name: login, Locale: "en", Organisation: "provider", Roles: []staff.Role{role}})
		if err != nil {
			t.Fatal(err)
		}
		_, otpauth, err := n.Staff.SetPassword(ctx, m.ID, "a pass phrase")
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(otpauth)
		if err != nil {
			t.Fatal(err)
		}
		code, err := totp.GenerateCode(u.Query().Get("secret"), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		_, s, err := n.Staff.SignInPassword(ctx, login, "a pass phrase", code, staff.From{Network: "203.0.113.0/24"})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if err := n.Staff.CreateOrganisation(ctx, staff.Organisation{ID: "provider", Name: "Provider", Kind: "provider"}); err != nil {
		t.Fatal(err)
	}
	mona, rosa := hire("mona", staff.Approver), hire("rosa", staff.Responder)
	hold, err := n.Gate.MakeHold(ctx, mona, gate.Hold{Account: id, Until: time.Now().Add(24 * time.Hour), Authority: "Court of Lyon", Reference: "26/01"})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Gate.ConfirmHold(ctx, rosa, hold.ID); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if err := n.Gate.EndHold(ctx, mona, hold.ID); err != nil {
			t.Fatal(err)
		}
	}
}

// A legal hold keeps what it is about.
func TestErasureWaitsForAHold(t *testing.T) {
	ctx := context.Background()
	n := testkit.Start(t, testkit.Options{})
	var ana node.AccountOut
	if err := n.Do(ctx, "account.add", node.AccountIn{Address: "ana@example.org", Name: "Ana", Locale: "fr", Password: "correct horse battery"}, &ana); err != nil {
		t.Fatal(err)
	}
	hold := holdOver(t, n, ana.ID)
	if err := n.Do(ctx, "account.erase", node.EraseIn{Address: "ana@example.org", Now: true}, nil); postern.KeyOf(err) != "gate.conflict.held" {
		t.Errorf("under a hold: %v", err)
	}
	if _, err := n.Accounts.ByAddress(ctx, "ana@example.org"); err != nil {
		t.Error(err)
	}
	hold()
	if err := n.Do(ctx, "account.erase", node.EraseIn{Address: "ana@example.org", Now: true}, nil); err != nil {
		t.Error(err)
	}
}

// Records past their time are destroyed; that something was seen stays.
func TestRecordsAreRetired(t *testing.T) {
	ctx := context.Background()
	var now atomic.Int64
	now.Store(time.Date(2026, 5, 14, 9, 0, 0, 0, time.UTC).UnixMilli())
	n := testkit.Start(t, testkit.Options{Now: func() time.Time { return time.UnixMilli(now.Load()).UTC() }, Config: func(c *node.Config) { c.Ledger.KeepRecords.Duration = 24 * time.Hour }})
	var ana node.AccountOut
	if err := n.Do(ctx, "account.add", node.AccountIn{Address: "ana@example.org", Name: "Ana", Locale: "fr", Password: "correct horse battery"}, &ana); err != nil {
		t.Fatal(err)
	}
	step := func(d time.Duration) {
		t.Helper()
		now.Add(d.Milliseconds())
		if _, err := n.Ledger.Sequence(ctx); err != nil {
			t.Fatal(err)
		}
	}
	step(time.Hour)
	for range 3 {
		if err := lookedAt(ctx, n, ana.ID); err != nil {
			t.Fatal(err)
		}
		step(20 * time.Hour)
	}
	if err := n.Tidy(ctx); err != nil {
		t.Fatal(err)
	}
	step(2 * time.Hour)
	var s node.StatementOut
	if err := n.Do(ctx, "statement", node.StatementIn{Address: "ana@example.org", Tier: "envelope"}, &s); err != nil {
		t.Fatal(err)
	}
	policy, err := verify.ParsePolicy(n.Ledger.PolicyFile())
	if err != nil {
		t.Fatal(err)
	}
	p, err := verify.ParseNonAccess(s.File)
	if err != nil {
		t.Fatal(err)
	}
	opened, destroyed := 0, 0
	for _, stream := range p.Streams {
		for _, a := range stream.Accesses {
			if a.Record == nil {
				destroyed++
			} else {
				opened++
			}
		}
	}
	if r := verify.CheckNonAccessFile(s.File, policy); s.Count != 3 || destroyed != 2 || opened != 1 || r.Why != verify.WhyAccessed {
		t.Errorf("%d accesses, %d opened, %d destroyed: %s", s.Count, opened, destroyed, r.Text("en"))
	}
	found, err := n.Ledger.Find(ctx, ledger.Filter{Account: ana.ID})
	if err != nil || len(found) != 3 {
		t.Errorf("%d entries, %v", len(found), err)
	}
}
