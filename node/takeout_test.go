package node_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/node"
	"github.com/postern-mail/postern/testkit"
)

// TestAnExportIsWrittenDown: whoever takes a mailbox out by the command line is
// in the ledger before the first byte, whether or not another process serves the
// directory and whether or not it then succeeds.
func TestAnExportIsWrittenDown(t *testing.T) {
	atOnce := func(c *node.Config) { c.Ledger.Publish.Duration = 0 }
	serving := testkit.Start(t, testkit.Options{Config: atOnce})
	alone := bare(t)
	atOnce(&alone)
	for name, one := range map[string]struct {
		cfg   node.Config
		looks func(postern.AccountID) ([]gate.Look, []byte)
	}{
		"beside a running Postern": {serving.Config(), func(a postern.AccountID) ([]gate.Look, []byte) { return looks(t, serving, a) }},
		"alone":                    {alone, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if one.looks == nil {
				one.looks = func(a postern.AccountID) ([]gate.Look, []byte) {
					n, err := node.Open(ctx, one.cfg, node.Options{})
					if err != nil {
						t.Fatal(err)
					}
					defer func() {
						if err := n.Close(); err != nil {
							t.Error(err)
						}
					}()
					return looks(t, n, a)
				}
			}
			var a node.AccountOut
			if err := node.Call(ctx, one.cfg, "account.add", node.AccountIn{Address: "ana@example.org", Name: "Ana", Locale: "fr", Password: "correct horse battery"}, &a, nil); err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			mail := filepath.Join(dir, "one.eml")
			if err := os.WriteFile(mail, []byte("From: x@y.example\r\nSubject: one\r\n\r\nhello\r\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := node.Call(ctx, one.cfg, "import", node.ImportIn{Account: a.Address, Path: mail, Format: "auto"}, nil, nil); err != nil {
				t.Fatal(err)
			}
			var got node.ExportOut
			if err := node.Call(ctx, one.cfg, "export", node.ExportIn{Account: a.Address, Path: filepath.Join(dir, "out"), Format: "eml"}, &got, nil); err != nil || got.Messages != 1 {
				t.Fatalf("exported %+v: %v", got, err)
			}
			// Where nothing can be written, somebody has tried all the same.
			if err := node.Call(ctx, one.cfg, "export", node.ExportIn{Account: a.Address, Path: filepath.Join(mail, "out"), Format: "eml"}, &got, nil); err == nil {
				t.Fatal("exported into a file")
			}
			found, proof := one.looks(a.ID)
			if len(found) != 2 {
				t.Fatalf("%d exports are written down, want two", len(found))
			}
			for _, l := range found {
				if l.Role != gate.RoleOperator || l.Tier != postern.TierAttachment || l.StaffName != "" || l.Index < 0 || l.Fields&postern.FieldSource == 0 || l.Reason != postern.ReasonService {
					t.Errorf("the customer reads %+v", l)
				}
			}
			if !strings.Contains(string(proof), "postern/") {
				t.Errorf("the proof is %q", proof)
			}
		})
	}
}

func looks(t *testing.T, n *node.Node, a postern.AccountID) ([]gate.Look, []byte) {
	t.Helper()
	found, err := n.Gate.Looks(ctx, a, 0, 0)
	if err != nil || len(found) == 0 {
		t.Fatalf("%d looks: %v", len(found), err)
	}
	proof, err := n.Ledger.RecordFile(ctx, found[0].Disclosure)
	if err != nil {
		t.Fatal(err)
	}
	return found, proof
}
