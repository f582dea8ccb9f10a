package desk

import (
	"context"
	"slices"
	"strings"

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
// customer named: a sender's address or domain, or a Message-ID. No subject, no
// content. That nothing was found is something shown too, and recorded.
func (d *Desk) Trace(ctx context.Context, by staff.Session, id postern.CaseID, query string) (Tracing, error) {
	query, err := traceQuery(query)
	if err != nil {
		return Tracing{}, err
	}
	k, _, err := d.Case(ctx, by, id)
	if err != nil {
		return Tracing{}, err
	}
	asked, err := d.gate.Ask(ctx, by, gate.Ask{Case: k.ID, Account: k.Account, Tier: postern.TierTrace, Scope: postern.Scope{Query: query},
		Reason: postern.ReasonSupport, Sentence: sentence(k.Locale, "trace")})
	if err != nil {
		return Tracing{}, err
	}
	grant, err := granted(asked)
	if err != nil {
		return Tracing{}, err
	}
	// What was refused at the door has no message to be named by: it is looked
	// at first, in a disclosure of its own, and only the named sender's is kept.
	var events []postern.TraceEvent
	if sender, ok := strings.CutPrefix(query, "from:"); ok {
		door, err := d.gate.Reveal(ctx, by, gate.Want{Grant: grant, Tier: postern.TierTrace, Fields: postern.FieldTrace})
		if err != nil {
			return Tracing{}, err
		}
		for _, e := range door.Shown.Trace {
			if e.Message == "" && sent(e.Sender, sender) {
				events = append(events, e)
			}
		}
		if len(asked.Messages) == 0 {
			return Tracing{Query: query, Events: events, Findings: outcomes(events), Delivery: door}, nil
		}
		// The second delivery is under the same grant and session, so its lease
		// answers for what the first one gave.
		door.Done()
	}
	shown, err := d.gate.Reveal(ctx, by, gate.Want{Grant: grant, Tier: postern.TierTrace, Messages: asked.Messages, Fields: postern.FieldTrace})
	if err != nil {
		return Tracing{}, err
	}
	if len(asked.Messages) > 0 { // else what has no message is somebody else's
		events = append(events, shown.Shown.Trace...)
	}
	slices.SortStableFunc(events, func(a, b postern.TraceEvent) int { return a.At.Compare(b.At) })
	return Tracing{Query: query, Events: events, Findings: outcomes(events), Delivery: shown}, nil
}

// sent says that an address is, or is at, what a query names: "ana@bank.example"
// or "bank.example" with its subdomains.
func sent(address, named string) bool {
	address, named = strings.ToLower(address), strings.ToLower(named)
	_, domain, _ := strings.Cut(address, "@")
	return address == named || domain == named || strings.HasSuffix(domain, "."+named)
}

// traceQuery reads what an agent types: "from:" and "id:" as they are, an
// address or a domain as a sender, something in angle brackets as a Message-ID
// (RFC 5322, 3.6.4).
func traceQuery(q string) (string, error) {
	q = strings.TrimSpace(q)
	kind, name, ok := strings.Cut(q, ":")
	kind, name = strings.ToLower(kind), strings.TrimSpace(name)
	if !ok || kind != "from" && kind != "id" {
		kind, name = "from", q
		if strings.HasPrefix(q, "<") {
			kind = "id"
		}
	}
	bad := strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '"' })
	bad = bad || kind == "from" && strings.Contains(name, ":") // "to:ana@x.example" is no sender
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
