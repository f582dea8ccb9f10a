package gate

import (
	"context"
	"time"
	"unicode/utf8"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/gate/detail"
	"github.com/postern-mail/postern/gate/policy"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/staff"
)

// Ask is what an agent asks for, at the point where a page refused.
type Ask struct {
	Case    postern.CaseID
	Account postern.AccountID
	Tier    postern.Tier
	// Scope says which messages. It is resolved now, so that whoever agrees
	// sees exactly what would be shown. The zero Scope means those that the
	// customer offered for this case; at the tier account it means none.
	Scope    postern.Scope
	Reason   postern.Reason
	Sentence string        // to the customer, at most 500 letters
	For      time.Duration // 0, or more than the policy allows, means the policy's longest
	Once     bool          // each message once at the tier
	// Emergency asks to do without the customer: for no everyday reason, with two
	// approvers of whom one is a responder, and the customer is told.
	Emergency bool
}

const maxSentence = 500

// check refuses what no policy could answer. An account may be missing where
// there is no case either: the face that asks must not say whether an address
// exists before the policy has let it, and the refusal is written down.
func (a *Ask) check() error {
	wrong := func(key, text string) error { return &postern.Error{Kind: postern.Invalid, Key: key, Text: text} }
	a.Sentence = oneLine(a.Sentence)
	switch {
	case len(a.Account) != 32 && (a.Account != "" || a.Case != ""):
		return wrong("gate.invalid.account", "an account's id has 32 hexadecimal digits")
	case a.Case != "" && len(a.Case) != 32:
		return wrong("gate.invalid.case", "a case's id has 32 hexadecimal digits")
	case a.Tier < postern.TierAccount || a.Tier > postern.TierAttachment:
		return wrong("gate.invalid.tier", "choose a tier from account to attachment")
	case a.Reason < postern.ReasonSupport || a.Reason > postern.ReasonProduction:
		return wrong("gate.invalid.reason", "choose one of the reasons")
	case a.Sentence == "":
		return wrong("gate.invalid.sentence", "say in a sentence what for: the customer will read it")
	case utf8.RuneCountInString(a.Sentence) > maxSentence || !utf8.ValidString(a.Sentence):
		return wrong("gate.invalid.sentence-long", "say it in at most 500 letters")
	case a.For < 0:
		return wrong("gate.invalid.for", "a grant cannot last less than nothing")
	case len(a.Scope.Messages) > MaxMessages:
		return wrong("gate.invalid.too-many-messages", "name at most 100 messages at once")
	case a.Emergency && a.Reason == postern.ReasonSupport:
		return wrong("gate.invalid.emergency-reason", "an emergency is no matter of customer support: choose another reason")
	case a.Emergency && !scoped(a.Scope) && a.Tier > postern.TierAccount:
		return wrong("gate.invalid.scope", "say which messages: by id, by mailbox or by a query")
	case !distinct(a.Scope.Messages):
		return wrong("gate.invalid.message-twice", "a message is named twice")
	}
	_, err := pack(a.Scope.Messages)
	return err
}

func scoped(s postern.Scope) bool { return len(s.Messages) > 0 || s.Mailbox != "" || s.Query != "" }

// Ask asks for a grant. The answer is a grant at once where the policy asks
// nobody or is content with a case, or where the customer offered exactly this;
// else the request waits for the customer or an approver. Refusals are written
// to the ledger.
func (g *Gate) Ask(ctx context.Context, by staff.Session, a Ask) (Request, error) {
	if err := a.check(); err != nil {
		return Request{}, err
	}
	r, err := g.ask(ctx, by, a)
	if err != nil {
		return Request{}, g.refused(ctx, attempt{what: "ask", by: by, account: a.Account, caseID: a.Case, tier: a.Tier, items: len(a.Scope.Messages)}, err)
	}
	return r.ForAsker(), nil
}

func (g *Gate) ask(ctx context.Context, by staff.Session, a Ask) (r Request, err error) {
	// The mail plane is asked for ids only after the policy has been: a refused
	// query must not even take longer when it would have found something.
	if a.Tier > postern.TierAccount && scoped(a.Scope) {
		if err := g.db.View(ctx, func(tx *db.Tx) error {
			_, err := g.mayAsk(tx, by, a)
			return err
		}); err != nil {
			return r, err
		}
		if a, err = g.resolve(ctx, a); err != nil {
			return r, err
		}
	}
	err = g.db.Update(ctx, func(tx *db.Tx) error {
		if err := tx.LockShared(lock); err != nil {
			return err
		}
		s, err := g.mayAsk(tx, by, a)
		if err != nil {
			return err
		}
		r, err = g.decide(tx, s, a)
		return err
	})
	return r, err
}

// mayAsk checks in tx what does not depend on the messages: that the session is
// alive and an agent's, what the policy says of it, and the case.
func (g *Gate) mayAsk(tx *db.Tx, by staff.Session, a Ask) (staff.Session, error) {
	s, err := g.alive(tx, by.ID)
	if err != nil {
		return s, err
	}
	if err := g.running(tx); err != nil {
		return s, err
	}
	rule, err := g.rule(tx, s, a.Tier, a.Emergency)
	switch {
	case !s.Is(staff.Agent) && !(a.Emergency && s.Is(staff.Responder)):
		return s, refuse(RefusedNotAgent)
	case err != nil:
		return s, err
	case a.Emergency && (s.OrganisationKind != "provider" || !g.reaches(a.Tier)):
		return s, refuse(RefusedEmergency)
	case a.Case == "" && !a.Emergency && rule.Agree != policy.AgreeNobody:
		return s, refuse(RefusedNoCase)
	case a.Account == "":
		return s, &postern.Error{Kind: postern.Invalid, Key: "gate.invalid.account", Text: "an account's id has 32 hexadecimal digits"}
	case a.Case == "":
		return s, nil
	}
	if err := g.given(tx, a.Case, s); err != nil {
		return s, err
	}
	return s, g.open(tx, a.Case, a.Account)
}

