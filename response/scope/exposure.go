package scope

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/ledger"
)

// How sure an exposure is (DESIGN.md, 1).
const (
	Shown   = "shown"   // the ledger wrote it down before it was shown
	Assumed = "assumed" // a foreign log names a folder: all of it counts
	Gap     = "gap"     // a foreign log has a hole: everything counts
)

// Exposure is what was shown of one account at one tier.
type Exposure struct {
	Account     postern.AccountID
	Tier        postern.Tier
	Messages    []ExposedMessage // by id; none at the account tier
	Fields      postern.Field    // all that were shown, of any message
	First, Last time.Time
	Sessions    []postern.SessionID
	Certainty   string
	Disclosures []ExposedLook // in the order of the ledger
}

// ExposedMessage is one message and what was shown of it at this tier.
type ExposedMessage struct {
	ID     postern.MessageID
	Fields postern.Field
}

// ExposedLook is one disclosure of an exposure.
type ExposedLook struct {
	ID           postern.DisclosureID
	Seq          int64
	At           time.Time
	Staff        postern.StaffID
	Organisation postern.OrganisationID
	Session      postern.SessionID
	Messages     int
	Fields       postern.Field
}

// Totals add up: Accounts is the sum of Deepest, and Disclosures the sum of the
// exposures' own; Selected is Disclosures and Erased together.
type Totals struct {
	Selected    int                  // entries of the ledger that the selector chose
	Disclosures int                  // of them, those whose account is known
	Erased      int                  // of them, those whose account was erased since: somebody, whom nobody can name any more
	Accounts    int                  // different accounts
	Messages    int                  // different messages, at any tier
	Triples     int                  // (account, tier, message), and (account, tier) where no message is named
	Deepest     map[postern.Tier]int // accounts by the deepest tier that was shown of them
	ByTier      map[postern.Tier]TierTotals
}

// TierTotals are the totals of one tier.
type TierTotals struct{ Accounts, Messages, Disclosures, Erased int }

// Expose adds entries of the ledger up to exposures, by account and tier. It is
// a pure function; controls among the entries are ignored, repetitions counted
// once.
func Expose(entries []ledger.Entry) ([]Exposure, Totals) {
	type key struct {
		account postern.AccountID
		tier    postern.Tier
	}
	type sum struct {
		Exposure
		messages map[postern.MessageID]postern.Field
		sessions map[postern.SessionID]bool
	}
	sums := map[key]*sum{}
	t := Totals{Deepest: map[postern.Tier]int{}, ByTier: map[postern.Tier]TierTotals{}}
	seen := map[int64]bool{}
	deepest := map[postern.AccountID]postern.Tier{}
	messages := map[postern.MessageID]bool{}
	for _, e := range slices.SortedFunc(slices.Values(entries), func(a, b ledger.Entry) int { return cmp.Compare(a.Seq, b.Seq) }) {
		d := e.Disclosure
		if d == nil || seen[e.Seq] {
			continue
		}
		seen[e.Seq] = true
		t.Selected++
		tier := t.ByTier[d.Tier]
		if e.Erased || d.Account == "" {
			t.Erased++
			tier.Erased++
			t.ByTier[d.Tier] = tier
			continue
		}
		t.Disclosures++
		tier.Disclosures++
		t.ByTier[d.Tier] = tier
		k := key{d.Account, d.Tier}
		s := sums[k]
		if s == nil {
			s = &sum{Exposure: Exposure{Account: d.Account, Tier: d.Tier, First: d.At, Last: d.At, Certainty: Shown},
				messages: map[postern.MessageID]postern.Field{}, sessions: map[postern.SessionID]bool{}}
			sums[k] = s
		}
		if d.At.Before(s.First) {
			s.First = d.At
		}
		if d.At.After(s.Last) {
			s.Last = d.At
		}
		s.Fields |= d.Fields
		for _, m := range d.Messages {
			s.messages[m] |= d.Fields
			messages[m] = true
		}
		s.sessions[d.Session] = true
		s.Disclosures = append(s.Disclosures, ExposedLook{ID: d.ID, Seq: e.Seq, At: d.At, Staff: d.Staff, Organisation: d.Organisation,
			Session: d.Session, Messages: len(d.Messages), Fields: d.Fields})
		deepest[d.Account] = max(deepest[d.Account], d.Tier)
	}
	exposures := make([]Exposure, 0, len(sums))
	for k, s := range sums {
		for _, id := range slices.Sorted(maps.Keys(s.messages)) {
			s.Messages = append(s.Messages, ExposedMessage{id, s.messages[id]})
		}
		s.Sessions = slices.Sorted(maps.Keys(s.sessions))
		tier := t.ByTier[k.tier]
		tier.Accounts++
		tier.Messages += len(s.Messages)
		t.ByTier[k.tier] = tier
		t.Triples += max(1, len(s.Messages))
		exposures = append(exposures, s.Exposure)
	}
	for _, tier := range deepest {
		t.Deepest[tier]++
	}
	t.Accounts, t.Messages = len(deepest), len(messages)
	slices.SortFunc(exposures, func(a, b Exposure) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Tier, b.Tier))
	})
	return exposures, t
}
