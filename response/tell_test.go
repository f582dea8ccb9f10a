package response_test

import (
	"context"
	"encoding/csv"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/gate/policy"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/response/detect"
	"github.com/postern-mail/postern/response/incident"
	"github.com/postern-mail/postern/response/notify"
	"github.com/postern-mail/postern/response/scope"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/testkit/engine"
)

// crowd is an incident of many, scoped, with notices that a second person
// approved.
func (w *world) crowd(n int) (lea, max staff.Session, id postern.IncidentID, accounts []postern.AccountID) {
	w.t.Helper()
	ctx := context.Background()
	lea, max = w.signIn(w.lea, office), w.signIn(w.max, office)
	thief := w.signIn(w.paul, elsewhere)
	for i := range n {
		a := w.account([]string{"en", "fr"}[i%2])
		accounts = append(accounts, a)
		w.looks(thief, a, postern.TierEnvelope, message())
	}
	slices.Sort(accounts)
	in, err := w.OpenIncident(ctx, lea, "An incident of many")
	w.must(err)
	w.must(w.SetCause(ctx, lea, in.ID, incident.CauseStolen, "For the test."))
	_, err = w.Scope(ctx, lea, in.ID, scope.Selector{Staff: []postern.StaffID{w.paul.ID}})
	w.must(err)
	_, err = w.Draft(ctx, lea, in.ID)
	w.must(err)
	w.must(w.Approve(ctx, max, in.ID))
	return lea, max, in.ID, accounts
}

// handfuls is a world in which one step takes few notices.
func handfuls(t *testing.T, o engine.Open, n int) *world {
	w := newWorld(t, o, policy.Standing(), detect.Settings{})
	w.parts.NoticesAtOnce = n
	w.reopen()
	return w
}

func (w *world) batch(id postern.IncidentID) notify.Batch {
	w.t.Helper()
	b, err := w.Batch(context.Background(), id)
	w.must(err)
	return b
}

// TestStages sends the first stage, rests for a look, and goes on when somebody
// says so; nobody is told twice on the way.
func TestStages(t *testing.T) {
	engine.Each(t, func(t *testing.T, o engine.Open) {
		ctx := context.Background()
		w := handfuls(t, o, 40)
		lea, max, id, accounts := w.crowd(130)
		w.must(w.Release(ctx, max, id))
		w.must(w.GoOn(ctx))
		if b := w.batch(id); b.State != notify.BatchPaused || b.Pause != notify.PauseLook || b.Counts.Sent != 100 || b.Counts.Due != 30 {
			t.Fatalf("behind the first stage: %+v", b)
		}
		w.must(w.GoOn(ctx))
		if b := w.batch(id); b.Counts.Sent != 100 {
			t.Errorf("a paused version was sent on: %+v", b)
		}
		if _, err := w.Draft(ctx, lea, id); postern.KeyOf(err) != "response.conflict.under-way" {
			t.Errorf("drafted in the middle: %v", err)
		}
		if err := w.Stop(ctx, lea, id); postern.KeyOf(err) != "response.conflict.not-sending" {
			t.Errorf("stopped what rests: %v", err)
		}
		w.must(w.Resume(ctx, lea, id))
		if err := w.Resume(ctx, max, id); postern.KeyOf(err) != "response.conflict.not-paused" {
			t.Errorf("the second to go on: %v", err)
		}
		w.must(w.GoOn(ctx))
		if b := w.batch(id); b.State != notify.BatchSent || b.Counts.Sent != len(accounts) || b.Counts.Languages["fr"] != 65 {
			t.Errorf("at the end: %+v", b)
		}
		if len(w.mail.delivered) != len(accounts) || w.mail.again != 0 {
			t.Errorf("%d delivered, %d again", len(w.mail.delivered), w.mail.again)
		}
		lines, err := w.Timeline(ctx, id)
		w.must(err)
		var kinds []string
		for _, l := range lines {
			kinds = append(kinds, l.Kind)
		}
		want := []string{incident.LineReleased, incident.LinePaused, incident.LineResumed, incident.LineSent}
		if got := kinds[len(kinds)-4:]; !slices.Equal(got, want) {
			t.Errorf("the timeline ends with %v", got)
		}
	})
}

