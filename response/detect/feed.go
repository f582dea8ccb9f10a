package detect

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/response/detect/rules"
	"github.com/postern-mail/postern/response/sigma"
	"github.com/postern-mail/postern/staff"
)

// The feeds, each with a cursor of its own.
const (
	feedStaff  = "staff"  // staff.Event.Seq
	feedLedger = "ledger" // ledger.Entry.Index: only what is sequenced
)

var feedNames = [...]string{rules.Staff: feedStaff, rules.Gate: feedLedger}

// batch bounds one transaction.
const batch = 500

// act is what the feeds tell of one moment: in the words of the rules, and what
// evidence keeps of it.
type act struct {
	kind       string // of evidence: "sign-in", "moved", "shown", …: the rules' action
	feed       uint8
	position   int64
	at         time.Time
	staff      postern.StaffID
	credential postern.CredentialID
	session    postern.SessionID
	network    string
	method     string
	fresh      bool // a network that is new for this member
	account    postern.AccountID
	tier       postern.Tier
	messages   []postern.MessageID
	caseID     postern.CaseID
	grant      postern.GrantID

	organisation postern.OrganisationID
	first        bool // the member's first sign-in
	reason       postern.Reason
	subject      string
}

// read gives what the feed holds after a position as acts; entries that no rule
// can speak of are stepped over.
func (d *Detector) read(ctx context.Context, feed uint8, from int64) (acts []act, to int64, n int, err error) {
	if feed == rules.Staff {
		events, err := d.Staff.Events(ctx, from, batch)
		if err != nil {
			return nil, 0, 0, err
		}
		for _, e := range events {
			to = e.Seq
			if a, ok := actOfEvent(e); ok {
				acts = append(acts, a)
			}
		}
		return acts, to, len(events), nil
	}
	entries, err := d.Ledger.Entries(ctx, from, batch)
	if err != nil {
		return nil, 0, 0, fmt.Errorf("couldn't read the ledger: %w", err)
	}
	for _, e := range entries {
		to = e.Index
		if a, ok := actOfEntry(e); ok {
			acts = append(acts, a)
		}
	}
	return acts, to, len(entries), nil
}

// resultActions are the sign-in feed's results, in the words of the rules.
var resultActions = map[string]string{"ok": "sign-in", "moved": "moved", "device-refused": "device-refused", "device-missing": "device-missing",
	"wrong": "sign-in-failed", "code-replayed": "sign-in-failed", "clone-warning": "sign-in-failed", "refused": "sign-in-failed",
	"made": "token-made", "roles": "role-changed"}

func actOfEvent(e staff.Event) (act, bool) {
	action, ok := resultActions[e.Result]
	a := act{kind: action, feed: rules.Staff, position: e.Seq, at: e.At, staff: e.Staff, organisation: e.Organisation, credential: e.Credential, session: e.Session,
		network: e.Network, method: e.Method, first: e.First}
	came := action == "sign-in" || action == "moved"
	a.fresh = came && !e.Known && !e.First && e.Network != ""
	return a, ok && e.Staff != "" && (!came || e.Session != "")
}

// controlActions are the ledger's controls, in the words of the rules.
var controlActions = map[verify.ControlKind]string{verify.ControlGrant: "granted", verify.ControlRefusal: "refused", verify.ControlContain: "contained",
	verify.ControlLift: "lifted", verify.ControlNotice: "notice", verify.ControlRequest: "requested", verify.ControlConsent: "consented",
	verify.ControlWithdrawal: "withdrawn", verify.ControlEnd: "ended"}

func actOfEntry(e ledger.Entry) (act, bool) {
	if d := e.Disclosure; d != nil {
		account := d.Account
		if account == "" {
			// Erased since. It still was somebody: each counts as one of their own.
			account = postern.AccountID("erased " + string(d.ID))
		}
		return act{kind: "shown", feed: rules.Gate, position: e.Index, at: d.At, staff: d.Staff, organisation: d.Organisation, credential: d.Credential,
			session: d.Session, account: account, tier: d.Tier, messages: d.Messages, caseID: d.Case, grant: d.Grant, reason: d.Reason}, d.Staff != ""
	}
	c := e.Control
	if c == nil {
		return act{}, false
	}
	a := act{kind: controlActions[c.Kind], feed: rules.Gate, position: e.Index, at: c.At, staff: c.Actor, organisation: c.Organisation, credential: c.Credential,
		session: c.Session, account: c.Account, caseID: c.Case, grant: c.Grant, subject: c.Subject}
	if c.Kind == verify.ControlRefusal && !tellsOfAsker(c.Subject) {
		return act{}, false
	}
	return a, a.kind != "" && c.Actor != ""
}

// tellsOfAsker says whether a refusal, by its subject, says something about who
// asked. An approver's "no" (its subject is the request) is somebody's decision
// and names the approver; the clock, a ledger that is behind and a containment
// refuse everybody alike.
func tellsOfAsker(subject string) bool {
	switch subject {
	case gate.RefusedSessionEnded, gate.RefusedLedgerBehind, gate.RefusedContained, gate.RefusedStopped, gate.RefusedUnwitnessed:
		return false
	}
	return strings.HasPrefix(subject, "gate.refused.")
}

