package api_test

import (
	"context"
	"reflect"
	"slices"
	"strings"
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
	outer  bool // of the outsourcer
}

// sees says whether a case is there for a token.
func (b *bot) sees(k *ticket) bool { return !b.outer || k.to == b.org }

type ticket struct {
	id     postern.CaseID
	c      *customer
	closed bool
	to     postern.OrganisationID // the outsourcer that works it, "" for none
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
	once     bool
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
	m := &model{house: h, rt: rt, rules: forPrograms(), wishes: map[*customer]gate.Wish{}, shown: map[postern.DisclosureID]sight{}}
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
			b := &bot{name: p.name, member: who.ID, org: p.org, outer: p.org == helpline}
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
	steps := []func(){m.ask, m.ask, m.ask, m.ask, m.consent, m.consent, m.consent, m.approve, m.approve, m.approve, m.reveal, m.reveal, m.reveal, m.reveal, m.reveal, m.reveal, m.reveal, m.reveal,
		m.diagnose, m.trace, m.offer, m.withdraw, m.closeGrant, m.answerNo, m.cancel, m.wish, m.openOrClose, m.look, m.pass, m.contain, m.lift, m.give, m.give}
	steps[rapid.IntRange(0, len(steps)-1).Draw(m.rt, "step")]()
}

func (m *model) openCase(by *bot, c *customer) {
	status, out, text := m.answer(by, "POST", "/api/v1/cases", map[string]any{"address": c.address, "subject": "Where is it?", "text": "I miss a message."})
	m.nothingBut(text, nil, "opening a case")
	if status == 201 {
		k := &ticket{id: postern.CaseID(str(m.t, out, "id")), c: c}
		if by.outer {
			k.to = by.org
		}
		m.tickets = append(m.tickets, k)
	}
}

// give gives a case to the outsourcer or takes it back: with that ends what it
// allowed there.
func (m *model) give() {
	k, by := rapid.SampledFrom(m.tickets).Draw(m.rt, "case"), m.anybody()
	to := rapid.SampledFrom([]*bot{m.bots[0], m.bots[2], m.bots[2]}).Draw(m.rt, "to").org
	status, _, text := m.answer(by, "POST", "/api/v1/cases/"+string(k.id)+"/organisation", map[string]any{"to": to})
	m.nothingBut(text, nil, "giving a case")
	if status != 204 {
		return
	}
	if !by.sees(k) {
		m.rt.Fatalf("%s gave away a case of others: %s", by.name, text)
	}
	if k.to != "" && k.to != to {
		m.end(func(p *permit) bool { return p.k == k && p.by.org == k.to })
		for _, q := range m.questions {
			q.answered = q.answered || q.k == k && q.by.org == k.to
		}
	}
	if k.to = to; to == m.bots[0].org {
		k.to = ""
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
			m.mustSee(by, k, text)
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
			m.mustSee(by, k, text)
			k.closed = false
		}
	}
}

func (m *model) mustSee(by *bot, k *ticket, text string) {
	if !by.sees(k) {
		m.rt.Fatalf("%s reached a case of others: %s", by.name, text)
	}
}

func (m *model) end(which func(*permit) bool) {
	for _, p := range m.permits {
		p.over = p.over || which(p)
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
	one := "/api/v1/cases/" + string(k.id)
	path := rapid.SampledFrom([]string{"/api/v1/cases", one, one, "/api/v1/requests", "/api/v1/grants", "/api/v1/approvals", "/api/v1/alerts",
		"/api/v1/containments", "/api/v1/incidents", "/api/v1/disclosures", "/api/openapi.json"}).Draw(m.rt, "path")
	by := m.anybody()
	if path == "/api/openapi.json" {
		by = &bot{}
	}
	status, out, text := m.answer(by, "GET", path, nil)
	m.nothingBut(text, nil, path)
	if !by.outer {
		return
	}
	for _, k := range m.tickets {
		if !by.sees(k) && strings.Contains(text, string(k.id)) && path != "/api/v1/requests" && path != "/api/v1/grants" { // one's own of before
			m.rt.Fatalf("%s shows %s a case of others: %s", path, by.name, text)
		}
	}
	if path == one && !by.sees(k) && status != 401 && status != 403 {
		if none, other, _ := m.answer(by, "GET", "/api/v1/cases/"+postern.NewID(), nil); status != 404 || none != 404 || !reflect.DeepEqual(out, other) {
			m.rt.Fatalf("a case of others is %d %v, and none is %d %v", status, out, none, other)
		}
	}
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
	if status == 200 && by != m.responder() {
		m.rt.Fatalf("%s lifted", by.name)
	}
}
