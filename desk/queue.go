package desk

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/staff"
)

// The orders of the queue.
const (
	SortUpdated  = ""         // the latest first
	SortDue      = "due"      // the most pressing first
	SortPriority = "priority" // the most urgent first, the oldest of them first
)

// Filter chooses cases of the queue; zero fields choose all that are not closed.
type Filter struct {
	Status       string // StatusOpen, StatusWaiting, StatusClosed; "" for those that are not closed
	Mine         bool   // assigned to whoever asks
	Unassigned   bool
	Outside      bool // an outsourcer's
	Late         bool // a target has passed
	Organisation postern.OrganisationID
	Priority     Priority // 0: any
	Query        string   // a number, or part of a subject, an address or a ticket's number
	Sort         string
	After        string // a cursor of [Page.Next]
	Limit        int    // 0 means 50
}

// Values are the filter as it stands in an address, its cursor left out.
func (f Filter) Values() url.Values {
	v := url.Values{}
	set := func(name, value string) {
		if value != "" {
			v.Set(name, value)
		}
	}
	flag := func(name string, on bool) {
		if on {
			v.Set(name, "1")
		}
	}
	set("status", f.Status)
	flag("mine", f.Mine)
	flag("unassigned", f.Unassigned)
	flag("outside", f.Outside)
	flag("late", f.Late)
	set("organisation", string(f.Organisation))
	if f.Priority != 0 {
		v.Set("priority", f.Priority.String())
	}
	set("q", f.Query)
	set("sort", f.Sort)
	return v
}

// ParseFilter reads what Values gives, and the cursor "after". Words that mean
// nothing are Invalid.
func ParseFilter(v url.Values) (Filter, error) {
	f := Filter{Status: v.Get("status"), Mine: v.Get("mine") == "1", Unassigned: v.Get("unassigned") == "1", Outside: v.Get("outside") == "1", Late: v.Get("late") == "1",
		Organisation: postern.OrganisationID(v.Get("organisation")), Query: strings.TrimSpace(v.Get("q")), Sort: v.Get("sort"), After: v.Get("after")}
	if p := v.Get("priority"); p != "" {
		var ok bool
		if f.Priority, ok = PriorityNamed(p); !ok {
			return f, invalid("desk.invalid.priority", "a priority is low, normal, high or urgent")
		}
	}
	return f, f.check()
}

func (f Filter) check() error {
	if !slices.Contains([]string{"", StatusOpen, StatusWaiting, StatusClosed}, f.Status) {
		return invalid("desk.invalid.status", "a case is open, waiting or closed")
	}
	if !slices.Contains([]string{SortUpdated, SortDue, SortPriority}, f.Sort) || len(f.Query) > 320 || len(f.Organisation) > 100 {
		return invalid("desk.invalid.filter", "the queue knows no such filter")
	}
	if f.After != "" {
		if _, _, err := cursor(f.After); err != nil {
			return err
		}
	}
	return nil
}

// Page is a part of the queue.
type Page struct {
	Cases []Case
	Next  string // the cursor of the next part, "" at the end
}

// searched bounds how many cases a search by part of a word reads: those of the
// list that changed last. Whole numbers, addresses and tickets are found anywhere.
const searched = 5000

// MostCounted is where [Desk.Count] stops counting.
const MostCounted = 1000

// conditions gives the WHERE of a filter without its cursor, within what the
// session sees.
func (f Filter) conditions(by staff.Session, now int64) (string, []any) {
	var parts []string
	var args []any
	and := func(condition string, v any) {
		args = append(args, v)
		parts = append(parts, strings.ReplaceAll(condition, "?", "?"+strconv.Itoa(len(args))))
	}
	if only, more := sees(by, 1); only != "" {
		parts, args = append(parts, strings.TrimPrefix(only, " AND ")), more
	}
	if f.Status != StatusClosed {
		parts = append(parts, "status <> 'closed'") // word for word as in the indexes
	}
	if f.Status != "" {
		and("status = ?", f.Status)
	}
	switch {
	case f.Mine:
		and("assignee = ?", string(by.Staff))
	case f.Unassigned:
		parts = append(parts, "assignee = ''")
	}
	if f.Outside {
		parts = append(parts, "outside = 1")
	}
	if f.Organisation != "" {
		and("organisation = ?", string(f.Organisation))
	}
	if f.Priority != 0 {
		and("priority = ?", int64(f.Priority))
	}
	if f.Late {
		and("due <= ?", now)
	}
	q := strings.ToLower(f.Query)
	if q == "" {
		return strings.Join(parts, " AND "), args
	}
	recent := fmt.Sprintf("SELECT number FROM desk_case WHERE %s ORDER BY updated DESC LIMIT %d", strings.Join(parts, " AND "), searched)
	if only, _ := sees(by, 1); only != "" {
		// An expression has no index: what was found is read by its numbers, not
		// looked for among all of the organisation's cases.
		parts[0] = "organisation || '' = ?1"
	}
	if n, err := strconv.ParseInt(strings.TrimPrefix(q, "#"), 10, 64); err == nil {
		and("(number = ? OR number IN (SELECT number FROM desk_case WHERE external = '"+strconv.FormatInt(n, 10)+"' AND external <> ''))", n)
		return strings.Join(parts, " AND "), args
	}
	args = append(args, q, f.Query)
	lower, whole := strconv.Itoa(len(args)-1), strconv.Itoa(len(args))
	// Only the letters count: a query is no pattern.
	args = append(args, "%"+strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(q)+"%")
	like := " LIKE ?" + strconv.Itoa(len(args)) + ` ESCAPE '\'`
	parts = append(parts, "number IN (SELECT number FROM desk_case WHERE address = ?"+lower+" UNION SELECT number FROM desk_case WHERE external = ?"+whole+
		" AND external <> '' UNION SELECT number FROM desk_case WHERE number IN ("+recent+") AND (lower(subject)"+like+" OR lower(address)"+like+" OR lower(external)"+like+"))")
	return strings.Join(parts, " AND "), args
}

