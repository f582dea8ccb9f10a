package ledger

import (
	"context"
	"errors"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger/tiles"
	"github.com/postern-mail/postern/ledger/verify"
)

// CheckpointFile gives the newest public checkpoint. NotFound before the first.
func (l *Ledger) CheckpointFile(ctx context.Context) (file []byte, err error) {
	err = l.DB.View(ctx, func(tx *db.Tx) error {
		_, file, err = l.current(tx)
		return err
	})
	return file, err
}

// InclusionFile gives the proof that a disclosure's leaf is in the log under the
// newest public checkpoint. Unavailable while that does not reach it yet.
func (l *Ledger) InclusionFile(ctx context.Context, id postern.DisclosureID) (file []byte, err error) {
	err = l.DB.View(ctx, func(tx *db.Tx) error {
		r, err := l.find(tx, id)
		if err != nil {
			return err
		}
		c, signed, err := l.reaching(tx, r.idx)
		if err != nil {
			return err
		}
		p := verify.InclusionProof{Index: *r.idx, Checkpoint: signed}
		if p.Leaf, p.Path, err = leafAndPath(tx, c, *r.idx); err != nil {
			return err
		}
		file = p.Marshal()
		return nil
	})
	return file, err
}

// RecordFile opens one entry for whoever may see it: record, salt, and that its
// leaf is in the log. It is for the customer it names, never for publication.
// NotFound after erasure.
func (l *Ledger) RecordFile(ctx context.Context, id postern.DisclosureID) (file []byte, err error) {
	err = l.DB.View(ctx, func(tx *db.Tx) error {
		p, err := l.recordProof(tx, id)
		if err == nil {
			file = p.Marshal()
		}
		return err
	})
	return file, err
}

func (l *Ledger) recordProof(tx *db.Tx, id postern.DisclosureID) (p verify.RecordProof, err error) {
	r, err := l.find(tx, id)
	if err != nil {
		return p, err
	}
	c, signed, err := l.reaching(tx, r.idx)
	if err != nil {
		return p, err
	}
	k := &l.secrets.provider
	if r.account != nil {
		if _, k, err = l.bySecret(tx, verify.ID(r.account)); err != nil {
			return p, err
		}
	}
	if k == nil || r.sealed == nil {
		return p, &postern.Error{Kind: postern.NotFound, Key: "ledger.erased", Text: "the record was erased and can't be opened any more"}
	}
	rid := verify.ID(r.id)
	p = verify.RecordProof{Salt: k.salt(rid), Index: *r.idx, Checkpoint: signed}
	if p.Record, err = k.open(rid, r.sealed); err != nil {
		return p, err
	}
	if _, p.Path, err = leafAndPath(tx, c, p.Index); err != nil {
		return p, err
	}
	if r.typ != int64(verify.LeafDisclosure) {
		return p, nil
	}
	var series, n int64
	s := &verify.StreamProof{}
	err = tx.Row(`SELECT t.series, t.n, s.idx FROM ledger_stream t JOIN ledger_series s ON s.series = t.series WHERE t.idx = ?1`, db.Args(p.Index), &series, &n, &s.SeriesIndex)
	if err != nil {
		return p, altered("leaf %d has no place in a stream: %w", p.Index, err)
	}
	if s.SeriesLeaf, s.SeriesPath, err = leafAndPath(tx, c, s.SeriesIndex); err != nil {
		return p, err
	}
	s.N = uint32(n)
	s.VRF, _ = l.vrf(uint32(series)).Prove(verify.Alpha(uint32(series), verify.ID(r.account), uint8(r.tier), s.N))
	p.Stream = s
	return p, nil
}

// ConsistencyFile gives the proof that the public checkpoint of size to starts
// with that of size from. NotFound when either was not published.
func (l *Ledger) ConsistencyFile(ctx context.Context, from, to int64) (file []byte, err error) {
	err = l.DB.View(ctx, func(tx *db.Tx) error {
		var p verify.ConsistencyProof
		for size, note := range map[int64]*[]byte{from: &p.Older, to: &p.Newer} {
			err := tx.Row(`SELECT note FROM ledger_checkpoint WHERE size = ?1`, db.Args(size), note)
			if errors.Is(err, db.ErrNoRows) {
				return &postern.Error{Kind: postern.NotFound, Text: "there is no public checkpoint of that size"}
			}
			if err != nil {
				return err
			}
		}
		if from == to {
			p.Older = p.Newer
		}
		newer, err := l.policy.Open(p.Newer)
		if err != nil {
			return altered("the checkpoint of size %d: %w", to, err)
		}
		switch {
		case from > to:
			return &postern.Error{Kind: postern.Invalid, Text: "the older checkpoint is the smaller one"}
		case from < to:
			if p.Path, err = tlog.ProveTree(to, from, hashes(tx, newer)); err != nil {
				return altered("%w", err)
			}
		}
		file = p.Marshal()
		return nil
	})
	return file, err
}

func hashes(tx *db.Tx, c verify.Checkpoint) tlog.HashReader {
	return tlog.TileHashReader(tlog.Tree{N: c.Size, Hash: c.Root}, stored{tx})
}

// hashesCached is as hashes, and reads each tile once.
func hashesCached(tx *db.Tx, c verify.Checkpoint) tlog.HashReader {
	return tlog.TileHashReader(tlog.Tree{N: c.Size, Hash: c.Root}, tiles.Cache(stored{tx}))
}

func leafAndPath(tx *db.Tx, c verify.Checkpoint, index int64) (leaf []byte, path []tlog.Hash, err error) {
	return leafAndPathIn(tx, c, hashesCached(tx, c), index)
}

func leafAndPathIn(tx *db.Tx, c verify.Checkpoint, tiles tlog.HashReader, index int64) (leaf []byte, path []tlog.Hash, err error) {
	if err := tx.Row(`SELECT data FROM ledger_leaf WHERE idx = ?1`, db.Args(index), &leaf); err != nil {
		return nil, nil, altered("leaf %d: %w", index, err)
	}
	if path, err = tlog.ProveRecord(c.Size, index, tiles); err != nil {
		return nil, nil, altered("%w", err)
	}
	// Never hand out a proof that does not hold.
	if err := verify.CheckInclusion(c, index, leaf, path); err != nil {
		return nil, nil, altered("%w", err)
	}
	return leaf, path, nil
}

func (l *Ledger) find(tx *db.Tx, id postern.DisclosureID) (r row, err error) {
	key, err := idOf(string(id))
	if err != nil {
		return r, err
	}
	err = tx.Row(`SELECT id, type, tier, account, record_ct, idx FROM ledger_entry WHERE id = ?1`, db.Args(key[:]), &r.id, &r.typ, &r.tier, &r.account, &r.sealed, &r.idx)
	if errors.Is(err, db.ErrNoRows) {
		return r, &postern.Error{Kind: postern.NotFound, Text: "there is no such disclosure"}
	}
	if err == nil && (len(r.id) != 16 || r.account != nil && len(r.account) != 16) {
		err = altered("an identifier is not 16 bytes long")
	}
	return r, err
}

// reaching gives the newest public checkpoint if it covers the index.
func (l *Ledger) reaching(tx *db.Tx, idx *int64) (verify.Checkpoint, []byte, error) {
	c, signed, err := l.current(tx)
	if postern.KindOf(err) == postern.NotFound || err == nil && (idx == nil || *idx >= c.Size) {
		err = &postern.Error{Kind: postern.Unavailable, Key: "ledger.proof.soon", Text: "the entry is not under a public checkpoint yet: ask again in a minute"}
	}
	return c, signed, err
}
