package gate_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/gate/policy"
	"github.com/postern-mail/postern/staff"
)

// believed is what the model thinks of a grant.
type believed struct {
	id       postern.GrantID
	session  postern.SessionID
	tier     postern.Tier
	messages []postern.MessageID
	until    time.Time
	over     string // the key of the refusal, "" while it runs
	urgent   bool   // without the customer
}

// model is a gate in a few lines, for one account and one agent.
type model struct {
	*house
	a      postern.AccountID
	c      postern.CaseID
	m      []postern.MessageID
	s      staff.Session
	proved time.Time // when s last proved to be there
	grants []*believed
	shown  int
	wish   gate.Wish
}

func (m *model) some(t *rapid.T) []postern.MessageID {
	mask := rapid.IntRange(1, 1<<len(m.m)-1).Draw(t, "messages")
	var ids []postern.MessageID
	for i, id := range m.m {
		if mask>>i&1 == 1 {
			ids = append(ids, id)
		}
	}
	return ids
}

// pick chooses one of the grants, and asks for the first where there is none.
func (m *model) pick(t *rapid.T) *believed {
	if len(m.grants) == 0 {
		m.grant(t)
	}
	return m.grants[rapid.IntRange(0, len(m.grants)-1).Draw(t, "grant")]
}

func (m *model) end(key string, which func(*believed) bool) {
	for _, g := range m.grants {
		if g.over == "" && m.clock.now().Before(g.until) && which(g) {
			g.over = key
		}
	}
}

// TestGrantsAreAModel runs random histories of one case beside the model, and
// reveals at every step what the model says can be revealed, and no more.
func TestGrantsAreAModel(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		rapid.Check(t, func(t *rapid.T) {
			h.fresh(h.t)
			m := &model{house: h, wish: gate.WishAsk}
			m.newSession(t)
			m.a, m.c, m.m = h.customer(3)
			steps := map[string]func(*rapid.T){
				"grant": m.grant, "reveal": m.reveal, "pass": m.pass, "close": m.close, "withdraw": m.withdraw,
				"contain": m.containGrant, "new session": m.newSession, "close case": m.closeCase,
				"two approvers": m.twoApprovers, "emergency": m.emergencyGrant, "wish": m.wishes, "field": m.field, "hold": m.hold,
			}
			names := []string{"grant", "reveal", "reveal", "reveal", "grant", "pass", "close", "withdraw", "contain", "new session", "close case", "two approvers", "emergency", "wish", "field", "field", "hold"}
			for range rapid.IntRange(4, 14).Draw(t, "steps") {
				name := rapid.SampledFrom(names).Draw(t, "step")
				if name != "grant" && len(m.grants) == 0 {
					name = "grant"
				}
				steps[name](t)
			}
			if n := h.disclosures(m.a); n != m.shown {
				t.Fatalf("%d disclosures, and %d were shown", n, m.shown)
			}
		})
	}, unbounded, func(p *gate.Parts) { p.Teller = &inbox{} }, rule("envelope", func(r *policy.Rule) { r.Approvers = 2 }))
}

func (m *model) grant(t *rapid.T) {
	tier := rapid.SampledFrom([]postern.Tier{postern.TierEnvelope, postern.TierContent, postern.TierAttachment}).Draw(t, "tier")
	lasts := time.Duration(rapid.IntRange(1, 30).Draw(t, "minutes")) * time.Minute
	r := m.ask(m.s, gate.Ask{Case: m.c, Account: m.a, Tier: tier, Scope: postern.Scope{Messages: m.some(t)}, For: lasts})
	if m.wish == gate.WishRefuse {
		if q, err := m.gate.Request(ctx, r.ID); err != nil || q.Status != gate.Refused {
			t.Fatalf("always refuse, and the request is %+v, %v", q, err)
		}
		m.wish = gate.WishAsk
		m.ok(m.gate.SetPreference(ctx, m.a, m.wish))
		r = m.ask(m.s, gate.Ask{Case: m.c, Account: m.a, Tier: tier, Scope: postern.Scope{Messages: m.some(t)}, For: lasts})
	}
	narrow := gate.Narrow{}
	if rapid.Bool().Draw(t, "narrow") {
		narrow.Messages, narrow.Tier = r.Messages[:1], postern.TierEnvelope
	}
	g, err := m.gate.Consent(ctx, m.a, r.ID, narrow)
	if err != nil {
		t.Fatalf("couldn't consent: %v", err)
	}
	m.grants = append(m.grants, &believed{id: g.ID, session: m.s.ID, tier: g.Tier, messages: g.Messages, until: m.clock.now().Add(lasts)})
	if narrow.Tier != 0 && (g.Tier != postern.TierEnvelope || len(g.Messages) != 1) {
		t.Fatalf("narrowed to %+v", g)
	}
}

