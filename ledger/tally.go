package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger/verify"
)

// Stream is how often something of a tier was disclosed of an account in a month.
type Stream struct {
	Account verify.ID // its number in the ledger
	Tier    uint8
	N       uint32
	Salt    [32]byte
}

// Commitment is what the month's tally has of the stream.
func (s Stream) Commitment() [32]byte {
	return verify.TallyCommitment(s.Salt, s.Account, s.Tier, s.N)
}

// Streams gives a month's streams, by the tables, as the leaves before an index
// leave them. A stream that skips a number is an error.
func (l *Ledger) Streams(ctx context.Context, series uint32, before int64) (list []Stream, err error) {
	err = l.DB.View(ctx, func(tx *db.Tx) error {
		list, err = l.streams(tx, series, before)
		return err
	})
	return list, err
}

func (l *Ledger) streams(tx *db.Tx, series uint32, before int64) (list []Stream, err error) {
	err = tx.Rows(`SELECT e.account, e.tier, MIN(s.n), MAX(s.n), COUNT(*) FROM ledger_stream s JOIN ledger_entry e ON e.idx = s.idx
		WHERE s.series = ?1 AND s.idx < ?2 GROUP BY e.account, e.tier`, db.Args(int64(series), before), func(r db.Scanner) error {
		var account []byte
		var tier, low, high, count int64
		if err := r.Scan(&account, &tier, &low, &high, &count); err != nil {
			return err
		}
		if len(account) != 16 || low != 1 || high != count {
			return altered("a stream of series %d has %d disclosures, numbered %d to %d", series, count, low, high)
		}
		s := Stream{Account: verify.ID(account), Tier: uint8(tier), N: uint32(high)}
		s.Salt = l.tallySalt(series, s)
		list = append(list, s)
		return nil
	})
	return list, err
}

// tallySalt is the provider's, not the account's: a tally is still audited when
// one of its accounts was erased.
func (l *Ledger) tallySalt(series uint32, s Stream) [32]byte {
	b := binary.BigEndian.AppendUint32([]byte("tally"), series)
	sum := sha256.Sum256(append(append(b, s.Account[:]...), s.Tier))
	return l.secrets.provider.salt(verify.ID(sum[:16]))
}

// dueTallies gives the tallies of the months that are over, an hour past their
// end and with nothing of them waiting. What comes later for such a month, by a
// clock that was set back, stands after its tally.
func (l *Ledger) dueTallies(tx *db.Tx, w *work) (due []verify.TallyLeaf, err error) {
	if len(w.rows) == batchMost {
		return nil, nil
	}
	done := map[uint32]bool{}
	for _, t := range l.chain.Tallies() {
		done[t.Series] = true
	}
	for i := range w.rows {
		done[w.rows[i].series] = true // not yet, at least
	}
	for _, s := range l.chain.Series() {
		if done[s.Series] || w.at.Before(time.UnixMilli(int64(s.EndMS)).Add(verify.MergeDelay)) {
			continue
		}
		streams, err := l.streams(tx, s.Series, l.chain.Size())
		if err != nil {
			return nil, err
		}
		due = append(due, newTally(s.Series, streams))
	}
	return due, nil
}

func newTally(series uint32, streams []Stream) verify.TallyLeaf {
	t := verify.TallyLeaf{Series: series, Streams: uint32(len(streams))}
	all := make([][32]byte, len(streams))
	for i, s := range streams {
		t.Disclosures += uint64(s.N)
		all[i] = s.Commitment()
	}
	t.Root = verify.TallyRoot(all)
	return t
}

// CheckTally recomputes a tally from the tables.
func (l *Ledger) CheckTally(ctx context.Context, t verify.TallyLeaf) error {
	streams, err := l.Streams(ctx, t.Series, int64(t.Covered))
	if err != nil {
		return err
	}
	got := newTally(t.Series, streams)
	if got.Covered = t.Covered; got != t {
		return altered("series %d was tallied with %d disclosures in %d streams, and the tables have %d in %d, or other numbers", t.Series, t.Disclosures, t.Streams, got.Disclosures, got.Streams)
	}
	return nil
}

// LeafAt gives the leaf at an index, and the entry that it stands for: "" for a
// leaf of the log's own.
func (l *Ledger) LeafAt(ctx context.Context, index int64) (leaf verify.Leaf, id postern.DisclosureID, err error) {
	err = l.DB.View(ctx, func(tx *db.Tx) error {
		var b []byte
		if err := tx.Row(`SELECT data FROM ledger_leaf WHERE idx = ?1`, db.Args(index), &b); err != nil {
			return altered("leaf %d: %w", index, err)
		}
		if leaf, err = verify.ParseLeaf(b); err != nil {
			return altered("leaf %d: %w", index, err)
		}
		return tx.Rows(`SELECT id FROM ledger_entry WHERE idx = ?1`, db.Args(index), func(s db.Scanner) error {
			var raw []byte
			err := s.Scan(&raw)
			id = postern.DisclosureID(hex.EncodeToString(raw))
			return err
		})
	})
	return leaf, id, err
}

// Tallies gives the tallies that stand in the log.
func (l *Ledger) Tallies(ctx context.Context) ([]verify.TallyLeaf, error) {
	if err := l.catchUp(ctx); err != nil {
		return nil, err
	}
	l.maps.RLock()
	defer l.maps.RUnlock()
	return append([]verify.TallyLeaf(nil), l.chain.Tallies()...), nil
}