// TestStop stops in the middle: what is in a sender's hands goes out whole, the
// rest waits.
func TestStop(t *testing.T) {
	engine.Each(t, func(t *testing.T, o engine.Open) {
		ctx := context.Background()
		w := handfuls(t, o, 5)
		lea, max, id, accounts := w.crowd(60)
		stop := sync.OnceValue(func() error { return w.Stop(ctx, lea, id) })
		w.mail.delivering = func() { _ = stop() }
		w.must(w.Release(ctx, max, id))
		w.must(w.GoOn(ctx))
		w.must(stop())
		b := w.batch(id)
		if b.State != notify.BatchPaused || b.Pause != notify.PauseStopped || b.Counts.Sending != 0 || b.Counts.Sent == 0 || b.Counts.Sent > 3*5 || b.Counts.Sent != len(w.mail.delivered) {
			t.Fatalf("stopped: %+v, %d delivered", b, len(w.mail.delivered))
		}
		// Half sent is nobody: whoever has the mail stands in the ledger.
		for _, a := range accounts {
			seen, err := w.Notices(ctx, id, notify.NoticeFilter{Account: a})
			w.must(err)
			written, err := w.ledger.Find(ctx, ledger.Filter{Account: a, ControlsOnly: true})
			w.must(err)
			sent := seen[0].State == notify.NoticeSent
			if noticed := slices.ContainsFunc(written, func(e ledger.Entry) bool { return strings.HasPrefix(e.Control.Subject, "notice ") }); noticed != sent {
				t.Errorf("sent %v, in the ledger %v", sent, noticed)
			}
		}
		w.mail.delivering = nil
		w.must(w.Resume(ctx, max, id))
		w.must(w.GoOn(ctx))
		if b := w.batch(id); b.State != notify.BatchSent || b.Counts.Sent != len(accounts) || w.mail.again != 0 {
			t.Errorf("at the end: %+v, %d again", b, w.mail.again)
		}
	})
}

// TestMailAway finds the mail plane away: all is due again, it says so, and it is
// tried later without anybody's doing.
func TestMailAway(t *testing.T) {
	engine.Each(t, func(t *testing.T, o engine.Open) {
		ctx := context.Background()
		w := handfuls(t, o, 5)
		_, max, id, accounts := w.crowd(12)
		w.mail.away = errors.New("the mail plane is away")
		w.must(w.Release(ctx, max, id))
		w.must(w.GoOn(ctx))
		b := w.batch(id)
		if b.State != notify.BatchSending || b.Problem != notify.ProblemLater || !b.Until.After(w.clock()) || b.Counts.Due != len(accounts) || b.Counts.Sending+b.Counts.Failed != 0 {
			t.Fatalf("with the mail plane away: %+v", b)
		}
		w.mail.away = nil
		w.must(w.GoOn(ctx))
		if b := w.batch(id); b.Counts.Sent != 0 {
			t.Errorf("it did not wait: %+v", b)
		}
		w.pass(time.Hour)
		w.must(w.GoOn(ctx))
		if b := w.batch(id); b.State != notify.BatchSent || b.Problem != "" || b.Counts.Sent != len(accounts) || w.mail.again != 0 {
			t.Errorf("an hour later: %+v, %d again", b, w.mail.again)
		}
	})
}

