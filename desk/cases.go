package desk

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

//go:embed migrations/*.sql
var migrations embed.FS

// What can become of a case. A waiting one waits for the customer.
const (
	StatusOpen    = "open"
	StatusWaiting = "waiting"
	StatusClosed  = "closed"
)

// The kinds of a [Post].
const (
	KindCustomer = "customer"
	KindReply    = "reply" // of the staff, to the customer
	KindNote     = "note"  // among staff
	KindEvent    = "event"
)

// The events of a case: keys of sentences.
const (
	EventAssigned   = "desk.event.assigned"   // Arg: to whom
	EventUnassigned = "desk.event.unassigned" // nobody works it now
	EventClosed     = "desk.event.closed"
	EventReopened   = "desk.event.reopened"
	EventOffered    = "desk.event.offered"  // Arg: to which organisation
	EventHanded     = "desk.event.handed"   // Arg: to whom
	EventMerged     = "desk.event.merged"   // Arg: the number of the case that goes on
	EventUnmerged   = "desk.event.unmerged" // Arg: the same
	EventPriority   = "desk.event.priority" // Arg: the priority's name
)

// Case is one customer's question and its answer.
type Case struct {
	ID                    postern.CaseID
	Number                int64 // what people say: "case 1042"
	Account               postern.AccountID
	Address, Name, Locale string // the customer's, when the case was opened
	Subject               string
	Status                string // StatusOpen, StatusWaiting or StatusClosed
	Assignee              postern.StaffID
	AssigneeName          string
	Opened, Updated       time.Time
	External              string // the number of a ticket in another system

	Priority     Priority
	Organisation postern.OrganisationID // who works it, "" for nobody yet
	Outside      bool                   // that is an outsourcer
	Replied      time.Time              // the first reply, zero for none
	Due          time.Time              // the next thing due, zero while nothing is
	ReplyDue     time.Time
	ResolveDue   time.Time
	MergedInto   postern.CaseID // the case that goes on in this one's place
	MergedAt     time.Time
	HandedBy     string // who handed it over to its assignee, and why
	HandedWhy    string

	used    time.Duration // of the resolution's clock, before started
	started time.Time
}

// Post is one thing written in a case.
type Post struct {
	At    time.Time
	By    string          // a name, as it was
	Staff postern.StaffID // "" for the customer
	Kind  string
	Text  string         // of an event: its key
	Arg   string         // of an event
	Case  postern.CaseID // where it was written: a merged case keeps its own
}

// NewCase is what opens a case.
type NewCase struct {
	Account               postern.AccountID
	Address, Name, Locale string
	Subject, Text         string
	External              string
	Hook                  string   // the hook whose ticket External is
	Priority              Priority // 0: normal
	// Outsourcer is whom it is given to at once, "" for nobody.
	Outsourcer postern.OrganisationID
}

// CasesParts is what Cases is made of.
type CasesParts struct {
	DB  *db.Handle // the staff plane
	Now func() time.Time
}

// Cases is the store of cases. It is safe for concurrent use. Its methods check
// no session: the customer's face and the import use it for a customer, and
// [Desk] for staff.
type Cases struct {
	db        *db.Handle
	now       func() time.Time
	listeners []Listener
}

// OpenCases migrates the desk's tables and gives the store. It comes before the
// gate, which asks it whether a case is open.
func OpenCases(ctx context.Context, p CasesParts) (*Cases, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	if err := p.DB.Migrate(ctx, "desk", files); err != nil {
		return nil, err
	}
	return &Cases{db: p.DB, now: p.Now}, nil
}

const (
	maxSubject = 200
	maxText    = 20_000
)

func invalid(key, text string) error {
	return &postern.Error{Kind: postern.Invalid, Key: key, Text: text}
}

var errUnknown = &postern.Error{Kind: postern.NotFound, Key: "desk.unknown.case", Text: "there is no such case"}

func text(s string, most int) (string, bool) {
	s = strings.TrimSpace(s)
	return s, s != "" && utf8.ValidString(s) && utf8.RuneCountInString(s) <= most && !strings.ContainsRune(s, 0)
}

// OpenCase opens a case in a customer's name.
func (c *Cases) OpenCase(ctx context.Context, n NewCase) (made Case, err error) {
	err = c.db.Update(ctx, func(tx *db.Tx) error {
		made, err = c.OpenTx(tx, n)
		return err
	})
	if err != nil {
		return Case{}, err
	}
	return made, nil
}

