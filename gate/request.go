package gate

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/gate/policy"
	"github.com/postern-mail/postern/staff"
)

// Request is what an agent asked for, with the answer once there is one.
type Request struct {
	ID               postern.RequestID
	Case             postern.CaseID
	Account          postern.AccountID
	Tier             postern.Tier
	Messages         []postern.MessageID // exactly what would be shown
	Named            bool                // the asker named each message; false: a mailbox or a query did
	Reason           postern.Reason
	Sentence         string
	For              time.Duration
	Staff            postern.StaffID
	StaffName        string
	Organisation     postern.OrganisationID
	OrganisationName string
	Session          postern.SessionID
	Asked            time.Time
	Status           string // Waiting, Granted, Refused, Expired
	Answered         time.Time
	AnsweredBy       string // "policy", "customer", or a member's name
	Answer           string // the sentence of a refusal
	// Grant is set when the status is Granted, but for a customer's yes that
	// came after the asking session had ended: it is kept as an [Offer], and
	// the next request of the same member for the same case gets its grant.
	Grant         postern.GrantID
	NeedsCustomer bool // no member of staff can agree to it
	Once          bool // each message is shown once at the tier
	Emergency     bool // without the customer: two approvers, one of them a responder
	Approvers     int  // how many members of staff must agree where they may
	// Agreements are those of the members of staff who have agreed already. While
	// it waits, Tier, Messages, For and Once are what they left.
	Agreements []Agreement
}

// What can become of a request.
const (
	Waiting = "waiting"
	Granted = "granted"
	Refused = "refused"
	Expired = "expired"
)

// requestLife is how long a request waits. An approver answers the session that
// is at work; a customer may be asleep.
const (
	requestLife  = 72 * time.Hour
	approvalLife = staff.SessionLife
)

// maxWaiting bounds the waiting requests of one member of staff: nobody may
// tire the approvers into agreeing.
const maxWaiting = 20

const requestColumns = `id, case_id, account, tier, messages, named, reason, sentence, lasts, agree, staff, staff_name,
	organisation, organisation_name, session_id, asked, status, answered, answered_by, answer, grant_id, approvers, once, emergency`

func scanRequest(row db.Scanner) (r Request, err error) {
	var messages []byte
	var lasts, asked, answered int64
	var agree policy.Agree
	err = row.Scan(&r.ID, &r.Case, &r.Account, &r.Tier, &messages, &r.Named, &r.Reason, &r.Sentence, &lasts, &agree, &r.Staff, &r.StaffName,
		&r.Organisation, &r.OrganisationName, &r.Session, &asked, &r.Status, &answered, &r.AnsweredBy, &r.Answer, &r.Grant,
		&r.Approvers, &r.Once, &r.Emergency)
	r.Messages, r.For, r.Asked, r.Answered = unpack(messages), time.Duration(lasts)*time.Millisecond, moment(asked), moment(answered)
	r.NeedsCustomer = agree == policy.AgreeCustomer && !r.Emergency
	return r, err
}

func requests(tx *db.Tx, where string, args ...any) (found []Request, err error) {
	err = tx.Rows("SELECT "+requestColumns+" FROM gate_request WHERE "+where, args, func(row db.Scanner) error {
		one, err := scanRequest(row)
		found = append(found, one)
		return err
	})
	return found, err
}

func request(tx *db.Tx, id postern.RequestID) (Request, error) {
	found, err := requests(tx, "id = ?1", string(id))
	if err == nil && len(found) == 0 {
		err = &postern.Error{Kind: postern.NotFound, Key: "gate.unknown.request", Text: "there is no such request"}
	}
	if err != nil {
		return Request{}, err
	}
	return found[0], nil
}

// insert writes a request as it was asked.
func insert(tx *db.Tx, r Request, agree policy.Agree, credential postern.CredentialID) error {
	packed, err := pack(r.Messages)
	if err != nil {
		return err
	}
	return tx.ExecOne(`INSERT INTO gate_request (id, case_id, account, tier, messages, named, reason, sentence, lasts, agree, staff, staff_name,
			organisation, organisation_name, session_id, credential_id, asked, status, answered, answered_by, answer, grant_id,
			approvers, once, emergency)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25)`,
		string(r.ID), string(r.Case), string(r.Account), int64(r.Tier), packed, number(r.Named), int64(r.Reason), r.Sentence, r.For.Milliseconds(), string(agree),
		string(r.Staff), r.StaffName, string(r.Organisation), r.OrganisationName, string(r.Session), string(credential), millis(r.Asked),
		r.Status, millisOrZero(r.Answered), r.AnsweredBy, r.Answer, string(r.Grant), int64(max(1, r.Approvers)), number(r.Once), number(r.Emergency))
}

func millisOrZero(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return millis(t)
}

