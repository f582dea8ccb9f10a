package ledger

import (
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger/verify"
	"golang.org/x/mod/sumdb/tlog"
)

// proving is a statement on its way.
type proving struct {
	l *Ledger
	k *secret
	w Window

	proof  verify.NonAccess
	s0, s1 int64
	rows   []proved
	ids    []postern.DisclosureID
	wants  []want
}

// proved is a disclosure of the account, as the tables have it.
type proved struct {
	id, sealed []byte
	series, n  int64
	tier, at   int64
	idx        *int64
}

// want is a place in the proof that takes a VRF proof and a map proof.
type want struct {
	series uint32
	tier   uint8
	n      uint32
	vrf    *[]byte
	where  *[]byte
	tag    [32]byte
}

func (p *proving) make(tx *db.Tx) error {
	l, w := p.l, p.w
	p.proof = verify.NonAccess{Account: p.k.pseudonym, Tier: uint8(w.Tier), From: uint64(w.From.UnixMilli()), Until: uint64(w.Until.UnixMilli())}
	latest, signed, err := l.current(tx)
	if err != nil {
		return err
	}
	p.proof.Latest = signed
	e, err := publicEpoch(tx, latest)
	if err != nil {
		return err
	}
	ends := w.Until.Add(verify.MergeDelay)
	if ends.After(l.Now()) {
		return tooSoon()
	}
	end, signed, err := l.endCheckpoint(tx, ends)
	if err != nil {
		return err
	}
	if end.Size > int64(e.Covered)+1 {
		return tooSoon()
	}
	p.proof.End, p.s1 = signed, end.Size
	if err := p.readRows(tx); err != nil {
		return err
	}
	start, signed, err := p.start(tx)
	if err != nil {
		return err
	}
	p.proof.Start, p.s0 = signed, start.Size

	tiles := l.memo.Over(hashesCached(tx, latest))
	p.proof.EpochIndex = int64(e.Covered)
	if p.proof.EpochLeaf, p.proof.EpochPath, err = leafAndPathIn(tx, latest, tiles, p.proof.EpochIndex); err != nil {
		return err
	}
	if p.proof.StartPath, err = consistency(l.memo.Over(hashesCached(tx, end)), p.s0, p.s1); err != nil {
		return err
	}
	if p.proof.EndPath, err = consistency(tiles, p.s1, latest.Size); err != nil {
		return err
	}
	if err := p.series(tx, latest, tiles); err != nil {
		return err
	}
	if err := p.streams(tx, latest, tiles); err != nil {
		return err
	}
	return p.place(e)
}

func tooSoon() error {
	return &postern.Error{Kind: postern.Unavailable, Key: "statement.too-soon", Text: "the window can't be proved yet: it has to lie an hour back"}
}

// readRows reads the account's disclosures of the window's months.
func (p *proving) readRows(tx *db.Tx) error {
	months := verify.Months(p.proof.From, p.proof.Until)
	waiting := false
	err := tx.Rows(`SELECT e.id, e.record_ct, s.series, s.n, e.tier, e.at, e.idx FROM ledger_entry e JOIN ledger_stream s ON s.idx = e.idx
		WHERE e.account = ?1 AND e.idx IS NOT NULL AND e.type = 1 AND e.tier >= ?2 AND s.series >= ?3 AND s.series <= ?4
		ORDER BY s.series, e.tier, s.n`, db.Args(p.k.pseudonym[:], int64(p.w.Tier), int64(months[0]), int64(months[len(months)-1])), func(s db.Scanner) error {
		var r proved
		if err := s.Scan(&r.id, &r.sealed, &r.series, &r.n, &r.tier, &r.at, &r.idx); err != nil {
			return err
		}
		p.rows = append(p.rows, r)
		return nil
	})
	if err != nil {
		return err
	}
	err = tx.Rows(`SELECT at FROM ledger_entry WHERE idx IS NULL AND type = 1 AND account = ?1`, db.Args(p.k.pseudonym[:]), func(s db.Scanner) error {
		var at int64
		err := s.Scan(&at)
		waiting = waiting || p.within(at)
		return err
	})
	if err == nil && waiting {
		return tooSoon()
	}
	return err
}

