package gate_test

import (
	"strings"
	"testing"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/staff"
)

// TestContainAndLift takes each kind through preview, end, record and lifting.
func TestContainAndLift(t *testing.T) {
	rows := map[string]struct {
		subject func(h *house, s staff.Session, g gate.Grant) string
		returns bool // can be lifted
	}{
		gate.KindCredential:   {func(_ *house, s staff.Session, _ gate.Grant) string { return string(s.Credential) }, true},
		gate.KindOrganisation: {func(h *house, _ staff.Session, _ gate.Grant) string { return string(h.provider()) }, true},
		gate.KindNetwork:      {func(h *house, _ staff.Session, _ gate.Grant) string { return h.network }, true},
		gate.KindSession:      {func(_ *house, s staff.Session, _ gate.Grant) string { return string(s.ID) }, false},
		gate.KindGrant:        {func(_ *house, _ staff.Session, g gate.Grant) string { return string(g.ID) }, false},
	}
	each(t, func(t *testing.T, h *house) {
		for kind, row := range rows {
			t.Run(kind, func(t *testing.T) {
				h.fresh(t)
				s := h.signIn("noor")
				a, c, m := h.customer(2)
				g := h.consented(s, a, c, postern.TierContent, m...)
				waiting := h.ask(s, gate.Ask{Case: c, Account: a, Tier: postern.TierAttachment, Scope: postern.Scope{Messages: m}})
				d, err := h.gate.Reveal(ctx, s, gate.Want{Grant: g.ID, Tier: postern.TierContent, Messages: m})
				h.ok(err)
				target := gate.Target{Kind: kind, Subject: row.subject(h, s, g), Why: "a stolen laptop"}
				reach, err := h.gate.Reach(ctx, target)
				h.ok(err)
				if reach.Grants != 1 || kind != gate.KindGrant && reach.Sessions != 1 || kind != gate.KindNetwork && reach.Deliveries != 1 {
					t.Errorf("it would end %+v", reach)
				}
				d.Done()
				got := h.contain(h.gate, target.Kind, target.Subject)
				if got.Grants != 1 || kind != gate.KindGrant && len(got.Sessions) != 1 || got.Position < 0 || got.Took <= 0 {
					t.Errorf("it ended %+v", got)
				}
				r, err := h.gate.Request(ctx, waiting.ID)
				h.ok(err)
				if want := kind != gate.KindGrant; (r.Status == gate.Expired) != want {
					t.Errorf("the session's request is %s", r.Status)
				}
				all, err := h.gate.Containments(ctx)
				h.ok(err)
				if all[0].ID != got.ID || all[0].Position != got.Position || all[0].Subject != target.Subject || all[0].Took == 0 {
					t.Errorf("recorded as %+v", all[0])
				}
				// To end it again is no error, and holds until both are lifted.
				again := h.contain(h.gate, target.Kind, target.Subject)
				if again.Grants != 0 || len(again.Sessions) != 0 {
					t.Errorf("again it ended %+v", again)
				}
				_, err = h.gate.Lift(ctx, gate.Actor{Name: "operator"}, again.ID, "found")
				if row.returns {
					h.ok(err)
					if _, err := h.trySignIn("noor"); err == nil {
						t.Error("one of two containments was lifted, and the agent is in")
					}
					h.ok(h.lift(got.ID, "found"))
					if _, err := h.trySignIn("noor"); err != nil {
						t.Errorf("after the lifting: %v", err)
					}
					if err := h.lift(got.ID, "again"); postern.KindOf(err) != postern.Conflict {
						t.Errorf("lifted twice: %v", err)
					}
				}
				_, err = h.gate.Reveal(ctx, s, gate.Want{Grant: g.ID, Tier: postern.TierContent, Messages: m})
				if row.returns { // the agent is welcome, the old session is not
					wantKey(t, err, gate.RefusedSessionEnded)
				} else {
					wantKey(t, err, gate.RefusedContained)
				}
			})
		}
	})
}

// lift is the operator's lifting.
func (h *house) lift(id postern.ContainmentID, why string) error {
	_, err := h.gate.Lift(ctx, gate.Actor{Name: "operator"}, id, why)
	return err
}

// TestWhoMayContain: responders, and whoever holds the machine; not who was
// contained, nor an agent; and the refusal is written down.
func TestWhoMayContain(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		agent, responder, turned := h.signIn("noor"), h.signIn("rosa", staff.Responder), h.signIn("ruth", staff.Responder)
		target := gate.Target{Kind: gate.KindCredential, Subject: string(turned.Credential), Why: "took a bribe"}
		_, err := h.gate.Contain(ctx, actor(agent), target)
		wantKey(t, err, gate.RefusedNotResponder)
		c, err := h.gate.Contain(ctx, actor(responder), target)
		h.ok(err)
		_, err = h.gate.Contain(ctx, actor(turned), gate.Target{Kind: gate.KindCredential, Subject: string(responder.Credential)})
		wantKey(t, err, gate.RefusedContained)
		_, err = h.gate.Lift(ctx, actor(turned), c.ID, "I did nothing")
		wantKey(t, err, gate.RefusedContained)
		if got := append(h.refusals(agent.ID), h.refusals(turned.ID)...); len(got) != 3 {
			t.Errorf("the ledger has the refusals %q", got)
		}
		var told string
		for _, e := range h.entries(ledger.Filter{}) {
			if e.Control != nil && e.Control.Kind.String() == "contain" {
				told = e.Control.Subject + "\n" + e.Control.Detail
			}
		}
		for _, want := range []string{"credential " + string(turned.Credential), "containment " + string(c.ID), "sessions 1", "by " + responder.Name, "why took a bribe"} {
			if !strings.Contains(told, want) {
				t.Errorf("the entry %q does not say %q", told, want)
			}
		}
		for name, bad := range map[string]gate.Target{"no kind": {Subject: "x"}, "no subject": {Kind: gate.KindGrant}, "an unknown kind": {Kind: "planet", Subject: "x"},
			"an unknown credential": {Kind: gate.KindCredential, Subject: "x"}, "a long subject": {Kind: gate.KindGrant, Subject: strings.Repeat("x", 80)}} {
			if _, err := h.gate.Contain(ctx, gate.Actor{}, bad); postern.KindOf(err) != postern.Invalid && postern.KindOf(err) != postern.NotFound {
				t.Errorf("%s: %v", name, err)
			}
			if _, err := h.gate.Reach(ctx, bad); bad.Kind == "planet" && postern.KindOf(err) != postern.Invalid {
				t.Errorf("%s previewed: %v", name, err)
			}
		}
	})
}
