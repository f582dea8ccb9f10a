package detect

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/staff"
)

// The feeds, each with a cursor of its own.
const (
	feedStaff  = "staff"  // staff.Event.Seq
	feedLedger = "ledger" // ledger.Entry.Index: only what is sequenced
)

// batch bounds one transaction.
const batch = 500

// Tick reads what is new in both feeds and gives the number of alerts raised.
// The sign-ins come first, so that a session is known when its disclosures are
// read; where it is not, the sign-in that follows finds the disclosures counted.
func (d *Detector) Tick(ctx context.Context) (alerts int, err error) {
	d.ticking.Lock()
	defer d.ticking.Unlock()
	for _, feed := range []string{feedStaff, feedLedger} {
		for {
			n, raised, err := d.step(ctx, feed)
			alerts += raised
			if errors.Is(err, errMoved) {
				continue // another node has read this batch
			}
			if err != nil {
				return alerts, err
			}
			if n < batch {
				break
			}
		}
	}
	return alerts, d.forget(ctx)
}

var errMoved = errors.New("the cursor has moved")

// step reads one batch of a feed: n entries read, alerts raised.
func (d *Detector) step(ctx context.Context, feed string) (n, raised int, err error) {
	var from int64
	err = d.db.View(ctx, func(tx *db.Tx) error {
		return tx.Row("SELECT position FROM response_cursor WHERE feed = ?1", db.Args(feed), &from)
	})
	if err != nil {
		return 0, 0, fmt.Errorf("couldn't read the cursor of %s: %w", feed, err)
	}
	acts, to, n, err := d.read(ctx, feed, from)
	if err != nil || n == 0 {
		return 0, 0, err
	}
	guarded, err := d.shownGuarded(ctx, acts)
	if err != nil {
		return 0, 0, err
	}
	peers, err := d.peerReach(ctx)
	if err != nil {
		return 0, 0, err
	}
	err = d.db.Update(ctx, func(tx *db.Tx) error {
		raised = 0
		moved, err := tx.Exec("UPDATE response_cursor SET position = ?3 WHERE feed = ?1 AND position = ?2", feed, from, to)
		if err != nil {
			return err
		}
		if moved == 0 {
			return errMoved
		}
		for i, a := range acts {
			f, err := d.remember(tx, a, guarded[i], peers)
			if err != nil {
				return err
			}
			for _, found := range d.rules.judge(a, f) {
				fresh, err := d.raise(tx, a, found)
				if err != nil {
					return err
				}
				if fresh {
					raised++
				}
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, errMoved) {
		err = fmt.Errorf("couldn't conclude from the feed %s: %w", feed, err)
	}
	return n, raised, err
}

// read gives what the feed holds after a position as acts; entries that the
// rules do not look at are stepped over.
func (d *Detector) read(ctx context.Context, feed string, from int64) (acts []act, to int64, n int, err error) {
	if feed == feedStaff {
		events, err := d.staff.Events(ctx, from, batch)
		if err != nil {
			return nil, 0, 0, err
		}
		for _, e := range events {
			to = e.Seq
			if a, ok := actOfEvent(e); ok {
				acts = append(acts, a)
			}
		}
		return acts, to, len(events), nil
	}
	entries, err := d.ledger.Entries(ctx, from, batch)
	if err != nil {
		return nil, 0, 0, fmt.Errorf("couldn't read the ledger: %w", err)
	}
	for _, e := range entries {
		to = e.Index
		if a, ok := actOfEntry(e); ok {
			acts = append(acts, a)
		}
	}
	return acts, to, len(entries), nil
}

func actOfEvent(e staff.Event) (act, bool) {
	a := act{feed: feedStaff, position: e.Seq, at: e.At, staff: e.Staff, credential: e.Credential, session: e.Session, network: e.Network,
		fresh: !e.Known && !e.First && e.Network != ""}
	switch e.Result {
	case "ok":
		a.kind = kindSignIn
	case "moved":
		a.kind = kindMoved
	case kindDevice, kindMissing:
		a.kind, a.fresh = e.Result, false // nobody has come in
	default:
		return act{}, false
	}
	return a, e.Staff != "" && e.Session != ""
}

func actOfEntry(e ledger.Entry) (act, bool) {
	if d := e.Disclosure; d != nil {
		account := d.Account
		if account == "" {
			// Erased since. It still was somebody: each counts as one of their own.
			account = postern.AccountID("erased " + string(d.ID))
		}
		return act{kind: kindShown, feed: feedLedger, position: e.Index, at: d.At, staff: d.Staff, credential: d.Credential, session: d.Session,
			account: account, tier: d.Tier, messages: d.Messages, hasCase: d.Case != "", grant: d.Grant}, d.Staff != ""
	}
	if c := e.Control; c != nil && c.Kind == verify.ControlRefusal {
		return act{kind: kindRefused, feed: feedLedger, position: e.Index, at: c.At, staff: c.Actor, credential: c.Credential, session: c.Session,
			account: c.Account}, c.Actor != "" && tellsOfAsker(c.Subject)
	}
	return act{}, false
}

// tellsOfAsker says whether a refusal, by its subject, says something about who
// asked. An approver's "no" (its subject is the request) is somebody's decision
// and names the approver; the clock, a ledger that is behind and a containment
// refuse everybody alike.
func tellsOfAsker(subject string) bool {
	switch subject {
	case gate.RefusedSessionEnded, gate.RefusedLedgerBehind, gate.RefusedContained:
		return false
	}
	return strings.HasPrefix(subject, "gate.refused.")
}

// shownGuarded gives the guarded messages that each act showed. The mail plane
// masks them unless the customer agreed to these very messages, and whether they
// did stands in the grant: the ledger's record is written before anything is
// read, so it names masked ones too.
func (d *Detector) shownGuarded(ctx context.Context, acts []act) ([][]postern.MessageID, error) {
	shown := make([][]postern.MessageID, len(acts))
	if d.guarded == nil || d.rules.Guarded < 0 {
		return shown, nil
	}
	for i, a := range acts {
		if a.kind != kindShown || a.tier < postern.TierEnvelope || len(a.messages) == 0 {
			continue
		}
		g, err := d.gate.Grant(ctx, a.grant)
		if err != nil && postern.KindOf(err) != postern.NotFound {
			return nil, fmt.Errorf("couldn't ask what the customer agreed to: %w", err)
		}
		if err == nil && !g.Consented {
			continue
		}
		// A grant that is gone cannot speak for the member: as if it was shown.
		if shown[i], err = d.guarded(ctx, a.account, a.messages); err != nil && postern.KindOf(err) != postern.NotFound {
			return nil, fmt.Errorf("couldn't ask which messages are guarded: %w", err)
		}
	}
	return shown, nil
}

// The windows of the fan-out rules. What is older than the longest is forgotten.
const (
	hour = time.Hour
	day  = 24 * time.Hour
	week = 7 * day
)

// remember adds an act to what is known and gives the figures that include it.
func (d *Detector) remember(tx *db.Tx, a act, guarded []postern.MessageID, peers map[postern.StaffID]int) (f figures, err error) {
	switch a.kind {
	case kindSignIn, kindMoved:
		return d.rememberSession(tx, a)
	case kindDevice, kindMissing:
		return f, nil
	case kindRefused:
		var since int64
		err := tx.Row(`INSERT INTO response_streak (staff, refusals, first) VALUES (?1, 1, ?2)
			ON CONFLICT (staff) DO UPDATE SET
				refusals = CASE WHEN response_streak.first < ?3 THEN 1 ELSE response_streak.refusals + 1 END,
				first = CASE WHEN response_streak.first < ?3 THEN ?2 ELSE response_streak.first END
			RETURNING refusals, first`, db.Args(a.staff, db.Millis(a.at), db.Millis(a.at.Add(-d.rules.RefusalsWithin))), &f.refusals, &since)
		f.refusalsSince = db.Moment(since)
		return f, err
	}
	if _, err := tx.Exec("DELETE FROM response_streak WHERE staff = ?1", a.staff); err != nil {
		return f, err
	}
	if f, err = d.rememberShown(tx, a); err != nil || a.tier < postern.TierEnvelope {
		return f, err
	}
	if _, err := tx.Exec(`INSERT INTO response_reach (staff, account, last) VALUES (?1, ?2, ?3)
		ON CONFLICT (staff, account) DO UPDATE SET last = CASE WHEN response_reach.last < ?3 THEN ?3 ELSE response_reach.last END`,
		a.staff, a.account, db.Millis(a.at)); err != nil {
		return f, err
	}
	since := func(d time.Duration) int64 { return db.Millis(a.at.Add(-d)) }
	err = tx.Row(`SELECT count(*), count(CASE WHEN last > ?3 THEN 1 END), count(CASE WHEN last > ?4 THEN 1 END)
		FROM response_reach WHERE staff = ?1 AND last > ?2`, db.Args(a.staff, since(week), since(day), since(hour)), &f.week, &f.day, &f.hour)
	if err != nil {
		return f, err
	}
	for id, n := range peers {
		if id != a.staff {
			f.peers = append(f.peers, n)
		}
	}
	if len(guarded) > 0 {
		f.guarded, err = d.rememberGuarded(tx, a, guarded)
	}
	return f, err
}

// rememberSession notes where a session comes from.
func (d *Detector) rememberSession(tx *db.Tx, a act) (f figures, err error) {
	if _, err := tx.Exec("INSERT INTO response_session_network (session, network, at) VALUES (?1, ?2, ?3) ON CONFLICT (session, network) DO NOTHING",
		a.session, a.network, db.Millis(a.at)); err != nil {
		return f, err
	}
	var fresh int64
	err = tx.Row(`INSERT INTO response_session (session, staff, credential, network, fresh, shown, deepest, last) VALUES (?1, ?2, ?3, ?4, ?5, 0, 0, ?6)
		ON CONFLICT (session) DO UPDATE SET
			network = CASE WHEN ?5 = 1 OR response_session.network = '' THEN ?4 ELSE response_session.network END,
			fresh = CASE WHEN ?5 = 1 THEN 1 ELSE response_session.fresh END
		RETURNING fresh, shown, deepest`,
		db.Args(a.session, a.staff, a.credential, a.network, db.Bit(a.fresh), db.Millis(a.at)), &fresh, &f.sessionShown, &f.sessionDeepest)
	f.freshSession = fresh == 1
	return f, err
}

// rememberShown counts a disclosure for its session.
func (d *Detector) rememberShown(tx *db.Tx, a act) (f figures, err error) {
	var fresh int64
	err = tx.Row(`INSERT INTO response_session (session, staff, credential, network, fresh, shown, deepest, last) VALUES (?1, ?2, ?3, '', 0, 1, ?4, ?5)
		ON CONFLICT (session) DO UPDATE SET shown = response_session.shown + 1, last = ?5,
			deepest = CASE WHEN response_session.deepest < ?4 THEN ?4 ELSE response_session.deepest END
		RETURNING fresh, shown, deepest`,
		db.Args(a.session, a.staff, a.credential, int64(a.tier), db.Millis(a.at)), &fresh, &f.sessionShown, &f.sessionDeepest)
	f.freshSession = fresh == 1
	return f, err
}

// rememberGuarded counts the guarded messages a member was shown within a day.
func (d *Detector) rememberGuarded(tx *db.Tx, a act, guarded []postern.MessageID) (total int, err error) {
	for _, m := range guarded {
		if _, err := tx.Exec("INSERT INTO response_guarded (staff, message, at) VALUES (?1, ?2, ?3) ON CONFLICT (staff, message) DO UPDATE SET at = ?3",
			a.staff, m, db.Millis(a.at)); err != nil {
			return 0, err
		}
	}
	err = tx.Row("SELECT count(*) FROM response_guarded WHERE staff = ?1 AND at > ?2", db.Args(a.staff, db.Millis(a.at.Add(-day))), &total)
	return total, err
}

// peerReach gives everybody's accounts of the last week. It is read at most
// every ten minutes: a median moves slowly, and the table is as large as a week
// of the whole desk.
func (d *Detector) peerReach(ctx context.Context) (map[postern.StaffID]int, error) {
	now := d.now()
	d.peersMu.Lock()
	defer d.peersMu.Unlock()
	if age := now.Sub(d.peersAt); d.peers != nil && age >= 0 && age < 10*time.Minute {
		return d.peers, nil
	}
	reach := map[postern.StaffID]int{}
	err := d.db.View(ctx, func(tx *db.Tx) error {
		return tx.Rows("SELECT staff, count(*) FROM response_reach WHERE last > ?1 GROUP BY staff", db.Args(db.Millis(now.Add(-week))), func(row db.Scanner) error {
			var id postern.StaffID
			var n int
			err := row.Scan(&id, &n)
			reach[id] = n
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't read what is usual at the desk: %w", err)
	}
	d.peers, d.peersAt = reach, now
	return reach, nil
}

// forget drops what no rule looks at any more. Sessions stay: a scope by
// network asks for them.
func (d *Detector) forget(ctx context.Context) error {
	old := d.now().Add(-2 * week)
	var stale int
	err := d.db.View(ctx, func(tx *db.Tx) error {
		return tx.Row(`SELECT (SELECT count(*) FROM response_reach WHERE last < ?1)
			+ (SELECT count(*) FROM response_guarded WHERE at < ?1)`, db.Args(db.Millis(old)), &stale)
	})
	if err != nil || stale < batch {
		return err
	}
	return d.db.Update(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec("DELETE FROM response_reach WHERE last < ?1", db.Millis(old)); err != nil {
			return err
		}
		_, err := tx.Exec("DELETE FROM response_guarded WHERE at < ?1", db.Millis(old))
		return err
	})
}
