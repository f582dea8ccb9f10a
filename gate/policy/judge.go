package policy

import (
	"strconv"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/ledger"
)

// grant remembers an access that was given, and judges the giving.
func (r *Replay) grant(e ledger.Entry, c *ledger.Control) {
	d := lines(c.Detail)
	t, ok := postern.TierNamed(d["tier"])
	if !ok {
		t, _ = postern.TierNamed(c.Subject)
	}
	g := given{from: c.At, tier: t, cased: c.Case != "", known: d["agreed"] != ""}
	switch d["agreed"] {
	case "policy":
		g.had = AgreeNobody
		if g.cased {
			g.had = AgreeCase
		}
	case "customer":
		g.had = AgreeCustomer
	default:
		g.had = AgreeCustomerOrStaff
		g.yeses = max(1, r.yeses[yes{c.Account, c.Case, c.At.UnixMilli()}])
	}
	_, g.urgent = d["emergency"]
	r.grants[c.Grant] = g
	// The actor of an approver's grant is the approver.
	if d["agreed"] == "policy" {
		r.members[c.Session] = worker{c.Actor, c.At}
	}
	rule, v := r.enter(c.Organisation, c.Session, t, c.At, g.urgent)
	if v.why == RefusedHours && d["agreed"] != "policy" {
		// Hours are for asking and showing: a yes may come in the evening.
		v = verdict{Allowed, ""}
	}
	if v.outcome != Refused {
		v = worse(v, agreed(rule, g))
	}
	r.count(&r.report.Grants, e, fact{c.At, t, c.Organisation, r.worker(c)}, v)
}

// consent remembers how many members of staff had agreed at a moment. The record
// of a grant names them all, and a name may have a comma.
func (r *Replay) consent(c *ledger.Control) {
	n, _, several := strings.Cut(lines(c.Detail)["agreed"], " of ")
	if count, err := strconv.Atoi(n); several && err == nil {
		r.yeses[yes{c.Account, c.Case, c.At.UnixMilli()}] = count
	}
}

// worker says who acted in a session; for a grant that an approver gave, by what
// else the session did. "" for one that the ledger did not say yet.
func (r *Replay) worker(c *ledger.Control) postern.StaffID { return r.members[c.Session].staff }

// request judges a question that had to wait for a yes.
func (r *Replay) request(e ledger.Entry, c *ledger.Control) {
	r.members[c.Session] = worker{c.Actor, c.At}
	d := lines(c.Detail)
	t, _ := postern.TierNamed(d["tier"])
	_, urgent := d["emergency"]
	r.count(&r.report.Requests, e, fact{c.At, t, c.Organisation, c.Actor}, r.asks(c, t, urgent))
}

// asks judges a question by itself: at once, after a yes, or not at all.
func (r *Replay) asks(c *ledger.Control, t postern.Tier, urgent bool) verdict {
	rule, v := r.enter(c.Organisation, c.Session, t, c.At, urgent)
	if v.outcome == Refused {
		return v
	}
	had := given{had: AgreeNobody, cased: c.Case != "", known: true}
	if had.cased {
		had.had = AgreeCase
	}
	return worse(v, agreed(rule, had))
}

// ofPolicy are the refusals that another policy could have decided otherwise.
var ofPolicy = [...]string{"gate.refused.budget", "gate.refused.policy", "gate.refused.outsourcer", "gate.refused.no-case", "gate.refused.organisation", RefusedHours, RefusedNetwork}

// refusal judges what was refused. One that no policy decides is refused again.
func (r *Replay) refusal(e ledger.Entry, c *ledger.Control) {
	d := lines(c.Detail)
	t, _ := postern.TierNamed(d["tier"])
	v := verdict{Refused, c.Subject}
	for _, key := range ofPolicy {
		if key != c.Subject || t == postern.TierNone {
			continue
		}
		switch d["what"] {
		case "ask":
			v = r.asks(c, t, false)
		case "reveal":
			n, _ := strconv.Atoi(d["messages"])
			v = r.shows(showing{c.At, t, c.Organisation, c.Session, c.Actor, c.Account, c.Grant, c.Case != "", n})
		}
	}
	r.count(&r.report.Refusals, e, fact{c.At, t, c.Organisation, c.Actor}, v)
}

// disclosure judges what was shown: by the tier that it showed, at its own time.
func (r *Replay) disclosure(e ledger.Entry, d *ledger.Disclosure) {
	r.members[d.Session] = worker{d.Staff, d.At}
	v := r.shows(showing{d.At, d.Tier, d.Organisation, d.Session, d.Staff, d.Account, d.Grant, d.Case != "", len(d.Messages)})
	r.count(&r.report.Disclosures, e, fact{d.At, d.Tier, d.Organisation, d.Staff}, v)
	if !r.counts(d.At) || v.outcome == Refused {
		return
	}
	rule := r.ruling(d.Organisation, d.Tier).rule
	const whole = postern.FieldFrom | postern.FieldTo | postern.FieldSubject
	if rule.Mask && d.Fields&whole != 0 && (len(d.Messages) > 1 || d.Fields&whole&(d.Fields&whole-1) != 0) {
		r.report.Masked++
	}
	if rule.Reauth > 0 {
		r.report.Proofs++
	}
	if len(d.Messages) == 0 && d.Tier > postern.TierAccount && e.Erased {
		r.report.Erased++
	}
}

// showing is what was shown or would have been.
type showing struct {
	at       time.Time
	tier     postern.Tier
	org      postern.OrganisationID
	session  postern.SessionID
	staff    postern.StaffID
	account  postern.AccountID
	grant    postern.GrantID
	cased    bool
	messages int
}

func (r *Replay) shows(s showing) verdict {
	g, found := r.grants[s.grant]
	if !found {
		g = given{tier: s.tier, cased: s.cased}
	}
	rule, v := r.enter(s.org, s.session, s.tier, s.at, g.urgent)
	if v.outcome == Refused {
		return v
	}
	v = worse(v, agreed(rule, g))
	if v.outcome == Refused {
		return v
	}
	if found && v.outcome == Allowed {
		// The agent would have asked for as much as this policy has.
		lasts := rule.Longest
		if deeper := r.ruling(s.org, g.tier); deeper.ok {
			lasts = max(lasts, deeper.rule.Longest)
		}
		if g.urgent {
			lasts = r.policy.Emergency.Longest
		}
		if s.at.Sub(g.from) > lasts {
			v = verdict{Delayed, whyAgain}
		}
	}
	// What is delayed is shown later, and counts as well.
	if !r.spent.spend(rule, s, s.at.Unix()/60) {
		return verdict{Refused, "gate.refused.budget"}
	}
	return v
}

// fact is what the report's lines are by.
type fact struct {
	at    time.Time
	tier  postern.Tier
	org   postern.OrganisationID
	staff postern.StaffID
}

// count adds a verdict to a tally, if its time is asked for.
func (r *Replay) count(t *Tally, e ledger.Entry, f fact, v verdict) {
	if !r.counts(f.at) {
		return
	}
	r.report.Entries++
	t.add(f, v.outcome)
	if v.outcome == Allowed {
		return
	}
	why := strings.TrimPrefix(v.why, "gate.refused.")
	why = strings.TrimPrefix(why, "replay.")
	if t.Why[string(v.outcome)] == nil {
		t.Why[string(v.outcome)] = map[string]int64{}
	}
	n := t.Why[string(v.outcome)][why]
	t.Why[string(v.outcome)][why] = n + 1
	if n < examples {
		t.Examples = append(t.Examples, Example{e.Index, f.at, v.outcome, why, f.tier.String(), f.org, f.staff})
	}
}
