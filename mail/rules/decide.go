package rules

import (
	"slices"
	"strings"

	"github.com/postern-mail/postern/message"
)

// Facts is what conditions look at, in lower case.
type Facts struct {
	from, to  []string // addresses, and names with addresses
	subject   string
	list      string
	automatic bool // no person sent it (RFC 3834): it is never forwarded back and forth
	hops      int
	passed    []string // whose forwarding it has been through
}

// The header field that says whose forwarding a message has been through, one
// for each. Delivered-To says the same in other houses.
const (
	LoopField     = "X-Postern-Forwarded-By"
	deliveredTo   = "Delivered-To"
	hopsMost      = 20 // Received fields (RFC 5321, 6.3 asks for a bound)
	forwardedMost = 3  // forwardings in this house
)

// FactsOf reads a message's header.
func FactsOf(m *message.Message) Facts {
	e := &m.Envelope
	f := Facts{from: people(e.From, e.Sender), to: people(e.To, e.Cc), subject: strings.ToLower(e.Subject), list: strings.ToLower(m.Header.Get("List-Id"))}
	f.hops = len(m.Header.All("Received"))
	for _, name := range [...]string{LoopField, deliveredTo} {
		for _, v := range m.Header.All(name) {
			f.passed = append(f.passed, name+" "+strings.ToLower(strings.Trim(v, " <>")))
		}
	}
	kind := strings.ToLower(m.Header.Get("Content-Type"))
	f.automatic = strings.HasPrefix(kind, "multipart/report") // RFC 6522: a bounce, whatever its sender
	return f
}

func people(lists ...[]message.Address) (all []string) {
	for _, list := range lists {
		for _, a := range list {
			all = append(all, strings.ToLower(a.Addr()))
			if a.Name != "" {
				all = append(all, strings.ToLower(a.Name+" <"+a.Addr()+">"))
			}
		}
	}
	return all
}

func (c Condition) holds(f Facts) bool {
	want := strings.ToLower(c.Value)
	one := func(s string) bool { return c.Way == Is && s == want || c.Way == Contains && strings.Contains(s, want) }
	switch c.Field {
	case From:
		return slices.ContainsFunc(f.from, one)
	case To:
		return slices.ContainsFunc(f.to, one)
	case Subject:
		return one(f.subject)
	case List:
		if c.Way == Is { // "Name <id>" (RFC 2919, 3)
			if i := strings.LastIndexByte(f.list, '<'); i >= 0 {
				return one(strings.Trim(f.list[i:], "<> ")) || one(f.list)
			}
		}
		return f.list != "" && one(f.list)
	}
	return false
}

// Matches says that a rule's conditions hold.
func (r Rule) Matches(f Facts) bool {
	for _, c := range r.Conditions {
		if c.holds(f) == r.Any {
			return r.Any
		}
	}
	return !r.Any
}

// Decision is what the rules want done with a message; the zero value is to
// leave it.
type Decision struct {
	Mailbox string // file into this one, a postern.MailboxID
	Read    bool
	Flag    bool
	Junk    bool
	Trash   bool
	Forward []string // to these, each once
	Matched int
	// Looped says that it would have been forwarded, and has been already.
	Looped bool
}

// Decide goes through the active rules in their order. own is the account's
// address, sender the envelope's ("" for a bounce), junk the verdict at the
// door. Junk, bounces and what has been through this account's forwarding are
// never forwarded; the first rule that says where a message goes is followed.
func Decide(list []Rule, f Facts, own, sender string, junk bool) (d Decision) {
	placed, away := false, false
	for _, r := range list {
		if !r.Active || !r.Matches(f) {
			continue
		}
		d.Matched++
		stop := false
		for _, a := range r.Actions {
			switch a.Kind {
			case Read:
				d.Read = true
			case Flag:
				d.Flag = true
			case Stop:
				stop = true
			case Forward:
				if !slices.Contains(d.Forward, a.Target) {
					d.Forward = append(d.Forward, a.Target)
				}
				away = away || !a.Keep
			case File, Junk, Delete:
				if placed {
					continue
				}
				placed = true
				switch a.Kind {
				case File:
					d.Mailbox = a.Target
				case Junk:
					d.Junk = true
				case Delete:
					d.Trash = true
				}
			}
		}
		if stop {
			break
		}
	}
	own = strings.ToLower(own)
	d.Forward = slices.DeleteFunc(d.Forward, func(to string) bool { return to == own })
	switch {
	case len(d.Forward) == 0:
		return d
	case f.loops(own):
		d.Forward, d.Looped = nil, true
	case junk || d.Junk || sender == "" || f.automatic:
		d.Forward = nil
	case away && !placed:
		// "Keep no copy" is the Trash: what the other side refuses is not lost.
		d.Trash = true
	}
	return d
}

func (f Facts) loops(own string) bool {
	ours := 0
	for _, p := range f.passed {
		if p == LoopField+" "+own || p == deliveredTo+" "+own {
			return true
		}
		if strings.HasPrefix(p, LoopField+" ") {
			ours++
		}
	}
	return ours >= forwardedMost || f.hops > hopsMost
}

// Stamp writes before a message whose forwarding it goes through.
func Stamp(own string, raw []byte) []byte {
	return append([]byte(LoopField+": "+own+"\r\n"), raw...)
}
