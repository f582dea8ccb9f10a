package desk_test

import (
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/desk"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/staff"
)

// TestPaging walks the whole queue in every order, each case once.
func TestPaging(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		s := h.signIn("noor")
		for i := range 11 {
			c := h.openCase(fmt.Sprintf("Case %d", i))
			if i%3 == 0 {
				h.ok(h.desk.Edit(ctx, s, c.ID, desk.PriorityUrgent, ""))
			}
			if i%4 == 0 {
				h.ok(h.desk.Reply(ctx, s, c.ID, "Which one?"))
			}
		}
		for _, sort := range []string{desk.SortUpdated, desk.SortDue, desk.SortPriority} {
			seen := map[postern.CaseID]bool{}
			var all []desk.Case
			f := desk.Filter{Sort: sort, Limit: 3}
			for pages := 0; ; pages++ {
				p, err := h.desk.Page(ctx, s, f)
				h.ok(err)
				for _, c := range p.Cases {
					if seen[c.ID] {
						t.Errorf("%q: case %d twice", sort, c.Number)
					}
					seen[c.ID] = true
				}
				all = append(all, p.Cases...)
				if f.After = p.Next; p.Next == "" {
					break
				}
			}
			if len(all) != 11 {
				t.Errorf("%q: %d cases, want 11", sort, len(all))
			}
			for i := 1; i < len(all); i++ {
				a, b := all[i-1], all[i]
				if sort == desk.SortPriority && a.Priority < b.Priority || sort == desk.SortUpdated && a.Updated.Before(b.Updated) ||
					sort == desk.SortDue && (a.Due.IsZero() && !b.Due.IsZero() || !b.Due.IsZero() && a.Due.After(b.Due)) {
					t.Errorf("%q: case %d stands before case %d", sort, a.Number, b.Number)
				}
			}
		}
		counts, err := h.desk.Count(ctx, s, []desk.Filter{{}, {Status: desk.StatusWaiting}, {Unassigned: true}, {Mine: true}, {Priority: desk.PriorityUrgent}, {Late: true}, {Outside: true}})
		h.ok(err)
		if want := []int{11, 3, 11, 0, 4, 0, 0}; !reflect.DeepEqual(counts, want) {
			t.Errorf("counted %v, want %v", counts, want)
		}
		if _, err := h.desk.Page(ctx, s, desk.Filter{After: "zebra"}); postern.KindOf(err) != postern.Invalid {
			t.Errorf("a cursor that is none: %v", err)
		}
	})
}

func FuzzFilter(f *testing.F) {
	f.Add("status=open&mine=1&sort=due&after=MTIuMw")
	f.Add("q=%25&organisation=x&priority=high")
	f.Fuzz(func(t *testing.T, query string) {
		v, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		one, err := desk.ParseFilter(v)
		if err != nil {
			return
		}
		one.After = ""
		again, err := desk.ParseFilter(one.Values())
		if err != nil || again != one {
			t.Errorf("%q reads as %+v, and then as %+v, %v", query, one, again, err)
		}
	})
}

// grantTo gives a member a grant for a case, at a tier where the case is enough.
func (h *house) grantTo(s staff.Session, c desk.Case) postern.GrantID {
	h.t.Helper()
	r, err := h.gate.Ask(ctx, s, gate.Ask{Case: c.ID, Account: c.Account, Tier: postern.TierAccount, Reason: postern.ReasonSupport, Sentence: "You asked where it is."})
	h.ok(err)
	live, err := h.gate.Grants(ctx, gate.GrantFilter{Case: c.ID, Live: true})
	h.ok(err)
	if r.Status != gate.Granted || len(live) != 1 {
		h.t.Fatalf("asked, it is %+v, %+v", r, live)
	}
	return live[0].ID
}

