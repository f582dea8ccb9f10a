package desk

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/staff"
)

// Tracing is what happened to the messages that a customer named. Write it
// through Delivery, and end that with Done.
type Tracing struct {
	Query    string // as it was understood: "from:bank.example", "id:<x@y>"
	Events   []postern.TraceEvent
	Findings []Finding
	Account  *postern.ShownAccount // nil unless it was asked for too, as a checklist does
	Delivery *gate.Delivery
}

// The findings of a trace.
const (
	FoundNoTrace   = "desk.finding.trace-none"      // nothing of this name came or went
	FoundJunked    = "desk.finding.trace-junked"    // how many went to Junk
	FoundTurned    = "desk.finding.trace-refused"   // how many were refused at the door
	FoundBounced   = "desk.finding.trace-bounced"   // how many came back
	FoundUnderWay  = "desk.finding.trace-queued"    // how many are still waiting to go out
	FoundDelivered = "desk.finding.trace-delivered" // how many arrived
)

// Trace says what became of one message, or of one sender's mail, that the
// customer named: a sender's address or domain, a recipient ("to:bo@msn.example"),
// a Message-ID, with a time ("this morning", "since:2026-05-14") or without. No
// subject, no content. It is one disclosure; that nothing was found is something
// shown too, and recorded.
func (d *Desk) Trace(ctx context.Context, by staff.Session, id postern.CaseID, query string) (Tracing, error) {
	return d.trace(ctx, by, id, query, postern.FieldTrace)
}

func (d *Desk) trace(ctx context.Context, by staff.Session, id postern.CaseID, typed string, fields postern.Field) (Tracing, error) {
	n, err := parseTrace(typed, d.now(), time.UTC)
	if err != nil {
		return Tracing{}, err
	}
	k, _, err := d.Case(ctx, by, id)
	if err != nil {
		return Tracing{}, err
	}
	asked, err := d.gate.Ask(ctx, by, gate.Ask{Case: k.ID, Account: k.Account, Tier: postern.TierTrace, Scope: n.scope(),
		Reason: postern.ReasonSupport, Sentence: sentence(k.Locale, "trace")})
	if err != nil {
		return Tracing{}, err
	}
	grant, err := granted(asked)
	if err != nil {
		return Tracing{}, err
	}
	shown, err := d.gate.Reveal(ctx, by, gate.Want{Grant: grant, Tier: postern.TierTrace, Messages: asked.Messages, Fields: fields})
	if err != nil {
		return Tracing{}, err
	}
	// What was never stored has no name in the grant: only what the customer
	// named is kept of it.
	var events []postern.TraceEvent
	for _, e := range shown.Shown.Trace {
		if n.keeps(e) {
			events = append(events, n.mask(e))
		}
	}
	slices.SortStableFunc(events, func(a, b postern.TraceEvent) int { return a.At.Compare(b.At) })
	return Tracing{Query: n.query(), Events: events, Findings: outcomes(events), Account: shown.Shown.Account, Delivery: shown}, nil
}

// sent says that an address is, or is at, what a query names: "ana@bank.example"
// or "bank.example" with its subdomains.
func sent(address, named string) bool {
	address, named = strings.ToLower(address), strings.ToLower(named)
	_, domain, _ := strings.Cut(address, "@")
	return address == named || domain == named || strings.HasSuffix(domain, "."+named)
}

// traceQuery reads a name: "from:", "to:" and "id:" as they are, an
// address or a domain as a sender, something in angle brackets as a Message-ID
// (RFC 5322, 3.6.4).
func traceQuery(q string) (string, error) {
	q = strings.TrimSpace(q)
	kind, name, ok := strings.Cut(q, ":")
	kind, name = strings.ToLower(kind), strings.TrimSpace(name)
	if !ok || kind != "from" && kind != "to" && kind != "id" {
		kind, name = "from", q
		if strings.HasPrefix(q, "<") {
			kind = "id"
		}
	}
	bad := strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '"' })
	bad = bad || kind != "id" && strings.Contains(name, ":") // "cc:ana@x.example" is no sender
	if name == "" || len(name) > 320 || bad || !strings.ContainsAny(name, "@.") {
		return "", invalid("desk.invalid.trace", "name a sender (ana@bank.example, bank.example) or a Message-ID (<x@y>)")
	}
	if kind == "id" && !strings.HasPrefix(name, "<") {
		name = "<" + name + ">"
	}
	return kind + ":" + name, nil
}

// outcomes counts how messages ended, the worst first.
func outcomes(events []postern.TraceEvent) []Finding {
	n := map[string]int{}
	for _, e := range events {
		n[e.Event]++
	}
	var f []Finding
	for _, o := range []struct {
		events   []string
		key      string
		severity Severity
	}{
		{[]string{"refused"}, FoundTurned, Problem},
		{[]string{"bounced"}, FoundBounced, Problem},
		{[]string{"junked"}, FoundJunked, Warning},
		{[]string{"delivered", "sent"}, FoundDelivered, Good},
	} {
		sum := 0
		for _, e := range o.events {
			sum += n[e]
		}
		if sum > 0 {
			f = append(f, Finding{o.key, []any{sum}, o.severity})
		}
	}
	if waiting := n["queued"] - n["sent"] - n["bounced"]; waiting > 0 {
		f = append(f, Finding{FoundUnderWay, []any{waiting}, Note})
	}
	if len(f) == 0 {
		f = append(f, Finding{FoundNoTrace, nil, Note})
	}
	return f
}