func (p *proving) within(at int64) bool {
	return at >= int64(p.proof.From) && at < int64(p.proof.Until)
}

// start chooses the checkpoint before the window: the largest of its time that
// stands before every disclosure which its own clock puts into the window. That
// can be an earlier one where a witness' seconds and our clock meet.
func (p *proving) start(tx *db.Tx) (verify.Checkpoint, []byte, error) {
	most := p.s1
	for _, r := range p.rows {
		if p.within(r.at) {
			most = min(most, *r.idx)
		}
	}
	return p.l.startCheckpoint(tx, p.w.From, most)
}

func (p *proving) series(tx *db.Tx, latest verify.Checkpoint, tiles tlog.HashReader) error {
	for _, month := range verify.Months(p.proof.From, p.proof.Until) {
		var idx int64
		err := tx.Row(`SELECT idx FROM ledger_series WHERE series = ?1`, db.Args(int64(month)), &idx)
		if errors.Is(err, db.ErrNoRows) || err == nil && idx >= latest.Size {
			return tooSoon()
		}
		if err != nil {
			return err
		}
		s := verify.SeriesProof{Index: idx}
		if s.Leaf, s.Path, err = leafAndPathIn(tx, latest, tiles, idx); err != nil {
			return err
		}
		p.proof.Series = append(p.proof.Series, s)
	}
	return nil
}

// streams says of each stream what stands before the window, in it and behind it.
func (p *proving) streams(tx *db.Tx, latest verify.Checkpoint, tiles tlog.HashReader) error {
	rows := p.rows
	accesses := 0
	for _, month := range verify.Months(p.proof.From, p.proof.Until) {
		for tier := p.w.Tier; tier <= postern.TierAttachment; tier++ {
			s := verify.StreamAbsence{Series: month, Tier: uint8(tier)}
			for len(rows) > 0 && rows[0].series == int64(month) && rows[0].tier == int64(tier) {
				r := rows[0]
				rows = rows[1:]
				place := 0
				if *r.idx >= p.s0 {
					place++
				}
				if *r.idx >= p.s1 {
					place++
				}
				next := int64(s.Before) + int64(len(s.Accesses)) + 1
				switch {
				case place == 2:
					if p.within(r.at) {
						return altered("a disclosure stands an hour behind its own time")
					}
					continue
				case r.n != next || place == 0 && len(s.Accesses) > 0:
					return altered("disclosure %d of tier %s in %d where %d is next", r.n, tier, month, next)
				case place == 0:
					s.Before = uint32(r.n)
					continue
				}
				if accesses++; accesses > verify.MaxAccesses {
					return &postern.Error{Kind: postern.Invalid, Key: "statement.too-many", Text: fmt.Sprintf("there are more than %d accesses in this window: choose a smaller one", verify.MaxAccesses)}
				}
				a, err := p.access(tx, latest, tiles, r)
				if err != nil {
					return err
				}
				s.Accesses = append(s.Accesses, a)
			}
			p.proof.Streams = append(p.proof.Streams, s)
		}
	}
	if len(rows) > 0 {
		return altered("a disclosure is in none of the window's streams")
	}
	return nil
}

// access opens one disclosure of the window.
func (p *proving) access(tx *db.Tx, latest verify.Checkpoint, tiles tlog.HashReader, r proved) (a verify.Access, err error) {
	a.N = uint32(r.n)
	if len(r.id) != 16 {
		return a, altered("an identifier is not 16 bytes long")
	}
	p.ids = append(p.ids, postern.DisclosureID(hex.EncodeToString(r.id)))
	if r.sealed == nil {
		return a, nil
	}
	id := verify.ID(r.id)
	if a.Record, err = p.k.open(id, r.sealed); err != nil {
		return a, altered("%w", err)
	}
	a.Salt = p.k.salt(id)
	_, a.Path, err = leafAndPathIn(tx, latest, tiles, *r.idx)
	return a, err
}

