package ledger

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger/tiles"
	"github.com/postern-mail/postern/ledger/verify"
)

// chain is the log in memory as far as the sequencer needs it: the auditor's own
// replay, so that a leaf an auditor would refuse is never written, and the right
// edge of the tiles. It may run ahead of the tables only within one tick; after
// a failed write it is thrown away and read again.
type chain struct {
	verify.Replayer
	edge    tiles.Edge
	changed map[tiles.Key][]byte // tiles since they were last written
}

func newChain() *chain { return &chain{changed: map[tiles.Key][]byte{}} }

func (c *chain) append(leaf []byte) error {
	if err := c.Add(leaf); err != nil {
		return err
	}
	c.edge.Add(tlog.RecordHash(leaf), c.changed)
	return nil
}

// page bounds how many leaves are read at once.
const page = 8192

// follow reads the leaves that stand in the table and not yet in the chain, and
// checks that they lead to the head.
func (c *chain) follow(tx *db.Tx) error {
	var size int64
	var root []byte
	if err := tx.Row(`SELECT size, root FROM ledger_head`, nil, &size, &root); err != nil {
		return fmt.Errorf("couldn't read the ledger's head: %w", err)
	}
	if c.Size() > size {
		return altered("the log has %d leaves and had %d: an old backup was restored, or leaves were removed", size, c.Size())
	}
	for c.Size() < size {
		from := c.Size()
		var bad error
		err := tx.Rows(`SELECT idx, data FROM ledger_leaf WHERE idx >= ?1 AND idx < ?2 ORDER BY idx`, db.Args(from, min(from+page, size)), func(s db.Scanner) error {
			var idx int64
			var leaf []byte
			if err := s.Scan(&idx, &leaf); err != nil {
				return err
			}
			if idx != c.Size() {
				bad = altered("leaf %d is missing", c.Size())
			} else if err := c.append(leaf); err != nil {
				bad = altered("%w", err)
			}
			return bad
		})
		if err != nil {
			return err
		}
		if c.Size() == from {
			return altered("leaf %d is missing", from)
		}
	}
	if got := c.Root(); string(got[:]) != string(root) {
		return altered("the %d leaves do not hash to the head", size)
	}
	return nil
}

// altered is what every self-check answers with: the tables are not what the
// ledger wrote.
func altered(format string, args ...any) error {
	return &postern.Error{Kind: postern.Unavailable, Key: "ledger.altered",
		Text: "the ledger's tables contradict themselves; stop, keep a copy and restore the newest backup", Err: fmt.Errorf(format, args...)}
}

// sign makes the checkpoint of a size.
func (l *Ledger) sign(size int64, root tlog.Hash) ([]byte, error) {
	return l.signText(verify.Checkpoint{Origin: l.Origin, Size: size, Root: root}.Body())
}

// signText signs a note by every key of the log that signs.
func (l *Ledger) signText(text string) ([]byte, error) {
	b, err := note.Sign(&note.Note{Text: text}, l.signers...)
	if err != nil {
		return nil, fmt.Errorf("couldn't sign for the log: %w", err)
	}
	return b, nil
}

// published gives the newest public checkpoint; size is 0 before the first.
func (l *Ledger) published(tx *db.Tx) (c verify.Checkpoint, signed []byte, at time.Time, err error) {
	var ms int64
	err = tx.Row(`SELECT note, at FROM ledger_checkpoint ORDER BY size DESC LIMIT 1`, nil, &signed, &ms)
	if errors.Is(err, db.ErrNoRows) {
		return c, nil, at, nil
	}
	if err != nil {
		return c, nil, at, err
	}
	if c, err = l.policy.Open(signed); err != nil {
		return c, nil, at, altered("the last checkpoint: %w", err)
	}
	return c, signed, time.UnixMilli(ms), nil
}
