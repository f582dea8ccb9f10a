// Package ledger is the append-only, verifiable log of every disclosure, grant,
// refusal, containment and notice.
//
// What it keeps, in the staff plane's database: ledger_entry (one row for each
// record, disclosures and controls in one sequence, so that a containment is
// ordered with the disclosures around it), ledger_account_secret (one row for
// each account ever looked at; without it that account's leaves are nobody's),
// and what the sequencer makes of them: leaves, tags, tiles, heads, checkpoints.
//
// Trust: it handles the log's, the VRF's and the receipts' private keys, which
// must never reach a log line, an error or another room. It is believed by the
// mail plane, which gives bytes for its receipts, and is checked by everybody
// else through [github.com/postern-mail/postern/ledger/verify].
package ledger

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger/tiles"
	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/ledger/witness"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Parts is what a Ledger is made of.
type Parts struct {
	DB     *db.Handle // the staff plane's
	Keys   Keys
	Origin string // the log's name in checkpoints, "mx.example.org/ledger"
	Node   string // this machine's name in records, at most 32 printable bytes
	Now    func() time.Time
	Log    *slog.Logger

	Tick    time.Duration // between sequencer runs; 0 means 1 s
	Epoch   time.Duration // between map roots; 0 means 10 min
	Publish time.Duration // between public checkpoints; 0 means 60 s, negative: at once

	// Witnesses are those that must cosign, and their quorum; the policy's own
	// log lines do not count. The zero policy asks for none.
	Witnesses verify.Policy
	Heartbeat time.Duration // after which witnesses cosign the newest again; 0 means 10 min
}

// Ledger appends and reads records. It is safe for concurrent use.
type Ledger struct {
	Parts
	secrets secrets

	first atomic.Int64 // the log's first series, 0 until it is known

	mu      sync.Mutex
	freshAt time.Time // when the age of the oldest unsequenced row was last read
	stale   bool      // what was read
	unseen  error     // why the witnesses do not suffice, nil when they do

	kick  chan struct{}
	moved chan struct{} // closed after the next batch; guarded by mu

	signers  []note.Signer
	policy   verify.Policy // believes this log and the configured witnesses
	client   witness.Client
	began    time.Time   // when this process did
	compared atomic.Bool // a quorum of witnesses has agreed with the tables at the start
	vrfs     []vrfKey

	sequencing sync.Mutex
	chain      *chain       // changed by the holder of sequencing and maps; nil when it must be read again
	maps       sync.RWMutex // held while chain changes, so that proofs can be made between ticks
	memo       tiles.Memo   // hashes that statements share
}

// Open brings the tables up to date and checks what they hold against each
// other before anything is appended.
func Open(ctx context.Context, p Parts) (*Ledger, error) {
	if p.Tick == 0 {
		p.Tick = time.Second
	}
	if p.Epoch == 0 {
		p.Epoch = 10 * time.Minute
	}
	if p.Heartbeat == 0 {
		p.Heartbeat = 10 * time.Minute
	}
	if p.Publish == 0 {
		p.Publish = time.Minute
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	if err := p.DB.Migrate(ctx, "ledger", files); err != nil {
		return nil, err
	}
	l := &Ledger{Parts: p, kick: make(chan struct{}, 1), moved: make(chan struct{}), began: p.Now()}
	if l.secrets, err = newSecrets(p.Keys.Wrap); err != nil {
		return nil, fmt.Errorf("couldn't read the ledger's wrapping key: %w", err)
	}
	if err := l.readKeys(); err != nil {
		return nil, err
	}
	if _, err := (verify.Disclosure{Tier: 1, Reason: 1, Node: p.Node}).Marshal(); err != nil {
		return nil, &postern.Error{Kind: postern.Invalid, Text: fmt.Sprintf("%q can't name a node: at most %d printable ASCII characters, no spaces", p.Node, verify.MaxNode)}
	}
	empty, err := tlog.TreeHash(0, nil)
	if err != nil {
		return nil, err
	}
	err = p.DB.Update(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO ledger_head (one, size, root) VALUES (1, 0, ?1) ON CONFLICT (one) DO NOTHING`, empty[:])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't begin the log: %w", err)
	}
	if l.chain, err = l.checked(ctx); err != nil {
		return nil, fmt.Errorf("couldn't start the ledger: %w", err)
	}
	if err := l.listEpochs(ctx); err != nil {
		return nil, fmt.Errorf("couldn't list the epochs: %w", err)
	}
	if err := l.compare(ctx); err != nil {
		return nil, err
	}
	if err := l.noteKeys(ctx); err != nil {
		return nil, err
	}
	return l, nil
}

// wake has the sequencer run now instead of at its next tick.
func (l *Ledger) wake() {
	select {
	case l.kick <- struct{}{}:
	default:
	}
}
