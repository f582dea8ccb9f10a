package mail_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/account"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/mail"
	"github.com/postern-mail/postern/testkit/engine"
)

// A bad receipt gives nothing, whatever is wrong with it.
func TestWithoutAReceiptNothing(t *testing.T) {
	engine.Each(t, func(t *testing.T, opened engine.Open) {
		h := newHouse(t, opened)
		own := h.put(t, h.ana.ID, "INBOX", invoice)
		bo := h.customer(t, "bo@outlook.example")
		others := h.put(t, bo.ID, "INBOX", invoice)
		fields := postern.TierContent.Fields()
		good := func() ledger.Receipt { return h.receipt(t, postern.TierContent, fields, own) }
		with := func(change func(*ledger.Receipt), sign bool) ledger.Receipt {
			r := good()
			change(&r)
			if sign {
				r = h.sign(t, r)
			}
			return r
		}
		used := good()
		if _, err := h.Reveal(ctx, used); err != nil {
			t.Fatal(err)
		}
		for name, r := range map[string]ledger.Receipt{
			"empty":                         {},
			"unsigned":                      with(func(r *ledger.Receipt) { r.Signature = [64]byte{} }, false),
			"forged":                        with(func(r *ledger.Receipt) { r.Signature[0] ^= 1 }, false),
			"replayed":                      used,
			"replayed with later deadline":  with(func(r *ledger.Receipt) { r.Disclosure = used.Disclosure }, true),
			"tier deepened unsigned":        with(func(r *ledger.Receipt) { r.Tier = postern.TierAttachment }, false),
			"fields added unsigned":         with(func(r *ledger.Receipt) { r.Fields |= postern.FieldSource }, false),
			"fields deeper than the tier":   with(func(r *ledger.Receipt) { r.Fields |= postern.FieldSource }, true),
			"shallower tier, same fields":   with(func(r *ledger.Receipt) { r.Tier = postern.TierEnvelope }, true),
			"no tier":                       with(func(r *ledger.Receipt) { r.Tier = postern.TierNone }, true),
			"expired":                       with(func(r *ledger.Receipt) { r.Deadline = h.clock }, true),
			"consent added unsigned":        with(func(r *ledger.Receipt) { r.Consented = true }, false),
			"other account unsigned":        with(func(r *ledger.Receipt) { r.Account = bo.ID }, false),
			"other account, own message":    with(func(r *ledger.Receipt) { r.Account = bo.ID }, true),
			"message of another":            with(func(r *ledger.Receipt) { r.Messages = []postern.MessageID{own, others} }, true),
			"message that is not there":     with(func(r *ledger.Receipt) { r.Messages = []postern.MessageID{postern.MessageID(postern.NewID())} }, true),
			"another's message, no content": with(func(r *ledger.Receipt) { r.Fields, r.Messages = postern.FieldStatus, []postern.MessageID{others} }, true),
		} {
			shown, err := h.Reveal(ctx, r)
			if postern.KindOf(err) != postern.Denied {
				t.Errorf("%s: error %v, want Denied", name, err)
			}
			if !reflect.ValueOf(shown).IsZero() {
				t.Errorf("%s: showed %s", name, describe(shown))
			}
		}
		// The same receipts, in order, still work.
		if _, err := h.Reveal(ctx, good()); err != nil {
			t.Error(err)
		}
	})
}

// Whatever byte of a receipt is altered, it is no receipt.
func TestEveryByteOfAReceiptCounts(t *testing.T) {
	h := newHouse(t, engine.SQLite(t))
	r := h.receipt(t, postern.TierContent, postern.FieldBody, h.put(t, h.ana.ID, "INBOX", invoice))
	b, err := r.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for i := range b {
		altered := bytes.Clone(b)
		altered[i] ^= 1 << (i % 8)
		r, err := ledger.ParseReceipt(altered)
		if err != nil {
			continue
		}
		if shown, err := h.Reveal(ctx, r); postern.KindOf(err) != postern.Denied || len(shown.Messages) != 0 {
			t.Errorf("byte %d altered: %v, %s", i, err, describe(shown))
		}
	}
	if _, err := h.Reveal(ctx, r); err != nil {
		t.Errorf("unaltered: %v", err)
	}
}

