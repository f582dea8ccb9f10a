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
		if _, err := d.worker(tx, by); err != nil {
			return err
		}
		_, err := oneCase(tx, "id = ?1", string(id))
		return err
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

// Writers names who else is writing in a case now.
func (d *Desk) Writers(by staff.Session, id postern.CaseID) (names []string) {
	d.here.mu.Lock()
	defer d.here.mu.Unlock()
	d.here.prune(d.now())
	for who, w := range d.here.of[id] {
		if who != by.Staff {
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
