package gate_test

import (
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/staff"
)

// TestOffer: what a customer shared with their case is granted when asked for,
// and nothing beside it.
func TestOffer(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		s := h.signIn("noor")
		a, c, m := h.customer(3)
		_, _, others := h.customer(1)
		if err := h.gate.Offer(ctx, a, c, others, postern.TierContent); postern.KindOf(err) != postern.NotFound {
			t.Errorf("another account's message is offered with %v", err)
		}
		h.ok(h.gate.Offer(ctx, a, c, m[:2], postern.TierContent))
		for name, one := range map[string]struct {
			scope postern.Scope
			tier  postern.Tier
			want  string
		}{
			"exactly":         {postern.Scope{Messages: m[:2]}, postern.TierContent, gate.Granted},
			"less":            {postern.Scope{Messages: m[:1]}, postern.TierEnvelope, gate.Granted},
			"what it is":      {postern.Scope{}, postern.TierContent, gate.Granted},
			"one more":        {postern.Scope{Messages: m}, postern.TierContent, gate.Waiting},
			"deeper":          {postern.Scope{Messages: m[:1]}, postern.TierAttachment, gate.Waiting},
			"through a query": {postern.Scope{Mailbox: "INBOX"}, postern.TierContent, gate.Waiting},
		} {
			r := h.ask(s, gate.Ask{Case: c, Account: a, Tier: one.tier, Scope: one.scope})
			if r.Status != one.want {
				t.Errorf("%s: %s", name, r.Status)
			}
			if r.Status != gate.Granted {
				continue
			}
			g, err := h.gate.Grant(ctx, r.Grant)
			h.ok(err)
			if g.AgreedBy != gate.ByCustomer || !g.Consented || len(g.Messages) == 0 || len(g.Messages) > 2 {
				t.Errorf("%s: granted %+v", name, g)
			}
		}
		// A change of mind about one grant is one about the offer behind it.
		live, err := h.gate.Grants(ctx, gate.GrantFilter{Case: c, Live: true})
		h.ok(err)
		h.ok(h.gate.Withdraw(ctx, a, live[0].ID))
		if r := h.ask(s, gate.Ask{Case: c, Account: a, Tier: postern.TierEnvelope, Scope: postern.Scope{Messages: live[0].Messages[:1]}}); r.Status != gate.Waiting {
			t.Errorf("after the withdrawal the same is %s", r.Status)
		}
		left, err := h.gate.Offers(ctx, c)
		h.ok(err)
		if len(left) != 0 {
			t.Errorf("%d offers are left", len(left))
		}
	})
}

// TestConsentAfterTheShift: the customer says yes when the session that asked is
// over. Nothing is granted to anybody until the same agent asks again.
func TestConsentAfterTheShift(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		first := h.signIn("noor")
		a, c, m := h.customer(3)
		r := h.ask(first, gate.Ask{Case: c, Account: a, Tier: postern.TierContent, Scope: postern.Scope{Messages: m[:2]}, For: 20 * time.Minute})
		h.clock.pass(staff.SessionLife)
		g, err := h.gate.Consent(ctx, a, r.ID, gate.Narrow{Messages: m[:1], For: 5 * time.Minute})
		h.ok(err)
		if g.ID != "" {
			t.Fatalf("a session that has ended was granted %+v", g)
		}
		again := gate.Ask{Case: c, Account: a, Tier: postern.TierContent, Scope: postern.Scope{Messages: m[:1]}}
		if got := h.ask(h.signIn("piet"), again); got.Status != gate.Waiting {
			t.Errorf("another agent's request is %s", got.Status)
		}
		got := h.ask(h.signIn("noor"), again)
		if got.Status != gate.Granted {
			t.Fatalf("the same agent's request is %s", got.Status)
		}
		g, err = h.gate.Grant(ctx, got.Grant)
		h.ok(err)
		if !g.Consented || g.Until.Sub(g.From) != 5*time.Minute || len(g.Messages) != 1 {
			t.Errorf("granted %+v", g)
		}
	})
}

