// Package incident keeps the record of each breach: what is true, what is next
// and who has it. The other parts of the response centre write into it, each in
// the transaction that does what the line says.
//
// # What it keeps
//
// response_incident, response_task, and the append-only response_timeline, which
// triggers guard.
//
// Trust: it handles the names of staff and what they wrote. Accounts stand in it
// as numbers alone. It acts on nothing: whoever calls it has done so.
package incident

import (
	"time"

	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/response/refuse"
	"github.com/postern-mail/postern/staff"
)

// Book is the open record. It is safe for concurrent use.
type Book struct {
	db  *db.Handle
	now func() time.Time
}

// Open gives the record in a plane whose tables are there.
func Open(h *db.Handle, now func() time.Time) *Book { return &Book{db: h, now: now} }

// Require refuses sessions without one of the roles.
func Require(by staff.Session, roles ...staff.Role) error {
	for _, role := range roles {
		if by.Is(role) {
			return nil
		}
	}
	return refuse.Denied("response.refused.role", "this is for responders")
}

// Severity orders alerts and incidents.
type Severity int

// The severities. A pager wakes somebody for High.
const (
	Low    Severity = 1
	Medium Severity = 2
	High   Severity = 3
)

// String gives the severity's name as it stands in pages' keys.
func (s Severity) String() string {
	return [...]string{"none", "low", "medium", "high"}[min(max(s, 0), High)]
}