// TestHandOver ends what the old assignee had, and tells the new one why.
func TestHandOver(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		noor, bo := h.signIn("noor"), h.signIn("bo")
		c := h.openCase("Mail is gone")
		h.ok(h.desk.Assign(ctx, noor, c.ID, noor.Staff))
		g := h.grantTo(noor, c)
		wantKey(t, h.desk.HandOver(ctx, noor, c.ID, bo.Staff, "  "), "desk.invalid.hand-over")
		wantKey(t, h.desk.HandOver(ctx, noor, c.ID, noor.Staff, "x"), "desk.invalid.same-assignee")
		h.ok(h.desk.HandOver(ctx, noor, c.ID, bo.Staff, "My shift ends; the trace shows Junk."))
		got, posts, err := h.desk.Case(ctx, bo, c.ID)
		h.ok(err)
		if got.Assignee != bo.Staff || got.HandedBy != noor.Name || got.HandedWhy != "My shift ends; the trace shows Junk." {
			t.Errorf("handed over, it is %+v", got)
		}
		if kinds(posts) != "customer event event note" {
			t.Errorf("written: %s", kinds(posts))
		}
		all, err := h.gate.Grants(ctx, gate.GrantFilter{Case: c.ID})
		h.ok(err)
		ended := false
		for _, one := range all {
			ended = ended || one.ID == g && one.EndedWhy == gate.EndHandedOver
		}
		if !ended {
			t.Errorf("the old assignee's grant stands: %+v", all)
		}
		h.ok(h.desk.Assign(ctx, bo, c.ID, noor.Staff))
		if got, _, _ := h.desk.Case(ctx, bo, c.ID); got.HandedBy != "" {
			t.Errorf("a later assignment keeps the hand-over: %+v", got)
		}
		h.ok(h.desk.AssignOrganisation(ctx, bo, c.ID, "provider"))
		if got, _, _ := h.desk.Case(ctx, bo, c.ID); got.Assignee != "" || got.Organisation != "provider" {
			t.Errorf("given to an organisation, it is %+v", got)
		}
		wantKey(t, h.desk.AssignOrganisation(ctx, bo, c.ID, "nobody"), "desk.unknown.organisation")
	})
}

// TestMerge: one account's cases become one, and apart again within a day.
func TestMerge(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		s := h.signIn("noor")
		a, b := h.openCase("Mail is gone"), h.openCase("Still gone")
		h.ok(h.desk.Note(ctx, s, a.ID, "A note in the first."))
		g := h.grantTo(s, b)
		other, err := h.cases.OpenCase(ctx, desk.NewCase{Account: postern.AccountID(postern.NewID()), Subject: "x", Text: "y"})
		h.ok(err)
		wantKey(t, h.desk.Merge(ctx, s, b.ID, other.Number), "desk.invalid.merge")
		wantKey(t, h.desk.Merge(ctx, s, b.ID, b.Number), "desk.invalid.merge")
		h.ok(h.desk.Merge(ctx, s, b.ID, a.Number))
		merged, _, err := h.desk.Case(ctx, s, b.ID)
		h.ok(err)
		if merged.Status != desk.StatusClosed || merged.MergedInto != a.ID {
			t.Errorf("merged, it is %+v", merged)
		}
		live, err := h.gate.Grants(ctx, gate.GrantFilter{Case: b.ID, Live: true})
		h.ok(err)
		if len(live) != 0 {
			t.Errorf("grant %s of a merged case is alive", g)
		}
		_, posts, err := h.desk.Case(ctx, s, a.ID)
		h.ok(err)
		if kinds(posts) != "customer customer note event event" {
			t.Errorf("read together: %s", kinds(posts))
		}
		theirs, err := h.cases.Of(ctx, h.account)
		h.ok(err)
		if len(theirs) != 1 || theirs[0].ID != a.ID {
			t.Errorf("the customer has %+v", theirs)
		}
		h.ok(h.cases.CustomerReply(ctx, h.account, b.ID, "I answer the old one."))
		_, posts, err = h.desk.Case(ctx, s, a.ID)
		h.ok(err)
		if last := posts[len(posts)-1]; last.Case != a.ID || last.Text != "I answer the old one." {
			t.Errorf("the answer went to %+v", last)
		}
		wantKey(t, h.desk.Reopen(ctx, s, b.ID), "desk.conflict.merged")
		c := h.openCase("A third")
		wantKey(t, h.desk.Merge(ctx, s, a.ID, c.Number), "desk.conflict.merge-chain")
		h.ok(h.desk.Unmerge(ctx, s, b.ID))
		if got, _, _ := h.desk.Case(ctx, s, b.ID); got.Status != desk.StatusOpen || got.MergedInto != "" {
			t.Errorf("apart again, it is %+v", got)
		}
		h.ok(h.desk.Merge(ctx, s, b.ID, a.Number))
		h.clock.pass(desk.UndoMerge + time.Second)
		s = h.signIn("late")
		wantKey(t, h.desk.Unmerge(ctx, s, b.ID), "desk.conflict.unmerge")
	})
}

