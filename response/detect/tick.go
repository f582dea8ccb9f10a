package detect

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/response/detect/rules"
	"github.com/postern-mail/postern/response/sigma"
)

// running is an engine with how far it has read.
type running struct {
	engine *sigma.Engine
	past   *members
	at     [2]int64 // how far the engine has read each feed
	cursor [2]int64 // how far alerts were raised, as the tables have it
	since  int      // acts since the windows were last written down
	saved  time.Time
}

// The windows are written down after so many acts, or so much time.
const (
	saveAfter = 20_000
	saveEvery = time.Minute
)

var errMoved = errors.New("the cursor has moved")

// Tick reads what is new in both feeds and gives the number of alerts raised.
// The sign-ins come first, so that a session is known when its disclosures are
// read.
func (d *Detector) Tick(ctx context.Context) (alerts int, err error) {
	d.ticking.Lock()
	defer d.ticking.Unlock()
	for _, feed := range []uint8{rules.Staff, rules.Gate} {
		for tries := 0; ; {
			if d.running == nil {
				if d.running, err = d.load(ctx); err != nil {
					d.running = nil
					return alerts, err
				}
			}
			n, raised, err := d.step(ctx, d.running, feed)
			alerts += raised
			if err != nil {
				d.running = nil // it knows more than the tables do
				if tries++; errors.Is(err, errMoved) && tries < 3 {
					continue // another node has read this batch
				}
				return alerts, err
			}
			if n < batch {
				break
			}
		}
	}
	if err := d.endDue(ctx); err != nil {
		return alerts, err
	}
	return alerts, d.forget(ctx)
}

// load takes up what was written down of the windows, and reads the feeds again
// up to where alerts were raised: from there, or, where nothing fits the rules in
// force, from as far back as the rules remember.
func (d *Detector) load(ctx context.Context) (*running, error) {
	engine, err := d.compile()
	if err != nil {
		return nil, err
	}
	r := &running{engine: engine, past: d.loaded(), saved: time.Now()}
	var state []byte
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		state = nil
		for feed, name := range feedNames {
			if err := tx.Row("SELECT position FROM response_cursor WHERE feed = ?1", db.Args(name), &r.cursor[feed]); err != nil {
				return err
			}
		}
		err := tx.Row("SELECT staff, ledger, state FROM response_engine WHERE id = 1", nil, &r.at[rules.Staff], &r.at[rules.Gate], &state)
		if errors.Is(err, db.ErrNoRows) {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't read the cursors: %w", err)
	}
	if state == nil || engine.Restore(state) != nil || r.at[rules.Staff] > r.cursor[rules.Staff] || r.at[rules.Gate] > r.cursor[rules.Gate] {
		if state != nil {
			d.Log.Info("the rules' windows are read again from the feeds", "rules", len(engine.Rules()))
		}
		since := d.Now().Add(-max(engine.Horizon(), habitDays*day))
		for feed := range r.at {
			if r.at[feed], err = d.placeOf(ctx, uint8(feed), since, max(-1, r.cursor[feed]-mostReplayed), r.cursor[feed]); err != nil {
				return nil, err
			}
		}
	}
	return r, d.replay(ctx, r)
}

// mostReplayed bounds what is read again of each feed.
const mostReplayed = 1_000_000