// TestDraftInSteps writes more notices than one step takes, and again when the
// scope has changed: those who know the same are not told again.
func TestDraftInSteps(t *testing.T) {
	engine.Each(t, func(t *testing.T, o engine.Open) {
		ctx := context.Background()
		w := handfuls(t, o, 4)
		lea, max, id, accounts := w.crowd(19)
		if b := w.batch(id); b.Counts.Due != len(accounts) || b.Looked != len(accounts) || b.Affected != len(accounts) || b.Counts.Kinds["first"] != len(accounts) {
			t.Fatalf("the draft is %+v", b)
		}
		_, err := w.Send(ctx, id)
		w.must(err)
		w.pass(time.Minute)
		more := w.account("en")
		again := w.signIn(w.paul, elsewhere)
		w.looks(again, more, postern.TierEnvelope, message())
		w.looks(again, accounts[7], postern.TierContent, message())
		_, err = w.Scope(ctx, lea, id, scope.Selector{Staff: []postern.StaffID{w.paul.ID}})
		w.must(err)
		b, err := w.Draft(ctx, lea, id)
		w.must(err)
		if b.Version != 2 || b.State != notify.BatchDraft || b.Counts.Total() != 2 || b.Counts.Kinds["first"] != 1 || b.Counts.Kinds["correction"] != 1 {
			t.Errorf("the second version is %+v", b)
		}
		// Who was told of the first and is in no later scope is told that it was wrong.
		_, err = w.Scope(ctx, lea, id, scope.Selector{Sessions: []postern.SessionID{again.ID}})
		w.must(err)
		b, err = w.Draft(ctx, lea, id)
		w.must(err)
		if b.Counts.Total() != len(accounts)+1 || b.Counts.Kinds["withdrawn"] != len(accounts)-1 {
			t.Errorf("the third version is %+v", b)
		}
		if err := w.Approve(ctx, max, id); err != nil {
			t.Error(err)
		}
	})
}

// TestTwoDrafters has two responders draft at the same moment: one version comes
// of it, and the other is told so.
func TestTwoDrafters(t *testing.T) {
	engine.Each(t, func(t *testing.T, o engine.Open) {
		ctx := context.Background()
		w := newWorld(t, o, policy.Standing(), detect.Settings{})
		b := w.breach()
		var wg sync.WaitGroup
		errs := make([]error, 2)
		for i, s := range []staff.Session{b.lea, b.max} {
			wg.Go(func() { _, errs[i] = w.Draft(ctx, s, b.incident.ID) })
		}
		wg.Wait()
		all, err := w.Batches(ctx, b.incident.ID)
		w.must(err)
		drafted := 0
		for _, e := range errs {
			switch {
			case e == nil:
				drafted++
			case postern.KindOf(e) != postern.Conflict:
				t.Errorf("a drafter met %v", e)
			}
		}
		if drafted != len(all) || all[0].State != notify.BatchDraft || all[0].Counts.Due != 3 {
			t.Errorf("%d drafted, %d versions, the newest %+v", drafted, len(all), all[0])
		}
		for _, earlier := range all[1:] {
			if earlier.State != notify.BatchDiscarded {
				t.Errorf("an earlier version is %s", earlier.State)
			}
		}
	})
}

// TestTry sends a test: marked, to the tester's address, with no code that counts,
// in no ledger, and to nobody affected.
func TestTry(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		b := w.breach()
		before, err := w.ledger.Find(ctx, ledger.Filter{ControlsOnly: true, Limit: 500})
		w.must(err)
		if err := w.Try(ctx, b.lea, b.incident.ID, b.ana, w.mail.people[b.bob].Address, ""); postern.KeyOf(err) != "response.refused.try-affected" {
			t.Errorf("a test to somebody affected: %v", err)
		}
		if err := w.Try(ctx, b.lea, b.incident.ID, b.ana, "nobody", ""); postern.KeyOf(err) != "response.invalid.address" {
			t.Errorf("a test to no address: %v", err)
		}
		if err := w.Try(ctx, w.signIn(w.noor, office), b.incident.ID, b.ana, "me@outlook.example", ""); postern.KindOf(err) != postern.Denied {
			t.Errorf("a test by an agent: %v", err)
		}
		w.must(w.Try(ctx, b.lea, b.incident.ID, b.ana, "me@outlook.example", ""))
		after, err := w.ledger.Find(ctx, ledger.Filter{ControlsOnly: true, Limit: 500})
		w.must(err)
		if len(w.mail.tried) != 1 || len(w.mail.delivered) != 0 || len(after) != len(before) {
			t.Fatalf("%d tests, %d notices, %d entries where %d were", len(w.mail.tried), len(w.mail.delivered), len(after), len(before))
		}
		m := w.mail.tried[0]
		words, err := w.Preview(ctx, b.incident.ID, b.ana)
		w.must(err)
		if !strings.HasPrefix(m.Subject, "TEST") || m.Locale != "fr" || strings.Contains(m.Text, words["fr"].Code) || strings.Contains(m.Text, w.mail.people[b.ana].Address) || !strings.Contains(m.Text, "me@outlook.example") {
			t.Errorf("the test is:\n%s\n%s", m.Subject, m.Text)
		}
	})
}

