package gate_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/gate/policy"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/staff"
)

// inbox is a mail plane's end of the outbox: it delivers a thing once.
type inbox struct {
	mu   sync.Mutex
	told map[postern.GrantID]gate.Told
	asks int
	fail error
}

func (i *inbox) Tell(_ context.Context, _ postern.AccountID, t gate.Told) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asks++
	if i.told == nil {
		i.told = map[postern.GrantID]gate.Told{}
	}
	i.told[t.ID] = t
	return i.fail
}

func rule(t string, change func(*policy.Rule)) func(*gate.Parts) {
	return func(p *gate.Parts) {
		r := p.Policy.Tiers[t]
		change(&r)
		p.Policy.Tiers[t] = r
	}
}

func TestTwoApprovers(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		agent, mona, paul := h.signIn("noor", staff.Agent, staff.Approver), h.signIn("mona", staff.Approver), h.signIn("paul", staff.Approver)
		a, c, m := h.customer(4)
		r := h.ask(agent, gate.Ask{Case: c, Account: a, Tier: postern.TierEnvelope, Scope: postern.Scope{Mailbox: "INBOX"}})
		g, err := h.gate.Approve(ctx, mona, r.ID, gate.Narrow{Messages: m[:3], For: 20 * time.Minute})
		h.ok(err)
		if g.ID != "" {
			t.Fatalf("one yes of two gave %+v", g)
		}
		_, err = h.gate.Approve(ctx, h.signIn("mona"), r.ID, gate.Narrow{})
		wantKey(t, err, gate.RefusedAgreedTwice)
		_, err = h.gate.Approve(ctx, agent, r.ID, gate.Narrow{})
		wantKey(t, err, gate.RefusedOwnRequest)
		q, err := h.gate.Request(ctx, r.ID)
		h.ok(err)
		if q.Status != gate.Waiting || len(q.Messages) != 3 || len(q.Agreements) != 1 || q.Agreements[0].Name != mona.Name {
			t.Errorf("after one yes the request is %+v", q)
		}
		if w, err := h.gate.Waiting(ctx, mona); err != nil || len(w) != 0 {
			t.Errorf("who agreed is asked again: %+v, %v", w, err)
		}
		if _, err := h.gate.Approve(ctx, paul, r.ID, gate.Narrow{Messages: m[2:]}); postern.KindOf(err) != postern.Invalid {
			t.Errorf("the second widened what the first left: %v", err)
		}
		g, err = h.gate.Approve(ctx, paul, r.ID, gate.Narrow{Messages: m[1:2]})
		h.ok(err)
		if len(g.Messages) != 1 || g.Until.Sub(g.From) != 20*time.Minute || g.AgreedBy != mona.Name+", "+paul.Name {
			t.Errorf("two agreed to %+v", g)
		}
	}, rule("envelope", func(r *policy.Rule) { r.Approvers = 2 }))
}

// TestAnApproverNamedLikeTheCustomer holds that a name is no consent.
func TestAnApproverNamedLikeTheCustomer(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		for login, name := range map[string]string{"eve": gate.ByCustomer, "pol": gate.ByPolicy} {
			agent := h.signIn("noor")
			h.hireNamed(login, name, h.provider(), staff.Approver)
			a, c, m := h.customer(1)
			r := h.ask(agent, gate.Ask{Case: c, Account: a, Tier: postern.TierEnvelope, Scope: postern.Scope{Messages: m}})
			g, err := h.gate.Approve(ctx, h.signIn(login), r.ID, gate.Narrow{})
			h.ok(err)
			if g.Consented || g.AgreedBy == name {
				t.Errorf("an approver named %q gave %+v", name, g)
			}
			d, err := h.gate.Reveal(ctx, agent, gate.Want{Grant: g.ID, Tier: postern.TierEnvelope, Messages: m})
			h.ok(err)
			if d.Done(); d.Consented {
				t.Errorf("an approver named %q opens guarded messages", name)
			}
		}
	})
}

