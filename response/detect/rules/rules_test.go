package rules_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/postern-mail/postern/response/detect/rules"
	"github.com/postern-mail/postern/response/sigma"
)

const (
	second = int64(1000)
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour
)

// stream is a row of events under construction.
type stream struct {
	at     int64
	n      int64
	events []*sigma.Event
}

func begin() *stream { return &stream{at: 1_800_000_000_000 / day * day} }

// then adds an event some time after the last: "shown account=a1 tier=3".
func (s *stream) then(after int64, words string) *stream {
	s.at += after
	s.n++
	e := &sigma.Event{At: s.at, Feed: rules.Gate, Position: s.n, Values: make([]sigma.Value, rules.Fields)}
	set := func(name, v string) {
		for i, f := range rules.Schema.Fields {
			switch {
			case f.Name != name:
			case f.Kind == sigma.Text:
				e.Values[i].S = v
			default:
				if _, err := fmt.Sscan(v, &e.Values[i].N); err != nil {
					panic(name + " " + v)
				}
			}
		}
	}
	set("staff", "noor")
	set("organisation", "provider")
	set("shift", "early")
	set("hours", "inside")
	set("credential", "c1")
	set("has_case", "1")
	set("case_worked", "1")
	for i, w := range strings.Fields(words) {
		k, v, ok := strings.Cut(w, "=")
		switch {
		case i == 0:
			set("action", w)
			if slices.Contains([]string{"sign-in", "sign-in-failed", "moved", "device-refused", "device-missing", "role-changed", "token-made"}, w) {
				e.Feed = rules.Staff
			}
		case !ok:
			panic(w)
		case k == "tier":
			set("tier_number", v)
			set("tier", map[string]string{"1": "account", "2": "trace", "3": "envelope", "4": "content", "5": "attachment"}[v])
		default:
			set(k, v)
		}
	}
	s.events = append(s.events, e)
	return s
}

// times adds events of the same kind; # stands for their number.
func (s *stream) times(n int, every int64, words string) *stream {
	for i := range n {
		s.then(every, strings.ReplaceAll(words, "#", fmt.Sprint(i)))
	}
	return s
}

const mail = "shown tier=4 messages=1 account=a#"

