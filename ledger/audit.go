package ledger

import (
	"context"
	"errors"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger/verify"
)

// Summary is what [Ledger.Verify] counted.
type Summary struct {
	Size        int64    // leaves
	Root        [32]byte // of the log
	Entries     int64    // rows, sequenced or waiting
	Disclosures int64    // of them
	Waiting     int64    // of them, without an index yet
	Erased      int64    // of them, no longer to be opened
}

// Verify is the provider's own audit: what Open checks, every public checkpoint,
// and for every row that its leaf is the one that stands at its index, that the
// record decrypts, opens the leaf's commitment and says what the columns say,
// that its tag is the VRF's for its account, tier and number, and that numbers
// skip none. A nil error means that nothing contradicts anything.
func (l *Ledger) Verify(ctx context.Context) (sum Summary, err error) {
	err = l.DB.View(ctx, func(tx *db.Tx) error {
		sum, err = l.audit(tx)
		return err
	})
	return sum, err
}

func (l *Ledger) audit(tx *db.Tx) (Summary, error) {
	c, err := l.check(tx, true)
	if err != nil {
		return Summary{}, err
	}
	sum := Summary{Size: c.Size(), Root: c.Root()}
	for _, t := range c.Tallies() {
		streams, err := l.streams(tx, t.Series, int64(t.Covered))
		if err != nil {
			return Summary{}, err
		}
		got := newTally(t.Series, streams)
		if got.Covered = t.Covered; got != t {
			return Summary{}, altered("the tally of series %d is not that of the tables", t.Series)
		}
	}
	if err := l.checkPublished(tx, c); err != nil {
		return Summary{}, err
	}
	return sum, l.checkRows(tx, c, &sum)
}

func (l *Ledger) checkPublished(tx *db.Tx, c *chain) error {
	var notes [][]byte
	err := tx.Rows(`SELECT note FROM ledger_checkpoint ORDER BY size`, nil, func(s db.Scanner) error {
		var b []byte
		err := s.Scan(&b)
		notes = append(notes, b)
		return err
	})
	if err != nil {
		return err
	}
	head := verify.Checkpoint{Origin: l.Origin, Size: c.Size(), Root: c.Root()}
	for _, b := range notes {
		p, err := l.policy.Open(b)
		if err != nil {
			return altered("a checkpoint: %w", err)
		}
		if err := checkPrefix(tx, p, head); err != nil {
			return err
		}
	}
	return nil
}

// audited is a row with its leaf.
type audited struct {
	row
	commitment, leaf []byte
	series, n        *int64
}

func (l *Ledger) checkRows(tx *db.Tx, c *chain, sum *Summary) error {
	highest := map[streamKey]int64{}
	numbers := map[streamKey]int64{}
	var sequenced int64
	for after := int64(0); ; {
		var rows []audited
		err := tx.Rows(`SELECT e.seq, e.id, e.type, e.kind, e.account, e.tier, e.at, e.grant_id, e.session_id, e.staff_id, e.record_ct, e.commitment, e.idx, l.data, s.series, s.n
			FROM ledger_entry e LEFT JOIN ledger_leaf l ON l.idx = e.idx LEFT JOIN ledger_stream s ON s.idx = e.idx
			WHERE e.seq > ?1 ORDER BY e.seq LIMIT ?2`, db.Args(after, int64(page)), func(s db.Scanner) error {
			var a audited
			rows = append(rows, a)
			p := &rows[len(rows)-1]
			return s.Scan(&p.seq, &p.id, &p.typ, &p.kind, &p.account, &p.tier, &p.at, &p.grant, &p.session, &p.staff, &p.sealed, &p.commitment, &p.idx, &p.leaf, &p.series, &p.n)
		})
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			break
		}
		for i := range rows {
			r := &rows[i]
			after = r.seq
			sum.Entries++
			if r.typ == int64(verify.LeafDisclosure) {
				sum.Disclosures++
			}
			if r.idx == nil {
				sum.Waiting++
			} else {
				sequenced++
			}
			erased, err := l.checkRow(tx, r)
			if err != nil {
				return altered("entry %d: %w", r.seq, err)
			}
			if erased {
				sum.Erased++
			}
			if r.n != nil {
				k := streamKey{uint32(*r.series), verify.ID(r.account), r.tier}
				highest[k] = max(highest[k], *r.n)
				numbers[k]++
			}
		}
	}
	for k, n := range numbers {
		if highest[k] != n { // each number once (the tags differ), so none is skipped
			return altered("a stream of series %d skips a number", k.series)
		}
	}
	var own int64
	if err := tx.Row(`SELECT COUNT(*) FROM ledger_series`, nil, &own); err != nil {
		return err
	}
	if leaves := c.Size() - own - int64(c.Epoch().Epoch) - int64(len(c.Tallies())); leaves != sequenced {
		return altered("%d leaves stand for entries, and %d entries have an index", leaves, sequenced)
	}
	return nil
}

