package response_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/response"
	"github.com/postern-mail/postern/response/detect"
	"github.com/postern-mail/postern/response/incident"
	"github.com/postern-mail/postern/response/scope"
	"github.com/postern-mail/postern/staff"
)

// TestIncident goes through one: alert, incident, containment, scope.
func TestIncident(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		lea := w.signIn(w.lea, office)
		w.signIn(w.paul, office)
		owner := w.signIn(w.noor, office)
		thief := w.signIn(w.noor, elsewhere)
		ana, bob, eve := w.account("fr"), w.account("en"), w.account("en")
		ids := messages(3)
		w.looks(thief, ana, postern.TierEnvelope, ids...)
		w.looks(thief, ana, postern.TierContent, ids[0])
		w.looks(owner, bob, postern.TierAccount)
		w.looks(w.signIn(w.paul, office), eve, postern.TierEnvelope, message()) // not of this incident
		w.tick()
		alerts, err := w.Alerts(ctx, detect.AlertFilter{Status: detect.AlertOpen})
		w.must(err)
		if len(alerts) != 1 {
			t.Fatalf("%d alerts", len(alerts))
		}
		w.pass(7 * time.Minute)

		if _, err := w.OpenIncident(ctx, owner, "Mine", alerts[0].ID); postern.KindOf(err) != postern.Denied {
			t.Errorf("an agent opened an incident: %v", err)
		}
		in, err := w.OpenIncident(ctx, lea, "  Noor's sign-in from a new network ", alerts[0].ID)
		w.must(err)
		if in.Number != 1 || in.Title != "Noor's sign-in from a new network" || in.State != incident.StateOpen || in.Severity != incident.High ||
			in.Lead != w.lea.ID || !in.Aware.Equal(alerts[0].At) || !in.Opened.Equal(in.Aware.Add(7*time.Minute)) {
			t.Errorf("the incident is %+v", in)
		}
		if _, err := w.OpenIncident(ctx, lea, "Twice", alerts[0].ID); postern.KindOf(err) != postern.Conflict {
			t.Errorf("one alert in two incidents: %v", err)
		}
		if _, err := w.OpenIncident(ctx, lea, " "); postern.KindOf(err) != postern.Invalid {
			t.Errorf("an incident without a title: %v", err)
		}

		target := gate.Target{Kind: gate.KindCredential, Subject: string(w.noor.credential), Why: "Used from a network that is not hers."}
		reach, err := w.Reach(ctx, lea, target)
		w.must(err)
		if reach.Sessions != 2 || reach.Grants != 3 {
			t.Errorf("the containment would end %+v", reach)
		}
		c, err := w.Contain(ctx, lea, in.ID, target)
		w.must(err)
		if len(c.Sessions) != 2 || c.Grants != 3 {
			t.Errorf("the containment is %+v", c)
		}
		if err := w.look(thief, ana, postern.TierAccount); postern.KindOf(err) != postern.Denied {
			t.Errorf("a look after the containment: %v", err)
		}

		sc, err := w.Scope(ctx, lea, in.ID, scope.Selector{Credentials: []postern.CredentialID{w.noor.credential}})
		w.must(err)
		if sc.Version != 1 || sc.Totals.Accounts != 2 || sc.Totals.Disclosures != 3 || sc.Totals.Messages != 3 || sc.Totals.Deepest[postern.TierContent] != 1 {
			t.Errorf("the scope is %+v", sc)
		}
		// By the network: only the thief's session, whole.
		byNetwork, err := w.Scope(ctx, lea, in.ID, scope.Selector{Networks: []string{elsewhere}, Sessions: []postern.SessionID{thief.ID}})
		w.must(err)
		if byNetwork.Version != 2 || byNetwork.Totals.Accounts != 1 || byNetwork.Totals.Disclosures != 2 {
			t.Errorf("by network: %+v", byNetwork.Totals)
		}
		saved, err := w.SavedScope(ctx, in.ID, 1, scope.ExposureFilter{Account: ana})
		w.must(err)
		if len(saved.Exposures) != 2 || saved.Exposures[0].Tier != postern.TierEnvelope || len(saved.Exposures[0].Messages) != 3 ||
			saved.Exposures[1].Messages[0].ID != ids[0] || saved.Exposures[1].Messages[0].Fields&postern.FieldBody == 0 ||
			saved.Exposures[1].Sessions[0] != thief.ID || saved.Exposures[1].Certainty != scope.Shown {
			t.Errorf("the saved exposures are %+v", saved.Exposures)
		}
		deepest, err := w.SavedScope(ctx, in.ID, 1, scope.ExposureFilter{Tier: postern.TierAccount, Deepest: true})
		w.must(err)
		if len(deepest.Exposures) != 1 || deepest.Exposures[0].Account != bob {
			t.Errorf("accounts of which only the account tier was shown: %+v", deepest.Exposures)
		}
		if _, err := w.Scope(ctx, lea, in.ID, scope.Selector{}); postern.KindOf(err) != postern.Invalid {
			t.Errorf("a scope of nothing: %v", err)
		}

		in, err = w.Incident(ctx, in.ID)
		w.must(err)
		if in.State != incident.StateScoped || in.Contained.IsZero() || in.Scoped.IsZero() {
			t.Errorf("the incident is %+v", in)
		}
		contained, err := w.Containments(ctx, in.ID)
		w.must(err)
		w.sequence()
		if len(contained) != 1 || contained[0].Gate != c.ID || contained[0].Sessions != 2 || contained[0].Why != target.Why || contained[0].Ended.IsZero() {
			t.Errorf("the containments are %+v", contained)
		}
		_, err = w.Lift(ctx, lea, c.ID, "Noor has a new passkey.")
		w.must(err)
		if _, err := w.Lift(ctx, lea, c.ID, "Again."); postern.KindOf(err) != postern.Conflict {
			t.Errorf("lifted twice: %v", err)
		}

		lines, err := w.Timeline(ctx, in.ID)
		w.must(err)
		var kinds []string
		for _, l := range lines {
			kinds = append(kinds, l.Kind)
			if l.ActorName != "Member lea" {
				t.Errorf("%s by %q", l.Kind, l.ActorName)
			}
		}
		if !slices.Equal(kinds, []string{"opened", "alert", "contained", "scoped", "scoped", "lifted"}) {
			t.Errorf("the timeline is %v", kinds)
		}
	})
}

