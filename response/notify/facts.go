package notify

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/response/incident"
	"github.com/postern-mail/postern/response/notice"
	"github.com/postern-mail/postern/response/scope"
	"github.com/postern-mail/postern/staff"
)

const (
	envelopeFields = postern.FieldFrom | postern.FieldTo | postern.FieldSubject | postern.FieldDate | postern.FieldSize |
		postern.FieldFromMasked | postern.FieldToMasked | postern.FieldSubjectMasked
	accountFields = postern.FieldStatus | postern.FieldQuota | postern.FieldSignIns | postern.FieldQueue | postern.FieldRules | postern.FieldRuleTargets
)

// see counts the exposures of one account.
func see(exposures []scope.Exposure) notice.Seen {
	s := notice.Seen{Certainty: scope.Shown}
	of := map[postern.MessageID]postern.Field{}
	for _, e := range exposures {
		s.Deepest = max(s.Deepest, e.Tier)
		s.Account |= e.Fields & accountFields
		s.Mailboxes = s.Mailboxes || e.Fields&postern.FieldMailboxes != 0
		s.AnyTrace = s.AnyTrace || e.Fields&postern.FieldTrace != 0
		if e.Certainty != scope.Shown {
			s.Certainty = e.Certainty
		}
		for _, m := range e.Messages {
			of[m.ID] |= m.Fields
		}
		for _, d := range e.Disclosures {
			s.Looks = append(s.Looks, notice.Look{At: d.At, Tier: e.Tier, Messages: d.Messages})
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
	// Who saw a field whole saw more than its masked view: saying both would read
	// like two things.
	for whole, masked := range map[postern.Field]postern.Field{postern.FieldFrom: postern.FieldFromMasked, postern.FieldTo: postern.FieldToMasked, postern.FieldSubject: postern.FieldSubjectMasked} {
		if s.Envelope&whole != 0 {
			s.Envelope &^= masked
		}
	}
	slices.SortStableFunc(s.Looks, func(a, b notice.Look) int { return a.At.Compare(b.At) })
	if n := len(s.Looks); n > 0 {
		s.First, s.Last = s.Looks[0].At, s.Looks[n-1].At
	}
	if n := len(s.Looks); n > notice.MaxLooks {
		s.Looks, s.More = s.Looks[:notice.MaxLooks], n-notice.MaxLooks
	}
	return s
}

// employers gives who employs the members whose sign-ins were used.
func employers(exposures []scope.Exposure, organisations []staff.Organisation) (all []notice.Employer) {
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
				all = append(all, notice.Employer{Name: o.Name, External: o.Kind == "outsourcer"})
			}
		}
	}
	return all
}

// endedAt gives when the last of the containments that were in force at a time
// was made, if nothing was shown after it: a notice says "we ended it" only
// then.
func endedAt(containments []gate.Containment, last, now time.Time) time.Time {
	var at time.Time
	for _, c := range containments {
		inForce := !c.At.After(now) && (c.LiftedAt.IsZero() || c.LiftedAt.After(now))
		if inForce && c.At.After(at) {
			at = c.At
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

// tidyCode reads a code as people say and type it.
func tidyCode(s string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' || r == '.' {
			return -1
		}
		return unicode.ToUpper(r)
	}, s)
}

// touching gives the containments that ended what a selector names, and those
// that were made for the incident.
func touching(all []gate.Containment, ours []incident.Containment, s scope.Selector) (touch []gate.Containment) {
	for _, c := range all {
		named := slices.ContainsFunc(ours, func(o incident.Containment) bool { return o.Gate == c.ID })
		switch c.Kind {
		case gate.KindCredential:
			named = named || slices.Contains(s.Credentials, postern.CredentialID(c.Subject))
		case gate.KindSession:
			named = named || slices.Contains(s.Sessions, postern.SessionID(c.Subject))
		case gate.KindNetwork:
			named = named || slices.Contains(s.Networks, c.Subject)
		}
		if named {
			touch = append(touch, c)
		}
	}
	return touch
}
