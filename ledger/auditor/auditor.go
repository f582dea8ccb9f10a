// Package auditor opens leaves of a log at the provider's installation, at
// indices that the provider could not know beforehand, and holds them against
// the tables (docs/audit.md).
//
// What it keeps: nothing.
//
// Trust: the auditor believes a checkpoint, best one that witnesses have
// cosigned, and [github.com/postern-mail/postern/ledger/verify]; the ledger that
// is audited opens its records here and is believed in nothing. What is opened
// names accounts and staff by their pseudonyms and messages by their
// identifiers, and is for the auditor alone.
package auditor

import (
	"context"
	"errors"
	"fmt"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/ledger/verify"
)

// MaxSample bounds how many leaves one audit opens.
const MaxSample = 100_000

// Options say what is audited.
type Options struct {
	Sample     int           // how many leaves are drawn
	Checkpoint []byte        // from which they are drawn; nil for the newest public one
	Policy     verify.Policy // whom the auditor believes
	Progress   func(done, total int64)
	Keep       func(index int64, file []byte) error // is given each opened record as a proof file; may be nil
}

// Finding is something that does not hold.
type Finding struct {
	Index int64  `json:"index"` // of a leaf, or -1
	What  string `json:"what"`
}

// Report is what an audit found.
type Report struct {
	Origin string `json:"origin"`
	Size   int64  `json:"size"` // of the checkpoint that indices were drawn from
	Root   string `json:"root"`
	Drawn  int    `json:"drawn"`

	Disclosures int `json:"disclosures"` // of the drawn leaves, opened and checked
	Controls    int `json:"controls"`    // the same
	Own         int `json:"own"`         // series, epochs and tallies, which a replay checks
	Erased      int `json:"erased"`      // whose record can't be opened any more
	Tallies     int `json:"tallies"`     // months whose numbering adds up

	Findings []Finding `json:"findings"`
}

// Run audits. The error says that nothing is known; what does not hold stands in
// the report.
func Run(ctx context.Context, l *ledger.Ledger, o Options) (Report, error) {
	if o.Sample < 1 || o.Sample > MaxSample {
		return Report{}, &postern.Error{Kind: postern.Invalid, Text: fmt.Sprintf("an audit draws 1 to %d leaves", MaxSample)}
	}
	if o.Progress == nil {
		o.Progress = func(int64, int64) {}
	}
	a := &audit{l: l, o: o, months: map[uint32]map[stream]uint32{}}
	if err := a.begin(ctx); err != nil {
		return Report{}, err
	}
	for i, index := range verify.Draw(a.head, o.Sample) {
		if err := ctx.Err(); err != nil {
			return Report{}, err
		}
		if err := a.open(ctx, index); err != nil {
			return Report{}, err
		}
		a.Drawn++
		o.Progress(int64(i+1), int64(o.Sample))
	}
	return a.Report, a.tallies(ctx)
}

type stream struct {
	account verify.ID
	tier    uint8
}

type audit struct {
	Report
	l      *ledger.Ledger
	o      Options
	head   verify.Checkpoint
	months map[uint32]map[stream]uint32 // the last number of each stream, by the tables
}

func (a *audit) find(index int64, format string, args ...any) {
	a.Findings = append(a.Findings, Finding{index, fmt.Sprintf(format, args...)})
}

// begin makes sure that the checkpoint is one of this ledger's.
func (a *audit) begin(ctx context.Context) error {
	newest, err := a.l.CheckpointFile(ctx)
	if err != nil {
		return err
	}
	if a.o.Checkpoint == nil {
		a.o.Checkpoint = newest
	}
	if r := verify.CheckCheckpoint(a.o.Checkpoint, a.o.Policy); r.Verdict != verify.Verified {
		return &postern.Error{Kind: postern.Invalid, Text: "the checkpoint is not one that the policy believes", Err: errors.New(r.Detail)}
	}
	if a.head, err = a.o.Policy.Open(a.o.Checkpoint); err != nil {
		return err
	}
	a.Origin, a.Size, a.Root = a.head.Origin, a.head.Size, a.head.Root.String()
	latest, err := a.o.Policy.Open(newest)
	if err != nil {
		return &postern.Error{Kind: postern.Invalid, Text: "the policy does not believe this installation's log", Err: err}
	}
	if latest.Size < a.head.Size {
		a.find(-1, "the checkpoint has %d leaves and this ledger has published %d", a.head.Size, latest.Size)
		a.head.Size = 0
		return nil
	}
	file, err := a.l.ConsistencyFile(ctx, a.head.Size, latest.Size)
	if postern.KindOf(err) == postern.NotFound {
		a.find(-1, "this ledger has no checkpoint of size %d", a.head.Size)
		a.head.Size = 0
		return nil
	}
	if altered(err) {
		a.find(-1, "%v", reason(err))
		return nil
	}
	if err != nil {
		return err
	}
	p, err := verify.ParseConsistencyProof(file)
	if err != nil {
		return err
	}
	if err := verify.CheckConsistency(a.head, latest, p.Path); err != nil {
		a.find(-1, "the checkpoint is not the beginning of this ledger: %v", err)
		a.head.Size = 0
	}
	return nil
}

