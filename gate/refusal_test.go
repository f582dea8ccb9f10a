package gate_test

import (
	"slices"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/staff"
)

// TestRefusals has one row for every way in which a reveal is refused: each
// gives its key, shows nothing, and is in the ledger though its transaction was
// undone.
func TestRefusals(t *testing.T) {
	type scene struct {
		*house
		agent staff.Session
		a     postern.AccountID
		c     postern.CaseID
		m     []postern.MessageID
		g     gate.Grant // content on m[0], m[1]
	}
	want := func(s scene) gate.Want { return gate.Want{Grant: s.g.ID, Tier: postern.TierContent, Messages: s.m[:1]} }
	contain := func(s scene, kind, subject string) {
		_, err := s.gate.Contain(ctx, gate.Actor{Name: "operator"}, gate.Target{Kind: kind, Subject: subject, Why: "a test"})
		s.ok(err)
	}
	rows := map[string]struct {
		key string
		do  func(s *scene) (staff.Session, gate.Want)
	}{
		"no such grant": {gate.RefusedNoGrant, func(s *scene) (staff.Session, gate.Want) {
			w := want(*s)
			w.Grant = postern.GrantID(postern.NewID())
			return s.agent, w
		}},
		"another agent's grant":             {gate.RefusedOtherSession, func(s *scene) (staff.Session, gate.Want) { return s.signIn("piet"), want(*s) }},
		"another session of the same agent": {gate.RefusedOtherSession, func(s *scene) (staff.Session, gate.Want) { return s.signIn("noor"), want(*s) }},
		"a grant past its time": {gate.RefusedGrantEnded, func(s *scene) (staff.Session, gate.Want) {
			s.clock.pass(29 * time.Minute)
			s.ok(touch(s.house, s.agent))
			s.clock.pass(time.Minute)
			return s.agent, want(*s)
		}},
		"a closed grant": {gate.RefusedGrantEnded, func(s *scene) (staff.Session, gate.Want) {
			s.ok(s.gate.Close(ctx, s.agent, s.g.ID))
			return s.agent, want(*s)
		}},
		"a withdrawn grant": {gate.RefusedGrantEnded, func(s *scene) (staff.Session, gate.Want) {
			s.ok(s.gate.Withdraw(ctx, s.a, s.g.ID))
			return s.agent, want(*s)
		}},
		"a case that closed": {gate.RefusedGrantEnded, func(s *scene) (staff.Session, gate.Want) {
			s.ok(s.db.Update(ctx, func(tx *db.Tx) error { return s.gate.EndCase(tx, s.c, s.clock.now()) }))
			return s.agent, want(*s)
		}},
		"a deeper tier": {gate.RefusedDeeperTier, func(s *scene) (staff.Session, gate.Want) {
			w := want(*s)
			w.Tier = postern.TierAttachment
			return s.agent, w
		}},
		"a deeper field": {gate.RefusedDeeperTier, func(s *scene) (staff.Session, gate.Want) {
			w := want(*s)
			w.Tier, w.Fields = 0, postern.FieldSubject|postern.FieldSource
			return s.agent, w
		}},
		"another message": {gate.RefusedOutsideScope, func(s *scene) (staff.Session, gate.Want) {
			w := want(*s)
			w.Messages = s.m[1:3]
			return s.agent, w
		}},
		"another account's message": {gate.RefusedOutsideScope, func(s *scene) (staff.Session, gate.Want) {
			_, _, others := s.customer(1)
			w := want(*s)
			w.Messages = others
			return s.agent, w
		}},
		"a contained credential": {gate.RefusedContained, func(s *scene) (staff.Session, gate.Want) {
			contain(*s, gate.KindCredential, string(s.agent.Credential))
			return s.agent, want(*s)
		}},
		"a contained session": {gate.RefusedContained, func(s *scene) (staff.Session, gate.Want) {
			contain(*s, gate.KindSession, string(s.agent.ID))
			return s.agent, want(*s)
		}},
		"a contained grant": {gate.RefusedContained, func(s *scene) (staff.Session, gate.Want) {
			contain(*s, gate.KindGrant, string(s.g.ID))
			return s.agent, want(*s)
		}},
		"a contained network": {gate.RefusedContained, func(s *scene) (staff.Session, gate.Want) {
			contain(*s, gate.KindNetwork, s.network)
			return s.agent, want(*s)
		}},
		"a contained organisation": {gate.RefusedContained, func(s *scene) (staff.Session, gate.Want) {
			contain(*s, gate.KindOrganisation, string(s.provider()))
			return s.agent, want(*s)
		}},
		"a session past its life": {gate.RefusedSessionEnded, func(s *scene) (staff.Session, gate.Want) {
			s.clock.pass(staff.SessionLife)
			return s.agent, want(*s)
		}},
		"an idle session": {gate.RefusedSessionEnded, func(s *scene) (staff.Session, gate.Want) {
			s.clock.pass(staff.SessionIdle)
			return s.agent, want(*s)
		}},
		"a session that signed out": {gate.RefusedSessionEnded, func(s *scene) (staff.Session, gate.Want) {
			s.ok(s.gate.EndSession(ctx, s.agent))
			return s.agent, want(*s)
		}},
		"an invented session": {gate.RefusedSessionEnded, func(s *scene) (staff.Session, gate.Want) {
			other := s.agent
			other.ID = postern.SessionID(postern.NewID())
			s.agent = other
			return other, want(*s)
		}},
	}
	each(t, func(t *testing.T, h *house) {
		for name, one := range rows {
			t.Run(name, func(t *testing.T) {
				h.fresh(t)
				s := scene{house: h, agent: h.signIn("noor")}
				s.a, s.c, s.m = h.customer(4)
				s.g = h.consented(s.agent, s.a, s.c, postern.TierContent, s.m[:2]...)
				by, w := one.do(&s)
				before := h.disclosures(s.a)
				d, err := h.gate.Reveal(ctx, by, w)
				wantKey(t, err, one.key)
				if d != nil {
					t.Errorf("refused, and shown %+v", d.Shown)
				}
				if after := h.disclosures(s.a); after != before {
					t.Errorf("%d disclosures were recorded", after-before)
				}
				if got := h.refusals(by.ID); len(got) != 1 || got[0] != one.key {
					t.Errorf("the ledger has the refusals %q, want %q", got, one.key)
				}
			})
		}
	})
}

