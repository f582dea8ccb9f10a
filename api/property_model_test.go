package api_test

import (
	"context"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/gate/policy"
	"github.com/postern-mail/postern/staff"
)

// bot is a token of a member of staff.
type bot struct {
	name   string
	member postern.StaffID
	secret string
	token  staff.Token
	org    postern.OrganisationID
	over   bool // contained
	ended  postern.ContainmentID
}

type ticket struct {
	id     postern.CaseID
	c      *customer
	closed bool
}

// question is a request that waits, as it was asked.
type question struct {
	id       postern.RequestID
	by       *bot
	k        *ticket
	tier     postern.Tier
	messages []postern.MessageID
	lasts    time.Duration
	named    bool
	answered bool
}

// permit is what the model believes was granted.
type permit struct {
	id        postern.GrantID
	by        *bot
	k         *ticket
	tier      postern.Tier
	messages  []postern.MessageID
	until     time.Time
	consented bool
	once      bool
	seen      map[postern.MessageID]bool
	over      bool
}

// offered is a customer's yes before anybody asked.
type offered struct {
	k        *ticket
	tier     postern.Tier
	messages []postern.MessageID
	named    bool
	member   postern.StaffID // "" for anybody
	lasts    time.Duration
}

type sight struct {
	by       *bot
	c        *customer
	tier     postern.Tier
	fields   postern.Field
	messages []postern.MessageID
}

// model is one history.
type model struct {
	*house
	rt        *rapid.T
	rules     policy.Policy
	bots      []*bot // agents, approvers, one who is both, a responder last
	tickets   []*ticket
	questions []*question
	permits   []*permit
	offers    []*offered
	wishes    map[*customer]gate.Wish
	shown     map[postern.DisclosureID]sight
	refused   int
}

// begin starts a history with people, organisations and cases of its own.
func (h *house) begin(rt *rapid.T) *model {
	m := &model{house: h, rt: rt, rules: policy.Default(), wishes: map[*customer]gate.Wish{}, shown: map[postern.DisclosureID]sight{}}
	ctx := context.Background()
	provider, helpline := postern.OrganisationID("p"+postern.NewID()[:10]), postern.OrganisationID("h"+postern.NewID()[:10])
	for id, kind := range map[postern.OrganisationID]string{provider: "provider", helpline: "outsourcer"} {
		m.ok(h.n.Staff.CreateOrganisation(ctx, staff.Organisation{ID: id, Name: "An organisation", Kind: kind}))
	}
	works := []string{"cases:read", "cases:write", "account:read", "gate:ask", "gate:reveal"}
	agrees := []string{"gate:approve"}
	for _, p := range []struct {
		name   string
		org    postern.OrganisationID
		roles  []staff.Role
		scopes []string
		tokens int
	}{
		{"noor", provider, []staff.Role{staff.Agent}, works, 2},
		{"bea", helpline, []staff.Role{staff.Agent}, works, 1},
		{"both", provider, []staff.Role{staff.Agent, staff.Approver}, append(agrees, works...), 1},
		{"ivo", provider, []staff.Role{staff.Approver}, append(agrees, works...), 1},
		{"olga", helpline, []staff.Role{staff.Approver}, agrees, 1},
		{"rita", provider, []staff.Role{staff.Responder}, append([]string{"response:read", "response:contain", "ledger:read"}, works...), 1},
	} {
		who, err := h.n.Staff.CreateMember(ctx, staff.NewMember{Login: p.name + "-" + postern.NewID()[:8], Name: p.name, Locale: "en", Organisation: p.org, Roles: p.roles})
		m.ok(err)
		for range p.tokens {
			b := &bot{name: p.name, member: who.ID, org: p.org}
			b.secret, b.token, err = h.n.Staff.IssueToken(ctx, who.ID, "history", p.scopes, 100*time.Hour)
			m.ok(err)
			m.bots = append(m.bots, b)
		}
	}
	for _, c := range h.ana {
		m.ok(h.n.Gate.SetPreference(ctx, c.id, gate.WishAsk))
		m.wishes[c] = gate.WishAsk
		m.openCase(m.bots[0], c)
	}
	return m
}