// TestWhatWasTakenAwayStaysUnknown: an asker who named a mailbox learns of no
// message in it that the customer did not agree to.
func TestWhatWasTakenAwayStaysUnknown(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		s := h.signIn("noor")
		a, c, m := h.customer(3)
		r := h.ask(s, gate.Ask{Case: c, Account: a, Tier: postern.TierContent, Scope: postern.Scope{Mailbox: "INBOX"}})
		g, err := h.gate.Consent(ctx, a, r.ID, gate.Narrow{Messages: m[1:2]})
		h.ok(err)
		found, err := h.gate.Requests(ctx, gate.RequestFilter{Staff: s.Staff})
		h.ok(err)
		if len(found) != 1 || len(found[0].Messages) != 0 || found[0].Grant != g.ID || len(g.Messages) != 1 {
			t.Errorf("the asker reads %+v", found)
		}
	})
}

// TestAKeptYesIsOneYes: a yes that waits for its asker's next session is no
// wider than one that finds the asker at work: to each message once where it was
// said so, for one grant, and nothing once somebody else works the case.
func TestAKeptYesIsOneYes(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		keep := func(login string, n gate.Narrow) (staff.Session, gate.Ask) {
			t.Helper()
			a, c, m := h.customer(3)
			r := h.ask(h.signIn(login), gate.Ask{Case: c, Account: a, Tier: postern.TierContent, Scope: postern.Scope{Messages: m[1:]}})
			h.clock.pass(staff.SessionLife)
			if g, err := h.gate.Consent(ctx, a, r.ID, n); err != nil || g.ID != "" {
				t.Fatalf("the yes gives %+v, %v", g, err)
			}
			return h.signIn(login), gate.Ask{Case: c, Account: a, Tier: postern.TierContent, Scope: postern.Scope{Messages: m[1:]}}
		}
		s, again := keep("noor", gate.Narrow{Once: true})
		g, err := h.gate.Grant(ctx, h.ask(s, again).Grant)
		h.ok(err)
		if !g.Once {
			t.Errorf("a yes to each message once gives %+v", g)
		}
		if r := h.ask(s, again); r.Status != gate.Waiting {
			t.Errorf("the same yes, a second time: %s", r.Status)
		}
		s, again = keep("noor", gate.Narrow{})
		h.ok(h.db.Update(ctx, func(tx *db.Tx) error { return h.gate.EndCaseOf(tx, again.Case, s.Staff, h.clock.now()) }))
		if r := h.ask(s, again); r.Status != gate.Waiting {
			t.Errorf("after the case was handed over: %s", r.Status)
		}
	})
}

// TestConsentToAMailboxOpensNothingGuarded: a yes to "INBOX" is not a yes to the
// one-time code in it; a yes to the message itself is.
func TestConsentToAMailboxOpensNothingGuarded(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		s := h.signIn("noor")
		a, c, m := h.customer(2)
		for name, one := range map[string]struct {
			narrow gate.Narrow
			masked bool
		}{"to all of it": {gate.Narrow{}, true}, "to each": {gate.Narrow{Messages: m}, false}} {
			r := h.ask(s, gate.Ask{Case: c, Account: a, Tier: postern.TierContent, Scope: postern.Scope{Mailbox: "INBOX"}})
			g, err := h.gate.Consent(ctx, a, r.ID, one.narrow)
			h.ok(err)
			d, err := h.gate.Reveal(ctx, s, gate.Want{Grant: g.ID, Tier: postern.TierContent, Messages: m[:1]})
			h.ok(err)
			if got := d.Shown.Messages[0]; got.Masked != one.masked || (got.Plain == "") != one.masked {
				t.Errorf("a yes %s shows the guarded message as %+v", name, got)
			}
			d.Done()
		}
	})
}

