// Package wordlist finds many patterns of words in a text in one pass.
//
// What it keeps: nothing.
//
// Trust: it handles the text of messages, which strangers wrote. Its work is
// linear in the length of a text, and bounded by what its callers cut off.
package wordlist

import (
	"regexp"
	"strings"
)

// A List is a pattern with its cues: every match of the pattern has one of them in it, so that the pattern, which costs a
// hundred times as much as looking for them, is tried only around one. Reach is at least as long as a match.
type List struct {
	Bit     uint16
	Pattern *regexp.Regexp
	Cues    []string // three bytes at least, folded
	Reach   int
}

// Has says whether there is a match around one of spots, which are offsets of cues in s in their order.
func (w *List) Has(s string, spots []int) (found bool) {
	w.windows(s, spots, func(from, to int) bool {
		found = w.Pattern.MatchString(s[from:to])
		return !found
	})
	return found
}

// Each gives the matches around spots until it is told to stop.
func (w *List) Each(s string, spots []int, match func(from, to int) bool) {
	w.windows(s, spots, func(from, to int) bool {
		for _, at := range w.Pattern.FindAllStringIndex(s[from:to], 50) {
			if !match(from+at[0], from+at[1]) {
				return false
			}
		}
		return true
	})
}

// windows gives the stretches of s that hold every match.
func (w *List) windows(s string, spots []int, look func(from, to int) bool) {
	for i := 0; i < len(spots); {
		from, to := spots[i]-w.Reach, spots[i]+w.Reach
		for i++; i < len(spots) && spots[i]-w.Reach <= to; i++ {
			to = spots[i] + w.Reach
		}
		from, to = max(from, 0), min(to, len(s))
		// The patterns look at the signs around a word: a window must not end inside one.
		for from > 0 && isLower(s[from-1]) && isLower(s[from]) {
			from--
		}
		for to < len(s) && isLower(s[to-1]) && isLower(s[to]) {
			to++
		}
		if from > 0 && isLower(s[from]) {
			from--
		}
		if to < len(s) && isLower(s[to-1]) {
			to++
		}
		if !look(from, to) {
			return
		}
	}
}

func isLower(c byte) bool { return c >= 'a' && c <= 'z' }

// Spots are where in a text the cues of all lists stand.
type Spots struct {
	spots []spot
	bits  uint16 // of all spots
}

type spot struct {
	at   int
	bits uint16 // of the lists whose cue it is
}

// Of gives the spots of a list between two offsets, from the first of them.
func (c Spots) Of(w *List, from, to int) (at []int) {
	if c.bits&w.Bit == 0 {
		return nil
	}
	for _, s := range c.spots {
		if s.bits&w.Bit != 0 && s.at >= from && s.at < to {
			at = append(at, s.at-from)
		}
	}
	return at
}

// All says whether each of the lists has a cue.
func (c Spots) All(lists ...*List) bool {
	for _, w := range lists {
		if c.bits&w.Bit == 0 {
			return false
		}
	}
	return true
}

// A Table finds all cues in one pass: by their first three bytes, five bits of each.
type Table struct {
	first [1 << 15 / 64]uint64
	by    map[uint16][]cue
}

type cue struct {
	text string
	bits uint16
}

func trigram(s string) uint16 {
	return uint16(s[0]&31)<<10 | uint16(s[1]&31)<<5 | uint16(s[2]&31)
}

// NewTable takes lists whose bits differ.
func NewTable(lists ...*List) *Table {
	bits := map[string]uint16{}
	for _, w := range lists {
		for _, text := range w.Cues {
			bits[text] |= w.Bit
		}
	}
	t := &Table{by: map[uint16][]cue{}}
	for text, b := range bits {
		k := trigram(text)
		t.first[k/64] |= 1 << (k % 64)
		t.by[k] = append(t.by[k], cue{text, b})
	}
	return t
}

// alone says whether no letter stands beside a cue of three letters, which half of all words would have in them.
func alone(s string, from, to int) bool {
	return (from == 0 || !isLower(s[from-1])) && (to == len(s) || !isLower(s[to]))
}

// maxSpots bounds how many cues are taken up: a text of nothing else is no message of a machine.
const maxSpots = 1000

// Find gives the cues in a text.
func (t *Table) Find(s string) (c Spots) {
	var k uint16
	for i := 0; i < len(s); i++ {
		k = (k<<5 | uint16(s[i]&31)) & (1<<15 - 1)
		if t.first[k/64]&(1<<(k%64)) == 0 || i < 2 {
			continue
		}
		var bits uint16
		for _, q := range t.by[k] {
			if strings.HasPrefix(s[i-2:], q.text) && (len(q.text) > 3 || alone(s, i-2, i+1)) {
				bits |= q.bits
			}
		}
		if bits != 0 {
			c.bits |= bits
			if c.spots = append(c.spots, spot{i - 2, bits}); len(c.spots) >= maxSpots {
				return c
			}
		}
	}
	return c
}