func (m *model) ok(err error) {
	m.t.Helper()
	if err != nil {
		m.rt.Fatal(err)
	}
}

func (m *model) responder() *bot { return m.bots[len(m.bots)-1] }

// anybody mostly chooses somebody who can still act.
func (m *model) anybody() *bot {
	b := rapid.SampledFrom(m.bots).Draw(m.rt, "by")
	if b.over && rapid.IntRange(0, 3).Draw(m.rt, "again") > 0 {
		b = rapid.SampledFrom(m.bots).Draw(m.rt, "by")
	}
	return b
}

func (m *model) tier(label string, from postern.Tier) postern.Tier {
	return postern.Tier(rapid.IntRange(int(from), int(postern.TierAttachment)).Draw(m.rt, label))
}

func (m *model) step() {
	steps := []func(){m.ask, m.ask, m.ask, m.consent, m.consent, m.approve, m.approve, m.reveal, m.reveal, m.reveal, m.reveal, m.reveal, m.reveal,
		m.diagnose, m.trace, m.offer, m.withdraw, m.closeGrant, m.answerNo, m.cancel, m.wish, m.openOrClose, m.look, m.pass, m.contain, m.lift}
	steps[rapid.IntRange(0, len(steps)-1).Draw(m.rt, "step")]()
}

func (m *model) openCase(by *bot, c *customer) {
	status, out, text := m.answer(by, "POST", "/api/v1/cases", map[string]any{"address": c.address, "subject": "Where is it?", "text": "I miss a message."})
	m.nothingBut(text, nil, "opening a case")
	if status == 201 {
		m.tickets = append(m.tickets, &ticket{id: postern.CaseID(str(m.t, out, "id")), c: c})
	}
}

func (m *model) openOrClose() {
	k, by := rapid.SampledFrom(m.tickets).Draw(m.rt, "case"), m.anybody()
	switch rapid.IntRange(0, 3).Draw(m.rt, "what") {
	case 0:
		m.openCase(by, rapid.SampledFrom(m.ana).Draw(m.rt, "customer"))
	case 1:
		status, _, text := m.answer(by, "POST", "/api/v1/cases/"+string(k.id)+"/close", nil)
		m.nothingBut(text, nil, "closing a case")
		if status == 204 {
			k.closed = true
			m.end(func(p *permit) bool { return p.k == k })
			m.offers = slices.DeleteFunc(m.offers, func(o *offered) bool { return o.k == k })
			for _, q := range m.questions {
				q.answered = q.answered || q.k == k
			}
		}
	default:
		status, _, text := m.answer(by, "POST", "/api/v1/cases/"+string(k.id)+"/reopen", nil)
		m.nothingBut(text, nil, "opening a case again")
		if status == 204 {
			k.closed = false
		}
	}
}

func (m *model) end(which func(*permit) bool) {
	for _, p := range m.permits {
		p.over = p.over || which(p)
	}
}

// longest is how long the policy lets a tier last.
func (m *model) longest(t postern.Tier) time.Duration { return m.rules.Tiers[t.String()].Longest }