// signs are, for each rule, a stream that makes it fire and one that nearly does.
var signs = map[string]struct{ fires, nearly *stream }{
	"fan-out-hour": {begin().times(10, 6*minute-2*second, mail), begin().times(40, 7*minute, mail)},
	"fan-out-day":  {begin().times(40, 35*minute, mail), begin().times(60, 37*minute, mail)},
	"fan-out-week": {weeks(8).times(31, 3*hour, mail+" staff=slow"), weeks(30).times(31, 3*hour, mail+" staff=slow")},
	"peers-hour":   {hours(2).times(7, 5*minute, mail+" staff=far"), hours(5).times(9, 5*minute, mail+" staff=far")},
	"velocity":     {begin().times(5, 10*minute, "shown tier=3 messages=40 account=a"), begin().times(5, 20*minute, "shown tier=3 messages=40 account=a")},
	"attachments":  {begin().times(5, 4*hour, "shown tier=5 messages=1 account=a#"), begin().times(9, 4*hour, "shown tier=4 messages=1 account=a#")},
	"guarded":      {begin().times(3, 6*hour, "shown tier=4 guarded=1 account=a"), begin().times(3, 13*hour, "shown tier=4 guarded=1 account=a")},
	"new-network":  {begin().then(0, "sign-in network=n1 network_new=1"), begin().then(0, "sign-in network=n1").then(0, "sign-in-failed network=n2 network_new=1")},
	"new-network-shown": {begin().then(0, "shown tier=1 account=a session_network_new=1"),
		begin().then(0, "shown tier=1 account=a").then(0, "requested account=a session_network_new=1")},
	"new-network-mail": {begin().then(0, "shown tier=3 account=a session_network_new=1"),
		begin().then(0, "shown tier=2 account=a session_network_new=1").then(0, "shown tier=4 account=a")},
	"new-network-then-mass": {begin().then(0, "sign-in network_new=1").then(minute, "granted account=a").then(minute, "shown tier=3 messages=12 account=a"),
		begin().then(0, "granted account=a").then(minute, "sign-in network_new=1").then(minute, "shown tier=3 messages=12 account=a")},
	"shared-network":    {begin().times(3, hour, "sign-in staff=s# network=n1 network_new=1"), begin().times(5, hour, "sign-in staff=s# network=n# network_new=1")},
	"token-new-network": {begin().then(0, "sign-in token=1 network_new=1"), begin().then(0, "sign-in token=1").then(0, "sign-in network_new=1")},
	"stolen-cookie":     {begin().then(0, "device-refused"), begin().then(0, "device-missing")},
	"cookie-missing":    {begin().then(0, "device-missing"), begin().then(0, "device-refused")},
	"guessing":          {begin().times(10, 50*second, "sign-in-failed"), begin().times(30, 70*second, "sign-in-failed")},
	"spraying":          {begin().times(5, minute, "sign-in-failed staff=s# network=n1"), begin().times(8, minute, "sign-in-failed staff=s# network=n#")},
	"dormant":           {begin().then(0, "sign-in idle_days=45").then(hour, mail), begin().then(0, "sign-in idle_days=29").then(hour, mail)},
	"outside-hours":     {begin().then(0, "shown tier=3 account=a hours=outside"), begin().then(0, "shown tier=2 account=a hours=outside").then(0, "shown tier=3 account=a hours=none")},
	"unusual-hour":      {begin().times(3, 5*hour, mail+" hour_new=1"), begin().times(2, hour, mail+" hour_new=1").times(9, hour, mail)},
	"unusual-attempts":  {begin().times(3, hour, "refused hour_new=1 account=a#"), begin().times(9, hour, "refused account=a#").times(9, hour, "requested hour_new=1 account=a")},
	"honey":             {begin().then(0, "requested honey=1 account=h"), begin().then(0, "notice honey=1 account=h").then(0, "shown tier=3 account=a")},
	"colleague":         {begin().then(0, "shown tier=3 colleague=1 account=a"), begin().then(0, "shown tier=2 colleague=1 account=a")},
	"namesake":          {begin().then(0, "shown tier=3 namesake=1 account=a"), begin().then(0, "shown tier=1 namesake=1 account=a")},
	"vip":               {begin().then(0, "shown tier=4 vip=1 account=a"), begin().then(0, "granted tier=4 vip=1 account=a")},
	"no-case":           {begin().then(0, "shown tier=1 has_case=0 account=a"), begin().then(0, "shown tier=1 account=a")},
	"no-case-mail":      {begin().then(0, "shown tier=4 has_case=0 account=a"), begin().then(0, "shown tier=2 has_case=0 account=a")},
	"no-work":           {begin().times(8, 2*hour, mail+" case_worked=0"), begin().times(9, 2*hour, mail).times(7, 2*hour, mail+" case_worked=0")},
	"own-cases":         {begin().times(6, 3*hour, mail+" case_own=1"), begin().times(9, 5*hour, mail+" case_own=1")},
	"refusals":          {begin().times(5, 10*minute, "refused account=a"), begin().times(20, 16*minute, "refused account=a")},
	"asking-around":     {begin().times(12, 4*minute, "requested account=a#"), begin().times(30, 4*minute, "requested account=a")},
	"approver-hasty": {begin().times(5, 10*minute, "granted approver=ada answer_seconds=2"),
		begin().times(9, 10*minute, "granted approver=ada answer_seconds=30").times(9, minute, "granted answer_seconds=0")},
	"approver-pair": {begin().times(10, hour, "granted approver=ada"), begin().times(9, hour, "granted approver=ada").times(9, hour, "granted approver=eve")},
	"emergency":     {begin().then(0, "granted emergency=1"), begin().then(0, "requested emergency=1")},
	"lifted-then-shown": {begin().then(0, "lifted staff=rosa").then(hour, mail+" staff=rosa"),
		begin().then(0, "lifted staff=rosa").then(hour, mail+" staff=noor").then(day, mail+" staff=rosa")},
	"role-then-shown":        {begin().then(0, "role-changed").then(hour, mail), begin().then(0, "role-changed").then(7*hour, mail)},
	"new-network-then-token": {begin().then(0, "moved network_new=1").then(hour/2, "token-made"), begin().then(0, "token-made").then(0, "moved network_new=1")},
}

