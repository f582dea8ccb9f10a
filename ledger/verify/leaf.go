package verify

import (
	"encoding/binary"
	"fmt"
	"time"
)

// LeafSize is the length of every leaf of the log in bytes.
const LeafSize = 66

// LeafType is byte 1 of a leaf.
type LeafType uint8

// The leaf types. Tally is reserved: this version refuses it, so that a log that starts to use it is
// noticed by every auditor who has not yet learned what it means.
const (
	LeafDisclosure LeafType = 1
	LeafEpoch      LeafType = 2
	LeafSeries     LeafType = 3
	LeafControl    LeafType = 4
	LeafTally      LeafType = 5
)

const leafVersion = 1

// Leaf is one entry of the log: a [DisclosureLeaf], [EpochLeaf], [SeriesLeaf] or [ControlLeaf]. All have
// [LeafSize] bytes and integers are big-endian:
//
//	byte 0   version = 1
//	byte 1   type
//	1        tag[32] || commitment[32]
//	2        epoch u64 || covered u64 || time_ms u64 || tags u64 || map_root[32]
//	3        series u32 || start u64 || end u64 || suite u8 || reserved[11]=0 || vrf_public_key[32]
//	4        kind u16 || reserved[30]=0 || commitment[32]
type Leaf interface {
	Type() LeafType
	Marshal() [LeafSize]byte
}

// DisclosureLeaf says that something of an account was about to be shown. Tag is where the disclosure
// stands in the account's stream (see [Alpha]); Commitment hides a [Disclosure].
type DisclosureLeaf struct {
	Tag        [32]byte
	Commitment [32]byte
}

// EpochLeaf publishes the root of the map over all tags before it.
type EpochLeaf struct {
	// Epoch counts from 1 without gaps.
	Epoch uint64
	// Covered is the leaf's own log index: the map covers the leaves [0, Covered).
	Covered uint64
	// TimeMS is milliseconds since 1970-01-01T00:00:00Z; it never runs back.
	TimeMS uint64
	// Tags is how many tags the map holds.
	Tags uint64
	// MapRoot is [Map.Root].
	MapRoot [32]byte
}

// SeriesLeaf opens a calendar month, in which tags come from one VRF key.
type SeriesLeaf struct {
	// Series is the month as the decimal number YYYYMM, such as 202611.
	Series uint32
	// StartMS and EndMS are the half-open window [StartMS, EndMS) in milliseconds since 1970.
	StartMS, EndMS uint64
	// Suite is the VRF suite; [SuiteRistretto255] is the only one.
	Suite uint8
	// PublicKey is the VRF public key of the month.
	PublicKey [32]byte
}

// ControlLeaf hides a [Control] record: a grant, a refusal, a containment, a notice and so on.
type ControlLeaf struct {
	Kind       ControlKind
	Commitment [32]byte
}

// Month returns the series leaf with the number and window of the calendar month (UTC) that t is in.
func (l SeriesLeaf) Month(t time.Time) SeriesLeaf {
	year, month, _ := t.UTC().Date()
	l.Series = uint32(year)*100 + uint32(month)
	l.StartMS = uint64(time.Date(year, month, 1, 0, 0, 0, 0, time.UTC).UnixMilli())
	l.EndMS = uint64(time.Date(year, month+1, 1, 0, 0, 0, 0, time.UTC).UnixMilli())
	return l
}

// isMonth says whether the window is the month's.
func (l SeriesLeaf) isMonth() bool {
	return l.StartMS <= maxMS && l.Month(time.UnixMilli(int64(l.StartMS))) == l
}

func (DisclosureLeaf) Type() LeafType { return LeafDisclosure }
func (EpochLeaf) Type() LeafType      { return LeafEpoch }
func (SeriesLeaf) Type() LeafType     { return LeafSeries }
func (ControlLeaf) Type() LeafType    { return LeafControl }

func newLeaf(t LeafType) (b [LeafSize]byte) {
	b[0], b[1] = leafVersion, byte(t)
	return b
}

// Marshal returns the leaf's 66 bytes.
func (l DisclosureLeaf) Marshal() [LeafSize]byte {
	b := newLeaf(LeafDisclosure)
	copy(b[2:], l.Tag[:])
	copy(b[34:], l.Commitment[:])
	return b
}

