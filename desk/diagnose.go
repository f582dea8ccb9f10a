package desk

import (
	"context"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/staff"
)

// Severity says how much a finding matters.
type Severity string

// The severities, the worst last.
const (
	Good    Severity = "good"
	Note    Severity = "note"
	Warning Severity = "warning"
	Problem Severity = "problem"
)

// Finding is one sentence of a diagnosis: a page's key and its arguments.
type Finding struct {
	Key      string
	Args     []any
	Severity Severity
}

// The findings of a diagnosis, with their arguments.
const (
	FoundNothing    = "desk.finding.nothing"         // nothing is wrong that this tier can see
	FoundFrozen     = "desk.finding.frozen"          // the account is frozen
	FoundQuotaFull  = "desk.finding.quota-full"      // percent, used bytes, allowed bytes
	FoundQuotaHigh  = "desk.finding.quota-high"      // percent, used bytes, allowed bytes
	FoundForwarding = "desk.finding.forwarding"      // a rule forwards mail
	FoundQueued     = "desk.finding.queued"          // messages waiting to go out
	FoundSavedWrong = "desk.finding.saved-password"  // protocol, failures, network: a program has an old password
	FoundFailing    = "desk.finding.sign-in-failing" // failures, network, last time
	FoundGuessing   = "desk.finding.guessing"        // failures, networks: somebody tries passwords
	FoundNoSignIn   = "desk.finding.no-sign-in"      // nobody has signed in of late
)

// Diagnosis is what the tier account shows of a case's account, and what it
// means. Write it through Delivery, and end that with Done.
type Diagnosis struct {
	Account  *postern.ShownAccount
	Findings []Finding
	Delivery *gate.Delivery
}

// Diagnose looks at a case's account, without a look at any message. It is a
// disclosure like any other, under a grant for which the policy wants no more
// than the case.
func (d *Desk) Diagnose(ctx context.Context, by staff.Session, id postern.CaseID) (Diagnosis, error) {
	k, _, err := d.Case(ctx, by, id)
	if err != nil {
		return Diagnosis{}, err
	}
	grant, err := d.accountGrant(ctx, by, k)
	if err != nil {
		return Diagnosis{}, err
	}
	shown, err := d.gate.Reveal(ctx, by, gate.Want{Grant: grant, Tier: postern.TierAccount})
	if err != nil {
		return Diagnosis{}, err
	}
	if shown.Shown.Account == nil {
		shown.Done()
		return Diagnosis{}, &postern.Error{Kind: postern.Unavailable, Key: "desk.unavailable.account", Text: "the mail plane gave nothing of the account"}
	}
	return Diagnosis{Account: shown.Shown.Account, Findings: findings(*shown.Shown.Account, d.now()), Delivery: shown}, nil
}

// accountGrant gives a running grant of this session for the case, or asks for
// one. Any tier covers the account's.
func (d *Desk) accountGrant(ctx context.Context, by staff.Session, k Case) (postern.GrantID, error) {
	running, err := d.gate.Grants(ctx, gate.GrantFilter{Case: k.ID, Session: by.ID, Live: true, Limit: 1})
	if err != nil {
		return "", err
	}
	if len(running) > 0 {
		return running[0].ID, nil
	}
	asked, err := d.gate.Ask(ctx, by, gate.Ask{Case: k.ID, Account: k.Account, Tier: postern.TierAccount, Reason: postern.ReasonSupport, Sentence: sentence(k.Locale, "diagnose")})
	if err != nil {
		return "", err
	}
	return granted(asked)
}

// granted gives the grant of a request that the policy should have granted at
// once, or says that somebody has to agree first.
func granted(r gate.Request) (postern.GrantID, error) {
	if r.Grant == "" {
		return "", &postern.Error{Kind: postern.Withheld, Key: "desk.withheld.waiting", Text: "the policy wants somebody's agreement first: it has been asked for"}
	}
	return r.Grant, nil
}

