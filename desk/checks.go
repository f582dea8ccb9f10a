package desk

import (
	"strings"
	"time"

	"github.com/postern-mail/postern"
)

// Findings that checks and the diagnosis have besides.
const (
	FoundFilters       = "desk.finding.filters"        // how many rules
	FoundBouncedLately = "desk.finding.bounced-lately" // how many within seven days
	FoundStranger      = "desk.finding.new-network"    // network, first sign-in
	FoundLastArrived   = "desk.finding.last-arrived"   // when
)

// seen is what a check may look at.
type seen struct {
	account postern.ShownAccount
	events  []postern.TraceEvent
	traced  bool // events are of what the customer named
	now     time.Time
}

// check looks for one cause.
type check struct {
	name string
	look func(seen) (State, []Finding)
}

// wrongIf makes the answer of a check whose findings are what is wrong.
func wrongIf(f []Finding) (State, []Finding) {
	if len(f) > 0 {
		return Wrong, f
	}
	return OK, nil
}

func (s seen) findings(keys ...string) (list []Finding) {
	for _, f := range findings(s.account, s.now) {
		for _, k := range keys {
			if f.Key == k {
				list = append(list, f)
			}
		}
	}
	return list
}

// of makes a check of findings of the diagnosis.
func of(name string, keys ...string) check {
	return check{name, func(s seen) (State, []Finding) { return wrongIf(s.findings(keys...)) }}
}

// along makes a check of steps of a trace: wrong when there are some.
func along(name string, found func(postern.TraceEvent) bool) check {
	return check{name, func(s seen) (State, []Finding) {
		if !s.traced {
			return Unknown, nil
		}
		var f []Finding
		for _, e := range s.events {
			if !found(e) {
				continue
			}
			for _, x := range Explain(e) {
				if x.Severity != Good && !holds(f, x.Key) {
					f = append(f, x)
				}
			}
			if key := map[string]string{"refused": FoundTurned, "bounced": FoundBounced, "junked": FoundJunked}[e.Event]; key != "" && !holds(f, key) {
				f = append(f, Finding{key, []any{count(s.events, e.Event)}, Problem})
			}
		}
		return wrongIf(f)
	}}
}

func holds(f []Finding, key string) bool {
	for _, x := range f {
		if x.Key == key {
			return true
		}
	}
	return false
}

func count(events []postern.TraceEvent, event string) (n int) {
	for _, e := range events {
		if e.Event == event {
			n++
		}
	}
	return n
}

var (
	frozenCheck     = of("frozen", FoundFrozen)
	quotaCheck      = of("quota", FoundQuotaFull, FoundQuotaHigh)
	forwardingCheck = of("forwarding", FoundForwarding)
	filtersCheck    = of("filters", FoundFilters)
	savedCheck      = of("saved-password", FoundSavedWrong)
	failingCheck    = of("failing", FoundFailing)
	guessingCheck   = of("guessing", FoundGuessing)
	bouncedCheck    = of("bounced", FoundBouncedLately)
	queuedCheck     = of("queued", FoundQueued)
	strangerCheck   = of("new-network", FoundStranger)

	doorCheck  = along("door", func(e postern.TraceEvent) bool { return e.Event == "refused" })
	junkCheck  = along("junk", func(e postern.TraceEvent) bool { return e.Event == "junked" })
	rulesCheck = along("rules", func(e postern.TraceEvent) bool {
		return strings.Contains(e.Verdicts, "rule=") || strings.Contains(e.Verdicts, "forward=")
	})
	returnedCheck = along("returned", func(e postern.TraceEvent) bool { return e.Event == "bounced" || e.Event == "deferred" })
	verdictCheck  = along("verdicts", func(e postern.TraceEvent) bool { return strings.Contains(e.Verdicts, "=fail") })

	// arrivedCheck is wrong when nothing of that name was ever here.
	arrivedCheck = check{"arrived", func(s seen) (State, []Finding) {
		if !s.traced {
			return Unknown, nil
		}
		for i := len(s.events) - 1; i >= 0; i-- {
			if e := s.events[i]; e.Event == "delivered" || e.Event == "imported" {
				return OK, []Finding{{FoundLastArrived, []any{e.At}, Good}}
			}
		}
		if len(s.events) == 0 {
			return Wrong, []Finding{{FoundNoTrace, nil, Problem}}
		}
		return OK, nil
	}}

	// sentCheck is right when the other server took what was sent.
	sentCheck = check{"sent", func(s seen) (State, []Finding) {
		if !s.traced {
			return Unknown, nil
		}
		for _, e := range s.events {
			if e.Event == "sent" {
				return OK, []Finding{{FoundDelivered, []any{count(s.events, "sent")}, Good}}
			}
		}
		return Wrong, outcomes(s.events)
	}}
)

// newcomer finds a sign-in that worked, of the last days, from a network that
// never was there before. The first network of all is home.
func newcomer(all []postern.SignIn, now time.Time) (f []Finding) {
	first := map[string]time.Time{}
	var order []string
	home := ""
	for i := len(all) - 1; i >= 0; i-- { // oldest first
		s := all[i]
		if s.Result != "ok" {
			continue
		}
		if home == "" {
			home = s.Network
		}
		if _, known := first[s.Network]; !known {
			first[s.Network] = s.At
			order = append(order, s.Network)
		}
	}
	for _, network := range order {
		if network != home && now.Sub(first[network]) <= lately {
			f = append(f, Finding{FoundStranger, []any{network, first[network]}, Warning})
		}
	}
	return f
}

// SignInGroup is the sign-ins from one network by one protocol.
type SignInGroup struct {
	Network, Protocol string
	OK, Failed        int
	Last              time.Time
	LastResult        string
}

// GroupSignIns puts attempts together, the latest group first.
func GroupSignIns(all []postern.SignIn) (list []SignInGroup) {
	at := map[[2]string]int{}
	for _, s := range all { // newest first
		key := [2]string{s.Network, s.Protocol}
		i, ok := at[key]
		if !ok {
			i = len(list)
			at[key] = i
			list = append(list, SignInGroup{Network: s.Network, Protocol: s.Protocol, Last: s.At, LastResult: s.Result})
		}
		if s.Result == "ok" {
			list[i].OK++
		} else {
			list[i].Failed++
		}
	}
	return list
}