// TestCheckCode answers the telephone.
func TestCheckCode(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		b := w.breach()
		_, err := w.Draft(ctx, b.lea, b.incident.ID)
		w.must(err)
		words, err := w.Preview(ctx, b.incident.ID, b.ana)
		w.must(err)
		code, address := words["fr"].Code, w.mail.people[b.ana].Address
		ask := func(address, code string) notify.Checked {
			t.Helper()
			c, err := w.CheckCode(ctx, address, code)
			w.must(err)
			return c
		}
		if ask(address, code).Genuine {
			t.Error("a notice that nobody released is genuine")
		}
		w.must(w.Approve(ctx, b.max, b.incident.ID))
		_, err = w.Send(ctx, b.incident.ID)
		w.must(err)
		c := ask(address, " "+strings.ToLower(code[:2])+"-"+code[2:])
		if !c.Genuine || c.Version != 1 || c.Kind != notify.NoticeFirst || c.Notice.At.IsZero() || c.Notice.Text != "" || c.Notice.Subject != "" {
			t.Errorf("a genuine code: %+v", c)
		}
		for _, wrong := range [][2]string{{address, "0000"}, {w.mail.people[b.bob].Address, code}, {"nobody@outlook.example", code}, {address, ""}} {
			if c := ask(wrong[0], wrong[1]); c.Genuine || c.Version != 0 || c.Notice.ID != "" {
				t.Errorf("%v: %+v", wrong, c)
			}
		}
	})
}