// place makes the VRF and map proofs.
func (p *proving) place(e verify.EpochLeaf) error {
	for i := range p.proof.Streams {
		s := &p.proof.Streams[i]
		add := func(n uint32, vrf, where *[]byte) {
			p.wants = append(p.wants, want{series: s.Series, tier: s.Tier, n: n, vrf: vrf, where: where})
		}
		if s.Before > 0 {
			add(s.Before, &s.BeforeVRF, &s.BeforeMap)
		}
		for j := range s.Accesses {
			add(s.Accesses[j].N, &s.Accesses[j].VRF, &s.Accesses[j].Map)
		}
		add(s.Before+uint32(len(s.Accesses))+1, &s.AfterVRF, &s.AfterMap)
	}
	workers := min(runtime.GOMAXPROCS(0), len(p.wants))
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			for j := i; j < len(p.wants); j += workers {
				w := &p.wants[j]
				pi, out := p.l.vrf(w.series).Prove(verify.Alpha(w.series, p.k.pseudonym, w.tier, w.n))
				*w.vrf = pi
				w.tag, errs[i] = verify.Tag(out)
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	l := p.l
	l.maps.RLock()
	defer l.maps.RUnlock()
	if l.chain == nil {
		return errMapBehind
	}
	tags := l.chain.Map()
	var prove func([32]byte) verify.MapProof
	switch e {
	case l.chain.Epoch():
		prove = tags.Prove
		if tags.Root() != e.MapRoot { // Settle without an epoch, in a tick that failed
			return errMapBehind
		}
	case l.chain.Earlier():
		switch e.MapRoot {
		case tags.Root():
			prove = tags.Prove
		case tags.PreviousRoot():
			prove = tags.ProvePrevious
		default:
			return errMapBehind
		}
	default:
		return errMapBehind
	}
	for _, w := range p.wants {
		*w.where = prove(w.tag).Marshal()
	}
	return nil
}

// finish signs the statement, and checks the whole as a stranger would.
func (p *proving) finish(name string) (Statement, error) {
	l := p.l
	hash := p.proof.ProofHash()
	issued := l.Now().Truncate(time.Millisecond).UTC()
	s := verify.Statement{Log: l.Origin, Account: p.k.pseudonym, Name: name, From: p.proof.From, Until: p.proof.Until, Tier: p.proof.Tier,
		Finding: verify.FindingNone, Count: p.proof.Count(), Issued: uint64(issued.UnixMilli()), GateOnly: true, Proof: hash[:]}
	if s.Count > 0 {
		s.Finding = verify.FindingAccessed
	}
	signed, err := l.signText(s.Text())
	if err != nil {
		return Statement{}, err
	}
	p.proof.Statement = signed
	file := p.proof.Marshal()
	r := verify.CheckNonAccessFile(file, l.policy)
	if r.Verdict != verify.Verified && !slices.Contains([]verify.Why{verify.WhyUnwitnessed, verify.WhyAccessed, verify.WhyEdge}, r.Why) {
		return Statement{}, altered("a statement that does not hold: %s: %s", r.Why, r.Detail)
	}
	return Statement{File: file, Finding: s.Finding, Count: s.Count, Number: hex.EncodeToString(p.k.pseudonym[:]), Window: p.w, Issued: issued,
		From: p.s0, To: p.s1, Accesses: p.ids, Checked: r}, nil
}

func consistency(tiles tlog.HashReader, older, newer int64) ([]tlog.Hash, error) {
	if older == 0 || older == newer {
		return nil, nil
	}
	path, err := tlog.ProveTree(newer, older, tiles)
	if err != nil {
		return nil, altered("%w", err)
	}
	return path, nil
}
