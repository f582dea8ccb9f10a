// Package lease keeps who may go on sending what was revealed: one lease for each
// delivery under way in this process, which an ending cuts and waits for.
//
// What it keeps: the leases, in memory.
//
// Trust: it handles ids alone. It must never let a wait end before what it waits
// for has stopped, or could not go on.
package lease

import (
	"sync"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/staff"
)

// Life is how long a committed disclosure may be on its way to a browser
// before the gate is asked again. It bounds how long an ending can wait.
const Life = 2 * time.Second

// Lease is the right to go on sending one delivery. It is a promise about bytes
// on a wire, so it is measured by the machine's monotonic clock and not by
// Parts.Now, which a drill may set.
type Lease struct {
	Session      postern.SessionID
	credential   postern.CredentialID
	organisation postern.OrganisationID
	Grant        postern.GrantID
	done         chan struct{} // closed when nothing more will be sent

	mu       sync.Mutex
	deadline time.Time
	why      error // set when it was cut
	released bool
	cutting  func(error)
}

// OnCut has f called when the lease is cut, at once if it was.
func (l *Lease) OnCut(f func(error)) {
	l.mu.Lock()
	why := l.why
	l.cutting = f
	l.mu.Unlock()
	if why != nil {
		f(why)
	}
}

// Why gives why the lease was cut; nil while it stands.
func (l *Lease) Why() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.why
}

// Until gives the deadline.
func (l *Lease) Until() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.deadline
}

// End cuts the lease. A chunk that was begun before may be under way until the
// deadline.
func (l *Lease) End(why error) {
	l.mu.Lock()
	f := l.cutting
	if l.why == nil {
		l.why = why
	}
	l.mu.Unlock()
	if f != nil {
		f(why)
	}
}

// Set holds those of this process. One is in the set from before its
// transaction commits until its delivery is done.
type Set struct {
	mu  sync.Mutex
	all map[*Lease]struct{}
}

// New gives an empty set.
func New() *Set { return &Set{all: map[*Lease]struct{}{}} }

// Take makes the lease of a delivery that is about to be.
func (ls *Set) Take(s staff.Session, g postern.GrantID) *Lease {
	l := &Lease{Session: s.ID, credential: s.Credential, organisation: s.Organisation, Grant: g,
		done: make(chan struct{}), deadline: time.Now().Add(Life)}
	ls.mu.Lock()
	ls.all[l] = struct{}{}
	ls.mu.Unlock()
	return l
}

// Release says that nothing more will be sent. It may be called twice, and with
// nil.
func (ls *Set) Release(l *Lease) {
	if l == nil {
		return
	}
	l.mu.Lock()
	first := !l.released
	l.released = true
	l.mu.Unlock()
	if !first {
		return
	}
	close(l.done)
	ls.mu.Lock()
	delete(ls.all, l)
	ls.mu.Unlock()
}

// Count gives how many an ending would touch.
func (ls *Set) Count(e Ended) (n int) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for l := range ls.all {
		if e.touches(l) {
			n++
		}
	}
	return n
}

// Cut ends the leases that an ending touches.
func (ls *Set) Cut(e Ended, why error) Waiting {
	var touched Waiting
	ls.mu.Lock()
	for l := range ls.all {
		if e.touches(l) {
			touched = append(touched, l)
		}
	}
	ls.mu.Unlock()
	for _, l := range touched {
		l.End(why)
	}
	return touched
}

// Waiting are cut leases whose last chunk may still be under way.
type Waiting []*Lease

// Here waits until each is released or past its deadline.
func (w Waiting) Here() {
	for _, l := range w {
		left := time.Until(l.Until())
		if left <= 0 {
			continue
		}
		timer := time.NewTimer(left)
		select {
		case <-l.done:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// Ended is what an ending touches.
type Ended struct {
	Sessions     map[postern.SessionID]bool
	Grants       map[postern.GrantID]bool
	Credential   postern.CredentialID
	Organisation postern.OrganisationID
	All          bool // whatever is under way
}

func (e Ended) touches(l *Lease) bool {
	return e.All || e.Sessions[l.Session] || e.Grants[l.Grant] ||
		e.Credential != "" && e.Credential == l.credential || e.Organisation != "" && e.Organisation == l.organisation
}

// State says whether the lease's time is over, whether it was released, and why
// it was cut.
func (l *Lease) State() (due, released bool, why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Until(l.deadline) <= 0, l.released, l.why
}

// Renew gives the lease until a later time, or says why it was cut meanwhile: an
// ending waits for no longer deadline than the one it read.
func (l *Lease) Renew(until time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.why == nil {
		l.deadline = until
	}
	return l.why
}

// Age has the lease run out now.
func (l *Lease) Age() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deadline = time.Now()
}

// Len gives how many there are.
func (ls *Set) Len() int {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return len(ls.all)
}