// touch notes a use of the session, as a page does.
func touch(h *house, s staff.Session) error {
	return h.db.Update(ctx, func(tx *db.Tx) error {
		return tx.ExecOne("UPDATE staff_session SET seen = ?2 WHERE id = ?1", string(s.ID), h.clock.now().UnixMilli())
	})
}

// TestAskRefusals has one row for every way in which a request is refused.
func TestAskRefusals(t *testing.T) {
	rows := map[string]struct {
		key string
		do  func(h *house, a postern.AccountID, c postern.CaseID, m []postern.MessageID) (staff.Session, gate.Ask)
	}{
		"no case": {gate.RefusedNoCase, func(h *house, a postern.AccountID, _ postern.CaseID, _ []postern.MessageID) (staff.Session, gate.Ask) {
			return h.signIn("noor"), gate.Ask{Account: a, Tier: postern.TierAccount}
		}},
		"another account's case": {gate.RefusedOtherAccount, func(h *house, a postern.AccountID, _ postern.CaseID, _ []postern.MessageID) (staff.Session, gate.Ask) {
			_, other, _ := h.customer(0)
			return h.signIn("noor"), gate.Ask{Account: a, Case: other, Tier: postern.TierAccount}
		}},
		"another account's message": {gate.RefusedOtherAccount, func(h *house, a postern.AccountID, c postern.CaseID, m []postern.MessageID) (staff.Session, gate.Ask) {
			_, _, others := h.customer(1)
			return h.signIn("noor"), gate.Ask{Account: a, Case: c, Tier: postern.TierContent, Scope: postern.Scope{Messages: append(m[:1:1], others...)}}
		}},
		"not an agent": {gate.RefusedNotAgent, func(h *house, a postern.AccountID, c postern.CaseID, _ []postern.MessageID) (staff.Session, gate.Ask) {
			return h.signIn("rosa", staff.Responder), gate.Ask{Account: a, Case: c, Tier: postern.TierAccount}
		}},
		"contained": {gate.RefusedContained, func(h *house, a postern.AccountID, c postern.CaseID, _ []postern.MessageID) (staff.Session, gate.Ask) {
			s := h.signIn("noor")
			_, err := h.gate.Contain(ctx, gate.Actor{}, gate.Target{Kind: gate.KindCredential, Subject: string(s.Credential)})
			h.ok(err)
			return s, gate.Ask{Account: a, Case: c, Tier: postern.TierAccount}
		}},
		"an outsourcer": {gate.RefusedOutsourcer, func(h *house, a postern.AccountID, c postern.CaseID, m []postern.MessageID) (staff.Session, gate.Ask) {
			h.hire("ivan", "helpline", staff.Agent)
			return h.signIn("ivan"), gate.Ask{Account: a, Case: c, Tier: postern.TierContent, Scope: postern.Scope{Messages: m}}
		}},
		"a tier for nobody": {gate.RefusedPolicy, func(h *house, a postern.AccountID, c postern.CaseID, m []postern.MessageID) (staff.Session, gate.Ask) {
			return h.signIn("noor"), gate.Ask{Account: a, Case: c, Tier: postern.TierAttachment, Scope: postern.Scope{Messages: m}}
		}},
	}
	each(t, func(t *testing.T, h *house) {
		for name, one := range rows {
			t.Run(name, func(t *testing.T) {
				h.fresh(t)
				a, c, m := h.customer(2)
				by, ask := one.do(h, a, c, m)
				finds := h.mail.finds
				_, err := h.gate.Ask(ctx, by, complete(ask))
				wantKey(t, err, one.key)
				if got := h.refusals(by.ID); len(got) != 1 || got[0] != one.key {
					t.Errorf("the ledger has the refusals %q, want %q", got, one.key)
				}
				if h.mail.finds != finds && one.key != gate.RefusedOtherAccount {
					t.Error("the mail plane was searched for a refused request")
				}
			})
		}
	}, func(p *gate.Parts) {
		r := p.Policy.Tiers["content"]
		r.Outsourcers = false
		p.Policy.Tiers["content"] = r
		delete(p.Policy.Tiers, "attachment")
	})
}

