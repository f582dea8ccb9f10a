package gate

import (
	"context"
	"errors"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/gate/detail"
	"github.com/postern-mail/postern/gate/policy"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/staff"
)

// The keys of the gate's refusals: each is a translated sentence on a page and
// the subject of a "refusal" in the ledger.
const (
	RefusedContained    = "gate.refused.contained"      // the credential, session, network or organisation was ended by somebody
	RefusedSessionEnded = "gate.refused.session-ended"  // the session is over by the clock or by signing out
	RefusedNoGrant      = "gate.refused.no-grant"       // there is no such grant
	RefusedOtherSession = "gate.refused.other-session"  // the grant is another session's
	RefusedGrantEnded   = "gate.refused.grant-ended"    // its time is over, or it was closed or withdrawn
	RefusedDeeperTier   = "gate.refused.deeper-tier"    // the grant does not reach so deep
	RefusedOutsideScope = "gate.refused.outside-scope"  // the grant does not name this message
	RefusedBudget       = "gate.refused.budget"         // too many accounts or messages in an hour or a day
	RefusedLedgerBehind = "gate.refused.ledger-behind"  // nothing can be written down, so nothing is shown
	RefusedUnwitnessed  = "gate.refused.unwitnessed"    // no outside witness sees what is written down
	RefusedNoCase       = "gate.refused.no-case"        // the policy wants a case
	RefusedOtherAccount = "gate.refused.other-account"  // the case or the message is another account's
	RefusedCaseClosed   = "gate.refused.case-closed"    // the case is closed
	RefusedPolicy       = "gate.refused.policy"         // the policy shows this tier to nobody
	RefusedOutsourcer   = "gate.refused.outsourcer"     // the policy shows this tier to the provider's own staff only
	RefusedNotAgent     = "gate.refused.not-agent"      // the role does not work cases
	RefusedNotApprover  = "gate.refused.not-approver"   // the role does not approve
	RefusedNotResponder = "gate.refused.not-responder"  // the role does not contain
	RefusedOwnRequest   = "gate.refused.own-request"    // nobody agrees to their own request
	RefusedCustomerOnly = "gate.refused.customer-only"  // only the customer can agree to this
	RefusedStopped      = "gate.refused.stopped"        // all support power is ended
	RefusedTooMany      = "gate.refused.too-many-asked" // too many of this member's requests are waiting

	RefusedHours          = policy.RefusedHours            // outside the policy's hours
	RefusedNetwork        = policy.RefusedNetwork          // from a network that the policy does not name
	RefusedOrganisation   = "gate.refused.organisation"    // the policy lets this organisation ask for nothing so deep
	RefusedReauth         = "gate.refused.reauthenticate"  // the last proof of being there is too old
	RefusedMasked         = "gate.refused.masked"          // a masked field is opened one by one
	RefusedShownOnce      = "gate.refused.shown-once"      // the grant shows each message once, and has
	RefusedAgreedTwice    = "gate.refused.agreed-twice"    // the same person agrees once
	RefusedNeedsResponder = "gate.refused.needs-responder" // one of the approvers of an emergency is a responder
	RefusedEmergency      = "gate.refused.emergency"       // the policy knows no emergency access so deep
)

// refusals says of each key what a caller can do about it, and the clause for
// logs and the command line. It is never written to.
var refusals = map[string]struct {
	kind postern.Kind
	text string
}{
	RefusedContained:      {postern.Denied, "this access was ended by a containment"},
	RefusedStopped:        {postern.Denied, "responders have stopped all access by support"},
	RefusedSessionEnded:   {postern.Denied, "the session is over: sign in again"},
	RefusedNoGrant:        {postern.Withheld, "there is no such grant: ask for one"},
	RefusedOtherSession:   {postern.Withheld, "the grant belongs to another session: ask for one"},
	RefusedGrantEnded:     {postern.Withheld, "the grant has ended: ask again if it is still needed"},
	RefusedDeeperTier:     {postern.Withheld, "the grant does not reach this tier: ask for it"},
	RefusedOutsideScope:   {postern.Withheld, "the grant does not name this message: ask for it"},
	RefusedBudget:         {postern.Denied, "the policy's bound for this hour or day is reached"},
	RefusedLedgerBehind:   {postern.Unavailable, "the ledger is behind, so nothing is shown"},
	RefusedNoCase:         {postern.Withheld, "an open case of this customer is needed"},
	RefusedOtherAccount:   {postern.Denied, "that belongs to another account"},
	RefusedCaseClosed:     {postern.Withheld, "the case is closed: reopen it first"},
	RefusedPolicy:         {postern.Denied, "the policy shows this tier to nobody"},
	RefusedOutsourcer:     {postern.Denied, "the policy shows this tier to the provider's own staff only"},
	RefusedNotAgent:       {postern.Denied, "only agents ask for access"},
	RefusedNotApprover:    {postern.Denied, "only approvers agree to requests"},
	RefusedNotResponder:   {postern.Denied, "only responders contain and lift"},
	RefusedOwnRequest:     {postern.Denied, "nobody agrees to a request of their own"},
	RefusedCustomerOnly:   {postern.Denied, "only the customer can agree to this"},
	RefusedHours:          {postern.Denied, "the policy shows this tier in other hours"},
	RefusedNetwork:        {postern.Denied, "the policy shows this tier in other networks"},
	RefusedOrganisation:   {postern.Denied, "the policy lets this organisation not ask for this"},
	RefusedReauth:         {postern.Denied, "prove again that it is you: the last time is too long ago"},
	RefusedMasked:         {postern.Withheld, "this is masked: open one field of one message at a time"},
	RefusedShownOnce:      {postern.Withheld, "the grant shows each message once: ask again if it is still needed"},
	RefusedAgreedTwice:    {postern.Denied, "the same person cannot agree twice: somebody else has to"},
	RefusedNeedsResponder: {postern.Denied, "one of the two who agree to an emergency must be a responder"},
	RefusedEmergency:      {postern.Denied, "the policy knows no emergency access of this depth"},
	RefusedTooMany:        {postern.Conflict, "too many requests of yours are waiting: take one back or wait for an answer"},
}

