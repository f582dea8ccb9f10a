package verify

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// The first lines of proof files.
const (
	InclusionHeader   = "postern/inclusion@v1"
	ConsistencyHeader = "postern/consistency@v1"
	RecordHeader      = "postern/record@v1"
)

// MaxProofFile is the largest proof file in bytes.
const MaxProofFile = 256 << 10

// InclusionProof shows that a leaf is in the log. As a file:
//
//	postern/inclusion@v1
//	leaf <base64 of 66 bytes>
//	index <decimal>
//	path <number of hashes, at most 64>
//	<base64 of 32 bytes>      one line for each hash, the leaf's sibling first
//	<empty line>
//	<signed checkpoint, verbatim to the end of the file>
//
// In every proof file base64 is standard, padded and canonical, numbers are decimal without leading zeros,
// lines end with one line feed, and nothing may be added.
type InclusionProof struct {
	Leaf       []byte
	Index      int64
	Path       []tlog.Hash
	Checkpoint []byte
}

// ConsistencyProof shows that a newer log starts with an older one. As a file:
//
//	postern/consistency@v1
//	path <number of hashes, at most 64>
//	<base64 of 32 bytes>      one line for each hash, in the order of RFC 6962, 2.1.2
//	<empty line>
//	<older signed checkpoint, verbatim>
//	<empty line>
//	<newer signed checkpoint, verbatim to the end of the file>
type ConsistencyProof struct {
	Path         []tlog.Hash
	Older, Newer []byte
}

// RecordProof opens one leaf: the record, the salt of its commitment, and that the leaf is in the log. For a
// disclosure it also shows by the VRF that the leaf is number N of its stream, with the series leaf that
// binds the VRF key, itself in the log. As a file:
//
//	postern/record@v1
//	kind disclosure           or: kind control, without the lines from n to the series path
//	record <base64>
//	salt <base64 of 32 bytes>
//	n <decimal>
//	vrf <base64 of 80 bytes>
//	series-leaf <base64 of 66 bytes>
//	series-index <decimal>
//	series-path <number of hashes, then one line for each>
//	index <decimal>
//	path <number of hashes, then one line for each>
//	<empty line>
//	<signed checkpoint, verbatim to the end of the file>
type RecordProof struct {
	Record []byte
	Salt   [32]byte
	// Stream is nil for a control record.
	Stream     *StreamProof
	Index      int64
	Path       []tlog.Hash
	Checkpoint []byte
}

// StreamProof is the part of a [RecordProof] that places a disclosure in its account's stream.
type StreamProof struct {
	N           uint32
	VRF         []byte
	SeriesLeaf  []byte
	SeriesIndex int64
	SeriesPath  []tlog.Hash
}

// Marshal returns the proof as a file.
func (p InclusionProof) Marshal() []byte {
	w := fileWriter{}
	w.line(InclusionHeader)
	w.field("leaf", b64(p.Leaf))
	w.field("index", strconv.FormatInt(p.Index, 10))
	w.path("path", p.Path)
	w.text(p.Checkpoint)
	return w.Bytes()
}

// ParseInclusionProof reads a file and checks its format, nothing else.
func ParseInclusionProof(file []byte) (InclusionProof, error) {
	r := openFile(file, InclusionHeader, MaxProofFile)
	p := InclusionProof{Leaf: r.base64("leaf", LeafSize, LeafSize), Index: r.number("index", MaxSize), Path: r.path("path")}
	p.Checkpoint = r.last()
	return p, r.err
}

// Marshal returns the proof as a file.
func (p ConsistencyProof) Marshal() []byte {
	w := fileWriter{}
	w.line(ConsistencyHeader)
	w.path("path", p.Path)
	w.text(p.Older)
	w.text(p.Newer)
	return w.Bytes()
}

// ParseConsistencyProof reads a file and checks its format, nothing else.
func ParseConsistencyProof(file []byte) (ConsistencyProof, error) {
	r := openFile(file, ConsistencyHeader, MaxProofFile)
	p := ConsistencyProof{Path: r.path("path")}
	p.Older = r.checkpoint()
	p.Newer = r.last()
	return p, r.err
}

// Marshal returns the proof as a file.
func (p RecordProof) Marshal() []byte {
	w := fileWriter{}
	w.line(RecordHeader)
	if p.Stream != nil {
		w.field("kind", "disclosure")
	} else {
		w.field("kind", "control")
	}
	w.field("record", b64(p.Record))
	w.field("salt", b64(p.Salt[:]))
	if s := p.Stream; s != nil {
		w.field("n", strconv.FormatUint(uint64(s.N), 10))
		w.field("vrf", b64(s.VRF))
		w.field("series-leaf", b64(s.SeriesLeaf))
		w.field("series-index", strconv.FormatInt(s.SeriesIndex, 10))
		w.path("series-path", s.SeriesPath)
	}
	w.field("index", strconv.FormatInt(p.Index, 10))
	w.path("path", p.Path)
	w.text(p.Checkpoint)
	return w.Bytes()
}

