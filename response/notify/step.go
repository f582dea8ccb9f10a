package notify

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/response/notice"
	"github.com/postern-mail/postern/response/scope"
)

// step is a part of a version's notices: those of the accounts behind one, in
// their order, as many as one transaction writes.
type step struct {
	notices []Notice
	looked  int               // accounts of the scope that it looked at
	last    postern.AccountID // how far it came
	more    bool              // there are accounts behind that one
}

// some are the accounts of a step, with what they are told of.
type some struct {
	order  []postern.AccountID
	now    map[postern.AccountID][]scope.Exposure
	before map[postern.AccountID]*told
	more   bool
}

var errEnough = errors.New("enough") // ends an Each

// step reads and words the notices of the accounts behind one. It writes nothing.
func (o *Office) step(ctx context.Context, f *frame, after postern.AccountID) (s step, err error) {
	who, err := o.some(ctx, f, after)
	if err != nil || len(who.order) == 0 {
		return s, err
	}
	s.last, s.more = who.order[len(who.order)-1], who.more
	var tell []postern.AccountID
	var facts []notice.Facts
	for _, a := range who.order {
		if who.now[a] != nil {
			s.looked++
		}
		if n, ok := f.facts(a, who.now[a], who.before[a]); ok {
			tell, facts = append(tell, a), append(facts, n)
		}
	}
	people, err := o.readers.People(ctx, tell)
	if err != nil {
		return s, fmt.Errorf("couldn't ask for people's languages: %w", err)
	}
	s.notices = make([]Notice, len(tell))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for part := range slices.Chunk(count(len(tell)), 50) {
		g.Go(func() error {
			for _, i := range part {
				if err := gctx.Err(); err != nil {
					return err
				}
				person, known := people[tell[i]]
				if err := o.complete(gctx, &facts[i], who.now[tell[i]], tell[i], person, known); err != nil {
					return err
				}
				n, err := f.notice(tell[i], facts[i], person.Locale)
				if err != nil {
					return err
				}
				if !known {
					n.State, n.Problem = NoticeFailed, ProblemGone
				}
				s.notices[i] = n
			}
			return nil
		})
	}
	return s, g.Wait()
}

func count(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// complete adds what only the mail plane knows.
func (o *Office) complete(ctx context.Context, f *notice.Facts, exposures []scope.Exposure, a postern.AccountID, person Person, known bool) error {
	f.Address = person.Address
	if !known {
		f.Address = string(a) // a letter's sender finds the person by it
		return nil
	}
	ids := messagesOf(exposures)
	if len(ids) == 0 {
		return nil
	}
	guarded, err := o.readers.Guarded(ctx, a, ids)
	if err != nil {
		return fmt.Errorf("couldn't ask which messages open other doors: %w", err)
	}
	f.Seen.Guarded = len(guarded)
	return nil
}

// some gives the next accounts that are affected now or were told before.
func (o *Office) some(ctx context.Context, f *frame, after postern.AccountID) (s some, err error) {
	s = some{now: map[postern.AccountID][]scope.Exposure{}, before: map[postern.AccountID]*told{}}
	var last postern.AccountID // how far every source was read; "" for to its end
	ends := func(a postern.AccountID) {
		if last == "" || a < last {
			last = a
		}
	}
	var at postern.AccountID
	err = o.exposed.Each(ctx, f.incident.ID, f.scope.Version, after, func(all []scope.Exposure) error {
		if len(s.now) == o.atOnce {
			ends(at)
			return errEnough
		}
		at = all[0].Account
		s.now[at] = slices.Clone(all)
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return s, err
	}
	if len(f.earlier) > 0 {
		err = o.db.View(ctx, func(tx *db.Tx) error { return s.readTold(tx, f, after, o.atOnce, ends) })
		if err != nil {
			return s, err
		}
	}
	s.cut(last)
	if err := o.toldOf(ctx, f, after, &s); err != nil {
		return s, err
	}
	for a := range s.now {
		s.order = append(s.order, a)
	}
	for a := range s.before {
		if s.now[a] == nil {
			s.order = append(s.order, a)
		}
	}
	slices.Sort(s.order)
	return s, nil
}

// readTold reads who was told what by the versions before: the latest word on
// each account wins.
func (s *some) readTold(tx *db.Tx, f *frame, after postern.AccountID, most int, ends func(postern.AccountID)) error {
	for _, b := range f.earlier {
		n := 0
		var at postern.AccountID
		err := tx.Rows("SELECT account, kind, sent FROM response_notice WHERE incident = ?1 AND version = ?2 AND state = 'sent' AND account > ?3 ORDER BY account LIMIT ?4",
			db.Args(b.Incident, int64(b.Version), string(after), int64(most)), func(row db.Scanner) error {
				var kind string
				var sent int64
				if err := row.Scan(&at, &kind, &sent); err != nil {
					return err
				}
				n++
				s.before[at] = &told{at: db.Moment(sent), withdrawn: kind == notice.Withdrawn, scope: b.Scope}
				return nil
			})
		if err != nil {
			return err
		}
		if n == most {
			ends(at)
		}
	}
	return nil
}

// cut drops the accounts behind one, of which not every source was read.
func (s *some) cut(last postern.AccountID) {
	if last == "" {
		return
	}
	s.more = true
	for a := range s.now {
		if a > last {
			delete(s.now, a)
		}
	}
	for a := range s.before {
		if a > last {
			delete(s.before, a)
		}
	}
}

// toldOf fills in what the accounts were told of.
func (o *Office) toldOf(ctx context.Context, f *frame, after postern.AccountID, s *some) error {
	left := map[int]int{}
	for a, t := range s.before {
		if t.scope == f.scope.Version {
			t.exposures = s.now[a]
		} else {
			left[t.scope]++
		}
	}
	for version := range left {
		err := o.exposed.Each(ctx, f.incident.ID, version, after, func(all []scope.Exposure) error {
			if t := s.before[all[0].Account]; t != nil && t.scope == version {
				t.exposures = slices.Clone(all)
				left[version]--
			}
			if left[version] == 0 {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			return err
		}
	}
	return nil
}