// OpenTx is [Cases.OpenCase] inside a caller's transaction.
func (c *Cases) OpenTx(tx *db.Tx, n NewCase) (made Case, err error) {
	var ok bool
	if n.Subject, ok = text(n.Subject, maxSubject); !ok || strings.ContainsAny(n.Subject, "\r\n") {
		return Case{}, invalid("desk.invalid.subject", "give a subject of at most 200 letters")
	}
	if n.Text, ok = text(n.Text, maxText); !ok {
		return Case{}, invalid("desk.invalid.text", "say what is wrong, in at most 20,000 letters")
	}
	if n.Locale != "fr" {
		n.Locale = "en"
	}
	switch {
	case len(n.Account) != 32:
		return Case{}, invalid("desk.invalid.account", "a case is about one account: name it by its id")
	case len(n.External) > 100 || len(n.Address) > 320 || len(n.Name) > 200:
		return Case{}, invalid("desk.invalid.field", "the address, the name or the ticket's number is too long")
	}
	if n.Priority == 0 {
		n.Priority = PriorityNormal
	}
	now := c.now()
	id := postern.CaseID(postern.NewID())
	if err := post(tx, id, Post{At: now, By: n.Name, Kind: KindCustomer, Text: n.Text}); err != nil {
		return Case{}, err
	}
	if err := tx.ExecOne(`INSERT INTO desk_case (id, account, address, name, locale, subject, status, assignee, assignee_name, opened, updated, external, external_hook, priority, organisation, outside)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'open', '', '', ?7, ?7, ?8, ?9, ?10, ?11, CASE WHEN ?11 = '' THEN 0 ELSE 1 END)`,
		string(id), string(n.Account), n.Address, n.Name, n.Locale, n.Subject, millis(now), n.External, n.Hook, int64(n.Priority), string(n.Outsourcer)); err != nil {
		return Case{}, err
	}
	if err := runClock(tx, id, now, func(*Case) {}); err != nil {
		return Case{}, err
	}
	if made, err = oneCase(tx, "id = ?1", string(id)); err != nil {
		return Case{}, err
	}
	return made, c.tell(tx, Event{Kind: Opened, Case: made, At: now})
}

const caseColumns = "id, number, account, address, name, locale, subject, status, assignee, assignee_name, opened, updated, external, " +
	"priority, organisation, outside, replied, used, started, reply_due, resolve_due, due, merged_into, merged_at, handed_by, handed_why"

func cases(tx *db.Tx, where string, args ...any) (found []Case, err error) {
	err = tx.Rows("SELECT "+caseColumns+" FROM desk_case WHERE "+where, args, func(row db.Scanner) error {
		var k Case
		var opened, updated, outside, replied, used, started, replyDue, resolveDue, due, merged int64
		err := row.Scan(&k.ID, &k.Number, &k.Account, &k.Address, &k.Name, &k.Locale, &k.Subject, &k.Status, &k.Assignee, &k.AssigneeName, &opened, &updated, &k.External,
			&k.Priority, &k.Organisation, &outside, &replied, &used, &started, &replyDue, &resolveDue, &due, &k.MergedInto, &merged, &k.HandedBy, &k.HandedWhy)
		k.Opened, k.Updated, k.Outside, k.Replied, k.used, k.started = moment(opened), moment(updated), outside == 1, zeroMoment(replied), time.Duration(used)*time.Millisecond, zeroMoment(started)
		k.ReplyDue, k.ResolveDue, k.Due, k.MergedAt = zeroMoment(replyDue), zeroMoment(resolveDue), zeroMoment(due), zeroMoment(merged)
		found = append(found, k)
		return err
	})
	return found, err
}

func oneCase(tx *db.Tx, where string, args ...any) (Case, error) {
	found, err := cases(tx, where, args...)
	if err == nil && len(found) == 0 {
		err = errUnknown
	}
	if err != nil {
		return Case{}, err
	}
	return found[0], nil
}

func post(tx *db.Tx, c postern.CaseID, p Post) error {
	return tx.ExecOne("INSERT INTO desk_post (case_id, at, who, staff, kind, text, arg) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
		string(c), millis(p.At), p.By, string(p.Staff), p.Kind, p.Text, p.Arg)
}

// Check says inside the gate's transaction whether a case is the account's and
// open, or waiting: NotFound for an unknown one or another account's, Withheld
// when it is closed. The gate holds the lock that closing takes alone.
func (c *Cases) Check(tx *db.Tx, id postern.CaseID, a postern.AccountID) error {
	var account postern.AccountID
	var status string
	err := tx.Row("SELECT account, status FROM desk_case WHERE id = ?1", db.Args(string(id)), &account, &status)
	switch {
	case errors.Is(err, db.ErrNoRows):
		return errUnknown
	case err != nil:
		return err
	case account != a:
		return errUnknown
	case status == StatusClosed:
		return &postern.Error{Kind: postern.Withheld, Key: "desk.refused.case-closed", Text: "the case is closed"}
	}
	return nil
}

// Number gives a case's number, 0 for an unknown one.
func (c *Cases) Number(tx *db.Tx, id postern.CaseID) (n int64, err error) {
	err = tx.Row("SELECT number FROM desk_case WHERE id = ?1", db.Args(string(id)), &n)
	if errors.Is(err, db.ErrNoRows) {
		err = nil
	}
	return n, err
}