func TestTimelineIsAppendOnly(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		in, err := w.OpenIncident(ctx, w.signIn(w.lea, office), "A drill")
		w.must(err)
		for _, q := range []string{"UPDATE response_timeline SET text = 'no'", "DELETE FROM response_timeline"} {
			err := w.parts.DB.Update(ctx, func(tx *db.Tx) error { _, err := tx.Exec(q); return err })
			if err == nil {
				t.Errorf("%s was allowed", q)
			}
		}
		if lines, err := w.Timeline(ctx, in.ID); err != nil || len(lines) != 1 || lines[0].Text != "A drill" {
			t.Errorf("the timeline is %+v, %v", lines, err)
		}
	})
}

func TestTasksAndState(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		lea, max, ada := w.signIn(w.lea, office), w.signIn(w.max, office), w.signIn(w.ada, office)
		in, err := w.OpenIncident(ctx, lea, "A drill")
		w.must(err)
		tasks, err := w.Tasks(ctx, in.ID)
		w.must(err)
		if len(tasks) != len(incident.PlannedTasks()) || tasks[0].Name != "contain" || tasks[0].State != incident.TaskNotStarted {
			t.Errorf("the tasks are %+v", tasks)
		}
		w.must(w.AddTask(ctx, lea, in.ID, "Call the outsourcer's manager"))
		w.must(w.SetTask(ctx, max, in.ID, 2, incident.TaskLookedAt))
		w.must(w.SetTask(ctx, max, in.ID, int64(len(tasks)+1), incident.TaskDone))
		for _, c := range []struct {
			name string
			err  error
			want postern.Kind
		}{
			{"an approver's hand", w.SetTask(ctx, ada, in.ID, 1, incident.TaskDone), postern.Denied},
			{"no such state", w.SetTask(ctx, max, in.ID, 1, "almost"), postern.Invalid},
			{"no such task", w.SetTask(ctx, max, in.ID, 99, incident.TaskDone), postern.NotFound},
			{"no such incident", w.Note(ctx, max, "ffff", "x"), postern.NotFound},
			{"no words", w.Note(ctx, max, in.ID, "\n"), postern.Invalid},
			{"too many words", w.Note(ctx, max, in.ID, strings.Repeat("x", 2001)), postern.Invalid},
		} {
			if postern.KindOf(c.err) != c.want {
				t.Errorf("%s: %v", c.name, c.err)
			}
		}
		w.must(w.TakeLead(ctx, max, in.ID))
		w.must(w.SetCause(ctx, max, in.ID, incident.CauseStolen, "She was asleep."))
		w.must(w.SetSeverity(ctx, max, in.ID, incident.High, "Mail was read."))
		w.must(w.Close(ctx, max, in.ID, "It was a drill."))
		if err := w.Note(ctx, max, in.ID, "One more thing."); postern.KindOf(err) != postern.Conflict {
			t.Errorf("a note in a closed incident: %v", err)
		}
		if _, err := w.Contain(ctx, max, in.ID, gate.Target{Kind: gate.KindNetwork, Subject: elsewhere, Why: "x"}); postern.KindOf(err) != postern.Conflict {
			t.Errorf("a containment in a closed incident: %v", err)
		}
		w.must(w.Reopen(ctx, lea, in.ID, "It was not."))
		got, err := w.Incident(ctx, in.ID)
		w.must(err)
		if got.State != incident.StateOpen || got.Lead != w.max.ID || got.Cause != incident.CauseStolen || got.Severity != incident.High || !got.Closed.IsZero() {
			t.Errorf("the incident is %+v", got)
		}
		tasks, err = w.Tasks(ctx, in.ID)
		w.must(err)
		if tasks[1].State != incident.TaskLookedAt || tasks[1].Holder != "Member max" || tasks[len(tasks)-1].State != incident.TaskDone {
			t.Errorf("the tasks are %+v", tasks)
		}
	})
}

