package mail_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/account"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/mail"
	"github.com/postern-mail/postern/mail/rules"
	"github.com/postern-mail/postern/testkit/engine"
)

// outbox is a queue that keeps what is forwarded.
type outbox struct{ list []string }

func (o *outbox) Waiting(context.Context, postern.AccountID) (int, error) { return 0, nil }
func (o *outbox) Forward(_ *db.Tx, _ postern.AccountID, sender string, to []string, raw []byte) error {
	first, _, _ := strings.Cut(string(raw), "\r\n")
	o.list = append(o.list, sender+" "+strings.Join(to, ",")+" "+first)
	return nil
}

var proof = rules.Proof{Password: "correct horse battery", From: account.From{Protocol: "web", Network: "192.0.2.0/24"}}

func rule(value string, actions ...rules.Action) rules.Rule {
	return rules.Rule{Conditions: []rules.Condition{{Field: rules.Subject, Way: rules.Contains, Value: value}}, Actions: actions}
}

// Each recipient's rules count for that recipient alone, and what is forwarded
// leaves in the customer's name.
func TestRulesAtDelivery(t *testing.T) {
	engine.Each(t, func(t *testing.T, opened engine.Open) {
		h := newHouse(t, opened)
		bo := h.customer(t, "bo@outlook.example")
		out := &outbox{}
		h.SetQueue(out)
		h.put(t, h.ana.ID, "Bills", invoice)
		boxes, err := h.Store().MailboxByName(ctx, h.ana.ID, "Bills")
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range []rules.Rule{
			rule("invoice", rules.Action{Kind: rules.File, Target: string(boxes.ID)}, rules.Action{Kind: rules.Read}),
			rule("holiday", rules.Action{Kind: rules.Forward, Target: "Ana@elsewhere.example", Keep: true}),
			rule("gone", rules.Action{Kind: rules.Delete}),
		} {
			if _, err := h.Rules().Add(ctx, h.ana, r, proof); err != nil {
				t.Fatal(err)
			}
		}
		deliver := func(subject string, junk bool) {
			t.Helper()
			err := h.Deliver(ctx, mail.Delivery{To: []postern.AccountID{bo.ID, h.ana.ID}, Sender: "shop@shop.example", Raw: []byte(strings.ReplaceAll(invoice, "Your invoice", subject)), Verdicts: "spf=pass", Junk: junk})
			if err != nil {
				t.Fatal(err)
			}
		}
		in := func(acc postern.AccountID, mailbox string) int {
			t.Helper()
			ids, err := h.Find(ctx, acc, postern.Scope{Mailbox: mailbox})
			if err != nil {
				t.Fatal(err)
			}
			return len(ids)
		}
		notices := in(h.ana.ID, "INBOX")
		if notices != 1 {
			t.Errorf("%d notices of the forwarding", notices)
		}
		deliver("invoice 1", false)
		deliver("gone", false)
		deliver("holiday", false)
		deliver("holiday and invoice", true)
		for mailbox, want := range map[string]int{"INBOX": notices + 1, "Bills": 2, "Trash": 1, "Junk": 1} {
			if got := in(h.ana.ID, mailbox); got != want {
				t.Errorf("ana has %d messages in %s, want %d", got, mailbox, want)
			}
		}
		if got := in(bo.ID, "INBOX"); got != 3 {
			t.Errorf("bo has %d messages in INBOX", got)
		}
		if want := []string{"ana@outlook.example ana@elsewhere.example X-Postern-Forwarded-By: ana@outlook.example"}; !slices.Equal(out.list, want) {
			t.Errorf("forwarded %q", out.list)
		}
		// The trace says what a rule did, by words and never by names.
		ids, _ := h.Find(ctx, h.ana.ID, postern.Scope{Mailbox: "Bills"})
		s, err := h.Reveal(ctx, h.receipt(t, postern.TierTrace, postern.FieldTrace, ids[0]))
		if err != nil || len(s.Trace) != 1 || s.Trace[0].Verdicts != "spf=pass rule=filed" || s.Trace[0].Mailbox != "" {
			t.Errorf("trace %+v, %v", s.Trace, err)
		}
		// The account tier says that rules exist; what they do is deeper.
		s, err = h.Reveal(ctx, h.receipt(t, postern.TierAccount, postern.TierAccount.Fields()))
		if err != nil || !s.Account.Forwarding || s.Account.Filters != 3 || s.Account.Rules != nil {
			t.Errorf("account %+v, %v", s.Account, err)
		}
		s, err = h.Reveal(ctx, h.receipt(t, postern.TierEnvelope, postern.FieldRuleTargets))
		want := []postern.ShownRule{{When: "subject contains invoice", Does: "file", Target: "Bills"}, {When: "subject contains invoice", Does: "read"},
			{When: "subject contains holiday", Does: "forward", Target: "ana@elsewhere.example"}, {When: "subject contains gone", Does: "delete"}}
		if err != nil || !slices.Equal(s.Account.Rules, want) || s.Account.Forwarding || s.Account.Filters != 0 {
			t.Errorf("rules %+v, %v", s.Account, err)
		}
		// A mailbox that is gone sends mail back to the INBOX.
		if err := h.Store().Delete(ctx, h.ana.ID, "Bills"); err != nil {
			t.Fatal(err)
		}
		deliver("invoice 2", false)
		if got := in(h.ana.ID, "INBOX"); got != notices+2 {
			t.Errorf("ana has %d messages in INBOX", got)
		}
	})
}

