package gate

import (
	"cmp"
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/gate/detail"
	"github.com/postern-mail/postern/gate/hold"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/staff"
)

// Grant is a permission to reach one account, for one case, at one tier and the
// shallower ones, on these messages, until a time, by one session.
type Grant struct {
	ID               postern.GrantID
	Request          postern.RequestID
	Case             postern.CaseID
	Account          postern.AccountID
	Tier             postern.Tier
	Messages         []postern.MessageID
	Reason           postern.Reason
	Sentence         string
	From, Until      time.Time
	Session          postern.SessionID
	Staff            postern.StaffID
	StaffName        string
	Organisation     postern.OrganisationID
	OrganisationName string
	AgreedBy         string    // "policy", "customer", or the approver's name
	Consented        bool      // the customer agreed to each of Messages: guarded ones may be shown
	Ended            time.Time // zero while it runs; Until can be over before
	EndedWhy         string    // "closed", "withdrawn", "case-closed", "session-ended", "contained", "last-message"
	Once             bool      // each of Messages is shown once at Tier; the last one ends it
	Emergency        bool      // the customer was not asked, and is told
}

// Live says whether the grant can be used at a time, as far as the grant itself
// goes: its session may have ended.
func (g Grant) Live(at time.Time) bool { return g.Ended.IsZero() && at.Before(g.Until) }

// Why a grant ended before its time.
const (
	EndClosed     = "closed"
	EndWithdrawn  = "withdrawn"
	EndCaseClosed = "case-closed"
	EndSession    = "session-ended"
	EndContained  = "contained"
	EndLast       = "last-message"
)

// By says who agreed when it was neither the policy nor a member of staff.
const (
	ByPolicy   = "policy"
	ByCustomer = "customer"
)

// GrantFilter chooses grants; zero fields choose all.
type GrantFilter struct {
	Case    postern.CaseID
	Account postern.AccountID
	Session postern.SessionID
	Live    bool // neither ended nor past its time; its session may have ended
	// ForCustomer leaves out what a legal hold keeps from the customer now.
	ForCustomer bool
	Limit       int // 0 means 100
}

const grantColumns = `id, request_id, case_id, account, tier, messages, reason, sentence, from_at, until_at, session_id,
	staff, staff_name, organisation, organisation_name, agreed_by, consented, ended_at, ended_why, once, emergency`

func scanGrant(row db.Scanner) (g Grant, err error) {
	var messages []byte
	var from, until, ended int64
	err = row.Scan(&g.ID, &g.Request, &g.Case, &g.Account, &g.Tier, &messages, &g.Reason, &g.Sentence, &from, &until, &g.Session,
		&g.Staff, &g.StaffName, &g.Organisation, &g.OrganisationName, &g.AgreedBy, &g.Consented, &ended, &g.EndedWhy, &g.Once, &g.Emergency)
	g.Messages = unpack(messages)
	g.From, g.Until, g.Ended = moment(from), moment(until), moment(ended)
	return g, err
}

// Grant gives a grant: NotFound when there is none.
func (g *Gate) Grant(ctx context.Context, id postern.GrantID) (found Grant, err error) {
	err = g.db.View(ctx, func(tx *db.Tx) error {
		all, err := grants(tx, "id = ?1", id)
		if err == nil && len(all) == 0 {
			err = &postern.Error{Kind: postern.NotFound, Key: "gate.unknown.grant", Text: "there is no such grant"}
		}
		if err == nil {
			found = all[0]
		}
		return err
	})
	return found, err
}

// Grants gives the chosen grants, newest first.
func (g *Gate) Grants(ctx context.Context, f GrantFilter) (found []Grant, err error) {
	var parts []string
	var args []any
	and := func(condition string, v any) {
		args = append(args, v)
		if !strings.Contains(condition, "?") {
			condition += "?"
		}
		parts = append(parts, strings.ReplaceAll(condition, "?", "?"+strconv.Itoa(len(args))))
	}
	if f.Case != "" {
		and("case_id = ?", string(f.Case))
	}
	if f.Account != "" {
		and("account = ?", string(f.Account))
	}
	if f.Session != "" {
		and("session_id = ?", string(f.Session))
	}
	if f.Live {
		parts = append(parts, "ended_at = 0")
		and("until_at > ?", millis(g.now()))
	}
	if f.ForCustomer {
		and("NOT (emergency = 1 AND "+hold.Kept("gate_grant")+")", millis(g.now()))
	}
	if len(parts) == 0 {
		parts = append(parts, "1 = 1")
	}
	if f.Limit <= 0 {
		f.Limit = 100
	}
	args = append(args, int64(f.Limit))
	err = g.db.View(ctx, func(tx *db.Tx) error {
		found, err = grants(tx, strings.Join(parts, " AND ")+" ORDER BY from_at DESC, id LIMIT ?"+strconv.Itoa(len(args)), args...)
		return err
	})
	return found, err
}

func grants(tx *db.Tx, where string, args ...any) (found []Grant, err error) {
	err = tx.Rows("SELECT "+grantColumns+" FROM gate_grant WHERE "+where, args, func(row db.Scanner) error {
		one, err := scanGrant(row)
		found = append(found, one)
		return err
	})
	return found, err
}

