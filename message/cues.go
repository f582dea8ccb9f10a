package message

import (
	"regexp"
	"strings"
)

// A wordlist is a pattern with its cues: every match of the pattern has one of them in it, so that the pattern, which costs a
// hundred times as much as looking for them, is tried only around one. reach is at least as long as a match.
type wordlist struct {
	bit     uint16
	pattern *regexp.Regexp
	cues    []string // three bytes at least, folded
	reach   int
}

// has says whether there is a match around one of spots, which are offsets of cues in s in their order.
func (w *wordlist) has(s string, spots []int) (found bool) {
	w.windows(s, spots, func(from, to int) bool {
		found = w.pattern.MatchString(s[from:to])
		return !found
	})
	return found
}

// each gives the matches around spots until it is told to stop.
func (w *wordlist) each(s string, spots []int, match func(from, to int) bool) {
	w.windows(s, spots, func(from, to int) bool {
		for _, at := range w.pattern.FindAllStringIndex(s[from:to], 50) {
			if !match(from+at[0], from+at[1]) {
				return false
			}
		}
		return true
	})
}

// windows gives the stretches of s that hold every match.
func (w *wordlist) windows(s string, spots []int, look func(from, to int) bool) {
	for i := 0; i < len(spots); {
		from, to := spots[i]-w.reach, spots[i]+w.reach
		for i++; i < len(spots) && spots[i]-w.reach <= to; i++ {
			to = spots[i] + w.reach
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

// cues are where in a text the cues of all wordlists stand.
type cues struct {
	spots []spot
	bits  uint16 // of all spots
}

type spot struct {
	at   int
	bits uint16 // of the wordlists whose cue it is
}

// of gives the spots of a wordlist between two offsets, from the first of them.
func (c cues) of(w *wordlist, from, to int) (at []int) {
	if c.bits&w.bit == 0 {
		return nil
	}
	for _, s := range c.spots {
		if s.bits&w.bit != 0 && s.at >= from && s.at < to {
			at = append(at, s.at-from)
		}
	}
	return at
}

// all says whether each of the wordlists has a cue.
func (c cues) all(lists ...*wordlist) bool {
	for _, w := range lists {
		if c.bits&w.bit == 0 {
			return false
		}
	}
	return true
}

// A cueTable finds all cues in one pass: by their first three bytes, five bits of each.
type cueTable struct {
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

func newCueTable(lists ...*wordlist) *cueTable {
	bits := map[string]uint16{}
	for _, w := range lists {
		for _, text := range w.cues {
			bits[text] |= w.bit
		}
	}
	t := &cueTable{by: map[uint16][]cue{}}
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

func findCues(s string) (c cues) {
	t := allCues
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
