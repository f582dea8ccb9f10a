package gate

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/gate/detail"
	"github.com/postern-mail/postern/gate/policy"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/staff"
)

// Narrow is how much of a request is agreed to. Zero fields leave it as asked.
type Narrow struct {
	Messages []postern.MessageID
	Tier     postern.Tier
	For      time.Duration
	Once     bool // each message once
}

// narrow applies n to r. It can only take away (invariant 4).
func narrow(r Request, n Narrow) (terms, error) {
	wider := func(text string) error {
		return &postern.Error{Kind: postern.Invalid, Key: "gate.invalid.wider", Text: text}
	}
	t := terms{tier: r.Tier, messages: r.Messages, lasts: r.For, exact: r.Named && len(r.Messages) > 0, once: r.Once || n.Once}
	if n.Tier != postern.TierNone {
		if n.Tier > r.Tier {
			return t, wider("the request asks for a shallower tier than that")
		}
		t.tier = n.Tier
	}
	if len(n.Messages) > 0 {
		if !distinct(n.Messages) || !within(n.Messages, r.Messages) {
			return t, wider("the request does not name all of these messages")
		}
		t.messages, t.exact = n.Messages, true
	}
	if n.For != 0 {
		if n.For < time.Minute || n.For > r.For {
			return t, wider("agree for a minute at least, and for no longer than asked")
		}
		t.lasts = n.For
	}
	return t, nil
}

// Approve agrees to a request as a second member of staff. Where more than one
// must agree, all but the last get a zero Grant, and the next finds the request
// narrowed to what they left. Refusals are written to the ledger; an answered
// request is a Conflict.
func (g *Gate) Approve(ctx context.Context, by staff.Session, id postern.RequestID, n Narrow) (made Grant, err error) {
	a := attempt{what: "approve", by: by}
	err = g.db.Update(ctx, func(tx *db.Tx) error {
		if err := tx.LockShared(lock); err != nil {
			return err
		}
		// Of two who agree at once the second must find the first.
		if err := tx.Lock("request " + string(id)); err != nil {
			return err
		}
		approver, r, err := g.mayAnswer(tx, by, id, &a)
		if err != nil {
			return err
		}
		t, err := narrow(r, n)
		if err != nil {
			return err
		}
		asker, err := g.alive(tx, r.Session)
		if err != nil {
			return &postern.Error{Kind: postern.Conflict, Key: "gate.conflict.asker-gone", Text: "whoever asked has left: the grant would be for a session that has ended", Err: err}
		}
		if r.Case != "" {
			if err := g.open(tx, r.Case, r.Account); err != nil {
				return err
			}
		}
		now := g.now()
		if len(r.Agreements)+1 < r.Approvers {
			made = Grant{}
			return g.note(tx, r, approver, t, now)
		}
		if r.Emergency && !approver.Is(staff.Responder) && !responded(r) {
			return refuse(RefusedNeedsResponder)
		}
		if r.Approvers > 1 {
			if err := g.note(tx, r, approver, t, now); err != nil {
				return err
			}
		}
		names := approver.Name
		for _, one := range r.Agreements {
			names = one.Name + ", " + names
		}
		if made, err = g.give(tx, r, asker, t, agreement{by: names, approver: approver.Staff}, now); err != nil {
			return err
		}
		r.Status, r.Answered, r.AnsweredBy, r.Grant = Granted, now, names, made.ID
		return answer(tx, r)
	})
	if err != nil {
		return Grant{}, g.refused(ctx, a, err)
	}
	return made, nil
}

// mayAnswer checks in tx that the approver may answer the request at all.
func (g *Gate) mayAnswer(tx *db.Tx, by staff.Session, id postern.RequestID, a *attempt) (staff.Session, Request, error) {
	approver, err := g.alive(tx, by.ID)
	if err != nil {
		return approver, Request{}, err
	}
	if !approver.Is(staff.Approver) && !approver.Is(staff.Responder) {
		return approver, Request{}, refuse(RefusedNotApprover)
	}
	r, err := request(tx, id)
	if err == nil {
		err = left(tx, &r)
	}
	if err != nil {
		return approver, r, err
	}
	a.account, a.caseID, a.tier, a.items = r.Account, r.Case, r.Tier, len(r.Messages)
	rule, ok := g.policy.Tiers[r.Tier.String()]
	switch {
	case !approver.Is(staff.Approver) && !r.Emergency:
		return approver, r, refuse(RefusedNotApprover)
	// Invariant 3. It is the person that counts, not the session: whoever has
	// two credentials is still one.
	case r.Staff == approver.Staff:
		return approver, r, refuse(RefusedOwnRequest)
	// An outsourcer is a trust domain of its own: it cannot agree with itself.
	case approver.OrganisationKind != "provider":
		return approver, r, refuse(RefusedOutsourcer)
	case !r.Emergency && (r.NeedsCustomer || !ok || rule.Agree == policy.AgreeCustomer):
		// The second half is a policy that became stricter while it waited.
		return approver, r, refuse(RefusedCustomerOnly)
	case r.Status != Waiting || !g.now().Before(r.Asked.Add(approvalLife)):
		return approver, r, errAnswered
	case slices.ContainsFunc(r.Agreements, func(one Agreement) bool { return one.Staff == approver.Staff }):
		return approver, r, refuse(RefusedAgreedTwice)
	}
	return approver, r, nil
}