// terms are what was agreed to: a request's own, or less.
type terms struct {
	tier     postern.Tier
	messages []postern.MessageID
	lasts    time.Duration
	exact    bool // whoever agreed looked at each message by its id
	once     bool
}

// agreement is who said yes.
type agreement struct {
	by       string // ByPolicy, ByCustomer or a member's name
	approver postern.StaffID
}

// give makes the grant of an agreed request, for the session that asked, and
// writes it to the ledger.
func (g *Gate) give(tx *db.Tx, r Request, s staff.Session, t terms, a agreement, at time.Time) (Grant, error) {
	// A member whose name is one of the two words must not read as the customer
	// or the policy, on a page or to whoever replays the ledger.
	if a.approver != "" && (a.by == ByCustomer || a.by == ByPolicy) {
		a.by = "staff " + a.by
	}
	made := Grant{
		ID: postern.GrantID(postern.NewID()), Request: r.ID, Case: r.Case, Account: r.Account, Tier: t.tier, Messages: t.messages,
		Reason: r.Reason, Sentence: r.Sentence, From: at, Until: at.Add(t.lasts), Session: s.ID, Staff: s.Staff, StaffName: s.Name,
		Organisation: s.Organisation, OrganisationName: s.OrganisationName, AgreedBy: a.by,
		// Guarded messages open only to a customer who saw that they are among
		// those agreed to. A yes to "INBOX" is not one.
		Consented: a.by == ByCustomer && a.approver == "" && t.exact,
	}
	made.Once, made.Emergency = t.once && len(t.messages) > 0, r.Emergency
	// A grant never outlives the session it belongs to, the shift of whoever has
	// it, or the hours in which its tier may be shown.
	ends := []time.Time{s.Expires, s.Shift}
	if rule, ok := g.policy.For(s.Organisation, s.OrganisationKind, t.tier); ok && !r.Emergency {
		until, _ := rule.Open(at)
		// The tier agreed to may be shallower than the one asked for, and shorter.
		ends = append(ends, until, at.Add(rule.Longest))
	}
	for _, end := range ends {
		if !end.IsZero() && made.Until.After(end) {
			made.Until = end
		}
	}
	if err := g.running(tx); err != nil {
		return Grant{}, err
	}
	packed, err := pack(made.Messages)
	if err != nil {
		return Grant{}, err
	}
	err = tx.ExecOne(`INSERT INTO gate_grant (id, request_id, case_id, account, tier, messages, reason, sentence, from_at, until_at, session_id,
			credential_id, network, staff, staff_name, organisation, organisation_name, agreed_by, approver, consented, ended_at, ended_why, once, emergency)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, 0, '', ?21, ?22)`,
		string(made.ID), string(made.Request), string(made.Case), string(made.Account), int64(made.Tier), packed, int64(made.Reason), made.Sentence,
		millis(made.From), millis(made.Until), string(s.ID), string(s.Credential), s.Network, string(s.Staff), s.Name,
		string(s.Organisation), s.OrganisationName, made.AgreedBy, string(a.approver), number(made.Consented), number(made.Once), number(made.Emergency))
	if err == nil && made.Emergency {
		err = g.holds.Due(tx, made.ID, made.Account, at)
	}
	if err != nil {
		return Grant{}, err
	}
	word := ""
	if made.Emergency {
		word = "yes"
	}
	_, err = g.ledger.Control(tx, ledger.Control{
		Kind: verify.ControlGrant, At: at, Account: made.Account, Actor: cmp.Or(a.approver, s.Staff), Grant: made.ID, Case: made.Case, Session: s.ID,
		Credential: s.Credential, Organisation: s.Organisation, Subject: made.Tier.String(),
		Detail: detail.Lines{}.Tier(made.Tier).Until(made.Until).Add("reason", made.Reason.String()).Add("agreed", made.AgreedBy).Add("emergency", word).
			Add("staff", s.Name).Messages(made.Messages).Add("sentence", made.Sentence).Text(),
	})
	return made, err
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// Close ends a grant of one's own before its time.
func (g *Gate) Close(ctx context.Context, by staff.Session, id postern.GrantID) error {
	_, err := g.end(ctx, func(tx *db.Tx, at time.Time) ([]Grant, error) {
		return g.endGrants(tx, at, EndClosed, by.Staff, "id = ?1 AND session_id = ?2", string(id), string(by.ID))
	})
	return err
}

// EndCase ends everything that a case allows, inside the transaction that
// closes it: its grants, its waiting requests, what its customer offered.
func (g *Gate) EndCase(tx *db.Tx, c postern.CaseID, at time.Time) error {
	if err := tx.Lock(lock); err != nil { // invariant 5
		return err
	}
	ended, err := g.endGrants(tx, at, EndCaseClosed, "", "case_id = ?1", string(c))
	if err != nil {
		return err
	}
	if _, err := tx.Exec("UPDATE gate_request SET status = 'expired', answered = ?2 WHERE case_id = ?1 AND status = 'waiting'", string(c), millis(at)); err != nil {
		return err
	}
	if _, err := tx.Exec("UPDATE gate_offer SET withdrawn = ?2 WHERE case_id = ?1 AND withdrawn = 0", string(c), millis(at)); err != nil {
		return err
	}
	tx.AfterCommit(func() { g.cut(endOfGrants(ended), refuse(RefusedGrantEnded)) })
	return nil
}