type queue int

func (q queue) Waiting(context.Context, postern.AccountID) (int, error) { return int(q), nil }

func (q queue) Forward(*db.Tx, postern.AccountID, string, []string, []byte) error { return nil }

// TestExactlyTheFields walks the fields alone, in pairs, by tier, all but one
// and by chance, and looks at every place where something can be shown.
func TestExactlyTheFields(t *testing.T) {
	engine.Each(t, func(t *testing.T, opened engine.Open) {
		h := newHouse(t, opened)
		h.SetQueue(queue(3))
		if err := h.Deliver(ctx, mail.Delivery{To: []postern.AccountID{h.ana.ID}, Sender: "shop@shop.example", Raw: []byte(invoice), Verdicts: "spf=pass"}); err != nil {
			t.Fatal(err)
		}
		ids, err := h.Find(ctx, h.ana.ID, postern.Scope{Mailbox: "INBOX"})
		if err != nil || len(ids) != 1 {
			t.Fatal(ids, err)
		}
		if _, err := h.accounts.SignIn(ctx, h.ana.Address, "correct horse battery", account.From{Protocol: "web", Network: "192.0.2.0/24"}); err != nil {
			t.Fatal(err)
		}
		for _, fields := range fieldSets() {
			shown, err := h.Reveal(ctx, h.receipt(t, postern.TierAttachment, fields, ids...))
			if err != nil {
				t.Fatalf("%v: %v", fields.Names(), err)
			}
			checkFields(t, shown, fields)
			if t.Failed() {
				return
			}
		}
		// Each tier gives its own fields and no more.
		for _, tier := range postern.Tiers {
			shown, err := h.Reveal(ctx, h.receipt(t, tier, tier.Fields(), ids...))
			if err != nil {
				t.Fatal(err)
			}
			checkFields(t, shown, tier.Fields())
		}
	})
}

func fieldSets() []postern.Field {
	all := postern.TierAttachment.Fields()
	var singles, sets []postern.Field
	for bit := postern.Field(1); bit != 0 && bit <= all; bit <<= 1 {
		if all&bit != 0 {
			singles = append(singles, bit)
		}
	}
	for i, a := range singles {
		sets = append(sets, a, all&^a)
		for _, b := range singles[i+1:] {
			sets = append(sets, a|b)
		}
	}
	chance := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		sets = append(sets, postern.Field(chance.Uint32())&all)
	}
	return append(sets, 0, all)
}

// checkFields holds every place of what was shown against the fields.
func checkFields(t *testing.T, s postern.Shown, fields postern.Field) {
	t.Helper()
	var a postern.ShownAccount
	if s.Account != nil {
		a = *s.Account
	}
	var m postern.ShownMessage
	if len(s.Messages) == 1 {
		m = s.Messages[0]
	}
	for _, c := range []struct {
		place string
		field postern.Field
		value any
	}{
		{"Account", postern.TierAccount.Fields() | postern.FieldRuleTargets, s.Account},
		{"Address", postern.FieldStatus, a.Address}, {"Status", postern.FieldStatus, a.Status}, {"Locale", postern.FieldStatus, a.Locale}, {"Created", postern.FieldStatus, a.Created},
		{"UsedBytes", postern.FieldQuota, a.UsedBytes}, {"QuotaBytes", postern.FieldQuota, a.QuotaBytes}, {"account's Messages", postern.FieldQuota, a.Messages},
		{"SignIns", postern.FieldSignIns, a.SignIns}, {"Queued", postern.FieldQueue, a.Queued},
		{"Trace", postern.FieldTrace, s.Trace}, {"Mailboxes", postern.FieldMailboxes, s.Mailboxes},
		{"Messages", postern.TierAttachment.Fields() &^ (postern.TierTrace.Fields() | postern.FieldRuleTargets), s.Messages},
		{"Mailbox", postern.FieldMailboxes, m.Mailbox}, {"From", postern.FieldFrom | postern.FieldFromMasked, m.From}, {"To", postern.FieldTo | postern.FieldToMasked, m.To}, {"Subject", postern.FieldSubject | postern.FieldSubjectMasked, m.Subject},
		{"Date", postern.FieldDate, m.Date}, {"Size", postern.FieldSize, m.Size}, {"Plain", postern.FieldBody, m.Plain}, {"HTML", postern.FieldBody, m.HTML},
		{"Attachments", postern.FieldAttachments, m.Attachments}, {"Source", postern.FieldSource, m.Source},
	} {
		if got, want := !reflect.ValueOf(c.value).IsZero(), fields&c.field != 0; got != want {
			t.Errorf("fields %v: %s is there: %v, want %v (%v)", fields.Names(), c.place, got, want, c.value)
		}
	}
	if a.Forwarding || m.Masked {
		t.Errorf("fields %v: forwarding %v, masked %v", fields.Names(), a.Forwarding, m.Masked)
	}
}

