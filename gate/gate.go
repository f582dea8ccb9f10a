package gate

import (
	"context"
	"crypto/rand"
	"embed"
	"errors"
	"io/fs"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/gate/hold"
	"github.com/postern-mail/postern/gate/lease"
	"github.com/postern-mail/postern/gate/policy"
	"github.com/postern-mail/postern/gate/watch"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/staff"
)

//go:embed migrations/*.sql
var migrations embed.FS

// lock is the advisory lock of invariant 5: shared by whoever uses access,
// taken alone by whoever ends it. staff takes the same one.
const lock = "containment"

// Mailboxes is what the gate needs of the mail plane. Neither method may give
// anything of an account that its arguments do not name.
type Mailboxes interface {
	// Find gives the ids of the account's messages that a scope reaches, newest
	// first, at most 100. Ids of other accounts in the scope are left out.
	Find(context.Context, postern.AccountID, postern.Scope) ([]postern.MessageID, error)
	// Reveal gives exactly the fields that the receipt names, of exactly its
	// messages, once. It checks the receipt's signature itself.
	Reveal(context.Context, ledger.Receipt) (postern.Shown, error)
}

// Cases is what the gate needs of the desk.
type Cases interface {
	// Check says inside the gate's transaction whether the case is the
	// account's and open: NotFound for an unknown case or another account's,
	// Withheld when it is closed.
	Check(tx *db.Tx, c postern.CaseID, a postern.AccountID) error
	// Given says inside the gate's transaction whether a session's organisation
	// may work the case: NotFound when it is another's, as for an unknown one.
	Given(tx *db.Tx, c postern.CaseID, to staff.Session) error
	// Number gives the number that people say, 0 for an unknown case.
	Number(tx *db.Tx, c postern.CaseID) (int64, error)
}

// Parts is what a Gate is made of.
type Parts struct {
	DB        *db.Handle // the staff plane
	Ledger    *ledger.Ledger
	Staff     *staff.Directory
	Mailboxes Mailboxes
	Cases     Cases
	Policy    policy.Policy
	Teller    Teller // nil: nobody has emergency access
	Now       func() time.Time
	Log       *slog.Logger
	Node      string // this machine's name, as in the ledger's records
}

// Gate is the open gate. It is safe for concurrent use.
type Gate struct {
	db        *db.Handle
	ledger    *ledger.Ledger
	staff     *staff.Directory
	mailboxes Mailboxes
	cases     Cases
	policy    policy.Policy
	holds     *hold.Book
	now       func() time.Time
	log       *slog.Logger
	process   string // a name that no other process has: hosts may share theirs
	// mark is the same for the ids of disclosures. Of chance, and long enough
	// that no two processes share one.
	mark        [6]byte
	disclosures atomic.Uint32

	leases *lease.Set
	hub    *watch.Hub
	heard  int64 // the last row of gate_ended that was seen
}

// Open migrates the gate's tables and gives the gate. Run it beside
// [Gate.Run], which hears of what other nodes ended.
func Open(ctx context.Context, p Parts) (*Gate, error) {
	if err := p.Policy.Check(); err != nil {
		return nil, err
	}
	if p.DB == nil || p.Ledger == nil || p.Staff == nil || p.Mailboxes == nil || p.Cases == nil || p.Now == nil || p.Log == nil || p.Node == "" {
		return nil, errors.New("the gate lacks a part")
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	if err := p.DB.Migrate(ctx, "gate", files); err != nil {
		return nil, err
	}
	g := &Gate{
		db: p.DB, ledger: p.Ledger, staff: p.Staff, mailboxes: p.Mailboxes, cases: p.Cases,
		policy: p.Policy, now: p.Now, log: p.Log, process: p.Node + " " + postern.NewID(),
		leases: lease.New(), hub: watch.New(),
	}
	rand.Read(g.mark[:]) // never fails (crypto/rand)
	g.holds = hold.New(hold.Parts{DB: p.DB, Ledger: p.Ledger, Teller: p.Teller, About: g.about, Now: p.Now, Log: p.Log})
	return g, g.begin(ctx)
}

// Policy gives the policy that the gate keeps.
func (g *Gate) Policy() policy.Policy { return g.policy }

func millis(t time.Time) int64 { return t.UnixMilli() }

// moment is the inverse of millis; 0, "not yet", is the zero time.
func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
