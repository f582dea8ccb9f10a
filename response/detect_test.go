package response_test

import (
	"context"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/db/open"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/gate/policy"
	"github.com/postern-mail/postern/response/detect"
	"github.com/postern-mail/postern/response/incident"
	"github.com/postern-mail/postern/response/sigma"
	"github.com/postern-mail/postern/testkit/engine"
)

// TestHoneyEndsItself: whoever touches a honey account is out at once; it is
// written down, once, and a responder lets them in again.
func TestHoneyEndsItself(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		lea := w.signIn(w.lea, office)
		w.mail.honey = w.account("fr")
		s := w.signIn(w.noor, office)
		w.looks(s, w.mail.honey, postern.TierAccount)
		if n := w.tick(); n != 1 {
			t.Fatalf("%d alerts", n)
		}
		alerts, err := w.Alerts(ctx, detect.AlertFilter{})
		w.must(err)
		a := alerts[0]
		if a.Rule != "honey" || a.Severity != incident.High || a.Ending.State != detect.EndingDone || a.Ending.Subject != string(w.noor.credential) || a.Ending.Containment == "" || len(a.Version) != 64 {
			t.Errorf("the alert is %+v", a)
		}
		if err := w.look(s, w.account("fr"), postern.TierAccount); postern.KeyOf(err) != gate.RefusedContained {
			t.Errorf("after it: %v", err)
		}
		w.tick()
		w.reopen()
		w.tick()
		all, err := w.Containments(ctx, "")
		w.must(err)
		if len(all) != 1 || all[0].Gate != a.Ending.Containment || all[0].ActorName != "rule honey" {
			t.Errorf("the containments are %+v", all)
		}
		if _, err := w.Lift(ctx, lea, a.Ending.Containment, "Noor tested the desk."); err != nil {
			t.Fatal(err)
		}
		s = w.signIn(w.noor, office)
		w.looks(s, w.account("fr"), postern.TierAccount)
		// And out again at the next touch.
		w.looks(s, w.mail.honey, postern.TierAccount)
		w.tick()
		if err := w.look(s, w.account("fr"), postern.TierAccount); postern.KeyOf(err) != gate.RefusedContained {
			t.Errorf("after the second touch: %v", err)
		}
	})
}

// TestKeepIn: a provider can choose that nothing ends by itself.
func TestKeepIn(t *testing.T) {
	engine.Each(t, func(t *testing.T, o engine.Open) {
		w := newWorld(t, o, policy.Standing(), detect.Settings{KeepIn: []string{"honey"}})
		w.mail.honey = w.account("fr")
		s := w.signIn(w.noor, office)
		w.looks(s, w.mail.honey, postern.TierAccount)
		w.tick()
		w.looks(s, w.account("fr"), postern.TierAccount)
		alerts, err := w.Alerts(context.Background(), detect.AlertFilter{})
		w.must(err)
		if len(alerts) != 1 || alerts[0].Ending.State != "" {
			t.Errorf("the alerts are %+v", alerts)
		}
	})
}

// TestWindowsOutliveTheProcess: what a window held counts after a restart,
// whether it was written down, was lost, or is of other rules.
func TestWindowsOutliveTheProcess(t *testing.T) {
	for name, between := range map[string]func(t *testing.T, w *world, plane *db.Handle){
		"written down": func(t *testing.T, w *world, _ *db.Handle) { w.must(w.Save(context.Background())) },
		"read again":   func(*testing.T, *world, *db.Handle) {},
		"lost": func(t *testing.T, w *world, plane *db.Handle) {
			w.must(w.Save(context.Background()))
			w.must(plane.Update(context.Background(), func(tx *db.Tx) error { _, err := tx.Exec("DELETE FROM response_engine"); return err }))
		},
		"damaged": func(t *testing.T, w *world, plane *db.Handle) {
			w.must(w.Save(context.Background()))
			w.must(plane.Update(context.Background(), func(tx *db.Tx) error {
				_, err := tx.Exec("UPDATE response_engine SET state = ?1", []byte("PSG1 and nothing else"))
				return err
			}))
		},
		"other rules": func(t *testing.T, w *world, _ *db.Handle) {
			w.must(w.Save(context.Background()))
			docs, err := sigma.Parse("own.yml", []byte("title: Own\nname: own\nlogsource: {product: postern}\ndetection: {s: {action: lifted}, condition: s}\n"))
			w.must(err)
			w.parts.Detect.Rules = docs
		},
	} {
		t.Run(name, func(t *testing.T) {
			engine.Each(t, func(t *testing.T, o engine.Open) {
				w := newWorld(t, o, policy.Standing(), detect.Settings{})
				s := w.signIn(w.noor, office)
				for range 6 {
					w.looks(s, w.account("fr"), postern.TierEnvelope, message())
					w.pass(time.Minute)
				}
				w.tick()
				between(t, w, w.parts.DB)
				w.reopen()
				for range 3 {
					w.looks(s, w.account("fr"), postern.TierEnvelope, message())
				}
				if n := w.tick(); n != 0 {
					t.Errorf("%d alerts for nine accounts", n)
				}
				w.looks(s, w.account("fr"), postern.TierEnvelope, message())
				if n := w.tick(); n != 1 {
					t.Errorf("%d alerts for the tenth account", n)
				}
				alerts, err := w.Alerts(context.Background(), detect.AlertFilter{})
				w.must(err)
				a, err := w.Alert(context.Background(), alerts[0].ID)
				w.must(err)
				if a.Figures["value"] != 10 || len(a.Evidence) != 10 || a.Count != 1 {
					t.Errorf("the alert counts %d of %d acts with evidence of %d", a.Figures["value"], a.Count, len(a.Evidence))
				}
			})
		})
	}
}