// TestActFirst ends the access before there is an incident: it knows.
func TestActFirst(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		lea := w.signIn(w.lea, office)
		w.signIn(w.noor, office)
		thief := w.signIn(w.noor, elsewhere)
		ana := w.account("fr")
		w.looks(thief, ana, postern.TierEnvelope, message())
		w.tick()
		alerts, err := w.Alerts(ctx, detect.AlertFilter{})
		w.must(err)
		w.pass(time.Minute)
		c, err := w.gate.Contain(ctx, gate.Actor{Name: "the operator"}, gate.Target{Kind: gate.KindCredential, Subject: string(w.noor.credential), Why: "By hand."})
		w.must(err)
		standing, err := w.Standing(ctx)
		w.must(err)
		if standing.Of(gate.KindCredential, string(w.noor.credential)) != response.AccessEnded || standing.Of(gate.KindNetwork, elsewhere) != response.AccessOpen {
			t.Errorf("the standing is %v", standing)
		}
		in, err := w.OpenIncident(ctx, lea, "Afterwards", alerts[0].ID)
		w.must(err)
		if in.State != incident.StateContained || in.Contained.IsZero() {
			t.Errorf("the incident is %+v", in)
		}
		_, err = w.Scope(ctx, lea, in.ID, scope.Selector{Credentials: []postern.CredentialID{w.noor.credential}})
		w.must(err)
		preview, err := w.Preview(ctx, in.ID, ana)
		w.must(err)
		if !strings.Contains(preview["en"].Text, "We ended this access on 14 May 2026") {
			t.Errorf("the notice does not know that the access is ended:\n%s", preview["en"].Text)
		}
		_, err = w.Lift(ctx, lea, c.ID, "A new passkey.")
		w.must(err)
		if standing, err = w.Standing(ctx); err != nil || standing.Of(gate.KindCredential, string(w.noor.credential)) != response.AccessLifted {
			t.Errorf("the standing is %v, %v", standing, err)
		}
	})
}

// TestContainWithoutIncident is the button for somebody who acts first.
func TestContainWithoutIncident(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		lea, noor := w.signIn(w.lea, office), w.signIn(w.noor, office)
		for _, by := range []staff.Session{noor, w.signIn(w.ada, office)} {
			if _, err := w.Contain(ctx, by, "", gate.Target{Kind: gate.KindSession, Subject: string(lea.ID), Why: "x"}); postern.KindOf(err) != postern.Denied {
				t.Errorf("contained by somebody who is no responder: %v", err)
			}
		}
		if _, err := w.Contain(ctx, lea, "", gate.Target{Kind: gate.KindSession, Subject: string(noor.ID), Why: " "}); postern.KindOf(err) != postern.Invalid {
			t.Errorf("contained without a reason: %v", err)
		}
		_, err := w.Contain(ctx, lea, "", gate.Target{Kind: gate.KindSession, Subject: string(noor.ID), Why: "A screen left open."})
		w.must(err)
		all, err := w.Containments(ctx, "")
		w.must(err)
		if len(all) != 1 || all[0].Incident != "" || all[0].Kind != gate.KindSession {
			t.Errorf("the containments are %+v", all)
		}
	})
}
