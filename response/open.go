package response

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/response/detect"
	"github.com/postern-mail/postern/response/incident"
	"github.com/postern-mail/postern/response/refuse"
	"github.com/postern-mail/postern/staff"
)

// OpenIncident makes an incident of alerts, or of none. Its lead is who opens
// it. Errors: Invalid without a title, Conflict when an alert is taken.
func (r *Response) OpenIncident(ctx context.Context, by staff.Session, title string, alerts ...postern.AlertID) (in incident.Incident, err error) {
	if err := incident.Require(by, staff.Responder); err != nil {
		return in, err
	}
	if title, err = incident.Title(title); err != nil {
		return in, err
	}
	standing, err := r.Standing(ctx)
	if err != nil {
		return in, err
	}
	err = r.db.Update(ctx, func(tx *db.Tx) error {
		taken, err := detect.Open(tx, alerts)
		if err != nil {
			return err
		}
		severity, aware := incident.Medium, time.Time{}
		for _, a := range taken {
			severity = max(severity, a.Severity)
			if aware.IsZero() || a.At.Before(aware) {
				aware = a.At
			}
		}
		if in, err = r.Book.Add(tx, by, title, severity, aware); err != nil {
			return err
		}
		if err := detect.Take(tx, in.ID, taken); err != nil {
			return err
		}
		for _, a := range taken {
			if err := r.Book.Write(tx, in.ID, by, incident.Line{Kind: incident.LineAlert, Facts: detect.Facts(a)}); err != nil {
				return err
			}
		}
		// Somebody may have acted first and opened the incident afterwards.
		acted := len(taken) > 0 && !slices.ContainsFunc(taken, func(a detect.Alert) bool {
			return standing.Of(gate.KindCredential, string(a.Credential)) != AccessEnded
		})
		if !acted {
			return nil
		}
		if err := r.Book.Done(tx, in.ID, by, "contain"); err != nil {
			return err
		}
		if err := r.Book.Advance(tx, in, incident.StateContained); err != nil {
			return err
		}
		in.State, in.Contained = incident.StateContained, in.Opened
		return nil
	})
	if err != nil {
		return incident.Incident{}, fmt.Errorf("couldn't open the incident: %w", err)
	}
	return in, nil
}

// Close ends an incident, with the sentence that says what came of it. Its
// alerts are closed with it; containments stay in force.
func (r *Response) Close(ctx context.Context, by staff.Session, id postern.IncidentID, why string) error {
	return r.Book.Change(ctx, by, id, why, func(tx *db.Tx, in incident.Incident, why string) error {
		if err := detect.Settle(tx, id, by.Name, r.now()); err != nil {
			return err
		}
		return r.Book.End(tx, by, in, why)
	})
}

// SetCause records what the incident's cause is taken to be. What was drafted
// says something else, and is discarded.
func (r *Response) SetCause(ctx context.Context, by staff.Session, id postern.IncidentID, cause, why string) error {
	if !slices.Contains(incident.Causes[:], cause) {
		return refuse.Invalid("response.invalid.cause", "a cause is \"unknown\", \"stolen\" or \"insider\"")
	}
	return r.Book.Change(ctx, by, id, why, func(tx *db.Tx, in incident.Incident, why string) error {
		if err := r.Office.Discard(tx, id); err != nil {
			return err
		}
		return r.Book.Blame(tx, by, in, cause, why)
	})
}