// expect gives the key of the refusal the model expects.
func (m *model) expect(g *believed, tier postern.Tier, messages []postern.MessageID) string {
	inside := 0
	for _, id := range messages {
		for _, has := range g.messages {
			if id == has {
				inside++
			}
		}
	}
	switch {
	case g.session != m.s.ID:
		return gate.RefusedOtherSession
	case g.over != "":
		return g.over
	case !m.clock.now().Before(g.until):
		return gate.RefusedGrantEnded
	case tier > g.tier:
		return gate.RefusedDeeperTier
	case inside < len(messages):
		return gate.RefusedOutsideScope
	case tier >= postern.TierContent && m.clock.now().Sub(m.proved) > 15*time.Minute:
		return gate.RefusedReauth
	}
	return ""
}

func (m *model) reveal(t *rapid.T) {
	g := m.pick(t)
	tier := rapid.SampledFrom([]postern.Tier{postern.TierEnvelope, postern.TierContent, postern.TierAttachment}).Draw(t, "tier")
	messages := m.some(t)
	want := m.expect(g, tier, messages)
	d, err := m.gate.Reveal(ctx, m.s, gate.Want{Grant: g.id, Tier: tier, Messages: messages})
	if got := postern.KeyOf(err); got != want || (err == nil) != (want == "") {
		t.Fatalf("revealed with %v, the model says %q", err, want)
	}
	if err != nil {
		return
	}
	defer d.Done()
	m.shown++
	if g.tier == postern.TierEnvelope && d.Fields&(postern.FieldFrom|postern.FieldTo|postern.FieldSubject) != 0 || d.Fields&^d.Tier.Fields() != 0 {
		t.Fatalf("a grant of tier %s shows %v", g.tier, d.Fields.Names())
	}
	if fmt.Sprint(ids(d.Shown.Messages)) != fmt.Sprint(messages) {
		t.Fatalf("asked for %v, shown %v", messages, ids(d.Shown.Messages))
	}
}

// field opens what is under a mask: one field of one message, or nothing.
func (m *model) field(t *rapid.T) {
	g := m.pick(t)
	fields := rapid.SampledFrom([]postern.Field{postern.FieldSubject, postern.FieldFrom, postern.FieldTo, postern.FieldFrom | postern.FieldSubject, postern.FieldSubject | postern.FieldSize}).Draw(t, "fields")
	messages := m.some(t)
	want := m.expect(g, postern.TierEnvelope, messages)
	if want == "" && g.tier == postern.TierEnvelope && (len(messages) > 1 || fields&(fields-1) != 0) {
		want = gate.RefusedMasked
	}
	d, err := m.gate.Reveal(ctx, m.s, gate.Want{Grant: g.id, Messages: messages, Fields: fields})
	if got := postern.KeyOf(err); got != want || (err == nil) != (want == "") {
		t.Fatalf("opened %v with %v, the model says %q", fields.Names(), err, want)
	}
	if err == nil {
		d.Done()
		m.shown++
		if d.Fields != fields {
			t.Fatalf("asked for %v, shown %v", fields.Names(), d.Fields.Names())
		}
	}
}

// twoApprovers gets an envelope grant from staff: the first yes shows nothing.
func (m *model) twoApprovers(t *rapid.T) {
	m.ok(m.gate.SetPreference(ctx, m.a, gate.WishAsk))
	m.wish = gate.WishAsk
	m.agreed(t, gate.Ask{Case: m.c, Account: m.a, Tier: postern.TierEnvelope}, m.signIn("mona", staff.Approver), m.signIn("paul", staff.Approver))
}

// emergencyGrant gets one without the customer, whatever they wish.
func (m *model) emergencyGrant(t *rapid.T) {
	tier := rapid.SampledFrom([]postern.Tier{postern.TierEnvelope, postern.TierContent}).Draw(t, "tier")
	m.agreed(t, gate.Ask{Account: m.a, Tier: tier, Reason: postern.ReasonLegal, Emergency: true}, m.signIn("mona", staff.Approver), m.signIn("rosa", staff.Responder))
}

