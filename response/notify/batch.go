package notify

import (
	"context"
	"fmt"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/response/notice"
	"github.com/postern-mail/postern/response/refuse"
	"github.com/postern-mail/postern/response/scope"
)

// The states of a version of an incident's notices.
const (
	BatchDraft     = "draft"     // written, nobody asked yet
	BatchSubmitted = "submitted" // waits for a second person
	BatchReturned  = "returned"  // the second person said no
	BatchApproved  = "approved"  // may be sent
	BatchSending   = "sending"   // released
	BatchSent      = "sent"      // each is sent or has failed for good
	BatchDiscarded = "discarded" // a later draft took its place
)

// The kinds of a notice.
const (
	NoticeFirst      = notice.First
	NoticeCorrection = notice.Correction
	NoticeWithdrawn  = notice.Withdrawn
)

// Locales lists the languages of notices.
var Locales = notice.Locales

// Ease is the reading ease of a notice, see [notice.Ease].
func Ease(text, locale string) int { return notice.Ease(text, locale) }

// The states of one notice.
const (
	NoticeDue     = "due"
	NoticeSending = "sending" // claimed by a sender
	NoticeSent    = "sent"
	NoticeFailed  = "failed"
)

// Why a notice is not sent.
const (
	ProblemGone    = "gone"        // the account is no more
	ProblemRefused = "refused"     // the mailbox does not take it
	ProblemLater   = "undelivered" // something was away; it is tried again, up to a bound
)

// Batch is a version of an incident's notices: one per affected account.
type Batch struct {
	Incident     postern.IncidentID
	Version      int
	Scope        int // the version of the scope it tells of
	State        string
	Drafted      time.Time
	Drafter      postern.StaffID
	DrafterName  string
	Answered     time.Time // approved or returned
	Approver     postern.StaffID
	ApproverName string
	Released     time.Time
	Finished     time.Time
	Counts       SendReport
}

// SendReport counts a version's notices.
type SendReport struct {
	Due, Sending, Sent, Failed int
	Languages                  map[string]int // all of them, by language
	Kinds                      map[string]int // first, correction, withdrawn
}

// Total is the number of notices.
func (s SendReport) Total() int { return s.Due + s.Sending + s.Sent + s.Failed }

// Notice is what one person is told.
type Notice struct {
	ID            postern.NoticeID // the same for every version to this account
	Version       int
	Incident      postern.IncidentID
	Account       postern.AccountID
	Code          string // "4F7K"
	Kind          string // "first", "correction", "withdrawn"
	Locale        string
	Subject, Text string
	State         string
	Problem       string // why it is not sent: ProblemGone, …; "" for none
	At            time.Time
	Exposures     []scope.Exposure // only from NoticesOf: what the product's page lists
}

const batchColumns = `incident, version, scope, state, drafted, drafter, drafter_name, answered, COALESCE(approver, ''), COALESCE(approver_name, ''), released, finished`

func scanBatch(row db.Scanner) (b Batch, err error) {
	var drafted int64
	var answered, released, finished *int64
	err = row.Scan(&b.Incident, &b.Version, &b.Scope, &b.State, &drafted, &b.Drafter, &b.DrafterName, &answered, &b.Approver, &b.ApproverName, &released, &finished)
	b.Drafted, b.Answered, b.Released, b.Finished = db.Moment(drafted), db.Instant(answered), db.Instant(released), db.Instant(finished)
	return b, err
}

func batches(tx *db.Tx, where string, args ...any) (all []Batch, err error) {
	err = tx.Rows("SELECT "+batchColumns+" FROM response_batch WHERE "+where, args, func(row db.Scanner) error {
		b, err := scanBatch(row)
		all = append(all, b)
		return err
	})
	return all, err
}

// lastBatch gives the newest version.
func lastBatch(tx *db.Tx, id postern.IncidentID) (Batch, error) {
	all, err := batches(tx, "incident = ?1 ORDER BY version DESC LIMIT 1", id)
	if err == nil && len(all) == 0 {
		err = refuse.Unknown("response.unknown.batch", "no notices have been drafted yet")
	}
	if err != nil {
		return Batch{}, err
	}
	return all[0], nil
}

