package sigma_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/postern-mail/postern/response/sigma"
)

var schema = sigma.Schema{Product: "postern", Services: map[string]uint8{"staff": 0, "gate": 1}, Fields: []sigma.Field{
	{Name: "action"}, {Name: "staff"}, {Name: "account"}, {Name: "network"}, {Name: "team"}, {Name: "approver"},
	{Name: "messages", Kind: sigma.Number}, {Name: "guarded", Kind: sigma.Truth}, {Name: "credential"},
}}

// ev makes an event at a second from "action=shown staff=noor messages=3".
func ev(second int64, words string) *sigma.Event {
	e := &sigma.Event{At: 1_800_000_000_000 + second*1000, Feed: 1, Position: second, Values: make([]sigma.Value, len(schema.Fields))}
	for w := range strings.FieldsSeq(words) {
		k, v, _ := strings.Cut(w, "=")
		switch k {
		case "feed":
			e.Feed = v[0] - '0'
			continue
		case "pos":
			fmt.Sscan(v, &e.Position)
			continue
		}
		for i, f := range schema.Fields {
			if f.Name != k {
				continue
			}
			if f.Kind == sigma.Text {
				e.Values[i].S = v
			} else {
				fmt.Sscan(v, &e.Values[i].N)
			}
		}
	}
	return e
}

