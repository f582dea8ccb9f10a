// Package gatetest is what every gate.Mailboxes must do and, above all, refuse:
// the conformance test of mail's own and of another server's.
//
// What it keeps: nothing.
//
// Trust: it holds a key that signs receipts, of a test's own ledger.
package gatetest

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/ledger"
)

// House is Mailboxes with two accounts that have no mail yet.
type House struct {
	Mailboxes      gate.Mailboxes
	Key            ed25519.PrivateKey // whose receipts the Mailboxes believe
	Now            func() time.Time
	Account, Other postern.AccountID
	Put            func(t *testing.T, a postern.AccountID, mailbox string, raw []byte)
}

var ctx = context.Background()

// Letter and Code are two messages: of a shop, and one that carries a one-time
// code.
const (
	Letter = "From: Shop <orders@shop.example>\r\nSender: robot@shop.example\r\nTo: Ana <ana@outlook.example>\r\nCc: bo@outlook.example\r\nSubject: Your order 4711\r\n" +
		"Date: Fri, 27 Mar 2026 10:00:00 +0000\r\nMessage-ID: <o1@shop.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" +
		"--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>You owe <b>12</b> coins</p>\r\n" +
		"--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=invoice.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERg==\r\n--b--\r\n"
	Code = "From: no-reply@bank.example\r\nTo: ana@outlook.example\r\nSubject: Your verification code\r\nMessage-ID: <g1@bank.example>\r\n" +
		"Date: Fri, 27 Mar 2026 10:00:00 +0000\r\n\r\nYour verification code is 482913. It expires in 10 minutes. Do not share it.\r\n"
)

// Receipt is one that is in order; sign again what is changed afterwards.
func (h House) Receipt(t *testing.T, tier postern.Tier, fields postern.Field, messages ...postern.MessageID) ledger.Receipt {
	t.Helper()
	now := h.Now().Truncate(time.Millisecond)
	return h.Sign(t, ledger.Receipt{Disclosure: postern.DisclosureID(postern.NewID()), Account: h.Account, Tier: tier, Fields: fields, Messages: messages, Issued: now, Deadline: now.Add(time.Minute)})
}

// Sign makes the receipt the ledger's.
func (h House) Sign(t *testing.T, r ledger.Receipt) ledger.Receipt {
	t.Helper()
	r.Signature = [64]byte{}
	b, err := r.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	r.Signature = [64]byte(ed25519.Sign(h.Key, b[:len(b)-len(r.Signature)]))
	return r
}

// one puts a message and gives its id.
func (h House) one(t *testing.T, a postern.AccountID, mailbox, raw string) postern.MessageID {
	t.Helper()
	before, _ := h.Mailboxes.Find(ctx, a, postern.Scope{Mailbox: mailbox})
	h.Put(t, a, mailbox, []byte(raw))
	after, err := h.Mailboxes.Find(ctx, a, postern.Scope{Mailbox: mailbox})
	if err != nil || len(after) != len(before)+1 {
		t.Fatalf("%d messages after %d: %v", len(after), len(before), err)
	}
	return after[slices.IndexFunc(after, func(id postern.MessageID) bool { return !slices.Contains(before, id) })]
}

// Mailboxes runs everything; fresh gives a house for each test.
func Mailboxes(t *testing.T, fresh func(t *testing.T) House) {
	t.Run("finding", func(t *testing.T) { finding(t, fresh(t)) })
	t.Run("receipts that are none", func(t *testing.T) { refused(t, fresh(t)) })
	t.Run("exactly the fields", func(t *testing.T) { exact(t, fresh(t)) })
	t.Run("what is shown is right", func(t *testing.T) { right(t, fresh(t)) })
	t.Run("guarded messages", func(t *testing.T) { guarded(t, fresh(t)) })
	t.Run("once", func(t *testing.T) { once(t, fresh(t)) })
}

