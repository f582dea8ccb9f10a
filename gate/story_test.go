package gate_test

import (
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/staff"
)

// TestStory goes once through everything that a case can need.
func TestStory(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		agent, approver := h.signIn("noor"), h.signIn("paul", staff.Agent, staff.Approver)
		a, c, m := h.customer(5)

		// The tier account wants no more than the case.
		r := h.ask(agent, gate.Ask{Case: c, Account: a, Tier: postern.TierAccount})
		if r.Status != gate.Granted || r.AnsweredBy != gate.ByPolicy {
			t.Fatalf("an ask for the tier account is %s by %s", r.Status, r.AnsweredBy)
		}
		d, err := h.gate.Reveal(ctx, agent, gate.Want{Grant: r.Grant, Tier: postern.TierAccount})
		h.ok(err)
		if d.Shown.Account == nil || len(d.Shown.Messages) != 0 {
			t.Errorf("the tier account showed %+v", d.Shown)
		}
		d.Done()

		// An envelope wants a second member of staff, who may give less.
		r = h.ask(agent, gate.Ask{Case: c, Account: a, Tier: postern.TierEnvelope, Scope: postern.Scope{Mailbox: "INBOX"}, For: 20 * time.Minute})
		if r.Status != gate.Waiting || r.Messages != nil {
			t.Fatalf("the asker of a mailbox reads %d messages while the request is %s", len(r.Messages), r.Status)
		}
		waiting, err := h.gate.Waiting(ctx, approver)
		h.ok(err)
		if len(waiting) != 1 || len(waiting[0].Messages) != 5 {
			t.Fatalf("the approver sees %+v", waiting)
		}
		g, err := h.gate.Approve(ctx, approver, r.ID, gate.Narrow{Messages: m[:2], For: 10 * time.Minute})
		h.ok(err)
		if g.AgreedBy != approver.Name || g.Consented || len(g.Messages) != 2 || g.Until.Sub(g.From) != 10*time.Minute || g.Session != agent.ID {
			t.Errorf("granted %+v", g)
		}
		d, err = h.gate.Reveal(ctx, agent, gate.Want{Grant: g.ID, Tier: postern.TierEnvelope, Messages: m[:2]})
		h.ok(err)
		if got := d.Shown.Messages; len(got) != 2 || !got[0].Masked || got[0].Subject != "" || got[1].Subject != "subject 1" || got[1].Plain != "" {
			t.Errorf("the guarded message and its neighbour are shown as %+v", got)
		}
		d.Done()

		// Content wants the customer, and opens a guarded message they named.
		r = h.ask(agent, gate.Ask{Case: c, Account: a, Tier: postern.TierContent, Scope: postern.Scope{Messages: m[:1]}})
		forAna, err := h.gate.WaitingFor(ctx, a)
		h.ok(err)
		if len(forAna) != 1 || !forAna[0].NeedsCustomer || forAna[0].Sentence == "" {
			t.Fatalf("the customer sees %+v", forAna)
		}
		g, err = h.gate.Consent(ctx, a, r.ID, gate.Narrow{})
		h.ok(err)
		d, err = h.gate.Reveal(ctx, agent, gate.Want{Grant: g.ID, Tier: postern.TierContent, Messages: m[:1]})
		h.ok(err)
		if got := d.Shown.Messages; len(got) != 1 || got[0].Masked || got[0].Plain != "body 0" || !d.Consented {
			t.Errorf("the message agreed to is shown as %+v", got)
		}
		d.Done()

		// The customer reads the same under "Who looked", newest first.
		looks, err := h.gate.Looks(ctx, a, 0, 0)
		h.ok(err)
		if len(looks) != 3 || looks[0].Tier != postern.TierContent || looks[0].AgreedBy != gate.ByCustomer || looks[0].CaseNumber == 0 ||
			looks[1].AgreedBy != approver.Name || looks[2].AgreedBy != gate.ByPolicy || looks[0].OrganisationName != "Outlook Example" {
			t.Errorf("who looked: %+v", looks)
		}
		older, err := h.gate.Looks(ctx, a, looks[0].Seq, 1)
		h.ok(err)
		if len(older) != 1 || older[0].Seq != looks[1].Seq {
			t.Errorf("the next page is %+v", older)
		}

		// And takes it back.
		h.ok(h.gate.Withdraw(ctx, a, g.ID))
		_, err = h.gate.Reveal(ctx, agent, gate.Want{Grant: g.ID, Tier: postern.TierContent, Messages: m[:1]})
		wantKey(t, err, gate.RefusedGrantEnded)
		if n := h.disclosures(a); n != 3 {
			t.Errorf("%d disclosures, want 3", n)
		}
	})
}

// TestLedgerTellsTheStory checks that each decision has its entry.
func TestLedgerTellsTheStory(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		agent := h.signIn("noor")
		a, c, m := h.customer(2)
		g := h.consented(agent, a, c, postern.TierContent, m...)
		h.ok(h.gate.Close(ctx, agent, g.ID))
		r := h.ask(agent, gate.Ask{Case: c, Account: a, Tier: postern.TierContent, Scope: postern.Scope{Messages: m[:1]}})
		h.ok(h.gate.Decline(ctx, a, r.ID, "Please don't."))
		var kinds []string
		for _, e := range h.entries(ledger.Filter{Account: a}) {
			kinds = append([]string{e.Control.Kind.String()}, kinds...)
		}
		want := []string{"request", "grant", "consent", "end of grant", "request", "refusal"}
		if len(kinds) != len(want) {
			t.Fatalf("entries %q, want %q", kinds, want)
		}
		for i := range want {
			if kinds[i] != want[i] {
				t.Errorf("entry %d is %q, want %q", i, kinds[i], want[i])
			}
		}
	})
}
