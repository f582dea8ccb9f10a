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

// Wish is what a customer wants done with requests to see their mail.
type Wish string

// The wishes.
const (
	WishAsk    Wish = "ask"    // ask me, and use what I offered; what everybody has at first
	WishRefuse Wish = "refuse" // say no for me, at once; what I offer by name still counts
	WishEach   Wish = "each"   // ask me every time: no offer counts, nobody else agrees, and each message is shown once
)

// AnswerAlways is the Answer of a request that a customer's [WishRefuse]
// answered: a key, for there was nobody to write a sentence.
const AnswerAlways = "gate.answer.always-refuse"

func preference(tx *db.Tx, a postern.AccountID) (Wish, error) {
	w := WishAsk
	err := tx.Row("SELECT wish FROM gate_preference WHERE account = ?1", db.Args(string(a)), &w)
	if errors.Is(err, db.ErrNoRows) {
		return WishAsk, nil
	}
	return w, err
}

// Preference gives a customer's wish.
func (g *Gate) Preference(ctx context.Context, a postern.AccountID) (w Wish, err error) {
	err = g.db.View(ctx, func(tx *db.Tx) error {
		w, err = preference(tx, a)
		return err
	})
	return w, err
}

// SetPreference keeps a customer's wish. It holds for what is waiting too: "always
// refuse" answers it, and "ask me every time" leaves it to the customer. What runs
// already is withdrawn by itself.
func (g *Gate) SetPreference(ctx context.Context, a postern.AccountID, w Wish) error {
	if w != WishAsk && w != WishRefuse && w != WishEach {
		return &postern.Error{Kind: postern.Invalid, Key: "gate.invalid.preference", Text: "choose ask, refuse or each"}
	}
	return g.db.Update(ctx, func(tx *db.Tx) error {
		// Alone, so that whoever asks or agrees meanwhile is either found waiting
		// or finds the wish.
		if err := tx.Lock(lock); err != nil {
			return err
		}
		before, err := preference(tx, a)
		if err != nil || before == w {
			return err
		}
		at := g.now()
		if err := tx.ExecOne("INSERT INTO gate_preference (account, wish, at) VALUES (?1, ?2, ?3) ON CONFLICT (account) DO UPDATE SET wish = excluded.wish, at = excluded.at",
			string(a), string(w), millis(at)); err != nil {
			return err
		}
		if _, err := g.ledger.Control(tx, ledger.Control{Kind: verify.ControlConsent, At: at, Account: a, Subject: "preference " + string(w),
			Detail: detail.Lines{}.Add("before", string(before)).Text()}); err != nil || w == WishAsk {
			return err
		}
		if w == WishEach {
			_, err := tx.Exec("UPDATE gate_request SET agree = ?2 WHERE account = ?1 AND status = 'waiting' AND emergency = 0", string(a), string(policy.AgreeCustomer))
			return err
		}
		waiting, err := requests(tx, "account = ?1 AND status = 'waiting' AND emergency = 0 ORDER BY asked, id", string(a))
		for _, r := range waiting {
			if err == nil {
				err = g.decline(tx, r, ByCustomer, staff.Session{}, AnswerAlways)
			}
		}
		return err
	})
}

// TakeBack withdraws what a customer offered before it was used, or after: what
// was granted on its ground ends by [Gate.Withdraw].
func (g *Gate) TakeBack(ctx context.Context, a postern.AccountID, offer string) error {
	return g.db.Update(ctx, func(tx *db.Tx) error {
		if err := tx.Lock(lock); err != nil { // or whoever asks meanwhile has it still
			return err
		}
		found, err := offers(tx, "account = ?1 AND id = ?2", string(a), offer)
		if err == nil && len(found) == 0 {
			err = &postern.Error{Kind: postern.NotFound, Key: "gate.unknown.offer", Text: "there is no such offer"}
		}
		if err != nil {
			return err
		}
		at := g.now()
		if err := tx.ExecOne("UPDATE gate_offer SET withdrawn = ?2 WHERE id = ?1 AND withdrawn = 0", offer, millis(at)); err != nil {
			return err
		}
		_, err = g.ledger.Control(tx, ledger.Control{Kind: verify.ControlWithdrawal, At: at, Account: a, Case: found[0].Case, Subject: "offer " + offer,
			Detail: detail.Lines{}.Tier(found[0].Tier).Messages(found[0].Messages).Text()})
		return err
	})
}

// OffersOf gives what a customer offers now, newest first.
func (g *Gate) OffersOf(ctx context.Context, a postern.AccountID) (found []Offer, err error) {
	err = g.db.View(ctx, func(tx *db.Tx) error {
		found, err = offers(tx, "account = ?1", string(a))
		return err
	})
	return found, err
}
