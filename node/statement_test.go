package node_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/node"
	"github.com/postern-mail/postern/testkit"
)

// "Was it me?" has an answer that the customer can check: nobody, and after a
// disclosure, exactly that one.
func TestStatementsOfARunningPostern(t *testing.T) {
	var now atomic.Int64
	now.Store(time.Date(2026, 5, 14, 9, 0, 0, 0, time.UTC).UnixMilli())
	n := testkit.Start(t, testkit.Options{Now: func() time.Time { return time.UnixMilli(now.Load()).UTC() }})
	later := func(d time.Duration) {
		t.Helper()
		now.Add(d.Milliseconds())
		if _, err := n.Ledger.Sequence(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	var ana node.AccountOut
	if err := n.Do(ctx, "account.add", node.AccountIn{Address: "ana@example.org", Name: "Ana", Locale: "fr", Password: "correct horse battery"}, &ana); err != nil {
		t.Fatal(err)
	}
	in := node.StatementIn{Address: "ana@example.org", Tier: "envelope"}
	if err := n.Do(ctx, "statement", in, nil); postern.KeyOf(err) != "statement.too-young" {
		t.Errorf("in the first hour: %v", err)
	}
	later(30 * time.Minute)
	later(2 * time.Hour)
	policy, err := verify.ParsePolicy(n.Ledger.PolicyFile())
	if err != nil {
		t.Fatal(err)
	}
	ask := func(why verify.Why, count int) {
		t.Helper()
		var s node.StatementOut
		if err := n.Do(ctx, "statement", in, &s); err != nil {
			t.Fatal(err)
		}
		r := verify.CheckNonAccessFile(s.File, policy)
		if r.Why != why || s.Count != count || !strings.Contains(string(s.File), "name ana@example.org\n") {
			t.Errorf("%d accesses: %s", s.Count, r.Text("en"))
		}
	}
	ask(verify.WhyUnwitnessed, 0) // no witness is configured, so no time is proved
	err = n.Ledger.DB.Update(ctx, func(tx *db.Tx) error {
		_, err := n.Ledger.Disclose(tx, ledger.Disclosure{Account: ana.ID, Tier: postern.TierContent, At: n.Now(), Reason: postern.ReasonSupport, Fields: postern.FieldBody})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	later(time.Minute)
	later(2 * time.Hour)
	ask(verify.WhyAccessed, 1)
	in.Tier = "attachment"
	ask(verify.WhyUnwitnessed, 0)
	in.Tier = "bottomless"
	if err := n.Do(ctx, "statement", in, nil); postern.KindOf(err) != postern.Invalid {
		t.Errorf("an unknown tier: %v", err)
	}
}

// A file of witnesses that can't be followed stops the start, and says why.
func TestWitnessesOfTheConfig(t *testing.T) {
	_, vkey, err := verify.GenerateWitnessKey("w.example")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ text, want string }{
		"no address":    {"witness w " + vkey + "\nquorum w\n", "has no address"},
		"in the clear":  {"witness w " + vkey + " http://w.example/\nquorum w\n", "write https"},
		"no quorum":     {"witness w " + vkey + " https://w.example/\n", "quorum"},
		"not there":     {"", "couldn't read"},
		"another's log": {"log other.example+" + strings.Repeat("0", 8) + "+AAAA\nquorum none\n", "log key"},
	} {
		cfg := bare(t)
		cfg.Ledger.Witnesses = filepath.Join(t.TempDir(), "witnesses")
		if c.text != "" {
			if err := os.WriteFile(cfg.Ledger.Witnesses, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		n, err := node.Open(ctx, cfg, node.Options{})
		if err == nil {
			n.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