// A new target needs the password and is told before it works; a known one and
// a filter do not.
func TestForwardingNeedsThePassword(t *testing.T) {
	engine.Each(t, func(t *testing.T, opened engine.Open) {
		h := newHouse(t, opened)
		to := func(address string) rules.Rule {
			return rule("x", rules.Action{Kind: rules.Forward, Target: address})
		}
		wrong := proof
		wrong.Password = "guess"
		for name, one := range map[string]struct {
			rule  rules.Rule
			proof rules.Proof
			key   string
		}{
			"no password":     {to("thief@evil.example"), rules.Proof{From: proof.From}, rules.KeyPassword},
			"a wrong one":     {to("thief@evil.example"), wrong, rules.KeyPassword},
			"to oneself":      {to("ANA@outlook.example"), proof, "rules.invalid.own"},
			"to no address":   {to("thief"), proof, "rules.invalid.address"},
			"no conditions":   {rules.Rule{Actions: []rules.Action{{Kind: rules.Read}}}, proof, "rules.invalid.conditions"},
			"an empty value":  {rule(" ", rules.Action{Kind: rules.Read}), proof, "rules.invalid.value"},
			"nothing to do":   {rule("x"), proof, "rules.invalid.actions"},
			"an unknown deed": {rule("x", rules.Action{Kind: "run"}), proof, "rules.invalid.actions"},
			"no mailbox":      {rule("x", rules.Action{Kind: rules.File}), proof, "rules.invalid.mailbox"},
		} {
			if _, err := h.Rules().Add(ctx, h.ana, one.rule, one.proof); postern.KeyOf(err) != one.key {
				t.Errorf("%s: %v, want %s", name, err, one.key)
			}
		}
		notices := func() int {
			ids, err := h.Find(ctx, h.ana.ID, postern.Scope{Mailbox: "INBOX"})
			if err != nil {
				t.Fatal(err)
			}
			return len(ids)
		}
		if list, _ := h.Rules().Of(ctx, h.ana.ID); len(list) != 0 || notices() != 0 {
			t.Fatalf("kept %v, told %d times", list, notices())
		}
		one, err := h.Rules().Add(ctx, h.ana, to("ana@elsewhere.example"), proof)
		if err != nil || notices() != 1 {
			t.Fatal(err, notices())
		}
		if _, err := h.Rules().Add(ctx, h.ana, to("ana@elsewhere.example"), rules.Proof{}); err != nil || notices() != 1 {
			t.Errorf("the known address: %v, told %d times", err, notices())
		}
		list, _ := h.Rules().Of(ctx, h.ana.ID)
		if err := h.Rules().Remove(ctx, h.ana.ID, list[1].ID); err != nil {
			t.Fatal(err)
		}
		// Switched off, it is no known address any more.
		if err := h.Rules().Turn(ctx, h.ana, one.ID, false, rules.Proof{}); err != nil {
			t.Fatal(err)
		}
		if err := h.Rules().Turn(ctx, h.ana, one.ID, true, rules.Proof{}); postern.KeyOf(err) != rules.KeyPassword {
			t.Errorf("switched on again: %v", err)
		}
		if err := h.Rules().Turn(ctx, h.ana, one.ID, true, proof); err != nil || notices() != 2 {
			t.Errorf("switched on with the password: %v, told %d times", err, notices())
		}
		filter, err := h.Rules().Add(ctx, h.ana, rule("x", rules.Action{Kind: rules.Read}), rules.Proof{})
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Rules().Move(ctx, h.ana.ID, filter.ID, true); err != nil {
			t.Fatal(err)
		}
		if list, _ := h.Rules().Of(ctx, h.ana.ID); len(list) != 2 || list[0].ID != filter.ID {
			t.Errorf("the order is %+v", list)
		}
		// Another's rule is out of reach.
		bo := h.customer(t, "bo@outlook.example")
		if err := h.Rules().Remove(ctx, bo.ID, filter.ID); err != nil {
			t.Fatal(err)
		}
		if err := h.Rules().Turn(ctx, bo, filter.ID, false, rules.Proof{}); postern.KindOf(err) != postern.NotFound {
			t.Errorf("another's rule: %v", err)
		}
		if list, _ := h.Rules().Of(ctx, h.ana.ID); len(list) != 2 {
			t.Error("another took a rule away")
		}
	})
}
