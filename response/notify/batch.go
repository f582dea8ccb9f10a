package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/response/notice"
	"github.com/postern-mail/postern/response/refuse"
	"github.com/postern-mail/postern/response/scope"
)

// The states of a version of an incident's notices.
const (
	BatchDrafting  = "drafting"  // being written
	BatchDraft     = "draft"     // written, nobody asked yet
	BatchSubmitted = "submitted" // waits for a second person
	BatchReturned  = "returned"  // the second person said no
	BatchApproved  = "approved"  // may be sent
	BatchSending   = "sending"   // released
	BatchPaused    = "paused"    // released, and stopped
	BatchSent      = "sent"      // each is sent or has failed for good
	BatchDiscarded = "discarded" // a later draft took its place
)

// Why a version rests.
const (
	PauseLook    = "look"    // the first stage is out: look at it
	PauseStopped = "stopped" // somebody stopped it
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
	Looked       int       // while it is written: accounts that were looked at
	Affected     int       // … of so many
	Stage        int       // how many are sent before it pauses; 0: all
	Pause        string    // why it is paused
	Problem      string    // why it cannot go on: a field that is missing, or ProblemLater
	Until        time.Time // with ProblemLater: when it is tried again
	Counts       SendReport

	place postern.AccountID // how far the writing came
	sums  sums
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
	Opened        time.Time        // when its reader was first known to have; zero: not yet
	Exposures     []scope.Exposure // only from Read: what the product's page lists
}

const batchColumns = `incident, version, scope, state, drafted, drafter, drafter_name, answered, COALESCE(approver, ''), COALESCE(approver_name, ''), released, finished,
	place, looked, affected, sums, stage, pause, problem, not_before`

func scanBatch(row db.Scanner) (b Batch, err error) {
	var drafted, until int64
	var answered, released, finished *int64
	var written string
	err = row.Scan(&b.Incident, &b.Version, &b.Scope, &b.State, &drafted, &b.Drafter, &b.DrafterName, &answered, &b.Approver, &b.ApproverName, &released, &finished,
		&b.place, &b.Looked, &b.Affected, &written, &b.Stage, &b.Pause, &b.Problem, &until)
	if err != nil {
		return b, err
	}
	b.Drafted, b.Answered, b.Released, b.Finished = db.Moment(drafted), db.Instant(answered), db.Instant(released), db.Instant(finished)
	if until > 0 {
		b.Until = db.Moment(until)
	}
	if written != "" {
		err = json.Unmarshal([]byte(written), &b.sums)
	}
	return b, err
}

// sums are a version's notices by language and kind, added up as it is written:
// to count a million again for each look at the page takes seconds.
type sums struct {
	Languages map[string]int `json:"languages,omitempty"`
	Kinds     map[string]int `json:"kinds,omitempty"`
}

// and gives both together.
func (s sums) and(notices []Notice) sums {
	out := sums{map[string]int{}, map[string]int{}}
	maps.Copy(out.Languages, s.Languages)
	maps.Copy(out.Kinds, s.Kinds)
	for _, n := range notices {
		out.Languages[n.Locale]++
		out.Kinds[n.Kind]++
	}
	return out
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

// batchOf gives one version with its counts.
func batchOf(tx *db.Tx, id postern.IncidentID, version int) (Batch, error) {
	all, err := batches(tx, "incident = ?1 AND version = ?2", id, int64(version))
	if err == nil && len(all) == 0 {
		err = refuse.Unknown("response.unknown.batch", "no notices have been drafted yet")
	}
	if err != nil {
		return Batch{}, err
	}
	err = all[0].count(tx)
	return all[0], err
}

// count fills in a version's counts.
func (b *Batch) count(tx *db.Tx) error {
	b.Counts = SendReport{Languages: map[string]int{}, Kinds: map[string]int{}}
	maps.Copy(b.Counts.Languages, b.sums.Languages)
	maps.Copy(b.Counts.Kinds, b.sums.Kinds)
	err := tx.Rows("SELECT state, count(*) FROM response_notice WHERE incident = ?1 AND version = ?2 GROUP BY state", db.Args(b.Incident, b.Version),
		func(row db.Scanner) error {
			var state string
			var n int
			if err := row.Scan(&state, &n); err != nil {
				return err
			}
			switch state {
			case NoticeDue:
				b.Counts.Due = n
			case NoticeSending:
				b.Counts.Sending = n
			case NoticeSent:
				b.Counts.Sent = n
			case NoticeFailed:
				b.Counts.Failed = n
			}
			return nil
		})
	if err != nil || b.sums.Kinds != nil || b.Counts.Total() == 0 {
		return err
	}
	// A version of before the sums were kept.
	return tx.Rows("SELECT locale, kind, count(*) FROM response_notice WHERE incident = ?1 AND version = ?2 GROUP BY locale, kind", db.Args(b.Incident, b.Version),
		func(row db.Scanner) error {
			var locale, kind string
			var n int
			err := row.Scan(&locale, &kind, &n)
			b.Counts.Languages[locale] += n
			b.Counts.Kinds[kind] += n
			return err
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

const noticeColumns = "id, version, incident, account, code, kind, locale, subject, text, state, problem, COALESCE(sent, 0), opened"

func scanNotice(row db.Scanner) (n Notice, err error) {
	var at, opened int64
	err = row.Scan(&n.ID, &n.Version, &n.Incident, &n.Account, &n.Code, &n.Kind, &n.Locale, &n.Subject, &n.Text, &n.State, &n.Problem, &at, &opened)
	if opened > 0 {
		n.Opened = db.Moment(opened)
	}
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