// Of gives a customer's cases, the latest first.
func (c *Cases) Of(ctx context.Context, a postern.AccountID) (found []Case, err error) {
	err = c.db.View(ctx, func(tx *db.Tx) error {
		found, err = cases(tx, "account = ?1 AND merged_into = '' ORDER BY updated DESC, number DESC LIMIT 200", string(a))
		return err
	})
	return found, err
}

// ByNumber gives a customer's own case by its number; another's is not found.
func (c *Cases) ByNumber(ctx context.Context, a postern.AccountID, number int64) (found Case, err error) {
	err = c.db.View(ctx, func(tx *db.Tx) error {
		found, err = oneCase(tx, "number = ?1 AND account = ?2", number, string(a))
		return err
	})
	return found, err
}

// Posts gives what was written in a case, the oldest first. Without notes it is
// what the customer may read: letters and answers, and that it was closed or
// reopened.
func (c *Cases) Posts(ctx context.Context, id postern.CaseID, withNotes bool) (found []Post, err error) {
	err = c.db.View(ctx, func(tx *db.Tx) error {
		found, err = posts(tx, id, withNotes, "")
		return err
	})
	return found, err
}

// PostsOf gives what a customer may read in their cases, each as in
// [Cases.Posts], by the case that it stands in: what came with a merged case
// stands in the one that goes on.
func (c *Cases) PostsOf(ctx context.Context, a postern.AccountID) (found map[postern.CaseID][]Post, err error) {
	err = c.db.View(ctx, func(tx *db.Tx) error {
		found = map[postern.CaseID][]Post{}
		return tx.Rows(`SELECT p.at, p.who, p.staff, p.kind, p.text, p.arg, p.case_id, CASE WHEN k.merged_into <> '' THEN k.merged_into ELSE k.id END
			FROM desk_case k JOIN desk_post p ON p.case_id = k.id WHERE k.account = ?1 AND p.kind <> '`+KindNote+`' ORDER BY p.n`, db.Args(string(a)), func(row db.Scanner) error {
			var in postern.CaseID
			p, err := scanPost(row, &in)
			if err == nil && p.public() {
				found[in] = append(found[in], p)
			}
			return err
		})
	})
	return found, err
}

// posts reads a case, and of the cases merged into it those that only allows; see
// [sees].
func posts(tx *db.Tx, id postern.CaseID, withNotes bool, only string, args ...any) (found []Post, err error) {
	err = tx.Rows(`SELECT at, who, staff, kind, text, arg, case_id FROM desk_post
		WHERE case_id = ?1 OR case_id IN (SELECT id FROM desk_case WHERE merged_into = ?1 AND merged_into <> ''`+only+`) ORDER BY n`, db.Args(append([]any{string(id)}, args...)...), func(row db.Scanner) error {
		p, err := scanPost(row)
		if err == nil && (withNotes || p.public()) {
			found = append(found, p)
		}
		return err
	})
	return found, err
}

func scanPost(row db.Scanner, more ...any) (p Post, err error) {
	var at int64
	err = row.Scan(append([]any{&at, &p.By, &p.Staff, &p.Kind, &p.Text, &p.Arg, &p.Case}, more...)...)
	p.At = moment(at)
	return p, err
}

// public says whether the customer may read it.
func (p Post) public() bool {
	return p.Kind == KindCustomer || p.Kind == KindReply || p.Kind == KindEvent && (p.Text == EventClosed || p.Text == EventReopened)
}

// CustomerReply adds a letter of the customer's. It opens the case again when
// that was waiting or closed; grants that ended with it stay ended.
func (c *Cases) CustomerReply(ctx context.Context, a postern.AccountID, id postern.CaseID, words string) error {
	words, ok := text(words, maxText)
	if !ok {
		return invalid("desk.invalid.text", "write at most 20,000 letters")
	}
	return c.db.Update(ctx, func(tx *db.Tx) error {
		k, err := oneCase(tx, "id = ?1 AND account = ?2", string(id), string(a))
		if err != nil {
			return err
		}
		if k.MergedInto != "" { // the other one goes on
			if k, err = oneCase(tx, "id = ?1 AND account = ?2", string(k.MergedInto), string(a)); err != nil {
				return err
			}
			id = k.ID
		}
		now := c.now()
		if err := post(tx, id, Post{At: now, By: k.Name, Kind: KindCustomer, Text: words}); err != nil {
			return err
		}
		if k.Status == StatusClosed {
			if err := post(tx, id, Post{At: now, By: k.Name, Kind: KindEvent, Text: EventReopened}); err != nil {
				return err
			}
		}
		if err := runClock(tx, id, now, func(k *Case) { k.Status = StatusOpen }); err != nil {
			return err
		}
		if err := tx.ExecOne("UPDATE desk_case SET updated = ?2 WHERE id = ?1", string(id), millis(now)); err != nil {
			return err
		}
		if k.Status == StatusClosed {
			return c.tell(tx, Event{Kind: Reopened, Case: k, At: now})
		}
		return nil
	})
}

func millis(t time.Time) int64 { return t.UnixMilli() }

func moment(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
