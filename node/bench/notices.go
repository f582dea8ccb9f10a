package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	dbopen "github.com/postern-mail/postern/db/open"
	"github.com/postern-mail/postern/node"
	"github.com/postern-mail/postern/response/incident"
	"github.com/postern-mail/postern/response/notify"
	"github.com/postern-mail/postern/response/scope"
	"github.com/postern-mail/postern/staff"
)

// notices measures an incident of many: written, and sent to every mailbox with a
// line in the ledger for each. The accounts and what was shown of them are
// written straight into the tables.
func notices(ctx context.Context, n *node.Node, engine string, o Options) error {
	mail, err := dbopen.SQLite(ctx, n.Config().Data, dbopen.Mail)
	if err != nil {
		return err
	}
	defer mail.Close()
	if err := fill(ctx, mail, 0, o.People); err != nil {
		return err
	}
	if err := n.Staff.CreateOrganisation(ctx, staff.Organisation{ID: "provider", Name: "Bench", Kind: "provider"}); err != nil {
		return err
	}
	lea := staff.Session{ID: postern.SessionID(postern.NewID()), Staff: postern.StaffID(postern.NewID()), Name: "Lea", Roles: []staff.Role{staff.Responder}}
	max := lea
	max.Staff, max.Name = postern.StaffID(postern.NewID()), "Max"
	in, err := n.Response.OpenIncident(ctx, lea, "An incident of many")
	if err != nil {
		return err
	}
	if err := n.Response.SetCause(ctx, lea, in.ID, incident.CauseStolen, "To measure."); err != nil {
		return err
	}
	response, err := dbopen.SQLite(ctx, n.Config().Data, dbopen.Response)
	if err != nil {
		return err
	}
	defer response.Close()
	if err := expose(ctx, mail, response, in.ID, o.People, n.Now()); err != nil {
		return err
	}
	for _, c := range []struct{ verb, until string }{{"composed", notify.BatchDraft}, {"logged and in the mailboxes", notify.BatchSent}} {
		began := time.Now()
		if c.until == notify.BatchDraft {
			_, err = n.Response.Draft(ctx, lea, in.ID)
		} else if err = n.Response.Approve(ctx, max, in.ID); err == nil {
			err = n.Response.Release(ctx, max, in.ID)
		}
		if err != nil {
			return err
		}
		if err := reach(ctx, n, lea, in.ID, c.until); err != nil {
			return err
		}
		took := time.Since(began)
		o.Each(Figure{Name: fmt.Sprintf("%d notices %s in %.1f s, %s", o.People, c.verb, took.Seconds(), engine), Value: float64(o.People) / took.Seconds(), Unit: "/s", Bar: "1e6 in 10 min: 1,667/s for both together"})
	}
	return nil
}

// reach waits until the newest version is in a state, going on after the first
// stage.
func reach(ctx context.Context, n *node.Node, by staff.Session, id postern.IncidentID, state string) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		b, err := n.Response.Batch(ctx, id)
		switch {
		case err != nil:
			return err
		case b.State == state && b.Counts.Failed > 0:
			return fmt.Errorf("%d notices failed", b.Counts.Failed)
		case b.State == state:
			return nil
		case b.State == notify.BatchDiscarded:
			return errors.New("the version was discarded: " + b.Problem)
		case b.State == notify.BatchPaused:
			if err := n.Response.Resume(ctx, by, id); err != nil {
				return err
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// expose saves a scope in which each account's list of five messages was shown.
func expose(ctx context.Context, mail, response *db.Handle, in postern.IncidentID, people int, at time.Time) error {
	totals, err := json.Marshal(scope.Totals{Selected: people, Disclosures: people, Accounts: people, Messages: 5 * people})
	if err != nil {
		return err
	}
	err = response.Update(ctx, func(tx *db.Tx) error {
		return tx.ExecOne("INSERT INTO response_scope (incident, version, made, maker, maker_name, selector, totals, took) VALUES (?1, 1, ?2, '', 'Lea', '{}', ?3, 0)", in, db.Millis(at), string(totals))
	})
	after := ""
	for err == nil {
		var ids []postern.AccountID
		err = mail.View(ctx, func(tx *db.Tx) error {
			return tx.Rows("SELECT id FROM account_account WHERE id > ?1 ORDER BY id LIMIT 20000", db.Args(after), func(row db.Scanner) error {
				var id postern.AccountID
				err := row.Scan(&id)
				ids = append(ids, id)
				return err
			})
		})
		if err != nil || len(ids) == 0 {
			return err
		}
		after = string(ids[len(ids)-1])
		rows := make([][]any, len(ids))
		for i, id := range ids {
			e := scope.Exposure{Account: id, Tier: postern.TierEnvelope, Fields: postern.FieldFrom | postern.FieldSubject | postern.FieldDate, First: at, Last: at, Certainty: scope.Shown}
			for range 5 {
				e.Messages = append(e.Messages, scope.ExposedMessage{ID: postern.MessageID(postern.NewID()), Fields: e.Fields})
			}
			e.Disclosures = []scope.ExposedLook{{ID: postern.DisclosureID(postern.NewID()), Seq: 1, At: at, Organisation: "provider", Messages: 5, Fields: e.Fields}}
			body, err := json.Marshal(e)
			if err != nil {
				return err
			}
			rows[i] = []any{string(in), int64(1), string(id), int64(e.Tier), e.Certainty, db.Millis(at), db.Millis(at), int64(5), int64(1), string(body)}
		}
		err = response.Update(ctx, func(tx *db.Tx) error {
			return tx.Many("INSERT INTO response_exposure (incident, version, account, tier, certainty, first, last, messages, disclosures, body) VALUES ", "", rows)
		})
	}
	return err
}