func (l *Ledger) checkRow(tx *db.Tx, r *audited) (erased bool, err error) {
	if len(r.id) != 16 || len(r.commitment) != 32 || r.account != nil && len(r.account) != 16 {
		return false, errors.New("the row is malformed")
	}
	if r.idx != nil {
		if err := l.checkLeaf(r); err != nil {
			return false, err
		}
	}
	k := &l.secrets.provider
	if r.account != nil {
		if _, k, err = l.bySecret(tx, verify.ID(r.account)); err != nil {
			return false, err
		}
	}
	if k == nil || r.sealed == nil {
		return true, nil
	}
	id := verify.ID(r.id)
	record, err := k.open(id, r.sealed)
	if err != nil {
		return false, err
	}
	return false, l.checkRecord(r, k.salt(id), record)
}

// checkLeaf compares a row with the leaf at its index.
func (l *Ledger) checkLeaf(r *audited) error {
	leaf, err := verify.ParseLeaf(r.leaf)
	if err != nil {
		return err
	}
	switch leaf := leaf.(type) {
	case verify.ControlLeaf:
		if r.typ != int64(verify.LeafControl) || int64(leaf.Kind) != r.kind || leaf.Commitment != [32]byte(r.commitment) {
			return errors.New("the leaf at its index is another's")
		}
	case verify.DisclosureLeaf:
		if r.typ != int64(verify.LeafDisclosure) || leaf.Commitment != [32]byte(r.commitment) || r.account == nil || r.n == nil {
			return errors.New("the leaf at its index is another's")
		}
		_, out := l.vrf(uint32(*r.series)).Prove(verify.Alpha(uint32(*r.series), verify.ID(r.account), uint8(r.tier), uint32(*r.n)))
		if tag, err := verify.Tag(out); err != nil || tag != leaf.Tag || *r.n < 1 {
			return errors.New("its tag is not that of its account, tier and number")
		}
		if s := (verify.SeriesLeaf{}).Month(time.UnixMilli(r.at)); int64(s.Series) != *r.series {
			return errors.New("it stands in another month's series")
		}
	default:
		return errors.New("the leaf at its index is no entry's")
	}
	return nil
}

// checkRecord compares a row with its opened record.
func (l *Ledger) checkRecord(r *audited, salt [32]byte, record []byte) error {
	grant, err1 := idOf(r.grant)
	session, err2 := idOf(r.session)
	staff, err3 := l.secrets.staff(postern.StaffID(r.staff))
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	var account verify.ID
	copy(account[:], r.account)
	same := false
	if r.typ == int64(verify.LeafDisclosure) {
		d, err := verify.ParseDisclosure(record)
		if err != nil {
			return err
		}
		same = verify.DisclosureCommitment(salt, record) == [32]byte(r.commitment) && d.ID == verify.ID(r.id) && d.Account == account &&
			int64(d.Tier) == r.tier && int64(d.TimeMS) == r.at && d.Grant == grant && d.Session == session && d.Staff == staff
	} else {
		c, err := verify.ParseControl(record)
		if err != nil {
			return err
		}
		same = verify.ControlCommitment(salt, record) == [32]byte(r.commitment) && c.ID == verify.ID(r.id) && c.Account == account &&
			int64(c.Kind) == r.kind && int64(c.TimeMS) == r.at && c.Grant == grant && c.Actor == staff
	}
	if !same {
		return errors.New("its record does not say what its row says")
	}
	return nil
}
