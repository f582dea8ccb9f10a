// Package history answers what staff asked for and what they then did: requests,
// their answers, the refusals of the gate, and beside each grant the disclosures
// that were made under it.
//
// What it keeps: nothing. It reads the gate's tables and the ledger.
//
// Trust: it handles names, sentences and ids of messages, and gives them to
// approvers, auditors and responders, to an agent only what is their own, and to
// an outsourcer's staff only what that organisation's did. It must never write.
package history

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/staff"
)

// Denied is the outcome of what the gate refused before anybody was asked.
const Denied = "denied"

// Filter chooses entries; zero fields choose all that whoever asks may see.
type Filter struct {
	Staff        postern.StaffID
	Name         string // part of the asker's name
	Account      postern.AccountID
	Case         postern.CaseID
	Tier         postern.Tier
	Reason       postern.Reason // of requests: a refusal has none
	Outcome      string         // gate.Waiting, Granted, Refused, Expired, or Denied
	Words        string         // in the sentence
	Since, Until time.Time      // Until is exclusive
	After        string         // a cursor: what comes after an entry
	Limit        int            // 0 means 25, at most 100

	organisation postern.OrganisationID // whose members' entries alone, "" for everybody's
}

// Entry is one thing that was asked for or tried: exactly one of Request and
// Refusal is set.
type Entry struct {
	Cursor  string // gives what comes after
	Request *gate.Request
	Grant   *gate.Grant // what became of the request, or what the refusal was about
	Done    []Done      // what was shown under the grant, oldest first
	More    bool        // more was shown than Done lists
	Refusal *Refusal
}

// Done is one disclosure.
type Done struct {
	ID       postern.DisclosureID
	At       time.Time
	Tier     postern.Tier
	Fields   postern.Field
	Messages []postern.MessageID
}

// Refusal is one no of the gate.
type Refusal struct {
	At           time.Time
	What         string // "ask", "approve", "reveal", …
	Key          string // "gate.refused.budget"
	Account      postern.AccountID
	Case         postern.CaseID
	Grant        postern.GrantID
	Tier         postern.Tier
	Staff        postern.StaffID
	StaffName    string
	Organisation postern.OrganisationID
}

// Parts is what a History is made of.
type Parts struct {
	DB     *db.Handle // the staff plane
	Gate   *gate.Gate
	Ledger *ledger.Ledger
	Staff  *staff.Directory
}

// History reads. It is safe for concurrent use.
type History struct{ Parts }

// New gives the history. The gate has made its tables.
func New(p Parts) *History { return &History{p} }

const (
	page     = 25
	mostPage = 100
	mostDone = 50
)

// place is where an entry stands: newest first, ids breaking ties. Entries never
// change their place, so a page that was read stays as it was.
type place struct {
	at int64
	id string
}

func (p place) String() string { return strconv.FormatInt(p.at, 10) + "-" + p.id }

func placeOf(s string) (p place, err error) {
	at, id, ok := strings.Cut(s, "-")
	p.at, err = strconv.ParseInt(at, 10, 64)
	if !ok || err != nil || len(id) != 32 {
		return p, &postern.Error{Kind: postern.Invalid, Key: "gate.invalid.cursor", Text: "this is no place in the history", Err: err}
	}
	p.id = id
	return p, nil
}

// Find gives the chosen entries, newest first. next is the cursor of what comes
// after them, "" at the end.
func (h *History) Find(ctx context.Context, by staff.Session, f Filter) (found []Entry, next string, err error) {
	if f.Limit <= 0 || f.Limit > mostPage {
		f.Limit = page
	}
	type row struct {
		place
		refused bool
	}
	var rows []row
	own := false
	err = h.DB.View(ctx, func(tx *db.Tx) error {
		s, err := h.Staff.Alive(tx, by.ID)
		if err != nil {
			return err
		}
		if !s.Is(staff.Approver) && !s.Is(staff.Auditor) && !s.Is(staff.Responder) {
			f.Staff, f.Name, own = s.Staff, "", true
		}
		if s.OrganisationKind != "provider" {
			f.organisation = s.Organisation
		}
		query, args, err := f.query()
		if err != nil {
			return err
		}
		return tx.Rows(query, args, func(r db.Scanner) error {
			var one row
			err := r.Scan(&one.at, &one.id, &one.refused)
			rows = append(rows, one)
			return err
		})
	})
	if err != nil {
		return nil, "", err
	}
	if len(rows) > f.Limit {
		rows = rows[:f.Limit]
		next = rows[f.Limit-1].String()
	}
	for _, r := range rows {
		e := Entry{Cursor: r.String()}
		if r.refused {
			err = h.refusal(ctx, r.id, &e)
		} else {
			err = h.request(ctx, postern.RequestID(r.id), &e)
			// Which messages a query found is nothing that asking may tell.
			if q := e.Request; err == nil && own && q.Status != gate.Granted && !q.Named {
				q.Messages = nil
			}
		}
		if err != nil {
			return nil, "", fmt.Errorf("couldn't read the history: %w", err)
		}
		found = append(found, e)
	}
	return found, next, nil
}