// Refuse says no to a request, with a sentence for whoever asked.
func (g *Gate) Refuse(ctx context.Context, by staff.Session, id postern.RequestID, sentence string) error {
	sentence, err := checkSentence(sentence)
	if err != nil {
		return err
	}
	a := attempt{what: "refuse", by: by}
	err = g.db.Update(ctx, func(tx *db.Tx) error {
		approver, r, err := g.mayAnswer(tx, by, id, &a)
		if err != nil {
			return err
		}
		return g.decline(tx, r, approver.Name, approver, sentence)
	})
	return g.refused(ctx, a, err)
}

// Decline is a customer's no.
func (g *Gate) Decline(ctx context.Context, account postern.AccountID, id postern.RequestID, sentence string) error {
	if sentence != "" {
		var err error
		if sentence, err = checkSentence(sentence); err != nil {
			return err
		}
	}
	return g.db.Update(ctx, func(tx *db.Tx) error {
		r, err := g.asked(tx, account, id)
		if err != nil {
			return err
		}
		return g.decline(tx, r, ByCustomer, staff.Session{}, sentence)
	})
}

// decline answers no and writes it to the ledger as a refusal of the request.
func (g *Gate) decline(tx *db.Tx, r Request, name string, by staff.Session, sentence string) error {
	r.Status, r.Answered, r.AnsweredBy, r.Answer = Refused, g.now(), name, sentence
	if err := answer(tx, r); err != nil {
		return err
	}
	_, err := g.ledger.Control(tx, ledger.Control{
		Kind: verify.ControlRefusal, At: r.Answered, Account: r.Account, Actor: by.Staff, Case: r.Case, Session: r.Session,
		Organisation: r.Organisation, Subject: "request " + string(r.ID),
		Detail: detail.Lines{}.Add("what", "request").Add("by", name).Tier(r.Tier).Add("sentence", sentence).Text(),
	})
	return err
}

// oneLine takes out what could make a sentence look like more than one, or like
// another: in a letter to a customer, a line of the asker's must not pass for
// one of ours.
func oneLine(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Bidi_Control, r):
			return -1
		case unicode.IsControl(r), r == '\u2028', r == '\u2029':
			return ' '
		}
		return r
	}, s))
}

func checkSentence(s string) (string, error) {
	s = oneLine(s)
	if s == "" || !utf8.ValidString(s) || utf8.RuneCountInString(s) > maxSentence {
		return "", &postern.Error{Kind: postern.Invalid, Key: "gate.invalid.answer", Text: "say why in a sentence of at most 500 letters"}
	}
	return s, nil
}

// asked gives a request that the customer may answer now. Another account's is
// not found: a customer learns nothing of others.
func (g *Gate) asked(tx *db.Tx, account postern.AccountID, id postern.RequestID) (Request, error) {
	r, err := request(tx, id)
	switch {
	case err != nil:
		return r, err
	case r.Account != account || r.Emergency:
		return r, &postern.Error{Kind: postern.NotFound, Key: "gate.unknown.request", Text: "there is no such request"}
	case r.Status != Waiting || g.aged(r).Status != Waiting:
		return r, errAnswered
	}
	return r, nil
}

// Consent is a customer's yes. Where the asking session has ended meanwhile, it
// gives a zero Grant: the yes is kept as an [Offer] to the same member of staff
// for the same case.
func (g *Gate) Consent(ctx context.Context, account postern.AccountID, id postern.RequestID, n Narrow) (made Grant, err error) {
	err = g.db.Update(ctx, func(tx *db.Tx) error {
		made = Grant{}
		if err := tx.LockShared(lock); err != nil {
			return err
		}
		r, err := g.asked(tx, account, id)
		if err != nil {
			return err
		}
		t, err := narrow(r, n)
		if err != nil {
			return err
		}
		if wish, err := preference(tx, account); err != nil {
			return err
		} else if wish == WishEach && t.tier >= postern.TierContent {
			t.once = true
		}
		if r.Case != "" {
			if err := g.open(tx, r.Case, r.Account); err != nil {
				return err
			}
		}
		now := g.now()
		r.Status, r.Answered, r.AnsweredBy = Granted, now, ByCustomer
		asker, err := g.alive(tx, r.Session)
		switch {
		case refusalKey(err) != "":
			err = g.offer(tx, Offer{Account: r.Account, Case: r.Case, Tier: t.tier, Messages: t.messages, Named: t.exact, Staff: r.Staff, Lasts: t.lasts, Once: t.once}, "")
		case err == nil:
			if made, err = g.give(tx, r, asker, t, agreement{by: ByCustomer}, now); err != nil {
				return err
			}
			r.Grant = made.ID
			_, err = g.ledger.Control(tx, ledger.Control{
				Kind: verify.ControlConsent, At: now, Account: r.Account, Grant: made.ID, Case: r.Case, Session: asker.ID, Credential: asker.Credential,
				Organisation: asker.Organisation, Subject: "request " + string(r.ID), Detail: detail.Lines{}.Tier(t.tier).Messages(t.messages).Text(),
			})
		}
		if err != nil {
			return err
		}
		return answer(tx, r)
	})
	if err != nil {
		return Grant{}, err
	}
	return made, nil
}