// weeks is ten weeks of a team whose members see so many accounts in each.
func weeks(accounts int) *stream {
	s := begin()
	for range 10 {
		for i := range 6 {
			for a := range accounts {
				s.then(7*day/int64(6*accounts), fmt.Sprintf("shown tier=3 account=p%da%d staff=peer%d", i, a, i))
			}
		}
	}
	return s
}

// hours is two hundred hours of a team.
func hours(accounts int) *stream {
	s := begin()
	for range 60 {
		s.at = (s.at/hour + 1) * hour
		for i := range 5 {
			for a := range accounts {
				s.then(second, fmt.Sprintf("shown tier=3 account=p%da%d staff=peer%d", i, a, i))
			}
		}
		s.at += hour
	}
	s.at = (s.at/hour + 1) * hour
	return s
}

func TestBothSigns(t *testing.T) {
	for _, r := range compile(t).Rules() {
		s, ok := signs[r.Name]
		if !ok {
			t.Errorf("%s has no test of both signs", r.Name)
			continue
		}
		fired := func(events []*sigma.Event) (n int) {
			e := compile(t)
			for _, x := range events {
				e.Observe(x, func(m sigma.Match) {
					if m.Rule.Name == r.Name {
						n++
					}
				})
			}
			return n
		}
		if fired(s.fires.events) == 0 {
			t.Errorf("%s does not fire", r.Name)
		}
		if n := fired(s.nearly.events); n != 0 {
			t.Errorf("%s fires %d times where it nearly should", r.Name, n)
		}
	}
	if n := len(compile(t).Rules()); n != len(signs) {
		t.Errorf("%d rules, and signs of %d", n, len(signs))
	}
}

// TestManual: docs/detection.md names each rule and each field.
func TestManual(t *testing.T) {
	text, err := os.ReadFile("../../../docs/detection.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range compile(t).Rules() {
		if !strings.Contains(string(text), "| `"+r.Name+"` |") {
			t.Errorf("docs/detection.md does not name the rule %s", r.Name)
		}
		if r.Title == "" || r.Description == "" || len(r.Tags) == 0 {
			t.Errorf("%s does not say what it is", r.Name)
		}
	}
	for _, f := range rules.Schema.Fields {
		if !strings.Contains(string(text), "| `"+f.Name+"` |") {
			t.Errorf("docs/detection.md does not name the field %s", f.Name)
		}
	}
}

// BenchmarkPack is the whole pack over a desk's day: the bar is 200,000 events a
// second.
func BenchmarkPack(b *testing.B) {
	e := compile(b)
	s := begin()
	for i := range 400_000 {
		agent := i / 7 * 7919 % 400
		words := fmt.Sprintf("shown tier=%d messages=%d account=a%d staff=s%d organisation=o%d network=n%d", 1+i%4, i%5, i*31%100_000, agent, agent%4, agent%40)
		switch i % 10 {
		case 0:
			words = fmt.Sprintf("sign-in staff=s%d network=n%d", agent, agent%40)
		case 1:
			words = fmt.Sprintf("requested account=a%d staff=s%d", i*31%100_000, agent)
		case 2:
			words = fmt.Sprintf("granted account=a%d staff=s%d", i*31%100_000, agent)
		}
		s.then(7000, words)
	}
	b.ReportAllocs()
	b.ResetTimer()
	matches := 0
	for i := range b.N {
		x := *s.events[i%len(s.events)]
		x.At += int64(i/len(s.events)) * 2 * day
		x.Position += int64(i / len(s.events) * len(s.events))
		e.Observe(&x, func(sigma.Match) { matches++ })
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(matches), "matches")
}

func compile(t testing.TB) *sigma.Engine {
	t.Helper()
	docs, err := rules.Pack()
	if err != nil {
		t.Fatal(err)
	}
	e, err := sigma.Compile(docs, rules.Schema, sigma.Options{Subject: "staff"})
	if err != nil {
		t.Fatal(err)
	}
	return e
}
