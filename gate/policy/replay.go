package policy

import (
	"bufio"
	"container/heap"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/ledger/verify"
)

// Outcome is what another policy would have made of something in the ledger.
type Outcome string

// The outcomes. Delayed needed a yes, or a new question, that it had not.
// Unknown depends on what the ledger does not say.
const (
	Allowed Outcome = "allowed"
	Delayed Outcome = "delayed"
	Refused Outcome = "refused"
	Unknown Outcome = "unknown"
)

// Sources are what a replay needs beside the ledger.
type Sources struct {
	// Kinds says of each organisation whether it is the "provider" or an
	// "outsourcer"; of one that is missing nobody knows.
	Kinds map[postern.OrganisationID]string
	// Network gives the network of a session, "" where it is not known any more;
	// nil knows none.
	Network func(postern.SessionID) string
}

// Lead is how much of the history before the asked time a replay wants to read:
// the longest that a grant or a bound reaches back.
const Lead = 25 * time.Hour

// Replay runs the ledger's history under a policy. What it keeps is bounded by
// the windows: the entries of the last minutes, the grants of the last hours, the
// counts of the last day, and a line for each tier, organisation and member of
// staff.
type Replay struct {
	policy       Policy
	sources      Sources
	since, until time.Time
	rules        map[place3]ruling
	grants       map[postern.GrantID]given
	members      map[postern.SessionID]worker
	yeses        map[yes]int
	held         bySeq
	spent        *spending
	newest       time.Time
	swept        time.Time
	report       Report
}

type place3 struct {
	org  postern.OrganisationID
	tier postern.Tier
}

// ruling is For's answer, asked once.
type ruling struct {
	rule Rule
	ok   bool
	kind string
}

// given is what a grant's record says.
type given struct {
	from   time.Time
	tier   postern.Tier
	had    Agree
	yeses  int // of staff
	cased  bool
	urgent bool // emergency access
	known  bool
}

// yes is the moment at which the last of several approvers agreed: the grant was
// given in the same transaction.
type yes struct {
	account postern.AccountID
	cased   postern.CaseID
	at      int64 // milliseconds
}

type worker struct {
	staff postern.StaffID
	seen  time.Time
}

// NewReplay begins a replay. Entries are judged from since (zero: all) to before
// until (zero: all); those before since only fill the windows.
func NewReplay(p Policy, s Sources, since, until time.Time) *Replay {
	return &Replay{policy: p, sources: s, since: since, until: until, rules: map[place3]ruling{}, grants: map[postern.GrantID]given{},
		members: map[postern.SessionID]worker{}, yeses: map[yes]int{}, spent: newSpending(), report: newReport(p.Name, since, until)}
}

// Add takes the next entry, in the order of the log. Entries of one batch stand
// there by their tags, a refusal before what filled the bound, so Add puts them
// back in the order of their writing before it judges them.
func (r *Replay) Add(e ledger.Entry) {
	heap.Push(&r.held, e)
	for len(r.held) > 0 && entered(e).Sub(entered(r.held[0])) > batchLasts {
		r.take(heap.Pop(&r.held).(ledger.Entry))
	}
}

// take judges the next entry in the order of writing.
func (r *Replay) take(e ledger.Entry) {
	switch {
	case e.Disclosure != nil:
		r.clock(e.Disclosure.At)
		if e.Disclosure.Staff == "" { // an operator's: no policy decides it
			if r.counts(e.Disclosure.At) {
				r.report.Entries++
				r.report.Others++
			}
			return
		}
		r.disclosure(e, e.Disclosure)
	case e.Control != nil:
		r.clock(e.Control.At)
		r.control(e, e.Control)
	}
}

// Report gives what was found.
func (r *Replay) Report() Report {
	for len(r.held) > 0 {
		r.take(heap.Pop(&r.held).(ledger.Entry))
	}
	return r.report
}

// batchLasts is longer than any batch: past a minute without the sequencer the
// gate refuses.
const batchLasts = 5 * time.Minute

func entered(e ledger.Entry) time.Time {
	switch {
	case e.Disclosure != nil:
		return e.Disclosure.At
	case e.Control != nil:
		return e.Control.At
	}
	return time.Time{}
}

// bySeq is a heap of entries, the first written on top.
type bySeq []ledger.Entry

func (h bySeq) Len() int           { return len(h) }
func (h bySeq) Less(i, j int) bool { return h[i].Seq < h[j].Seq }
func (h bySeq) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *bySeq) Push(e any)        { *h = append(*h, e.(ledger.Entry)) }

func (h *bySeq) Pop() any {
	all := *h
	last := all[len(all)-1]
	all[len(all)-1] = ledger.Entry{}
	*h = all[:len(all)-1]
	return last
}

// clock forgets what no window reaches any more.
func (r *Replay) clock(at time.Time) {
	if at.After(r.newest) {
		r.newest = at
	}
	if r.newest.Sub(r.swept) < time.Hour {
		return
	}
	r.swept = r.newest
	for id, g := range r.grants {
		if r.newest.Sub(g.from) > Lead {
			delete(r.grants, id)
		}
	}
	for id, w := range r.members {
		if r.newest.Sub(w.seen) > Lead {
			delete(r.members, id)
		}
	}
	clear(r.yeses) // each is asked for in the moment that it was given
	r.spent.sweep(r.newest.Unix() / 60)
}