func TestMasksAreOpenedOneByOne(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		agent, mona := h.signIn("noor"), h.signIn("mona", staff.Approver)
		a, c, m := h.customer(3)
		r := h.ask(agent, gate.Ask{Case: c, Account: a, Tier: postern.TierEnvelope, Scope: postern.Scope{Messages: m}})
		g, err := h.gate.Approve(ctx, mona, r.ID, gate.Narrow{})
		h.ok(err)
		d, err := h.gate.Reveal(ctx, agent, gate.Want{Grant: g.ID, Tier: postern.TierEnvelope, Messages: m})
		h.ok(err)
		d.Done()
		whole := postern.FieldFrom | postern.FieldTo | postern.FieldSubject
		if d.Fields&whole != 0 || d.Fields&postern.FieldSubjectMasked == 0 || d.Fields != h.gate.Usual(postern.TierEnvelope, "provider", "provider") {
			t.Errorf("the view shows %v", d.Fields.Names())
		}
		for name, w := range map[string]gate.Want{
			"two messages": {Messages: m[:2], Fields: postern.FieldSubject}, "two fields": {Messages: m[:1], Fields: postern.FieldSubject | postern.FieldFrom},
			"a field with its neighbours": {Messages: m[:1], Fields: postern.FieldSubject | postern.FieldDate},
		} {
			w.Grant = g.ID
			if _, err := h.gate.Reveal(ctx, agent, w); postern.KeyOf(err) != gate.RefusedMasked {
				t.Errorf("%s: %v", name, err)
			}
		}
		d, err = h.gate.Reveal(ctx, agent, gate.Want{Grant: g.ID, Messages: m[1:2], Fields: postern.FieldSubject})
		h.ok(err)
		d.Done()
		// What the customer agreed to is shown whole.
		g = h.consented(agent, a, c, postern.TierContent, m[1])
		d, err = h.gate.Reveal(ctx, agent, gate.Want{Grant: g.ID, Tier: postern.TierEnvelope, Messages: m[1:2]})
		h.ok(err)
		d.Done()
		if d.Fields&whole != whole {
			t.Errorf("the customer agreed, and the view shows %v", d.Fields.Names())
		}
		if n := h.disclosures(a); n != 3 {
			t.Errorf("%d disclosures, want 3", n)
		}
	})
}

func TestOnce(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		agent := h.signIn("noor")
		a, c, m := h.customer(2)
		r := h.ask(agent, gate.Ask{Case: c, Account: a, Tier: postern.TierContent, Scope: postern.Scope{Messages: m}, Once: true})
		g, err := h.gate.Consent(ctx, a, r.ID, gate.Narrow{})
		h.ok(err)
		show := func(id postern.MessageID) error {
			d, err := h.gate.Reveal(ctx, agent, gate.Want{Grant: g.ID, Tier: postern.TierContent, Messages: []postern.MessageID{id}})
			if err == nil {
				d.Age()
				err = d.Alive() // the last message goes on being sent
				d.Done()
			}
			return err
		}
		h.ok(show(m[0]))
		wantKey(t, show(m[0]), gate.RefusedShownOnce)
		h.ok(show(m[1]))
		wantKey(t, show(m[1]), gate.RefusedGrantEnded)
		if g, err = h.gate.Grant(ctx, g.ID); err != nil || g.EndedWhy != gate.EndLast {
			t.Errorf("the grant is %+v, %v", g, err)
		}
	})
}

func TestWishes(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		agent := h.signIn("noor")
		a, c, m := h.customer(3)
		waiting := h.ask(agent, gate.Ask{Case: c, Account: a, Tier: postern.TierContent, Scope: postern.Scope{Messages: m[:1]}})
		h.ok(h.gate.SetPreference(ctx, a, gate.WishRefuse))
		later := h.ask(agent, gate.Ask{Case: c, Account: a, Tier: postern.TierEnvelope, Scope: postern.Scope{Messages: m[:1]}})
		for _, id := range []postern.RequestID{waiting.ID, later.ID} {
			if q, err := h.gate.Request(ctx, id); err != nil || q.Status != gate.Refused || q.Answer != gate.AnswerAlways {
				t.Errorf("always refuse leaves %+v, %v", q, err)
			}
		}
		if r := h.ask(agent, gate.Ask{Case: c, Account: a, Tier: postern.TierAccount}); r.Status != gate.Granted {
			t.Errorf("what needs no customer is %s", r.Status)
		}
		h.ok(h.gate.SetPreference(ctx, a, gate.WishEach))
		h.ok(h.gate.Offer(ctx, a, c, m[:1], postern.TierContent))
		r := h.ask(agent, gate.Ask{Case: c, Account: a, Tier: postern.TierContent, Scope: postern.Scope{Messages: m[:1]}})
		if r.Status != gate.Waiting {
			t.Fatalf("an offer counted for somebody who is asked every time: %s", r.Status)
		}
		g, err := h.gate.Consent(ctx, a, r.ID, gate.Narrow{})
		h.ok(err)
		if !g.Once {
			t.Error("each disclosure needs a fresh yes, and the grant allows many")
		}
		h.ok(h.gate.SetPreference(ctx, a, gate.WishAsk))
		offers, err := h.gate.OffersOf(ctx, a)
		h.ok(err)
		if len(offers) != 1 {
			t.Fatalf("%d offers", len(offers))
		}
		h.ok(h.gate.TakeBack(ctx, a, offers[0].ID))
		if r := h.ask(agent, gate.Ask{Case: c, Account: a, Tier: postern.TierContent, Scope: postern.Scope{Messages: m[:1]}}); r.Status != gate.Waiting {
			t.Errorf("an offer that was taken back gave %s", r.Status)
		}
	})
}

