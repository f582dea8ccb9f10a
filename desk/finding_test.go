package desk

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern-mail/postern"
)

var noon = time.Date(2026, 5, 14, 12, 0, 0, 0, time.UTC)

// tries makes n attempts, the last of them so long ago.
func tries(n int, ago time.Duration, protocol, network, result string) (all []postern.SignIn) {
	for i := range n {
		all = append(all, postern.SignIn{At: noon.Add(-ago - time.Duration(i)*time.Minute), Protocol: protocol, Network: network, Result: result})
	}
	return all
}

func TestFindings(t *testing.T) {
	const home, cafe = "203.0.113.0/24", "198.51.100.0/24"
	fine := tries(1, time.Hour, "web", home, "ok")
	for name, one := range map[string]struct {
		account postern.ShownAccount
		want    string
	}{
		"nothing":               {postern.ShownAccount{Status: "active", QuotaBytes: 100, UsedBytes: 94, SignIns: fine}, "good nothing"},
		"a new account":         {postern.ShownAccount{Status: "active"}, "good nothing"},
		"95 %":                  {postern.ShownAccount{QuotaBytes: 100, UsedBytes: 95, SignIns: fine}, "warning quota-high 95"},
		"full":                  {postern.ShownAccount{QuotaBytes: 100, UsedBytes: 100, SignIns: fine}, "problem quota-full 100"},
		"over":                  {postern.ShownAccount{QuotaBytes: 100, UsedBytes: 130, SignIns: fine}, "problem quota-full 130"},
		"frozen and forwarding": {postern.ShownAccount{Status: "frozen", Forwarding: true, SignIns: fine}, "problem frozen, warning forwarding"},
		"queued":                {postern.ShownAccount{Queued: 4, SignIns: fine}, "note queued 4"},
		"an old password saved": {postern.ShownAccount{SignIns: append(tries(5, time.Minute, "imap", home, "wrong-password"), fine...)}, "warning saved-password imap"},
		"a forgotten password":  {postern.ShownAccount{SignIns: append(tries(4, time.Minute, "web", home, "wrong-password"), fine...)}, "warning sign-in-failing 4"},
		"remembered after all":  {postern.ShownAccount{SignIns: append(tries(4, 2*time.Hour, "web", home, "wrong-password"), fine...)}, "good nothing"},
		"two slips":             {postern.ShownAccount{SignIns: append(tries(2, time.Minute, "web", home, "wrong-password"), fine...)}, "good nothing"},
		"one stranger":          {postern.ShownAccount{SignIns: append(tries(6, time.Minute, "web", cafe, "wrong-password"), fine...)}, "warning sign-in-failing 6"},
		"a stranger long ago":   {postern.ShownAccount{SignIns: append(tries(6, 8*24*time.Hour, "web", cafe, "wrong-password"), fine...)}, "good nothing"},
		"strangers":             {postern.ShownAccount{SignIns: slices.Concat(fine, tries(6, time.Minute, "web", cafe, "wrong-password"), tries(1, time.Minute, "web", "192.0.2.0/24", "wrong-password"), tries(1, time.Minute, "imap", "100.64.1.0/24", "wrong-password"))}, "problem guessing 8"},
		"nobody has been here":  {postern.ShownAccount{SignIns: tries(1, 31*24*time.Hour, "web", home, "ok")}, "note no-sign-in"},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, f := range findings(one.account, noon) {
				words := fmt.Sprintf("%s %s", f.Severity, strings.TrimPrefix(f.Key, "desk.finding."))
				if len(f.Args) > 0 {
					words += fmt.Sprintf(" %v", f.Args[0])
				}
				got = append(got, words)
			}
			if s := strings.Join(got, ", "); s != one.want {
				t.Errorf("found %q, want %q", s, one.want)
			}
		})
	}
}

func TestTraceQuery(t *testing.T) {
	for typed, want := range map[string]string{
		"ana@bank.example": "from:ana@bank.example", "bank.example": "from:bank.example", " from:bank.example ": "from:bank.example",
		"FROM: bank.example": "from:bank.example", "<x@y>": "id:<x@y>", "id:x@y": "id:<x@y>", "id:<x@y>": "id:<x@y>",
		"word": "", "from:": "", "": "", "a b@c": "", "x\x00@y": "", "to:ana@x.example": "to:ana@x.example", "cc:ana@x.example": "",
	} {
		got, err := traceQuery(typed)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q is read as %q, %v; want %q", typed, got, err, want)
		}
	}
}

func FuzzTraceQuery(f *testing.F) {
	for _, s := range []string{"ana@bank.example", "<x@y>", "id:x@y", "from:"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		got, err := traceQuery(typed)
		if err != nil {
			return
		}
		again, err := traceQuery(got)
		if err != nil || again != got {
			t.Fatalf("%q is read as %q, and that as %q, %v", typed, got, again, err)
		}
	})
}

func TestOutcomes(t *testing.T) {
	events := func(names ...string) (all []postern.TraceEvent) {
		for _, n := range names {
			all = append(all, postern.TraceEvent{Event: n})
		}
		return all
	}
	for name, one := range map[string]struct {
		events []postern.TraceEvent
		want   []string
	}{
		"nothing":      {nil, []string{FoundNoTrace}},
		"arrived":      {events("accepted", "delivered"), []string{FoundDelivered}},
		"on its way":   {events("queued", "queued", "sent"), []string{FoundDelivered, FoundUnderWay}},
		"came back":    {events("queued", "bounced"), []string{FoundBounced}},
		"the worst":    {events("delivered", "refused", "junked"), []string{FoundTurned, FoundJunked, FoundDelivered}},
		"only at hand": {events("accepted"), []string{FoundNoTrace}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, f := range outcomes(one.events) {
				got = append(got, f.Key)
			}
			if !slices.Equal(got, one.want) {
				t.Errorf("found %q, want %q", got, one.want)
			}
		})
	}
}
