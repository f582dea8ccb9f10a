package demo_test

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/node"
	"github.com/postern-mail/postern/node/demo"
)

// The demo has a past and a witness: what it states verifies at once, for
// somebody who was looked at and for somebody who was not; also after it was
// ended and started again in the same directory.
func TestStatementsOfTheDemo(t *testing.T) {
	dir := t.TempDir()
	for round := range 2 {
		n, err := demo.Open(t.Context(), demo.Options{Dir: dir, Ports: true, LogTo: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		check(t, n)
		if sum, err := n.Ledger.Verify(t.Context()); err != nil {
			t.Errorf("round %d: the ledger does not verify: %v (%+v)", round, err, sum)
		}
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func check(t *testing.T, n *node.Node) {
	t.Helper()
	policy, err := verify.ParsePolicy(n.Ledger.PolicyFile())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for _, c := range []struct {
		address string
		tier    postern.Tier
		days    int // the window's beginning, before now; 0: all that can be proved
		count   int
	}{
		{"ana@outlook.example", postern.TierAccount, 0, 0},
		{"ana@outlook.example", postern.TierAccount, 30, 0},
		{"tom@hotmail.example", postern.TierAccount, 0, 1},
		{"tom@hotmail.example", postern.TierAccount, 30, 0},
		{"tom@hotmail.example", postern.TierTrace, 0, 0},
		{"lucie@msn.example", postern.TierEnvelope, 0, 2},
		{"lucie@msn.example", postern.TierEnvelope, 30, 1},
		{"lucie@msn.example", postern.TierContent, 0, 1},
		{"lucie@msn.example", postern.TierContent, 30, 0},
		{"lucie@msn.example", postern.TierAttachment, 0, 0},
		{"sam@outlook.example", postern.TierAccount, 30, 1},
	} {
		in := node.StatementIn{Address: c.address, Tier: c.tier.String()}
		if c.days > 0 {
			in.From = now.AddDate(0, 0, -c.days)
		}
		var out node.StatementOut
		if err := n.Do(context.Background(), "statement", in, &out); err != nil {
			t.Errorf("%+v: %v", c, err)
			continue
		}
		r := verify.CheckNonAccessFile(out.File, policy)
		want := verify.Verified
		if c.count > 0 {
			want = verify.Refuted
		}
		if out.Count != c.count || r.Verdict != want || (c.count > 0) != (r.Why == verify.WhyAccessed) {
			t.Errorf("%+v: %d accesses; %s", c, out.Count, r.Text("en"))
		}
		if age := now.Sub(out.Until); age < time.Hour-time.Minute || age > time.Hour+time.Minute {
			t.Errorf("%+v: proved until %s ago", c, age)
		}
		if begun := out.Until.Sub(out.From); c.days == 0 && begun < 44*24*time.Hour {
			t.Errorf("%+v: the past has %s", c, begun)
		}
	}
}
