// Package told is the part of the Mail face under Security, Notices that knows
// what was shown of an account: which messages, with their subjects, which
// services to secure first, whose names will be used against their owner.
//
// What it keeps: nothing.
//
// Trust: it reads subjects and correspondents of the account whose owner is
// signed in, for their own page alone. None of it may go into a mail, a log or
// another plane: the notice itself says numbers.
package told

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/mail/internal/store"
)

// Notice is what the customer was told about an incident, as it is held here.
// The same text went to the mailbox.
type Notice struct {
	ID        postern.NoticeID
	Version   int
	Code      string // "4F7K": stands in the mail too
	Kind      string // "first", "correction", "withdrawn"
	At        time.Time
	Subject   string
	Text      string
	Delivered bool    // it reached the mailbox as well
	Shown     []Shown // only of one that is opened
}

// Shown is a message and what was shown of it, at any depth.
type Shown struct {
	Message postern.MessageID
	Tier    postern.Tier // the deepest
	Fields  postern.Field
}

// Chosen is one notice among the versions of it.
type Chosen struct {
	Notice
	Newer   *Notice // the latest, when this is an earlier one
	Earlier []Notice
}

// Choose finds a notice, in a version or, where there is none of that number, in
// its latest.
func Choose(list []Notice, id, version string) (Chosen, error) {
	var of []Notice
	for _, n := range list {
		if string(n.ID) == id {
			of = append(of, n)
		}
	}
	if len(of) == 0 {
		return Chosen{}, &postern.Error{Kind: postern.NotFound, Text: "there is no such notice"}
	}
	slices.SortFunc(of, func(a, b Notice) int { return b.Version - a.Version })
	number, _ := strconv.Atoi(version)
	at := max(0, slices.IndexFunc(of, func(n Notice) bool { return n.Version == number }))
	c := Chosen{Notice: of[at], Earlier: of[at+1:]}
	if at > 0 {
		c.Newer = &of[0]
	}
	return c, nil
}

// Seen is what the page says besides the notice's words.
type Seen struct {
	Lines        []Line // a page of them, the guarded first, then the newest
	Total        int
	From         int    // the place of the first of Lines
	Older, Newer string // the addresses of the pages around it
	Services     []string
	People       []Person
	Rest         int // people who are not listed
}

// Line is a message that was shown.
type Line struct {
	Shown
	Subject, Who string
	At           time.Time
	Guarded      bool
	Gone         bool
}

// Person is a correspondent, as the messages name them.
type Person struct{ Name, Address string }

const (
	perPage    = 100
	mostRead   = 5000 // messages that services and people are taken from
	mostPeople = 50
)

// Mailboxes is what is read of the account.
type Mailboxes interface {
	Places(ctx context.Context, acc postern.AccountID, id postern.MessageID, need store.Need) ([]store.Item, error)
}

// See reads what was shown. own is the reader's address, who is no correspondent;
// path is the page's, from which message it lists them.
func See(ctx context.Context, m Mailboxes, acc postern.AccountID, own, path string, shown []Shown, from int) (s Seen, err error) {
	people := map[string]Person{}
	var order []string
	var lines []Line
	for i, one := range shown {
		if i == mostRead {
			for _, rest := range shown[i:] {
				lines = append(lines, Line{Shown: rest})
			}
			break
		}
		places, err := m.Places(ctx, acc, one.Message, store.Summary|store.Envelope)
		if postern.KindOf(err) == postern.NotFound {
			lines = append(lines, Line{Shown: one, Gone: true})
			continue
		}
		if err != nil {
			return s, err
		}
		it := places[0]
		lines = append(lines, Line{Shown: one, Subject: it.Subject, Who: it.From, At: it.Internal, Guarded: it.Guarded})
		for _, a := range it.Envelope.From {
			address := strings.ToLower(a.Addr())
			if it.Guarded && !slices.Contains(s.Services, strings.ToLower(a.Host)) && a.Host != "" {
				s.Services = append(s.Services, strings.ToLower(a.Host))
			}
			if _, known := people[address]; known || it.Guarded || address == "" || address == own {
				continue
			}
			people[address] = Person{a.Name, address}
			order = append(order, address)
		}
	}
	slices.Sort(s.Services)
	for i, address := range order {
		if i == mostPeople {
			s.Rest = len(order) - i
			break
		}
		s.People = append(s.People, people[address])
	}
	slices.SortStableFunc(lines, func(a, b Line) int {
		return cmp.Or(cmp.Compare(bit(b.Guarded), bit(a.Guarded)), b.At.Compare(a.At))
	})
	s.Total, s.From = len(lines), min(max(from, 0), max(0, len(lines)-1))
	s.Lines = lines[s.From:min(s.From+perPage, len(lines))]
	at := func(n int) string { return path + "&from=" + strconv.Itoa(n) }
	if end := s.From + perPage; end < s.Total {
		s.Older = at(end)
	}
	if s.From > 0 {
		s.Newer = at(max(0, s.From-perPage))
	}
	return s, nil
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}