// Withdraw is a customer's change of mind. When it returns, nothing more of the
// grant is shown, and nothing of it is on its way.
func (g *Gate) Withdraw(ctx context.Context, account postern.AccountID, id postern.GrantID) error {
	_, err := g.end(ctx, func(tx *db.Tx, at time.Time) ([]Grant, error) {
		found, err := grants(tx, "id = ?1 AND account = ?2", string(id), string(account))
		if err == nil && (len(found) == 0 || found[0].Emergency) {
			// An emergency does without the customer, and ends by its time.
			err = &postern.Error{Kind: postern.NotFound, Key: "gate.unknown.grant", Text: "there is no such grant"}
		}
		if err != nil {
			return nil, err
		}
		if err := takeBack(tx, found[0], at); err != nil {
			return nil, err
		}
		return g.endGrants(tx, at, EndWithdrawn, "", "id = ?1", string(id))
	})
	return err
}

// Agreement is one member's yes to a request that needs several.
type Agreement struct {
	Staff     postern.StaffID
	Name      string
	Responder bool
	At        time.Time
	Tier      postern.Tier
	Messages  []postern.MessageID
	For       time.Duration
	Once      bool

	exact bool
}

// agreements gives who agreed to a request, the first one first.
func agreements(tx *db.Tx, id postern.RequestID) (found []Agreement, err error) {
	err = tx.Rows("SELECT staff, staff_name, responder, tier, messages, exact, lasts, once, at FROM gate_agreement WHERE request_id = ?1 ORDER BY at, staff", db.Args(string(id)), func(row db.Scanner) error {
		var a Agreement
		var messages []byte
		var lasts, at int64
		err := row.Scan(&a.Staff, &a.Name, &a.Responder, &a.Tier, &messages, &a.exact, &lasts, &a.Once, &at)
		a.Messages, a.For, a.At = unpack(messages), time.Duration(lasts)*time.Millisecond, moment(at)
		found = append(found, a)
		return err
	})
	return found, err
}

// left completes a request with its agreements. While it waits it is what they
// left of it, so that the next can only take away more (invariant 4).
func left(tx *db.Tx, r *Request) (err error) {
	if r.Approvers < 2 {
		return nil
	}
	r.Agreements, err = agreements(tx, r.ID)
	if err == nil && r.Status == Waiting && len(r.Agreements) > 0 {
		last := r.Agreements[len(r.Agreements)-1]
		r.Tier, r.Messages, r.For, r.Once, r.Named = last.Tier, last.Messages, last.For, last.Once, last.exact
	}
	return err
}

func responded(r Request) bool {
	for _, one := range r.Agreements {
		if one.Responder {
			return true
		}
	}
	return false
}

// note writes one agreement of several.
func (g *Gate) note(tx *db.Tx, r Request, by staff.Session, t terms, at time.Time) error {
	packed, err := pack(t.messages)
	if err != nil {
		return err
	}
	if err := tx.ExecOne(`INSERT INTO gate_agreement (request_id, staff, staff_name, responder, tier, messages, exact, lasts, once, at)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)`, string(r.ID), string(by.Staff), by.Name, number(by.Is(staff.Responder)), int64(t.tier), packed,
		number(t.exact), t.lasts.Milliseconds(), number(t.once), millis(at)); err != nil {
		return err
	}
	_, err = g.ledger.Control(tx, ledger.Control{
		Kind: verify.ControlConsent, At: at, Account: r.Account, Actor: by.Staff, Case: r.Case, Session: by.ID, Credential: by.Credential,
		Organisation: by.Organisation, Subject: "request " + string(r.ID),
		Detail: detail.Lines{}.Add("agreed", strconv.Itoa(len(r.Agreements)+1)+" of "+strconv.Itoa(r.Approvers)).Tier(t.tier).Add("staff", by.Name).Messages(t.messages).Text(),
	})
	return err
}
