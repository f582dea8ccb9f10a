package detect

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/response/detect/rules"
	"github.com/postern-mail/postern/response/incident"
	"github.com/postern-mail/postern/response/refuse"
	"github.com/postern-mail/postern/response/sigma"
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
	At          time.Time       // when it was raised
	First, Last time.Time       // of what it rests on
	Count       int             // acts it rests on; Evidence lists the first of them
	Subject     string          // whom or what it is about: a member, or a network
	Staff       postern.StaffID // "" where it is about no member
	StaffName   string
	Credential  postern.CredentialID // of the latest act
	Sessions    []postern.SessionID
	Network     string         // the latest known
	Figures     map[string]int // "value", "limit"; against peers also "percentile", "usual", "times", "observations"
	Team        string         // whose past it was held against
	Title       string         // the rule's own words, of its first match
	Description string
	Version     string // of the rule: the hash of its text
	Own         bool   // the rule is the provider's own, not the pack's
	Ending      Ending // what it ended by itself
	Incident    postern.IncidentID
	ClosedAt    time.Time
	ClosedBy    string
	ClosedWhy   string
	Evidence    []Evidence // only from [Response.Alert]
}

// The states of what an alert ends by itself.
const (
	EndingDue    = "due"
	EndingDone   = "done"
	EndingFailed = "failed"
)

// Ending is what an alert's rule ends by itself.
type Ending struct {
	State         string // "", or EndingDue, …
	Kind, Subject string // as in gate.Target
	Containment   postern.ContainmentID
}

func (e Ending) target() gate.Target { return gate.Target{Kind: e.Kind, Subject: e.Subject} }

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

// AlertFilter chooses alerts; zero fields choose all.
type AlertFilter struct {
	Status   string
	Incident postern.IncidentID
	Limit    int // 0 means 100
}

const alertColumns = `id, rule, severity, status, at, first, last, count, staff, credential, network, figures,
	COALESCE(incident, ''), closed_at, COALESCE(closed_by, ''), COALESCE(closed_why, ''),
	subject, title, description, rule_version, team, ending, ending_kind, ending_subject, ending_id`

func scanAlert(row db.Scanner) (a Alert, err error) {
	var severity, at, first, last int64
	var closed *int64
	var numbers string
	err = row.Scan(&a.ID, &a.Rule, &severity, &a.Status, &at, &first, &last, &a.Count, &a.Staff, &a.Credential, &a.Network, &numbers,
		&a.Incident, &closed, &a.ClosedBy, &a.ClosedWhy,
		&a.Subject, &a.Title, &a.Description, &a.Version, &a.Team, &a.Ending.State, &a.Ending.Kind, &a.Ending.Subject, &a.Ending.Containment)
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
	err = d.DB.View(ctx, func(tx *db.Tx) error {
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
	err = d.DB.View(ctx, func(tx *db.Tx) error {
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
	pack := packNames()
	names := map[postern.StaffID]string{}
	for i := range alerts {
		id := alerts[i].Staff
		if _, ok := names[id]; !ok && id != "" {
			m, err := d.Staff.ByID(ctx, id)
			if err != nil && postern.KindOf(err) != postern.NotFound {
				return err
			}
			names[id] = m.Name
		}
		alerts[i].StaffName = names[id]
		alerts[i].Own = !slices.Contains(pack, alerts[i].Rule)
	}
	return nil
}

// Dismiss closes an alert that is nothing, with the sentence that says why. Its
// rule then stays silent about this member for [Settings.Quiet].
func (d *Detector) Dismiss(ctx context.Context, by staff.Session, id postern.AlertID, why string) error {
	if err := incident.Require(by, staff.Responder); err != nil {
		return err
	}
	why, err := incident.Sentence(why)
	if err != nil {
		return err
	}
	return d.DB.Update(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec("UPDATE response_alert SET status = 'dismissed', closed_at = ?2, closed_by = ?3, closed_why = ?4 WHERE id = ?1 AND status = 'open'",
			id, db.Millis(d.Now()), by.Name, why)
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

// packNames are the names of the alerts that the pack can raise. The pack is
// part of the program: it was compiled when the detector was made.
var packNames = sync.OnceValue(func() (names []string) {
	docs, err := rules.Pack()
	if err != nil {
		return nil
	}
	e, err := sigma.Compile(docs, rules.Schema, sigma.Options{Subject: "staff"})
	if err != nil {
		return nil
	}
	for _, r := range e.Rules() {
		if !slices.Contains(names, r.Alert) {
			names = append(names, r.Alert)
		}
	}
	return names
})

// PackNames lists the names of the alerts that the pack can raise.
func PackNames() []string { return slices.Clone(packNames()) }

// Facts are what a timeline keeps of an alert: a provider's own rule with its
// title, for its words are nowhere else.
func Facts(a Alert) map[string]string {
	f := map[string]string{"rule": a.Rule, "alert": string(a.ID)}
	if !slices.Contains(packNames(), a.Rule) {
		f["title"] = a.Title
	}
	return f
}
