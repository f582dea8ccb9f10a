package ledger_test

import (
	"context"
	"strings"
	"testing"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/testkit/engine"
)

// The auditor's half imports nothing of ours, so it has the names of tiers,
// reasons and fields a second time. They must be the same.
func TestAuditorsNamesAreTheProducts(t *testing.T) {
	w := newHouse(t, engine.SQLite(t))
	d := w.disclosure(account(), postern.TierAttachment)
	d.Fields = postern.TierAttachment.Fields()
	for i, tier := range postern.Tiers {
		d.ID, d.Tier, d.Reason = postern.DisclosureID(postern.NewID()), tier, postern.Reasons[i]
		w.disclose(d)
		w.sequence()
		file, err := w.l.RecordFile(context.Background(), d.ID)
		if err != nil {
			t.Fatal(err)
		}
		facts := map[string]string{}
		for _, f := range verify.CheckRecordFile(file, w.policy).Facts {
			facts[f.Name] = f.Value
		}
		if facts["tier"] != tier.String() || facts["reason"] != d.Reason.String() || facts["fields"] != strings.Join(d.Fields.Names(), ", ") {
			t.Errorf("%v, %v and %v are %q", tier, d.Reason, d.Fields.Names(), facts)
		}
	}
}