func finding(t *testing.T, h House) {
	letter, code := h.one(t, h.Account, "INBOX", Letter), h.one(t, h.Account, "Kept", Code)
	others := h.one(t, h.Other, "INBOX", Letter)
	for name, c := range map[string]struct {
		scope postern.Scope
		want  []postern.MessageID
	}{
		"a mailbox":            {postern.Scope{Mailbox: "Kept"}, []postern.MessageID{code}},
		"a sender":             {postern.Scope{Query: "from:shop.example"}, []postern.MessageID{letter}},
		"a bare sender":        {postern.Scope{Query: "no-reply@bank.example"}, []postern.MessageID{code}},
		"a recipient":          {postern.Scope{Query: "to:ana@outlook.example from:bank.example"}, []postern.MessageID{code}},
		"a Message-ID":         {postern.Scope{Query: "id:<o1@shop.example>"}, []postern.MessageID{letter}},
		"nobody":               {postern.Scope{Query: "from:nobody.example"}, nil},
		"before it came":       {postern.Scope{Mailbox: "INBOX", Until: h.Now().AddDate(0, 0, -30)}, nil},
		"after it came":        {postern.Scope{Mailbox: "INBOX", Since: h.Now().AddDate(0, 0, 30)}, nil},
		"these":                {postern.Scope{Messages: []postern.MessageID{code}}, []postern.MessageID{code}},
		"another's and an own": {postern.Scope{Messages: []postern.MessageID{others, letter, postern.MessageID(postern.NewID())}}, []postern.MessageID{letter}},
	} {
		got, err := h.Mailboxes.Find(ctx, h.Account, c.scope)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, %v; want %v", name, got, err, c.want)
		}
	}
	both, err := h.Mailboxes.Find(ctx, h.Account, postern.Scope{Messages: []postern.MessageID{letter, code}})
	if err != nil || len(both) != 2 {
		t.Errorf("both: %v, %v", both, err)
	}
	one, err := h.Mailboxes.Find(ctx, h.Account, postern.Scope{Messages: []postern.MessageID{letter, code}, Limit: 1})
	if err != nil || len(one) != 1 {
		t.Errorf("a limit of one: %v, %v", one, err)
	}
	for _, scope := range []postern.Scope{{}, {Query: " "}, {Query: "subject:order"}, {Query: "order"}, {Query: "from:shop.example coins"}} {
		if ids, err := h.Mailboxes.Find(ctx, h.Account, scope); postern.KindOf(err) != postern.Invalid || len(ids) != 0 {
			t.Errorf("%+v: %v, %v; want Invalid", scope, ids, err)
		}
	}
}

func refused(t *testing.T, h House) {
	own, others := h.one(t, h.Account, "INBOX", Letter), h.one(t, h.Other, "INBOX", Letter)
	fields := postern.FieldBody | postern.FieldSubject | postern.FieldStatus
	with := func(change func(*ledger.Receipt), sign bool) ledger.Receipt {
		r := h.Receipt(t, postern.TierContent, fields, own)
		change(&r)
		if sign {
			r = h.Sign(t, r)
		}
		return r
	}
	used := h.Receipt(t, postern.TierContent, fields, own)
	if _, err := h.Mailboxes.Reveal(ctx, used); err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]ledger.Receipt{
		"empty":                         {},
		"unsigned":                      with(func(r *ledger.Receipt) { r.Signature = [64]byte{} }, false),
		"forged":                        with(func(r *ledger.Receipt) { r.Signature[0] ^= 1 }, false),
		"replayed":                      used,
		"replayed, signed anew":         with(func(r *ledger.Receipt) { r.Disclosure = used.Disclosure }, true),
		"tier deepened":                 with(func(r *ledger.Receipt) { r.Tier = postern.TierAttachment }, false),
		"fields added":                  with(func(r *ledger.Receipt) { r.Fields |= postern.FieldSource }, false),
		"fields deeper than the tier":   with(func(r *ledger.Receipt) { r.Fields |= postern.FieldSource }, true),
		"shallower tier":                with(func(r *ledger.Receipt) { r.Tier = postern.TierEnvelope }, true),
		"no tier":                       with(func(r *ledger.Receipt) { r.Tier = postern.TierNone }, true),
		"expired":                       with(func(r *ledger.Receipt) { r.Deadline = r.Issued }, true),
		"consent added":                 with(func(r *ledger.Receipt) { r.Consented = true }, false),
		"other account":                 with(func(r *ledger.Receipt) { r.Account = h.Other }, false),
		"other account, own message":    with(func(r *ledger.Receipt) { r.Account = h.Other }, true),
		"message of another":            with(func(r *ledger.Receipt) { r.Messages = []postern.MessageID{own, others} }, true),
		"message that is not there":     with(func(r *ledger.Receipt) { r.Messages = []postern.MessageID{postern.MessageID(postern.NewID())} }, true),
		"another's message, no content": with(func(r *ledger.Receipt) { r.Fields, r.Messages = postern.FieldStatus, []postern.MessageID{others} }, true),
	} {
		shown, err := h.Mailboxes.Reveal(ctx, r)
		if postern.KindOf(err) != postern.Denied || !reflect.ValueOf(shown).IsZero() {
			t.Errorf("%s: %v, shown %v; want Denied and nothing", name, err, !reflect.ValueOf(shown).IsZero())
		}
	}
	if _, err := h.Mailboxes.Reveal(ctx, h.Receipt(t, postern.TierContent, fields, own)); err != nil {
		t.Errorf("one in order, afterwards: %v", err)
	}
}

