package gate

import (
	"context"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/gate/budget"
	"github.com/postern-mail/postern/gate/lease"
	"github.com/postern-mail/postern/gate/watch"
	"github.com/postern-mail/postern/staff"
)

// begin skips the endings of before this process: their sessions are refused
// by staff, and no page of ours is open.
func (g *Gate) begin(ctx context.Context) error {
	return g.db.View(ctx, func(tx *db.Tx) error {
		return tx.Row("SELECT COALESCE(max(n), 0) FROM gate_ended", nil, &g.heard)
	})
}

// Watch gives a channel that is closed when the session ends by containment or
// signing out, on whichever node. Open pages and streams select on it; stop
// frees it.
func (g *Gate) Watch(s postern.SessionID) (ended <-chan struct{}, stop func()) {
	return g.hub.Watch(watch.Session(s))
}

// WatchGrant is Watch for one grant: closed when it is closed, withdrawn, or
// ends with its case. It does not fire at the grant's own time, which the page
// knows, nor when its session is contained.
func (g *Gate) WatchGrant(id postern.GrantID) (ended <-chan struct{}, stop func()) {
	return g.hub.Watch(watch.Grant(id))
}

// poll is how often other nodes' endings are looked for. They cannot show
// anything new in the meantime, and their own deliveries are waited for.
const poll = 500 * time.Millisecond

// sweeping is how often rows that nothing can ask for any more are deleted.
const sweeping = 10 * time.Minute

// keep is how long endings are kept for pages: three lives of a session, so
// that nodes' clocks need not agree.
const keep = 3 * staff.SessionLife

// Run hears of what other nodes end, and sweeps, until ctx is done.
func (g *Gate) Run(ctx context.Context) error {
	tick, sweep := time.NewTicker(poll), time.NewTicker(sweeping)
	defer tick.Stop()
	defer sweep.Stop()
	told := make(chan struct{})
	go func() { // apart: whom it tells may be slow, and endings must be heard of
		defer close(told)
		g.holds.Run(ctx, poll)
	}()
	defer func() { <-told }()
	for {
		if err := g.hear(ctx); err != nil && ctx.Err() == nil {
			g.log.Warn("couldn't look for what other nodes ended", "error", err)
		}
		select {
		case <-tick.C:
		case <-sweep.C:
			if err := g.sweep(ctx); err != nil && ctx.Err() == nil {
				g.log.Warn("couldn't sweep the gate's counts", "error", err)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// sweep deletes counts past their windows, renewals past their leases, and
// endings that every node has heard of. None of them is history: that is the
// ledger.
func (g *Gate) sweep(ctx context.Context) error {
	now := g.now()
	g.hub.Forget(now.Add(-keep))
	return g.db.Update(ctx, func(tx *db.Tx) error {
		if err := budget.Sweep(tx, now); err != nil {
			return err
		}
		for _, one := range []struct {
			statement string
			before    int64
		}{
			{"DELETE FROM gate_lease WHERE renewed < ?1", millis(now.Add(-time.Hour))},
			{"DELETE FROM gate_ended WHERE at < ?1", millis(now.Add(-keep))},
		} {
			if _, err := tx.Exec(one.statement, one.before); err != nil {
				return err
			}
		}
		return nil
	})
}

func (g *Gate) hear(ctx context.Context) error {
	var heard []watch.Topic
	last := g.heard
	err := g.db.View(ctx, func(tx *db.Tx) error {
		return tx.Rows("SELECT n, what, subject FROM gate_ended WHERE n > ?1 ORDER BY n LIMIT 1000", db.Args(last), func(row db.Scanner) error {
			var t watch.Topic
			err := row.Scan(&last, &t.What, &t.Subject)
			heard = append(heard, t)
			return err
		})
	})
	if err != nil {
		return err
	}
	g.heard = last // Run alone reads and writes it after Open
	what := lease.Ended{Sessions: map[postern.SessionID]bool{}, Grants: map[postern.GrantID]bool{}}
	for _, t := range heard {
		if t.What == "session" {
			what.Sessions[postern.SessionID(t.Subject)] = true
		} else {
			what.Grants[postern.GrantID(t.Subject)] = true
		}
	}
	g.cut(what, refuse(RefusedContained))
	return nil
}
