package verify

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// diary is a small log of our own with everything that a proof of non-access needs: months, epochs, a map,
// checkpoints that two witnesses have cosigned.
type diary struct {
	t       testing.TB
	leaves  [][]byte
	stored  []tlog.Hash
	tags    Map
	pending []Entry
	epochs  []int64 // where they stand
	series  map[uint32]int64
	streams map[string][]told

	vrf    Prover
	public [32]byte
	signer note.Signer
	a, b   Cosigner
	policy Policy
}

type told struct {
	vrf    []byte
	tag    [32]byte
	index  int64
	record []byte
	salt   [32]byte
}

func newDiary(t testing.TB) *diary {
	t.Helper()
	d := &diary{t: t, series: map[uint32]int64{}, streams: map[string][]told{}}
	var vkey string
	d.signer, vkey = newKey(t, "log.example", 7)
	var err error
	if d.vrf, d.public, err = NewProver(unhex(vectorSK)); err != nil {
		t.Fatal(err)
	}
	var lineA, lineB string
	d.a, lineA = newWitness(t, "a")
	d.b, lineB = newWitness(t, "b")
	if d.policy, err = ParsePolicy([]byte("log " + vkey + "\n" + lineA + lineB + "group both all a b\nquorum both\nmap b\n")); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *diary) add(leaf [LeafSize]byte) int64 {
	n := int64(len(d.leaves))
	d.leaves = append(d.leaves, leaf[:])
	h, err := tlog.StoredHashesForRecordHash(n, tlog.RecordHash(leaf[:]), d)
	if err != nil {
		d.t.Fatal(err)
	}
	d.stored = append(d.stored, h...)
	return n
}

func (d *diary) ReadHashes(at []int64) (out []tlog.Hash, err error) {
	for _, i := range at {
		out = append(out, d.stored[i])
	}
	return out, nil
}

func (d *diary) month(at time.Time) uint32 {
	s := SeriesLeaf{Suite: SuiteRistretto255, PublicKey: d.public}.Month(at)
	if _, ok := d.series[s.Series]; !ok {
		d.series[s.Series] = d.add(s.Marshal())
	}
	return s.Series
}

func stream(series uint32, account ID, tier uint8) string {
	return fmt.Sprintf("%d %x %d", series, account, tier)
}

// disclose appends a disclosure of its number in its stream, and gives its place.
func (d *diary) disclose(account ID, tier uint8, at time.Time) int64 {
	series := d.month(at)
	key := stream(series, account, tier)
	n := uint32(len(d.streams[key]) + 1)
	rec := Disclosure{ID: ID{byte(len(d.leaves))}, Account: account, Tier: tier, TimeMS: uint64(at.UnixMilli()), Reason: 1, Fields: 1 << 16, Node: "n"}
	b, err := rec.Marshal()
	if err != nil {
		d.t.Fatal(err)
	}
	pi, out := d.vrf.Prove(Alpha(series, account, tier, n))
	x := told{vrf: pi, record: b, salt: [32]byte{byte(n), tier}}
	if x.tag, err = Tag(out); err != nil {
		d.t.Fatal(err)
	}
	x.index = d.add(DisclosureLeaf{x.tag, DisclosureCommitment(x.salt, b)}.Marshal())
	d.streams[key] = append(d.streams[key], x)
	d.pending = append(d.pending, Entry{Tag: x.tag, Index: uint64(x.index)})
	return x.index
}

func (d *diary) epoch(at time.Time) {
	if err := d.tags.Insert(d.pending...); err != nil {
		d.t.Fatal(err)
	}
	d.pending = nil
	d.epochs = append(d.epochs, d.add(EpochLeaf{Epoch: uint64(len(d.epochs) + 1), Covered: uint64(len(d.leaves)), TimeMS: uint64(at.UnixMilli()), Tags: uint64(d.tags.Len()), MapRoot: d.tags.Root()}.Marshal()))
}

// checkpoint signs the log at a size, cosigned by both witnesses at a time.
func (d *diary) checkpoint(size int64, at time.Time, by ...Cosigner) []byte {
	root, err := tlog.TreeHash(size, d)
	if err != nil {
		d.t.Fatal(err)
	}
	signed, err := note.Sign(&note.Note{Text: Checkpoint{"log.example", size, root}.Body()}, d.signer)
	if err != nil {
		d.t.Fatal(err)
	}
	if by == nil {
		by = []Cosigner{d.a, d.b}
	}
	for _, c := range by {
		line, err := c.Sign(Checkpoint{"log.example", size, root}.Body(), at)
		if err == nil {
			signed, err = AddSignatures(signed, line)
		}
		if err != nil {
			d.t.Fatal(err)
		}
	}
	return signed
}

