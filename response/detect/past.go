package detect

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/staff"
)

// past is what is known of members and sessions from acts before: for a Tick it
// grows with each act, for a backtest it is made anew from the history that is
// read.
type past interface {
	session(context.Context, *act) (sessionPast, error)
	// member gives the days since the last sign-in, and whether the member has
	// not worked at this hour in four weeks.
	member(context.Context, *act) (idleDays int64, unusual bool, err error)
}

type sessionPast struct {
	network, method string
	fresh           bool
}

// The habit of an hour: so many days of the last four weeks on which the member
// did something in it or in one of its neighbours. A member who has been here for
// less than ten days has no habits yet.
const (
	habitDays   = 28
	habitLeast  = 3
	habitKnown  = 10
	day         = 24 * time.Hour
	habitMemory = 100_000
)

// members is the past of members and sessions in memory: what a batch learns is
// written with it.
type members struct {
	sessions map[postern.SessionID]sessionPast
	known    map[postern.StaffID]memberPast
	habits   map[habitKey]habit

	load func(context.Context, *members, *act) error // fetches what is not here
	// What the batch has to write.
	newHabits  []habitRow
	newMembers map[postern.StaffID]memberPast
}

type memberPast struct{ first, lastSignIn int64 }

type habitKey struct {
	staff postern.StaffID
	hour  int
}

// habit is the days, counted from 1970, of an hour; the last of them first.
type habit []int64

type habitRow struct {
	habitKey
	day int64
}

func newMembers(load func(context.Context, *members, *act) error) *members {
	return &members{sessions: map[postern.SessionID]sessionPast{}, known: map[postern.StaffID]memberPast{}, habits: map[habitKey]habit{}, load: load,
		newMembers: map[postern.StaffID]memberPast{}}
}

func (m *members) session(ctx context.Context, a *act) (sessionPast, error) {
	if a.session == "" {
		return sessionPast{method: a.method}, nil
	}
	if _, ok := m.sessions[a.session]; !ok {
		if err := m.load(ctx, m, a); err != nil {
			return sessionPast{}, err
		}
	}
	s := m.sessions[a.session]
	if a.kind == "sign-in" || a.kind == "moved" {
		if a.fresh || s.network == "" {
			s.network = a.network
		}
		s.fresh = s.fresh || a.fresh
		if a.kind == "sign-in" {
			s.method = a.method
		}
		m.sessions[a.session] = s
	}
	return s, nil
}

func (m *members) member(ctx context.Context, a *act) (idle int64, unusual bool, err error) {
	if a.staff == "" {
		return 0, false, nil
	}
	if _, ok := m.known[a.staff]; !ok {
		if err := m.load(ctx, m, a); err != nil {
			return 0, false, err
		}
	}
	at := a.at.UnixMilli()
	p := m.known[a.staff]
	if p.first == 0 {
		p.first = at
		m.newMembers[a.staff] = p
	}
	if p.lastSignIn > 0 {
		idle = max(0, (at-p.lastSignIn)/day.Milliseconds())
	}
	if a.kind == "sign-in" && at > p.lastSignIn {
		p.lastSignIn = at
		m.newMembers[a.staff] = p
	}
	m.known[a.staff] = p
	if a.kind == "sign-in-failed" || a.kind == "notice" {
		return idle, false, nil // it may not have been the member
	}
	hour, today := a.at.UTC().Hour(), at/day.Milliseconds()
	days := map[int64]bool{}
	for _, h := range []int{hour + 23, hour, hour + 1} {
		for _, d := range m.habits[habitKey{a.staff, h % 24}] {
			if d < today && d > today-habitDays {
				days[d] = true
			}
		}
	}
	unusual = at-p.first > habitKnown*day.Milliseconds() && len(days) < habitLeast
	k := habitKey{a.staff, hour}
	if had := m.habits[k]; len(had) == 0 || had[0] < today {
		kept := append(habit{today}, had...)
		m.habits[k] = kept[:min(len(kept), habitDays)]
		m.newHabits = append(m.newHabits, habitRow{k, today})
	}
	return idle, unusual, nil
}

// loaded gives a members that fetches from the tables.
func (d *Detector) loaded() *members {
	return newMembers(func(ctx context.Context, m *members, a *act) error {
		if len(m.sessions) > habitMemory {
			clear(m.sessions)
		}
		err := d.DB.View(ctx, func(tx *db.Tx) error {
			if a.session != "" {
				var s sessionPast
				var fresh int64
				err := tx.Row("SELECT network, method, fresh FROM response_session WHERE session = ?1", db.Args(a.session), &s.network, &s.method, &fresh)
				if err != nil && !errors.Is(err, db.ErrNoRows) {
					return err
				}
				s.fresh = fresh == 1
				if _, ok := m.sessions[a.session]; !ok {
					m.sessions[a.session] = s
				}
			}
			if _, ok := m.known[a.staff]; ok || a.staff == "" {
				return nil
			}
			var p memberPast
			err := tx.Row("SELECT first, last_sign_in FROM response_member WHERE staff = ?1", db.Args(a.staff), &p.first, &p.lastSignIn)
			if err != nil && !errors.Is(err, db.ErrNoRows) {
				return err
			}
			m.known[a.staff] = p
			return tx.Rows("SELECT hour, day FROM response_habit WHERE staff = ?1 ORDER BY day DESC", db.Args(a.staff), func(row db.Scanner) error {
				var h int
				var one int64
				err := row.Scan(&h, &one)
				k := habitKey{a.staff, h}
				m.habits[k] = append(m.habits[k], one)
				return err
			})
		})
		if err != nil {
			return fmt.Errorf("couldn't read what is known of a member: %w", err)
		}
		return nil
	})
}

// write keeps what a batch has learnt.
func (m *members) write(tx *db.Tx) error {
	for id, p := range m.newMembers {
		if _, err := tx.Exec(`INSERT INTO response_member (staff, first, last_sign_in) VALUES (?1, ?2, ?3)
			ON CONFLICT (staff) DO UPDATE SET last_sign_in = ?3`, id, p.first, p.lastSignIn); err != nil {
			return err
		}
	}
	for _, h := range m.newHabits {
		if _, err := tx.Exec("INSERT INTO response_habit (staff, hour, day) VALUES (?1, ?2, ?3) ON CONFLICT (staff, hour, day) DO NOTHING", h.staff, int64(h.hour), h.day); err != nil {
			return err
		}
	}
	return nil
}

// written forgets what a committed batch has kept.
func (m *members) written() {
	clear(m.newMembers)
	m.newHabits = m.newHabits[:0]
}

// names are the organisations' hours, read again each minute.
type names struct {
	mu  sync.Mutex
	at  time.Time
	all map[postern.OrganisationID]staff.Hours
}

// hours says whether an organisation works at a time: "inside", "outside", or
// "none" for one without hours.
func (n *names) hours(ctx context.Context, s *staff.Directory, id postern.OrganisationID, at time.Time) (string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.all == nil || time.Since(n.at) > time.Minute {
		organisations, err := s.Organisations(ctx)
		if err != nil {
			return "", err
		}
		n.all, n.at = map[postern.OrganisationID]staff.Hours{}, time.Now()
		for _, o := range organisations {
			n.all[o.ID] = o.Hours
		}
	}
	h, ok := n.all[id]
	if !ok || h.String() == "" {
		return "none", nil
	}
	if _, open := h.Open(at); open {
		return "inside", nil
	}
	return "outside", nil
}
