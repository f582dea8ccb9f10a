package detect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/response/incident"
	"github.com/postern-mail/postern/response/refuse"
	"github.com/postern-mail/postern/staff"
)

// The statuses of an alert.
const (
	AlertOpen      = "open"      // nobody has dealt with it
	AlertIncident  = "incident"  // it belongs to an incident that is not closed
	AlertDismissed = "dismissed" // a responder said why it is nothing
	AlertClosed    = "closed"    // its incident is closed
)

// Alert is a rule that fired about one member of staff, with everything that
// came after it.
type Alert struct {
	ID          postern.AlertID
	Rule        string
	Severity    incident.Severity
	Status      string
	At          time.Time // when it was raised
	First, Last time.Time // of what it rests on
	Count       int       // acts it rests on; Evidence lists the first of them
	Staff       postern.StaffID
	StaffName   string
	Credential  postern.CredentialID // of the latest act
	Sessions    []postern.SessionID
	Network     string         // the latest known
	Figures     map[string]int // what the rule counted, and its limit
	Incident    postern.IncidentID
	ClosedAt    time.Time
	ClosedBy    string
	ClosedWhy   string
	Evidence    []Evidence // only from [Response.Alert]
}

// Evidence is one act that an alert rests on.
type Evidence struct {
	Feed     string // "staff" or "ledger"
	Position int64  // in that feed: an event's number, an entry's index
	At       time.Time
	Kind     string // "sign-in", "moved", "shown", "refused"
	Session  postern.SessionID
	Network  string
	Account  postern.AccountID
	Tier     postern.Tier
	Messages int
}

// maxEvidence bounds what one alert lists. The ledger has the rest, and a scope
// finds it.
const maxEvidence = 200

// raise adds a finding to the open alert of its rule and member, or opens one.
func (d *Detector) raise(tx *db.Tx, a act, f finding) (fresh bool, err error) {
	numbers, err := json.Marshal(f.figures)
	if err != nil {
		return false, err
	}
	var id postern.AlertID
	err = tx.Row("SELECT id FROM response_alert WHERE rule = ?1 AND staff = ?2 AND status <> 'dismissed' AND status <> 'closed'",
		db.Args(f.rule, a.staff), &id)
	switch {
	case err == nil:
		err = tx.ExecOne(`UPDATE response_alert SET last = ?2, count = count + 1, credential = ?3, figures = ?4,
			network = CASE WHEN ?5 = '' THEN network ELSE ?5 END,
			severity = CASE WHEN severity < ?6 THEN ?6 ELSE severity END WHERE id = ?1`,
			id, db.Millis(a.at), a.credential, string(numbers), a.network, int64(f.severity))
	case errors.Is(err, db.ErrNoRows):
		var one int
		err = tx.Row("SELECT 1 FROM response_alert WHERE rule = ?1 AND staff = ?2 AND status = 'dismissed' AND closed_at > ?3",
			db.Args(f.rule, a.staff, db.Millis(a.at.Add(-d.rules.Quiet))), &one)
		if err == nil {
			return false, nil // somebody looked at this today and said why it is nothing
		}
		if !errors.Is(err, db.ErrNoRows) {
			return false, err
		}
		fresh, id = true, postern.AlertID(postern.NewID())
		err = tx.ExecOne(`INSERT INTO response_alert (id, rule, severity, status, at, first, last, count, staff, credential, network, figures)
			VALUES (?1, ?2, ?3, 'open', ?4, ?5, ?5, 1, ?6, ?7, ?8, ?9)`,
			id, f.rule, int64(f.severity), db.Millis(d.now()), db.Millis(a.at), a.staff, a.credential, a.network, string(numbers))
	}
	if err != nil {
		return false, fmt.Errorf("couldn't write the alert %s: %w", f.rule, err)
	}
	var listed int
	if err := tx.Row("SELECT count(*) FROM response_evidence WHERE alert = ?1", db.Args(id), &listed); err != nil || listed >= maxEvidence {
		return fresh, err
	}
	_, err = tx.Exec(`INSERT INTO response_evidence (alert, feed, position, at, kind, session, network, account, tier, messages)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (alert, feed, position) DO NOTHING`,
		id, a.feed, a.position, db.Millis(a.at), a.kind, a.session, a.network, a.account, int64(a.tier), int64(len(a.messages)))
	return fresh, err
}

// AlertFilter chooses alerts; zero fields choose all.
type AlertFilter struct {
	Status   string
	Incident postern.IncidentID
	Limit    int // 0 means 100
}

const alertColumns = `id, rule, severity, status, at, first, last, count, staff, credential, network, figures,
	COALESCE(incident, ''), closed_at, COALESCE(closed_by, ''), COALESCE(closed_why, '')`

func scanAlert(row db.Scanner) (a Alert, err error) {
	var severity, at, first, last int64
	var closed *int64
	var numbers string
	err = row.Scan(&a.ID, &a.Rule, &severity, &a.Status, &at, &first, &last, &a.Count, &a.Staff, &a.Credential, &a.Network, &numbers,
		&a.Incident, &closed, &a.ClosedBy, &a.ClosedWhy)
	if err != nil {
		return a, err
	}
	a.Severity, a.At, a.First, a.Last, a.ClosedAt = incident.Severity(severity), db.Moment(at), db.Moment(first), db.Moment(last), db.Instant(closed)
	return a, json.Unmarshal([]byte(numbers), &a.Figures)
}

