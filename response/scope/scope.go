package scope

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/response/incident"
	"github.com/postern-mail/postern/response/refuse"
	"github.com/postern-mail/postern/staff"
)

// Selector says which disclosures belong to an incident: those of any of these
// credentials, sessions, members or networks, within the window.
type Selector struct {
	Credentials []postern.CredentialID `json:"credentials,omitempty"`
	Sessions    []postern.SessionID    `json:"sessions,omitempty"`
	Staff       []postern.StaffID      `json:"staff,omitempty"`
	Networks    []string               `json:"networks,omitempty"` // sessions that were ever used from there count whole
	Since       time.Time              `json:"since,omitzero"`
	Until       time.Time              `json:"until,omitzero"` // exclusive; zero: open
}

func (s Selector) empty() bool {
	return len(s.Credentials)+len(s.Sessions)+len(s.Staff)+len(s.Networks) == 0
}

// Scope is a saved answer to "whose mail was seen": version 1, 2, … of an
// incident. It never changes; a better selector makes another version.
type Scope struct {
	Incident  postern.IncidentID
	Version   int
	Made      time.Time
	Maker     postern.StaffID
	MakerName string
	Selector  Selector
	Exposures []Exposure
	Totals    Totals
	Took      time.Duration
}

// page is how many entries one query of the ledger gives.
const page = 500

// Find gives what a selector exposes, without saving it.
func (v *Versions) Find(ctx context.Context, s Selector) ([]Exposure, Totals, error) {
	if s.empty() {
		return nil, Totals{}, refuse.Invalid("response.invalid.selector", "choose at least one credential, session, member of staff or network")
	}
	if !s.Since.IsZero() && !s.Until.IsZero() && !s.Since.Before(s.Until) {
		return nil, Totals{}, refuse.Invalid("response.invalid.window", "the window ends before it begins")
	}
	sessions := slices.Clone(s.Sessions)
	if len(s.Networks) > 0 {
		from, err := v.sessionsFrom(ctx, s.Networks)
		if err != nil {
			return nil, Totals{}, err
		}
		sessions = slices.Compact(slices.Sorted(slices.Values(append(sessions, from...))))
	}
	var entries []ledger.Entry
	window := ledger.Filter{Since: s.Since, Until: s.Until, DisclosuresOnly: true, Limit: page}
	add := func(narrow func(*ledger.Filter)) error {
		f := window
		narrow(&f)
		found, err := v.all(ctx, f)
		entries = append(entries, found...)
		return err
	}
	if len(s.Credentials) > 0 {
		if err := add(func(f *ledger.Filter) { f.Credentials = s.Credentials }); err != nil {
			return nil, Totals{}, err
		}
	}
	if len(s.Staff) > 0 {
		if err := add(func(f *ledger.Filter) { f.Staff = s.Staff }); err != nil {
			return nil, Totals{}, err
		}
	}
	for some := range slices.Chunk(sessions, 200) { // a statement has a bounded number of parameters
		if err := add(func(f *ledger.Filter) { f.Sessions = some }); err != nil {
			return nil, Totals{}, err
		}
	}
	exposures, totals := Expose(entries)
	return exposures, totals, nil
}

// all pages through the ledger, newest first, until there is no more.
func (v *Versions) all(ctx context.Context, f ledger.Filter) (entries []ledger.Entry, err error) {
	for {
		found, err := v.ledger.Find(ctx, f)
		if err != nil {
			return nil, fmt.Errorf("couldn't read the ledger: %w", err)
		}
		entries = append(entries, found...)
		if len(found) < f.Limit {
			return entries, nil
		}
		f.Before = found[len(found)-1].Seq
	}
}

// Scope finds what a selector exposes and saves it as the incident's next
// version.
func (v *Versions) Scope(ctx context.Context, by staff.Session, id postern.IncidentID, s Selector) (Scope, error) {
	if err := incident.Require(by, staff.Responder); err != nil {
		return Scope{}, err
	}
	if _, err := v.book.Incident(ctx, id); err != nil {
		return Scope{}, err
	}
	began := time.Now() // how long the query takes is real time, whatever day the incident's clock shows
	exposures, totals, err := v.Find(ctx, s)
	if err != nil {
		return Scope{}, err
	}
	sc := Scope{Incident: id, Made: db.Moment(db.Millis(v.now())), Maker: by.Staff, MakerName: by.Name, Selector: s, Exposures: exposures, Totals: totals,
		Took: time.Since(began).Round(time.Microsecond)}
	selector, err := json.Marshal(s)
	if err != nil {
		return Scope{}, err
	}
	sums, err := json.Marshal(totals)
	if err != nil {
		return Scope{}, err
	}
	err = v.db.Update(ctx, func(tx *db.Tx) error {
		in, err := incident.Live(tx, id)
		if err != nil {
			return err
		}
		if err := tx.Lock("response incident"); err != nil {
			return err
		}
		if err := tx.Row("SELECT COALESCE(max(version), 0) + 1 FROM response_scope WHERE incident = ?1", db.Args(id), &sc.Version); err != nil {
			return err
		}
		if err := tx.ExecOne("INSERT INTO response_scope (incident, version, made, maker, maker_name, selector, totals, took) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
			id, sc.Version, db.Millis(sc.Made), by.Staff, by.Name, string(selector), string(sums), sc.Took.Microseconds()); err != nil {
			return err
		}
		for _, e := range exposures {
			body, err := json.Marshal(e)
			if err != nil {
				return err
			}
			if err := tx.ExecOne(`INSERT INTO response_exposure (incident, version, account, tier, certainty, first, last, messages, disclosures, body)
				VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)`, id, sc.Version, e.Account, int64(e.Tier), e.Certainty,
				db.Millis(e.First), db.Millis(e.Last), len(e.Messages), len(e.Disclosures), string(body)); err != nil {
				return err
			}
		}
		if err := v.changed(tx, id); err != nil {
			return err
		}
		if err := v.book.Advance(tx, in, incident.StateScoped); err != nil {
			return err
		}
		if err := v.book.Done(tx, id, by, "scope"); err != nil {
			return err
		}
		return v.book.Write(tx, id, by, incident.Line{Kind: incident.LineScoped, Facts: map[string]string{
			"version": strconv.Itoa(sc.Version), "accounts": strconv.Itoa(totals.Accounts), "messages": strconv.Itoa(totals.Messages),
			"disclosures": strconv.Itoa(totals.Disclosures), "erased": strconv.Itoa(totals.Erased)}})
	})
	if err != nil {
		return Scope{}, err
	}
	return sc, nil
}

