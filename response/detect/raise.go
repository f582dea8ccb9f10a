package detect

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/response/detect/rules"
	"github.com/postern-mail/postern/response/incident"
	"github.com/postern-mail/postern/response/sigma"
)

// gathered is what a batch has for one alert.
type gathered struct {
	rule     *sigma.Rule // of the gravest match
	subject  string
	match    sigma.Match // the latest
	act      act         // that made it
	count    int
	first    int64
	severity incident.Severity
	refs     []sigma.Ref
	contain  string // what to end, of the kind that the rule names
	kind     string
	evidence []Evidence
}

type alertKey struct{ alert, subject string }

// gathering merges a batch's matches by alert.
type gathering map[alertKey]*gathered

func (g gathering) add(m sigma.Match, a *act, keepIn []string) {
	k := alertKey{m.Rule.Alert, m.Subject}
	one := g[k]
	if one == nil {
		one = &gathered{subject: m.Subject, first: m.First}
		g[k] = one
	}
	if s := severityOf(m); one.rule == nil || s >= one.severity {
		one.rule, one.severity = m.Rule, s
		one.match = m
	}
	one.act = *a
	one.count++
	one.first = min(one.first, m.First)
	one.refs = append(append(one.refs, m.Before...), m.Event)
	if m.Contain != "" && !slices.Contains(keepIn, m.Rule.Name) {
		one.kind, one.contain = m.Rule.Contain, m.Contain
	}
}

func (g gathering) inOrder() []*gathered {
	keys := slices.SortedFunc(maps.Keys(g), func(a, b alertKey) int {
		return cmp.Or(cmp.Compare(a.alert, b.alert), cmp.Compare(a.subject, b.subject))
	})
	all := make([]*gathered, len(keys))
	for i, k := range keys {
		all[i] = g[k]
	}
	return all
}

// severityOf is the rule's, and graver at twice its limit: at the limit somebody
// should look, at twice the limit now.
func severityOf(m sigma.Match) incident.Severity {
	switch {
	case m.Rule.Level >= sigma.High, m.Rule.Level == sigma.Medium && m.Limit > 1 && m.Value >= 2*m.Limit:
		return incident.High
	case m.Rule.Level == sigma.Medium:
		return incident.Medium
	}
	return incident.Low
}

// evidence looks up what the matches rest on: mostly acts of this batch, and of
// a window that was filling up, earlier ones.
func (d *Detector) evidence(ctx context.Context, g gathering, acts []act) error {
	here := map[sigma.Ref]*act{}
	for i := range acts {
		here[sigma.Ref{Feed: acts[i].feed, Position: acts[i].position}] = &acts[i]
	}
	for _, one := range g {
		seen := map[sigma.Ref]bool{}
		for _, ref := range one.refs {
			if seen[ref] || len(one.evidence) == maxEvidence {
				continue
			}
			seen[ref] = true
			a := here[ref]
			if a == nil {
				earlier, err := d.actAt(ctx, ref)
				if err != nil {
					return err
				}
				if earlier == nil {
					continue
				}
				a = earlier
				here[ref] = a
			}
			one.evidence = append(one.evidence, Evidence{Feed: feedNames[a.feed], Position: a.position, At: a.at, Kind: a.kind, Session: a.session, Network: a.network,
				Account: a.account, Tier: a.tier, Messages: len(a.messages)})
		}
	}
	return nil
}

func (d *Detector) actAt(ctx context.Context, ref sigma.Ref) (*act, error) {
	if ref.Feed == rules.Staff {
		events, err := d.Staff.Events(ctx, ref.Position-1, 1)
		if err != nil || len(events) == 0 {
			return nil, err
		}
		a, ok := actOfEvent(events[0])
		if !ok || a.position != ref.Position {
			return nil, nil
		}
		return &a, nil
	}
	entries, err := d.Ledger.Entries(ctx, ref.Position-1, 1)
	if err != nil || len(entries) == 0 {
		return nil, err
	}
	a, ok := actOfEntry(entries[0])
	if !ok || a.position != ref.Position {
		return nil, nil
	}
	return &a, nil
}

// figures are the numbers that an alert's sentence is made of.
func figures(m sigma.Match) map[string]int {
	f := map[string]int{"value": int(m.Value), "limit": int(m.Limit)}
	if m.Peers != nil {
		f["percentile"], f["usual"], f["times"], f["observations"] = m.Peers.Percentile, int(m.Peers.Value), int(m.Peers.Times), int(m.Peers.Observations)
	}
	return f
}

