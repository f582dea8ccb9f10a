package sigma

import (
	"encoding/binary"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// entry is what a window holds of an event.
type entry struct {
	at   int64
	ref  Ref
	step int32
	n    int64  // of a value that is a number
	s    string // of one that is a text
}

// group is one window of a correlation: the events of one value of group-by.
type group struct {
	key     string
	by      []Value
	entries []entry // by time
	count   map[string]int32
	sum     int64
	firing  bool

	team   string
	bucket int64 // the span-long piece of time that peak is of; 0: none yet
	peak   int64

	before, after *group // in the order of being touched
}

func (g *group) newest() int64 { return g.entries[len(g.entries)-1].at }

// Observe takes an event in and tells of every rule it makes fire. A rule whose
// window stays over its limit fires for each further event: whoever raises alerts
// merges them. Events may come late, by less than a window; they are counted
// where they belong. The event is not kept, nor may the match be after emit
// returns, but for its strings and slices.
func (e *Engine) Observe(ev *Event, emit func(Match)) {
	e.newest = max(e.newest, ev.At)
	for i := range e.simple {
		r := &e.simple[i]
		if r.feed >= 0 && r.feed != int(ev.Feed) || !r.fires && len(r.links) == 0 || !r.test.of(ev) {
			continue
		}
		if r.fires && (r.subject < 0 || ev.Values[r.subject].S != "") {
			m := Match{Rule: r.rule, At: ev.At, First: ev.At, Last: ev.At, Value: 1, Limit: 1, Event: Ref{ev.Feed, ev.Position}}
			if r.subject >= 0 {
				m.Subject = ev.Values[r.subject].S
				m.Group, m.GroupBy = []Value{ev.Values[r.subject]}, []string{r.rule.Subject}
			}
			if r.contain >= 0 {
				m.Contain = ev.Values[r.contain].S
			}
			emit(m)
		}
		for j := range r.links {
			e.correlated(&r.links[j], ev, emit)
		}
	}
	if e.observed++; e.observed%1024 == 0 {
		e.expire()
	}
}

// correlated puts an event into its group's window and judges the window.
func (e *Engine) correlated(l *link, ev *Event, emit func(Match)) {
	c := l.to
	e.key = e.key[:0]
	for _, i := range l.group {
		v := ev.Values[i].S
		if v == "" {
			return // it belongs to nobody
		}
		e.key = binary.AppendUvarint(e.key, uint64(len(v)))
		e.key = append(e.key, v...)
	}
	if l.field >= 0 && !c.number && ev.Values[l.field].S == "" {
		return // there is nothing to count
	}
	g := c.groups[string(e.key)]
	if g != nil && len(g.entries) > 0 && ev.At <= g.newest()-c.span {
		return // too late for any window that is still open
	}
	if g == nil {
		g = &group{key: string(e.key), by: make([]Value, len(l.group))}
		for k, i := range l.group {
			g.by[k] = ev.Values[i]
		}
		if c.kind == "value_count" {
			g.count = map[string]int32{}
		}
		c.groups[g.key] = g
	} else {
		c.unlink(g)
	}
	c.append(g)
	one := entry{at: ev.At, ref: Ref{ev.Feed, ev.Position}, step: int32(l.step)}
	if l.field >= 0 {
		one.n, one.s = ev.Values[l.field].N, ev.Values[l.field].S
		if c.kind == "value_count" && c.number {
			one.s = strconv.FormatInt(one.n, 10)
		}
	}
	at := e.insert(c, g, one)
	if at < 0 {
		return // seen before
	}
	e.trim(c, g)
	value, holds := c.judge(g, one)
	if c.peers != nil {
		e.withPeers(c, l, g, ev, one, value, holds, emit)
	} else if holds {
		e.fire(c, g, ev, one, value, c.least(), nil, emit)
	} else {
		g.firing = false
	}
	e.makeRoom()
}

// insert puts an entry where its time belongs: nearly always at the end. It
// gives -1 for an event that the window holds already.
func (e *Engine) insert(c *correlation, g *group, one entry) int {
	i := len(g.entries)
	for i > 0 && g.entries[i-1].at > one.at {
		i--
	}
	for k := i - 1; k >= 0 && g.entries[k].at == one.at; k-- {
		if g.entries[k].ref == one.ref && g.entries[k].step == one.step {
			return -1
		}
	}
	g.entries = slices.Insert(g.entries, i, one)
	c.held++
	e.entries++
	switch c.kind {
	case "value_count":
		g.count[one.s]++
	case "value_sum":
		g.sum += one.n
	}
	return i
}

// trim drops what has left the window, and what is too much for one group.
func (e *Engine) trim(c *correlation, g *group) {
	oldest := g.newest() - c.span
	n := 0
	for n < len(g.entries) && g.entries[n].at <= oldest {
		n++
	}
	if over := len(g.entries) - n - e.o.MaxGroup; over > 0 {
		n += over
		e.dropped += int64(over)
	}
	if strings.HasPrefix(c.kind, "temporal") && len(g.entries)-n > maxSteps*c.steps {
		n += e.thin(c, g, n)
	}
	for _, old := range g.entries[:n] {
		switch c.kind {
		case "value_count":
			if g.count[old.s]--; g.count[old.s] == 0 {
				delete(g.count, old.s)
			}
		case "value_sum":
			g.sum -= old.n
		}
	}
	if n > 0 {
		rest := copy(g.entries, g.entries[n:])
		clear(g.entries[rest:])
		g.entries = g.entries[:rest]
		c.held -= n
		e.entries -= n
	}
}

// maxSteps is how many events of each step a temporal window keeps.
const maxSteps = 64

// thin drops the older events of steps that have too many, in front of the
// window, and gives how many now stand there to be dropped.
func (e *Engine) thin(c *correlation, g *group, from int) int {
	kept := make([]int, c.steps)
	keep := make([]entry, 0, len(g.entries))
	var drop []entry
	for i := len(g.entries) - 1; i >= from; i-- {
		one := g.entries[i]
		if kept[one.step]++; kept[one.step] > maxSteps {
			drop = append(drop, one)
			continue
		}
		keep = append(keep, one)
	}
	slices.Reverse(keep)
	copy(g.entries[from:], drop)
	copy(g.entries[from+len(drop):], keep)
	return len(drop)
}

// judge gives the window's value and whether the condition holds for it.
func (c *correlation) judge(g *group, one entry) (value int64, holds bool) {
	switch c.kind {
	case "event_count":
		value = int64(len(g.entries))
	case "value_count":
		value = int64(len(g.count))
	case "value_sum":
		value = g.sum
	case "value_percentile":
		values := make([]int64, len(g.entries))
		for i, x := range g.entries {
			values[i] = x.n
		}
		value = percentile(values, c.percentile)
	case "temporal":
		var seen uint64
		for _, x := range g.entries {
			seen |= 1 << min(x.step, 63)
		}
		for ; seen > 0; seen &= seen - 1 {
			value++
		}
		return value, value == int64(c.steps)
	case "temporal_ordered":
		next := int32(0)
		var last Ref
		for _, x := range g.entries {
			if x.ref == one.ref && int(x.step) != c.steps-1 || next == int32(c.steps-1) || x.at > one.at {
				continue
			}
			if x.step == next && (next == 0 || x.ref != last) {
				next, last = next+1, x.ref
			}
		}
		return int64(next) + 1, int(next) == c.steps-1 && int(one.step) == c.steps-1 && last != one.ref
	}
	switch c.compare {
	case "gt":
		return value, value > c.limit
	case "eq":
		return value, value == c.limit
	}
	return value, value >= c.limit
}

// least is the smallest value for which the condition holds.
func (c *correlation) least() int64 {
	switch {
	case strings.HasPrefix(c.kind, "temporal"):
		return int64(c.steps)
	case c.compare == "gt":
		return c.limit + 1
	}
	return c.limit
}

// percentile is the nearest rank's.
func percentile(values []int64, p int) int64 {
	if len(values) == 0 {
		return 0
	}
	sort.Slice(values, func(i, j int) bool { return values[i] < values[j] })
	rank := (len(values)*p + 99) / 100
	return values[max(rank, 1)-1]
}

func (e *Engine) fire(c *correlation, g *group, ev *Event, one entry, value, limit int64, peers *Peers, emit func(Match)) {
	begins := !g.firing
	g.firing = true
	if c.silent {
		return
	}
	m := Match{Rule: c.rule, At: ev.At, First: g.entries[0].at, Last: g.newest(), Subject: g.by[c.subject].S, Group: g.by, GroupBy: c.groupBy,
		Value: value, Limit: limit, Peers: peers, Event: one.ref}
	if c.contain >= 0 {
		m.Contain = ev.Values[c.contain].S
	}
	if begins {
		from := max(0, len(g.entries)-maxBefore)
		m.Before = make([]Ref, 0, len(g.entries)-from)
		for _, x := range g.entries[from:] {
			if x.ref != one.ref {
				m.Before = append(m.Before, x.ref)
			}
		}
	}
	emit(m)
}

// append puts a group at the end of the order, and unlink takes it out.
func (c *correlation) append(g *group) {
	g.before, g.after = c.last, nil
	if c.last != nil {
		c.last.after = g
	} else {
		c.first = g
	}
	c.last = g
}

func (c *correlation) unlink(g *group) {
	if g.before != nil {
		g.before.after = g.after
	} else {
		c.first = g.after
	}
	if g.after != nil {
		g.after.before = g.before
	} else {
		c.last = g.before
	}
}

// expire forgets the groups whose windows are over.
func (e *Engine) expire() {
	for _, c := range e.correlations {
		for c.first != nil && c.first.newest() <= e.newest-c.span {
			e.forget(c, c.first)
		}
	}
}

func (e *Engine) forget(c *correlation, g *group) {
	c.close(g)
	c.unlink(g)
	delete(c.groups, g.key)
	c.held -= len(g.entries)
	e.entries -= len(g.entries)
}

// makeRoom drops the quietest groups of the fullest rule.
func (e *Engine) makeRoom() {
	for e.entries > e.o.MaxEntries {
		fullest := e.correlations[0]
		for _, c := range e.correlations {
			if c.held > fullest.held {
				fullest = c
			}
		}
		e.dropped += int64(len(fullest.first.entries))
		e.forget(fullest, fullest.first)
	}
}

// Rename puts another text in the place of one, wherever the windows hold it: a
// person who is erased is counted on, as somebody.
func (e *Engine) Rename(old, with string) {
	if old == "" {
		return
	}
	for _, c := range e.correlations {
		for g := c.first; g != nil; g = g.after {
			for i := range g.entries {
				if g.entries[i].s == old {
					g.entries[i].s = with
				}
			}
			if n, ok := g.count[old]; ok {
				delete(g.count, old)
				g.count[with] += n
			}
			if !slices.ContainsFunc(g.by, func(v Value) bool { return v.S == old }) {
				continue
			}
			delete(c.groups, g.key)
			var key []byte
			for i := range g.by {
				if g.by[i].S == old {
					g.by[i].S = with
				}
				key = binary.AppendUvarint(key, uint64(len(g.by[i].S)))
				key = append(key, g.by[i].S...)
			}
			g.key = string(key)
			c.groups[g.key] = g
		}
	}
}
