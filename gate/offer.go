package gate

import (
	"context"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/gate/detail"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/staff"
)

// Offer is what a customer agreed to before anybody asked: "let support see
// this message". It stands until the case closes or it is taken back, and makes
// no grant by itself.
type Offer struct {
	ID       string
	Account  postern.AccountID
	Case     postern.CaseID
	Tier     postern.Tier
	Messages []postern.MessageID
	Named    bool            // the customer named each message
	Staff    postern.StaffID // whose request a kept yes answers, and then for one grant; "" for whoever works the case
	Lasts    time.Duration   // of a grant made from it; 0 for the policy's longest
	Once     bool            // a grant made from it shows each message once
	Made     time.Time
}

const offerColumns = "id, account, case_id, tier, messages, named, staff, lasts, once, made"

func offers(tx *db.Tx, where string, args ...any) (found []Offer, err error) {
	err = tx.Rows("SELECT "+offerColumns+" FROM gate_offer WHERE withdrawn = 0 AND "+where+" ORDER BY made DESC, id", args, func(row db.Scanner) error {
		var o Offer
		var messages []byte
		var lasts, made int64
		err := row.Scan(&o.ID, &o.Account, &o.Case, &o.Tier, &messages, &o.Named, &o.Staff, &lasts, &o.Once, &made)
		o.Messages, o.Lasts, o.Made = unpack(messages), time.Duration(lasts)*time.Millisecond, moment(made)
		found = append(found, o)
		return err
	})
	return found, err
}

// Offer has a customer agree beforehand that whoever works their open case sees
// these messages of theirs, to a tier.
func (g *Gate) Offer(ctx context.Context, a postern.AccountID, c postern.CaseID, messages []postern.MessageID, t postern.Tier) error {
	if len(messages) == 0 || len(messages) > MaxMessages || !distinct(messages) || t < postern.TierTrace || t > postern.TierAttachment {
		return &postern.Error{Kind: postern.Invalid, Key: "gate.invalid.offer", Text: "offer 1 to 100 messages at a tier from trace to attachment"}
	}
	found, err := g.mailboxes.Find(ctx, a, postern.Scope{Messages: messages})
	if err != nil {
		return err
	}
	if !within(messages, found) {
		return &postern.Error{Kind: postern.NotFound, Key: "gate.unknown.message", Text: "there is no such message in this account"}
	}
	return g.db.Update(ctx, func(tx *db.Tx) error {
		if err := g.open(tx, c, a); err != nil {
			return err
		}
		return g.offer(tx, Offer{Account: a, Case: c, Tier: t, Messages: messages, Named: true}, "")
	})
}

func (g *Gate) offer(tx *db.Tx, o Offer, grant postern.GrantID) error {
	packed, err := pack(o.Messages)
	if err != nil {
		return err
	}
	o.ID, o.Made = postern.NewID(), g.now()
	if err := tx.ExecOne("INSERT INTO gate_offer (id, account, case_id, tier, messages, named, staff, lasts, once, made, withdrawn) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0)",
		o.ID, string(o.Account), string(o.Case), int64(o.Tier), packed, number(o.Named), string(o.Staff), o.Lasts.Milliseconds(), number(o.Once), millis(o.Made)); err != nil {
		return err
	}
	_, err = g.ledger.Control(tx, ledger.Control{
		Kind: verify.ControlConsent, At: o.Made, Account: o.Account, Case: o.Case, Grant: grant, Subject: "offer " + o.ID,
		Detail: detail.Lines{}.Tier(o.Tier).Messages(o.Messages).Text(),
	})
	return err
}

// Offers gives what the customer offered for a case, newest first.
func (g *Gate) Offers(ctx context.Context, c postern.CaseID) (found []Offer, err error) {
	err = g.db.View(ctx, func(tx *db.Tx) error {
		found, err = offers(tx, "case_id = ?1", string(c))
		return err
	})
	return found, err
}

// offered finds an offer that covers what is asked, and uses it up where it is a
// kept yes: that was to one grant.
func (g *Gate) offered(tx *db.Tx, s staff.Session, a Ask) (Offer, bool, error) {
	all, err := offers(tx, "account = ?1 AND case_id = ?2 AND (staff = '' OR staff = ?3)", string(a.Account), string(a.Case), string(s.Staff))
	if err != nil {
		return Offer{}, false, err
	}
	for _, o := range all {
		covers := !scoped(a.Scope) || len(a.Scope.Messages) > 0 && within(a.Scope.Messages, o.Messages)
		if !covers || a.Tier > o.Tier {
			continue
		}
		if o.Staff == "" {
			return o, true, nil
		}
		// Of two sessions of theirs that ask at once, one finds it.
		n, err := tx.Exec("UPDATE gate_offer SET withdrawn = ?2 WHERE id = ?1 AND withdrawn = 0", o.ID, millis(g.now()))
		if err != nil || n == 1 {
			return o, err == nil, err
		}
	}
	return Offer{}, false, nil
}

// takeBack withdraws the offers of a case that name any of the messages: a
// customer who says stop does not mean "until you ask again".
func takeBack(tx *db.Tx, gr Grant, at time.Time) error {
	all, err := offers(tx, "account = ?1 AND case_id = ?2", string(gr.Account), string(gr.Case))
	if err != nil {
		return err
	}
	for _, o := range all {
		touched := false
		for _, m := range gr.Messages {
			touched = touched || within([]postern.MessageID{m}, o.Messages)
		}
		if !touched {
			continue
		}
		if err := tx.ExecOne("UPDATE gate_offer SET withdrawn = ?2 WHERE id = ?1 AND withdrawn = 0", o.ID, millis(at)); err != nil {
			return err
		}
	}
	return nil
}