func compile(t testing.TB, text string, o sigma.Options) *sigma.Engine {
	t.Helper()
	docs, err := sigma.Parse("test.yml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if o.Subject == "" {
		o.Subject = "staff"
	}
	e, err := sigma.Compile(docs, schema, o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func fired(e *sigma.Engine, events ...*sigma.Event) (all []string) {
	for _, x := range events {
		e.Observe(x, func(m sigma.Match) {
			all = append(all, fmt.Sprintf("%s %s %d/%d @%d", m.Rule.Name, m.Subject, m.Value, m.Limit, m.Event.Position))
		})
	}
	return all
}

func simple(selection string) string {
	return "title: T\nname: r\nlogsource: {product: postern}\ndetection:\n  s:\n    " + selection + "\n  condition: s\n"
}

func TestModifiers(t *testing.T) {
	for _, c := range []struct {
		selection string
		yes, no   []string
	}{
		{"action: Shown", []string{"action=shown", "action=SHOWN"}, []string{"action=show", ""}},
		{"action|cased: shown", []string{"action=shown"}, []string{"action=Shown"}},
		{"action: [shown, moved]", []string{"action=shown", "action=moved"}, []string{"action=x"}},
		{"account: an*b?d", []string{"account=anaXbYd", "account=anb.d"}, []string{"account=anbd", "account=xanabyd"}},
		{`account: an\*b`, []string{"account=an*b"}, []string{"account=anxb"}},
		{"account|contains: é", []string{"account=zéz"}, []string{"account=zez"}},
		{"account|contains|all: [a, b]", []string{"account=xbxa"}, []string{"account=a"}},
		{"account|startswith: An", []string{"account=ana"}, []string{"account=xan"}},
		{"account|endswith: NA", []string{"account=ana"}, []string{"account=nax"}},
		{"account|endswith|cased: NA", []string{"account=aNA"}, []string{"account=ana"}},
		{"account|re: '^a.a$'", []string{"account=ana"}, []string{"account=anna"}},
		{"network|cidr: 203.0.113.0/24", []string{"network=203.0.113.7", "network=203.0.113.0/24"}, []string{"network=203.0.0.0/16", "network=198.51.100.1", "network=x"}},
		{"network|cidr: 2001:db8::/32", []string{"network=2001:db8:1::/48"}, []string{"network=203.0.113.7"}},
		{"account|exists: true", []string{"account=a"}, []string{""}},
		{"account|exists: false", []string{""}, []string{"account=a"}},
		{"account: null", []string{""}, []string{"account=a"}},
		{"approver|fieldref: staff", []string{"approver=noor"}, []string{"approver=ada", ""}},
		{"messages|gte: 3", []string{"messages=3", "messages=4"}, []string{"messages=2", ""}},
		{"messages|gt: 3", []string{"messages=4"}, []string{"messages=3"}},
		{"messages|lt: 3", []string{"messages=2"}, []string{"messages=3"}},
		{"messages|lte: 3", []string{"messages=3"}, []string{"messages=4"}},
		{"messages: [1, 5]", []string{"messages=5"}, []string{"messages=2"}},
		{"guarded: true", []string{"guarded=1"}, []string{""}},
		{"guarded: false", []string{""}, []string{"guarded=1"}},
	} {
		e := compile(t, simple(c.selection), sigma.Options{})
		for _, words := range c.yes {
			if len(fired(e, ev(1, words+" staff=noor"))) != 1 {
				t.Errorf("%s does not match %q", c.selection, words)
			}
		}
		for _, words := range c.no {
			if len(fired(e, ev(1, words+" staff=noor"))) != 0 {
				t.Errorf("%s matches %q", c.selection, words)
			}
		}
	}
}

func TestConditions(t *testing.T) {
	for condition, want := range map[string]string{
		"a": "1", "not a": "0", "a and b": "0", "a or b": "1", "a and not b": "1", "not (a or b)": "0", "b or a and c": "1", "(b or a) and b": "0",
		"1 of them": "1", "all of them": "0", "all of sel*": "1", "1 of b*": "0", "any of sel*": "1", "NOT b AND 1 of sel_one": "1",
	} {
		e := compile(t, "title: T\nname: r\ndetection:\n  a: {action: shown}\n  b: {action: moved}\n  c: {staff: noor}\n  sel_one: {action: shown}\n  sel_two: {staff: noor}\n  condition: "+condition+"\n", sigma.Options{})
		if got := fmt.Sprint(len(fired(e, ev(1, "action=shown staff=noor")))); got != want {
			t.Errorf("%s fires %s times, not %s", condition, got, want)
		}
	}
}

const seen = "title: Seen\nname: seen\nlogsource: {product: postern, service: gate}\ndetection:\n  s: {action: shown}\n  condition: s\n---\ntitle: Came\nname: came\nlogsource: {product: postern, service: staff}\ndetection:\n  s: {action: sign-in}\n  condition: s\n---\n"

func correlation(kind, more string) string {
	return seen + "title: C\nname: c\nlevel: high\ncorrelation:\n  type: " + kind + "\n  group-by: staff\n  timespan: 1m\n" + more
}

func TestCorrelations(t *testing.T) {
	see := func(second int64, account string, more ...string) *sigma.Event {
		return ev(second, "action=shown staff=noor account="+account+" "+strings.Join(more, " "))
	}
	for _, c := range []struct {
		name, rule string
		events     []*sigma.Event
		want       []string
	}{
		{"events", correlation("event_count", "  rules: seen\n  condition: {gte: 3}\n"),
			[]*sigma.Event{see(1, "a"), see(2, "a"), ev(2, "action=shown staff=paul pos=90"), see(3, "a"), see(62, "a"), see(63, "b"), see(64, "b")},
			[]string{"c noor 3/3 @3", "c noor 3/3 @64"}},
		{"more than", correlation("event_count", "  rules: seen\n  condition: {gt: 2}\n"), []*sigma.Event{see(1, "a"), see(2, "a"), see(3, "a")}, []string{"c noor 3/3 @3"}},
		{"values", correlation("value_count", "  rules: seen\n  condition: {gte: 2, field: account}\n"),
			[]*sigma.Event{see(1, "a"), see(2, "a"), see(3, "b"), see(61, "b"), see(64, "c")}, []string{"c noor 2/2 @3", "c noor 2/2 @61", "c noor 2/2 @64"}},
		{"values that are numbers", correlation("value_count", "  rules: seen\n  condition: {gte: 2, field: messages}\n"),
			[]*sigma.Event{see(1, "a", "messages=3"), see(2, "a", "messages=3"), see(3, "b", "messages=4")}, []string{"c noor 2/2 @3"}},
		{"a sum", correlation("value_sum", "  rules: seen\n  condition: {gte: 10, field: messages}\n"),
			[]*sigma.Event{see(1, "a", "messages=6"), see(2, "a", "messages=3"), see(3, "a", "messages=1"), see(61, "a", "messages=2"), see(62, "a", "messages=9")},
			[]string{"c noor 10/10 @3", "c noor 12/10 @62"}},
		{"a percentile", correlation("value_percentile", "  rules: seen\n  condition: {gte: 5, field: messages, percentile: 50}\n"),
			[]*sigma.Event{see(1, "a", "messages=1"), see(2, "a", "messages=9"), see(3, "a", "messages=5")}, []string{"c noor 5/5 @3"}},
		{"both, in any order", correlation("temporal", "  rules: [seen, came]\n"),
			[]*sigma.Event{see(1, "a"), ev(2, "action=sign-in staff=paul feed=0"), ev(30, "action=sign-in staff=noor feed=0"), ev(100, "action=sign-in staff=noor feed=0")},
			[]string{"c noor 2/2 @30"}},
		{"both, in order", correlation("temporal_ordered", "  rules: [came, seen]\n"),
			[]*sigma.Event{see(1, "a"), ev(2, "action=sign-in staff=noor feed=0"), ev(3, "action=sign-in staff=noor feed=0"), see(30, "a"), see(63, "a")},
			[]string{"c noor 2/2 @30"}},
		{"a feed that is late", correlation("temporal_ordered", "  rules: [came, seen]\n"),
			[]*sigma.Event{see(40, "a"), ev(20, "action=sign-in staff=noor feed=0"), see(50, "a")}, []string{"c noor 2/2 @50"}},
		{"late events count where they belong", correlation("event_count", "  rules: seen\n  condition: {gte: 3}\n"),
			[]*sigma.Event{see(100, "a"), see(90, "a"), see(30, "a"), see(95, "a")}, []string{"c noor 3/3 @95"}},
		{"the same event again", correlation("event_count", "  rules: seen\n  condition: {gte: 2}\n"), []*sigma.Event{see(1, "a"), see(1, "a")}, nil},
		{"nobody's", correlation("event_count", "  rules: seen\n  condition: {gte: 1}\n"), []*sigma.Event{ev(1, "action=shown")}, nil},
		{"by another name", correlation("event_count", "  rules: [seen, came]\n  condition: {gte: 2}\n") + "", []*sigma.Event{see(1, "a"), ev(2, "action=sign-in staff=noor feed=0")}, []string{"c noor 2/2 @2"}},
		{"aliases", strings.Replace(correlation("temporal", "  rules: [seen, came]\n  aliases: {who: {seen: approver, came: staff}}\n"), "group-by: staff", "group-by: who", 1),
			[]*sigma.Event{ev(1, "action=shown staff=x approver=ada"), ev(2, "action=sign-in staff=ada feed=0")}, []string{"c ada 2/2 @2"}},
		{"what is generated too", correlation("event_count", "  rules: seen\n  generate: true\n  condition: {gte: 2}\n"), []*sigma.Event{see(1, "a"), see(2, "a")},
			[]string{"seen noor 1/1 @1", "seen noor 1/1 @2", "c noor 2/2 @2"}},
	} {
		if got := fired(compile(t, c.rule, sigma.Options{}), c.events...); !slices.Equal(got, c.want) {
			t.Errorf("%s: fired %q, not %q", c.name, got, c.want)
		}
	}
}

// TestBegin: what came before stands in the first match of a row of them, and
// not in those that follow.
func TestBegin(t *testing.T) {
	e := compile(t, correlation("event_count", "  rules: seen\n  condition: {gte: 3}\n")+"postern: {contain: credential, alert: other}\n", sigma.Options{})
	var before []int
	for i := range int64(5) {
		e.Observe(ev(i, "action=shown staff=noor credential=c1"), func(m sigma.Match) {
			before = append(before, len(m.Before))
			if m.Contain != "c1" || m.Rule.Alert != "other" || m.First != ev(0, "").At || m.Rule.Level != sigma.High || len(m.Rule.Version) != 64 {
				t.Errorf("the match is %+v", m)
			}
		})
	}
	if !slices.Equal(before, []int{2, 0, 0}) {
		t.Errorf("before stand %d", before)
	}
}

// TestPeers: 41 accounts in an hour are nothing where everybody sees 40, and
// much where the team's 99th percentile is 6.
func TestPeers(t *testing.T) {
	rule := seen + `title: Peers
name: peers
correlation:
  type: value_count
  rules: seen
  group-by: staff
  timespan: 1h
  condition: {gte: 5, field: account}
postern: {peers: {group-by: team, percentile: 99, times: 3, at-least: 50, otherwise: silent}}
`
	e := compile(t, rule, sigma.Options{})
	at := int64(0)
	hour := func(staff, team string, accounts int) (all []sigma.Match) {
		for i := range accounts {
			at++
			e.Observe(ev(at, fmt.Sprintf("action=shown staff=%s team=%s account=a%d", staff, team, i)), func(m sigma.Match) { all = append(all, m) })
		}
		return all
	}
	if got := hour("early", "busy", 200); len(got) != 0 {
		t.Error("fired with nobody to compare")
	}
	for range 80 {
		at = (at/3600 + 1) * 3600
		for i := range 5 {
			hour(fmt.Sprintf("slow%d", i), "slow", 4+i%3)
			hour(fmt.Sprintf("busy%d", i), "busy", 40)
		}
	}
	at = (at/3600 + 1) * 3600
	if got := hour("busy9", "busy", 41); len(got) != 0 {
		t.Errorf("41 among the busy fired %+v", got[0])
	}
	got := hour("slow9", "slow", 41)
	if len(got) == 0 {
		t.Fatal("41 among the slow did not fire")
	}
	last := got[len(got)-1]
	if last.Value != 41 || last.Limit != 18 || last.Peers == nil || last.Peers.Value != 6 || last.Peers.Percentile != 99 || last.Peers.Team != "slow" || last.Peers.Observations < 300 {
		t.Errorf("the match is %+v against %+v", last, last.Peers)
	}
}

// TestBounds: a window never holds more than it may, and says what it dropped.
func TestBounds(t *testing.T) {
	rule := correlation("value_count", "  rules: seen\n  condition: {gte: 1000, field: account}\n")
	e := compile(t, rule, sigma.Options{MaxEntries: 100, MaxGroup: 30})
	for i := range int64(500) {
		e.Observe(ev(i/100, fmt.Sprintf("action=shown staff=s%d account=a%d pos=%d", i%7, i, i)), func(sigma.Match) { t.Error("fired") })
	}
	if e.Entries() > 100 || e.Dropped() == 0 || e.Entries()+int(e.Dropped()) != 500 {
		t.Errorf("%d held, %d dropped", e.Entries(), e.Dropped())
	}
	e.Observe(ev(100_000, "action=shown staff=s1 account=a"), func(sigma.Match) {})
	for i := range int64(1024) {
		e.Observe(ev(100_000+i, "action=none"), func(sigma.Match) {})
	}
	if e.Entries() != 0 {
		t.Errorf("%d are held of windows that are over", e.Entries())
	}
}

func TestRefused(t *testing.T) {
	good := simple("action: shown")
	for text, want := range map[string]string{
		"title: [":                             "test.yml:1: this is not YAML",
		"- a":                                  "test.yml:1: a rule is a map",
		"name: x\ndetection: {a: {action: b}}": "a rule needs a title",
		"title: x":                             "needs a detection or a correlation",
		good + "extra: 1\n":                    "test.yml:8: the key \"extra\"",
		good + "level: loud\n":                 "there is no level",
		good + "title: again\n":                "stands here twice",
		"a: &x 1\nb: *x\n":                     "anchors",
		simple("colour: red"):                  "test.yml:6: there is no field \"colour\"",
		simple("action|near: x"):               "the modifier \"near\"",
		simple("action|base64: x"):             "not evaluated",
		simple("action|re: '('"):               "RE2",
		simple("action|re|contains: 'x'"):      "together",
		simple("network|cidr: x"):              "write a network",
		simple("messages|gte: x"):              "whole number",
		simple("action|gte: 1"):                "is not a number",
		simple("guarded: 1"):                   "true or false",
		simple("guarded|contains: true"):       "true or false",
		simple("messages|exists: true"):        "always has a value",
		simple("approver|fieldref: messages"):  "no field",
		simple("action: [{a: b}]"):             "a value is a text",
		strings.Replace(good, "condition: s", "condition: s | count() > 3", 1):                                                                                                       "not understood",
		strings.Replace(good, "condition: s", "condition: t", 1):                                                                                                                     "no selection \"t\"",
		strings.Replace(good, "condition: s", "condition: (s", 1):                                                                                                                    "parenthesis",
		strings.Replace(good, "condition: s", "condition: s and", 1):                                                                                                                 "ends where",
		strings.Replace(good, "condition: s", "condition: 1 of x*", 1):                                                                                                               "no selection is named",
		strings.Replace(good, "condition: s", "timeframe: 5m", 1):                                                                                                                    "older Sigma",
		strings.Replace(good, "product: postern", "product: windows", 1):                                                                                                             "product postern",
		strings.Replace(good, "product: postern", "product: postern, service: mail", 1):                                                                                              "no service \"mail\"",
		strings.Replace(good, "product: postern", "product: postern, category: x", 1):                                                                                                "chooses nothing",
		correlation("value_avg", "  rules: seen\n  condition: {gte: 1, field: messages}\n"):                                                                                          "not evaluated",
		correlation("event_count", "  rules: seen\n  condition: {lt: 1}\n"):                                                                                                          "in which nothing happens",
		correlation("event_count", "  rules: seen\n  condition: {gte: 1, lte: 3}\n"):                                                                                                 "one comparison",
		correlation("event_count", "  rules: seen\n  condition: {gte: 1, field: account}\n"):                                                                                         "use value_count",
		correlation("event_count", "  rules: other\n  condition: {gte: 1}\n"):                                                                                                        "no rule named",
		correlation("event_count", "  rules: [seen, seen]\n  condition: {gte: 1}\n"):                                                                                                 "twice",
		correlation("event_count", "  rules: seen\n"):                                                                                                                                "needs a condition",
		correlation("value_count", "  rules: seen\n  condition: {gte: 1}\n"):                                                                                                         "needs a field",
		correlation("value_sum", "  rules: seen\n  condition: {gte: 1, field: account}\n"):                                                                                           "adds up numbers",
		correlation("value_percentile", "  rules: seen\n  condition: {gte: 1, field: messages}\n"):                                                                                   "percentile",
		correlation("temporal", "  rules: seen\n"):                                                                                                                                   "two rules or more",
		correlation("temporal", "  rules: [seen, came]\n  condition: {gte: 2}\n"):                                                                                                    "no condition",
		correlation("event_count", "  rules: seen\n  condition: {gte: 1}\n  window: tumbling\n"):                                                                                     "not evaluated",
		strings.Replace(correlation("event_count", "  rules: seen\n  condition: {gte: 1}\n"), "1m", "1y", 1):                                                                         "a timespan is",
		strings.Replace(correlation("event_count", "  rules: seen\n  condition: {gte: 1}\n"), "1m", "91d", 1):                                                                        "at most 90 days",
		strings.Replace(correlation("event_count", "  rules: seen\n  condition: {gte: 1}\n"), ": staff\n", ": messages\n", 1):                                                        "tell groups apart",
		correlation("event_count", "  rules: seen\n  condition: {gte: 1}\n") + "postern: {contain: nothing}\n":                                                                       "contain names",
		correlation("event_count", "  rules: seen\n  condition: {gte: 1}\n") + "postern: {subject: account}\n":                                                                       "not in group-by",
		correlation("event_count", "  rules: seen\n  condition: {gte: 1}\n") + "postern: {peers: {times: 2}}\n":                                                                      "need group-by",
		correlation("event_count", "  rules: seen\n  condition: {gte: 1}\n") + "---\n" + strings.TrimPrefix(correlation("event_count", "  rules: c\n  condition: {gte: 1}\n"), seen): "another rule",
		correlation("event_count", "  rules: seen\n  condition: {gte: 1}\n") + "---\n" + strings.Replace(strings.TrimPrefix(correlation("event_count", "  rules: c\n  condition: {gte: 1}\n"), seen), "name: c", "name: d", 1): "correlations of correlations",
	} {
		docs, err := sigma.Parse("test.yml", []byte(text))
		if err == nil {
			_, err = sigma.Compile(docs, schema, sigma.Options{Subject: "staff"})
		}
		var e *sigma.Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), want) || e.File != "test.yml" || e.Line < 1 {
			t.Errorf("%q\ngives %v, not %q", text, err, want)
		}
	}
}

