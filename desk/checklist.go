package desk

import (
	"context"
	"slices"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/staff"
)

// The ten complaints that people bring most.
const (
	NotArriving  = "not-arriving"
	OthersJunk   = "others-junk"
	CannotSignIn = "cannot-sign-in"
	PhoneAsks    = "phone-asks"
	MailboxFull  = "mailbox-full"
	CameBack     = "came-back"
	SomebodyElse = "somebody-else"
	Vanished     = "vanished"
	TooMuchSpam  = "too-much-spam"
	CodesLate    = "codes-late"
)

// A Complaint is one of them, with the checks that answer it. Some checks need
// a name from the customer, and then the tier trace.
type Complaint struct {
	ID     string
	Names  string // what the customer is asked to name: "", "sender", "recipient"
	checks []check
}

// Complaints lists them in the order of a page.
var Complaints = []Complaint{
	{NotArriving, "sender", []check{frozenCheck, quotaCheck, forwardingCheck, filtersCheck, doorCheck, junkCheck, rulesCheck, arrivedCheck}},
	{OthersJunk, "recipient", []check{guessingCheck, strangerCheck, bouncedCheck, sentCheck}},
	{CannotSignIn, "", []check{frozenCheck, failingCheck, guessingCheck, savedCheck}},
	{PhoneAsks, "", []check{frozenCheck, savedCheck, failingCheck, guessingCheck}},
	{MailboxFull, "", []check{quotaCheck}},
	{CameBack, "recipient", []check{bouncedCheck, queuedCheck, returnedCheck}},
	{SomebodyElse, "", []check{strangerCheck, guessingCheck, forwardingCheck, filtersCheck}},
	{Vanished, "sender", []check{strangerCheck, forwardingCheck, filtersCheck, rulesCheck, junkCheck}},
	{TooMuchSpam, "sender", []check{filtersCheck, verdictCheck, junkCheck}},
	{CodesLate, "sender", []check{quotaCheck, filtersCheck, doorCheck, junkCheck, rulesCheck, arrivedCheck}},
}

// State is what a check found.
type State string

// The states. Unknown says what would tell.
const (
	OK      State = "ok"
	Wrong   State = "problem"
	Unknown State = "unknown"
)

// Checked is the answer of one check.
type Checked struct {
	Key      string // "desk.check.quota"
	State    State
	Evidence []Finding
}

// Checklist is a complaint with its checks answered. Write it through Delivery,
// and end that with Done.
type Checklist struct {
	Complaint Complaint
	Case      Case
	Checks    []Checked
	Replies   []string // keys of suggested answers, to be said in the customer's language
	Delivery  *gate.Delivery
}

// ComplaintNamed finds one of the ten.
func ComplaintNamed(id string) (Complaint, bool) {
	i := slices.IndexFunc(Complaints, func(c Complaint) bool { return c.ID == id })
	if i < 0 {
		return Complaint{}, false
	}
	return Complaints[i], true
}

// Check answers a complaint's checks with one disclosure: at the tier account,
// or where the customer named something at the tier trace.
func (d *Desk) Check(ctx context.Context, by staff.Session, id postern.CaseID, complaint, name string) (Checklist, error) {
	c, ok := ComplaintNamed(complaint)
	if !ok {
		return Checklist{}, &postern.Error{Kind: postern.NotFound, Key: "desk.unknown.complaint", Text: "there is no such complaint"}
	}
	k, _, err := d.Case(ctx, by, id)
	if err != nil {
		return Checklist{}, err
	}
	list := Checklist{Complaint: c, Case: k}
	s := seen{now: d.now()}
	if name == "" || c.Names == "" {
		found, err := d.Diagnose(ctx, by, id)
		if err != nil {
			return list, err
		}
		s.account, list.Delivery = *found.Account, found.Delivery
	} else {
		found, err := d.trace(ctx, by, id, name, postern.TierAccount.Fields()|postern.FieldTrace)
		if err != nil {
			return list, err
		}
		list.Delivery, s.events, s.traced = found.Delivery, found.Events, true
		if found.Account != nil {
			s.account = *found.Account
		}
	}
	list.Checks, list.Replies = c.answer(s)
	return list, nil
}

// answer is a pure function of what was shown.
func (c Complaint) answer(s seen) (checks []Checked, replies []string) {
	for _, one := range c.checks {
		state, evidence := one.look(s)
		checks = append(checks, Checked{Key: checkKey + one.name, State: state, Evidence: evidence})
		if state == Wrong {
			replies = append(replies, replyKey+one.name)
		}
	}
	return checks, append(replies, replyKey+c.ID)
}

const (
	checkKey = "desk.check."
	replyKey = "desk.answer."
)

// ChecklistKeys lists every key that a checklist makes.
func ChecklistKeys() (keys []string) {
	for _, c := range Complaints {
		keys = append(keys, "desk.complaint."+c.ID, replyKey+c.ID)
		for _, one := range c.checks {
			keys = append(keys, checkKey+one.name, replyKey+one.name)
		}
	}
	for _, s := range []State{OK, Wrong, Unknown} {
		keys = append(keys, "desk.checked."+string(s))
	}
	slices.Sort(keys)
	return slices.Compact(append(keys, FoundFilters, FoundBouncedLately, FoundStranger, FoundLastArrived))
}
