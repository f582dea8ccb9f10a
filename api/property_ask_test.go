package api_test

import (
	"context"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate"
)

// longest is how long the policy lets a tier last.
func (m *model) longest(t postern.Tier) time.Duration { return m.rules.Tiers[t.String()].Longest }

func (m *model) ask() {
	by, k := m.anybody(), rapid.SampledFrom(m.tickets).Draw(m.rt, "case")
	if rapid.IntRange(0, 3).Draw(m.rt, "an agent") > 0 {
		by = rapid.SampledFrom(m.bots[:4]).Draw(m.rt, "agent")
	}
	tier := rapid.SampledFrom([]postern.Tier{postern.TierEnvelope, postern.TierContent, postern.TierEnvelope, postern.TierContent, postern.TierAttachment, postern.TierTrace, postern.TierAccount}).Draw(m.rt, "tier")
	lasts := time.Duration(rapid.IntRange(1, 40).Draw(m.rt, "minutes")) * time.Minute
	body := map[string]any{"case": k.id, "account": k.c.id, "tier": tier.String(), "reason": "customer-support", "sentence": "To find what is missing.", "seconds": int(lasts.Seconds())}
	q := &question{by: by, k: k, tier: tier, lasts: min(lasts, m.longest(tier)), named: true}
	foreign := false
	switch rapid.IntRange(0, 7).Draw(m.rt, "scope") {
	case 0:
		body["mailbox"] = "INBOX"
		q.named = false
		for _, l := range k.c.messages[:3] {
			q.messages = append(q.messages, l.id)
		}
	case 1: // a message of somebody else
		other := m.ana[(slices.Index(m.ana, k.c)+1)%len(m.ana)]
		q.messages, foreign = append(pick(m.rt, k.c, "messages"), other.messages[1].id), true
		body["messages"] = q.messages
	case 2: // a case of somebody else
		other := m.ana[(slices.Index(m.ana, k.c)+1)%len(m.ana)]
		body["account"], foreign = other.id, true
		q.messages = pick(m.rt, other, "messages")
		body["messages"] = q.messages
	default:
		q.messages = pick(m.rt, k.c, "messages")
		body["messages"] = q.messages
	}
	if tier == postern.TierAccount {
		delete(body, "messages")
		delete(body, "mailbox")
		q.messages = nil
		foreign = foreign && body["account"] != k.c.id
	}
	status, out, text := m.answer(by, "POST", "/api/v1/requests", body)
	m.nothingBut(text, nil, "asking")
	if status != 201 {
		return
	}
	if foreign || k.closed || !by.sees(k) {
		m.rt.Fatalf("asked in a case that does not allow it: %s", text)
	}
	q.id = postern.RequestID(str(m.t, out, "id"))
	switch out["status"] {
	case "waiting":
		if m.wishes[k.c] == gate.WishRefuse {
			m.rt.Fatalf("the customer always refuses, and is asked: %s", text)
		}
		m.questions = append(m.questions, q)
	case "granted":
		p := &permit{id: postern.GrantID(str(m.t, out, "grant")), by: by, k: k, tier: tier, messages: q.messages, until: m.clock.now().Add(q.lasts)}
		if tier > postern.TierTrace {
			o := m.offerFor(q)
			if o == nil {
				m.rt.Fatalf("granted, and nobody agreed: %s", text)
			}
			p.consented = o.named
			if o.lasts > 0 {
				p.until = m.clock.now().Add(min(q.lasts, o.lasts))
			}
		}
		m.permits = append(m.permits, p)
	}
}

// offerFor gives the newest offer that covers a question.
func (m *model) offerFor(q *question) *offered {
	if m.wishes[q.k.c] == gate.WishEach {
		return nil
	}
	for _, o := range slices.Backward(m.offers) {
		if o.k == q.k && (o.member == "" || o.member == q.by.member) && q.tier <= o.tier && inside(q.messages, o.messages) {
			return o
		}
	}
	return nil
}

func inside(some, all []postern.MessageID) bool {
	return !slices.ContainsFunc(some, func(id postern.MessageID) bool { return !slices.Contains(all, id) })
}

// waiting chooses a question, mostly one that waits.
func (m *model) waiting() *question {
	var open []*question
	for _, q := range m.questions {
		if !q.answered {
			open = append(open, q)
		}
	}
	switch {
	case len(open) > 0 && rapid.IntRange(0, 9).Draw(m.rt, "waiting") > 0:
		return rapid.SampledFrom(open).Draw(m.rt, "question")
	case len(m.questions) > 0:
		return rapid.SampledFrom(m.questions).Draw(m.rt, "question")
	}
	return nil
}

// less draws how a question is narrowed, or something wider.
func (m *model) less(q *question) (tier postern.Tier, messages []postern.MessageID, lasts time.Duration) {
	wider := rapid.IntRange(0, 5).Draw(m.rt, "wider") == 0
	if rapid.IntRange(0, 5).Draw(m.rt, "narrow tier") == 0 {
		if tier = m.tier("narrower", postern.TierAccount); !wider {
			tier = min(tier, q.tier)
		}
	}
	if rapid.IntRange(0, 3).Draw(m.rt, "narrow messages") == 0 {
		if messages = pick(m.rt, q.k.c, "fewer"); !wider && len(q.messages) > 0 {
			messages = q.messages[:rapid.IntRange(1, len(q.messages)).Draw(m.rt, "so many")]
		}
	}
	if rapid.IntRange(0, 3).Draw(m.rt, "narrow time") == 0 {
		if lasts = time.Duration(rapid.IntRange(1, 30).Draw(m.rt, "shorter")) * time.Minute; !wider {
			lasts = min(lasts, q.lasts)
		}
	}
	return tier, messages, lasts
}

