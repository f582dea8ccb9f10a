package notify

import (
	"cmp"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/response/incident"
	"github.com/postern-mail/postern/response/refuse"
	"github.com/postern-mail/postern/staff"
)

// What came of the second way.
const (
	FollowNone        = "" // nobody has tried yet
	FollowCalled      = "called"
	FollowWritten     = "written"
	FollowReached     = "reached"
	FollowUnreachable = "unreachable"
)

// FollowStates lists them in the order a form offers them.
var FollowStates = [...]string{FollowCalled, FollowWritten, FollowReached, FollowUnreachable}

// FollowDays is how long a notice may be unread before its reader is on the list.
const FollowDays = 7

// Followup is somebody whom the notice has not reached, as far as is known: their
// newest is unread, or failed.
type Followup struct {
	Notice          // without its words
	Person          // zero for who is gone
	Forwards   bool // they send their mail on, and may have read it elsewhere
	Follow     string
	Followed   time.Time
	FollowedBy string
}

// FollowFilter chooses; zero fields choose all.
type FollowFilter struct {
	Days  int    // unread for so long; 0 means FollowDays
	State string // of FollowStates, or "open" for those of whom nobody has tried
	After postern.AccountID
	Limit int // 0 means 50
}

// FollowOpen chooses those of whom nobody has tried yet.
const FollowOpen = "open"