// TestClock runs a case's clock through a weekend and a customer's silence.
func TestClock(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		s, boss := h.signIn("noor"), h.signIn("grace", staff.Approver)
		hours, err := staff.ParseHours("Mon-Fri 08:00-18:00 Europe/Paris")
		h.ok(err)
		targets := desk.DefaultTargets()
		targets.Hours = hours
		targets.Of[desk.PriorityNormal] = desk.Target{Reply: 4 * time.Hour, Resolve: 20 * time.Hour}
		wantKey(t, h.desk.SetTargets(ctx, s, targets), "desk.refused.not-manager")
		h.ok(h.desk.SetTargets(ctx, boss, targets))
		// Thursday, 14 May 2026, 16:00 in Paris: two hours are left of the day.
		h.clock.pass(time.Date(2026, 5, 14, 13, 59, 59, 0, time.UTC).Sub(h.clock.now()))
		c := h.openCase("Mail is gone")
		utc := func(day, hour int) time.Time { return time.Date(2026, 5, day, hour, 0, 0, 0, time.UTC) }
		check := func(what string, state desk.ClockState, due time.Time) {
			t.Helper()
			k, err := h.cases.ByNumber(ctx, h.account, c.Number)
			h.ok(err)
			if got, at := k.Clock(h.clock.now()); got != state || !at.Equal(due) {
				t.Errorf("%s: %q at %v, want %q at %v", what, got, at, state, due)
			}
		}
		check("opened", desk.ClockReply, utc(15, 8)) // Friday 10:00 in Paris
		h.clock.pass(utc(15, 7).Add(30 * time.Minute).Sub(h.clock.now()))
		check("nearly due", desk.ClockSoon, utc(15, 8))
		h.clock.pass(time.Hour)
		check("too late", desk.ClockLate, utc(15, 8))
		s = h.signIn("nora")
		h.ok(h.desk.Reply(ctx, s, c.ID, "Which one?")) // 10:30: four and a half hours are used
		check("answered", desk.ClockPaused, time.Time{})
		h.clock.pass(utc(18, 6).Sub(h.clock.now())) // Monday 08:00
		h.ok(h.cases.CustomerReply(ctx, h.account, c.ID, "The bank's."))
		check("after the weekend", desk.ClockOpen, utc(19, 11).Add(30*time.Minute)) // 15.5 h: 10 on Monday, 5.5 on Tuesday
		h.ok(h.desk.Edit(ctx, h.signIn("nils"), c.ID, desk.PriorityUrgent, "ZD-1"))
		check("urgent", desk.ClockOpen, utc(18, 9).Add(30*time.Minute)) // 8 h, of which 4.5 are used
		h.ok(h.desk.Close(ctx, h.signIn("nina"), c.ID))
		check("closed", desk.ClockNone, time.Time{})
	})
}