func (m *model) agreed(t *rapid.T, a gate.Ask, first, second staff.Session) {
	a.Scope.Messages, a.For = m.some(t), time.Duration(rapid.IntRange(1, 30).Draw(t, "minutes"))*time.Minute
	m.ok(touch(m.house, m.s))
	r := m.ask(m.s, a)
	narrow := gate.Narrow{}
	if rapid.Bool().Draw(t, "narrow") {
		narrow.Messages = r.Messages[:1]
	}
	g, err := m.gate.Approve(ctx, first, r.ID, narrow)
	if err != nil || g.ID != "" {
		t.Fatalf("one yes of two gave %+v, %v", g, err)
	}
	if g, err = m.gate.Approve(ctx, second, r.ID, gate.Narrow{}); err != nil {
		t.Fatalf("couldn't agree: %v", err)
	}
	if narrow.Messages != nil && len(g.Messages) != 1 {
		t.Fatalf("narrowed to %+v", g)
	}
	m.grants = append(m.grants, &believed{id: g.ID, session: m.s.ID, tier: g.Tier, messages: g.Messages, until: m.clock.now().Add(a.For), urgent: a.Emergency})
}

func (m *model) wishes(t *rapid.T) {
	m.wish = rapid.SampledFrom([]gate.Wish{gate.WishAsk, gate.WishRefuse}).Draw(t, "wish")
	m.ok(m.gate.SetPreference(ctx, m.a, m.wish))
}

// hold keeps what emergencies showed from the customer, and from nobody else.
func (m *model) hold(t *rapid.T) {
	h, err := m.gate.MakeHold(ctx, m.signIn("mona", staff.Approver), gate.Hold{Account: m.a, Until: m.clock.now().Add(time.Hour), Authority: "Court", Reference: "1"})
	m.ok(err)
	rosa := m.signIn("rosa", staff.Responder)
	m.ok(m.gate.ConfirmHold(ctx, rosa, h.ID))
	looks, err := m.gate.Looks(ctx, m.a, 0, 100)
	m.ok(err)
	for _, l := range looks {
		if l.Emergency {
			t.Fatalf("a hold runs, and the customer reads %+v", l)
		}
	}
	m.ok(m.gate.EndHold(ctx, rosa, h.ID))
	looks, err = m.gate.Looks(ctx, m.a, 0, 100)
	m.ok(err)
	if len(looks) != m.shown {
		t.Fatalf("the hold is over, and the customer reads %d looks of %d", len(looks), m.shown)
	}
}

func ids(shown []postern.ShownMessage) (all []postern.MessageID) {
	for _, s := range shown {
		all = append(all, s.ID)
	}
	return all
}

func (m *model) pass(t *rapid.T) {
	m.clock.pass(time.Duration(rapid.IntRange(1, 15).Draw(t, "minutes")) * time.Minute)
	m.ok(touch(m.house, m.s))
	if rapid.Bool().Draw(t, "proves") {
		m.proved = m.clock.now()
		m.ok(m.db.Update(ctx, func(tx *db.Tx) error {
			return tx.ExecOne("UPDATE staff_session SET proved = ?2 WHERE id = ?1", string(m.s.ID), m.proved.UnixMilli())
		}))
	}
}

func (m *model) close(t *rapid.T) {
	g := m.pick(t)
	m.ok(m.gate.Close(ctx, m.s, g.id))
	m.end(gate.RefusedGrantEnded, func(b *believed) bool { return b == g && b.session == m.s.ID })
}

func (m *model) withdraw(t *rapid.T) {
	g := m.pick(t)
	err := m.gate.Withdraw(ctx, m.a, g.id)
	if g.urgent {
		if postern.KindOf(err) != postern.NotFound {
			t.Fatalf("the customer withdraws an emergency with %v", err)
		}
		return
	}
	m.ok(err)
	m.end(gate.RefusedGrantEnded, func(b *believed) bool { return b == g })
}

func (m *model) containGrant(t *rapid.T) {
	g := m.pick(t)
	m.contain(m.gate, gate.KindGrant, string(g.id))
	m.end(gate.RefusedContained, func(b *believed) bool { return b == g })
}

func (m *model) newSession(*rapid.T) {
	m.s, m.proved = m.signIn("noor"), m.clock.now()
}

func (m *model) closeCase(t *rapid.T) {
	m.ok(m.db.Update(ctx, func(tx *db.Tx) error { return m.gate.EndCase(tx, m.c, m.clock.now()) }))
	m.end(gate.RefusedGrantEnded, func(b *believed) bool { return !b.urgent })
}