// raise adds what was gathered to the open alert of its name and subject, or
// opens one.
func (d *Detector) raise(tx *db.Tx, g *gathered) (fresh bool, err error) {
	numbers, err := json.Marshal(figures(g.match))
	if err != nil {
		return false, err
	}
	a, team := g.act, ""
	if g.match.Peers != nil {
		team = g.match.Peers.Team
	}
	var who postern.StaffID
	var credential postern.CredentialID
	switch g.rule.Subject {
	case "staff":
		who = postern.StaffID(g.subject)
		if a.staff == who {
			credential = a.credential
		}
	case "approver":
		who = postern.StaffID(g.subject)
	}
	network := a.network
	if g.rule.Subject == "network" {
		network = g.subject
	}
	var id postern.AlertID
	err = tx.Row("SELECT id FROM response_alert WHERE rule = ?1 AND subject = ?2 AND status <> 'dismissed' AND status <> 'closed'",
		db.Args(g.rule.Alert, g.subject), &id)
	switch {
	case err == nil:
		// The figures and the rule are those of the gravest so far.
		err = tx.ExecOne(`UPDATE response_alert SET last = CASE WHEN last < ?2 THEN ?2 ELSE last END, first = CASE WHEN first > ?3 THEN ?3 ELSE first END, count = count + ?4,
			credential = CASE WHEN ?5 = '' THEN credential ELSE ?5 END, network = CASE WHEN ?6 = '' THEN network ELSE ?6 END,
			figures = CASE WHEN severity <= ?7 THEN ?8 ELSE figures END, team = CASE WHEN severity <= ?7 THEN ?9 ELSE team END,
			rule_version = CASE WHEN severity <= ?7 THEN ?10 ELSE rule_version END,
			severity = CASE WHEN severity < ?7 THEN ?7 ELSE severity END WHERE id = ?1`,
			id, g.match.At, g.first, int64(g.count), credential, network, int64(g.severity), string(numbers), team, g.rule.Version)
	case errors.Is(err, db.ErrNoRows):
		var one int
		err = tx.Row("SELECT 1 FROM response_alert WHERE rule = ?1 AND subject = ?2 AND status = 'dismissed' AND closed_at > ?3",
			db.Args(g.rule.Alert, g.subject, db.Millis(a.at.Add(-d.Settings.Quiet))), &one)
		if err == nil {
			return false, nil // somebody looked at this today and said why it is nothing
		}
		if !errors.Is(err, db.ErrNoRows) {
			return false, err
		}
		fresh, id = true, postern.AlertID(postern.NewID())
		err = tx.ExecOne(`INSERT INTO response_alert (id, rule, severity, status, at, first, last, count, staff, credential, network, figures, subject, title, description, rule_version, team)
			VALUES (?1, ?2, ?3, 'open', ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)`,
			id, g.rule.Alert, int64(g.severity), db.Millis(d.Now()), g.first, g.match.At, int64(g.count), who, credential, network, string(numbers), g.subject,
			g.rule.Title, g.rule.Description, g.rule.Version, team)
	}
	if err != nil {
		return false, fmt.Errorf("couldn't write the alert %s: %w", g.rule.Alert, err)
	}
	if g.contain != "" {
		if err := tx.ExecOne("UPDATE response_alert SET ending = 'due', ending_kind = ?2, ending_subject = ?3 WHERE id = ?1", id, g.kind, g.contain); err != nil {
			return false, err
		}
	}
	return fresh, list(tx, id, g.evidence)
}

// list adds evidence to an alert, up to what one lists.
func list(tx *db.Tx, id postern.AlertID, evidence []Evidence) error {
	var listed int
	if err := tx.Row("SELECT count(*) FROM response_evidence WHERE alert = ?1", db.Args(id), &listed); err != nil {
		return err
	}
	for _, e := range evidence {
		if listed >= maxEvidence {
			return nil
		}
		n, err := tx.Exec(`INSERT INTO response_evidence (alert, feed, position, at, kind, session, network, account, tier, messages)
			VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (alert, feed, position) DO NOTHING`,
			id, e.Feed, e.Position, db.Millis(e.At), e.Kind, e.Session, e.Network, e.Account, int64(e.Tier), int64(e.Messages))
		if err != nil {
			return err
		}
		listed += int(n)
	}
	return nil
}

// endDue ends what rules asked to end. It was written down as due with the
// alert, so a process that ends in between leaves it to the next.
func (d *Detector) endDue(ctx context.Context) error {
	var due []Alert
	err := d.DB.View(ctx, func(tx *db.Tx) error {
		due = nil
		return tx.Rows("SELECT "+alertColumns+" FROM response_alert WHERE ending = 'due' ORDER BY at LIMIT 100", nil, func(row db.Scanner) error {
			a, err := scanAlert(row)
			due = append(due, a)
			return err
		})
	})
	if err != nil || d.End == nil {
		return err
	}
	for _, a := range due {
		id, err := d.End(ctx, a, a.Ending.target())
		state := EndingDone
		if err != nil {
			if k := postern.KindOf(err); ctx.Err() != nil || k != postern.Invalid && k != postern.NotFound && k != postern.Denied {
				return fmt.Errorf("couldn't end what the rule %s asks to end: %w", a.Rule, err)
			}
			d.Log.Error("a rule asks to end what can't be ended", "rule", a.Rule, "err", err)
			state = EndingFailed
		}
		err = d.DB.Update(context.WithoutCancel(ctx), func(tx *db.Tx) error {
			_, err := tx.Exec("UPDATE response_alert SET ending = ?2, ending_id = ?3 WHERE id = ?1 AND ending = 'due'", a.ID, state, string(id))
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Match is what a backtest found: a rule and whom it fired about.
type Match struct {
	Alert, Rule, Title string
	Version            string
	Severity           incident.Severity
	Subject            string
	First, Last        time.Time
	Count              int
	Value, Limit       int64
	Team               string
	Usual              int64 // of the team, where the rule compares
}
