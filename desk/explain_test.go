package desk

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern-mail/postern"
)

func TestExplain(t *testing.T) {
	for name, one := range map[string]struct {
		event postern.TraceEvent
		want  string
	}{
		"all proved":            {postern.TraceEvent{Event: "delivered", Verdicts: "spf=pass dkim=pass dmarc=pass"}, "verdict.spf-pass verdict.dkim-pass verdict.dmarc-pass"},
		"junk, and why":         {postern.TraceEvent{Event: "junked", Verdicts: "spf=fail dkim=none dmarc=fail junk=reject"}, "verdict.spf-fail verdict.dkim-none verdict.dmarc-fail verdict.junk-reject"},
		"a rule's":              {postern.TraceEvent{Event: "delivered", Verdicts: "rule=trash forward=sent"}, "verdict.rule-trash verdict.forward-sent"},
		"words nobody knows":    {postern.TraceEvent{Event: "delivered", Verdicts: "spf=maybe color=blue x"}, ""},
		"no such user":          {postern.TraceEvent{Event: "bounced", Detail: "mx.bank.example 550 5.1.1 no such user"}, "status.1.1 status.class-5"},
		"tried again":           {postern.TraceEvent{Event: "deferred", Detail: "451 4.4.1 no server of the domain answered"}, "status.4.1 status.class-4"},
		"a code without words":  {postern.TraceEvent{Event: "bounced", Detail: "550 5.9.9 what"}, "status.other status.class-5"},
		"a bare code":           {postern.TraceEvent{Event: "bounced", Detail: "mx 554 no"}, "status.other status.class-5"},
		"an address is no code": {postern.TraceEvent{Event: "refused", Detail: "5.1.2.3 said nothing"}, ""},
		"no code":               {postern.TraceEvent{Event: "bounced", Detail: "lost"}, ""},
		"a delivery has none":   {postern.TraceEvent{Event: "sent", Detail: "mx 250 2.0.0 fine"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, f := range Explain(one.event) {
				got = append(got, strings.TrimPrefix(f.Key, "desk."))
			}
			if s := strings.Join(got, " "); s != one.want {
				t.Errorf("explained as %q, want %q", s, one.want)
			}
		})
	}
	if n := len(statusWords); n < 25 {
		t.Errorf("%d status codes have words", n)
	}
}

func TestParseTrace(t *testing.T) {
	now := time.Date(2026, 5, 14, 15, 0, 0, 0, time.UTC)
	const day = "2006-01-02T15"
	for typed, want := range map[string]string{
		"bank.example":                                   "from:bank.example - -",
		"Bank.example this morning":                      "from:Bank.example 2026-05-14T00 2026-05-14T12",
		"bank.example ce matin":                          "from:bank.example 2026-05-14T00 2026-05-14T12",
		"yesterday":                                      ": 2026-05-13T00 2026-05-14T00",
		"aujourd’hui":                                    ": 2026-05-14T00 2026-05-15T00",
		"to:bo@msn.example since:2026-05-01":             "to:bo@msn.example 2026-05-01T00 -",
		"since:2026-05-13 until:2026-05-14":              ": 2026-05-13T00 2026-05-15T00",
		"since:2026-05-13":                               ": 2026-05-13T00 2026-05-14T15",
		"<x@y> today":                                    "id:<x@y> 2026-05-14T00 2026-05-15T00",
		"since:2026-04-01 until:2026-05-14":              "desk.invalid.trace-long",
		"since:soon":                                     "desk.invalid.date",
		"bank.example since:2026-05-14 until:2026-05-01": "desk.invalid.trace-time",
		"until:2026-05-14":                               "desk.invalid.trace",
		"":                                               "desk.invalid.trace",
		"bank.example other.example":                     "desk.invalid.trace",
		"from:bank.example since:2026-05-14 since:whenever": "desk.invalid.date",
	} {
		t.Run(typed, func(t *testing.T) {
			n, err := parseTrace(typed, now, time.UTC)
			at := func(t time.Time) string {
				if t.IsZero() {
					return "-"
				}
				return t.Format(day)
			}
			got := n.kind + ":" + n.name + " " + at(n.since) + " " + at(n.until)
			if err != nil {
				got = postern.KeyOf(err)
			}
			if got != want {
				t.Errorf("%q is read as %s, want %s", typed, got, want)
			}
		})
	}
}

// What the customer did not name is neither kept nor shown.
func TestATraceShowsWhatWasNamed(t *testing.T) {
	at := time.Date(2026, 5, 14, 10, 0, 0, 0, time.UTC)
	out := postern.TraceEvent{At: at, Event: "bounced", Sender: "ana@outlook.example", Detail: "to=bo@msn.example to=ex@lover.example mx.msn.example 550 5.1.1 no"}
	door := postern.TraceEvent{At: at, Event: "refused", Sender: "ex@lover.example", Detail: "550 5.7.1 no"}
	kept := func(n named, all ...postern.TraceEvent) (list []string) {
		for _, e := range all {
			if n.keeps(e) {
				e = n.mask(e)
				list = append(list, e.Sender+" "+e.Detail)
			}
		}
		return list
	}
	for name, one := range map[string]struct {
		named named
		want  []string
	}{
		"a recipient":    {named{kind: "to", name: "bo@msn.example"}, []string{"ana@outlook.example mx.msn.example 550 5.1.1 no"}},
		"their domain":   {named{kind: "to", name: "msn.example"}, []string{"ana@outlook.example mx.msn.example 550 5.1.1 no"}},
		"another":        {named{kind: "to", name: "carl@msn.example"}, nil},
		"a sender":       {named{kind: "from", name: "lover.example"}, []string{"ex@lover.example 550 5.7.1 no"}},
		"a Message-ID":   {named{kind: "id", name: "<x@y>"}, nil},
		"a time alone":   {named{since: at.Add(-time.Hour), until: at.Add(time.Hour)}, []string{"•••@outlook.example mx.msn.example 550 5.1.1 no", "•••@lover.example 550 5.7.1 no"}},
		"another time":   {named{since: at.Add(time.Hour), until: at.Add(2 * time.Hour)}, nil},
		"a sender later": {named{kind: "from", name: "lover.example", since: at.Add(time.Minute)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if got := kept(one.named, out, door); !slices.Equal(got, one.want) {
				t.Errorf("shows %q, want %q", got, one.want)
			}
		})
	}
}

func FuzzParseTrace(f *testing.F) {
	for _, s := range []string{"bank.example this morning", "<x@y> since:2026-05-14", "to:a@b.c until:2026-05-14", "hier", "İ@b.c hier"} {
		f.Add(s)
	}
	now := time.Date(2026, 5, 14, 15, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, typed string) {
		n, err := parseTrace(typed, now, time.UTC)
		if err != nil {
			return
		}
		if n.kind == "" && n.until.Sub(n.since) > aloneMost || n.kind != "" && n.name == "" || n.scope().Query == "" {
			t.Fatalf("%q is read as %+v", typed, n)
		}
	})
}

func TestGroupSignIns(t *testing.T) {
	all := slices.Concat(tries(2, time.Minute, "imap", "a", "wrong-password"), tries(1, time.Hour, "web", "a", "ok"), tries(1, 2*time.Hour, "imap", "a", "ok"))
	got := GroupSignIns(all)
	if len(got) != 2 || got[0] != (SignInGroup{"a", "imap", 1, 2, all[0].At, "wrong-password"}) || got[1].OK != 1 {
		t.Errorf("grouped as %+v", got)
	}
}