// Marshal returns the leaf's 66 bytes.
func (l EpochLeaf) Marshal() [LeafSize]byte {
	b := newLeaf(LeafEpoch)
	binary.BigEndian.PutUint64(b[2:], l.Epoch)
	binary.BigEndian.PutUint64(b[10:], l.Covered)
	binary.BigEndian.PutUint64(b[18:], l.TimeMS)
	binary.BigEndian.PutUint64(b[26:], l.Tags)
	copy(b[34:], l.MapRoot[:])
	return b
}

// Marshal returns the leaf's 66 bytes.
func (l SeriesLeaf) Marshal() [LeafSize]byte {
	b := newLeaf(LeafSeries)
	binary.BigEndian.PutUint32(b[2:], l.Series)
	binary.BigEndian.PutUint64(b[6:], l.StartMS)
	binary.BigEndian.PutUint64(b[14:], l.EndMS)
	b[22] = l.Suite
	copy(b[34:], l.PublicKey[:])
	return b
}

// Marshal returns the leaf's 66 bytes.
func (l ControlLeaf) Marshal() [LeafSize]byte {
	b := newLeaf(LeafControl)
	binary.BigEndian.PutUint16(b[2:], uint16(l.Kind))
	copy(b[34:], l.Commitment[:])
	return b
}

// ParseLeaf reads a leaf and refuses any byte that the format does not give a meaning to: another length or
// version, an unknown type, control kind or VRF suite, and reserved bytes other than zero.
func ParseLeaf(b []byte) (Leaf, error) {
	if len(b) != LeafSize {
		return nil, fmt.Errorf("%w: a leaf of %d bytes, not %d", errMalformed, len(b), LeafSize)
	}
	if b[0] != leafVersion {
		return nil, fmt.Errorf("%w: leaf version %d, this version knows %d", errMalformed, b[0], leafVersion)
	}
	switch t := LeafType(b[1]); t {
	case LeafDisclosure:
		return DisclosureLeaf{Tag: [32]byte(b[2:34]), Commitment: [32]byte(b[34:])}, nil
	case LeafEpoch:
		return EpochLeaf{
			Epoch:   binary.BigEndian.Uint64(b[2:]),
			Covered: binary.BigEndian.Uint64(b[10:]),
			TimeMS:  binary.BigEndian.Uint64(b[18:]),
			Tags:    binary.BigEndian.Uint64(b[26:]),
			MapRoot: [32]byte(b[34:]),
		}, nil
	case LeafSeries:
		return parseSeries(b)
	case LeafControl:
		kind := ControlKind(binary.BigEndian.Uint16(b[2:]))
		if !kind.valid() {
			return nil, fmt.Errorf("%w: control kind %d is unknown", errMalformed, kind)
		}
		if !allZero(b[4:34]) {
			return nil, fmt.Errorf("%w: reserved bytes of a control leaf are not zero", errMalformed)
		}
		return ControlLeaf{Kind: kind, Commitment: [32]byte(b[34:])}, nil
	case LeafTally:
		return parseTally(b)
	default:
		return nil, fmt.Errorf("%w: leaf type %d is unknown", errMalformed, t)
	}
}

func parseSeries(b []byte) (Leaf, error) {
	l := SeriesLeaf{
		Series:    binary.BigEndian.Uint32(b[2:]),
		StartMS:   binary.BigEndian.Uint64(b[6:]),
		EndMS:     binary.BigEndian.Uint64(b[14:]),
		Suite:     b[22],
		PublicKey: [32]byte(b[34:]),
	}
	if !allZero(b[23:34]) {
		return nil, fmt.Errorf("%w: reserved bytes of a series leaf are not zero", errMalformed)
	}
	if l.StartMS >= l.EndMS {
		return nil, fmt.Errorf("%w: series %d ends before it starts", errMalformed, l.Series)
	}
	if l.Suite != SuiteRistretto255 {
		return nil, fmt.Errorf("series %d: %w", l.Series, errSuite(l.Suite))
	}
	return l, nil
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