// TestAWishHoldsAtOnce: once a customer has said how it is to be, no member of
// staff agrees in their place, not even to what was asked before.
func TestAWishHoldsAtOnce(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		mona := h.signIn("mona", staff.Approver)
		a, c, m := h.customer(1)
		envelope := gate.Ask{Case: c, Account: a, Tier: postern.TierEnvelope, Scope: postern.Scope{Messages: m}}
		var asked []gate.Request
		for n := range 11 { // each may have twenty waiting
			s := h.signIn(fmt.Sprintf("agent%d", n))
			for range 20 {
				asked = append(asked, h.ask(s, envelope))
			}
		}
		h.ok(h.gate.SetPreference(ctx, a, gate.WishEach))
		_, err := h.gate.Approve(ctx, mona, asked[0].ID, gate.Narrow{})
		wantKey(t, err, gate.RefusedCustomerOnly)
		later := h.ask(h.signIn("noor"), envelope)
		if _, err := h.gate.Approve(ctx, mona, later.ID, gate.Narrow{}); !later.NeedsCustomer || postern.KeyOf(err) != gate.RefusedCustomerOnly {
			t.Errorf("a member of staff agrees for somebody who is asked every time: %v, %+v", err, later)
		}
		found, err := h.gate.Waiting(ctx, mona)
		h.ok(err)
		for _, q := range found {
			if q.ID == later.ID {
				t.Error("an approver is shown what only the customer answers")
			}
		}
		h.ok(h.gate.SetPreference(ctx, a, gate.WishRefuse))
		for _, q := range append(asked, later) {
			if q, err := h.gate.Request(ctx, q.ID); err != nil || q.Status != gate.Refused {
				t.Fatalf("always refuse leaves %+v, %v", q, err)
			}
		}
	})
}

// TestWhereAndWhen has a row for every way in which the policy's place and time refuse.
func TestWhereAndWhen(t *testing.T) {
	morning, err := staff.ParseHours("Thu 08:00-09:10")
	if err != nil {
		t.Fatal(err)
	}
	no := false
	for name, one := range map[string]struct {
		key    string
		change func(*gate.Parts)
	}{
		"hours": {gate.RefusedHours, rule("content", func(r *policy.Rule) { r.Hours = morning })},
		"reauth": {gate.RefusedReauth, func(p *gate.Parts) {
			for _, t := range []string{"content", "attachment"} {
				rule(t, func(r *policy.Rule) { r.Reauth = 5 * time.Minute })(p)
			}
		}},
		"network":      {gate.RefusedNetwork, rule("content", func(r *policy.Rule) { r.Networks = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} })},
		"organisation": {gate.RefusedOrganisation, func(p *gate.Parts) { p.Policy.Organisations = map[string]policy.Organisation{"provider": {Ask: &no}} }},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, h *house) {
				agent := h.signIn("noor")
				a, c, m := h.customer(1)
				r, err := h.gate.Ask(ctx, agent, complete(gate.Ask{Case: c, Account: a, Tier: postern.TierContent, Scope: postern.Scope{Messages: m}}))
				if err == nil {
					var g gate.Grant
					g, err = h.gate.Consent(ctx, a, r.ID, gate.Narrow{})
					h.ok(err)
					if end := time.Date(2026, 5, 14, 9, 10, 0, 0, time.UTC); name == "hours" && !g.Until.Equal(end) {
						t.Errorf("the grant lasts until %s, the hours until %s", g.Until, end)
					}
					h.clock.pass(15 * time.Minute)
					if name == "hours" {
						_, err = h.gate.Ask(ctx, agent, complete(gate.Ask{Case: c, Account: a, Tier: postern.TierContent, Scope: postern.Scope{Messages: m}}))
					} else {
						_, err = h.gate.Reveal(ctx, agent, gate.Want{Grant: g.ID, Tier: postern.TierContent, Messages: m})
					}
				}
				wantKey(t, err, one.key)
				if got := h.refusals(agent.ID); len(got) != 1 || got[0] != one.key {
					t.Errorf("the ledger has %q", got)
				}
			}, one.change)
		})
	}
}

