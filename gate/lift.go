package gate

import (
	"context"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/gate/detail"
	"github.com/postern-mail/postern/gate/lease"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/staff"
)

// Reach is what a containment would end now, shown before it does.
type Reach struct {
	Sessions   int
	Members    int
	Grants     int
	Deliveries int // under way in this process
}

// Reach previews a containment.
func (g *Gate) Reach(ctx context.Context, t Target) (r Reach, err error) {
	if err := t.check(); err != nil {
		return r, err
	}
	var what lease.Ended
	column := map[string]string{KindCredential: "credential_id", KindSession: "session_id", KindNetwork: "network", KindOrganisation: "organisation", KindGrant: "id", KindDevice: "device", KindDesk: "desk"}[t.Kind]
	switch t.Kind {
	case KindCredential:
		what.Credential = postern.CredentialID(t.Subject)
	case KindOrganisation:
		what.Organisation = postern.OrganisationID(t.Subject)
	case KindSession:
		what.Sessions = map[postern.SessionID]bool{postern.SessionID(t.Subject): true}
	case KindGrant:
		what.Grants = map[postern.GrantID]bool{postern.GrantID(t.Subject): true}
	}
	where := "?2 = " + column
	switch {
	case column == "":
		return r, unknownKind(t.Kind)
	case t.Kind == KindDesk:
		what.All, where = true, "?2 = 'all'"
	case t.Kind == KindDevice:
		where = "session_id IN (SELECT id FROM staff_session WHERE device = ?2)"
	}
	if t.Kind != KindGrant {
		if r.Sessions, r.Members, err = g.staff.Reach(ctx, t.Kind, t.Subject); err != nil {
			return r, err
		}
	}
	err = g.db.View(ctx, func(tx *db.Tx) error {
		return tx.Row("SELECT count(*) FROM gate_grant WHERE ended_at = 0 AND until_at > ?1 AND "+where, db.Args(millis(g.now()), t.Subject), &r.Grants)
	})
	r.Deliveries = g.leases.Count(what)
	return r, err
}

// Lift lets a contained credential, device, network or organisation in again.
// Sessions and grants that ended stay ended: people sign in and ask again. All
// support power takes two people: lifted is false when the first has asked.
func (g *Gate) Lift(ctx context.Context, by Actor, id postern.ContainmentID, why string) (lifted bool, err error) {
	why = oneLine(why)
	if why == "" || len(why) > 4*maxSentence {
		return false, &postern.Error{Kind: postern.Invalid, Key: "gate.invalid.why", Text: "say why in a sentence"}
	}
	tried := attempt{what: "lift", by: staff.Session{ID: by.Session, Staff: by.Staff}}
	err = g.db.Update(ctx, func(tx *db.Tx) error {
		lifted = false
		if err := tx.Lock(lock); err != nil {
			return err
		}
		if err := g.mayContain(tx, by, &tried); err != nil {
			return err
		}
		found, err := containments(tx, "id = ?1", string(id))
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return &postern.Error{Kind: postern.NotFound, Key: "gate.unknown.containment", Text: "there is no such containment"}
		}
		c := found[0]
		if !c.LiftedAt.IsZero() {
			return &postern.Error{Kind: postern.Conflict, Key: "gate.conflict.lifted", Text: "the containment was lifted already"}
		}
		if c.Kind == KindDesk {
			switch {
			case c.LiftAskedBy == "":
				return tx.ExecOne("UPDATE gate_containment SET lift_asked_by = ?2, lift_asked_name = ?3 WHERE id = ?1", string(id), by.who(), by.Name)
			case c.LiftAskedBy == by.who():
				return &postern.Error{Kind: postern.Conflict, Key: "gate.conflict.second", Text: "you have asked for this already: a second responder has to agree"}
			}
		}
		lifted = true
		at := g.now()
		if err := tx.ExecOne("UPDATE gate_containment SET lifted_at = ?2, lifted_by = ?3, lifted_why = ?4 WHERE id = ?1 AND lifted_at = 0", string(id), millis(at), by.Name, why); err != nil {
			return err
		}
		// The same thing may have been contained twice, for two reasons: the
		// second one holds until it is lifted too.
		var others int
		if err := tx.Row("SELECT count(*) FROM gate_containment WHERE kind = ?1 AND subject = ?2 AND lifted_at = 0", db.Args(c.Kind, c.Subject), &others); err != nil {
			return err
		}
		switch {
		case others > 0:
		case c.Kind == KindCredential:
			err = g.staff.RestoreCredential(tx, postern.CredentialID(c.Subject))
		case c.Kind == KindNetwork:
			err = g.staff.RestoreNetwork(tx, c.Subject)
		case c.Kind == KindOrganisation:
			err = g.staff.RestoreOrganisation(tx, postern.OrganisationID(c.Subject))
		case c.Kind == KindDevice:
			err = g.staff.RestoreDevice(tx, c.Subject)
		case c.Kind == KindDesk: // running finds it lifted
		default:
			err = &postern.Error{Kind: postern.Invalid, Key: "gate.invalid.lift", Text: "a " + c.Kind + " that ended stays ended: sign in or ask again"}
		}
		if err != nil {
			return err
		}
		_, err = g.ledger.Control(tx, ledger.Control{
			Kind: verify.ControlLift, At: at, Actor: by.Staff, Session: by.Session, Subject: c.Kind + " " + c.Subject,
			Detail: detail.Lines{}.Add("containment", string(c.ID)).Add("by", by.Name).Add("asked", c.LiftAskedName).Add("why", why).Text(),
		})
		return err
	})
	return lifted && err == nil, g.refused(ctx, tried, err)
}

// Containments lists all, newest first, with their positions in the log.
func (g *Gate) Containments(ctx context.Context) (found []Containment, err error) {
	err = g.db.View(ctx, func(tx *db.Tx) error {
		found, err = containments(tx, "1 = 1")
		return err
	})
	if err != nil {
		return nil, err
	}
	for i := range found {
		at, ok, err := g.ledger.Position(ctx, found[i].Seq)
		if err != nil {
			return nil, err
		}
		if ok {
			found[i].Position = at
		}
	}
	return found, nil
}

func containments(tx *db.Tx, where string, args ...any) (found []Containment, err error) {
	err = tx.Rows(`SELECT id, seq, kind, subject, why, actor, actor_name, at, sessions, grants, took, lifted_at, lifted_by, lifted_why, lift_asked_by, lift_asked_name
		FROM gate_containment WHERE `+where+` ORDER BY seq DESC LIMIT 1000`, args, func(row db.Scanner) error {
		c := Containment{Position: -1}
		var at, lifted int64
		err := row.Scan(&c.ID, &c.Seq, &c.Kind, &c.Subject, &c.Why, &c.By, &c.ByName, &at, &c.SessionsN, &c.Grants, &c.Took, &lifted, &c.LiftedBy, &c.LiftedWhy, &c.LiftAskedBy, &c.LiftAskedName)
		c.At, c.LiftedAt = moment(at), moment(lifted)
		found = append(found, c)
		return err
	})
	return found, err
}
