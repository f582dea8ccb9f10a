package store

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// clean gives the set in order, without overlaps, "*" as the greatest number
// there can be. A range may be written backwards (RFC 9051, 9, seq-range).
func (s UIDSet) clean() UIDSet {
	out := make(UIDSet, 0, len(s))
	for _, r := range s {
		if r.First == 0 {
			r.First = math.MaxUint32
		}
		if r.Last == 0 {
			r.Last = math.MaxUint32
		}
		if r.First > r.Last {
			r.First, r.Last = r.Last, r.First
		}
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b Range) int { return int(int64(a.First) - int64(b.First)) })
	merged := out[:0]
	for _, r := range out {
		if n := len(merged); n > 0 && uint64(r.First) <= uint64(merged[n-1].Last)+1 {
			merged[n-1].Last = max(merged[n-1].Last, r.Last)
			continue
		}
		merged = append(merged, r)
	}
	return merged
}

// has looks a UID up in a clean set.
func (s UIDSet) has(uid uint32) bool {
	_, found := slices.BinarySearchFunc(s, uid, func(r Range, uid uint32) int {
		switch {
		case r.Last < uid:
			return -1
		case r.First > uid:
			return 1
		}
		return 0
	})
	return found
}

// resolve replaces "*" by the greatest UID there is: "n:*" holds that one even
// when n is greater (RFC 9051, 6.4.9).
func (s UIDSet) resolve(greatest uint32) UIDSet {
	out := slices.Clone(s)
	for i := range out {
		if out[i].First == 0 {
			out[i].First = greatest
		}
		if out[i].Last == 0 {
			out[i].Last = greatest
		}
	}
	return out.clean()
}

// spans joins ranges of a clean set whose gaps are cheaper to read over than to
// ask anew for.
func (s UIDSet) spans() UIDSet {
	const gap = 64
	var out UIDSet
	for _, r := range s {
		if n := len(out); n > 0 && r.First-out[n-1].Last <= gap {
			out[n-1].Last = r.Last
			continue
		}
		out = append(out, r)
	}
	return out
}

// Contains says whether a UID is in the set; a range to "*" has no end.
func (s UIDSet) Contains(uid uint32) bool { return s.clean().has(uid) }

// String writes the set as IMAP does, "1:3,5,9:*".
func (s UIDSet) String() string {
	var b strings.Builder
	number := func(n uint32) {
		if n == 0 {
			b.WriteByte('*')
			return
		}
		b.WriteString(strconv.FormatUint(uint64(n), 10))
	}
	for i, r := range s {
		if i > 0 {
			b.WriteByte(',')
		}
		number(r.First)
		if r.Last != r.First {
			b.WriteByte(':')
			number(r.Last)
		}
	}
	return b.String()
}

// setOf makes the shortest set of UIDs that are in order.
func setOf(uids []uint32) UIDSet {
	var s UIDSet
	for _, u := range uids {
		if n := len(s); n > 0 && s[n-1].Last+1 == u {
			s[n-1].Last = u
			continue
		}
		s = append(s, Range{u, u})
	}
	return s
}

// parseSet reads what String wrote into a row.
func parseSet(text string) (UIDSet, error) {
	var s UIDSet
	for part := range strings.SplitSeq(text, ",") {
		first, last, ranged := strings.Cut(part, ":")
		if !ranged {
			last = first
		}
		a, err := strconv.ParseUint(first, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("a stored set of UIDs cannot be read: %w", err)
		}
		b, err := strconv.ParseUint(last, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("a stored set of UIDs cannot be read: %w", err)
		}
		s = append(s, Range{uint32(a), uint32(b)})
	}
	return s, nil
}
