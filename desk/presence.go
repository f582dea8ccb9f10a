package desk

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/staff"
)

// PresenceLife is how long a member is said to be writing after the last letter
// they typed.
const PresenceLife = 30 * time.Second

// presences are who writes in which case, in this process alone: it is a hint,
// and nothing waits for it. It holds no more than was typed in the last half
// minute.
type presences struct {
	mu sync.Mutex
	of map[postern.CaseID]map[postern.StaffID]writer
}

type writer struct {
	name string
	at   time.Time
}

// Writing notes that the session's member is typing in a case. It is called on
// input, never by a timer: a page that is left alone must not keep its session.
func (d *Desk) Writing(ctx context.Context, by staff.Session, id postern.CaseID) error {
	err := d.db.View(ctx, func(tx *db.Tx) error {
		s, err := d.worker(tx, by)
		if err != nil {
			return err
		}
		return d.cases.Given(tx, id, s)
	})
	if err != nil {
		return err
	}
	now := d.now()
	d.here.mu.Lock()
	defer d.here.mu.Unlock()
	d.here.prune(now)
	if d.here.of == nil {
		d.here.of = map[postern.CaseID]map[postern.StaffID]writer{}
	}
	if d.here.of[id] == nil {
		d.here.of[id] = map[postern.StaffID]writer{}
	}
	d.here.of[id][by.Staff] = writer{by.Name, now}
	return nil
}

// Writers names who else is writing in a case now: nobody, in a case that the
// session does not see.
func (d *Desk) Writers(ctx context.Context, by staff.Session, id postern.CaseID) (names []string, err error) {
	names = d.here.others(d.now(), by.Staff, id)
	if len(names) == 0 {
		return nil, nil
	}
	err = d.db.View(ctx, func(tx *db.Tx) error { return d.cases.Given(tx, id, by) })
	if postern.KindOf(err) == postern.NotFound {
		return nil, nil
	}
	return names, err
}

func (p *presences) others(now time.Time, than postern.StaffID, id postern.CaseID) (names []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.prune(now)
	for who, w := range p.of[id] {
		if who != than {
			names = append(names, w.name)
		}
	}
	slices.SortFunc(names, strings.Compare)
	return names
}

func (p *presences) prune(now time.Time) {
	for id, all := range p.of {
		for who, w := range all {
			if now.Sub(w.at) >= PresenceLife {
				delete(all, who)
			}
		}
		if len(all) == 0 {
			delete(p.of, id)
		}
	}
}