// event puts an act into the words of the rules. It asks the other rooms for
// what the feeds do not say, and leaves out what they do not know any more.
func (d *Detector) event(ctx context.Context, a *act, past past) (*sigma.Event, error) {
	e := &sigma.Event{At: a.at.UnixMilli(), Feed: a.feed, Position: a.position, Values: make([]sigma.Value, rules.Fields)}
	text := func(i int, s string) { e.Values[i].S = s }
	number := func(i int, n int64) { e.Values[i].N = n }
	truth := func(i int, t bool) {
		if t {
			e.Values[i].N = 1
		}
	}
	var approver postern.StaffID
	if a.kind == "granted" {
		g, err := d.Gate.Grant(ctx, a.grant)
		if err != nil && postern.KindOf(err) != postern.NotFound {
			return nil, fmt.Errorf("couldn't ask whose a grant is: %w", err)
		}
		if err == nil {
			if g.Staff != a.staff {
				approver, a.staff = a.staff, g.Staff
				r, err := d.Gate.Request(ctx, g.Request)
				if err == nil {
					number(rules.AnswerSeconds, int64(a.at.Sub(r.Asked)/time.Second))
				} else if postern.KindOf(err) != postern.NotFound {
					return nil, fmt.Errorf("couldn't ask when a grant was asked for: %w", err)
				}
			}
			a.tier, a.session, a.organisation, a.reason = g.Tier, g.Session, g.Organisation, g.Reason
			truth(rules.Emergency, g.Emergency)
		}
	}
	text(rules.Action, a.kind)
	text(rules.Member, string(a.staff))
	text(rules.Organisation, string(a.organisation))
	text(rules.Credential, string(a.credential))
	text(rules.Session, string(a.session))
	text(rules.Account, string(a.account))
	text(rules.Grant, string(a.grant))
	text(rules.Approver, string(approver))
	text(rules.Subject, a.subject)
	if a.tier > postern.TierNone {
		text(rules.Tier, a.tier.String())
		number(rules.TierNumber, int64(a.tier))
	}
	if a.reason > 0 {
		text(rules.Reason, a.reason.String())
	}
	number(rules.Messages, int64(len(a.messages)))
	truth(rules.FirstSignIn, a.first)
	truth(rules.NetworkNew, a.fresh)

	s, err := past.session(ctx, a)
	if err != nil {
		return nil, err
	}
	if a.network == "" {
		a.network = s.network
	}
	text(rules.Network, a.network)
	text(rules.Method, s.method)
	truth(rules.Token, s.method == "token")
	truth(rules.SessionNetworkNew, s.fresh)
	idle, unusual, err := past.member(ctx, a)
	if err != nil {
		return nil, err
	}
	number(rules.IdleDays, idle)
	truth(rules.HourNew, unusual)
	text(rules.Shift, shiftOf(a.at.In(d.Settings.Zone)))
	hours, err := d.names.hours(ctx, d.Staff, a.organisation, a.at)
	if err != nil {
		return nil, err
	}
	text(rules.Hours, hours)
	return e, d.known(ctx, a, e)
}

// shiftOf names the piece of the day: whoever works at night is held against who
// works at night.
func shiftOf(t time.Time) string {
	switch h := t.Hour(); {
	case h >= 6 && h < 14:
		return "early"
	case h >= 14 && h < 22:
		return "late"
	}
	return "night"
}

// known asks what the other rooms know of the case, the account and the
// messages.
func (d *Detector) known(ctx context.Context, a *act, e *sigma.Event) error {
	bit := func(i int, t bool) {
		if t {
			e.Values[i].N = 1
		}
	}
	bit(rules.HasCase, a.caseID != "")
	if d.Knows == nil {
		bit(rules.CaseWorked, true) // nobody can say that it was not
		return nil
	}
	ofAccount := a.account != "" && !strings.HasPrefix(string(a.account), "erased ")
	if ofAccount {
		about, err := d.Knows.About(ctx, a.account, a.staff)
		if err != nil && postern.KindOf(err) != postern.NotFound {
			return fmt.Errorf("couldn't ask what an account is: %w", err)
		}
		bit(rules.Honey, about.Honey)
		bit(rules.VIP, about.VIP)
		bit(rules.Colleague, about.Colleague)
		bit(rules.Namesake, about.Namesake)
	}
	if a.kind != "shown" {
		return nil
	}
	if a.caseID != "" {
		k, err := d.Knows.Case(ctx, a.caseID, a.staff)
		switch {
		case postern.KindOf(err) == postern.NotFound:
			k.Worked = true
		case err != nil:
			return fmt.Errorf("couldn't ask about a case: %w", err)
		default:
			e.Values[rules.CaseAgeMinutes].N = int64(a.at.Sub(k.Opened) / time.Minute)
		}
		bit(rules.CaseOwn, k.Own)
		bit(rules.CaseWorked, k.Worked)
	}
	n, err := d.shownGuarded(ctx, a, ofAccount)
	e.Values[rules.Guarded].N = int64(n)
	return err
}

// shownGuarded counts the guarded messages that an act showed. The mail plane
// masks them unless the customer agreed to these very messages, and whether they
// did stands in the grant: the ledger's record is written before anything is
// read, so it names masked ones too.
func (d *Detector) shownGuarded(ctx context.Context, a *act, ofAccount bool) (int, error) {
	if !ofAccount || a.tier < postern.TierEnvelope || len(a.messages) == 0 {
		return 0, nil
	}
	g, err := d.Gate.Grant(ctx, a.grant)
	if err != nil && postern.KindOf(err) != postern.NotFound {
		return 0, fmt.Errorf("couldn't ask what the customer agreed to: %w", err)
	}
	if err == nil && !g.Consented {
		return 0, nil
	}
	// A grant that is gone cannot speak for the member: as if it was shown.
	guarded, err := d.Knows.Guarded(ctx, a.account, a.messages)
	if err != nil && postern.KindOf(err) != postern.NotFound {
		return 0, fmt.Errorf("couldn't ask which messages are guarded: %w", err)
	}
	return len(guarded), nil
}