// count fills in a version's counts.
func (b *Batch) count(tx *db.Tx) error {
	b.Counts = SendReport{Languages: map[string]int{}, Kinds: map[string]int{}}
	return tx.Rows("SELECT state, locale, kind, count(*) FROM response_notice WHERE incident = ?1 AND version = ?2 GROUP BY state, locale, kind",
		db.Args(b.Incident, b.Version), func(row db.Scanner) error {
			var state, locale, kind string
			var n int
			if err := row.Scan(&state, &locale, &kind, &n); err != nil {
				return err
			}
			switch state {
			case NoticeDue:
				b.Counts.Due += n
			case NoticeSending:
				b.Counts.Sending += n
			case NoticeSent:
				b.Counts.Sent += n
			case NoticeFailed:
				b.Counts.Failed += n
			}
			b.Counts.Languages[locale] += n
			b.Counts.Kinds[kind] += n
			return nil
		})
}

// Batches gives an incident's versions with their counts, newest first.
func (o *Office) Batches(ctx context.Context, id postern.IncidentID) (all []Batch, err error) {
	err = o.db.View(ctx, func(tx *db.Tx) error {
		all, err = batches(tx, "incident = ?1 ORDER BY version DESC", id)
		for i := range all {
			if err == nil {
				err = all[i].count(tx)
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't read the notices: %w", err)
	}
	return all, nil
}

// Batch gives the newest version with its counts: NotFound when nothing was
// drafted.
func (o *Office) Batch(ctx context.Context, id postern.IncidentID) (b Batch, err error) {
	err = o.db.View(ctx, func(tx *db.Tx) error {
		if b, err = lastBatch(tx, id); err != nil {
			return err
		}
		return b.count(tx)
	})
	return b, err
}

const noticeColumns = "id, version, incident, account, code, kind, locale, subject, text, state, problem, COALESCE(sent, 0)"

func scanNotice(row db.Scanner) (n Notice, err error) {
	var at int64
	err = row.Scan(&n.ID, &n.Version, &n.Incident, &n.Account, &n.Code, &n.Kind, &n.Locale, &n.Subject, &n.Text, &n.State, &n.Problem, &at)
	if at > 0 {
		n.At = db.Moment(at)
	}
	return n, err
}

func notices(tx *db.Tx, where string, args ...any) (all []Notice, err error) {
	err = tx.Rows("SELECT "+noticeColumns+" FROM response_notice WHERE "+where, args, func(row db.Scanner) error {
		n, err := scanNotice(row)
		all = append(all, n)
		return err
	})
	return all, err
}

// NoticeFilter chooses notices of a version; zero fields choose all.
type NoticeFilter struct {
	Version int // 0 means the newest
	State   string
	Account postern.AccountID
	After   postern.AccountID
	Limit   int // 0 means 50
}

// Notices gives the chosen notices, by account.
func (o *Office) Notices(ctx context.Context, id postern.IncidentID, f NoticeFilter) (all []Notice, err error) {
	if f.Limit <= 0 {
		f.Limit = 50
	}
	err = o.db.View(ctx, func(tx *db.Tx) error {
		if f.Version == 0 {
			b, err := lastBatch(tx, id)
			if err != nil {
				return err
			}
			f.Version = b.Version
		}
		all, err = notices(tx, "incident = ?1 AND version = ?2 AND (?3 = '' OR state = ?3) AND (?4 = '' OR account = ?4) AND account > ?5 ORDER BY account LIMIT ?6",
			id, f.Version, f.State, string(f.Account), string(f.After), int64(f.Limit))
		return err
	})
	return all, err
}

// NoticesOf gives what an account has been told, newest first: every notice that
// was released, whether or not it reached the mailbox, because the mailbox is
// what was reached in the breach.
func (o *Office) NoticesOf(ctx context.Context, a postern.AccountID) (all []Notice, err error) {
	err = o.db.View(ctx, func(tx *db.Tx) error {
		all, err = notices(tx, `account = ?1 AND EXISTS (SELECT 1 FROM response_batch b
			WHERE b.incident = response_notice.incident AND b.version = response_notice.version AND b.released IS NOT NULL)
			ORDER BY COALESCE(sent, 0) = 0 DESC, sent DESC, version DESC`, a)
		if err != nil {
			return err
		}
		for i := range all {
			b, err := batches(tx, "incident = ?1 AND version = ?2", all[i].Incident, all[i].Version)
			if err != nil {
				return err
			}
			if all[i].At.IsZero() {
				all[i].At = b[0].Released
			}
			all[i].Exposures, err = scope.ExposuresOf(tx, all[i].Incident, b[0].Scope, scope.ExposureFilter{Account: a})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't read the notices: %w", err)
	}
	return all, nil
}