// refuse makes the error of a key.
func refuse(key string) error { return refuseBecause(key, nil) }

func refuseBecause(key string, cause error) error {
	r := refusals[key]
	return &postern.Error{Kind: r.kind, Key: key, Text: r.text, Err: cause}
}

// refusalKey gives the key of a refusal, "" for any other error, which is a
// failure and not a decision.
func refusalKey(err error) string {
	key := postern.KeyOf(err)
	if _, ok := refusals[key]; ok {
		return key
	}
	return ""
}

// alive gives the session as it stands in tx, or the gate's own refusal.
func (g *Gate) alive(tx *db.Tx, id postern.SessionID) (staff.Session, error) {
	s, err := g.staff.Alive(tx, id)
	switch {
	case err == nil:
		return s, nil
	case postern.KeyOf(err) == staff.KeySessionEnded:
		// By a containment of this very session, or by signing out; or by one
		// that was lifted since, and then signing in again is the way on.
		var n int
		if err := tx.Row("SELECT count(*) FROM gate_containment WHERE kind = 'session' AND subject = ?1", db.Args(string(id)), &n); err != nil {
			return s, err
		}
		if n == 0 {
			return s, refuseBecause(RefusedSessionEnded, err)
		}
		return s, refuseBecause(RefusedContained, err)
	case staff.Contained(err):
		return s, refuseBecause(RefusedContained, err)
	case postern.KindOf(err) == postern.Denied:
		return s, refuseBecause(RefusedSessionEnded, err)
	}
	return s, err
}

// open checks the case in tx, with the gate's own refusals.
func (g *Gate) open(tx *db.Tx, c postern.CaseID, a postern.AccountID) error {
	return ofCase(g.cases.Check(tx, c, a))
}

// given checks in tx that the case is one that a session may know.
func (g *Gate) given(tx *db.Tx, c postern.CaseID, to staff.Session) error {
	return ofCase(g.cases.Given(tx, c, to))
}

// ofCase gives the gate's own refusal for what the desk says of a case. One that
// was not given to the asker's organisation reads like one that is not there.
func ofCase(err error) error {
	switch {
	case err == nil:
		return nil
	case postern.KindOf(err) == postern.NotFound:
		return refuseBecause(RefusedOtherAccount, err)
	case postern.KindOf(err) == postern.Withheld:
		return refuseBecause(RefusedCaseClosed, err)
	default:
		return err
	}
}

// attempt is what was refused, for the ledger.
type attempt struct {
	what    string // "ask", "approve", "reveal", "contain"
	by      staff.Session
	account postern.AccountID
	grant   postern.GrantID
	caseID  postern.CaseID
	tier    postern.Tier
	items   int
}

// refused writes a refusal to the ledger in a transaction of its own and gives
// the error back: the transaction that found the reason is undone, and the
// record must not be undone with it (invariant 7). Other errors pass. The
// caller's context does not count: who gives up is written down as well.
func (g *Gate) refused(ctx context.Context, a attempt, err error) error {
	key := refusalKey(err)
	if key == "" {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	failed := g.db.Update(ctx, func(tx *db.Tx) error {
		id, at := postern.NewID(), g.now()
		if err := tx.ExecOne(`INSERT INTO gate_refusal (id, at, what, subject, account, case_id, grant_id, tier, staff, staff_name, organisation, session_id)
			VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)`, id, millis(at), a.what, key, string(a.account), string(a.caseID), string(a.grant),
			int64(a.tier), string(a.by.Staff), a.by.Name, string(a.by.Organisation), string(a.by.ID)); err != nil {
			return err
		}
		_, err := g.ledger.Control(tx, ledger.Control{
			Kind: verify.ControlRefusal, At: at, Account: a.account, Actor: a.by.Staff, Grant: a.grant, Case: a.caseID,
			Session: a.by.ID, Credential: a.by.Credential, Organisation: a.by.Organisation, Subject: key,
			Detail: detail.Lines{}.Add("what", a.what).Tier(a.tier).Count("messages", a.items).Text(),
		})
		return err
	})
	if failed != nil {
		// Nothing was shown, so the caller still hears the refusal; but a
		// refusal that nobody can count is an operator's business.
		g.log.Error("a refusal could not be written to the ledger", "key", key, "session", a.by.ID, "error", failed)
		return errors.Join(err, failed)
	}
	return err
}