// resolve turns the scope into ids of messages of this very account.
func (g *Gate) resolve(ctx context.Context, a Ask) (Ask, error) {
	asked := a.Scope
	if len(asked.Messages) > 0 {
		asked = postern.Scope{Messages: asked.Messages} // the narrowest that is set counts
	}
	found, err := g.mailboxes.Find(ctx, a.Account, asked)
	if err != nil {
		return a, err
	}
	if len(asked.Messages) > 0 {
		// Kept in the order asked. One that is not the account's is refused as
		// a whole: to leave it out silently would say which ones are.
		if !within(asked.Messages, found) {
			return a, refuse(RefusedOtherAccount)
		}
		return a, nil
	}
	a.Scope.Messages = found[:min(len(found), MaxMessages)]
	return a, nil
}

// decide writes the request, and its grant where nobody has to be asked.
func (g *Gate) decide(tx *db.Tx, s staff.Session, a Ask) (Request, error) {
	rule, err := g.rule(tx, s, a.Tier, a.Emergency)
	if err != nil {
		return Request{}, err
	}
	now := g.now()
	r := Request{
		ID: postern.RequestID(postern.NewID()), Case: a.Case, Account: a.Account, Tier: a.Tier, Reason: a.Reason, Sentence: a.Sentence,
		For: a.For, Staff: s.Staff, StaffName: s.Name, Organisation: s.Organisation, OrganisationName: s.OrganisationName, Session: s.ID,
		Asked: now, Status: Waiting, NeedsCustomer: rule.Agree == policy.AgreeCustomer,
		Named: a.Scope.Mailbox == "" && a.Scope.Query == "", Once: a.Once, Emergency: a.Emergency, Approvers: max(1, rule.Approvers),
	}
	if r.For == 0 || r.For > rule.Longest {
		r.For = rule.Longest
	}
	if a.Tier > postern.TierAccount {
		r.Messages = a.Scope.Messages
	}
	if a.Emergency {
		r.For, r.NeedsCustomer, r.Approvers = min(r.For, g.policy.Emergency.Longest), false, 2
		if r.For == 0 {
			r.For = g.policy.Emergency.Longest
		}
		return r, g.wait(tx, r, rule.Agree, s)
	}
	t := terms{tier: r.Tier, lasts: r.For, once: a.Once}
	agreed := agreement{}
	wish := WishAsk
	switch {
	case rule.Agree == policy.AgreeNobody || rule.Agree == policy.AgreeCase:
		agreed.by = ByPolicy
	default:
		if wish, err = preference(tx, a.Account); err != nil {
			return r, err
		}
		if wish == WishEach {
			rule.Agree, r.NeedsCustomer = policy.AgreeCustomer, true // every time means theirs
			break
		}
		o, ok, err := g.offered(tx, s, a)
		if err != nil {
			return r, err
		}
		if ok {
			agreed.by, t.exact, t.once = ByCustomer, o.Named, a.Once || o.Once
			if !scoped(a.Scope) {
				r.Messages, r.Named = o.Messages, o.Named
			}
			if o.Lasts > 0 {
				t.lasts = min(t.lasts, o.Lasts)
			}
		}
	}
	if agreed.by == "" && len(r.Messages) == 0 && !scoped(a.Scope) {
		return r, &postern.Error{Kind: postern.Invalid, Key: "gate.invalid.scope", Text: "say which messages: by id, by mailbox or by a query"}
	}
	switch {
	case agreed.by == "" && wish == WishRefuse:
		if err := g.wait(tx, r, rule.Agree, s); err != nil {
			return r, err
		}
		r.Status, r.Answered, r.AnsweredBy, r.Answer = Refused, now, ByCustomer, AnswerAlways
		return r, g.decline(tx, r, ByCustomer, staff.Session{}, AnswerAlways)
	case agreed.by == "":
		return r, g.wait(tx, r, rule.Agree, s)
	}
	t.messages = r.Messages
	made, err := g.give(tx, r, s, t, agreed, now)
	if err != nil {
		return r, err
	}
	r.Status, r.Answered, r.AnsweredBy, r.Grant = Granted, now, agreed.by, made.ID
	return r, insert(tx, r, rule.Agree, s.Credential)
}

// wait writes a request that somebody has to answer.
func (g *Gate) wait(tx *db.Tx, r Request, agree policy.Agree, s staff.Session) error {
	var n int
	if err := tx.Row("SELECT count(*) FROM gate_request WHERE status = 'waiting' AND staff = ?1 AND asked > ?2",
		db.Args(string(s.Staff), millis(r.Asked.Add(-requestLife))), &n); err != nil {
		return err
	}
	if n >= maxWaiting {
		return refuse(RefusedTooMany)
	}
	if err := insert(tx, r, agree, s.Credential); err != nil {
		return err
	}
	emergency := ""
	if r.Emergency {
		emergency = "yes"
	}
	_, err := g.ledger.Control(tx, ledger.Control{
		Kind: verify.ControlRequest, At: r.Asked, Account: r.Account, Actor: s.Staff, Case: r.Case, Session: s.ID, Credential: s.Credential,
		Organisation: s.Organisation, Subject: "request " + string(r.ID),
		Detail: detail.Lines{}.Tier(r.Tier).Add("reason", r.Reason.String()).Add("emergency", emergency).Add("staff", s.Name).Messages(r.Messages).Add("sentence", r.Sentence).Text(),
	})
	return err
}