// order gives the column of a sort, and whether it falls.
func (f Filter) order() (column string, falls bool) {
	switch f.Sort {
	case SortDue:
		return "due", false
	case SortPriority:
		return "priority", true
	}
	return "updated", true
}

// Page gives the chosen cases from the filter's cursor on.
func (d *Desk) Page(ctx context.Context, by staff.Session, f Filter) (p Page, err error) {
	if err := f.check(); err != nil {
		return p, err
	}
	if f.Limit <= 0 || f.Limit > 500 {
		f.Limit = 50
	}
	err = d.db.View(ctx, func(tx *db.Tx) error {
		s, err := d.worker(tx, by)
		if err != nil {
			return err
		}
		p.Cases, err = f.page(tx, s, millis(d.now()))
		return err
	})
	if err != nil || len(p.Cases) <= f.Limit {
		return p, err
	}
	p.Cases = p.Cases[:f.Limit]
	last := p.Cases[f.Limit-1]
	at := millis(last.Updated)
	switch f.Sort {
	case SortDue:
		if at = never; !last.Due.IsZero() {
			at = millis(last.Due)
		}
	case SortPriority:
		at = int64(last.Priority)
	}
	p.Next = base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d.%d", at, last.Number))
	return p, nil
}

// page gives one case more than the filter's limit, if there is one.
func (f Filter) page(tx *db.Tx, by staff.Session, now int64) ([]Case, error) {
	where, args := f.conditions(by, now)
	column, falls := f.order()
	direction, than := "ASC", ">"
	if falls {
		direction, than = "DESC", "<"
	}
	if f.After != "" {
		at, n, err := cursor(f.After)
		if err != nil {
			return nil, err
		}
		args = append(args, at, n)
		where += fmt.Sprintf(" AND (%s, number) %s (?%d, ?%d)", column, than, len(args)-1, len(args))
	}
	args = append(args, int64(f.Limit+1))
	return cases(tx, fmt.Sprintf("%s ORDER BY %s %s, number %s LIMIT ?%d", where, column, direction, direction, len(args)), args...)
}

func cursor(text string) (at, number int64, err error) {
	wrong := invalid("desk.invalid.cursor", "there is no such place in the queue")
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) > 50 {
		return 0, 0, wrong
	}
	first, second, ok := strings.Cut(string(b), ".")
	at, errA := strconv.ParseInt(first, 10, 64)
	number, errB := strconv.ParseInt(second, 10, 64)
	if !ok || errA != nil || errB != nil {
		return 0, 0, wrong
	}
	return at, number, nil
}

// Queue is [Desk.Page] without the cursor of the next.
func (d *Desk) Queue(ctx context.Context, by staff.Session, f Filter) ([]Case, error) {
	p, err := d.Page(ctx, by, f)
	return p.Cases, err
}

// Count gives how many cases each filter chooses, at most MostCounted+1, which
// means "more".
func (d *Desk) Count(ctx context.Context, by staff.Session, filters []Filter) (counts []int, err error) {
	counts = make([]int, len(filters))
	err = d.db.View(ctx, func(tx *db.Tx) error {
		s, err := d.worker(tx, by)
		if err != nil {
			return err
		}
		for i, f := range filters {
			where, args := f.conditions(s, millis(d.now()))
			// The order chooses the index of the open cases: without it SQLite
			// reads another one, and every closed case in it.
			column, _ := f.order()
			if f.Late {
				column = "due"
			}
			if err := tx.Row(fmt.Sprintf("SELECT count(*) FROM (SELECT 1 FROM desk_case WHERE %s ORDER BY %s LIMIT %d) AS chosen", where, column, MostCounted+1), args, &counts[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return counts, err
}