const several = seen + `title: A
name: a
correlation: {type: value_count, rules: seen, group-by: staff, timespan: 20s, condition: {gte: 3, field: account}}
---
title: B
name: b
correlation: {type: temporal_ordered, rules: [came, seen], group-by: staff, timespan: 15s}
---
title: C
name: c
correlation: {type: value_sum, rules: seen, group-by: [staff, team], timespan: 10s, condition: {gt: 9, field: messages}}
postern: {peers: {group-by: team, percentile: 90, times: 1, at-least: 5}}
`

// TestRestart: an engine that is put away and taken up again anywhere in a
// stream fires as one that ran on.
func TestRestart(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		one, other := compile(t, several, sigma.Options{MaxEntries: 60}), compile(t, several, sigma.Options{MaxEntries: 60})
		at := int64(0)
		for i := range rapid.IntRange(1, 150).Draw(rt, "events") {
			at += rapid.Int64Range(-3, 6).Draw(rt, "gap")
			action := rapid.SampledFrom([]string{"shown feed=1", "shown feed=1", "sign-in feed=0"}).Draw(rt, "action")
			x := ev(at, fmt.Sprintf("action=%s staff=s%d team=t%d account=a%d messages=%d pos=%d", action, rapid.IntRange(0, 2).Draw(rt, "staff"),
				rapid.IntRange(0, 1).Draw(rt, "team"), rapid.IntRange(0, 4).Draw(rt, "account"), rapid.IntRange(0, 7).Draw(rt, "messages"), i))
			if rapid.IntRange(0, 9).Draw(rt, "restart") == 0 {
				b := other.Snapshot()
				other = compile(t, several, sigma.Options{MaxEntries: 60})
				if err := other.Restore(b); err != nil {
					rt.Fatal(err)
				}
			}
			if a, b := fired(one, x), fired(other, x); !slices.Equal(a, b) {
				rt.Fatalf("event %d fires %q, after a restart %q", i, a, b)
			}
		}
		if one.Entries() != other.Entries() || one.Dropped() != other.Dropped() {
			rt.Fatalf("%v and %v", one, other)
		}
	})
}