// TestAnswerRefusals: nobody agrees to their own request, with whatever
// credential; an outsourcer does not agree with itself; customers agree to
// theirs alone.
func TestAnswerRefusals(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		both := h.signIn("noor", staff.Agent, staff.Approver)
		h.hire("ivan", "helpline", staff.Approver)
		ivan, plain, boss := h.signIn("ivan"), h.signIn("piet"), h.signIn("paul", staff.Approver)
		a, c, m := h.customer(2)
		other, _, _ := h.customer(1)
		envelope := h.ask(both, gate.Ask{Account: a, Case: c, Tier: postern.TierEnvelope, Scope: postern.Scope{Messages: m}})
		content := h.ask(both, gate.Ask{Account: a, Case: c, Tier: postern.TierContent, Scope: postern.Scope{Messages: m}})
		again := h.signIn("noor")
		for name, one := range map[string]struct {
			by  staff.Session
			r   gate.Request
			key string
		}{
			"their own":                    {both, envelope, gate.RefusedOwnRequest},
			"their own in another session": {again, envelope, gate.RefusedOwnRequest},
			"no approver":                  {plain, envelope, gate.RefusedNotApprover},
			"an outsourcer's approver":     {ivan, envelope, gate.RefusedOutsourcer},
			"what is the customer's":       {boss, content, gate.RefusedCustomerOnly},
		} {
			_, err := h.gate.Approve(ctx, one.by, one.r.ID, gate.Narrow{})
			if postern.KeyOf(err) != one.key {
				t.Errorf("%s: approved with %v, want %s", name, err, one.key)
			}
			if err := h.gate.Refuse(ctx, one.by, one.r.ID, "No."); postern.KeyOf(err) != one.key {
				t.Errorf("%s: refused with %v, want %s", name, err, one.key)
			}
			if got := h.refusals(one.by.ID); len(got) < 2 || got[0] != one.key || got[1] != one.key {
				t.Errorf("%s: the ledger has %q", name, got)
			}
		}
		if _, err := h.gate.Consent(ctx, other, content.ID, gate.Narrow{}); postern.KindOf(err) != postern.NotFound {
			t.Errorf("another customer consents with %v", err)
		}
		if err := h.gate.Decline(ctx, other, content.ID, ""); postern.KindOf(err) != postern.NotFound {
			t.Errorf("another customer declines with %v", err)
		}
		g, err := h.gate.Consent(ctx, a, content.ID, gate.Narrow{})
		h.ok(err)
		if err := h.gate.Withdraw(ctx, other, g.ID); postern.KindOf(err) != postern.NotFound {
			t.Errorf("another customer withdraws with %v", err)
		}
		if _, err := h.gate.Consent(ctx, a, content.ID, gate.Narrow{}); postern.KindOf(err) != postern.Conflict {
			t.Errorf("a second yes gives %v", err)
		}
		h.ask(plain, gate.Ask{Account: a, Case: c, Tier: postern.TierEnvelope, Scope: postern.Scope{Messages: m}})
		if seen, err := h.gate.Waiting(ctx, ivan); err != nil || len(seen) != 0 {
			t.Errorf("an outsourcer's approver, who agrees to nothing, is shown %+v, %v", seen, err)
		}
		if seen, err := h.gate.Waiting(ctx, boss); err != nil || len(seen) == 0 {
			t.Errorf("the provider's approver is shown %+v, %v", seen, err)
		}
		if seen, err := h.gate.Waiting(ctx, both); err != nil || slices.ContainsFunc(seen, func(q gate.Request) bool { return q.Staff == both.Staff }) {
			t.Errorf("an approver is asked about their own: %+v, %v", seen, err)
		}
	})
}