// ExposureFilter chooses exposures of a saved scope; zero fields choose all.
type ExposureFilter struct {
	Account postern.AccountID
	Tier    postern.Tier
	Deepest bool              // with Tier: accounts of which nothing deeper was shown
	After   postern.AccountID // accounts behind this one
	Limit   int               // accounts are never cut in half; 0 means all
}

// LastScope gives the newest version with all its exposures: NotFound when
// there is none.
func (v *Versions) LastScope(ctx context.Context, id postern.IncidentID) (Scope, error) {
	return v.SavedScope(ctx, id, 0, ExposureFilter{})
}

// SavedScope gives a version, 0 for the newest, with the chosen exposures.
func (v *Versions) SavedScope(ctx context.Context, id postern.IncidentID, version int, f ExposureFilter) (sc Scope, err error) {
	err = v.db.View(ctx, func(tx *db.Tx) error {
		sc, err = Of(tx, id, version)
		if err != nil {
			return err
		}
		sc.Exposures, err = ExposuresOf(tx, id, sc.Version, f)
		return err
	})
	return sc, err
}

// Scopes gives the versions of an incident without their exposures, oldest
// first.
func (v *Versions) Scopes(ctx context.Context, id postern.IncidentID) (all []Scope, err error) {
	err = v.db.View(ctx, func(tx *db.Tx) error {
		all = nil
		return tx.Rows("SELECT "+scopeColumns+" FROM response_scope WHERE incident = ?1 ORDER BY version", db.Args(id), func(row db.Scanner) error {
			sc, err := scanScope(row)
			all = append(all, sc)
			return err
		})
	})
	return all, err
}

const scopeColumns = "incident, version, made, maker, maker_name, selector, totals, took"

func scanScope(row db.Scanner) (sc Scope, err error) {
	var made, took int64
	var selector, totals string
	if err := row.Scan(&sc.Incident, &sc.Version, &made, &sc.Maker, &sc.MakerName, &selector, &totals, &took); err != nil {
		return sc, err
	}
	sc.Made, sc.Took = db.Moment(made), time.Duration(took)*time.Microsecond
	if err := json.Unmarshal([]byte(selector), &sc.Selector); err != nil {
		return sc, err
	}
	return sc, json.Unmarshal([]byte(totals), &sc.Totals)
}

// Of gives a version in a transaction, 0 for the newest, without its exposures:
// NotFound when there is none.
func Of(tx *db.Tx, id postern.IncidentID, version int) (sc Scope, err error) {
	found := false
	err = tx.Rows("SELECT "+scopeColumns+" FROM response_scope WHERE incident = ?1 AND (?2 = 0 OR version = ?2) ORDER BY version DESC LIMIT 1", db.Args(id, int64(version)),
		func(row db.Scanner) (err error) {
			found = true
			sc, err = scanScope(row)
			return err
		})
	if err == nil && !found {
		err = refuse.Unknown("response.unknown.scope", "nothing has been scoped yet")
	}
	return sc, err
}

// ExposuresOf gives the chosen exposures of a version in a transaction.
func ExposuresOf(tx *db.Tx, id postern.IncidentID, version int, f ExposureFilter) (all []Exposure, err error) {
	limit := f.Limit
	if limit <= 0 {
		limit = 1 << 30
	}
	err = tx.Rows(`SELECT body FROM response_exposure WHERE incident = ?1 AND version = ?2 AND (?3 = '' OR account = ?3) AND (?4 = 0 OR tier = ?4)
		AND account IN (SELECT account FROM response_exposure WHERE incident = ?1 AND version = ?2 AND account > ?5
			AND (?3 = '' OR account = ?3)
			GROUP BY account HAVING (?4 = 0 OR max(CASE WHEN tier = ?4 THEN 1 ELSE 0 END) = 1) AND (?6 = 0 OR max(tier) = ?4)
			ORDER BY account LIMIT ?7)
		ORDER BY account, tier`, db.Args(id, int64(version), string(f.Account), int64(f.Tier), string(f.After), db.Bit(f.Deepest), int64(limit)), func(row db.Scanner) error {
		var body string
		if err := row.Scan(&body); err != nil {
			return err
		}
		all = append(all, Exposure{})
		return json.Unmarshal([]byte(body), &all[len(all)-1])
	})
	return all, err
}
