package ledger_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/testkit/engine"
)

func TestAppendAndRead(t *testing.T) {
	engine.Each(t, func(t *testing.T, handle engine.Open) {
		ctx := context.Background()
		keys, err := ledger.NewKeys("mx.example.org/ledger")
		if err != nil {
			t.Fatal(err)
		}
		now := time.Date(2026, 5, 14, 9, 30, 0, 0, time.UTC)
		h := handle(plane)
		l, err := ledger.Open(ctx, ledger.Parts{DB: h, Keys: keys, Origin: "mx.example.org/ledger", Node: "a", Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		ana := postern.AccountID(postern.NewID())
		d := ledger.Disclosure{Account: ana, Tier: postern.TierEnvelope, At: now, Grant: postern.GrantID(postern.NewID()), Session: postern.SessionID(postern.NewID()),
			Staff: postern.StaffID(postern.NewID()), Reason: postern.ReasonSupport, Messages: []postern.MessageID{postern.MessageID(postern.NewID())}, Fields: postern.FieldSubject}
		var p ledger.Pending
		err = h.Update(ctx, func(tx *db.Tx) error {
			if p, err = l.Disclose(tx, d); err != nil {
				return err
			}
			if _, err := l.Receipt(p, now.Add(time.Second)); err == nil {
				t.Error("a receipt before the commit")
			}
			_, err = l.Control(tx, ledger.Control{Kind: verify.ControlContain, At: now, Actor: d.Staff, Subject: "credential x", Detail: "stolen"})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		r, err := l.Receipt(p, now.Add(time.Second))
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Verify(keys.ReceiptPublic(), now); err != nil {
			t.Error(err)
		}
		found, err := l.Find(ctx, ledger.Filter{Account: ana})
		if err != nil || len(found) != 1 || found[0].Disclosure.Messages[0] != d.Messages[0] || found[0].Disclosure.Fields != d.Fields {
			t.Errorf("found %+v, %v", found, err)
		}
		all, err := l.Find(ctx, ledger.Filter{})
		if err != nil || len(all) != 2 || all[0].Control == nil || all[0].Control.Detail != "stolen" {
			t.Errorf("found %+v, %v", all, err)
		}
		for _, q := range []string{`DELETE FROM ledger_entry`, `UPDATE ledger_entry SET at = 0`, `UPDATE ledger_entry SET record_ct = commitment`} {
			if err := h.Update(ctx, func(tx *db.Tx) error { _, err := tx.Exec(q); return err }); err == nil {
				t.Errorf("%s was allowed", q)
			}
		}
	})
}