func TestSnapshotRefused(t *testing.T) {
	e := compile(t, several, sigma.Options{})
	for i := range int64(50) {
		fired(e, ev(i/10, fmt.Sprintf("action=shown staff=s%d team=t account=a%d messages=3 pos=%d", i%3, i, i)))
	}
	b := e.Snapshot()
	if err := compile(t, several+"---\n"+simple("action: x"), sigma.Options{}).Restore(b); !errors.Is(err, sigma.ErrOtherRules) {
		t.Errorf("other rules took it: %v", err)
	}
	for i := range b {
		if err := compile(t, several, sigma.Options{}).Restore(b[:i]); err == nil {
			t.Fatalf("the first %d bytes were taken for all of it", i)
		}
	}
}

func FuzzRestore(f *testing.F) {
	e := compile(f, several, sigma.Options{})
	for i := range int64(30) {
		fired(e, ev(i/10, fmt.Sprintf("action=shown staff=s%d team=t account=a%d messages=3 pos=%d", i%3, i, i)))
	}
	f.Add(e.Snapshot())
	f.Fuzz(func(t *testing.T, b []byte) {
		e := compile(t, several, sigma.Options{MaxEntries: 1000})
		if e.Restore(b) == nil {
			fired(e, ev(1, "action=shown staff=s1 team=t account=a messages=3"))
			if e.Entries() > 1001 {
				t.Errorf("%d held", e.Entries())
			}
		}
	})
}

