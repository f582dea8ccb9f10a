package response

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/response/detect"
	"github.com/postern-mail/postern/response/incident"
	"github.com/postern-mail/postern/response/notify"
	"github.com/postern-mail/postern/response/scope"
	"github.com/postern-mail/postern/staff"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Controls is what the response centre needs of the mail plane; node plugs it
// in.
type Controls interface {
	notify.Readers
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
	// Detect chooses the rules, and Knows is what they ask of the other rooms; nil:
	// nothing is known of cases, accounts and messages.
	Detect detect.Settings
	Knows  detect.Knows
	// NoticesAtOnce is how many notices one step writes or sends; 0 is 500.
	NoticesAtOnce int
}

// Response is the open room. It is safe for concurrent use.
type Response struct {
	*incident.Book
	*detect.Detector
	*scope.Versions
	*notify.Office

	db     *db.Handle
	ledger *ledger.Ledger
	gate   *gate.Gate
	staff  *staff.Directory
	now    func() time.Time
	log    *slog.Logger
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
	r := &Response{db: p.DB, ledger: p.Ledger, gate: p.Gate, staff: p.Staff, now: p.Now, log: p.Log, Book: incident.Open(p.DB, p.Now)}
	r.Detector, err = detect.New(ctx, detect.Parts{DB: p.DB, Ledger: p.Ledger, Gate: p.Gate, Staff: p.Staff, Now: p.Now, Log: p.Log,
		Settings: p.Detect, Knows: p.Knows, End: r.endByRule})
	if err != nil {
		return nil, err
	}
	r.Office = notify.New(notify.Parts{DB: p.DB, Ledger: p.Ledger, Gate: p.Gate, Staff: p.Staff, Book: r.Book, Readers: p.Controls, Now: p.Now, Log: p.Log, Provider: p.Provider, AtOnce: p.NoticesAtOnce})
	r.Versions = scope.New(scope.Parts{DB: p.DB, Ledger: p.Ledger, Book: r.Book, Now: p.Now, SessionsFrom: r.Detector.SessionsFrom, Changed: r.Office.Discard})
	return r, nil
}

// Run reads the feeds and sends released notices until ctx ends. With several
// nodes one of them does.
func (r *Response) Run(ctx context.Context) error {
	return r.db.Lead(ctx, "response", func(ctx context.Context) error {
		// A million notices take minutes, and detection must not wait for them.
		var telling sync.WaitGroup
		telling.Go(func() { _ = r.Office.Run(ctx) })
		defer telling.Wait()
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			if _, err := r.Tick(ctx); err != nil && ctx.Err() == nil {
				r.log.Error("couldn't read the feeds", "err", err)
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				if err := r.Detector.Save(context.WithoutCancel(ctx)); err != nil {
					r.log.Warn("the next start reads more of the feeds again", "err", err)
				}
				return ctx.Err()
			}
		}
	})
}

// Forget drops an account's notices with their words, and whose mail detection
// remembers that staff saw. An incident's scope keeps its count, under an
// identifier that is nobody's any more.
func (r *Response) Forget(ctx context.Context, a postern.AccountID) error {
	return errors.Join(r.Office.Forget(ctx, a), r.Detector.Forget(ctx, a))
}