func exact(t *testing.T, h House) {
	id := h.one(t, h.Account, "INBOX", Letter)
	all := postern.TierAttachment.Fields()
	sets := []postern.Field{all}
	for bit := postern.Field(1); bit != 0 && bit <= all; bit <<= 1 {
		if all&bit != 0 {
			sets = append(sets, bit, all&^bit)
		}
	}
	for _, tier := range postern.Tiers {
		sets = append(sets, tier.Fields())
	}
	for _, fields := range sets {
		shown, err := h.Mailboxes.Reveal(ctx, h.Receipt(t, postern.TierAttachment, fields, id))
		if err != nil {
			t.Fatalf("%v: %v", fields.Names(), err)
		}
		var a postern.ShownAccount
		if shown.Account != nil {
			a = *shown.Account
		}
		var m postern.ShownMessage
		if len(shown.Messages) == 1 {
			m = shown.Messages[0]
		}
		for _, c := range []struct {
			place  string
			field  postern.Field
			value  any
			always bool // there whenever the field is
		}{
			{"Account", postern.TierAccount.Fields() | postern.FieldRuleTargets, shown.Account, false},
			{"Address", postern.FieldStatus, a.Address, true}, {"Status", postern.FieldStatus, a.Status, true}, {"Locale", postern.FieldStatus, a.Locale, false}, {"Created", postern.FieldStatus, a.Created, false},
			{"UsedBytes", postern.FieldQuota, a.UsedBytes, false}, {"QuotaBytes", postern.FieldQuota, a.QuotaBytes, false}, {"Messages counted", postern.FieldQuota, a.Messages, true},
			{"SignIns", postern.FieldSignIns, a.SignIns, false}, {"Queued", postern.FieldQueue, a.Queued, false}, {"Forwarding", postern.FieldRules, a.Forwarding, false}, {"Rules", postern.FieldRuleTargets, a.Rules, false},
			{"Unknown", postern.TierAccount.Fields() | postern.FieldRuleTargets, a.Unknown, false},
			{"Trace", postern.FieldTrace, shown.Trace, true}, {"Mailboxes", postern.FieldMailboxes, shown.Mailboxes, true},
			{"Mailbox", postern.FieldMailboxes, m.Mailbox, true}, {"From", postern.FieldFrom | postern.FieldFromMasked, m.From, true}, {"To", postern.FieldTo | postern.FieldToMasked, m.To, true},
			{"Subject", postern.FieldSubject | postern.FieldSubjectMasked, m.Subject, true}, {"Date", postern.FieldDate, m.Date, true}, {"Size", postern.FieldSize, m.Size, true},
			{"Plain", postern.FieldBody, m.Plain, true}, {"HTML", postern.FieldBody, m.HTML, true}, {"Attachments", postern.FieldAttachments, m.Attachments, true}, {"Source", postern.FieldSource, m.Source, true},
		} {
			there, may := !reflect.ValueOf(c.value).IsZero(), fields&c.field != 0
			if there && !may || !there && may && c.always {
				t.Errorf("fields %v: %s is there: %v", fields.Names(), c.place, there)
			}
		}
		if m.Given&^fields != 0 || a.Unknown&^fields != 0 || m.Masked {
			t.Errorf("fields %v: given %v, unknown %v, masked %v", fields.Names(), m.Given.Names(), a.Unknown.Names(), m.Masked)
		}
		if fields&(postern.FieldFrom|postern.FieldTo) == 0 && (strings.Contains(strings.Join(m.From, " "), "orders@") || strings.Contains(strings.Join(m.To, " "), "ana@")) {
			t.Errorf("fields %v: local parts are shown: %v, %v", fields.Names(), m.From, m.To)
		}
		if fields&postern.FieldSubject == 0 && strings.Contains(m.Subject, "4711") {
			t.Errorf("fields %v: digits are shown", fields.Names())
		}
		if fields&(postern.TierTrace.Fields()|postern.FieldRuleTargets) == fields && len(shown.Messages) != 0 {
			t.Errorf("fields %v: a message is shown", fields.Names())
		}
	}
}

