package api_test

import (
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/postern-mail/postern"
	gatefields "github.com/postern-mail/postern/gate/fields"
)

// The fields that belong to a message, those that a mask is over, and what
// stands for these.
const (
	ofMessages = postern.FieldFrom | postern.FieldTo | postern.FieldSubject | postern.FieldDate | postern.FieldSize | postern.FieldBody |
		postern.FieldAttachments | postern.FieldSource | masks
	whole = postern.FieldFrom | postern.FieldTo | postern.FieldSubject
	masks = postern.FieldFromMasked | postern.FieldToMasked | postern.FieldSubjectMasked
)

// expect says what a reveal shows, and whether it may be at all.
func (m *model) expect(by *bot, p *permit, tier postern.Tier, asked postern.Field, messages []postern.MessageID) (fields postern.Field, deepest postern.Tier, may bool) {
	fields = asked
	if asked == 0 {
		fields = usual(tier)
	}
	for _, t := range postern.Tiers {
		if fields&^t.Fields() == 0 {
			deepest = t
			break
		}
	}
	switch {
	case deepest > tier, len(messages) == 0 && fields&ofMessages != 0, len(messages) > 0 && deepest == postern.TierAccount:
		return 0, deepest, false
	case by.over, by != p.by, p.over, !m.clock.now().Before(p.until), deepest > p.tier, !inside(messages, p.messages):
		return 0, deepest, false
	case p.once && deepest == p.tier && slices.ContainsFunc(messages, func(id postern.MessageID) bool { return p.seen[id] }):
		return 0, deepest, false
	}
	if deepest == postern.TierEnvelope && p.tier == postern.TierEnvelope { // the default policy masks it
		under := fields & whole
		switch {
		case asked == 0:
			fields = fields&^whole | masks
		case under == 0, under == fields && len(messages) == 1 && under&(under-1) == 0:
		default:
			return 0, deepest, false
		}
	}
	return fields, deepest, true
}

func (m *model) reveal() {
	p := m.onePermit()
	if p == nil {
		return
	}
	by := p.by
	if rapid.IntRange(0, 5).Draw(m.rt, "by another") == 0 {
		by = m.anybody()
	}
	tier := p.tier
	if rapid.IntRange(0, 2).Draw(m.rt, "other tier") == 0 {
		tier = m.tier("tier", postern.TierAccount)
	}
	var messages []postern.MessageID
	switch rapid.IntRange(0, 5).Draw(m.rt, "which") {
	case 0:
	case 1:
		messages = pick(m.rt, rapid.SampledFrom(m.ana).Draw(m.rt, "customer"), "messages")
	case 2:
		messages = p.messages
	default:
		if messages = p.messages; len(messages) > 0 {
			messages = messages[:rapid.IntRange(1, len(messages)).Draw(m.rt, "so many")]
		}
	}
	body := map[string]any{"tier": tier.String(), "messages": messages}
	if messages == nil {
		delete(body, "messages")
	}
	var asked postern.Field
	if rapid.IntRange(0, 2).Draw(m.rt, "fields") == 0 {
		names := rapid.SliceOfNDistinct(rapid.SampledFrom(tier.Fields().Names()), 1, 3, rapid.ID[string]).Draw(m.rt, "names")
		if rapid.IntRange(0, 4).Draw(m.rt, "deeper") == 0 {
			names = append(names, rapid.SampledFrom(postern.TierAttachment.Fields().Names()).Draw(m.rt, "name"))
		}
		body["fields"] = names
		for bit := postern.Field(1); bit != 0; bit <<= 1 {
			if n := bit.Names(); len(n) == 1 && slices.Contains(names, n[0]) {
				asked |= bit
			}
		}
	}
	fields, deepest, may := m.expect(by, p, tier, asked, messages)
	status, out, text := m.answer(by, "POST", "/api/v1/grants/"+string(p.id)+"/reveal", body)
	if may != (status == 200) {
		m.rt.Fatalf("%s reveals %v of %v at %s under %+v: %d %s; the model says %v", by.name, asked.Names(), messages, tier, p, status, text, may)
	}
	if !may {
		m.refused++
		m.nothingBut(text, nil, "a refused reveal")
		return
	}
	var words []string
	for _, l := range p.k.c.messages {
		if slices.Contains(messages, l.id) && (!l.guarded || p.consented) {
			words = append(words, l.shows(fields)...)
		}
	}
	must := slices.Clone(words)
	if fields&postern.FieldMailboxes != 0 {
		words = append(words, p.k.c.mailbox)
	}
	m.nothingBut(text, words, "a reveal")
	m.all(text, must)
	m.record(out, sight{by, p.k.c, deepest, fields, messages})
	if p.once && deepest == p.tier {
		for _, id := range messages {
			p.seen[id] = true
		}
		p.over = p.over || len(p.seen) == len(p.messages)
	}
}

// all holds a text to the words that it must have, so that an empty answer is
// no proof.
func (m *model) all(text string, words []string) {
	for _, w := range words {
		if !strings.Contains(text, w) {
			m.rt.Fatalf("the word %s is missing in %s", w, text)
		}
	}
}

func (m *model) record(out map[string]any, s sight) {
	id := postern.DisclosureID(str(m.t, out, "disclosure"))
	if _, twice := m.shown[id]; twice {
		m.rt.Fatalf("two answers name the disclosure %s", id)
	}
	m.shown[id] = s
}

// diagnose and trace are the Desk's own acts, at the tiers that a case is enough
// for: each is one disclosure, and shows no field of any message but whom the
// envelope came from.
func (m *model) diagnose() {
	by, k := m.anybody(), rapid.SampledFrom(m.tickets).Draw(m.rt, "case")
	status, out, text := m.answer(by, "POST", "/api/v1/cases/"+string(k.id)+"/diagnosis", nil)
	m.nothingBut(text, nil, "a diagnosis")
	if status == 200 {
		m.works(by, k, text)
		m.record(out, sight{by, k.c, postern.TierAccount, usual(postern.TierAccount), nil})
	}
}

func (m *model) trace() {
	by, k := m.anybody(), rapid.SampledFrom(m.tickets).Draw(m.rt, "case")
	l := rapid.SampledFrom(k.c.messages).Draw(m.rt, "message")
	status, out, text := m.answer(by, "POST", "/api/v1/cases/"+string(k.id)+"/trace", map[string]any{"query": l.header})
	if status != 200 {
		m.nothingBut(text, nil, "a refused trace")
		return
	}
	m.works(by, k, text)
	var words []string
	if l.sender != "" && (!l.guarded || m.agreed(by, k, l.id)) {
		words = append(words, l.sender)
	}
	m.nothingBut(text, words, "a trace")
	if !l.guarded {
		m.all(text, words)
	}
	m.record(out, sight{by, k.c, postern.TierTrace, usual(postern.TierTrace), []postern.MessageID{l.id}})
}

func (m *model) works(by *bot, k *ticket, text string) {
	if by.over || k.closed || !by.sees(k) || !slices.Contains([]string{"noor", "bea", "both"}, by.name) {
		m.rt.Fatalf("%s looked in a case that does not allow it: %s", by.name, text)
	}
}

// agreed says whether a customer's yes to this very message is live.
func (m *model) agreed(by *bot, k *ticket, id postern.MessageID) bool {
	return slices.ContainsFunc(m.permits, func(p *permit) bool {
		return p.by == by && p.k == k && p.consented && !p.over && m.clock.now().Before(p.until) && slices.Contains(p.messages, id)
	})
}

// usual is what a view of a tier shows where nothing is masked.
func usual(t postern.Tier) postern.Field { return gatefields.Usual(t) }
