package verify

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// NonAccessHeader is the first line of a proof of non-access.
const NonAccessHeader = "postern/non-access@v1"

// Limits of a [NonAccess].
const (
	MaxNonAccessFile = 4 << 20
	MaxMonths        = 120
	MaxAccesses      = 1000

	maxMS = 1 << 53 // milliseconds that every language can count
)

// NonAccess shows of one account that no disclosure of a tier or deeper was made in a window of time, or
// exactly which were. Its file is described in docs/ledger-format.md.
type NonAccess struct {
	Account     ID
	Tier        uint8
	From, Until uint64 // milliseconds, Until exclusive

	EpochLeaf  []byte // in Latest
	EpochIndex int64
	EpochPath  []tlog.Hash
	Series     []SeriesProof   // the months of the window, ascending
	Streams    []StreamAbsence // of each month, each tier from Tier on

	StartPath, EndPath []tlog.Hash // consistency of Start with End, and of End with Latest
	Start, End, Latest []byte      // signed checkpoints
	Statement          []byte      // a signed [Statement]
}

// SeriesProof shows that a month's series leaf is in the log.
type SeriesProof struct {
	Leaf  []byte
	Index int64
	Path  []tlog.Hash
}

// StreamAbsence says of one month and tier where the account's disclosures stand: number Before, if it is not
// 0, before the window's leaves, then the accesses among them, and the next number behind them or nowhere.
type StreamAbsence struct {
	Series    uint32
	Tier      uint8
	Before    uint32
	BeforeVRF []byte
	BeforeMap []byte // a [MapProof]
	Accesses  []Access
	AfterVRF  []byte
	AfterMap  []byte
}

// Access is one disclosure in the window, opened.
type Access struct {
	N        uint32
	VRF, Map []byte
	Record   []byte // nil when it is no longer kept; then Salt and Path are empty
	Salt     [32]byte
	Path     []tlog.Hash // of its leaf in Latest
}

// Count returns how many accesses the proof shows.
func (p NonAccess) Count() int {
	n := 0
	for _, s := range p.Streams {
		n += len(s.Accesses)
	}
	return n
}

// body writes the file through the last line of end-path, which [NonAccess.ProofHash] is over.
func (p NonAccess) body() *fileWriter {
	w := &fileWriter{}
	w.line(NonAccessHeader)
	w.field("account", hex.EncodeToString(p.Account[:]))
	w.field("tier", tierNames[p.Tier-1])
	w.field("from", strconv.FormatUint(p.From, 10))
	w.field("until", strconv.FormatUint(p.Until, 10))
	w.field("epoch-leaf", b64(p.EpochLeaf))
	w.field("epoch-index", strconv.FormatInt(p.EpochIndex, 10))
	w.path("epoch-path", p.EpochPath)
	w.field("series", strconv.Itoa(len(p.Series)))
	for _, s := range p.Series {
		w.field("series-leaf", b64(s.Leaf))
		w.field("series-index", strconv.FormatInt(s.Index, 10))
		w.path("series-path", s.Path)
	}
	w.field("streams", strconv.Itoa(len(p.Streams)))
	for _, s := range p.Streams {
		s.write(w)
	}
	w.path("start-path", p.StartPath)
	w.path("end-path", p.EndPath)
	return w
}

func (s StreamAbsence) write(w *fileWriter) {
	w.field("stream", strconv.FormatUint(uint64(s.Series), 10)+" "+tierNames[s.Tier-1])
	w.field("before", strconv.FormatUint(uint64(s.Before), 10))
	if s.Before > 0 {
		w.field("before-vrf", b64(s.BeforeVRF))
		w.field("before-map", b64(s.BeforeMap))
	}
	w.field("accessed", strconv.Itoa(len(s.Accesses)))
	for _, a := range s.Accesses {
		w.field("access", strconv.FormatUint(uint64(a.N), 10))
		w.field("access-vrf", b64(a.VRF))
		w.field("access-map", b64(a.Map))
		if a.Record == nil {
			w.field("record", "-")
			continue
		}
		w.field("record", b64(a.Record))
		w.field("salt", b64(a.Salt[:]))
		w.path("access-path", a.Path)
	}
	w.field("after-vrf", b64(s.AfterVRF))
	w.field("after-map", b64(s.AfterMap))
}

// ProofHash is SHA-256 over the file's bytes through the last line of end-path. The statement is bound to it.
func (p NonAccess) ProofHash() [32]byte { return sha256.Sum256(p.body().Bytes()) }

// Marshal returns the proof as a file.
func (p NonAccess) Marshal() []byte {
	w := p.body()
	for _, signed := range [][]byte{p.Start, p.End, p.Latest, p.Statement} {
		w.text(signed)
	}
	return w.Bytes()
}