// permitted is what the model makes of a yes.
func (m *model) permitted(q *question, id postern.GrantID, tier postern.Tier, messages []postern.MessageID, lasts time.Duration) *permit {
	if q.answered || tier > q.tier || !inside(messages, q.messages) || lasts > q.lasts {
		m.rt.Fatalf("a yes to more than was asked, or to what was answered: %v %v %v to %+v", tier, messages, lasts, q)
	}
	q.answered = true
	p := &permit{id: id, by: q.by, k: q.k, tier: q.tier, messages: q.messages, until: m.clock.now().Add(q.lasts), seen: map[postern.MessageID]bool{}}
	if tier != postern.TierNone {
		p.tier = tier
	}
	if messages != nil {
		p.messages = messages
	}
	if lasts != 0 {
		p.until = m.clock.now().Add(lasts)
	}
	m.permits = append(m.permits, p)
	return p
}

func (m *model) approve() {
	q := m.waiting()
	if q == nil {
		return
	}
	by := m.anybody()
	if ivo := m.bots[len(m.bots)-3]; rapid.IntRange(0, 2).Draw(m.rt, "by the approver") > 0 {
		by = ivo
	}
	tier, messages, lasts := m.less(q)
	body := map[string]any{}
	if tier != postern.TierNone {
		body["tier"] = tier.String()
	}
	if messages != nil {
		body["messages"] = messages
	}
	if lasts != 0 {
		body["seconds"] = int(lasts.Seconds())
	}
	status, out, text := m.answer(by, "POST", "/api/v1/requests/"+string(q.id)+"/approve", body)
	m.nothingBut(text, nil, "an approval")
	if status != 200 {
		return
	}
	if by.name != "both" && by.name != "ivo" || by.member == q.by.member || q.tier > postern.TierEnvelope || q.by.over || q.k.closed {
		m.rt.Fatalf("%s approved what %s asked at %s: %s", by.name, q.by.name, q.tier, text)
	}
	m.permitted(q, postern.GrantID(str(m.t, out, "id")), tier, messages, lasts)
}

// consent is the customer's own yes, in their page.
func (m *model) consent() {
	q := m.waiting()
	if q == nil {
		return
	}
	tier, messages, lasts := m.less(q)
	once := rapid.IntRange(0, 4).Draw(m.rt, "once") == 0
	given, err := m.n.Gate.Consent(context.Background(), q.k.c.id, q.id, gate.Narrow{Tier: tier, Messages: messages, For: lasts, Once: once})
	if err != nil {
		return
	}
	p := m.permitted(q, given.ID, tier, messages, lasts)
	p.consented = messages != nil || q.named && len(q.messages) > 0
	p.once = (once || m.wishes[q.k.c] == gate.WishEach && p.tier >= postern.TierContent) && len(p.messages) > 0
	if given.ID == "" {
		if !q.by.over {
			m.rt.Fatalf("a yes to %s made no grant", q.by.name)
		}
		m.permits = m.permits[:len(m.permits)-1]
		m.offers = append(m.offers, &offered{q.k, p.tier, p.messages, p.consented, q.by.member, p.until.Sub(m.clock.now())})
	}
}

func (m *model) answerNo() {
	q := m.waiting()
	if q == nil {
		return
	}
	if rapid.Bool().Draw(m.rt, "customer") {
		if m.n.Gate.Decline(context.Background(), q.k.c.id, q.id, "") == nil {
			q.answered = true
		}
		return
	}
	status, _, text := m.answer(m.anybody(), "POST", "/api/v1/requests/"+string(q.id)+"/refuse", map[string]any{"sentence": "There is no need."})
	m.nothingBut(text, nil, "a refusal")
	q.answered = q.answered || status == 204
}

func (m *model) cancel() {
	q := m.waiting()
	if q == nil {
		return
	}
	by := m.anybody()
	status, _, text := m.answer(by, "POST", "/api/v1/requests/"+string(q.id)+"/cancel", nil)
	m.nothingBut(text, nil, "taking back")
	q.answered = q.answered || status == 204
}

func (m *model) offer() {
	k := rapid.SampledFrom(m.tickets).Draw(m.rt, "case")
	messages, tier := pick(m.rt, k.c, "offered"), m.tier("tier", postern.TierTrace)
	if m.n.Gate.Offer(context.Background(), k.c.id, k.id, messages, tier) == nil {
		m.offers = append(m.offers, &offered{k: k, tier: tier, messages: messages, named: true})
		m.clock.pass(time.Millisecond) // so that offers have an order
	}
}

func (m *model) wish() {
	c := rapid.SampledFrom(m.ana).Draw(m.rt, "customer")
	w := rapid.SampledFrom([]gate.Wish{gate.WishAsk, gate.WishAsk, gate.WishEach, gate.WishRefuse}).Draw(m.rt, "wish")
	m.ok(m.n.Gate.SetPreference(context.Background(), c.id, w))
	if m.wishes[c] = w; w == gate.WishRefuse {
		for _, q := range m.questions {
			q.answered = q.answered || q.k.c == c
		}
	}
}
