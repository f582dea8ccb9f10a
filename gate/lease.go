package gate

import (
	"slices"
	"sync"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/staff"
)

// leaseLife is how long a committed disclosure may be on its way to a browser
// before the gate is asked again. It bounds how long an ending can wait.
const leaseLife = 2 * time.Second

// lease is the right to go on sending one delivery. It is a promise about bytes
// on a wire, so it is measured by the machine's monotonic clock and not by
// Parts.Now, which a drill may set.
type lease struct {
	session      postern.SessionID
	credential   postern.CredentialID
	organisation postern.OrganisationID
	grant        postern.GrantID
	done         chan struct{} // closed when nothing more will be sent

	mu       sync.Mutex
	deadline time.Time
	why      error // set when it was cut
	released bool
	cutting  func(error)
}

// onCut has f called when the lease is cut, at once if it was.
func (l *lease) onCut(f func(error)) {
	l.mu.Lock()
	why := l.why
	l.cutting = f
	l.mu.Unlock()
	if why != nil {
		f(why)
	}
}

// cut gives why the lease was cut; nil while it stands.
func (l *lease) cut() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.why
}

// until gives the deadline.
func (l *lease) until() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.deadline
}

// end cuts the lease. A chunk that was begun before may be under way until the
// deadline.
func (l *lease) end(why error) {
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

// leases are those of this process. One is in the set from before its
// transaction commits until its delivery is done.
type leases struct {
	mu     sync.Mutex
	all    map[*lease]struct{}
	recent [4096]postern.DisclosureID // the last that were taken, round and round
	taken  int
}

func newLeases() *leases { return &leases{all: map[*lease]struct{}{}} }

func (ls *leases) take(s staff.Session, g postern.GrantID, d postern.DisclosureID) *lease {
	l := &lease{session: s.ID, credential: s.Credential, organisation: s.Organisation, grant: g,
		done: make(chan struct{}), deadline: time.Now().Add(leaseLife)}
	ls.mu.Lock()
	ls.all[l] = struct{}{}
	ls.recent[ls.taken%len(ls.recent)] = d
	ls.taken++
	ls.mu.Unlock()
	return l
}

// took says that a disclosure is of this process and recent; no is no proof of
// the contrary.
func (ls *leases) took(d postern.DisclosureID) bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return slices.Contains(ls.recent[:], d)
}

// release says that nothing more will be sent. It may be called twice, and with
// nil.
func (ls *leases) release(l *lease) {
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

func (ls *leases) count(e ended) (n int) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for l := range ls.all {
		if e.touches(l) {
			n++
		}
	}
	return n
}

// cut ends the leases that an ending touches.
func (ls *leases) cut(e ended, why error) waiting {
	var touched waiting
	ls.mu.Lock()
	for l := range ls.all {
		if e.touches(l) {
			touched = append(touched, l)
		}
	}
	ls.mu.Unlock()
	for _, l := range touched {
		l.end(why)
	}
	return touched
}

// waiting are cut leases whose last chunk may still be under way.
type waiting []*lease

// here waits until each is released or past its deadline.
func (w waiting) here() {
	for _, l := range w {
		left := time.Until(l.until())
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

// ended is what an ending touches.
type ended struct {
	sessions     map[postern.SessionID]bool
	grants       map[postern.GrantID]bool
	credential   postern.CredentialID
	organisation postern.OrganisationID
}

func endOfGrants(all []Grant) ended {
	e := ended{grants: make(map[postern.GrantID]bool, len(all))}
	for _, g := range all {
		e.grants[g.ID] = true
	}
	return e
}

func (e ended) touches(l *lease) bool {
	return e.sessions[l.session] || e.grants[l.grant] ||
		e.credential != "" && e.credential == l.credential || e.organisation != "" && e.organisation == l.organisation
}