// ParseNonAccess reads a file and checks its format, nothing else.
func ParseNonAccess(file []byte) (NonAccess, error) {
	r := openFile(file, NonAccessHeader, MaxNonAccessFile)
	p := NonAccess{Account: r.account(), Tier: r.tier("tier"), From: uint64(r.number("from", maxMS)), Until: uint64(r.number("until", maxMS)),
		EpochLeaf: r.base64("epoch-leaf", LeafSize, LeafSize), EpochIndex: r.number("epoch-index", MaxSize), EpochPath: r.path("epoch-path")}
	for range r.number("series", MaxMonths) {
		if r.err != nil {
			break
		}
		p.Series = append(p.Series, SeriesProof{Leaf: r.base64("series-leaf", LeafSize, LeafSize), Index: r.number("series-index", MaxSize), Path: r.path("series-path")})
	}
	total := 0
	for range r.number("streams", MaxMonths*Tiers) {
		s := r.stream(&total)
		if r.err != nil {
			break
		}
		p.Streams = append(p.Streams, s)
	}
	p.StartPath, p.EndPath = r.path("start-path"), r.path("end-path")
	p.Start, p.End, p.Latest = r.checkpoint(), r.checkpoint(), r.checkpoint()
	p.Statement = r.last()
	if r.err == nil && !bytes.Equal(p.Marshal(), file) { // whatever the reading above forgot cannot have two forms
		r.fail("not the canonical form")
	}
	return p, r.err
}

func (r *fileReader) stream(total *int) StreamAbsence {
	month, tier, _ := strings.Cut(r.value("stream"), " ")
	n, err := strconv.ParseUint(month, 10, 32)
	t := slices.Index(tierNames[:], tier) + 1
	if r.err == nil && (err != nil || t == 0) {
		r.fail("a stream is a month and a tier")
	}
	s := StreamAbsence{Series: uint32(n), Tier: uint8(t), Before: uint32(r.number("before", 1<<32-1-MaxAccesses-1))}
	if s.Before > 0 {
		s.BeforeVRF, s.BeforeMap = r.base64("before-vrf", VRFProofSize, VRFProofSize), r.base64("before-map", 1, maxMapProof)
	}
	for range r.number("accessed", MaxAccesses) {
		if *total++; *total > MaxAccesses {
			r.fail("more than %d accesses", MaxAccesses)
		}
		a := Access{N: uint32(r.number("access", 1<<32-1)), VRF: r.base64("access-vrf", VRFProofSize, VRFProofSize), Map: r.base64("access-map", 1, maxMapProof)}
		if a.Record = r.optional("record", MaxProofFile); a.Record != nil {
			copy(a.Salt[:], r.base64("salt", 32, 32))
			a.Path = r.path("access-path")
		}
		if r.err != nil {
			return s
		}
		s.Accesses = append(s.Accesses, a)
	}
	s.AfterVRF, s.AfterMap = r.base64("after-vrf", VRFProofSize, VRFProofSize), r.base64("after-map", 1, maxMapProof)
	return s
}

// maxMapProof is the longest map proof in bytes: 256 siblings.
const maxMapProof = 1 + 1 + 40 + 2 + 32 + 256*32

func (r *fileReader) account() (id ID) {
	v := r.value("account")
	b, err := hex.DecodeString(v)
	if r.err == nil && (err != nil || len(b) != len(id) || hex.EncodeToString(b) != v) {
		r.fail("account is not 32 hexadecimal digits in lower case")
	}
	copy(id[:], b)
	return id
}

func (r *fileReader) tier(name string) uint8 {
	t := slices.Index(tierNames[:], r.value(name)) + 1
	if r.err == nil && t == 0 {
		r.fail("%s is no tier", name)
	}
	return uint8(max(t, 1))
}

// optional reads base64, or nil for "-".
func (r *fileReader) optional(name string, longest int) []byte {
	v := r.value(name)
	if v == "-" {
		return nil
	}
	b, err := decode64(v)
	if r.err == nil && (err != nil || len(b) == 0 || len(b) > longest) {
		r.fail("%s is not canonical base64 of its size", name)
	}
	return b
}

// Months returns the series that the window [from, until) touches, ascending, at most [MaxMonths] and one.
func Months(from, until uint64) (months []uint32) {
	if from >= until || until > maxMS {
		return nil
	}
	t := time.UnixMilli(int64(from))
	for len(months) <= MaxMonths {
		m := SeriesLeaf{}.Month(t)
		months = append(months, m.Series)
		if m.EndMS >= until {
			break
		}
		t = time.UnixMilli(int64(m.EndMS))
	}
	return months
}
