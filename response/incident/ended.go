package incident

import (
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

// Containment is an ending of access that a responder asked for here.
type Containment struct {
	ID        string // this record's; the gate's is Gate
	Incident  postern.IncidentID
	Kind      string // "credential", "session", "grant", "network", "organisation"
	Subject   string
	Label     string // whose it is, where a name says it
	Why       string
	Actor     postern.StaffID
	ActorName string
	Asked     time.Time
	// Gate is empty when the gate has not answered: it refused, or this process
	// ended in between. The ledger says which; asking again ends nothing twice.
	Gate     postern.ContainmentID
	Ended    time.Time
	Position int64 // in the ledger: no disclosure of what was ended stands at or after it; -1 while not sequenced
	Sessions int
	Grants   int
	Took     time.Duration
	Lifted   time.Time
	LiftedBy string
	LiftWhy  string

	Seq int64 // of the ledger's entry; 0: none
}

// Ended gives in a transaction what responders asked to end for an incident,
// oldest first; with an empty id, all.
func Ended(tx *db.Tx, id postern.IncidentID) (all []Containment, err error) {
	err = tx.Rows(`SELECT id, COALESCE(incident, ''), kind, subject, label, why, actor, actor_name, asked, COALESCE(gate, ''), COALESCE(seq, 0), ended,
		sessions, grants, took, lifted, COALESCE(lifted_by, ''), COALESCE(lifted_why, '')
		FROM response_containment WHERE ?1 = '' OR incident = ?1 ORDER BY asked, id`, db.Args(string(id)), func(row db.Scanner) error {
		var c Containment
		var asked, took int64
		var ended, lifted *int64
		c.Position = -1
		err := row.Scan(&c.ID, &c.Incident, &c.Kind, &c.Subject, &c.Label, &c.Why, &c.Actor, &c.ActorName, &asked, &c.Gate, &c.Seq, &ended,
			&c.Sessions, &c.Grants, &took, &lifted, &c.LiftedBy, &c.LiftWhy)
		c.Asked, c.Ended, c.Took, c.Lifted = db.Moment(asked), db.Instant(ended), time.Duration(took)*time.Microsecond, db.Instant(lifted)
		all = append(all, c)
		return err
	})
	return all, err
}
