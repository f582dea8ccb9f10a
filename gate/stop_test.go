package gate_test

import (
	"testing"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/staff"
)

// TestAllSupportStops: one act ends every grant and keeps any from being made,
// signs out who only works cases, leaves responders, and takes two people to
// lift.
func TestAllSupportStops(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		noor, paul := h.signIn("noor"), h.signIn("paul")
		rosa, ruth := h.signIn("rosa", staff.Responder), h.signIn("ruth", staff.Responder, staff.Agent)
		a, c, m := h.customer(2)
		g := h.consented(noor, a, c, postern.TierContent, m...)
		r := h.ask(paul, gate.Ask{Case: c, Account: a, Tier: postern.TierContent, Scope: postern.Scope{Messages: m}})
		hers := h.consented(ruth, a, c, postern.TierContent, m...)

		target := gate.Target{Kind: gate.KindDesk, Subject: staff.AllSupport, Why: "nobody knows yet how they come in"}
		reach, err := h.gate.Reach(ctx, target)
		h.ok(err)
		if reach.Sessions != 2 || reach.Members != 2 || reach.Grants != 2 {
			t.Errorf("it would end %+v", reach)
		}
		_, err = h.gate.Contain(ctx, actor(rosa), gate.Target{Kind: gate.KindDesk, Subject: "some", Why: "x"})
		if postern.KindOf(err) != postern.Invalid {
			t.Errorf("some of the desk: %v", err)
		}
		got, err := h.gate.Contain(ctx, actor(rosa), target)
		h.ok(err)
		if len(got.Sessions) != 2 || got.Grants != 2 || got.Position < 0 {
			t.Errorf("it ended %+v", got)
		}
		for _, s := range []staff.Session{noor, paul} {
			if _, err := h.gate.Reveal(ctx, s, gate.Want{Grant: g.ID, Tier: postern.TierContent, Messages: m}); err == nil {
				t.Error("shown after all support power was ended")
			}
		}
		// A responder who also works cases stays in, and sees nothing.
		_, err = h.gate.Reveal(ctx, ruth, gate.Want{Grant: hers.ID, Tier: postern.TierContent, Messages: m})
		wantKey(t, err, gate.RefusedContained)
		_, err = h.gate.Ask(ctx, ruth, complete(gate.Ask{Case: c, Account: a, Tier: postern.TierAccount}))
		wantKey(t, err, gate.RefusedStopped)
		// Signing in again gives nobody a grant, nor does what waited.
		s, err := h.trySignIn("noor")
		h.ok(err)
		_, err = h.gate.Ask(ctx, s, complete(gate.Ask{Case: c, Account: a, Tier: postern.TierAccount}))
		wantKey(t, err, gate.RefusedStopped)
		if _, err := h.gate.Consent(ctx, a, r.ID, gate.Narrow{}); err == nil {
			t.Error("a yes to what waited made a grant")
		}

		lifted, err := h.gate.Lift(ctx, actor(rosa), got.ID, "found how")
		h.ok(err)
		if lifted {
			t.Error("one person lifted it")
		}
		_, err = h.gate.Lift(ctx, actor(rosa), got.ID, "found how")
		if postern.KeyOf(err) != "gate.conflict.second" {
			t.Errorf("the same person twice: %v", err)
		}
		_, err = h.gate.Ask(ctx, s, complete(gate.Ask{Case: c, Account: a, Tier: postern.TierAccount}))
		wantKey(t, err, gate.RefusedStopped)
		lifted, err = h.gate.Lift(ctx, actor(ruth), got.ID, "and it is closed")
		h.ok(err)
		if !lifted {
			t.Error("two people did not lift it")
		}
		h.ask(s, gate.Ask{Case: c, Account: a, Tier: postern.TierAccount})
		all, err := h.gate.Containments(ctx)
		h.ok(err)
		if all[0].LiftedBy == "" || all[0].LiftAskedName == "" || all[0].LiftedBy == all[0].LiftAskedName {
			t.Errorf("recorded as %+v", all[0])
		}
	})
}

func actor(s staff.Session) gate.Actor {
	return gate.Actor{Staff: s.Staff, Session: s.ID, Name: s.Name}
}
