package policy

import "github.com/postern-mail/postern"

const (
	hour = 60
	day  = 24 * hour
)

// spending counts as the gate does: in minutes, different accounts by the last
// minute each was seen in, messages by the minute they were shown in.
type spending struct {
	by map[spender]*spent
}

type spender struct {
	staff postern.StaffID
	tier  postern.Tier
}

type spent struct {
	reached map[postern.AccountID]int64
	read    map[int64]int
}

func newSpending() *spending { return &spending{map[spender]*spent{}} }

// spend counts a showing, or says that a bound is reached and counts nothing.
func (s *spending) spend(rule Rule, w showing, minute int64) bool {
	if !rule.Bounded() {
		return true
	}
	key := spender{w.staff, w.tier}
	have, ok := s.by[key]
	if !ok {
		have = &spent{map[postern.AccountID]int64{}, map[int64]int{}}
		s.by[key] = have
	}
	accounts := rule.AccountsPerHour > 0 || rule.AccountsPerDay > 0
	last, seen := have.reached[w.account]
	if accounts && (!seen || last < minute) {
		if !seen || last <= minute-hour {
			inHour, inDay := 0, 0
			for a, m := range have.reached {
				if a == w.account || m < minute-day {
					continue
				}
				inDay++
				if m >= minute-hour {
					inHour++
				}
			}
			if rule.AccountsPerHour > 0 && inHour >= rule.AccountsPerHour || rule.AccountsPerDay > 0 && inDay >= rule.AccountsPerDay {
				return false
			}
		}
	}
	if w.messages > 0 && (rule.MessagesPerHour > 0 || rule.MessagesPerDay > 0) {
		inHour, inDay := w.messages, w.messages
		for m, n := range have.read {
			if m >= minute-day {
				inDay += n
			}
			if m >= minute-hour {
				inHour += n
			}
		}
		if rule.MessagesPerHour > 0 && inHour > rule.MessagesPerHour || rule.MessagesPerDay > 0 && inDay > rule.MessagesPerDay {
			return false
		}
		have.read[minute] += w.messages
	}
	if accounts {
		have.reached[w.account] = max(last, minute)
	}
	return true
}

// sweep forgets what is older than every window.
func (s *spending) sweep(minute int64) {
	for key, have := range s.by {
		for a, m := range have.reached {
			if m < minute-day {
				delete(have.reached, a)
			}
		}
		for m := range have.read {
			if m < minute-day {
				delete(have.read, m)
			}
		}
		if len(have.reached) == 0 && len(have.read) == 0 {
			delete(s.by, key)
		}
	}
}