// Followups gives the chosen, by account.
func (o *Office) Followups(ctx context.Context, id postern.IncidentID, f FollowFilter) (all []Followup, err error) {
	if f.Limit <= 0 {
		f.Limit = 50
	}
	if f.Days <= 0 {
		f.Days = FollowDays
	}
	before := db.Millis(o.now().AddDate(0, 0, -f.Days))
	err = o.db.View(ctx, func(tx *db.Tx) error {
		all = nil
		versions, err := batches(tx, "incident = ?1 AND released IS NOT NULL", id)
		if err != nil {
			return err
		}
		// The conditions are written as the indexes are, so that a million others
		// are not read.
		for _, b := range versions {
			for _, which := range []string{"n.state = 'sent' AND n.opened = 0 AND n.sent <= ?4", "n.state = 'failed' AND CAST(?4 AS BIGINT) > 0"} {
				some, err := followups(tx, which, db.Args(id, int64(b.Version), string(f.After), before, f.State, int64(f.Limit)))
				if err != nil {
					return err
				}
				all = append(all, some...)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't read who is to be followed up: %w", err)
	}
	slices.SortFunc(all, func(a, b Followup) int { return cmp.Compare(a.Account, b.Account) })
	all = all[:min(len(all), f.Limit)]
	return all, o.introduce(ctx, all)
}

const followColumns = "n.id, n.version, n.incident, n.account, n.code, n.kind, n.locale, '', '', n.state, n.problem, COALESCE(n.sent, 0), n.opened"

func followups(tx *db.Tx, which string, args []any) (all []Followup, err error) {
	err = tx.Rows("SELECT "+followColumns+`, COALESCE(f.state, ''), COALESCE(f.at, 0), COALESCE(f.staff_name, '') FROM response_notice n
		LEFT JOIN response_followup f ON f.incident = n.incident AND f.account = n.account
		WHERE n.incident = ?1 AND n.version = ?2 AND n.account > ?3 AND `+which+`
		AND (CAST(?5 AS TEXT) = '' OR COALESCE(f.state, 'open') = ?5)
		AND NOT EXISTS (SELECT 1 FROM response_notice l WHERE l.account = n.account AND l.incident = n.incident AND l.version > n.version AND l.state IN ('sent', 'failed'))
		ORDER BY n.account LIMIT ?6`, args, func(row db.Scanner) error {
		var f Followup
		var at int64
		var err error
		f.Notice, err = scanNotice(more{row, []any{&f.Follow, &at, &f.FollowedBy}})
		if at > 0 {
			f.Followed = db.Moment(at)
		}
		all = append(all, f)
		return err
	})
	return all, err
}

// introduce fills in who they are.
func (o *Office) introduce(ctx context.Context, all []Followup) error {
	ids := make([]postern.AccountID, len(all))
	for i, f := range all {
		ids[i] = f.Account
	}
	people, err := o.readers.People(ctx, ids)
	if err != nil {
		return fmt.Errorf("couldn't ask for people's names: %w", err)
	}
	for i := range all {
		p, known := people[all[i].Account]
		if !known {
			continue
		}
		all[i].Person = p
		if all[i].Forwards, err = o.readers.Forwards(ctx, all[i].Account); err != nil {
			return err
		}
	}
	return nil
}

// Follow records what came of a letter or a call. was is what stood there when
// the caller looked: Conflict when somebody has changed it since.
func (o *Office) Follow(ctx context.Context, by staff.Session, id postern.IncidentID, a postern.AccountID, was, state string) error {
	if !slices.Contains(FollowStates[:], state) {
		return refuse.Invalid("response.invalid.follow", "what came of it is \"called\", \"written\", \"reached\" or \"unreachable\"")
	}
	return o.book.Change(ctx, by, id, "-", func(tx *db.Tx, _ incident.Incident, _ string) error {
		if err := tx.Lock("response followup " + string(id)); err != nil {
			return err
		}
		told, now := 0, FollowNone
		if err := tx.Row("SELECT count(*) FROM response_notice WHERE account = ?1 AND incident = ?2", db.Args(a, id), &told); err != nil {
			return err
		}
		if told == 0 {
			return refuse.Unknown("response.unknown.affected", "this account is not affected")
		}
		err := tx.Rows("SELECT state FROM response_followup WHERE incident = ?1 AND account = ?2", db.Args(id, a), func(row db.Scanner) error { return row.Scan(&now) })
		if err != nil {
			return err
		}
		if now != was {
			return refuse.Conflict("response.conflict.follow", "somebody has written down something else meanwhile: look again")
		}
		_, err = tx.Exec(`INSERT INTO response_followup (incident, account, state, at, staff, staff_name) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
			ON CONFLICT (incident, account) DO UPDATE SET state = excluded.state, at = excluded.at, staff = excluded.staff, staff_name = excluded.staff_name`,
			id, a, state, db.Millis(o.now()), by.Staff, by.Name)
		return err
	})
}

// FollowCSV writes the list for whoever sends letters or makes calls: name,
// address, code and language, and nothing of what was shown. It asks the
// mailboxes first, so that nobody is called who has just read it.
func (o *Office) FollowCSV(ctx context.Context, by staff.Session, id postern.IncidentID, f FollowFilter, w io.Writer) error {
	if err := incident.Require(by, staff.Responder); err != nil {
		return err
	}
	if err := o.CheckRead(ctx); err != nil {
		return err
	}
	out := csv.NewWriter(w)
	if err := out.Write([]string{"name", "address", "account", "code", "language", "reason", "forwards", "state"}); err != nil {
		return err
	}
	f.Limit = o.atOnce
	for {
		some, err := o.Followups(ctx, id, f)
		if err != nil {
			return err
		}
		for _, one := range some {
			reason, forwards := "unread", ""
			if one.State == NoticeFailed {
				reason = one.Problem
			}
			if one.Forwards {
				forwards = "yes"
			}
			if err := out.Write([]string{tame(one.Name), tame(one.Address), string(one.Account), one.Code, one.Notice.Locale, reason, forwards, one.Follow}); err != nil {
				return err
			}
		}
		if len(some) < f.Limit {
			break
		}
		f.After = some[len(some)-1].Account
	}
	out.Flush()
	return out.Error()
}

// tame keeps a spreadsheet from taking a name for a formula.
func tame(s string) string {
	if s != "" && slices.Contains([]byte("=+-@\t\r"), s[0]) {
		return "'" + s
	}
	return s
}

// Stats say how far a version has come to its readers.
type Stats struct {
	Sent, Read, Unread, Failed int
	Followed                   map[string]int // of the incident, by what came of it
}

// Stats counts for the newest version.
func (o *Office) Stats(ctx context.Context, b Batch) (s Stats, err error) {
	s = Stats{Sent: b.Counts.Sent, Failed: b.Counts.Failed, Followed: map[string]int{}}
	err = o.db.View(ctx, func(tx *db.Tx) error {
		if err := tx.Row("SELECT count(*) FROM response_notice WHERE incident = ?1 AND version = ?2 AND state = 'sent' AND opened = 0", db.Args(b.Incident, int64(b.Version)), &s.Unread); err != nil {
			return err
		}
		return tx.Rows("SELECT state, count(*) FROM response_followup WHERE incident = ?1 GROUP BY state", db.Args(b.Incident), func(row db.Scanner) error {
			var state string
			var n int
			err := row.Scan(&state, &n)
			s.Followed[state] = n
			return err
		})
	})
	s.Read = max(0, s.Sent-s.Unread)
	return s, err
}
