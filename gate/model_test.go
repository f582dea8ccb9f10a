package gate_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/gate"
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
}

// model is a gate in a few lines, for one account and one agent.
type model struct {
	*house
	a      postern.AccountID
	c      postern.CaseID
	m      []postern.MessageID
	s      staff.Session
	grants []*believed
	shown  int
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
			m := &model{house: h, s: h.signIn("noor")}
			m.a, m.c, m.m = h.customer(3)
			steps := map[string]func(*rapid.T){
				"grant": m.grant, "reveal": m.reveal, "pass": m.pass, "close": m.close, "withdraw": m.withdraw,
				"contain": m.containGrant, "new session": m.newSession, "close case": m.closeCase,
			}
			names := []string{"grant", "reveal", "reveal", "reveal", "grant", "pass", "close", "withdraw", "contain", "new session", "close case"}
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
	}, unbounded)
}

func (m *model) grant(t *rapid.T) {
	tier := rapid.SampledFrom([]postern.Tier{postern.TierEnvelope, postern.TierContent, postern.TierAttachment}).Draw(t, "tier")
	lasts := time.Duration(rapid.IntRange(1, 30).Draw(t, "minutes")) * time.Minute
	r := m.ask(m.s, gate.Ask{Case: m.c, Account: m.a, Tier: tier, Scope: postern.Scope{Messages: m.some(t)}, For: lasts})
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
	if fmt.Sprint(ids(d.Shown.Messages)) != fmt.Sprint(messages) {
		t.Fatalf("asked for %v, shown %v", messages, ids(d.Shown.Messages))
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
}

func (m *model) close(t *rapid.T) {
	g := m.pick(t)
	m.ok(m.gate.Close(ctx, m.s, g.id))
	m.end(gate.RefusedGrantEnded, func(b *believed) bool { return b == g && b.session == m.s.ID })
}

func (m *model) withdraw(t *rapid.T) {
	g := m.pick(t)
	m.ok(m.gate.Withdraw(ctx, m.a, g.id))
	m.end(gate.RefusedGrantEnded, func(b *believed) bool { return b == g })
}

func (m *model) containGrant(t *rapid.T) {
	g := m.pick(t)
	m.contain(m.gate, gate.KindGrant, string(g.id))
	m.end(gate.RefusedContained, func(b *believed) bool { return b == g })
}

func (m *model) newSession(*rapid.T) {
	m.s = m.signIn("noor")
}

func (m *model) closeCase(t *rapid.T) {
	m.ok(m.db.Update(ctx, func(tx *db.Tx) error { return m.gate.EndCase(tx, m.c, m.clock.now()) }))
	m.end(gate.RefusedGrantEnded, func(*believed) bool { return true })
}
