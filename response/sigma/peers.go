package sigma

import (
	"maps"
	"slices"
	"strings"
)

// remembered is how many days a team's past is held against its members at
// least; twelve timespans where that is longer.
const remembered = 28

const dayMillis = 86_400_000

// maxCounted is the largest value that is told apart in a team's past.
const maxCounted = 4096

// histogram is a team's past: for each day, how often a member's window reached
// which value at its highest within one timespan.
type histogram struct {
	days map[int64]map[int64]int64
	fell bool // sorted is out of date
	all  []counted
	n    int64
}

type counted struct{ value, times int64 }

func (h *histogram) add(day, value, keep int64) {
	if h.days == nil {
		h.days = map[int64]map[int64]int64{}
	}
	if h.days[day] == nil {
		h.days[day] = map[int64]int64{}
		for d := range h.days {
			if d <= day-keep {
				delete(h.days, d)
			}
		}
	}
	h.days[day][min(value, maxCounted)]++
	h.fell = true
}

// percentile gives the value that p of a hundred observations did not pass, and
// how many there are.
func (h *histogram) percentile(p int) (value, observations int64) {
	if h == nil {
		return 0, 0
	}
	if h.fell {
		sums := map[int64]int64{}
		h.n = 0
		for _, day := range h.days {
			for v, times := range day {
				sums[v] += times
				h.n += times
			}
		}
		h.all = h.all[:0]
		for _, v := range slices.Sorted(maps.Keys(sums)) {
			h.all = append(h.all, counted{v, sums[v]})
		}
		h.fell = false
	}
	rank := max(1, (h.n*int64(p)+99)/100)
	for _, c := range h.all {
		if rank -= c.times; rank <= 0 {
			return c.value, h.n
		}
	}
	return 0, h.n
}

// withPeers judges a window by its team's past too.
func (e *Engine) withPeers(c *correlation, l *link, g *group, ev *Event, one entry, value int64, holds bool, emit func(Match)) {
	bucket := ev.At/c.span + 1
	if bucket > g.bucket {
		c.close(g)
		g.bucket, g.peak = bucket, 0
		g.team = team(l, ev)
	}
	limit, against := c.least(), (*Peers)(nil)
	if holds {
		p, n := c.teams[g.team].percentile(c.peers.percentile)
		switch {
		case n >= c.peers.atLeast:
			against = &Peers{Team: g.team, Percentile: c.peers.percentile, Value: p, Times: c.peers.times, Observations: n}
			limit = max(limit, c.peers.times*p)
			holds = value >= limit
		case c.peers.silent:
			holds = false
		}
	}
	// Who is far out does not teach the team that it is usual: what is learnt of
	// them ends at the limit.
	g.peak = max(g.peak, min(value, limit))
	if holds {
		e.fire(c, g, ev, one, value, limit, against, emit)
	} else {
		g.firing = false
	}
}

// close writes a group's piece of time into its team's past.
func (c *correlation) close(g *group) {
	if c.peers == nil || g.bucket == 0 || g.peak == 0 {
		return
	}
	h := c.teams[g.team]
	if h == nil {
		h = &histogram{}
		c.teams[g.team] = h
	}
	h.add(g.bucket*c.span/dayMillis, g.peak, max(remembered, 12*c.span/dayMillis))
	g.peak = 0
}

func team(l *link, ev *Event) string {
	words := make([]string, len(l.team))
	for i, f := range l.team {
		words[i] = ev.Values[f].S
	}
	return strings.Join(words, "/")
}
