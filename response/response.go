package response

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/gate/policy"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/staff"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Person is what a notice needs to know of its reader.
type Person struct {
	Address, Name string
	Locale        string // "fr" or "en"
}

// NoticeMail is a notice on its way to a mailbox.
type NoticeMail struct {
	ID            postern.NoticeID
	Version       int
	Subject, Text string // Text is plain, UTF-8, lines ended by "\n"
	Locale        string
}

// Controls is what the response centre needs of the mail plane; node plugs it
// in.
type Controls interface {
	// Person gives name and language; NotFound when the account is gone.
	Person(context.Context, postern.AccountID) (Person, error)
	// Deliver puts a notice into the account's INBOX, durably when it returns
	// nil. It is idempotent by ID and Version: what was delivered is not
	// delivered again. NotFound, Denied and Invalid are final, any other error is
	// tried again.
	Deliver(context.Context, postern.AccountID, NoticeMail) error
}

// Parts is what a Response is made of.
type Parts struct {
	DB       *db.Handle // the response plane
	Ledger   *ledger.Ledger
	Gate     *gate.Gate
	Staff    *staff.Directory
	Controls Controls
	Now      func() time.Time
	Log      *slog.Logger

	Provider string // the name customers know: "Outlook Example"
	Rules    Rules

	// Guarded gives those among these messages that reset passwords or carry
	// codes. Nil switches the rule "guarded" off.
	Guarded func(context.Context, postern.AccountID, []postern.MessageID) ([]postern.MessageID, error)
}

// Response is the open room. It is safe for concurrent use.
type Response struct {
	db       *db.Handle
	ledger   *ledger.Ledger
	gate     *gate.Gate
	staff    *staff.Directory
	controls Controls
	now      func() time.Time
	log      *slog.Logger
	provider string
	rules    Rules
	guarded  func(context.Context, postern.AccountID, []postern.MessageID) ([]postern.MessageID, error)

	ticking sync.Mutex // one Tick at a time; across nodes the cursor decides
	sending sync.Mutex // one sender at a time; across nodes the leader's lock
	wake    chan struct{}

	peersMu sync.Mutex
	peersAt time.Time
	peers   map[postern.StaffID]int
}

// Open migrates the tables and gives the response centre.
func Open(ctx context.Context, p Parts) (*Response, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	if err := p.DB.Migrate(ctx, "response", files); err != nil {
		return nil, err
	}
	err = p.DB.Update(ctx, func(tx *db.Tx) error {
		// The ledger's first index is 0, the sign-ins' first number 1.
		for feed, start := range map[string]int64{feedStaff: 0, feedLedger: -1} {
			if _, err := tx.Exec("INSERT INTO response_cursor (feed, position) VALUES (?1, ?2) ON CONFLICT (feed) DO NOTHING", feed, start); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't set up the cursors: %w", err)
	}
	if wantsNoCase(p.Gate.Policy()) {
		p.Rules.NoCase = -1
	}
	return &Response{db: p.DB, ledger: p.Ledger, gate: p.Gate, staff: p.Staff, controls: p.Controls, now: p.Now, log: p.Log,
		provider: p.Provider, rules: p.Rules.withDefaults(), guarded: p.Guarded, wake: make(chan struct{}, 1)}, nil
}

// wantsNoCase says whether a policy shows mail to whoever asks.
func wantsNoCase(p policy.Policy) bool {
	for _, rule := range p.Tiers {
		if rule.Agree == policy.AgreeNobody {
			return true
		}
	}
	return false
}

// Rules gives the numbers in force, defaults filled in.
func (r *Response) Rules() Rules { return r.rules }

// Run reads the feeds and sends released notices until ctx ends. With several
// nodes one of them does.
func (r *Response) Run(ctx context.Context) error {
	return r.db.Lead(ctx, "response", func(ctx context.Context) error {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			if _, err := r.Tick(ctx); err != nil && ctx.Err() == nil {
				r.log.Error("couldn't read the feeds", "err", err)
			}
			if err := r.sendReleased(ctx); err != nil && ctx.Err() == nil {
				r.log.Error("couldn't send notices", "err", err)
			}
			select {
			case <-tick.C:
			case <-r.wake:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
}

// require refuses sessions without one of the roles.
func require(by staff.Session, roles ...staff.Role) error {
	for _, role := range roles {
		if by.Is(role) {
			return nil
		}
	}
	return &postern.Error{Kind: postern.Denied, Key: "response.refused.role", Text: "this is for responders"}
}

func denied(key, text string) error {
	return &postern.Error{Kind: postern.Denied, Key: key, Text: text}
}

func invalid(key, text string) error {
	return &postern.Error{Kind: postern.Invalid, Key: key, Text: text}
}

func conflict(key, text string) error {
	return &postern.Error{Kind: postern.Conflict, Key: key, Text: text}
}

// orNotFound turns a missing row into an error for a page.
func orNotFound(err error, key, text string) error {
	if errors.Is(err, db.ErrNoRows) {
		return &postern.Error{Kind: postern.NotFound, Key: key, Text: text}
	}
	return err
}

func millis(t time.Time) int64 { return t.UnixMilli() }

func moment(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// instant gives the time of a column that may be null: zero for null.
func instant(ms *int64) time.Time {
	if ms == nil {
		return time.Time{}
	}
	return moment(*ms)
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