func TestWhatIsShownIsRight(t *testing.T) {
	h := newHouse(t, engine.SQLite(t))
	id := h.put(t, h.ana.ID, "Bills/2026", invoice)
	second := h.put(t, h.ana.ID, "INBOX", strings.ReplaceAll(invoice, "Your invoice", "Another"))
	s, err := h.Reveal(ctx, h.receipt(t, postern.TierAttachment, postern.TierAttachment.Fields(), second, id))
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Messages) != 2 || s.Messages[0].ID != second || s.Messages[1].ID != id {
		t.Fatalf("not in the receipt's order: %s", describe(s))
	}
	got := s.Messages[1]
	want := postern.ShownMessage{
		ID: id, Given: postern.TierAttachment.Fields() &^ (postern.TierTrace.Fields() | postern.FieldFromMasked | postern.FieldToMasked | postern.FieldSubjectMasked | postern.FieldRuleTargets), Mailbox: "Bills/2026", From: []string{"Shop <shop@shop.example>", "robot@shop.example"}, To: []string{"Ana <ana@outlook.example>", "bo@outlook.example"},
		Subject: "Your invoice", Date: time.Date(2026, 3, 27, 10, 0, 0, 0, time.UTC), Size: int64(len(invoice)), Plain: got.Plain, HTML: got.HTML,
		Attachments: []postern.ShownAttachment{{Name: "invoice.pdf", Type: "application/pdf", Bytes: []byte("%PDF")}}, Source: []byte(invoice),
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("showed %+v\nwant   %+v", got, want)
	}
	// HTML alone still has a text to be read.
	if !strings.Contains(got.Plain, "You owe 12 coins") || !strings.Contains(got.HTML, "<b>12</b>") {
		t.Errorf("plain %q, html %q", got.Plain, got.HTML)
	}
	if !slices.Contains(s.Mailboxes, "Bills/2026") || !slices.Contains(s.Mailboxes, "INBOX") {
		t.Errorf("mailboxes %v", s.Mailboxes)
	}
	if s.Account.Address != h.ana.Address || s.Account.Messages != 2 || s.Account.UsedBytes != int64(len(invoice)*2-len("Your invoice")+len("Another")) {
		t.Errorf("account %+v", s.Account)
	}
}

