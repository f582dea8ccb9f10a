package sigma

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// ErrOtherRules is given for a snapshot that other rules made.
var ErrOtherRules = errors.New("the snapshot is of other rules")

var errSnapshot = errors.New("the snapshot is damaged")

// The first bytes of a snapshot: its form.
const magic = "PSG1"

// Snapshot gives what the windows hold, so that another engine of the same rules
// can go on.
func (e *Engine) Snapshot() []byte {
	w := &writer{}
	w.b = append(w.b, magic...)
	w.b = append(w.b, e.hash[:]...)
	w.number(e.newest)
	w.number(e.dropped)
	w.number(int64(len(e.correlations)))
	for _, c := range e.correlations {
		w.number(int64(len(c.groups)))
		for g := c.first; g != nil; g = g.after {
			w.text(g.key)
			for _, v := range g.by {
				w.text(v.S)
			}
			w.truth(g.firing)
			w.text(g.team)
			w.number(g.bucket)
			w.number(g.peak)
			w.number(int64(len(g.entries)))
			last := int64(0)
			for _, x := range g.entries {
				w.number(x.at - last)
				last = x.at
				w.number(int64(x.ref.Feed))
				w.number(x.ref.Position)
				w.number(int64(x.step))
				w.number(x.n)
				w.text(x.s)
			}
		}
		w.number(int64(len(c.teams)))
		for _, name := range slices.Sorted(maps.Keys(c.teams)) {
			w.text(name)
			days := c.teams[name].days
			w.number(int64(len(days)))
			for _, day := range slices.Sorted(maps.Keys(days)) {
				w.number(day)
				w.number(int64(len(days[day])))
				for _, v := range slices.Sorted(maps.Keys(days[day])) {
					w.number(v)
					w.number(days[day][v])
				}
			}
		}
	}
	return w.b
}

// Restore puts a snapshot into an engine that has observed nothing. After an
// error the engine is as it was.
func (e *Engine) Restore(b []byte) error {
	if !bytes.HasPrefix(b, []byte(magic)) || len(b) < len(magic)+len(e.hash) {
		return errSnapshot
	}
	b = b[len(magic):]
	if [32]byte(b[:32]) != e.hash {
		return ErrOtherRules
	}
	r := &reader{b: b[32:]}
	newest, dropped := r.number(), r.number()
	if n := r.number(); n != int64(len(e.correlations)) {
		return errSnapshot
	}
	fresh := make([]correlation, len(e.correlations))
	entries := 0
	for i, c := range e.correlations {
		n := &fresh[i]
		n.groups, n.teams, n.kind = map[string]*group{}, map[string]*histogram{}, c.kind
		for range r.count(4) {
			if err := r.group(c, n); err != nil {
				return err
			}
		}
		for range r.count(2) {
			h := &histogram{days: map[int64]map[int64]int64{}, fell: true}
			n.teams[r.text()] = h
			for range r.count(2) {
				day := map[int64]int64{}
				h.days[r.number()] = day
				for range r.count(2) {
					v := r.number()
					if day[v] = r.number(); day[v] < 1 || v < 0 || v > maxCounted {
						return errSnapshot
					}
				}
			}
		}
		entries += n.held
	}
	if r.failed || len(r.b) > 0 {
		return errSnapshot
	}
	for i, c := range e.correlations {
		n := &fresh[i]
		c.groups, c.teams, c.first, c.last, c.held = n.groups, n.teams, n.first, n.last, n.held
	}
	e.newest, e.dropped, e.entries = newest, dropped, entries
	e.makeRoom()
	return nil
}

// group reads one group of a correlation into a fresh one.
func (r *reader) group(c, into *correlation) error {
	g := &group{key: r.text(), by: make([]Value, len(c.groupBy))}
	for k := range g.by {
		g.by[k].S = r.text()
	}
	g.firing, g.team, g.bucket, g.peak = r.truth(), r.text(), r.number(), r.number()
	if c.kind == "value_count" {
		g.count = map[string]int32{}
	}
	at := int64(0)
	n := r.count(6)
	g.entries = make([]entry, 0, n)
	for range n {
		delta := r.number()
		at += delta
		x := entry{at: at, ref: Ref{uint8(r.number()), r.number()}, step: int32(r.number()), n: r.number(), s: r.text()}
		if x.step < 0 || int(x.step) >= c.steps || len(g.entries) > 0 && delta < 0 {
			return errSnapshot
		}
		g.entries = append(g.entries, x)
		switch c.kind {
		case "value_count":
			g.count[x.s]++
		case "value_sum":
			g.sum += x.n
		}
	}
	if r.failed || len(g.entries) == 0 || into.groups[g.key] != nil {
		return errSnapshot
	}
	into.groups[g.key] = g
	into.append(g)
	into.held += len(g.entries)
	return nil
}

type writer struct{ b []byte }

func (w *writer) number(n int64) { w.b = binary.AppendVarint(w.b, n) }

func (w *writer) text(s string) {
	w.b = binary.AppendUvarint(w.b, uint64(len(s)))
	w.b = append(w.b, s...)
}

func (w *writer) truth(t bool) {
	if t {
		w.number(1)
	} else {
		w.number(0)
	}
}

type reader struct {
	b      []byte
	failed bool
}

func (r *reader) number() int64 {
	n, size := binary.Varint(r.b)
	if size <= 0 {
		r.failed, r.b = true, nil
		return 0
	}
	r.b = r.b[size:]
	return n
}

// count reads a number of things of at least so many bytes each: no more than
// there is room for.
func (r *reader) count(least int) int {
	n := r.number()
	if n < 0 || n > int64(len(r.b)/least) {
		r.failed, r.b = true, nil
		return 0
	}
	return int(n)
}

func (r *reader) text() string {
	n, size := binary.Uvarint(r.b)
	if size <= 0 || n > uint64(len(r.b)-size) {
		r.failed, r.b = true, nil
		return ""
	}
	s := string(r.b[size : size+int(n)])
	r.b = r.b[size+int(n):]
	return s
}

func (r *reader) truth() bool { return r.number() == 1 }

// String says what an engine is, for logs.
func (e *Engine) String() string {
	return fmt.Sprintf("%d rules, %d events in windows, %d dropped", len(e.rules), e.entries, e.dropped)
}