// TestViewsAndMacros: one's own, the organisation's, and who may change those.
func TestViewsAndMacros(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		noor, bo, boss := h.signIn("noor"), h.signIn("bo"), h.signIn("grace", staff.Approver)
		f := desk.Filter{Status: desk.StatusOpen, Priority: desk.PriorityHigh, Sort: desk.SortDue, Query: "bank & co"}
		h.ok(h.desk.SaveView(ctx, noor, "Banks", f, false))
		wantKey(t, h.desk.SaveView(ctx, noor, "Banks", f, true), "desk.refused.not-manager")
		h.ok(h.desk.SaveView(ctx, boss, "For all", desk.Filter{Late: true}, true))
		names := func(s staff.Session) string {
			all, err := h.desk.Views(ctx, s)
			h.ok(err)
			var out []string
			for _, v := range all {
				out = append(out, v.Name)
			}
			return strings.Join(out, ",")
		}
		if got := names(noor) + "|" + names(bo); got != "For all,Banks|For all" {
			t.Errorf("views are %s", got)
		}
		all, err := h.desk.Views(ctx, noor)
		h.ok(err)
		if all[1].Filter != f {
			t.Errorf("kept %+v, want %+v", all[1].Filter, f)
		}
		if err := h.desk.DropView(ctx, bo, all[0].ID); postern.KindOf(err) != postern.Denied {
			t.Errorf("an agent drops a shared view: %v", err)
		}
		h.ok(h.desk.DropView(ctx, noor, all[1].ID))
		h.ok(h.desk.DropView(ctx, boss, all[0].ID))
		if got := names(noor); got != "" {
			t.Errorf("still %s", got)
		}

		m := desk.Macro{Name: "Hello", French: "Bonjour {name}, dossier {number} {x}", English: "Hello {name}"}
		wantKey(t, h.desk.SaveMacro(ctx, noor, m), "desk.refused.not-manager")
		wantKey(t, h.desk.SaveMacro(ctx, boss, desk.Macro{Name: "x", French: "y"}), "desk.invalid.macro")
		h.ok(h.desk.SaveMacro(ctx, boss, m))
		kept, err := h.desk.Macros(ctx, bo)
		h.ok(err)
		c := h.openCase("Mail is gone")
		if want := fmt.Sprintf("Bonjour Ana, dossier %d {x}", c.Number); len(kept) != 1 || kept[0].For(c) != want {
			t.Errorf("macros %+v", kept)
		}
		h.ok(h.desk.DropMacro(ctx, boss, kept[0].ID))
	})
}

// TestWriters: half a minute after the last letter nobody is writing.
func TestWriters(t *testing.T) {
	h := newHouse(t, sqlite(t))
	noor, bo := h.signIn("noor"), h.signIn("bo")
	c := h.openCase("Mail is gone")
	h.ok(h.desk.Writing(ctx, bo, c.ID))
	if got, _ := h.desk.Writers(ctx, noor, c.ID); len(got) != 1 || got[0] != bo.Name {
		t.Errorf("writing: %v", got)
	}
	if got, _ := h.desk.Writers(ctx, bo, c.ID); len(got) != 0 {
		t.Errorf("one sees oneself: %v", got)
	}
	h.clock.pass(desk.PresenceLife)
	if got, _ := h.desk.Writers(ctx, noor, c.ID); len(got) != 0 {
		t.Errorf("half a minute later: %v", got)
	}
}

// TestNoteIsNeverSent: the outbox has replies, and only replies.
func TestNoteIsNeverSent(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		s := h.signIn("noor")
		c := h.openCase("Mail is gone")
		h.ok(h.desk.Note(ctx, s, c.ID, "secret-among-us"))
		h.ok(h.desk.Reply(ctx, s, c.ID, "First."))
		h.clock.pass(time.Second)
		h.ok(h.desk.Reply(ctx, s, c.ID, "Second."))
		n, err := h.desk.Deliver(ctx)
		h.ok(err)
		if again, err := h.desk.Deliver(ctx); n != 2 || again != 0 || err != nil {
			t.Errorf("sent %d, then %d, %v", n, again, err)
		}
		sent := h.post.all()
		if len(sent) != 2 || sent[0].Text != "First." || sent[1].Text != "Second." || sent[0].Locale != "fr" || len(sent[1].Before) != 1 || sent[1].Before[0] != sent[0].ID {
			t.Errorf("sent %+v", sent)
		}
		subject, words := sent[0].Mail("https://mail.example/help/1")
		if !strings.HasPrefix(subject, "Dossier ") || !strings.Contains(words, "https://mail.example/help/1") {
			t.Errorf("the mail is %q, %q", subject, words)
		}
		var kept int
		h.ok(h.db.View(ctx, func(tx *db.Tx) error {
			return tx.Row("SELECT count(*) FROM desk_letter WHERE text <> ''", nil, &kept)
		}))
		if kept != 0 {
			t.Errorf("%d sent letters are kept twice", kept)
		}
		h.post.fail = true
		h.ok(h.desk.Reply(ctx, s, c.ID, "Third."))
		if n, err := h.desk.Deliver(ctx); n != 0 || err != nil {
			t.Errorf("a failing mailbox: %d, %v", n, err)
		}
		h.post.fail = false
		if n, _ := h.desk.Deliver(ctx); n != 0 {
			t.Error("it is tried again at once")
		}
		h.clock.pass(2 * time.Second)
		if n, _ := h.desk.Deliver(ctx); n != 1 {
			t.Error("it is not tried again")
		}
	})
}