func right(t *testing.T, h House) {
	first, second := h.one(t, h.Account, "INBOX", Letter), h.one(t, h.Account, "Kept", strings.ReplaceAll(Letter, "o1@", "o2@"))
	s, err := h.Mailboxes.Reveal(ctx, h.Receipt(t, postern.TierAttachment, postern.TierAttachment.Fields(), second, first))
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Messages) != 2 || s.Messages[0].ID != second || s.Messages[1].ID != first {
		t.Fatal("not in the receipt's order")
	}
	m := s.Messages[1]
	if !slices.Equal(m.From, []string{"Shop <orders@shop.example>", "robot@shop.example"}) || !slices.Equal(m.To, []string{"Ana <ana@outlook.example>", "bo@outlook.example"}) ||
		m.Subject != "Your order 4711" || !m.Date.Equal(time.Date(2026, 3, 27, 10, 0, 0, 0, time.UTC)) || m.Size != int64(len(Letter)) || !bytes.Equal(m.Source, []byte(Letter)) || m.Mailbox != "INBOX" {
		t.Errorf("showed %+v", m)
	}
	if len(m.Attachments) != 1 || m.Attachments[0].Name != "invoice.pdf" || string(m.Attachments[0].Bytes) != "%PDF" || !strings.Contains(m.HTML, "<b>12</b>") || !strings.Contains(m.Plain, "You owe 12 coins") {
		t.Errorf("content %q %q, attachments %+v", m.Plain, m.HTML, m.Attachments)
	}
	if s.Account.Messages != 2 || !slices.Contains(s.Mailboxes, "Kept") {
		t.Errorf("account %+v, mailboxes %v", s.Account, s.Mailboxes)
	}
}

func guarded(t *testing.T, h House) {
	id := h.one(t, h.Account, "INBOX", Code)
	for _, tier := range []postern.Tier{postern.TierEnvelope, postern.TierContent, postern.TierAttachment} {
		s, err := h.Mailboxes.Reveal(ctx, h.Receipt(t, tier, tier.Fields(), id))
		if err != nil {
			t.Fatal(err)
		}
		if want := []postern.ShownMessage{{ID: id, Masked: true}}; !reflect.DeepEqual(s.Messages, want) {
			t.Errorf("%v without consent: %+v", tier, s.Messages)
		}
		for _, e := range s.Trace {
			if e.Sender != "" || e.Detail != "" {
				t.Errorf("%v without consent: trace %+v", tier, e)
			}
		}
		r := h.Receipt(t, tier, tier.Fields(), id)
		r.Consented = true
		if s, err = h.Mailboxes.Reveal(ctx, h.Sign(t, r)); err != nil || s.Messages[0].Masked || s.Messages[0].Subject != "Your verification code" {
			t.Errorf("%v with consent: %v", tier, err)
		}
	}
}

func once(t *testing.T, h House) {
	r := h.Receipt(t, postern.TierContent, postern.FieldBody, h.one(t, h.Account, "INBOX", Letter))
	results := make(chan error)
	const callers = 6
	for range callers {
		go func() {
			_, err := h.Mailboxes.Reveal(ctx, r)
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
}
