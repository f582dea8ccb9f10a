package response

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/staff"
)

// The kinds of a notice.
const (
	NoticeFirst      = "first"      // the first word about this incident
	NoticeCorrection = "correction" // what was told before was wrong or not all
	NoticeWithdrawn  = "withdrawn"  // what was told before was wrong: this account was not reached
)

// facts are what a notice says of one account. The templates in notices/ put
// them into words; nothing else goes into a notice.
type facts struct {
	Provider string
	Person   Person
	Code     string
	Number   int64 // of the incident
	Version  int
	Made     time.Time
	Kind     string
	Cause    string
	Seen     seen
	Before   *seen     // a correction: what was told before
	ToldAt   time.Time // a correction: when
	Employer []employer
	Ended    time.Time // when the access was ended; zero: not yet, or it went on after
	Since    time.Time // the window that was examined; zero: open
	Until    time.Time
}

type employer struct {
	Name     string
	External bool // an outsourcer
}

// seen is what was shown of one account, counted by field: the fields are what
// the ledger names, the tiers only where they come from.
type seen struct {
	Deepest     postern.Tier
	Account     postern.Field // of the account tier
	Traced      int           // messages whose delivery history was shown
	AnyTrace    bool          // … or a search for one
	Mailboxes   bool          // the names of mailboxes
	Listed      int           // messages of which some of Envelope was shown
	Envelope    postern.Field
	Bodies      int
	Attachments int
	Sources     int
	Certainty   string
	Looks       []look // oldest first, at most maxLooks
	More        int    // looks that are not listed
	First, Last time.Time
}

type look struct {
	At       time.Time
	Tier     postern.Tier
	Messages int
}

// maxLooks bounds the list of times in a notice: past that nobody reads it, and
// the product's page has them all.
const maxLooks = 12

const (
	envelopeFields = postern.FieldFrom | postern.FieldTo | postern.FieldSubject | postern.FieldDate | postern.FieldSize
	accountFields  = postern.FieldStatus | postern.FieldQuota | postern.FieldSignIns | postern.FieldQueue | postern.FieldRules
)

// see counts the exposures of one account.
func see(exposures []Exposure) seen {
	s := seen{Certainty: Shown}
	of := map[postern.MessageID]postern.Field{}
	for _, e := range exposures {
		s.Deepest = max(s.Deepest, e.Tier)
		s.Account |= e.Fields & accountFields
		s.Mailboxes = s.Mailboxes || e.Fields&postern.FieldMailboxes != 0
		s.AnyTrace = s.AnyTrace || e.Fields&postern.FieldTrace != 0
		if e.Certainty != Shown {
			s.Certainty = e.Certainty
		}
		for _, m := range e.Messages {
			of[m.ID] |= m.Fields
		}
		for _, d := range e.Disclosures {
			s.Looks = append(s.Looks, look{d.At, e.Tier, d.Messages})
		}
	}
	for _, f := range of {
		if f&postern.FieldTrace != 0 {
			s.Traced++
		}
		if f&envelopeFields != 0 {
			s.Listed++
			s.Envelope |= f & envelopeFields
		}
		if f&postern.FieldBody != 0 {
			s.Bodies++
		}
		if f&postern.FieldAttachments != 0 {
			s.Attachments++
		}
		if f&postern.FieldSource != 0 {
			s.Sources++
		}
	}
	slices.SortStableFunc(s.Looks, func(a, b look) int { return a.At.Compare(b.At) })
	if n := len(s.Looks); n > 0 {
		s.First, s.Last = s.Looks[0].At, s.Looks[n-1].At
	}
	if n := len(s.Looks); n > maxLooks {
		s.Looks, s.More = s.Looks[:maxLooks], n-maxLooks
	}
	return s
}

// Opened is the number of messages of which more than the envelope was shown.
// Whoever sees a message's source sees its text and attachments.
func (s seen) Opened() int { return max(s.Bodies, s.Attachments, s.Sources) }

// Text says whether the text of any message was shown.
func (s seen) Text() bool { return s.Bodies > 0 || s.Sources > 0 }

// employers gives who employs the members whose sign-ins were used.
func employers(exposures []Exposure, organisations []staff.Organisation) (all []employer) {
	var seen []postern.OrganisationID
	for _, e := range exposures {
		for _, d := range e.Disclosures {
			if !slices.Contains(seen, d.Organisation) {
				seen = append(seen, d.Organisation)
			}
		}
	}
	slices.Sort(seen)
	for _, id := range seen {
		for _, o := range organisations {
			if o.ID == id {
				all = append(all, employer{o.Name, o.Kind == "outsourcer"})
			}
		}
	}
	return all
}

// endedAt gives when the last of the containments that were in force at a time
// was made, if nothing was shown after it: a notice says "we ended it" only
// then.
func endedAt(containments []Containment, last, now time.Time) time.Time {
	var at time.Time
	for _, c := range containments {
		inForce := c.Gate != "" && !c.Ended.After(now) && (c.Lifted.IsZero() || c.Lifted.After(now))
		if inForce && c.Ended.After(at) {
			at = c.Ended
		}
	}
	if last.After(at) {
		return time.Time{}
	}
	return at
}

// noticeID names the notices of an incident to one account, all versions.
func noticeID(in postern.IncidentID, a postern.AccountID) postern.NoticeID {
	sum := sha256.Sum256([]byte("postern notice\x00" + string(in) + "\x00" + string(a)))
	return postern.NoticeID(hex.EncodeToString(sum[:16]))
}

// codeOf gives the code by which a person finds the notice in the product. It
// need only be clear among that person's own few; no letter of it can be taken
// for another.
func codeOf(id postern.NoticeID) string {
	const letters = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
	sum := sha256.Sum256([]byte("postern notice code\x00" + string(id)))
	code := make([]byte, 4)
	for i := range code {
		code[i] = letters[int(sum[i])%len(letters)]
	}
	return string(code)
}

// controlID names the ledger's record of a notice, so that it is written once.
func controlID(id postern.NoticeID, version int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "postern notice control\x00%s\x00%d", id, version))
	return hex.EncodeToString(sum[:16])
}