// ParseRecordProof reads a file and checks its format, nothing else.
func ParseRecordProof(file []byte) (RecordProof, error) {
	r := openFile(file, RecordHeader, MaxProofFile)
	kind := r.value("kind")
	if r.err == nil && kind != "disclosure" && kind != "control" {
		r.fail("kind %q is unknown", kind)
	}
	p := RecordProof{Record: r.base64("record", 1, MaxProofFile)}
	copy(p.Salt[:], r.base64("salt", 32, 32))
	if kind == "disclosure" {
		p.Stream = &StreamProof{
			N:           uint32(r.number("n", 1<<32-1)),
			VRF:         r.base64("vrf", VRFProofSize, VRFProofSize),
			SeriesLeaf:  r.base64("series-leaf", LeafSize, LeafSize),
			SeriesIndex: r.number("series-index", MaxSize),
			SeriesPath:  r.path("series-path"),
		}
	}
	p.Index, p.Path = r.number("index", MaxSize), r.path("path")
	p.Checkpoint = r.last()
	return p, r.err
}

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

type fileWriter struct{ bytes.Buffer }

func (w *fileWriter) line(s string)        { w.WriteString(s + "\n") }
func (w *fileWriter) field(name, v string) { w.line(name + " " + v) }
func (w *fileWriter) text(signed []byte)   { w.WriteByte('\n'); w.Write(signed) }
func (w *fileWriter) path(name string, hashes []tlog.Hash) {
	w.field(name, strconv.Itoa(len(hashes)))
	for _, h := range hashes {
		w.line(h.String())
	}
}

// fileReader takes a proof file apart from its first line to its last. The first error sticks.
type fileReader struct {
	rest []byte
	err  error
}

func openFile(file []byte, header string, limit int) *fileReader {
	r := &fileReader{rest: file}
	if len(file) > limit {
		r.fail("longer than %d bytes", limit)
	}
	if s := r.line(); r.err == nil && s != header {
		r.fail("the first line is not %q", header)
	}
	return r
}

func (r *fileReader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: "+format, append([]any{errMalformed}, args...)...)
	}
	r.rest = nil
}

func (r *fileReader) line() string {
	n := bytes.IndexByte(r.rest, '\n')
	if n < 0 {
		r.fail("the file ends early")
		return ""
	}
	s := string(r.rest[:n])
	r.rest = r.rest[n+1:]
	return s
}

func (r *fileReader) value(name string) string {
	v, ok := strings.CutPrefix(r.line(), name+" ")
	if !ok {
		r.fail("no line %q where one must stand", name)
	}
	return v
}

func (r *fileReader) number(name string, limit uint64) int64 {
	v := r.value(name)
	n, err := strconv.ParseUint(v, 10, 64)
	if r.err == nil && (err != nil || n > limit || strconv.FormatUint(n, 10) != v) {
		r.fail("%s is not a number in canonical form up to %d", name, limit)
		return 0
	}
	return int64(n)
}

func (r *fileReader) base64(name string, shortest, longest int) []byte {
	b, err := decode64(r.value(name))
	if r.err == nil && (err != nil || len(b) < shortest || len(b) > longest) {
		r.fail("%s is not canonical base64 of its size", name)
	}
	return b
}

func (r *fileReader) path(name string) []tlog.Hash {
	n := int(r.number(name, MaxPath))
	var path []tlog.Hash
	for range n {
		b, err := decode64(r.line())
		if r.err == nil && (err != nil || len(b) != tlog.HashSize) {
			r.fail("a hash of %s is not canonical base64 of %d bytes", name, tlog.HashSize)
		}
		if r.err != nil {
			return nil
		}
		path = append(path, tlog.Hash(b))
	}
	return path
}

// checkpoint takes an empty line and a checkpoint.
func (r *fileReader) checkpoint() []byte {
	if r.line() != "" {
		r.fail("no empty line before the checkpoint")
	}
	signed, rest, ok := cutCheckpoint(r.rest)
	if !ok {
		r.fail("no signed checkpoint where one must stand")
		return nil
	}
	r.rest = rest
	return bytes.Clone(signed)
}

// last takes a checkpoint that must end the file.
func (r *fileReader) last() []byte {
	signed := r.checkpoint()
	if r.err == nil && len(r.rest) > 0 {
		r.fail("%d trailing bytes", len(r.rest))
	}
	return signed
}