// TestBudget walks through the policy's windows.
func TestBudget(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		s := h.signIn("noor")
		h.clock.pass(time.Minute - time.Duration(h.clock.now().Second())*time.Second) // a full minute
		look := func() error {
			a, c, _ := h.customer(0)
			h.ok(touch(h, s))
			r := h.ask(s, gate.Ask{Case: c, Account: a, Tier: postern.TierAccount})
			d, err := h.gate.Reveal(ctx, s, gate.Want{Grant: r.Grant, Tier: postern.TierAccount})
			if err == nil {
				d.Done()
				// The same account again costs nothing.
				d, err := h.gate.Reveal(ctx, s, gate.Want{Grant: r.Grant, Tier: postern.TierAccount})
				h.ok(err)
				d.Done()
			}
			return err
		}
		sign := func() { // a session lives eight hours
			if h.clock.now().Sub(s.Created) > 7*time.Hour {
				s = h.signIn("noor")
			}
		}
		for hour := range 3 { // 3 + 3 of 8 in a day, then 2
			for n := range 4 {
				switch err := look(); {
				case hour == 2 && n >= 2, n == 3:
					wantKey(t, err, gate.RefusedBudget)
				case err != nil:
					t.Errorf("hour %d, account %d: %v", hour, n, err)
				}
			}
			h.clock.pass(59 * time.Minute)
			if hour < 2 {
				wantKey(t, look(), gate.RefusedBudget)
			}
			h.clock.pass(2 * time.Minute)
			h.ok(h.gate.Sweep(ctx)) // what still counts stays
			sign()
		}
		for range 22 {
			h.clock.pass(time.Hour)
			sign()
		}
		if err := look(); err != nil {
			t.Errorf("a day later: %v", err)
		}
	}, func(p *gate.Parts) {
		r := p.Policy.Tiers["account"]
		r.AccountsPerHour, r.AccountsPerDay = 3, 8
		p.Policy.Tiers["account"] = r
	})
}

// TestCaseCloses: with the case everything it allowed is over, and what waited
// for it too.
func TestCaseCloses(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		s, boss := h.signIn("noor"), h.signIn("paul", staff.Approver)
		a, c, m := h.customer(2)
		g := h.consented(s, a, c, postern.TierContent, m[:1]...)
		d, err := h.gate.Reveal(ctx, s, gate.Want{Grant: g.ID, Tier: postern.TierContent, Messages: m[:1]})
		h.ok(err)
		defer d.Done()
		h.ok(h.gate.Offer(ctx, a, c, m, postern.TierContent))
		r := h.ask(s, gate.Ask{Case: c, Account: a, Tier: postern.TierAttachment, Scope: postern.Scope{Messages: m}})
		page, stop := h.gate.WatchGrant(g.ID)
		defer stop()
		h.ok(h.db.Update(ctx, func(tx *db.Tx) error { return h.gate.EndCase(tx, c, h.clock.now()) }))
		<-page
		wantKey(t, d.Alive(), gate.RefusedGrantEnded)
		if _, err := h.gate.Consent(ctx, a, r.ID, gate.Narrow{}); postern.KindOf(err) != postern.Conflict {
			t.Errorf("a request of the closed case is agreed to with %v", err)
		}
		if left, err := h.gate.Offers(ctx, c); err != nil || len(left) != 0 {
			t.Errorf("%d offers are left, %v", len(left), err)
		}
		if waiting, err := h.gate.Waiting(ctx, boss); err != nil || len(waiting) != 0 {
			t.Errorf("approvers are asked: %+v, %v", waiting, err)
		}
	})
}

// TestSweep leaves nothing of a day ago.
func TestSweep(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		s, _, want := opened(h)
		d, err := h.gate.Reveal(ctx, s, want)
		h.ok(err)
		d.Age()
		h.ok(d.Alive()) // renewed
		d.Done()
		h.contain(h.gate, gate.KindSession, string(s.ID))
		count := func() (all [4]int) {
			h.ok(h.db.View(ctx, func(tx *db.Tx) error {
				return tx.Row("SELECT (SELECT count(*) FROM gate_reach), (SELECT count(*) FROM gate_read), (SELECT count(*) FROM gate_lease), (SELECT count(*) FROM gate_ended)",
					nil, &all[0], &all[1], &all[2], &all[3])
			}))
			return all
		}
		h.ok(h.gate.Sweep(ctx))
		if got := count(); got != [4]int{1, 1, 1, 1} || h.gate.Remembered() == 0 {
			t.Errorf("at once it leaves %v, and %d endings", got, h.gate.Remembered())
		}
		h.clock.pass(25 * time.Hour)
		h.ok(h.gate.Sweep(ctx))
		if got := count(); got != [4]int{} || h.gate.Remembered() != 0 {
			t.Errorf("a day later it leaves %v, and %d endings", got, h.gate.Remembered())
		}
	})
}
