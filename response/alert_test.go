package response_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/gate/policy"
	"github.com/postern-mail/postern/response"
	"github.com/postern-mail/postern/response/detect"
	"github.com/postern-mail/postern/response/incident"
	"github.com/postern-mail/postern/testkit/engine"
)

func TestFanOutRaisesOneAlert(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		s := w.signIn(w.noor, office)
		for range 9 {
			w.looks(s, w.account("fr"), postern.TierEnvelope, message())
			w.pass(time.Minute)
		}
		if n := w.tick(); n != 0 {
			t.Fatalf("%d alerts for nine accounts", n)
		}
		w.looks(s, w.account("fr"), postern.TierEnvelope, message())
		if n := w.tick(); n != 1 {
			t.Fatalf("%d alerts for ten accounts in ten minutes", n)
		}
		// What was read is concluded once, by the same process and by the next.
		if n := w.tick(); n != 0 {
			t.Errorf("%d alerts for nothing new", n)
		}
		w.reopen()
		if n := w.tick(); n != 0 {
			t.Errorf("%d alerts after a restart", n)
		}
		w.looks(s, w.account("fr"), postern.TierContent, message())
		if n := w.tick(); n != 0 {
			t.Errorf("%d alerts: the eleventh account belongs to the first alert", n)
		}
		alerts, err := w.Alerts(ctx, detect.AlertFilter{Status: detect.AlertOpen})
		w.must(err)
		if len(alerts) != 1 {
			t.Fatalf("%d open alerts", len(alerts))
		}
		a, err := w.Alert(ctx, alerts[0].ID)
		w.must(err)
		if a.Rule != "fan-out-hour" || a.Count != 2 || a.Figures["value"] != 11 || a.Figures["limit"] != 10 || a.StaffName != "Member noor" ||
			a.Credential != w.noor.credential || len(a.Sessions) != 1 || a.Sessions[0] != s.ID || len(a.Evidence) != 11 || a.Severity != incident.Medium {
			t.Errorf("the alert is %+v", a)
		}
		// The same eleven accounts again are no more accounts.
		w.pass(2 * time.Hour)
		for range 9 {
			w.looks(w.signIn(w.noor, office), w.account("en"), postern.TierEnvelope, message())
		}
		w.tick()
		if again, err := w.Alert(ctx, a.ID); err != nil || again.Count != 2 {
			t.Errorf("nine accounts two hours later counted: %d, %v", again.Count, err)
		}
	})
}

func TestNewNetworkGrowsGraver(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		w.signIn(w.noor, office) // the very first sign-in is not new
		if n := w.tick(); n != 0 {
			t.Fatalf("%d alerts for a first sign-in", n)
		}
		s := w.signIn(w.noor, elsewhere)
		if n := w.tick(); n != 1 {
			t.Fatalf("%d alerts for a new network", n)
		}
		for _, step := range []struct {
			tier postern.Tier
			want incident.Severity
		}{{postern.TierNone, incident.Low}, {postern.TierAccount, incident.Medium}, {postern.TierEnvelope, incident.High}} {
			if step.tier != postern.TierNone {
				var ids []postern.MessageID
				if step.tier == postern.TierEnvelope {
					ids = messages(2)
				}
				w.looks(s, w.account("fr"), step.tier, ids...)
				if n := w.tick(); n != 0 {
					t.Errorf("%d more alerts", n)
				}
			}
			alerts, err := w.Alerts(ctx, detect.AlertFilter{})
			w.must(err)
			if len(alerts) != 1 || alerts[0].Severity != step.want || alerts[0].Network != elsewhere {
				t.Errorf("after %s: %+v", step.tier, alerts)
			}
		}
	})
}

func TestRefusalsInARow(t *testing.T) {
	engine.Each(t, func(t *testing.T, o engine.Open) {
		w := newWorld(t, o, policy.Default(), detect.Settings{})
		s := w.signIn(w.noor, office)
		for range 5 {
			if err := w.look(s, w.account("fr"), postern.TierEnvelope, message()); postern.KindOf(err) != postern.Withheld {
				t.Fatalf("without a case: %v", err)
			}
		}
		if n := w.tick(); n != 1 {
			t.Errorf("%d alerts for five refusals in a row", n)
		}
		alerts, err := w.Alerts(context.Background(), detect.AlertFilter{})
		w.must(err)
		if len(alerts) != 1 || alerts[0].Rule != "refusals" || alerts[0].Figures["value"] != 5 {
			t.Errorf("%+v", alerts)
		}
	})
}