// counts says whether an entry of that time is judged.
func (r *Replay) counts(at time.Time) bool {
	return !at.Before(r.since) && (r.until.IsZero() || at.Before(r.until))
}

func (r *Replay) ruling(org postern.OrganisationID, t postern.Tier) ruling {
	key := place3{org, t}
	found, ok := r.rules[key]
	if !ok {
		found.kind = r.sources.Kinds[org]
		kind := found.kind
		if kind == "" {
			kind = "provider"
		}
		found.rule, found.ok = r.policy.For(org, kind, t)
		r.rules[key] = found
	}
	return found
}

// verdict is an outcome and the key or word that says why.
type verdict struct {
	outcome Outcome
	why     string
}

// Why something would have been delayed or cannot be told. The refusals' own
// keys are the gate's.
const (
	whyAgreement = "replay.agreement" // a yes that it had not
	whyAgain     = "replay.again"     // its grant would have been over: to be asked for again
	whyNetwork   = "replay.network"   // the session's network is not known any more
	whyKind      = "replay.kind"      // nobody knows whether the organisation is an outsourcer
	whyGrant     = "replay.grant"     // its grant's record says too little
)

// enter judges what depends on who asks, at which tier, when and from where.
func (r *Replay) enter(org postern.OrganisationID, session postern.SessionID, t postern.Tier, at time.Time, urgent bool) (Rule, verdict) {
	is := r.ruling(org, t)
	if urgent {
		deepest, _ := postern.TierNamed(r.policy.Emergency.Tier)
		if t > deepest {
			return is.rule, verdict{Refused, "gate.refused.policy"}
		}
	}
	switch {
	case !is.ok && is.rule.Agree != "":
		return is.rule, verdict{Refused, "gate.refused.outsourcer"}
	case !is.ok:
		return is.rule, verdict{Refused, "gate.refused.policy"}
	}
	// An emergency does not wait for office hours.
	if _, open := is.rule.Open(at); !open && !urgent {
		return is.rule, verdict{Refused, RefusedHours}
	}
	if is.rule.nowhere {
		return is.rule, verdict{Refused, RefusedNetwork}
	}
	if len(is.rule.Networks) > 0 {
		network := ""
		if r.sources.Network != nil {
			network = r.sources.Network(session)
		}
		if network == "" {
			return is.rule, verdict{Unknown, whyNetwork}
		}
		if !is.rule.from(network) {
			return is.rule, verdict{Refused, RefusedNetwork}
		}
	}
	if is.kind == "" && !is.rule.Outsourcers {
		return is.rule, verdict{Unknown, whyKind}
	}
	return is.rule, verdict{Allowed, ""}
}

// agreed judges whether what a grant had is what a rule wants.
func agreed(rule Rule, g given) verdict {
	switch {
	case g.urgent:
		return verdict{Allowed, ""} // an emergency asks its two people under every policy that has it, and needs no case
	case rule.Agree != AgreeNobody && !g.cased:
		return verdict{Refused, "gate.refused.no-case"}
	case !g.known:
		if rule.Agree.strength() <= AgreeCase.strength() {
			return verdict{Allowed, ""}
		}
		return verdict{Unknown, whyGrant}
	case g.had.strength() < rule.Agree.strength():
		return verdict{Delayed, whyAgreement}
	case rule.Agree == AgreeCustomerOrStaff && g.had == AgreeCustomerOrStaff && g.yeses < rule.Approvers:
		return verdict{Delayed, whyAgreement}
	}
	return verdict{Allowed, ""}
}

// worse gives the verdict that weighs more.
func worse(a, b verdict) verdict {
	weight := map[Outcome]int{Allowed: 0, Delayed: 1, Unknown: 2, Refused: 3}
	if weight[b.outcome] > weight[a.outcome] {
		return b
	}
	return a
}

// lines reads a control's detail: one "name value" a line (gate/detail.go).
func lines(text string) map[string]string {
	all := map[string]string{}
	for s := bufio.NewScanner(strings.NewReader(text)); s.Scan(); {
		if name, value, ok := strings.Cut(s.Text(), " "); ok {
			if _, twice := all[name]; !twice {
				all[name] = value
			}
		}
	}
	return all
}

// control takes a record that shows nothing.
func (r *Replay) control(e ledger.Entry, c *ledger.Control) {
	switch {
	case c.Kind == verify.ControlGrant:
		r.grant(e, c)
	case c.Kind == verify.ControlRequest:
		r.request(e, c)
	case c.Kind == verify.ControlRefusal && strings.HasPrefix(c.Subject, "gate.refused."):
		r.refusal(e, c)
	default:
		if c.Kind == verify.ControlConsent {
			r.consent(c)
		}
		if r.counts(c.At) {
			r.report.Entries++
			r.report.Others++
		}
	}
}
