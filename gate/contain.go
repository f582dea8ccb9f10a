package gate

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/gate/detail"
	"github.com/postern-mail/postern/gate/lease"
	"github.com/postern-mail/postern/gate/watch"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/staff"
)

// The kinds of a [Target].
const (
	KindCredential   = "credential"
	KindSession      = "session"
	KindGrant        = "grant"
	KindNetwork      = "network"
	KindOrganisation = "organisation"
	// KindDevice is a browser's key, by its thumbprint.
	KindDevice = "device"
	// KindDesk is all support power: every grant ends, none is made, and the
	// sessions of those who only work cases end. Its subject is staff.AllSupport.
	// Two responders lift it.
	KindDesk = "desk"
)

// Target is what to end.
type Target struct {
	Kind    string
	Subject string // its id; a network as staff.Network writes it
	Why     string // for the record, at most 500 letters
}

// Actor is who ends it. Without a session it is the operator at the command
// line, who holds the database anyway.
type Actor struct {
	Staff   postern.StaffID
	Session postern.SessionID
	Name    string
}

// Containment is one ending of access.
type Containment struct {
	ID       postern.ContainmentID
	Kind     string
	Subject  string
	Why      string
	By       postern.StaffID
	ByName   string
	At       time.Time
	Seq      int64 // of its ledger entry
	Position int64 // its index in the log: no disclosure of what it ended is at or after it; -1 until it is sequenced
	Sessions []postern.SessionID
	Grants   int
	// Took is how long it was until nothing of it was shown any more or on its
	// way; zero in a record that was read back while that is awaited.
	Took      time.Duration
	SessionsN int // as recorded; Sessions itself is given by Contain alone
	LiftedAt  time.Time
	LiftedBy  string
	LiftedWhy string
	// LiftAskedBy is who asked first that all support power be let in again: a
	// second person's asking lifts it.
	LiftAskedBy   string
	LiftAskedName string
}

// who names an actor among others; the operator has no member's id.
func (a Actor) who() string { return cmp.Or(string(a.Staff), "operator") }

// positionWait bounds how long Contain waits for the sequencer to tell its
// place. The containment holds without.
const positionWait = 3 * time.Second

// Contain ends a credential, session, device, grant, network or organisation, or
// all support power, with everything that hangs on it. It is linearizable with reveals: the
// transaction waits for those under way and is seen by all that come later, so
// its ledger position splits the world. It returns when nothing of what it
// ended is on its way to anybody.
func (g *Gate) Contain(ctx context.Context, by Actor, t Target) (Containment, error) {
	// Whoever closes the page must not undo the containment halfway, and it must
	// not wait behind the reveals that it ends.
	ctx = db.Urgent(context.WithoutCancel(ctx))
	begun := time.Now()
	if err := t.check(); err != nil {
		return Containment{}, err
	}
	var c Containment
	var what lease.Ended
	behind := g.db.Ahead()
	defer behind()
	tried := attempt{what: "contain", by: staff.Session{ID: by.Session, Staff: by.Staff}}
	err := g.db.Update(ctx, func(tx *db.Tx) (err error) {
		if err := tx.Lock(lock); err != nil { // invariant 5
			return err
		}
		if err := g.mayContain(tx, by, &tried); err != nil {
			return err
		}
		c = Containment{ID: postern.ContainmentID(postern.NewID()), Kind: t.Kind, Subject: t.Subject, Why: t.Why, By: by.Staff, ByName: by.Name, At: g.now(), Position: -1}
		if what, err = g.endTarget(tx, t, &c); err != nil {
			return err
		}
		c.Seq, err = g.ledger.Control(tx, ledger.Control{
			Kind: verify.ControlContain, At: c.At, Actor: by.Staff, Session: by.Session, Subject: t.Kind + " " + t.Subject,
			Detail: detail.Lines{}.Add("containment", string(c.ID)).Count("sessions", len(c.Sessions)).Count("grants", c.Grants).
				Add("by", by.Name).Add("why", t.Why).Text(),
		})
		if err != nil {
			return err
		}
		return tx.ExecOne(`INSERT INTO gate_containment (id, seq, kind, subject, why, actor, actor_name, at, sessions, grants, took, lifted_at, lifted_by, lifted_why)
			VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0, 0, '', '')`,
			string(c.ID), c.Seq, c.Kind, c.Subject, c.Why, string(c.By), c.ByName, millis(c.At), int64(len(c.Sessions)), int64(c.Grants))
	})
	if err != nil {
		return Containment{}, g.refused(ctx, tried, err)
	}
	here := g.cut(what, refuse(RefusedContained))
	if err := g.elsewhere(ctx, what); err != nil {
		return c, err
	}
	here.Here()
	behind()
	c.Took, c.SessionsN = time.Since(begun), len(c.Sessions)
	if err := g.db.Update(ctx, func(tx *db.Tx) error {
		return tx.ExecOne("UPDATE gate_containment SET took = ?2 WHERE id = ?1", string(c.ID), int64(c.Took))
	}); err != nil {
		return c, err
	}
	waited, cancel := context.WithTimeout(ctx, positionWait)
	defer cancel()
	if at, err := g.ledger.WaitPosition(waited, c.Seq); err == nil {
		c.Position = at
	}
	return c, nil
}

func (t *Target) check() error {
	t.Why, t.Subject = oneLine(t.Why), strings.TrimSpace(t.Subject)
	switch {
	case t.Subject == "" || len(t.Kind)+1+len(t.Subject) > verify.MaxSubject:
		return &postern.Error{Kind: postern.Invalid, Key: "gate.invalid.target", Text: "say what to end, by its id"}
	case !utf8.ValidString(t.Why) || utf8.RuneCountInString(t.Why) > maxSentence:
		return &postern.Error{Kind: postern.Invalid, Key: "gate.invalid.why", Text: "say why in at most 500 letters"}
	}
	return nil
}

