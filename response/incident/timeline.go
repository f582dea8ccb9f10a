package incident

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/staff"
)

// The kinds of a timeline's lines. Their sentences are in the pages' language;
// Facts holds what goes into them.
const (
	LineOpened    = "opened"
	LineAlert     = "alert"      // rule, alert
	LineNote      = "note"       // Text
	LineTask      = "task"       // task or text, state
	LineLead      = "lead"       // from, to
	LineCause     = "cause"      // from, to
	LineSeverity  = "severity"   // from, to
	LineContained = "contained"  // kind, subject, sessions, grants, ms
	LineLifted    = "lifted"     // kind, subject
	LineLiftAsked = "lift-asked" // kind, subject: a second person has to agree
	LineScoped    = "scoped"     // version, accounts, messages, disclosures, erased
	LineDrafted   = "drafted"    // version, notices
	LineSubmitted = "submitted"  // version
	LineApproved  = "approved"   // version
	LineReturned  = "returned"   // version: not approved
	LineReleased  = "released"   // version
	LinePaused    = "paused"     // version
	LineResumed   = "resumed"    // version
	LineTried     = "tried"      // version: a test was sent
	LineSent      = "sent"       // version, sent, failed
	LineClosed    = "closed"
	LineReopened  = "reopened"
)

// Line is one line of an incident's timeline. Lines are never changed.
type Line struct {
	Seq       int64
	At        time.Time
	Kind      string
	Actor     postern.StaffID // empty: the product itself
	ActorName string
	Text      string            // a person's own words
	Facts     map[string]string // see the kinds
	Position  int64             // in the ledger, -1 for none
}

// Write appends a line in the transaction that does what it says.
func (b *Book) Write(tx *db.Tx, id postern.IncidentID, by staff.Session, l Line) error {
	facts, err := json.Marshal(l.Facts)
	if err != nil {
		return err
	}
	var position *int64
	if l.Kind == LineContained || l.Kind == LineLifted {
		position = &l.Position
	}
	err = tx.ExecOne("INSERT INTO response_timeline (incident, at, kind, actor, actor_name, text, facts, position) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
		id, db.Millis(b.now()), l.Kind, by.Staff, by.Name, l.Text, string(facts), position)
	if err != nil {
		return fmt.Errorf("couldn't write the timeline: %w", err)
	}
	return nil
}

// Timeline gives an incident's lines, oldest first.
func (b *Book) Timeline(ctx context.Context, id postern.IncidentID) (lines []Line, err error) {
	err = b.db.View(ctx, func(tx *db.Tx) error {
		lines = nil
		return tx.Rows("SELECT seq, at, kind, actor, actor_name, text, facts, position FROM response_timeline WHERE incident = ?1 ORDER BY seq", db.Args(id),
			func(row db.Scanner) error {
				l := Line{Position: -1}
				var at int64
				var facts string
				var position *int64
				if err := row.Scan(&l.Seq, &at, &l.Kind, &l.Actor, &l.ActorName, &l.Text, &facts, &position); err != nil {
					return err
				}
				l.At = db.Moment(at)
				if position != nil {
					l.Position = *position
				}
				lines = append(lines, l)
				return json.Unmarshal([]byte(facts), &lines[len(lines)-1].Facts)
			})
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't read the timeline: %w", err)
	}
	return lines, nil
}

// Note adds a person's own words to the timeline.
func (b *Book) Note(ctx context.Context, by staff.Session, id postern.IncidentID, text string) error {
	return b.Change(ctx, by, id, text, func(tx *db.Tx, _ Incident, text string) error {
		return b.Write(tx, id, by, Line{Kind: LineNote, Text: text})
	})
}