// TestBacktest: history judged again raises nothing, and finds what the rules
// found; with a rule of one's own, what that would have.
func TestBacktest(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		begin := w.clock()
		w.signIn(w.noor, office)
		s := w.signIn(w.noor, elsewhere)
		for range 12 {
			w.looks(s, w.account("fr"), postern.TierEnvelope, message())
			w.pass(time.Minute)
		}
		w.tick()
		before, err := w.Alerts(ctx, detect.AlertFilter{})
		w.must(err)
		docs, err := sigma.Parse("own.yml", []byte(`title: Seen
name: seen
logsource: {product: postern, service: gate}
detection: {s: {action: shown}, condition: s}
---
title: Five
name: five
correlation: {type: value_count, rules: seen, group-by: staff, timespan: 1h, condition: {field: account, gte: 5}}
`))
		w.must(err)
		got, err := w.Backtest(ctx, docs, begin, nil)
		w.must(err)
		if len(got.Matches) != 1 || got.Matches[0].Rule != "five" || got.Matches[0].Count != 8 || got.Matches[0].Value != 12 && got.Matches[0].Value != 5 || got.Matches[0].Subject != string(w.noor.ID) || got.Acts < 14 {
			t.Errorf("found %+v", got)
		}
		pack, err := w.Backtest(ctx, nil, begin, nil)
		w.must(err)
		found := map[string]bool{}
		for _, m := range pack.Matches {
			found[m.Alert] = true
		}
		for _, a := range before {
			if !found[a.Rule] {
				t.Errorf("the history does not raise %s again", a.Rule)
			}
		}
		if after, err := w.Alerts(ctx, detect.AlertFilter{}); err != nil || len(after) != len(before) || after[0].Count != before[0].Count {
			t.Errorf("a backtest changed the alerts: %d, %d, %v", len(before), len(after), err)
		}
		late, err := w.Backtest(ctx, docs, w.clock().Add(time.Hour), nil)
		w.must(err)
		if len(late.Matches) != 0 {
			t.Errorf("found %+v after everything", late.Matches)
		}
	})
}

// TestOwnRules: a rule with a mistake keeps the centre from opening, with its
// file and line; a good one raises alerts in its author's words.
func TestOwnRules(t *testing.T) {
	engine.Each(t, func(t *testing.T, o engine.Open) {
		bad, err := sigma.Parse("own.yml", []byte("title: Own\nname: own\nlogsource: {product: postern}\ndetection:\n  s: {colour: red}\n  condition: s\n"))
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld(t, o, policy.Standing(), detect.Settings{})
		parts := detect.Parts{DB: o(open.Response), Gate: w.gate, Settings: detect.Settings{Rules: bad}}
		if _, err := detect.New(context.Background(), parts); err == nil || err.Error() != `own.yml:5: there is no field "colour": docs/detection.md lists them` {
			t.Errorf("a rule that cannot be evaluated: %v", err)
		}
		good, err := sigma.Parse("own.yml", []byte("title: Somebody was shown something\nname: own\nlevel: low\ndescription: It was shown.\nlogsource: {product: postern}\ndetection:\n  s: {action: shown}\n  condition: s\n"))
		w.must(err)
		w.parts.Detect.Rules = good
		w.reopen()
		w.looks(w.signIn(w.noor, office), w.account("fr"), postern.TierAccount)
		w.tick()
		alerts, err := w.Alerts(context.Background(), detect.AlertFilter{})
		w.must(err)
		if len(alerts) != 1 || !alerts[0].Own || alerts[0].Title != "Somebody was shown something" || alerts[0].Severity != incident.Low {
			t.Errorf("the alerts are %+v", alerts)
		}
	})
}