// TestNarrowingOnlyTakesAway tries to get more than was asked.
func TestNarrowingOnlyTakesAway(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		agent := h.signIn("noor")
		a, c, m := h.customer(4)
		r := h.ask(agent, gate.Ask{Account: a, Case: c, Tier: postern.TierContent, Scope: postern.Scope{Messages: m[:2]}, For: 10 * time.Minute})
		for name, n := range map[string]gate.Narrow{
			"deeper": {Tier: postern.TierAttachment}, "longer": {For: 11 * time.Minute}, "backwards": {For: -time.Minute},
			"another message": {Messages: m[2:3]}, "twice": {Messages: []postern.MessageID{m[0], m[0]}},
		} {
			if _, err := h.gate.Consent(ctx, a, r.ID, n); postern.KindOf(err) != postern.Invalid {
				t.Errorf("%s: %v", name, err)
			}
		}
		g, err := h.gate.Consent(ctx, a, r.ID, gate.Narrow{Tier: postern.TierEnvelope, Messages: m[1:2], For: time.Minute})
		h.ok(err)
		_, err = h.gate.Reveal(ctx, agent, gate.Want{Grant: g.ID, Tier: postern.TierContent, Messages: m[1:2]})
		wantKey(t, err, gate.RefusedDeeperTier)
		_, err = h.gate.Reveal(ctx, agent, gate.Want{Grant: g.ID, Tier: postern.TierEnvelope, Messages: m[:1]})
		wantKey(t, err, gate.RefusedOutsideScope)
		h.clock.pass(time.Minute)
		_, err = h.gate.Reveal(ctx, agent, gate.Want{Grant: g.ID, Tier: postern.TierEnvelope, Messages: m[1:2]})
		wantKey(t, err, gate.RefusedGrantEnded)
	})
}