func (m *model) ask() {
	by, k := m.anybody(), rapid.SampledFrom(m.tickets).Draw(m.rt, "case")
	tier := m.tier("tier", postern.TierAccount)
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
	if foreign || k.closed {
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
	if rapid.IntRange(0, 2).Draw(m.rt, "narrow tier") == 0 {
		tier = m.tier("narrower", postern.TierAccount)
	}
	if rapid.IntRange(0, 2).Draw(m.rt, "narrow messages") == 0 {
		messages = pick(m.rt, q.k.c, "fewer")
	}
	if rapid.IntRange(0, 2).Draw(m.rt, "narrow time") == 0 {
		lasts = time.Duration(rapid.IntRange(1, 30).Draw(m.rt, "shorter")) * time.Minute
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

func (m *model) onePermit() *permit {
	if len(m.permits) == 0 {
		return nil
	}
	if live := slices.DeleteFunc(slices.Clone(m.permits), func(p *permit) bool { return p.over || p.by.over || !m.clock.now().Before(p.until) }); len(live) > 0 && rapid.IntRange(0, 3).Draw(m.rt, "live") > 0 {
		return rapid.SampledFrom(live).Draw(m.rt, "grant")
	}
	return rapid.SampledFrom(m.permits).Draw(m.rt, "grant")
}

func (m *model) withdraw() {
	p := m.onePermit()
	if p == nil || m.n.Gate.Withdraw(context.Background(), p.k.c.id, p.id) != nil {
		return
	}
	p.over = true
	m.offers = slices.DeleteFunc(m.offers, func(o *offered) bool {
		return o.k == p.k && slices.ContainsFunc(p.messages, func(id postern.MessageID) bool { return slices.Contains(o.messages, id) })
	})
}

func (m *model) closeGrant() {
	p := m.onePermit()
	if p == nil {
		return
	}
	by := m.anybody()
	status, _, text := m.answer(by, "POST", "/api/v1/grants/"+string(p.id)+"/close", nil)
	m.nothingBut(text, nil, "closing a grant")
	p.over = p.over || status == 204 && by == p.by
}

func (m *model) pass() {
	// The sequencer works in real time: an hour that passes in an instant would
	// find rows an hour old that it had no chance to sequence.
	_, err := m.n.Ledger.Sequence(context.Background())
	m.ok(err)
	m.clock.pass(time.Duration(rapid.IntRange(1, 12).Draw(m.rt, "minutes")) * time.Minute)
}

func (m *model) look() {
	k := rapid.SampledFrom(m.tickets).Draw(m.rt, "case")
	path := rapid.SampledFrom([]string{"/api/v1/cases", "/api/v1/cases/" + string(k.id), "/api/v1/requests", "/api/v1/grants", "/api/v1/approvals", "/api/v1/alerts",
		"/api/v1/containments", "/api/v1/incidents", "/api/v1/disclosures", "/api/openapi.json"}).Draw(m.rt, "path")
	by := m.anybody()
	if path == "/api/openapi.json" {
		by = &bot{}
	}
	_, _, text := m.answer(by, "GET", path, nil)
	m.nothingBut(text, nil, path)
}

func (m *model) contain() {
	if rapid.IntRange(0, 2).Draw(m.rt, "really") > 0 {
		return
	}
	target := rapid.SampledFrom(m.bots[:len(m.bots)-1]).Draw(m.rt, "target")
	kind := rapid.SampledFrom([]string{gate.KindCredential, gate.KindSession, gate.KindGrant, gate.KindGrant, gate.KindOrganisation}).Draw(m.rt, "kind")
	subject := map[string]string{gate.KindCredential: string(target.token.Credential), gate.KindSession: string(target.token.Session), gate.KindOrganisation: string(target.org)}[kind]
	p := m.onePermit()
	if kind == gate.KindGrant {
		if p == nil {
			return
		}
		subject = string(p.id)
	}
	by := m.responder()
	if rapid.IntRange(0, 4).Draw(m.rt, "by another") == 0 {
		by = m.anybody()
	}
	status, out, text := m.answer(by, "POST", "/api/v1/containments", map[string]any{"kind": kind, "subject": subject, "why": "A rehearsal."})
	m.nothingBut(text, nil, "a containment")
	if status != 201 {
		return
	}
	if by != m.responder() {
		m.rt.Fatalf("%s contained", by.name)
	}
	if kind == gate.KindGrant {
		p.over = true
		return
	}
	for _, b := range m.bots {
		if !b.over && (kind == gate.KindOrganisation && b.org == target.org || kind != gate.KindOrganisation && b == target) {
			b.over, b.ended = true, postern.ContainmentID(str(m.t, out, "id"))
		}
	}
}

// lift gives nobody back what ended.
func (m *model) lift() {
	b := rapid.SampledFrom(m.bots).Draw(m.rt, "lifted")
	if b.ended == "" {
		return
	}
	by := m.anybody()
	status, _, text := m.answer(by, "POST", "/api/v1/containments/"+string(b.ended)+"/lift", map[string]any{"why": "It was a rehearsal."})
	m.nothingBut(text, nil, "a lift")
	if status == 204 && by != m.responder() {
		m.rt.Fatalf("%s lifted", by.name)
	}
}