// placeOf gives the position in a feed after which everything is younger than a
// time, between two.
func (d *Detector) placeOf(ctx context.Context, feed uint8, since time.Time, low, high int64) (int64, error) {
	// Everything after high is younger.
	for low < high {
		mid := low + (high-low)/2
		at, ok, err := d.timeAfter(ctx, feed, mid)
		if err != nil {
			return 0, err
		}
		if !ok || at.After(since) {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return low, nil
}

// timeAfter gives the time of the first entry after a position.
func (d *Detector) timeAfter(ctx context.Context, feed uint8, position int64) (time.Time, bool, error) {
	if feed == rules.Staff {
		events, err := d.Staff.Events(ctx, position, 1)
		if err != nil || len(events) == 0 {
			return time.Time{}, false, err
		}
		return events[0].At, true, nil
	}
	entries, err := d.Ledger.Entries(ctx, position, 1)
	if err != nil || len(entries) == 0 {
		return time.Time{}, false, err
	}
	switch e := entries[0]; {
	case e.Disclosure != nil:
		return e.Disclosure.At, true, nil
	case e.Control != nil:
		return e.Control.At, true, nil
	}
	// A leaf of the log's own: the next that is somebody's tells the time.
	return d.timeAfter(ctx, feed, entries[0].Index)
}

// replay has the engine see again what alerts were raised from already.
func (d *Detector) replay(ctx context.Context, r *running) error {
	for _, feed := range []uint8{rules.Staff, rules.Gate} {
		for r.at[feed] < r.cursor[feed] {
			acts, to, n, err := d.read(ctx, feed, r.at[feed])
			if err != nil {
				return err
			}
			if n == 0 {
				break
			}
			for i := range acts {
				if acts[i].position > r.cursor[feed] {
					break
				}
				e, err := d.event(ctx, &acts[i], r.past)
				if err != nil {
					return err
				}
				r.engine.Observe(e, func(sigma.Match) {})
			}
			r.at[feed] = min(to, r.cursor[feed])
		}
	}
	r.past.written() // the tables have it
	return nil
}

// step reads one batch of a feed: n entries read, alerts raised.
func (d *Detector) step(ctx context.Context, r *running, feed uint8) (n, raised int, err error) {
	acts, to, n, err := d.read(ctx, feed, r.at[feed])
	if err != nil || n == 0 {
		return 0, 0, err
	}
	gathered := gathering{}
	for i := range acts {
		a := &acts[i]
		e, err := d.event(ctx, a, r.past)
		if err != nil {
			return 0, 0, err
		}
		r.engine.Observe(e, func(m sigma.Match) { gathered.add(m, a, d.Settings.KeepIn) })
	}
	if err := d.evidence(ctx, gathered, acts); err != nil {
		return 0, 0, err
	}
	save := r.since+len(acts) >= saveAfter || time.Since(r.saved) >= saveEvery
	err = d.DB.Update(ctx, func(tx *db.Tx) error {
		raised = 0
		moved, err := tx.Exec("UPDATE response_cursor SET position = ?3 WHERE feed = ?1 AND position = ?2", feedNames[feed], r.cursor[feed], to)
		if err != nil {
			return err
		}
		if moved == 0 {
			return errMoved
		}
		if err := rememberSessions(tx, acts); err != nil {
			return err
		}
		if err := r.past.write(tx); err != nil {
			return err
		}
		for _, g := range gathered.inOrder() {
			fresh, err := d.raise(tx, g)
			if err != nil {
				return err
			}
			if fresh {
				raised++
			}
		}
		if !save {
			return nil
		}
		at := r.at
		at[feed] = to
		return d.save(tx, r.engine, at)
	})
	if err != nil {
		if !errors.Is(err, errMoved) {
			err = fmt.Errorf("couldn't conclude from the feed %s: %w", feedNames[feed], err)
		}
		return n, 0, err
	}
	r.past.written()
	r.at[feed], r.cursor[feed] = to, to
	r.since += len(acts)
	if save {
		r.since, r.saved = 0, time.Now()
	}
	return n, raised, nil
}

func (d *Detector) save(tx *db.Tx, e *sigma.Engine, at [2]int64) error {
	_, err := tx.Exec(`INSERT INTO response_engine (id, staff, ledger, made, state) VALUES (1, ?1, ?2, ?3, ?4)
		ON CONFLICT (id) DO UPDATE SET staff = ?1, ledger = ?2, made = ?3, state = ?4`, at[rules.Staff], at[rules.Gate], db.Millis(d.Now()), e.Snapshot())
	return err
}

// Save writes the windows down, so that the next start has little to read again.
func (d *Detector) Save(ctx context.Context) error {
	d.ticking.Lock()
	defer d.ticking.Unlock()
	if d.running == nil || d.running.since == 0 {
		return nil
	}
	err := d.DB.Update(ctx, func(tx *db.Tx) error { return d.save(tx, d.running.engine, d.running.at) })
	if err != nil {
		return fmt.Errorf("couldn't write the rules' windows down: %w", err)
	}
	d.running.since, d.running.saved = 0, time.Now()
	return nil
}

// Held says how much the windows hold, and how much they had to give up for want
// of room.
func (d *Detector) Held() (entries int, dropped int64) {
	d.ticking.Lock()
	defer d.ticking.Unlock()
	if d.running == nil {
		return 0, 0
	}
	return d.running.engine.Entries(), d.running.engine.Dropped()
}

// rememberSessions notes where sessions come from and what they were shown.
func rememberSessions(tx *db.Tx, acts []act) error {
	for _, a := range acts {
		var err error
		switch {
		case a.session == "":
		case a.kind == "sign-in" || a.kind == "moved":
			if _, err = tx.Exec("INSERT INTO response_session_network (session, network, at) VALUES (?1, ?2, ?3) ON CONFLICT (session, network) DO NOTHING",
				a.session, a.network, db.Millis(a.at)); err != nil {
				return err
			}
			method := a.method
			if a.kind == "moved" {
				method = ""
			}
			_, err = tx.Exec(`INSERT INTO response_session (session, staff, credential, network, fresh, shown, deepest, last, method) VALUES (?1, ?2, ?3, ?4, ?5, 0, 0, ?6, ?7)
				ON CONFLICT (session) DO UPDATE SET
					network = CASE WHEN ?5 = 1 OR response_session.network = '' THEN ?4 ELSE response_session.network END,
					fresh = CASE WHEN ?5 = 1 THEN 1 ELSE response_session.fresh END,
					method = CASE WHEN ?7 = '' THEN response_session.method ELSE ?7 END`,
				a.session, a.staff, a.credential, a.network, db.Bit(a.fresh), db.Millis(a.at), method)
		case a.kind == "shown":
			_, err = tx.Exec(`INSERT INTO response_session (session, staff, credential, network, fresh, shown, deepest, last) VALUES (?1, ?2, ?3, '', 0, 1, ?4, ?5)
				ON CONFLICT (session) DO UPDATE SET shown = response_session.shown + 1, last = ?5,
					deepest = CASE WHEN response_session.deepest < ?4 THEN ?4 ELSE response_session.deepest END`,
				a.session, a.staff, a.credential, int64(a.tier), db.Millis(a.at))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// forget drops the habits that count no more. Sessions stay: a scope by network
// asks for them.
func (d *Detector) forget(ctx context.Context) error {
	old := d.Now().UnixMilli()/day.Milliseconds() - 2*habitDays
	var stale int
	err := d.DB.View(ctx, func(tx *db.Tx) error {
		return tx.Row("SELECT count(*) FROM response_habit WHERE day < ?1", db.Args(old), &stale)
	})
	if err != nil || stale < batch {
		return err
	}
	return d.DB.Update(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec("DELETE FROM response_habit WHERE day < ?1", old)
		return err
	})
}
