package ledger_test

import (
	"context"
	"slices"
	"testing"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/testkit/engine"
)

// What waits for the sequencer and what has its index are read by different
// indexes; a reader must not see the seam.
func TestFindAcrossTheSequencersEdge(t *testing.T) {
	engine.Each(t, func(t *testing.T, handle engine.Open) {
		w := newHouse(t, handle)
		ana, bob := account(), account()
		session, grant := postern.SessionID(postern.NewID()), postern.GrantID(postern.NewID())
		var all, hers []postern.DisclosureID
		for i := range 12 {
			if i == 7 {
				w.sequence()
			}
			d := w.disclosure(ana, postern.TierContent)
			if i%3 == 0 {
				d.Account = bob
			} else {
				hers = append(hers, d.ID)
			}
			d.Session, d.Grant = session, grant
			all = append(all, w.disclose(d))
		}
		slices.Reverse(all)
		slices.Reverse(hers)
		find := func(f ledger.Filter) (ids []postern.DisclosureID, entries []ledger.Entry) {
			t.Helper()
			entries, err := w.l.Find(context.Background(), f)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				ids = append(ids, e.Disclosure.ID)
			}
			return ids, entries
		}
		for _, c := range []struct {
			name string
			f    ledger.Filter
			want []postern.DisclosureID
		}{
			{"all", ledger.Filter{}, all},
			{"an account", ledger.Filter{Account: ana}, hers},
			{"a session", ledger.Filter{Sessions: []postern.SessionID{session, "x"}}, all},
			{"a grant", ledger.Filter{Grant: grant}, all},
			{"a member", ledger.Filter{Staff: []postern.StaffID{staff}, Since: w.clock()}, all},
			{"a limit beyond the edge", ledger.Filter{Sessions: []postern.SessionID{session}, Limit: 6}, all[:6]},
		} {
			t.Run(c.name, func(t *testing.T) {
				if got, _ := find(c.f); !slices.Equal(got, c.want) {
					t.Errorf("got %v, want %v", got, c.want)
				}
			})
		}
		t.Run("page by page", func(t *testing.T) {
			var got []postern.DisclosureID
			for f := (ledger.Filter{Account: ana, Limit: 3}); ; {
				ids, entries := find(f)
				if len(ids) == 0 {
					break
				}
				got = append(got, ids...)
				f.Before = entries[len(entries)-1].Seq
			}
			if !slices.Equal(got, hers) {
				t.Errorf("got %v, want %v", got, hers)
			}
		})
	})
}