// query makes one statement of the filter, over requests and refusals alike.
func (f Filter) query() (string, []any, error) {
	var args []any
	arg := func(v any) string {
		args = append(args, v)
		return "?" + strconv.Itoa(len(args))
	}
	like := func(s string) string {
		return arg("%" + strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(strings.ToLower(strings.TrimSpace(s))) + "%")
	}
	var asked, refused, both []string
	equal := func(column string, v any) { both = append(both, column+" = "+arg(v)) }
	if f.Staff != "" {
		equal("staff", string(f.Staff))
	}
	if f.organisation != "" {
		equal("organisation", string(f.organisation))
	}
	if strings.TrimSpace(f.Name) != "" {
		both = append(both, "lower(staff_name) LIKE "+like(f.Name)+` ESCAPE '\'`)
	}
	if f.Account != "" {
		equal("account", string(f.Account))
	}
	if f.Case != "" {
		equal("case_id", string(f.Case))
	}
	if f.Tier != postern.TierNone {
		equal("tier", int64(f.Tier))
	}
	if f.Reason != 0 {
		asked = append(asked, "reason = "+arg(int64(f.Reason)))
		refused = append(refused, "1 = 0")
	}
	if strings.TrimSpace(f.Words) != "" {
		asked = append(asked, "lower(sentence) LIKE "+like(f.Words)+` ESCAPE '\'`)
		refused = append(refused, "1 = 0")
	}
	switch f.Outcome {
	case "":
	case Denied:
		asked = append(asked, "1 = 0")
	default:
		asked = append(asked, "status = "+arg(f.Outcome))
		refused = append(refused, "1 = 0")
	}
	period := func(op string, v any, id string) {
		n := arg(v)
		one := func(column string) string {
			if id == "" {
				return column + " " + op + " " + n
			}
			return "(" + column + " < " + n + " OR " + column + " = " + n + " AND id < " + id + ")"
		}
		asked, refused = append(asked, one("asked")), append(refused, one("at"))
	}
	if !f.Since.IsZero() {
		period(">=", f.Since.UnixMilli(), "")
	}
	if !f.Until.IsZero() {
		period("<", f.Until.UnixMilli(), "")
	}
	if f.After != "" {
		p, err := placeOf(f.After)
		if err != nil {
			return "", nil, err
		}
		period("<", p.at, arg(p.id))
	}
	limit := arg(int64(f.Limit + 1))
	where := func(own []string) string {
		return strings.Join(append(append([]string{"1 = 1"}, both...), own...), " AND ")
	}
	return "SELECT at, id, refused FROM (SELECT * FROM (SELECT asked AS at, id, 0 AS refused FROM gate_request WHERE " + where(asked) + " ORDER BY asked DESC, id DESC LIMIT " + limit + ") AS a" +
		" UNION ALL SELECT * FROM (SELECT at, id, 1 AS refused FROM gate_refusal WHERE " + where(refused) + " ORDER BY at DESC, id DESC LIMIT " + limit + ") AS b) AS c" +
		" ORDER BY at DESC, id DESC LIMIT " + limit, args, nil
}

// request completes an entry with a request and what was done on its ground.
func (h *History) request(ctx context.Context, id postern.RequestID, e *Entry) error {
	q, err := h.Gate.Request(ctx, id)
	if err != nil {
		return err
	}
	e.Request = &q
	if q.Grant == "" {
		return nil
	}
	return h.grant(ctx, q.Grant, e)
}

func (h *History) grant(ctx context.Context, id postern.GrantID, e *Entry) error {
	g, err := h.Gate.Grant(ctx, id)
	if err != nil {
		return err
	}
	e.Grant = &g
	all, err := h.Ledger.Find(ctx, ledger.Filter{Grant: id, DisclosuresOnly: true, Limit: mostDone + 1})
	if err != nil {
		return err
	}
	if e.More = len(all) > mostDone; e.More {
		all = all[:mostDone]
	}
	for i := len(all) - 1; i >= 0; i-- {
		d := all[i].Disclosure
		e.Done = append(e.Done, Done{ID: d.ID, At: d.At, Tier: d.Tier, Fields: d.Fields, Messages: d.Messages})
	}
	return nil
}

func (h *History) refusal(ctx context.Context, id string, e *Entry) error {
	var r Refusal
	var at int64
	err := h.DB.View(ctx, func(tx *db.Tx) error {
		return tx.Row(`SELECT at, what, subject, account, case_id, grant_id, tier, staff, staff_name, organisation FROM gate_refusal WHERE id = ?1`, db.Args(id),
			&at, &r.What, &r.Key, &r.Account, &r.Case, &r.Grant, &r.Tier, &r.Staff, &r.StaffName, &r.Organisation)
	})
	r.At = time.UnixMilli(at).UTC()
	e.Refusal = &r
	return err
}