// open opens the leaf at an index.
func (a *audit) open(ctx context.Context, index int64) error {
	leaf, id, err := a.l.LeafAt(ctx, index)
	if altered(err) {
		a.find(index, "%v", reason(err))
		return nil
	}
	if err != nil {
		return err
	}
	disclosure := false
	switch leaf.(type) {
	case verify.DisclosureLeaf:
		disclosure = true
	case verify.ControlLeaf:
	default:
		a.Own++
		if id != "" {
			a.find(index, "a row stands for one of the log's own leaves")
		}
		return nil
	}
	if id == "" {
		a.find(index, "no row stands for this leaf")
		return nil
	}
	file, err := a.l.RecordFile(ctx, id)
	switch {
	case postern.KeyOf(err) == "ledger.erased":
		a.Erased++
		return nil
	case altered(err) || err != nil && postern.KindOf(err) == postern.KindOther:
		a.find(index, "its record does not open: %v", reason(err))
		return nil
	case err != nil:
		return err
	}
	if r := verify.CheckRecordFile(file, a.o.Policy); r.Verdict != verify.Verified {
		a.find(index, "the opened record is %s: %s (%s)", r.Verdict, r.Why, r.Detail)
		return nil
	}
	p, err := verify.ParseRecordProof(file)
	if err != nil {
		return err
	}
	if p.Index != index {
		a.find(index, "the row that stands for it opens leaf %d", p.Index)
		return nil
	}
	if a.o.Keep != nil {
		if err := a.o.Keep(index, file); err != nil {
			return err
		}
	}
	if !disclosure {
		a.Controls++
		return nil
	}
	a.Disclosures++
	return a.numbered(ctx, index, p)
}

// numbered holds an opened disclosure's number against its stream's.
func (a *audit) numbered(ctx context.Context, index int64, p verify.RecordProof) error {
	d, err := verify.ParseDisclosure(p.Record)
	if err != nil {
		return err
	}
	leaf, err := verify.ParseLeaf(p.Stream.SeriesLeaf)
	if err != nil {
		return err
	}
	series := leaf.(verify.SeriesLeaf).Series // checked with the record
	month, ok := a.months[series]
	if !ok {
		month = map[stream]uint32{}
		list, err := a.l.Streams(ctx, series, verify.MaxSize)
		if altered(err) {
			a.find(-1, "%v", reason(err))
		} else if err != nil {
			return err
		}
		for _, s := range list {
			month[stream{s.Account, s.Tier}] = s.N
		}
		a.months[series] = month
	}
	if last := month[stream{d.Account, d.Tier}]; p.Stream.N > last {
		a.find(index, "it is number %d of a stream of %d", p.Stream.N, last)
	}
	return nil
}

// tallies recomputes every tally from the tables.
func (a *audit) tallies(ctx context.Context) error {
	list, err := a.l.Tallies(ctx)
	if altered(err) {
		a.find(-1, "%v", reason(err))
		return nil
	}
	if err != nil {
		return err
	}
	for _, t := range list {
		err := a.l.CheckTally(ctx, t)
		if altered(err) {
			a.find(int64(t.Covered), "%v", reason(err))
			continue
		}
		if err != nil {
			return err
		}
		a.Tallies++
	}
	return nil
}

func altered(err error) bool { return postern.KeyOf(err) == "ledger.altered" }

// reason is what the tables contradict themselves in.
func reason(err error) error {
	var e *postern.Error
	if errors.As(err, &e) && e.Err != nil {
		return e.Err
	}
	return err
}
