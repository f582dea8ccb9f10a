package detect

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/postern-mail/postern/response/detect/rules"
	"github.com/postern-mail/postern/response/incident"
	"github.com/postern-mail/postern/response/sigma"
)

// Tested is what rules would have found in the past.
type Tested struct {
	Since, Until time.Time
	Rules        int
	Acts         int64
	Took         time.Duration
	Held         int
	Dropped      int64
	Matches      []Match // by their first time
}

// Backtest runs rules over the feeds' history since a time, and raises nothing.
// The windows are filled from before it, as far as the rules look back. Progress
// may be nil. No rules are the ones in force.
func (d *Detector) Backtest(ctx context.Context, docs []sigma.Document, since time.Time, progress func(acts int64)) (t Tested, err error) {
	if docs == nil {
		docs = d.docs
	} else if docs, err = d.among(docs); err != nil {
		return t, err
	}
	engine, err := sigma.Compile(docs, rules.Schema, sigma.Options{MaxEntries: d.Settings.Entries, Subject: "staff", Off: d.off})
	if err != nil {
		return t, err
	}
	begun := time.Now()
	t.Since, t.Until, t.Rules = since, d.Now(), len(engine.Rules())
	past := newMembers(func(context.Context, *members, *act) error { return nil })
	found := map[alertKey]*Match{}
	history := merged{d: d}
	from := since.Add(-max(engine.Horizon(), habitDays*day))
	for feed := range history.at {
		if history.at[feed], err = d.placeOf(ctx, uint8(feed), from, -1, 1<<40); err != nil {
			return t, fmt.Errorf("couldn't find the beginning: %w", err)
		}
	}
	for {
		a, err := history.next(ctx)
		if err != nil {
			return t, err
		}
		if a == nil {
			break
		}
		e, err := d.event(ctx, a, past)
		if err != nil {
			return t, err
		}
		engine.Observe(e, func(m sigma.Match) {
			if a.at.Before(since) {
				return
			}
			k := alertKey{m.Rule.Alert, m.Subject}
			one := found[k]
			if one == nil {
				one = &Match{Alert: m.Rule.Alert, Subject: m.Subject, First: time.UnixMilli(m.First).UTC(), Severity: incident.Low}
				found[k] = one
			}
			if s := severityOf(m); s >= one.Severity {
				one.Severity, one.Rule, one.Title, one.Version, one.Value, one.Limit = s, m.Rule.Name, m.Rule.Title, m.Rule.Version, m.Value, m.Limit
				if m.Peers != nil {
					one.Team, one.Usual = m.Peers.Team, m.Peers.Value
				}
			}
			one.Last = time.UnixMilli(m.At).UTC()
			one.Count++
		})
		if t.Acts++; progress != nil && t.Acts%1000 == 0 {
			progress(t.Acts)
		}
		past.written()
	}
	t.Held, t.Dropped, t.Took = engine.Entries(), engine.Dropped(), time.Since(begun)
	for _, k := range slices.SortedFunc(maps.Keys(found), func(a, b alertKey) int { return found[a].First.Compare(found[b].First) }) {
		t.Matches = append(t.Matches, *found[k])
	}
	return t, nil
}

// merged reads both feeds as one, by time.
type merged struct {
	d    *Detector
	at   [2]int64
	acts [2][]act
	over [2]bool
}

func (m *merged) next(ctx context.Context) (*act, error) {
	for feed := range m.acts {
		for len(m.acts[feed]) == 0 && !m.over[feed] {
			acts, to, n, err := m.d.read(ctx, uint8(feed), m.at[feed])
			if err != nil {
				return nil, err
			}
			m.acts[feed], m.over[feed] = acts, n == 0
			if n > 0 {
				m.at[feed] = to
			}
		}
	}
	first := -1
	for feed := range m.acts {
		if len(m.acts[feed]) > 0 && (first < 0 || m.acts[feed][0].at.Before(m.acts[first][0].at)) {
			first = feed
		}
	}
	if first < 0 {
		return nil, nil
	}
	a := &m.acts[first][0]
	m.acts[first] = m.acts[first][1:]
	return a, nil
}

// among gives rules with those of the pack that they may refer to, which then
// raise nothing of their own.
func (d *Detector) among(own []sigma.Document) ([]sigma.Document, error) {
	pack, err := rules.Pack()
	if err != nil {
		return nil, err
	}
	for _, doc := range pack {
		if !doc.Correlation() && !slices.ContainsFunc(own, func(o sigma.Document) bool { return o.Name() == doc.Name() }) {
			own = append(own, doc.Quiet())
		}
	}
	return own, nil
}
