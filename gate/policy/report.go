package policy

import (
	"time"

	"github.com/postern-mail/postern"
)

// Report is what a replay found. Entries are Disclosures, Grants, Requests,
// Refusals and Others together.
type Report struct {
	Policy  string    `json:"policy"`
	Since   time.Time `json:"since,omitzero"`
	Until   time.Time `json:"until,omitzero"`
	Entries int64     `json:"entries"`
	// Disclosures are what was shown.
	Disclosures Tally `json:"disclosures"`
	// Grants are what was given.
	Grants Tally `json:"grants"`
	// Requests are questions that waited for a yes: allowed ones would not have.
	Requests Tally `json:"requests"`
	// Refusals are what was refused: allowed ones would not have been.
	Refusals Tally `json:"refusals"`
	// Others are entries that no policy decides: containments, answers, endings.
	Others int64 `json:"others"`
	// Masked are disclosures that would have shown correspondents and subjects
	// masked first; Proofs those before which a fresh proof would have been asked
	// for. When somebody proved to be there is not in the ledger, so a proof
	// changes no outcome. Erased are those of which the messages, and so their
	// number, are not known any more.
	Masked int64 `json:"masked"`
	Proofs int64 `json:"proofs"`
	Erased int64 `json:"erased"`
}

// Count is how many had which outcome: Total is the sum of the others.
type Count struct {
	Total   int64 `json:"total"`
	Allowed int64 `json:"allowed"`
	Delayed int64 `json:"delayed"`
	Refused int64 `json:"refused"`
	Unknown int64 `json:"unknown"`
}

func (c *Count) add(o Outcome) {
	c.Total++
	switch o {
	case Allowed:
		c.Allowed++
	case Delayed:
		c.Delayed++
	case Refused:
		c.Refused++
	default:
		c.Unknown++
	}
}

// Tally is one kind of entry, counted in three ways. Each adds up to Count. A
// member of staff "" is one whom the ledger did not name.
type Tally struct {
	Count
	Tiers         map[string]*Count                 `json:"tiers"`
	Organisations map[postern.OrganisationID]*Count `json:"organisations"`
	Staff         map[postern.StaffID]*Count        `json:"staff"`
	Why           map[string]map[string]int64       `json:"why"` // by outcome
	Examples      []Example                         `json:"examples"`
}

// Example is an entry that would not have been allowed, by its place in the log.
type Example struct {
	Position     int64                  `json:"position"`
	At           time.Time              `json:"at"`
	Outcome      Outcome                `json:"outcome"`
	Why          string                 `json:"why"`
	Tier         string                 `json:"tier"`
	Organisation postern.OrganisationID `json:"organisation"`
	Staff        postern.StaffID        `json:"staff"`
}

// examples is how many of each outcome and reason a report shows.
const examples = 3

func newReport(name string, since, until time.Time) Report {
	return Report{Policy: name, Since: since, Until: until, Disclosures: newTally(), Grants: newTally(), Requests: newTally(), Refusals: newTally()}
}

func newTally() Tally {
	return Tally{Tiers: map[string]*Count{}, Organisations: map[postern.OrganisationID]*Count{}, Staff: map[postern.StaffID]*Count{},
		Why: map[string]map[string]int64{}, Examples: []Example{}}
}

func (t *Tally) add(f fact, o Outcome) {
	t.Count.add(o)
	line(t.Tiers, f.tier.String()).add(o)
	line(t.Organisations, f.org).add(o)
	line(t.Staff, f.staff).add(o)
}

func line[K comparable](all map[K]*Count, key K) *Count {
	c, ok := all[key]
	if !ok {
		c = &Count{}
		all[key] = c
	}
	return c
}
