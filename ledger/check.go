package ledger

import (
	"bytes"
	"context"
	"errors"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger/tiles"
	"github.com/postern-mail/postern/ledger/verify"
)

// checked reads the whole log and holds its tables against each other: the
// leaves keep the auditor's rules and hash to the head, the map equals the newest
// epochs', the tiles are those of the leaves, the last public checkpoint is a
// prefix of the head, and this process has the keys that the log was made with.
// It returns the chain for the sequencer to go on with.
func (l *Ledger) checked(ctx context.Context) (c *chain, err error) {
	err = l.DB.View(ctx, func(tx *db.Tx) error {
		c, err = l.check(tx, false)
		return err
	})
	return c, err
}

// listEpochs writes where the epochs stand for a ledger that is older than that
// table.
func (l *Ledger) listEpochs(ctx context.Context) error {
	return l.DB.Update(ctx, func(tx *db.Tx) error {
		var n int64
		if err := tx.Row(`SELECT COUNT(*) FROM ledger_epoch`, nil, &n); err != nil || n == int64(l.chain.Epoch().Epoch) {
			return err
		}
		_, err := tx.Exec(`INSERT INTO ledger_epoch (idx) SELECT idx FROM ledger_leaf WHERE substr(data, 1, 2) = ?1 ON CONFLICT (idx) DO NOTHING`, []byte{1, byte(verify.LeafEpoch)})
		return err
	})
}

// check is as checked; every says that every epoch's root is recomputed, as an
// auditor does.
func (l *Ledger) check(tx *db.Tx, every bool) (*chain, error) {
	last, _, _, err := l.published(tx)
	if err != nil {
		return nil, err
	}
	c := newChain()
	// A root over the map is a function of the leaves, and those hash to the head:
	// the newest two epochs' are recomputed, which proofs are made against.
	var earlier int64
	err = tx.Row(`SELECT idx FROM ledger_epoch ORDER BY idx DESC LIMIT 1 OFFSET 1`, nil, &earlier)
	if err != nil && !errors.Is(err, db.ErrNoRows) {
		return nil, err
	}
	if !every {
		c.Trusted = earlier
	}
	if err := c.follow(tx); err != nil {
		return nil, err
	}
	if err := checkTiles(tx, c.changed); err != nil {
		return nil, err
	}
	clear(c.changed)
	for _, s := range c.Series() {
		if s.PublicKey != l.vrf(s.Series).public {
			return nil, altered("series %d was begun with another VRF key: restore the keys that belong to this ledger", s.Series)
		}
	}
	if err := checkPrefix(tx, last, verify.Checkpoint{Origin: l.Origin, Size: c.Size(), Root: c.Root()}); err != nil {
		return nil, err
	}
	return c, nil
}

// checkPrefix checks that a public checkpoint is the beginning of the log.
func checkPrefix(tx *db.Tx, last, head verify.Checkpoint) error {
	if last.Size == 0 {
		return nil
	}
	var path []tlog.Hash
	if last.Size < head.Size {
		var err error
		if path, err = tlog.ProveTree(head.Size, last.Size, hashes(tx, head)); err != nil {
			return altered("%w", err)
		}
	}
	if err := verify.CheckConsistency(last, head, path); err != nil {
		return altered("what was published of size %d is not in the log: %w", last.Size, err)
	}
	return nil
}

// checkTiles compares the stored tiles with those computed from the leaves.
func checkTiles(tx *db.Tx, want map[tiles.Key][]byte) error {
	seen := 0
	err := tx.Rows(`SELECT level, n, data FROM ledger_tile`, nil, func(s db.Scanner) error {
		var k tiles.Key
		var data []byte
		if err := s.Scan(&k.Level, &k.N, &data); err != nil {
			return err
		}
		seen++
		if !bytes.Equal(want[k], data) || len(data) == 0 {
			return altered("tile %d/%d is not what the leaves give", k.Level, k.N)
		}
		return nil
	})
	if err == nil && seen != len(want) {
		err = altered("%d tiles are missing", len(want)-seen)
	}
	return err
}