func FuzzRules(f *testing.F) {
	f.Add(several)
	f.Add(simple("account|contains|all: [a, b]"))
	f.Add(correlation("value_percentile", "  rules: seen\n  condition: {gte: 5, field: messages, percentile: 50}\n"))
	f.Fuzz(func(t *testing.T, text string) {
		docs, err := sigma.Parse("fuzz.yml", []byte(text))
		var wrong *sigma.Error
		if err != nil {
			if !errors.As(err, &wrong) {
				t.Fatalf("%v names no line", err)
			}
			return
		}
		e, err := sigma.Compile(docs, schema, sigma.Options{Subject: "staff"})
		if err != nil {
			if !errors.As(err, &wrong) {
				t.Fatalf("%v names no line", err)
			}
			return
		}
		for i := range int64(20) {
			fired(e, ev(i, fmt.Sprintf("action=shown staff=s%d team=t account=a%d messages=3", i%3, i)))
		}
		if err := e.Restore(e.Snapshot()); err != nil {
			t.Fatal(err)
		}
	})
}

// TestRename: nothing of the old text is left, and what was counted still counts.
func TestRename(t *testing.T) {
	e := compile(t, several+"---\ntitle: D\nname: d\ncorrelation: {type: event_count, rules: seen, group-by: account, timespan: 1h, condition: {gte: 4}}\npostern: {subject: account}\n", sigma.Options{})
	fired(e, ev(1, "action=shown staff=noor team=t account=ana-s-number"), ev(2, "action=shown staff=noor team=t account=b"), ev(3, "action=shown staff=noor team=t account=ana-s-number"))
	e.Rename("ana-s-number", "somebody")
	if strings.Contains(string(e.Snapshot()), "ana-s-number") {
		t.Error("the old text is still there")
	}
	if got := fired(e, ev(4, "action=shown staff=noor team=t account=c")); !slices.Equal(got, []string{"a noor 3/3 @4"}) {
		t.Errorf("fired %q", got)
	}
	if got := fired(e, ev(5, "action=shown staff=paul team=t account=somebody"), ev(6, "action=shown staff=eve team=t account=somebody")); !slices.Equal(got, []string{"d somebody 4/4 @6"}) {
		t.Errorf("fired %q", got)
	}
}
