package verify

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strconv"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// CheckCheckpoint checks the signature of one checkpoint file.
func CheckCheckpoint(file []byte, p Policy) Report {
	r := newReport("checkpoint")
	r.limit("not-leaves", "not-only", "not-witnessed")
	r.checkpoint("", file, p)
	return r.done()
}

// CheckInclusionFile checks an [InclusionProof].
func CheckInclusionFile(file []byte, p Policy) Report {
	r := newReport("inclusion")
	r.limit("not-content", "not-only", "not-witnessed")
	if !r.known(file, InclusionHeader) {
		return r.done()
	}
	proof, err := ParseInclusionProof(file)
	if err != nil {
		return r.refuse(refuse(WhyFormat, "%w", err))
	}
	c, ok := r.checkpoint("", proof.Checkpoint, p)
	if !ok {
		return r.done()
	}
	r.leaf(proof.Leaf)
	r.fact("index", strconv.FormatInt(proof.Index, 10))
	return r.refuse(CheckInclusion(c, proof.Index, proof.Leaf, proof.Path))
}

// CheckConsistencyFile checks a [ConsistencyProof].
func CheckConsistencyFile(file []byte, p Policy) Report {
	r := newReport("consistency")
	r.limit("not-leaves", "not-only", "not-witnessed")
	if !r.known(file, ConsistencyHeader) {
		return r.done()
	}
	proof, err := ParseConsistencyProof(file)
	if err != nil {
		return r.refuse(refuse(WhyFormat, "%w", err))
	}
	older, ok := r.checkpoint("older-", proof.Older, p)
	if !ok {
		return r.done()
	}
	newer, ok := r.checkpoint("newer-", proof.Newer, p)
	if !ok {
		return r.done()
	}
	return r.refuse(CheckConsistency(older, newer, proof.Path))
}

// CheckRecordFile checks a [RecordProof], and reports what the record says.
func CheckRecordFile(file []byte, p Policy) Report {
	r := newReport("record")
	r.limit("not-keyboard", "not-bypass", "not-only", "not-witnessed")
	if !r.known(file, RecordHeader) {
		return r.done()
	}
	proof, err := ParseRecordProof(file)
	if err != nil {
		return r.refuse(refuse(WhyFormat, "%w", err))
	}
	c, ok := r.checkpoint("", proof.Checkpoint, p)
	if !ok {
		return r.done()
	}
	var leaf [LeafSize]byte
	if proof.Stream == nil {
		rec, err := ParseControl(proof.Record)
		if err != nil {
			return r.refuse(refuse(WhyRecord, "%w", err))
		}
		r.control(rec)
		leaf = ControlLeaf{rec.Kind, ControlCommitment(proof.Salt, proof.Record)}.Marshal()
	} else {
		rec, err := ParseDisclosure(proof.Record)
		if err != nil {
			return r.refuse(refuse(WhyRecord, "%w", err))
		}
		tag, err := proof.Stream.check(c, rec)
		if err != nil {
			return r.refuse(err)
		}
		r.disclosure(rec)
		r.fact("number", strconv.FormatUint(uint64(proof.Stream.N), 10))
		leaf = DisclosureLeaf{tag, DisclosureCommitment(proof.Salt, proof.Record)}.Marshal()
	}
	r.fact("index", strconv.FormatInt(proof.Index, 10))
	return r.refuse(CheckInclusion(c, proof.Index, leaf[:], proof.Path))
}

