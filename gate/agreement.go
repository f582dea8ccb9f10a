package gate

import (
	"strconv"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/staff"
)

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
		Detail: detail{}.add("agreed", strconv.Itoa(len(r.Agreements)+1)+" of "+strconv.Itoa(r.Approvers)).tier(t.tier).add("staff", by.Name).messages(t.messages).text(),
	})
	return err
}
