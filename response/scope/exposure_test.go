package scope

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/ledger"
)

func TestExpose(t *testing.T) {
	at := time.Date(2026, 5, 14, 9, 0, 0, 0, time.UTC)
	look := func(seq int64, a postern.AccountID, tier postern.Tier, fields postern.Field, ids ...postern.MessageID) ledger.Entry {
		return ledger.Entry{Seq: seq, Index: seq, Disclosure: &ledger.Disclosure{ID: postern.DisclosureID(rune('a' + seq)), Account: a, Tier: tier, At: at.Add(time.Duration(seq) * time.Minute),
			Session: "s", Staff: "noor", Organisation: "provider", Messages: ids, Fields: fields}}
	}
	erased := look(6, "", postern.TierEnvelope, 0)
	erased.Erased = true
	entries := []ledger.Entry{
		look(3, "ana", postern.TierContent, postern.FieldBody, "m1"),
		look(1, "ana", postern.TierEnvelope, postern.FieldSubject, "m2", "m1"),
		look(2, "ana", postern.TierEnvelope, postern.FieldFrom, "m1"),
		look(2, "ana", postern.TierEnvelope, postern.FieldFrom, "m1"), // found twice
		look(4, "bob", postern.TierAccount, postern.FieldQuota),
		{Seq: 5, Control: &ledger.Control{}},
		erased,
	}
	got, totals := Expose(entries)
	if len(got) != 3 {
		t.Fatalf("%d exposures", len(got))
	}
	ana := got[0]
	if ana.Account != "ana" || ana.Tier != postern.TierEnvelope || ana.Certainty != Shown || !ana.First.Equal(at.Add(time.Minute)) || !ana.Last.Equal(at.Add(2*time.Minute)) ||
		!reflect.DeepEqual(ana.Messages, []ExposedMessage{{"m1", postern.FieldSubject | postern.FieldFrom}, {"m2", postern.FieldSubject}}) || len(ana.Disclosures) != 2 {
		t.Errorf("ana's envelope is %+v", ana)
	}
	want := Totals{Selected: 5, Disclosures: 4, Erased: 1, Accounts: 2, Messages: 2, Triples: 4,
		Deepest: map[postern.Tier]int{postern.TierContent: 1, postern.TierAccount: 1},
		ByTier: map[postern.Tier]TierTotals{postern.TierEnvelope: {Accounts: 1, Messages: 2, Disclosures: 2, Erased: 1},
			postern.TierContent: {Accounts: 1, Messages: 1, Disclosures: 1}, postern.TierAccount: {Accounts: 1, Disclosures: 1}}}
	if !reflect.DeepEqual(totals, want) {
		t.Errorf("totals are %+v, want %+v", totals, want)
	}
}

// TestTotalsAddUp checks on invented ledgers that every number of a scope is the
// sum of the numbers under it, and that each (account, tier, message) of the
// entries stands in the exposures once, and no other.
func TestTotalsAddUp(t *testing.T) {
	type triple struct {
		account postern.AccountID
		tier    postern.Tier
		message postern.MessageID
	}
	rapid.Check(t, func(t *rapid.T) {
		want, known := map[triple]bool{}, 0
		entries := rapid.SliceOf(rapid.Custom(func(t *rapid.T) ledger.Entry {
			d := &ledger.Disclosure{Account: rapid.SampledFrom([]postern.AccountID{"", "a", "b", "c", "d"}).Draw(t, "account"),
				Tier:     rapid.SampledFrom(postern.Tiers[:]).Draw(t, "tier"),
				Messages: rapid.SliceOfN(rapid.SampledFrom([]postern.MessageID{"1", "2", "3", "4"}), 0, 4).Draw(t, "messages"),
				Session:  rapid.SampledFrom([]postern.SessionID{"s", "t"}).Draw(t, "session"),
				Fields:   postern.Field(rapid.IntRange(1, 1<<21).Draw(t, "fields")), At: time.UnixMilli(rapid.Int64Range(0, 1<<40).Draw(t, "at"))}
			return ledger.Entry{Disclosure: d, Erased: d.Account == ""}
		})).Draw(t, "entries")
		for i, e := range entries {
			entries[i].Seq = int64(i + 1)
			d := e.Disclosure
			if d.Account == "" {
				continue
			}
			known++
			if len(d.Messages) == 0 {
				want[triple{d.Account, d.Tier, ""}] = true
			}
			for _, m := range d.Messages {
				want[triple{d.Account, d.Tier, m}] = true
			}
		}
		exposures, totals := Expose(entries)
		got, disclosures, deepest := map[triple]bool{}, 0, map[postern.AccountID]postern.Tier{}
		for _, e := range exposures {
			disclosures += len(e.Disclosures)
			deepest[e.Account] = max(deepest[e.Account], e.Tier)
			if len(e.Messages) == 0 {
				got[triple{e.Account, e.Tier, ""}] = true
			}
			for _, m := range e.Messages {
				got[triple{e.Account, e.Tier, m.ID}] = true
			}
			if !slices.IsSorted(e.Sessions) || e.First.After(e.Last) {
				t.Errorf("out of order: %+v", e)
			}
		}
		for w := range want {
			// A disclosure without messages beside one with some adds no triple.
			if w.message == "" {
				delete(want, w)
				delete(got, w)
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("exposed %v, want %v", got, want)
		}
		sum := 0
		for _, n := range totals.Deepest {
			sum += n
		}
		byTier := TierTotals{}
		for _, n := range totals.ByTier {
			byTier.Disclosures += n.Disclosures
			byTier.Erased += n.Erased
		}
		switch {
		case totals.Accounts != len(deepest), totals.Accounts != sum:
			t.Errorf("%d accounts, %d by their deepest tier, %d in the list", totals.Accounts, sum, len(deepest))
		case totals.Disclosures != disclosures, totals.Disclosures != known, totals.Disclosures != byTier.Disclosures:
			t.Errorf("%d disclosures, %d in the list, %d by tier", totals.Disclosures, disclosures, byTier.Disclosures)
		case totals.Erased != byTier.Erased, totals.Selected != totals.Disclosures+totals.Erased, totals.Selected != len(entries):
			t.Errorf("%d selected of %d, %d erased", totals.Selected, len(entries), totals.Erased)
		}
	})
}