// check returns the tag that a disclosure has under the series shown, which must itself be in the log.
func (s StreamProof) check(c Checkpoint, rec Disclosure) (tag [32]byte, err error) {
	leaf, err := ParseLeaf(s.SeriesLeaf)
	if errors.Is(err, ErrSuite) {
		return tag, refuse(WhyAlgorithm, "%w", err)
	}
	series, ok := leaf.(SeriesLeaf)
	if err != nil || !ok {
		return tag, refuse(WhySeries, "the series leaf is none")
	}
	if err := CheckInclusion(c, s.SeriesIndex, s.SeriesLeaf, s.SeriesPath); err != nil {
		return tag, err
	}
	if rec.TimeMS < series.StartMS || rec.TimeMS >= series.EndMS {
		return tag, refuse(WhySeries, "the record's time is outside series %d", series.Series)
	}
	if s.N == 0 {
		return tag, refuse(WhyTag, "numbers count from 1")
	}
	tag, err = VerifyTag(series.Suite, series.PublicKey, Alpha(series.Series, rec.Account, rec.Tier, s.N), s.VRF)
	if err != nil {
		return tag, refuse(WhyTag, "%w", err)
	}
	return tag, nil
}

// known refuses a file that does not say it is of the wanted kind: nothing can be concluded from it.
func (r *Report) known(file []byte, header string) bool {
	if bytes.HasPrefix(file, []byte(header+"\n")) {
		return true
	}
	r.refuse(refuse(WhyUnknownFile, "the first line is not %q", header))
	return false
}

func (r *Report) checkpoint(prefix string, signed []byte, p Policy) (Checkpoint, bool) {
	c, err := p.open(signed)
	if err != nil {
		r.refuse(err)
		return c, false
	}
	r.fact(prefix+"origin", c.Origin)
	r.fact(prefix+"size", strconv.FormatInt(c.Size, 10))
	r.fact(prefix+"root", c.Root.String())
	for _, k := range p.Logs {
		if k.name == c.Origin && k.Supported() {
			r.fact(prefix+"key", k.text)
		}
	}
	return c, true
}

func (r *Report) leaf(b []byte) {
	r.fact("leaf-hash", tlog.RecordHash(b).String())
	leaf, err := ParseLeaf(b)
	if err != nil {
		r.fact("leaf", err.Error())
		return
	}
	switch l := leaf.(type) {
	case DisclosureLeaf:
		r.fact("leaf", "disclosure")
	case EpochLeaf:
		r.fact("leaf", "epoch "+strconv.FormatUint(l.Epoch, 10))
		r.fact("time", stamp(l.TimeMS))
	case SeriesLeaf:
		r.fact("leaf", "series "+strconv.FormatUint(uint64(l.Series), 10))
	case ControlLeaf:
		r.fact("leaf", "control: "+l.Kind.String())
	}
}

func (r *Report) disclosure(d Disclosure) {
	r.fact("disclosure", hex.EncodeToString(d.ID[:]))
	r.fact("time", stamp(d.TimeMS))
	r.fact("tier", tierNames[d.Tier-1])
	r.fact("account", hex.EncodeToString(d.Account[:]))
	r.fact("staff", hex.EncodeToString(d.Staff[:]))
	r.fact("session", hex.EncodeToString(d.Session[:]))
	r.fact("grant", hex.EncodeToString(d.Grant[:]))
	r.fact("reason", reasonNames[d.Reason-1])
	r.fact("fields", fieldNames(d.Fields))
	r.fact("messages", strconv.Itoa(max(len(d.Messages), int(d.Count))))
	for _, m := range d.Messages {
		r.fact("message", hex.EncodeToString(m[:]))
	}
	r.fact("node", d.Node)
}

func (r *Report) control(c Control) {
	r.fact("control", hex.EncodeToString(c.ID[:]))
	r.fact("leaf", c.Kind.String())
	r.fact("time", stamp(c.TimeMS))
	r.fact("subject", strconv.QuoteToASCII(string(c.Subject)))
	r.fact("detail", strconv.QuoteToASCII(string(c.Detail)))
}

func stamp(ms uint64) string {
	if ms > 1<<53 {
		return strconv.FormatUint(ms, 10) + " ms"
	}
	return time.UnixMilli(int64(ms)).UTC().Format("2006-01-02T15:04:05.000Z")
}