// answer closes a waiting request. Of two answers that come at once exactly one
// finds it waiting; the other is a Conflict.
func answer(tx *db.Tx, r Request) error {
	n, err := tx.Exec(`UPDATE gate_request SET status = ?2, answered = ?3, answered_by = ?4, answer = ?5, grant_id = ?6 WHERE id = ?1 AND status = 'waiting'`,
		string(r.ID), r.Status, millis(r.Answered), r.AnsweredBy, r.Answer, string(r.Grant))
	if err == nil && n == 0 {
		err = errAnswered
	}
	return err
}

var errAnswered = &postern.Error{Kind: postern.Conflict, Key: "gate.conflict.answered", Text: "the request has been answered already"}

// Request gives a request with everything it would show, for those who answer
// it: NotFound when there is none.
func (g *Gate) Request(ctx context.Context, id postern.RequestID) (found Request, err error) {
	err = g.db.View(ctx, func(tx *db.Tx) error {
		if found, err = request(tx, id); err != nil {
			return err
		}
		found = g.aged(found)
		return left(tx, &found)
	})
	return found, err
}

// RequestFilter chooses requests; zero fields choose all.
type RequestFilter struct {
	Case    postern.CaseID
	Account postern.AccountID
	Session postern.SessionID
	Staff   postern.StaffID
	Status  string
	Limit   int // 0 means 100
}

// Requests gives the chosen requests, newest first, as their asker may see
// them: see [Request.forAsker].
func (g *Gate) Requests(ctx context.Context, f RequestFilter) (found []Request, err error) {
	var parts []string
	var args []any
	for _, c := range []struct{ column, value string }{
		{"case_id", string(f.Case)}, {"account", string(f.Account)}, {"session_id", string(f.Session)}, {"staff", string(f.Staff)}, {"status", f.Status},
	} {
		if c.value != "" {
			args = append(args, c.value)
			parts = append(parts, c.column+" = ?"+strconv.Itoa(len(args)))
		}
	}
	if len(parts) == 0 {
		parts = append(parts, "1 = 1")
	}
	if f.Limit <= 0 {
		f.Limit = 100
	}
	args = append(args, int64(f.Limit))
	err = g.db.View(ctx, func(tx *db.Tx) error {
		found, err = requests(tx, strings.Join(parts, " AND ")+" ORDER BY asked DESC, id LIMIT ?"+strconv.Itoa(len(args)), args...)
		return err
	})
	for i, r := range found {
		found[i] = g.aged(r).forAsker()
	}
	return found, err
}

// Waiting gives the requests that the approver could agree to, oldest first:
// none of their own, and none that only the customer can answer.
func (g *Gate) Waiting(ctx context.Context, by staff.Session) (found []Request, err error) {
	// A responder answers emergencies alone.
	if !by.Is(staff.Approver) && !by.Is(staff.Responder) {
		return nil, refuse(RefusedNotApprover)
	}
	err = g.db.View(ctx, func(tx *db.Tx) error {
		s, err := g.alive(tx, by.ID)
		if err != nil || s.OrganisationKind != "provider" { // an outsourcer's agree to nothing
			return err
		}
		found, err = requests(tx, `status = 'waiting' AND (emergency = 1 OR agree = 'customer-or-staff' AND ?3 = 1) AND staff <> ?1 AND asked > ?2
			AND NOT EXISTS (SELECT 1 FROM gate_agreement a WHERE a.request_id = gate_request.id AND a.staff = ?1) ORDER BY emergency DESC, asked, id LIMIT 200`,
			string(by.Staff), millis(g.now().Add(-approvalLife)), number(by.Is(staff.Approver)))
		for i := range found {
			if err == nil && found[i].Approvers > 1 {
				err = left(tx, &found[i])
			}
		}
		return err
	})
	return found, err
}

// WaitingFor gives the requests that the customer could agree to, oldest first.
func (g *Gate) WaitingFor(ctx context.Context, a postern.AccountID) (found []Request, err error) {
	err = g.db.View(ctx, func(tx *db.Tx) error {
		found, err = requests(tx, "account = ?1 AND status = 'waiting' AND emergency = 0 AND asked > ?2 ORDER BY asked, id LIMIT 200", string(a), millis(g.now().Add(-requestLife)))
		return err
	})
	return found, err
}

// aged gives a request that nobody answered in time as expired.
func (g *Gate) aged(r Request) Request {
	if r.Status == Waiting && !g.now().Before(r.Asked.Add(requestLife)) {
		r.Status = Expired
	}
	return r
}

// forAsker hides which and how many messages a mailbox or a query found until
// somebody has agreed: "has she mail from this clinic?" is itself an answer
// about the account, and asking must not give it.
func (r Request) forAsker() Request {
	if r.Status != Granted && !r.Named {
		r.Messages = nil
	}
	return r
}

// Cancel takes back a waiting request of one's own.
func (g *Gate) Cancel(ctx context.Context, by staff.Session, id postern.RequestID) error {
	return g.db.Update(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec("UPDATE gate_request SET status = 'expired', answered = ?3, answered_by = ?4 WHERE id = ?1 AND staff = ?2 AND status = 'waiting'",
			string(id), string(by.Staff), millis(g.now()), by.Name)
		if err == nil && n == 0 {
			err = errAnswered
		}
		return err
	})
}