// sentence is what the customer reads under "Who looked" for a look that the
// desk makes by itself.
func sentence(locale, what string) string {
	switch {
	case what == "diagnose" && locale == "fr":
		return "Diagnostic du compte : état, quota, connexions, file d’envoi."
	case what == "diagnose":
		return "Diagnosis of the account: status, quota, sign-ins, outgoing queue."
	case locale == "fr":
		return "Suivi du trajet d’un message ou d’un expéditeur que vous avez nommé."
	}
	return "Trace of a message or sender that you named."
}

// How a diagnosis judges.
const (
	quotaHigh    = 95 // percent
	fewFailures  = 3
	manyNetworks = 3
	lately       = 7 * 24 * time.Hour
	longAgo      = 30 * 24 * time.Hour
)

// findings is a pure function of what was shown.
func findings(a postern.ShownAccount, now time.Time) []Finding {
	var f []Finding
	add := func(s Severity, key string, args ...any) { f = append(f, Finding{key, args, s}) }
	if a.Status == "frozen" {
		add(Problem, FoundFrozen)
	}
	if a.QuotaBytes > 0 {
		percent := int(a.UsedBytes * 100 / a.QuotaBytes)
		switch {
		case percent >= 100:
			add(Problem, FoundQuotaFull, percent, a.UsedBytes, a.QuotaBytes)
		case percent >= quotaHigh:
			add(Warning, FoundQuotaHigh, percent, a.UsedBytes, a.QuotaBytes)
		}
	}
	f = append(f, signIns(a.SignIns, now)...)
	f = append(f, newcomer(a.SignIns, now)...)
	if a.Forwarding {
		add(Warning, FoundForwarding)
	}
	if a.Filters > 0 {
		add(Note, FoundFilters, a.Filters)
	}
	if a.Queued > 0 {
		add(Note, FoundQueued, a.Queued)
	}
	if a.Bounced > 0 {
		add(Note, FoundBouncedLately, a.Bounced)
	}
	if len(f) == 0 {
		add(Good, FoundNothing)
	}
	return f
}

// signIns reads the attempts of the last days: whether a person forgot a
// password, a program kept an old one, or a stranger guesses.
func signIns(all []postern.SignIn, now time.Time) (f []Finding) {
	type source struct{ network, protocol string }
	type tally struct {
		failed int
		last   time.Time
		good   time.Time
	}
	by := map[source]*tally{}
	var order []source // of first appearance, so that the same attempts give the same findings
	var lastGood time.Time
	strangers := map[string]bool{}
	trusted := map[string]bool{}
	failures := 0
	for _, s := range all {
		if s.Result == "ok" {
			trusted[s.Network] = true
			if s.At.After(lastGood) {
				lastGood = s.At
			}
		}
	}
	for _, s := range all {
		if now.Sub(s.At) > lately {
			continue
		}
		key := source{s.Network, s.Protocol}
		t := by[key]
		if t == nil {
			t = &tally{}
			by[key] = t
			order = append(order, key)
		}
		if s.Result == "ok" {
			if s.At.After(t.good) {
				t.good = s.At
			}
			continue
		}
		t.failed++
		if s.At.After(t.last) {
			t.last = s.At
		}
		if !trusted[s.Network] {
			strangers[s.Network] = true
			failures++
		}
	}
	guessing := len(strangers) >= manyNetworks
	if guessing {
		f = append(f, Finding{FoundGuessing, []any{failures, len(strangers)}, Problem})
	}
	for _, key := range order {
		t := by[key]
		switch {
		case t.failed < fewFailures || t.good.After(t.last):
		case key.protocol != "web" && trusted[key.network]:
			f = append(f, Finding{FoundSavedWrong, []any{key.protocol, t.failed, key.network}, Warning})
		case guessing && !trusted[key.network]: // told above
		default:
			f = append(f, Finding{FoundFailing, []any{t.failed, key.network, t.last}, Warning})
		}
	}
	if len(all) > 0 && now.Sub(lastGood) > longAgo {
		f = append(f, Finding{FoundNoSignIn, nil, Note})
	}
	return f
}