// TestACookieTakenElsewhere: a session that began where the policy wants it, and
// turns up where it does not, is shown nothing more of that tier.
func TestACookieTakenElsewhere(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.hire("noor", h.provider(), staff.Agent)
		code, err := totp.GenerateCode(m.secret, h.clock.now())
		h.ok(err)
		token, agent, err := h.staff.SignInPassword(ctx, m.Login, "a pass phrase", code, staff.From{Network: h.network})
		h.ok(err)
		a, c, ids := h.customer(1)
		g := h.consented(agent, a, c, postern.TierContent, ids...)
		look := func() error {
			d, err := h.gate.Reveal(ctx, agent, gate.Want{Grant: g.ID, Tier: postern.TierContent, Messages: ids})
			if err == nil {
				d.Done()
			}
			return err
		}
		h.ok(look())
		_, err = h.staff.SessionFrom(ctx, token, staff.From{Network: "192.0.2.0/24"})
		h.ok(err)
		wantKey(t, look(), gate.RefusedNetwork)
		_, err = h.gate.Ask(ctx, agent, complete(gate.Ask{Case: c, Account: a, Tier: postern.TierContent, Scope: postern.Scope{Messages: ids}}))
		wantKey(t, err, gate.RefusedNetwork)
	}, rule("content", func(r *policy.Rule) { r.Networks = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")} }))
}

// emergency asks, and has two people agree.
func (h *house) emergency(a postern.AccountID, m ...postern.MessageID) (staff.Session, gate.Grant) {
	h.t.Helper()
	agent, mona, rosa := h.signIn("noor"), h.signIn("mona", staff.Approver), h.signIn("rosa", staff.Responder)
	r := h.ask(agent, gate.Ask{Account: a, Tier: postern.TierContent, Scope: postern.Scope{Messages: m}, Reason: postern.ReasonLegal, Emergency: true})
	_, err := h.gate.Approve(ctx, mona, r.ID, gate.Narrow{})
	h.ok(err)
	g, err := h.gate.Approve(ctx, rosa, r.ID, gate.Narrow{})
	h.ok(err)
	d, err := h.gate.Reveal(ctx, agent, gate.Want{Grant: g.ID, Tier: postern.TierContent, Messages: m})
	h.ok(err)
	d.Done()
	return agent, g
}

func TestEmergency(t *testing.T) {
	box := &inbox{}
	each(t, func(t *testing.T, h *house) {
		*box = inbox{fail: errors.New("the mail plane is away")}
		agent, mona, mia := h.signIn("noor"), h.signIn("mona", staff.Approver), h.signIn("mia", staff.Approver)
		a, _, m := h.customer(2)
		ask := complete(gate.Ask{Account: a, Tier: postern.TierContent, Scope: postern.Scope{Messages: m[1:]}, Emergency: true})
		if _, err := h.gate.Ask(ctx, agent, ask); postern.KindOf(err) != postern.Invalid {
			t.Errorf("customer support is an emergency: %v", err)
		}
		ask.Reason = postern.ReasonLegal
		ask.Tier = postern.TierAttachment
		_, err := h.gate.Ask(ctx, agent, ask)
		wantKey(t, err, gate.RefusedEmergency)
		ask.Tier = postern.TierContent
		r, err := h.gate.Ask(ctx, agent, ask)
		h.ok(err)
		if w, err := h.gate.WaitingFor(ctx, a); err != nil || len(w) != 0 {
			t.Errorf("the customer is asked about an emergency: %+v, %v", w, err)
		}
		_, err = h.gate.Approve(ctx, mona, r.ID, gate.Narrow{})
		h.ok(err)
		_, err = h.gate.Approve(ctx, mia, r.ID, gate.Narrow{})
		wantKey(t, err, gate.RefusedNeedsResponder)
		h.ok(h.gate.Refuse(ctx, mia, r.ID, "No."))

		_, g := h.emergency(a, m[1])
		if !g.Emergency || g.Consented {
			t.Errorf("granted %+v", g)
		}
		if err := h.gate.Withdraw(ctx, a, g.ID); postern.KindOf(err) != postern.NotFound {
			t.Errorf("the customer withdraws with %v", err)
		}
		// The outbox keeps what could not be told.
		if _, err := h.gate.Tell(ctx); err == nil {
			t.Error("nobody was told, and nobody says so")
		}
		box.fail = nil
		h.clock.pass(30 * time.Second)
		for range 2 {
			_, err := h.gate.Tell(ctx)
			h.ok(err)
		}
		if box.asks != 2 || len(box.told) != 1 || box.told[g.ID].Held || box.told[g.ID].StaffName != agent.Name {
			t.Errorf("told %d times: %+v", box.asks, box.told)
		}
		notices := 0
		for _, e := range h.entries(ledger.Filter{Account: a}) {
			if e.Control != nil && e.Control.Kind == verify.ControlNotice {
				notices++
			}
		}
		if looks, err := h.gate.Looks(ctx, a, 0, 0); err != nil || len(looks) != 1 || !looks[0].Emergency || notices != 1 {
			t.Errorf("who looked: %+v, %v; %d notices", looks, err, notices)
		}
	}, func(p *gate.Parts) { p.Teller = box })
}

func TestHold(t *testing.T) {
	box := &inbox{}
	each(t, func(t *testing.T, h *house) {
		*box = inbox{}
		mona, rosa := h.signIn("mona", staff.Approver), h.signIn("rosa", staff.Responder)
		both := h.signIn("bea", staff.Approver, staff.Responder)
		a, c, m := h.customer(3)
		want := gate.Hold{Account: a, Until: h.clock.now().Add(48 * time.Hour), Authority: "Court of Lyon", Reference: "26/01"}
		_, err := h.gate.MakeHold(ctx, rosa, want)
		wantKey(t, err, gate.RefusedNotApprover)
		long := want
		long.Until = h.clock.now().AddDate(1, 1, 0)
		if _, err := h.gate.MakeHold(ctx, mona, long); postern.KindOf(err) != postern.Invalid {
			t.Errorf("a hold of 13 months: %v", err)
		}
		own, err := h.gate.MakeHold(ctx, both, want)
		h.ok(err)
		wantKey(t, h.gate.ConfirmHold(ctx, both, own.ID), gate.RefusedOwnRequest)
		wantKey(t, h.gate.ConfirmHold(ctx, mona, own.ID), gate.RefusedNotResponder)
		hold, err := h.gate.MakeHold(ctx, mona, want)
		h.ok(err)
		h.ok(h.gate.ConfirmHold(ctx, rosa, hold.ID))
		if err := h.gate.ConfirmHold(ctx, both, hold.ID); postern.KindOf(err) != postern.Conflict {
			t.Errorf("confirmed twice: %v", err)
		}
		h.consented(h.signIn("noor"), a, c, postern.TierContent, m[2])
		_, g := h.emergency(a, m[1])
		n, err := h.gate.Tell(ctx)
		h.ok(err)
		looks, err := h.gate.Looks(ctx, a, 0, 0)
		h.ok(err)
		running, err := h.gate.Grants(ctx, gate.GrantFilter{Account: a, Live: true, ForCustomer: true})
		h.ok(err)
		if n != 0 || len(looks) != 0 || slices.ContainsFunc(running, func(one gate.Grant) bool { return one.ID == g.ID }) || len(running) != 1 {
			t.Errorf("during the hold: told %d, looks %+v, running %+v", n, looks, running)
		}
		if h.disclosures(a) != 1 {
			t.Error("the ledger lacks what the hold keeps back")
		}
		h.clock.pass(48 * time.Hour)
		n, err = h.gate.Tell(ctx)
		h.ok(err)
		looks, err = h.gate.Looks(ctx, a, 0, 0)
		h.ok(err)
		if n != 1 || len(looks) != 1 || !box.told[g.ID].Held {
			t.Errorf("after the hold: told %d %+v, looks %+v", n, box.told, looks)
		}
	}, func(p *gate.Parts) { p.Teller = box })
}
