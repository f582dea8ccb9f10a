package gate_test

import (
	"testing"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/staff"
)

// TestEndSessions ends what hangs on sessions, of which one was ended in staff
// before and one still counts: grants, requests, deliveries, and pages here and
// on another node; and nothing of anybody else's.
func TestEndSessions(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		other := h.second()
		type open struct {
			s        staff.Session
			g        gate.Grant
			wished   gate.Request // of the customer alone
			d        *gate.Delivery
			watching []<-chan struct{}
		}
		begin := func(login string) open {
			o := open{s: h.signIn(login)}
			a, c, m := h.customer(2)
			o.g = h.consented(o.s, a, c, postern.TierContent, m[0])
			o.wished = h.ask(o.s, gate.Ask{Case: c, Account: a, Tier: postern.TierAttachment, Scope: postern.Scope{Messages: m}})
			var err error
			o.d, err = h.gate.Reveal(ctx, o.s, gate.Want{Grant: o.g.ID, Tier: postern.TierContent, Messages: m[:1]})
			h.ok(err)
			for _, g := range []*gate.Gate{h.gate, other} {
				watch, stop := g.Watch(o.s.ID)
				t.Cleanup(stop)
				o.watching = append(o.watching, watch)
			}
			return o
		}
		ended := func(o open) bool {
			g, err := h.gate.Grant(ctx, o.g.ID)
			h.ok(err)
			if !g.Ended.IsZero() && g.EndedWhy != gate.EndSession {
				t.Errorf("%s's grant ended because of %q", o.s.Name, g.EndedWhy)
			}
			return !g.Ended.IsZero()
		}
		gone, here, stays := begin("noor"), begin("omar"), begin("sami")
		h.ok(h.staff.End(ctx, gone.s.ID))
		if ended(gone) || closed(gone.watching[0]) {
			t.Error("staff ended what is the gate's")
		}
		done := make(chan error)
		go func() { done <- h.gate.EndSessions(ctx, gone.s.ID, here.s.ID, gone.s.ID) }()
		for _, o := range []open{gone, here} { // the ending waits for what is on its way
			<-o.watching[0]
			for o.d.Alive() == nil {
			}
			o.d.Done()
		}
		h.ok(<-done)
		h.ok(other.Hear(ctx))
		for _, o := range []open{gone, here} {
			if !ended(o) || !closed(o.watching[1]) {
				t.Errorf("%s: the grant ended %v, the other node heard %v", o.s.Name, ended(o), closed(o.watching[1]))
			}
			if err := o.d.Alive(); err == nil {
				t.Errorf("%s: the delivery goes on", o.s.Name)
			}
			_, err := h.gate.Reveal(ctx, o.s, gate.Want{Grant: o.g.ID, Tier: postern.TierContent, Messages: o.g.Messages})
			wantKey(t, err, gate.RefusedSessionEnded)
			// What the customer alone was asked stays, and is worth nothing to who has gone.
			r, err := h.gate.Request(ctx, o.wished.ID)
			h.ok(err)
			if r.Status != gate.Waiting {
				t.Errorf("what the customer was asked is %s", r.Status)
			}
			if g, err := h.gate.Consent(ctx, r.Account, r.ID, gate.Narrow{}); err == nil && g.ID != "" {
				t.Errorf("a grant %s for a session that has ended", g.ID)
			}
		}
		if ended(stays) || closed(stays.watching[0]) || closed(stays.watching[1]) || stays.d.Alive() != nil {
			t.Error("somebody else's ended")
		}
		stays.d.Done()
		// To end it again is no error, and writes nothing.
		before := len(h.entries(ledger.Filter{Sessions: []postern.SessionID{gone.s.ID}}))
		h.ok(h.gate.EndSessions(ctx, gone.s.ID, here.s.ID))
		h.ok(h.gate.EndSession(ctx, gone.s))
		h.ok(h.gate.EndSessions(ctx))
		if after := len(h.entries(ledger.Filter{Sessions: []postern.SessionID{gone.s.ID}})); after != before {
			t.Errorf("ended again, the ledger has %d entries after %d", after, before)
		}
		if err := h.gate.EndSessions(ctx, "nobody's"); postern.KindOf(err) != postern.NotFound {
			t.Errorf("nobody's session: %v", err)
		}
	})
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
