package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/testkit/engine"
)

func receipt(t testing.TB, w *house) ledger.Receipt {
	t.Helper()
	var p ledger.Pending
	d := w.disclosure(account(), postern.TierContent)
	d.Consented = true
	err := w.h.Update(context.Background(), func(tx *db.Tx) (err error) { p, err = w.l.Disclose(tx, d); return err })
	if err != nil {
		t.Fatal(err)
	}
	r, err := w.l.Receipt(p, w.clock().Add(2*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestReceiptsComeBackAndHold(t *testing.T) {
	w := newHouse(t, engine.SQLite(t))
	r := receipt(t, w)
	b, err := r.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	back, err := ledger.ParseReceipt(b)
	if err != nil {
		t.Fatal(err)
	}
	if err := back.Verify(w.keys.ReceiptPublic(), w.clock()); err != nil || len(back.Messages) != 2 || !back.Consented {
		t.Errorf("%+v, %v", back, err)
	}
	if err := back.Verify(w.keys.ReceiptPublic(), w.clock().Add(2*time.Second)); postern.KeyOf(err) != "mail.receipt.expired" {
		t.Errorf("at its deadline: %v", err)
	}
	other, _ := ledger.NewKeys(origin)
	if err := back.Verify(other.ReceiptPublic(), w.clock()); postern.KeyOf(err) != "mail.receipt.forged" {
		t.Errorf("by another key: %v", err)
	}
	if err := back.Verify(nil, w.clock()); err == nil {
		t.Error("by no key")
	}
	for i := range b {
		bad := bytes.Clone(b)
		bad[i] ^= 1 << (i % 8)
		if r, err := ledger.ParseReceipt(bad); err == nil && r.Verify(w.keys.ReceiptPublic(), w.clock()) == nil {
			t.Errorf("a flip in byte %d holds", i)
		}
	}
	for name, bend := range map[string]func(*ledger.Receipt){
		"other account":       func(r *ledger.Receipt) { r.Account = account() },
		"deeper tier":         func(r *ledger.Receipt) { r.Tier = postern.TierAttachment },
		"more fields":         func(r *ledger.Receipt) { r.Fields |= postern.FieldBody },
		"other message":       func(r *ledger.Receipt) { r.Messages = []postern.MessageID{r.Messages[1], r.Messages[0]} },
		"later deadline":      func(r *ledger.Receipt) { r.Deadline = r.Deadline.Add(time.Second) },
		"not consented":       func(r *ledger.Receipt) { r.Consented = false },
		"no account":          func(r *ledger.Receipt) { r.Account = "" },
		"101 messages":        func(r *ledger.Receipt) { r.Messages = make([]postern.MessageID, 101) },
		"upper-case spelling": func(r *ledger.Receipt) { r.Account = "ABCDEF" + r.Account[6:] },
	} {
		bent := back
		bend(&bent)
		if err := bent.Verify(w.keys.ReceiptPublic(), w.clock()); postern.KindOf(err) != postern.Denied {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What was undone has no receipt, and leaves no secret behind that a later
// record would be sealed with and nobody could open.
func TestUndoneDisclosuresLeaveNothing(t *testing.T) {
	engine.Each(t, func(t *testing.T, handle engine.Open) {
		ctx := context.Background()
		w := newHouse(t, handle)
		d := w.disclosure(account(), postern.TierContent)
		var p ledger.Pending
		undo := errors.New("undo")
		err := w.h.Update(ctx, func(tx *db.Tx) (err error) {
			for range 2 {
				d.ID = ""
				if p, err = w.l.Disclose(tx, d); err != nil {
					return err
				}
			}
			return undo
		})
		if !errors.Is(err, undo) {
			t.Fatal(err)
		}
		if _, err := w.l.Receipt(p, w.clock().Add(time.Second)); err == nil {
			t.Error("what was undone has a receipt")
		}
		if _, err := w.l.Receipt(ledger.Pending{}, w.clock()); err == nil {
			t.Error("nothing has a receipt")
		}
		d.ID = postern.DisclosureID(postern.NewID())
		w.disclose(d)
		w.sequence()
		w.l = w.reopen()
		if s := w.verify(); s.Erased != 0 || s.Entries != 1 {
			t.Errorf("%+v", s)
		}
	})
}

func FuzzReceipt(f *testing.F) {
	w := newHouse(f, engine.SQLite(f))
	b, err := receipt(f, w).Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := ledger.ParseReceipt(in)
		if err != nil {
			return
		}
		if again, err := r.Marshal(); err != nil || !bytes.Equal(again, in) {
			t.Fatalf("%x parses but is not canonical: %v", in, err)
		}
		if r.Verify(w.keys.ReceiptPublic(), w.clock()) == nil && !bytes.Equal(in, b) {
			t.Fatalf("%x holds", in)
		}
	})
}