func TestGuardedMessagesAreMasked(t *testing.T) {
	engine.Each(t, func(t *testing.T, opened engine.Open) {
		h := newHouse(t, opened)
		if err := h.Deliver(ctx, mail.Delivery{To: []postern.AccountID{h.ana.ID}, Sender: "no-reply@bank.example", Raw: []byte(guarded), Remote: "mx.bank.example"}); err != nil {
			t.Fatal(err)
		}
		ids, err := h.Find(ctx, h.ana.ID, postern.Scope{Mailbox: "INBOX"})
		if err != nil || len(ids) != 1 {
			t.Fatal(ids, err)
		}
		harmless := h.put(t, h.ana.ID, "INBOX", invoice)
		which, err := h.Guarded(ctx, h.ana.ID, []postern.MessageID{harmless, ids[0], postern.MessageID(postern.NewID())})
		if err != nil || !slices.Equal(which, ids) {
			t.Errorf("guarded are %v, %v; want %v", which, err, ids)
		}
		if which, err := h.Guarded(ctx, h.customer(t, "bo@outlook.example").ID, ids); err != nil || len(which) != 0 {
			t.Errorf("another's message is told of: %v, %v", which, err)
		}
		for _, tier := range []postern.Tier{postern.TierEnvelope, postern.TierContent, postern.TierAttachment} {
			s, err := h.Reveal(ctx, h.receipt(t, tier, tier.Fields(), ids[0]))
			if err != nil {
				t.Fatal(err)
			}
			if want := []postern.ShownMessage{{ID: ids[0], Masked: true}}; !reflect.DeepEqual(s.Messages, want) {
				t.Errorf("%v without consent: %+v", tier, s.Messages)
			}
			if len(s.Trace) != 1 || s.Trace[0].Sender != "" || s.Trace[0].Detail != "" {
				t.Errorf("%v without consent: trace %+v", tier, s.Trace)
			}
			r := h.receipt(t, tier, tier.Fields(), ids[0])
			r.Consented = true
			s, err = h.Reveal(ctx, h.sign(t, r))
			if err != nil {
				t.Fatal(err)
			}
			if s.Messages[0].Masked || s.Messages[0].Subject != "Your verification code" || s.Trace[0].Sender != "no-reply@bank.example" {
				t.Errorf("%v with consent: %s", tier, describe(s))
			}
		}
	})
}

// A receipt is used up before anything is read for it, whoever is first.
func TestAReceiptIsUsedOnce(t *testing.T) {
	engine.Each(t, func(t *testing.T, opened engine.Open) {
		h := newHouse(t, opened)
		r := h.receipt(t, postern.TierContent, postern.FieldBody, h.put(t, h.ana.ID, "INBOX", invoice))
		const callers = 8
		results := make(chan error, callers)
		for range callers {
			go func() {
				_, err := h.Reveal(ctx, r)
				results <- err
			}()
		}
		given := 0
		for range callers {
			if err := <-results; err == nil {
				given++
			} else if postern.KindOf(err) != postern.Denied {
				t.Error(err)
			}
		}
		if given != 1 {
			t.Errorf("given %d times", given)
		}
	})
}

// The masked views are made before anything leaves the mail plane.
func TestMaskedFields(t *testing.T) {
	engine.Each(t, func(t *testing.T, opened engine.Open) {
		h := newHouse(t, opened)
		id := h.put(t, h.ana.ID, "INBOX", strings.ReplaceAll(invoice, "Your invoice", "Invoice 4711 of 14 May for x7k2q9"))
		masked := postern.FieldFromMasked | postern.FieldToMasked | postern.FieldSubjectMasked
		for name, c := range map[string]struct {
			fields  postern.Field
			given   postern.Field
			from    string
			subject string
		}{
			"masked":  {masked, masked, "•••@shop.example, •••@shop.example", "Invoice •••• of •• May for ••••••"},
			"subject": {postern.FieldSubject, postern.FieldSubject, "", "Invoice 4711 of 14 May for x7k2q9"},
			"both": {masked | postern.FieldFrom, postern.FieldFrom | postern.FieldToMasked | postern.FieldSubjectMasked,
				"Shop <shop@shop.example>, robot@shop.example", "Invoice •••• of •• May for ••••••"},
		} {
			s, err := h.Reveal(ctx, h.receipt(t, postern.TierEnvelope, c.fields, id))
			if err != nil {
				t.Fatal(err)
			}
			m := s.Messages[0]
			if m.Given != c.given || strings.Join(m.From, ", ") != c.from || m.Subject != c.subject {
				t.Errorf("%s: showed %v %q %q", name, m.Given.Names(), m.From, m.Subject)
			}
		}
	})
}