// Alerts gives the chosen alerts, the gravest first and then the latest.
func (d *Detector) Alerts(ctx context.Context, f AlertFilter) (all []Alert, err error) {
	if f.Limit <= 0 {
		f.Limit = 100
	}
	err = d.db.View(ctx, func(tx *db.Tx) error {
		all = nil
		return tx.Rows("SELECT "+alertColumns+` FROM response_alert WHERE (?1 = '' OR status = ?1) AND (?2 = '' OR incident = ?2)
			ORDER BY severity DESC, last DESC, id LIMIT ?3`, db.Args(f.Status, string(f.Incident), f.Limit), func(row db.Scanner) error {
			a, err := scanAlert(row)
			all = append(all, a)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't read the alerts: %w", err)
	}
	return all, d.name(ctx, all)
}

// Alert gives one with its evidence, oldest first.
func (d *Detector) Alert(ctx context.Context, id postern.AlertID) (a Alert, err error) {
	err = d.db.View(ctx, func(tx *db.Tx) error {
		found := false
		err := tx.Rows("SELECT "+alertColumns+" FROM response_alert WHERE id = ?1", db.Args(id), func(row db.Scanner) (err error) {
			found = true
			a, err = scanAlert(row)
			return err
		})
		if err == nil && !found {
			err = refuse.Unknown("response.unknown.alert", "there is no such alert")
		}
		if err != nil {
			return err
		}
		return tx.Rows(`SELECT feed, position, at, kind, session, network, account, tier, messages FROM response_evidence
			WHERE alert = ?1 ORDER BY at, feed DESC, position`, db.Args(id), func(row db.Scanner) error {
			var e Evidence
			var at int64
			err := row.Scan(&e.Feed, &e.Position, &at, &e.Kind, &e.Session, &e.Network, &e.Account, &e.Tier, &e.Messages)
			e.At = db.Moment(at)
			a.Evidence = append(a.Evidence, e)
			return err
		})
	})
	if err != nil {
		return Alert{}, err
	}
	seen := map[postern.SessionID]bool{}
	for _, e := range a.Evidence {
		if !seen[e.Session] && e.Session != "" {
			seen[e.Session] = true
			a.Sessions = append(a.Sessions, e.Session)
		}
	}
	one := []Alert{a}
	err = d.name(ctx, one)
	return one[0], err
}

// name fills in the members' names.
func (d *Detector) name(ctx context.Context, alerts []Alert) error {
	names := map[postern.StaffID]string{}
	for i := range alerts {
		id := alerts[i].Staff
		if _, ok := names[id]; !ok {
			m, err := d.staff.ByID(ctx, id)
			if err != nil && postern.KindOf(err) != postern.NotFound {
				return err
			}
			names[id] = m.Name
		}
		alerts[i].StaffName = names[id]
	}
	return nil
}

// Dismiss closes an alert that is nothing, with the sentence that says why. Its
// rule then stays silent about this member for [Rules.Quiet].
func (d *Detector) Dismiss(ctx context.Context, by staff.Session, id postern.AlertID, why string) error {
	if err := incident.Require(by, staff.Responder); err != nil {
		return err
	}
	why, err := incident.Sentence(why)
	if err != nil {
		return err
	}
	return d.db.Update(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec("UPDATE response_alert SET status = 'dismissed', closed_at = ?2, closed_by = ?3, closed_why = ?4 WHERE id = ?1 AND status = 'open'",
			id, db.Millis(d.now()), by.Name, why)
		if err == nil && n == 0 {
			err = refuse.Conflict("response.conflict.alert", "this alert is not open any more")
		}
		return err
	})
}

// Open gives these alerts in a transaction: Conflict when one is not open.
func Open(tx *db.Tx, ids []postern.AlertID) (alerts []Alert, err error) {
	for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
		n := len(alerts)
		err := tx.Rows("SELECT "+alertColumns+" FROM response_alert WHERE id = ?1 AND status = 'open'", db.Args(id), func(row db.Scanner) error {
			a, err := scanAlert(row)
			alerts = append(alerts, a)
			return err
		})
		if err == nil && len(alerts) == n {
			err = refuse.Conflict("response.conflict.alert", "an alert is not open any more")
		}
		if err != nil {
			return nil, err
		}
	}
	return alerts, nil
}

// Take gives open alerts to an incident.
func Take(tx *db.Tx, in postern.IncidentID, alerts []Alert) error {
	for _, a := range alerts {
		n, err := tx.Exec("UPDATE response_alert SET status = 'incident', incident = ?2 WHERE id = ?1 AND status = 'open'", a.ID, in)
		if err == nil && n == 0 {
			err = refuse.Conflict("response.conflict.alert", "an alert is not open any more")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Settle closes the alerts of an incident that is closed.
func Settle(tx *db.Tx, in postern.IncidentID, by string, now time.Time) error {
	_, err := tx.Exec("UPDATE response_alert SET status = 'closed', closed_at = ?2, closed_by = ?3, closed_why = '' WHERE incident = ?1 AND status = 'incident'",
		in, db.Millis(now), by)
	return err
}