// TestFollowup lists whom the notice has not reached, and keeps what came of the
// letter or the call.
func TestFollowup(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		b := w.breach()
		id := b.incident.ID
		gone := w.mail.people[b.cleo]
		delete(w.mail.people, b.cleo)
		_, err := w.Draft(ctx, b.lea, id)
		w.must(err)
		w.must(w.Approve(ctx, b.max, id))
		_, err = w.Send(ctx, id)
		w.must(err)
		list := func(f notify.FollowFilter) (ids []postern.AccountID) {
			t.Helper()
			all, err := w.Followups(ctx, id, f)
			w.must(err)
			for _, one := range all {
				ids = append(ids, one.Account)
			}
			return ids
		}
		sorted := func(ids ...postern.AccountID) []postern.AccountID { slices.Sort(ids); return ids }
		if got := list(notify.FollowFilter{}); !slices.Equal(got, []postern.AccountID{b.cleo}) {
			t.Errorf("at once: %v", got)
		}
		w.pass(8 * 24 * time.Hour)
		b.lea, b.max = w.signIn(w.lea, office), w.signIn(w.max, office)
		if got := list(notify.FollowFilter{}); !slices.Equal(got, sorted(b.ana, b.bob, b.cleo)) {
			t.Errorf("a week later: %v", got)
		}
		if got := list(notify.FollowFilter{Days: 30}); !slices.Equal(got, []postern.AccountID{b.cleo}) {
			t.Errorf("after 30 days: %v", got)
		}
		// Ana opens hers in the product, Bob sees his in the mailbox.
		told, err := w.NoticesOf(ctx, b.ana)
		w.must(err)
		if _, err := w.Read(ctx, b.bob, told[0].ID, told[0].Version); postern.KindOf(err) != postern.NotFound {
			t.Errorf("bob opened ana's: %v", err)
		}
		_, err = w.Read(ctx, b.ana, told[0].ID, told[0].Version)
		w.must(err)
		w.mail.seen = map[postern.AccountID]bool{b.bob: true}
		w.must(w.CheckRead(ctx))
		if got := list(notify.FollowFilter{}); !slices.Equal(got, []postern.AccountID{b.cleo}) {
			t.Errorf("after both read: %v", got)
		}
		stats, err := w.Stats(ctx, w.batch(id))
		w.must(err)
		if stats.Sent != 2 || stats.Read != 2 || stats.Unread != 0 || stats.Failed != 1 {
			t.Errorf("the figures are %+v", stats)
		}

		// Two responders write down at once: the second looks again.
		w.must(w.Follow(ctx, b.lea, id, b.cleo, notify.FollowNone, notify.FollowCalled))
		if err := w.Follow(ctx, b.max, id, b.cleo, notify.FollowNone, notify.FollowWritten); postern.KeyOf(err) != "response.conflict.follow" {
			t.Errorf("overtaken: %v", err)
		}
		w.must(w.Follow(ctx, b.max, id, b.cleo, notify.FollowCalled, notify.FollowReached))
		if err := w.Follow(ctx, b.max, id, b.dan, notify.FollowNone, notify.FollowCalled); postern.KindOf(err) != postern.NotFound {
			t.Errorf("followed up who is not affected: %v", err)
		}
		if err := w.Follow(ctx, w.signIn(w.ada, office), id, b.cleo, notify.FollowReached, notify.FollowCalled); postern.KindOf(err) != postern.Denied {
			t.Errorf("followed up by an approver: %v", err)
		}
		if got := list(notify.FollowFilter{State: notify.FollowOpen}); len(got) != 0 {
			t.Errorf("not yet tried: %v", got)
		}
		gone.Name = "=HYPERLINK(1)"
		w.mail.people[b.cleo] = gone
		var file strings.Builder
		w.must(w.FollowCSV(ctx, b.lea, id, notify.FollowFilter{}, &file))
		rows, err := csv.NewReader(strings.NewReader(file.String())).ReadAll()
		w.must(err)
		if len(rows) != 2 || rows[1][0] != "'=HYPERLINK(1)" || rows[1][1] != gone.Address || rows[1][5] != notify.ProblemGone || rows[1][7] != notify.FollowReached {
			t.Errorf("the file is %v", rows)
		}
	})
}

// TestAMissingFieldStopsTheDraft has no provider's name: nothing is drafted, and
// the error says what is missing.
func TestAMissingFieldStopsTheDraft(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		b := w.breach()
		w.parts.Provider = ""
		w.reopen()
		_, err := w.Draft(ctx, b.lea, b.incident.ID)
		if postern.KeyOf(err) != "response.invalid.field-provider" || !strings.Contains(err.Error(), "Provider") {
			t.Errorf("a draft without the provider's name: %v", err)
		}
		if _, err := w.Batch(ctx, b.incident.ID); postern.KindOf(err) != postern.NotFound {
			t.Errorf("something was drafted: %v", err)
		}
	})
}

// TestAnErasedAccountIsToldNothing erases an account between the delivery and the
// ledger's line: the others go on.
func TestAnErasedAccountIsToldNothing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		b := w.breach()
		_, err := w.Draft(ctx, b.lea, b.incident.ID)
		w.must(err)
		w.must(w.Approve(ctx, b.max, b.incident.ID))
		w.erase(b.bob)
		report, err := w.Send(ctx, b.incident.ID)
		w.must(err)
		if report.Sent != 2 || report.Failed != 1 || report.Due+report.Sending != 0 {
			t.Errorf("the report is %+v", report)
		}
	})
}

// erase destroys what ties an account to the ledger.
func (w *world) erase(a postern.AccountID) {
	w.t.Helper()
	w.must(w.ledger.DB.Update(context.Background(), func(tx *db.Tx) error { return w.ledger.Erase(tx, a) }))
}