// mayContain checks that the actor is a responder whose own access stands.
func (g *Gate) mayContain(tx *db.Tx, by Actor, tried *attempt) error {
	if by.Session == "" {
		return nil
	}
	s, err := g.alive(tx, by.Session)
	if err != nil {
		return err
	}
	tried.by = s
	if !s.Is(staff.Responder) && !s.Is(staff.Admin) {
		return refuse(RefusedNotResponder)
	}
	return nil
}

// endTarget ends what the target names, and everything of the gate's own that
// hangs on it.
func (g *Gate) endTarget(tx *db.Tx, t Target, c *Containment) (what lease.Ended, err error) {
	switch t.Kind {
	case KindCredential:
		what.Credential = postern.CredentialID(t.Subject)
		c.Sessions, err = g.staff.EndCredential(tx, what.Credential, c.At)
		if err == nil {
			c.Grants, err = containGrants(tx, c.At, "credential_id = ?4", t.Subject)
		}
	case KindOrganisation:
		what.Organisation = postern.OrganisationID(t.Subject)
		c.Sessions, err = g.staff.SuspendOrganisation(tx, what.Organisation, c.At)
		if err == nil {
			c.Grants, err = containGrants(tx, c.At, "organisation = ?4", t.Subject)
		}
	case KindSession:
		if c.Sessions, err = g.staff.EndSessionTx(tx, postern.SessionID(t.Subject), c.At); err == nil {
			c.Grants, err = containGrants(tx, c.At, "session_id = ?4", t.Subject)
		}
	case KindNetwork:
		if c.Sessions, err = g.staff.BlockNetwork(tx, t.Subject, c.At); err != nil {
			break
		}
		if c.Grants, err = g.endGrantsOf(tx, c.Sessions, c.At); err != nil {
			return what, err
		}
	case KindDevice:
		if c.Sessions, err = g.staff.BlockDevice(tx, t.Subject, c.At); err != nil {
			break
		}
		if c.Grants, err = g.endGrantsOf(tx, c.Sessions, c.At); err != nil {
			return what, err
		}
	case KindDesk:
		what.All = true
		if t.Subject != staff.AllSupport {
			return what, unknownKind(t.Kind + " " + t.Subject)
		}
		if c.Sessions, err = g.staff.EndSupport(tx, c.At); err == nil {
			c.Grants, err = containGrants(tx, c.At, "?4 = ?4", t.Subject)
		}
	case KindGrant:
		found, err := grants(tx, "id = ?1", t.Subject)
		if err != nil {
			return what, err
		}
		if len(found) == 0 {
			return what, &postern.Error{Kind: postern.NotFound, Key: "gate.unknown.grant", Text: "there is no such grant"}
		}
		what = endOfGrants(found)
		if c.Grants, err = containGrants(tx, c.At, "id = ?4", t.Subject); err != nil {
			return what, err
		}
		return what, tx.ExecOne("INSERT INTO gate_ended (what, subject, at) VALUES ('grant', ?1, ?2)", t.Subject, millis(c.At))
	default:
		return what, unknownKind(t.Kind)
	}
	if err != nil {
		return what, err
	}
	what.Sessions = make(map[postern.SessionID]bool, len(c.Sessions))
	for _, s := range c.Sessions {
		what.Sessions[s] = true
		if err := tx.ExecOne("INSERT INTO gate_ended (what, subject, at) VALUES ('session', ?1, ?2)", string(s), millis(c.At)); err != nil {
			return what, err
		}
		if _, err := tx.Exec("UPDATE gate_request SET status = 'expired', answered = ?2 WHERE session_id = ?1 AND status = 'waiting'", string(s), millis(c.At)); err != nil {
			return what, err
		}
	}
	return what, nil
}

func unknownKind(kind string) error {
	return &postern.Error{Kind: postern.Invalid, Key: "gate.invalid.target-kind", Text: fmt.Sprintf("a %q cannot be contained: name a credential, session, device, grant, network, organisation or desk", kind)}
}

func (g *Gate) endGrantsOf(tx *db.Tx, sessions []postern.SessionID, at time.Time) (n int, err error) {
	for _, s := range sessions {
		more, err := containGrants(tx, at, "session_id = ?4", string(s))
		if err != nil {
			return n, err
		}
		n += more
	}
	return n, nil
}

// running refuses while all support power is ended: whoever makes a grant asks.
// The containment waits for grants under way and ends them, so none is made in
// between.
func (g *Gate) running(tx *db.Tx) error {
	var n int
	err := tx.Row("SELECT count(*) FROM gate_containment WHERE kind = 'desk' AND lifted_at = 0", nil, &n)
	if err == nil && n > 0 {
		err = refuse(RefusedStopped)
	}
	return err
}

// containGrants marks the running grants that a condition on ?4 selects. Reveals
// under them are refused by their session already; the mark says so to people.
func containGrants(tx *db.Tx, at time.Time, where, subject string) (int, error) {
	n, err := tx.Exec("UPDATE gate_grant SET ended_at = ?1, ended_why = ?2 WHERE ended_at = 0 AND until_at > ?3 AND "+where,
		millis(at), EndContained, millis(at), subject)
	return int(n), err
}

// cut ends what is open in this process: pages first, then deliveries.
func (g *Gate) cut(what lease.Ended, why error) lease.Waiting {
	at := g.now()
	for s := range what.Sessions {
		g.hub.End(watch.Session(s), at)
	}
	for gr := range what.Grants {
		g.hub.End(watch.Grant(gr), at)
	}
	return g.leases.Cut(what, why)
}