// TestGuardedMail: what was masked was not shown, and only messages that the
// customer agreed to one by one were not masked.
func TestGuardedMail(t *testing.T) {
	engine.Each(t, func(t *testing.T, o engine.Open) {
		w := newWorld(t, o, policy.Standing(), detect.Settings{Off: []string{"no-case", "new-network"}})
		s := w.signIn(w.noor, office)
		for range 4 {
			id := message()
			w.mail.guarded[id] = true
			w.looks(s, w.account("fr"), postern.TierContent, id)
		}
		if n := w.tick(); n != 0 {
			t.Errorf("%d alerts for four guarded messages that stayed masked", n)
		}
	})
	engine.Each(t, func(t *testing.T, o engine.Open) {
		ctx := context.Background()
		w := newWorld(t, o, policy.Default(), detect.Settings{Off: []string{"new-network"}})
		s := w.signIn(w.noor, office)
		for i := range 3 {
			id, harmless := message(), message()
			w.mail.guarded[id] = true
			r, err := w.gate.Ask(ctx, s, gate.Ask{Account: w.account("fr"), Case: postern.CaseID(postern.NewID()), Tier: postern.TierContent,
				Scope: postern.Scope{Messages: []postern.MessageID{harmless, id}}, Reason: postern.ReasonSupport, Sentence: "To read it with you.", For: 15 * time.Minute})
			w.must(err)
			agreed, err := w.gate.Consent(ctx, r.Account, r.ID, gate.Narrow{})
			w.must(err)
			d, err := w.gate.Reveal(ctx, s, gate.Want{Grant: agreed.ID, Tier: postern.TierContent, Messages: []postern.MessageID{harmless, id}})
			w.must(err)
			d.Done()
			if n, want := w.tick(), i/2; n != want {
				t.Errorf("%d alerts for %d guarded messages, want %d", n, i+1, want)
			}
		}
	})
}

func TestDismissKeepsQuiet(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		lea := w.signIn(w.lea, office)
		w.signIn(w.noor, office)
		w.signIn(w.noor, elsewhere)
		w.tick()
		alerts, err := w.Alerts(ctx, detect.AlertFilter{Status: detect.AlertOpen})
		w.must(err)
		if err := w.Dismiss(ctx, w.signIn(w.paul, office), alerts[0].ID, "It is nothing."); postern.KindOf(err) != postern.Denied {
			t.Errorf("an agent dismissed an alert: %v", err)
		}
		if err := w.Dismiss(ctx, lea, alerts[0].ID, " "); postern.KindOf(err) != postern.Invalid {
			t.Errorf("dismissed without a sentence: %v", err)
		}
		w.must(w.Dismiss(ctx, lea, alerts[0].ID, "Noor is at the other office this week."))
		if err := w.Dismiss(ctx, lea, alerts[0].ID, "Again."); postern.KindOf(err) != postern.Conflict {
			t.Errorf("dismissed twice: %v", err)
		}
		w.signIn(w.noor, "192.0.2.0/24")
		if n := w.tick(); n != 0 {
			t.Errorf("%d alerts in the quiet time", n)
		}
		w.pass(25 * time.Hour)
		w.signIn(w.noor, "192.0.3.0/24")
		if n := w.tick(); n != 1 {
			t.Errorf("%d alerts after the quiet time", n)
		}
	})
}

// TestTwoNodesReadOnce lets two processes read the same feeds at once.
func TestTwoNodesReadOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		other, err := response.Open(ctx, w.parts)
		w.must(err)
		for round := range 5 {
			for range 4 {
				w.looks(w.signIn(w.noor, office), w.account("fr"), postern.TierEnvelope, message())
			}
			w.pass(time.Second)
			w.sequence()
			var raised [2]int
			var errs [2]error
			var both sync.WaitGroup
			for i, r := range []*response.Response{w.Response, other} {
				both.Go(func() { raised[i], errs[i] = r.Tick(ctx) })
			}
			both.Wait()
			w.must(errors.Join(errs[0], errs[1]))
			if got, want := raised[0]+raised[1], map[bool]int{true: 1}[round == 2]; got != want {
				t.Errorf("round %d raised %d alerts, want %d", round, got, want)
			}
		}
		alerts, err := w.Alerts(ctx, detect.AlertFilter{})
		w.must(err)
		// The tenth to the twentieth account, each read once.
		if len(alerts) != 1 || alerts[0].Count != 11 || alerts[0].Figures["value"] != 20 {
			t.Errorf("%+v", alerts)
		}
	})
}