func (d *diary) inclusion(size, index int64) []tlog.Hash {
	p, err := tlog.ProveRecord(size, index, d)
	if err != nil {
		d.t.Fatal(err)
	}
	return p
}

func (d *diary) tree(newer, older int64) []tlog.Hash {
	if newer == older || older == 0 {
		return nil
	}
	p, err := tlog.ProveTree(newer, older, d)
	if err != nil {
		d.t.Fatal(err)
	}
	return p
}

// prove makes the proof for a window whose places are [s0, s1).
func (d *diary) prove(account ID, tier uint8, from, until time.Time, s0, s1 int64) NonAccess {
	d.t.Helper()
	size := int64(len(d.leaves))
	last := d.epochs[len(d.epochs)-1]
	p := NonAccess{Account: account, Tier: tier, From: uint64(from.UnixMilli()), Until: uint64(until.UnixMilli()),
		EpochLeaf: d.leaves[last], EpochIndex: last, EpochPath: d.inclusion(size, last),
		StartPath: d.tree(s1, s0), EndPath: d.tree(size, s1),
		Start: d.checkpoint(s0, from.Add(-time.Minute)), End: d.checkpoint(s1, until.Add(MergeDelay)), Latest: d.checkpoint(size, until.Add(2*MergeDelay))}
	for _, m := range Months(p.From, p.Until) {
		at := d.series[m]
		p.Series = append(p.Series, SeriesProof{d.leaves[at], at, d.inclusion(size, at)})
		for t := tier; t <= Tiers; t++ {
			s := StreamAbsence{Series: m, Tier: t}
			all := d.streams[stream(m, account, t)]
			for n, x := range all {
				switch {
				case x.index < s0:
					s.Before, s.BeforeVRF, s.BeforeMap = uint32(n+1), x.vrf, d.tags.Prove(x.tag).Marshal()
				case x.index < s1:
					s.Accesses = append(s.Accesses, Access{uint32(n + 1), x.vrf, d.tags.Prove(x.tag).Marshal(), x.record, x.salt, d.inclusion(size, x.index)})
				}
			}
			next := s.Before + uint32(len(s.Accesses)) + 1
			pi, out := d.vrf.Prove(Alpha(m, account, t, next))
			tag, err := Tag(out)
			if err != nil {
				d.t.Fatal(err)
			}
			s.AfterVRF, s.AfterMap = pi, d.tags.Prove(tag).Marshal()
			p.Streams = append(p.Streams, s)
		}
	}
	return d.state(p)
}

// state signs the statement that fits the proof.
func (d *diary) state(p NonAccess) NonAccess {
	hash := p.ProofHash()
	s := Statement{Log: "log.example", Account: p.Account, Name: "ana@outlook.example", From: p.From, Until: p.Until, Tier: p.Tier, Finding: FindingNone,
		Count: p.Count(), Issued: p.Until + 1, GateOnly: true, Proof: hash[:]}
	if s.Count > 0 {
		s.Finding = FindingAccessed
	}
	p.Statement = d.sign(s.Text())
	return p
}

func (d *diary) sign(text string) []byte {
	signed, err := note.Sign(&note.Note{Text: text}, d.signer)
	if err != nil {
		d.t.Fatal(err)
	}
	return signed
}

var (
	ana, ben  = ID{0xa}, ID{0xb}
	may       = time.Date(2026, 5, 10, 8, 0, 0, 0, time.UTC)
	windowEnd = may.Add(48 * time.Hour)
)

// story is a log in which ana was looked at before the window, in it and after it, as asked.
func story(t testing.TB, before, in, after int) (d *diary, s0, s1 int64) {
	d = newDiary(t)
	d.month(may)
	d.disclose(ben, 4, may.Add(-3*time.Hour))
	for range before {
		d.disclose(ana, 4, may.Add(-2*time.Hour))
	}
	d.epoch(may.Add(-time.Hour))
	s0 = int64(len(d.leaves))
	d.disclose(ben, 4, may.Add(time.Hour))
	d.disclose(ana, 3, may.Add(time.Hour)) // shallower than what is asked about
	for range in {
		d.disclose(ana, 4, may.Add(2*time.Hour))
	}
	d.epoch(may.Add(3 * time.Hour))
	s1 = int64(len(d.leaves))
	for range after {
		d.disclose(ana, 4, windowEnd.Add(2*time.Hour))
	}
	d.disclose(ben, 5, windowEnd.Add(3*time.Hour))
	d.epoch(windowEnd.Add(3 * time.Hour))
	return d, s0, s1
}
